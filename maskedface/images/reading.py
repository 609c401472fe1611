"""Reads image files into arrays: format by content, upright, RGB, with a size limit."""

from __future__ import annotations

import io
import math
import os
import stat
import warnings
from collections.abc import Callable
from typing import Literal

import cv2
import numpy as np
import simplejpeg
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.PpmImagePlugin import PpmImageFile
from PIL.TiffImagePlugin import TiffImageFile

from maskedface.images.formats import opener_of

# Pillow's own warning level (Image.MAX_IMAGE_PIXELS: a quarter of a GiB of RGB), here a refusal.
MAX_PIXELS = 89_478_485

# A file with more bytes is not read: four channels of 16 bits of so many pixels take 0.7 GiB at most.
MAX_BYTES = 2**30

# Gray levels that some pixel of an image of more than 8 bits must reach, a quarter of the range. Where
# none does, 12 bits or 8 lie in 16, or the photograph is nearly black: nothing in the file tells which.
_DIMMEST = 64

# A JPEG's first bytes, and the marker of its segments of EXIF and XMP, which may turn it (APP1; ITU T.81,
# table B.1). In the compressed pixels these two bytes never stand together.
_JPEG_START, _APP1 = b"\xff\xd8\xff", b"\xff\xe1"


class ImageError(ValueError):
    """An image file that cannot be read: not an image, truncated, damaged, over the size limit, or
    with an unknown range of values.

    >>> from maskedface import images
    >>> try:
    ...     images.read_image(b"no image")
    ... except images.ImageError as error:
    ...     print(error.reason)
    not an image by its content

    Attributes:
        reason: str, a short form of the message, without the file's name.
    """

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason or message


def open_image(
    file: str | os.PathLike[str] | bytes, *, max_pixels: int = MAX_PIXELS, name: str = ""
) -> Image.Image:
    """Opens an image and reads only its header, checking the size before anything is decoded.

    Args:
        file: a path, or the file's bytes.
        max_pixels: int, width * height above which the image is rejected.
        name: str, the name used in error messages for a file passed as bytes.

    Returns:
        A PIL image, not yet decoded.

    Raises:
        ImageError: if the content is not an image or has more than `max_pixels` pixels, or the path
            is a folder or a pipe.
        OSError: if the file cannot be read.
    """
    data, name = _bytes_of(file, name)
    too_large = f"more than {max_pixels:,} pixels, not decoded"
    if not data:
        raise ImageError(f"file must be an image: {name!r} is empty", "empty file")
    try:
        with warnings.catch_warnings():
            # Our own limit, checked below, speaks for all sizes that Pillow only warns about.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = opener_of(data)(io.BytesIO(data))
    except Image.DecompressionBombError as error:
        raise ImageError(
            f"image must have at most {max_pixels} pixels: {name!r}", too_large
        ) from error
    except ModuleNotFoundError as error:
        raise ImageError(f"file must be readable: {name!r} ({error})", str(error)) from error
    except Exception as error:  # Pillow's plug-ins raise many kinds on damaged headers
        known = not isinstance(error, UnidentifiedImageError)
        reason = f"cut or damaged: {error}" if known else "not an image by its content"
        raise ImageError(f"file must be an image: {name!r} ({error})", reason) from error
    if image.width * image.height > max_pixels:
        raise ImageError(
            f"image must have at most {max_pixels} pixels: {name!r} has "
            f"{image.width} x {image.height}",
            too_large,
        )
    return image


def _bytes_of(file: str | os.PathLike[str] | bytes, name: str) -> tuple[bytes, str]:
    if isinstance(file, bytes):
        return file, name or "bytes"
    return read_file(file), name or os.fspath(file)


def read_file(path: str | os.PathLike[str]) -> bytes:
    """A regular file's bytes, in as few system calls as possible, since each releases the GIL.

    Args:
        path: the file.

    Raises:
        ImageError: if the path is a folder or a pipe, or the file is larger than 1 GiB.
        OSError: if the file cannot be read.
    """
    # Without O_NONBLOCK a pipe would be waited on for ever.
    file = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        facts = os.fstat(file)
        if not stat.S_ISREG(facts.st_mode):
            raise ImageError(
                f"file must be a regular file: {os.fspath(path)!r}", "not a regular file"
            )
        if facts.st_size > MAX_BYTES:
            raise ImageError(
                f"file must have at most {MAX_BYTES} bytes: {os.fspath(path)!r} has {facts.st_size}",
                f"more than {MAX_BYTES:,} bytes, not read",
            )
        parts = [os.read(file, facts.st_size)]
        while sum(map(len, parts)) < facts.st_size and parts[-1]:
            parts.append(os.read(file, facts.st_size))  # one call gives 2 GiB at most
    finally:
        os.close(file)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def is_turned(image: Image.Image) -> bool:
    """Whether an image's EXIF orientation rotates or flips it: values 2-8; others are ignored."""
    return image.getexif().get(ExifTags.Base.Orientation, 1) in range(2, 9)


