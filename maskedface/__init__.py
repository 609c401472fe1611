"""Recognize people who wear masks.

Sub-packages are imported when first used, so `import maskedface` loads neither TensorFlow nor Keras:

>>> import maskedface
>>> maskedface.datasets.rmfrd  # doctest: +ELLIPSIS
<function rmfrd at ...>
"""

from __future__ import annotations

import importlib
import os
from types import ModuleType

# TensorFlow switches oneDNN's convolutions on by itself on newer processors alone; a training step is
# faster with them on others too (`tools/benchmark.py onednn`). It reads this when it is imported.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

__version__ = "0.1.0"

_PARTS = (
    "audit",
    "conversion",
    "datasets",
    "evaluation",
    "exporting",
    "geometry",
    "images",
    "landmarks",
    "layers",
    "losses",
    "masking",
    "metrics",
    "models",
    "recipes",
    "recognition",
    "reporting",
    "synthetic",
    "training",
    "tuning",
)

__all__ = ["__version__", *_PARTS]


def __getattr__(name: str) -> ModuleType:
    if name in _PARTS:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
