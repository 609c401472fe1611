"""Figures as SVG text whose colors are the page's CSS variables, so that they are dark where it is."""

from __future__ import annotations

import hashlib
import io
import re
import warnings
from collections.abc import Callable
from typing import Any

from maskedface.extras import from_extra

# Drawn in these colors, which nothing else has, and replaced by what CSS calls them.
INK, LINE, PAPER = "#010101", "#010102", "#010103"
SERIES = tuple(f"#0101{number:02x}" for number in range(16, 22))
_VARIABLES = {INK: "--ink", LINE: "--line", PAPER: "--paper"} | {
    color: f"--series-{number}" for number, color in enumerate(SERIES)
}
_STYLE: Any = {
    "font.size": 11,
    "svg.fonttype": "none",  # text stays text: small, selectable, in the page's own font
    "svg.hashsalt": "maskedface",  # the same figure gives the same text
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": LINE,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.7,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "legend.frameon": False,
    "legend.fontsize": 10,
    "lines.linewidth": 1.8,
}


def draw_svg(draw: Callable[..., None], *what: Any) -> str:
    """Draws one figure, 5 x 3.3 inches with text of 11 points.

    Args:
        draw: called with matplotlib's axes and `what`; takes its colors from this module, and may give
            the axes' figure another size.
        what: what it draws.

    Returns:
        An `<svg>` element without a size of its own; it fills its frame's width.

    Raises:
        ModuleNotFoundError: if matplotlib is not installed; the message has the pip line.
    """
    with from_extra("report", "matplotlib"):
        import matplotlib
        from matplotlib.figure import Figure
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(5.0, 3.3), layout="constrained")
        figure.patch.set_visible(False)
        draw(figure.add_subplot(), *what)
        text = io.StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        with warnings.catch_warnings():
            # Of names that the font with which matplotlib measures lacks; the page's own shows them.
            warnings.filterwarnings("ignore", "Glyph .* missing from")
            figure.savefig(text, format="svg", metadata=nothing)
    return _themed(text.getvalue())


def _themed(svg: str) -> str:
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    # Its size is the frame's; the ids of one figure must not meet those of another on the page.
    name = f"f{hashlib.blake2b(svg.encode(), digest_size=6).hexdigest()}"
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'( id="|url\(#|href="#)', rf"\g<1>{name}-", svg)
    # The page's own font; matplotlib names the one it measured with.
    svg = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", svg)
    for color, variable in _VARIABLES.items():
        svg = svg.replace(color, f"var({variable})")
    return svg.strip()