def decode(image: Image.Image, name: str = "image") -> np.ndarray:
    """Decodes an opened image and applies its EXIF orientation.

    Args:
        image: a PIL image, from `open_image`. The first frame of an animation is used; transparency
            is dropped. 16-bit gray values are divided by 257, so 65535 becomes 255; of 16-bit
            colors the upper 8 bits are used.
        name: str, the image's name in error messages.

    Returns:
        uint8 array, shape (height, width, 3), RGB, 0-255.

    Raises:
        ImageError: if the content is truncated or damaged; if it has 16 bits per channel but no
            pixel reaches a quarter of that range (for instance 12-bit data); if its values are
            floats or 32-bit integers, whose range is unknown.
    """
    if image.mode == "F" or (image.mode == "I" and image.format != "PPM"):
        kind = "floats" if image.mode == "F" else "integers of more than 16 bits or with a sign"
        raise ImageError(
            f"image must have 8 or 16 bits per channel: {name!r} has {kind}",
            f"{kind}, whose range nothing states",
        )
    # By its packing, while that is known: of 16-bit colors Pillow hands out the upper 8 bits alone. A
    # format that states its number of bits is scaled by it.
    packed = image.tile if isinstance(image, (PngImageFile, TiffImageFile, PpmImageFile)) else ()
    deep = any(";16" in str(tile) for tile in packed)
    try:
        pixels = _pixels(image)
    except Exception as error:  # as above: any kind of error may come out of a damaged file
        raise _damaged(name, error) from error
    if deep and pixels.max(initial=0) < _DIMMEST:
        raise ImageError(
            f"image must use its full 16-bit range: no pixel of {name!r} reaches a quarter of it; "
            "scale its values to 0..65535 and save it again",
            "16 bits of which no pixel reaches a quarter: 8 or 12 bits in 16, or nearly black",
        )
    return pixels


def _damaged(name: str, error: Exception) -> ImageError:
    return ImageError(f"image must decode: {name!r} ({error})", f"cut or damaged: {error}")


def _pixels(image: Image.Image) -> np.ndarray:
    # Pillow's functions copy the image even where there is nothing to do.
    turned = is_turned(image)
    # Without a file it was decoded already, by whoever gave it to us.
    is_plain = image.mode in ("RGB", "L") and not turned
    if is_plain and isinstance(image, JpegImageFile) and image.fp is not None:
        image.fp.seek(0)
        pixels = _decode_jpeg(image.fp.read())
        if pixels is not None:
            return pixels
    upright = ImageOps.exif_transpose(image) if turned else image
    if upright.mode.startswith("I"):  # 16-bit gray: Pillow's own conversion would clip at 255
        gray = np.asarray(upright).astype("float64") / 257
        upright = Image.fromarray(gray.clip(0, 255).round().astype("uint8"))
    return np.array(upright if upright.mode == "RGB" else upright.convert("RGB"))


def _decode_jpeg(
    data: bytes, colors: str = "RGB", max_pixels: float = math.inf
) -> np.ndarray | None:
    """Decodes with the same libjpeg-turbo and settings as Pillow, in half the time. None if the
    image is too large, needs a color conversion, or has a chroma subsampling that only Pillow may
    support."""
    try:
        height, width, kind, _ = simplejpeg.decode_jpeg_header(data)
    except ValueError:
        return None
    if height * width > max_pixels or kind not in ("YCbCr", "RGB", "Gray"):
        return None
    count = height * width * len(colors)
    # Into memory at an address divisible by 32 libjpeg-turbo writes past the caches, where the pixels are
    # wanted next: that takes twice as long, and what reads them waits for them.
    memory = np.empty(count + 36, "uint8")
    start = (4 - memory.ctypes.data) % 32
    pixels: np.ndarray = simplejpeg.decode_jpeg(data, colors, buffer=memory[start : start + count])
    return pixels


def image_or_reason(read: Callable[[], np.ndarray]) -> np.ndarray | str:
    """Reads an image, or says why it cannot be read.

    Args:
        read: callable, reads the image.

    Returns:
        Its result, or the message of its `ImageError` or `OSError`.
    """
    try:
        return read()
    except (ImageError, OSError) as error:
        return str(error)


def read_image(
    file: str | os.PathLike[str] | bytes,
    *,
    max_pixels: int = MAX_PIXELS,
    channels: Literal[3, 4] = 3,
    name: str = "",
) -> np.ndarray:
    """Reads an image file, whose format is detected by content, and applies its EXIF orientation.

    The result is that of `open_image` followed by `decode`; plain JPEGs are decoded without Pillow.
    The first frame of an animation is used, transparency is dropped, and 16 bits per channel are
    scaled to 8.

    >>> from maskedface import images, synthetic
    >>> index = synthetic.draw_people("drawn", people=1, photos=1, size=32)
    >>> images.read_image(index.paths[0]).shape
    (32, 32, 3)

    Args:
        file: a path, or the file's bytes.
        max_pixels: int, width * height above which the image is rejected, before it is decoded.
        channels: 3 or 4; 4 adds an unused channel, which makes libjpeg and `geometry.warp` faster.
        name: str, the name used in error messages for a file passed as bytes.

    Returns:
        uint8 array, shape (height, width, channels), RGB, 0-255.

    Raises:
        ImageError: if the content is not an image, is truncated or damaged, has more than
            `max_pixels` pixels or values of an unknown range, or the path is a folder or a pipe.
        OSError: if the file cannot be read.
    """
    data, name = _bytes_of(file, name)
    # Without EXIF nothing can rotate it. Reading the header with Pillow would take a third of the time,
    # while it holds the interpreter's lock.
    if data.startswith(_JPEG_START) and _APP1 not in data:
        try:
            found = _decode_jpeg(data, "RGB" if channels == 3 else "RGBX", max_pixels)
        except Exception as error:
            raise _damaged(name, error) from error
        if found is not None:
            return found
    with open_image(data, max_pixels=max_pixels, name=name) as image:
        pixels = decode(image, name)
    return pixels if channels == 3 else cv2.cvtColor(pixels, cv2.COLOR_RGB2RGBA)
