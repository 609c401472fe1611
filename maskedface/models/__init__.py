"""Backbones, heads and what of them learns.

A name is imported when it is first used, so `models.PRESETS` needs no Keras. Keras opens a `.keras` file
that holds a layer of ours where both were imported (`import keras, maskedface.models`), or any name here
but the presets' was used before.
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
    """Makes our layers known to Keras, once that is there."""
    if "keras" in sys.modules:
        for module in ("alignment", "embedding", "heads", "views"):
            importlib.import_module(f"{__name__}.{module}")


_register_layers()
