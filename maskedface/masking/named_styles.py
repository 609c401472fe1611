"""The built-in styles, found by name."""

from __future__ import annotations

from collections.abc import Iterable

from maskedface.masking.occlusions import OCCLUSIONS
from maskedface.masking.styles import LOOSE_STYLES, STYLES, Style
from maskedface.names import did_you_mean

EVERY_STYLE: tuple[Style, ...] = (*STYLES, *LOOSE_STYLES, *OCCLUSIONS)


def style_named(name: str, among: Iterable[Style] = EVERY_STYLE) -> Style:
    """The style of a name.

    Args:
        name: str.
        among: the styles to choose from.

    Raises:
        ValueError: if none has this name.
    """
    styles = {style.name: style for style in among}
    if name not in styles:
        raise ValueError(
            f"styles must be among {sorted(styles)}. Received: {name!r}{did_you_mean(name, styles)}"
        )
    return styles[name]
