"""Folders of faces: listed, audited, split, and read into arrays or a `tf.data` pipeline."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
