"""Searches over a recipe's fields by Keras Tuner."""

from maskedface.tuning import spaces
from maskedface.tuning.hypermodel import OBJECTIVE, FaceHyperModel
from maskedface.tuning.importance import importance
from maskedface.tuning.picture import draw_search
from maskedface.tuning.result import Record, Search, SearchError
from maskedface.tuning.search import search, validation_split
from maskedface.tuning.space import Space

__all__ = [
    "OBJECTIVE",
    "FaceHyperModel",
    "Record",
    "Search",
    "SearchError",
    "Space",
    "draw_search",
    "importance",
    "search",
    "spaces",
    "validation_split",
]
