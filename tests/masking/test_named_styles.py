from __future__ import annotations

import pytest

from maskedface.masking import LOOSE_STYLES, OCCLUSIONS, STYLES
from maskedface.masking.named_styles import NAMED, named_style


def test_every_built_in_style_is_found_by_its_own_name() -> None:
    every = (*STYLES, *LOOSE_STYLES, *OCCLUSIONS)
    assert len(NAMED) == len(every)  # no name twice
    assert all(named_style(style.name) is style for style in every)


def test_an_unknown_name_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="styles must be among .*scarf.* Received: 'scraf'"):
        named_style("scraf")
