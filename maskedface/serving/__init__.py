"""A recognizer over HTTP: identify, verify, embed and enroll, and a page to use from a browser."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
