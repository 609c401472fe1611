"""Models as files that run without this library: SavedModel, ONNX, LiteRT."""

from maskedface.exporting.exported import FORMATS, Agreement, Exported, export
from maskedface.exporting.loading import Predictor, load
from maskedface.exporting.timing import time_models

__all__ = ["FORMATS", "Agreement", "Exported", "Predictor", "export", "load", "time_models"]
