"""Data sets for TensorFlow Datasets: import this module, then `tfds.load("masked_faces/rmfrd")`.

Not imported by `maskedface.datasets`, because it needs tensorflow-datasets, which is slow to load.
"""

from __future__ import annotations

# TFDS knows a builder by name once its class is there.
import maskedface.datasets.masked_faces.masked_faces_dataset_builder  # noqa: F401
from maskedface.datasets.masked_faces.options import MaskedFacesConfig, config

__all__ = ["MaskedFacesConfig", "config"]
