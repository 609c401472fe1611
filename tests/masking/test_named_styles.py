from __future__ import annotations

import pytest

from maskedface.masking import OCCLUSIONS
from maskedface.masking.named_styles import EVERY_STYLE, style_named


def test_every_style_is_found_by_a_name_of_its_own() -> None:
    assert [style_named(style.name) for style in EVERY_STYLE] == list(EVERY_STYLE)


def test_a_name_that_is_not_among_them_is_refused() -> None:
    with pytest.raises(ValueError, match="Received: 'scraf'; did you mean scarf"):
        style_named("scraf")
    with pytest.raises(ValueError, match="styles must be among .*beanie.*. Received: 'scarf'"):
        style_named("scarf", OCCLUSIONS)
