"""The library's data sets for TensorFlow Datasets: `tfds.load("masked_faces/rmfrd")` after importing this.

Not imported by `maskedface.datasets`: it needs tensorflow-datasets, which takes a second to load.
"""

from __future__ import annotations

from maskedface.datasets.masked_faces.masked_faces_dataset_builder import Builder
from maskedface.datasets.masked_faces.options import MaskedFacesConfig, config

__all__ = ["Builder", "MaskedFacesConfig", "config"]
