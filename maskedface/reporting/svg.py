"""Figures as SVG with the page's CSS variables as colors, so that they follow its dark mode."""

from __future__ import annotations

import hashlib
import io
import re
import warnings
from collections.abc import Callable
from typing import Any

from maskedface.extras import from_extra

# Unique placeholder colors, which are replaced with CSS variables.
INK, LINE, PAPER = "#010101", "#010102", "#010103"
SERIES = tuple(f"#0101{number:02x}" for number in range(16, 22))
_VARIABLES = {INK: "--ink", LINE: "--line", PAPER: "--paper"} | {
    color: f"--series-{number}" for number, color in enumerate(SERIES)
}
_STYLE: Any = {
    "font.size": 11,
    "svg.fonttype": "none",  # keeps text as text: small, selectable, in the page's font
    "svg.hashsalt": "maskedface",  # makes the output reproducible
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
        draw: a function called with matplotlib axes and `what`; it uses this module's colors, and
            may change the figure's size.
        what: arguments for `draw`.

    Returns:
        An `<svg>` element without a size, which fills the width of its container.

    Raises:
        ModuleNotFoundError: if matplotlib is not installed; the message has the pip command.
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
    # No fixed size; ids are made unique, as several figures are on one page.
    name = f"f{hashlib.blake2b(svg.encode(), digest_size=6).hexdigest()}"
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'( id="|url\(#|href="#)', rf"\g<1>{name}-", svg)
    # The page's font, instead of the one matplotlib measured with.
    svg = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", svg)
    for color, variable in _VARIABLES.items():
        svg = svg.replace(color, f"var({variable})")
    return svg.strip()
