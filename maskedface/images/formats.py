"""The supported image formats, their file extensions, and files created by systems and tools."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import BinaryIO

from PIL import Image

from maskedface.extras import from_extra

# Pillow's name of each format, and the endings of names that promise it. No other format is opened:
# Pillow would hand an EPS file to Ghostscript, whatever its name is.
_ENDINGS = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png",),
    "BMP": (".bmp", ".dib"),
    "GIF": (".gif",),
    "WEBP": (".webp",),
    "TIFF": (".tif", ".tiff"),
    "JPEG2000": (".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx"),
    "AVIF": (".avif",),
    "PPM": (".pgm", ".ppm", ".pbm", ".pnm"),  # the AT&T and FERET faces
    "HEIF": (".heic", ".heif", ".hif"),
}
_PILLOW_FORMATS = (*(name for name in _ENDINGS if name != "HEIF"), "DIB")
_PROMISED = {ending: name for name, endings in _ENDINGS.items() for ending in endings}

# A phone's JPEG with a second picture in it; a bare bitmap.
_SAME = {"MPO": "JPEG", "DIB": "BMP"}

# Brands of HEVC-coded still images (ISO/IEC 23008-12, annex B).
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}

# Folders and files that systems and tools keep beside people's own: Synology's and QNAP's, those in a
# Mac's archives, Windows', Python's. So does each whose name begins with a dot.
_TOOLS = frozenset(
    {
        *("@eadir", "@recycle", "@recently-snapshot", "#recycle", "#snapshot", "__macosx"),
        *("$recycle.bin", "system volume information", "lost+found", "__pycache__"),
        *("thumbs.db", "ehthumbs.db", "desktop.ini"),
    }
)


def has_image_name(path: str) -> bool:
    """Whether a file has an image extension; its actual format is determined by its content.

    Args:
        path: str, the file's path or name.
    """
    return os.path.splitext(path)[1].lower() in _PROMISED


def is_tools(path: str) -> bool:
    """Whether a file or folder was created by a system or tool, judging by its name or that of a
    parent folder.

    Args:
        path: str, relative to the folder that is read, with `/` between folders.
    """
    return any(part.startswith(".") or part.lower() in _TOOLS for part in path.split("/"))


def misnamed(path: str, image: Image.Image) -> str:
    """The format of an opened image if it contradicts the file's extension, a key of the table of
    extensions or Pillow's name of it; "" if the extension is right or unknown.

    Args:
        path: str, the file's path or name.
        image: a PIL image.
    """
    content = _SAME.get(image.format or "", image.format or "")
    promised = _PROMISED.get(os.path.splitext(path)[1].lower(), content)
    return "" if promised == content else content


def opener_of(data: bytes) -> Callable[[BinaryIO], Image.Image]:
    """The function that opens a file: pillow-heif's class if the file's first box identifies a HEIC
    image, else Pillow's. The HEIC plug-in is not registered with Pillow, which would affect the
    whole process.

    Args:
        data: the file's bytes.

    Raises:
        ModuleNotFoundError: if pillow-heif is not installed; the message has the pip command.
    """
    box = data[8 : min(int.from_bytes(data[:4], "big"), 256)]
    brands = {box[i : i + 4] for i in range(0, len(box), 4)}
    if data[4:8] != b"ftyp" or _HEIC_BRANDS.isdisjoint(brands):
        return functools.partial(Image.open, formats=_PILLOW_FORMATS)
    with from_extra("heic", "HEIC images are read with pillow-heif, which"):
        from pillow_heif import HeifImageFile
    found: Callable[[BinaryIO], Image.Image] = HeifImageFile
    return found
