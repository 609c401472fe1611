"""Masks drawn on faces."""

from __future__ import annotations

from maskedface.masking.bank import MaskBank, mask_area
from maskedface.masking.enrolling import masked_templates
from maskedface.masking.estimate import SEEMS_MASKED, masked_probability
from maskedface.masking.image_styles import style_from_picture
from maskedface.masking.masked_photos import mask_photo
from maskedface.masking.styles import STYLES, MaskStyle

__all__ = [
    "SEEMS_MASKED",
    "STYLES",
    "MaskBank",
    "MaskStyle",
    "mask_area",
    "mask_photo",
    "masked_probability",
    "masked_templates",
    "style_from_picture",
]
