"""The folders in which weight files are searched, and the download."""

from __future__ import annotations

import os
from collections.abc import Iterable


def folders() -> tuple[str, ...]:
    """The folders in which the files of presets are searched.

    Returns:
        Paths: first the environment variable `MASKEDFACE_WEIGHTS` if it is set, then `maskedface`
            in
        Keras' cache folder (`KERAS_HOME`, or `~/.keras`).
    """
    home = os.environ.get("KERAS_HOME") or os.path.join(os.path.expanduser("~"), ".keras")
    own = os.environ.get("MASKEDFACE_WEIGHTS")
    return (*((own,) if own else ()), os.path.join(home, "maskedface"))


def find(names: Iterable[str]) -> str | None:
    """Searches files in `folders()`.

    Args:
        names: file names, the preferred one first.

    Returns:
        The path of the first name in the first folder that contains any, or None.
    """
    names = tuple(names)
    paths = (os.path.join(folder, name) for folder in folders() for name in names)
    return next((path for path in paths if os.path.isfile(path)), None)


def download(url: str) -> str:
    """Downloads a file into the last of `folders()`, with Keras' progress bar.

    Args:
        url: the URL, which ends in the file's name.

    Returns:
        The file's path.

    Raises:
        OSError: if the download fails.
    """
    import keras

    home, folder = os.path.split(folders()[-1])
    os.makedirs(os.path.join(home, folder), exist_ok=True)
    try:
        return str(
            keras.utils.get_file(
                url.rsplit("/", 1)[-1], origin=url, cache_dir=home, cache_subdir=folder
            )
        )
    except Exception as error:  # get_file raises a bare Exception where the network fails
        raise OSError(f"{url} must be reachable. Received: {error}") from error
