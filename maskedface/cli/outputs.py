"""Files that a command reads and leaves: whether it can is asked before the work."""

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
    """Refuses, before any work, outputs that could not be written, or would replace what is read.

    Args:
        files: paths to be written; None is none, "-" standard output.
        folder: a folder to write into, which may be absent yet.
        inputs: files that are read.

    Raises:
        ValueError: if two of them are one file.
        OSError: if a folder is no folder, or may not be written to.
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
    """Refuses files and folders that are not there, before what reads them takes seconds to import.

    Raises:
        FileNotFoundError: if one is missing; None is none.
    """
    for path in paths:
        if path and not os.path.exists(path):
            raise FileNotFoundError(
                f"a file to read must exist. Received: {path!r}{near_path(path)}"
            )


def _check_folder(folder: str) -> None:
    """Of an absent folder the first one above it that is there counts."""
    while not os.path.lexists(folder):
        folder = os.path.dirname(folder)
    if not os.path.isdir(folder):
        raise NotADirectoryError(f"an output's folder must be a folder. Received: {folder!r}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(f"an output's folder must be writable. Received: {folder!r}")


def picture_kind(path: str) -> str:
    """The format that a picture's name asks for, as Pillow calls it; "-" is a PNG.

    Raises:
        ValueError: if the ending is of no format.
    """
    from PIL import Image

    Image.init()
    ending = ".png" if path == STANDARD_OUTPUT else os.path.splitext(path)[1].lower()
    kind = Image.EXTENSION.get(ending)
    if kind not in Image.SAVE:
        raise ValueError(f"a picture's name must end as .png or .jpg. Received: {path!r}")
    return str(kind)


def write_picture(path: str, picture: np.ndarray) -> None:
    """Writes a picture by way of a temporary file.

    Args:
        path: the file; its ending says the format, "-" is a PNG on standard output.
        picture: uint8 array, shape (height, width, 3), RGB.

    Raises:
        ValueError: if the ending is of no format.
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
    """Draws a photograph and writes it into a folder; what goes wrong stops nothing.

    Args:
        folder, number, photo: as for `picture_path`.
        draw: gives the picture, as for `write_picture`.

    Returns:
        (the picture's path, ""), or (None, why there is none).
    """
    path = picture_path(folder, number, photo)
    try:
        write_picture(path, draw())
    except (ValueError, OSError) as error:
        return None, str(error)
    return path, ""
