"""Image files: which are read, how they are decoded, many at a time."""

from maskedface.images.reading import ImageError, open_image, read_image

__all__ = ["ImageError", "open_image", "read_image"]
