"""Backbones, heads and what of them learns.

A name is imported when it is first used, so `models.PRESETS` needs no Keras. A `.keras` file that holds
a layer of ours is opened by Keras where both were imported: `import keras, maskedface.models`.
"""

import sys

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

if "keras" in sys.modules:
    # Registers their layers.
    from maskedface.models import alignment, embedding, heads, views  # noqa: F401
