"""A recognition service over HTTP: identify, verify, embed and enroll, with a web page."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
