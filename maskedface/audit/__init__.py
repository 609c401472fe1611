"""Data set audit: unreadable files, duplicates, images that are probably in the wrong folder."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
