"""Finished runs beside each other: their faces' hits, and one HTML page with everything about them."""

from maskedface.reporting.attention import masked_with_others
from maskedface.reporting.groups import RunGroup, find_groups, per_face
from maskedface.reporting.page import write_report

__all__ = ["RunGroup", "find_groups", "masked_with_others", "per_face", "write_report"]
