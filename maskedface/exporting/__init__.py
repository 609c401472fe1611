"""Exports models to files that run without this library: SavedModel, ONNX, LiteRT."""

from maskedface.exporting.exported import Exported, export
from maskedface.exporting.loading import Predictor, load

__all__ = ["Exported", "Predictor", "export", "load"]
