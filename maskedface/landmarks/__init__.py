"""Where faces are on an image, and their five points: detectors, the aligner, a whole index at once."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
