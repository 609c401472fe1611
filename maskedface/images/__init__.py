"""Image files: which are read, how they are decoded, many at a time."""

from maskedface.images.reading import ImageError, read_image

__all__ = ["ImageError", "read_image"]
