"""Figures of merit with their intervals; NumPy arrays in, plain values out."""

from maskedface.evaluation.bootstrap import interval, paired_difference
from maskedface.evaluation.classification import classification_report, confusion
from maskedface.evaluation.paper_rows import PAPER_ROWS

__all__ = [
    "PAPER_ROWS",
    "classification_report",
    "confusion",
    "interval",
    "paired_difference",
]
