"""Unsorted photographs: faces of unknown people grouped into people, folders and a page of them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
