"""Backbones, heads and layer freezing.

Names are imported lazily, so `models.PRESETS` does not load Keras. Keras can open a `.keras` file
with layers of this library once both are imported (`import keras, maskedface.models`), or once any
name of this module except those of the presets was used.
"""

import importlib
import sys

import lazy_loader

_attribute, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> object:
    value = _attribute(name)
    _register_layers()
    return value


def _register_layers() -> None:
    """Registers this library's layers with Keras, once it is imported."""
    if "keras" in sys.modules:
        for module in ("alignment", "embedding", "heads", "views"):
            importlib.import_module(f"{__name__}.{module}")


_register_layers()
