"""Finished runs beside each other: their faces' hits, and one HTML page with everything about them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
