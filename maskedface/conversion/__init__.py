"""Weights from files that other programs wrote."""

from maskedface.conversion.assigning import assign
from maskedface.conversion.probe import drawn_face
from maskedface.conversion.readers import read, read_dlib, read_h5, read_pickle, read_torch

__all__ = [
    "assign",
    "drawn_face",
    "read",
    "read_dlib",
    "read_h5",
    "read_pickle",
    "read_torch",
]
