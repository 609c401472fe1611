"""The library's data sets for TensorFlow Datasets: `tfds.load("masked_faces/rmfrd")` after importing this.

Not imported by `maskedface.datasets`: it needs tensorflow-datasets, which takes a second to load.
"""

from __future__ import annotations

# TFDS knows a builder by name once its class is there.
import maskedface.datasets.masked_faces.masked_faces_dataset_builder  # noqa: F401
from maskedface.datasets.masked_faces.options import MaskedFacesConfig, config

__all__ = ["MaskedFacesConfig", "config"]
