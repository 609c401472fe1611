"""The built-in styles by name."""

from __future__ import annotations

from maskedface.masking.occlusions import OCCLUSIONS
from maskedface.masking.styles import LOOSE_STYLES, STYLES, Style

_ALL: tuple[Style, ...] = (*STYLES, *LOOSE_STYLES, *OCCLUSIONS)
NAMED = {style.name: style for style in _ALL}


def named_style(name: str) -> Style:
    """A built-in style.

    Args:
        name: str, the name of one of `STYLES`, `LOOSE_STYLES` or `OCCLUSIONS`.

    Returns:
        The style.

    Raises:
        ValueError: if there is none of this name.
    """
    if name not in NAMED:
        raise ValueError(f"styles must be among {sorted(NAMED)}. Received: {name!r}")
    return NAMED[name]
