"""Checks a command's input and output files before any work, and writes pictures."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from maskedface.atomic_file import STANDARD_OUTPUT
from maskedface.names import near_path, picture_path

if TYPE_CHECKING:
    import numpy as np


def check_outputs(
    *files: str | None, folder: str | None = None, inputs: Iterable[str | None] = ()
) -> None:
    """Refuses, before any work, outputs that cannot be written or would overwrite an input.

    Args:
        files: paths to be written; None is ignored, "-" is standard output.
        folder: a folder to write into, which need not exist yet.
        inputs: files that are read.

    Raises:
        ValueError: if two of them are the same file.
        OSError: if an output's folder is not a folder, or is not writable.
    """
    known = {os.path.realpath(path) for path in inputs if path}
    for path in files:
        if not path or path == STANDARD_OUTPUT:
            continue
        real = os.path.realpath(path)
        if real in known:
            raise ValueError(f"an output must be a file of its own. Received: {path!r} twice")
        known.add(real)
        if os.path.isdir(real):
            raise IsADirectoryError(f"an output must be a file, not a folder. Received: {path!r}")
        _check_folder(os.path.dirname(real))
    if folder is not None:
        _check_folder(os.path.realpath(folder))


def check_inputs(*paths: str | None) -> None:
    """Refuses missing files and folders, before slow imports.

    Raises:
        FileNotFoundError: if a path does not exist; None is ignored.
    """
    for path in paths:
        if path and not os.path.exists(path):
            raise FileNotFoundError(
                f"a file to read must exist. Received: {path!r}{near_path(path)}"
            )


def _check_folder(folder: str) -> None:
    """Checks a folder, or its first existing parent."""
    while not os.path.lexists(folder):
        folder = os.path.dirname(folder)
    if not os.path.isdir(folder):
        raise NotADirectoryError(f"an output's folder must be a folder. Received: {folder!r}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(f"an output's folder must be writable. Received: {folder!r}")


def picture_kind(path: str) -> str:
    """The Pillow format for a picture's file name; "-" is PNG.

    Raises:
        ValueError: if the file extension is not one of a picture format.
    """
    from PIL import Image

    Image.init()
    ending = ".png" if path == STANDARD_OUTPUT else os.path.splitext(path)[1].lower()
    kind = Image.EXTENSION.get(ending)
    if kind not in Image.SAVE:
        raise ValueError(f"a picture's name must end as .png or .jpg. Received: {path!r}")
    return str(kind)


def write_picture(path: str, picture: np.ndarray) -> None:
    """Writes a picture atomically, through a temporary file.

    Args:
        path: the file, whose extension selects the format; "-" writes a PNG to standard output.
        picture: uint8 array, shape (height, width, 3), RGB.

    Raises:
        ValueError: if the file extension is not one of a picture format.
        OSError: if it cannot be written.
    """
    from PIL import Image

    from maskedface.atomic_file import atomic_write

    kind = picture_kind(path)
    with atomic_write(path) as partial:
        Image.fromarray(picture).save(partial, kind)


def try_picture(
    folder: str, number: int, photo: str, draw: Callable[[], np.ndarray]
) -> tuple[str | None, str]:
    """Draws a photograph and writes it to a folder; an error is returned, not raised.

    Args:
        folder, number, photo: as for `picture_path`.
        draw: returns the picture, as for `write_picture`.

    Returns:
        (the picture's path, ""), or (None, the error message).
    """
    path = picture_path(folder, number, photo)
    try:
        write_picture(path, draw())
    except (ValueError, OSError) as error:
        return None, str(error)
    return path, ""
