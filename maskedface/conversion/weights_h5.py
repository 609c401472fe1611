"""This library's format: Keras' `<name>.weights.h5` and a `<name>.json` that describes it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import h5py
import keras

from maskedface.atomic_file import atomic_write
from maskedface.conversion import file_checks

ENDING = ".weights.h5"
_EXPECTED = "a .weights.h5 file that Keras 3 wrote"


def sidecar_path(path: str | os.PathLike[str]) -> str:
    """The path of a weight file's sidecar.

    Args:
        path: the `<name>.weights.h5` file.

    Returns:
        The path of `<name>.json` in the same folder.

    Raises:
        ValueError: if the path does not end in `.weights.h5`.
    """
    if not os.fspath(path).endswith(ENDING):
        raise ValueError(f"path must end in {ENDING}. Received: {os.fspath(path)!r}")
    return os.fspath(path).removesuffix(ENDING) + ".json"


def save(backbone: keras.Model, path: str | os.PathLike[str], facts: Mapping[str, Any]) -> None:
    """Writes a backbone's weights, and a sidecar with their SHA-256 and description.

    Args:
        backbone: the model, without a classifier.
        path: the `.weights.h5` file to write; its folder is created.
        facts: the sidecar's contents, JSON values; `file_sha256` is added.

    Raises:
        OSError: if the disk is full or the folder is not writable; existing files are kept.
        ValueError: if the path does not end in `.weights.h5`.
    """
    sidecar = sidecar_path(path)
    # The sidecar takes its name last; until then the old one would refuse the new weights.
    with atomic_write(sidecar) as beside, atomic_write(path) as part:
        backbone.save_weights(part)
        whole = {"file": os.path.basename(path), "file_sha256": file_checks.sha256(part), **facts}
        with open(beside, "w", encoding="utf-8") as file:
            json.dump(whole, file, indent=1)
            file.write("\n")


def read_sidecar(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Reads a weight file's sidecar, and checks that it belongs to the file.

    Args:
        path: the `.weights.h5` file.

    Returns:
        The sidecar's contents, or None if there is no sidecar.

    Raises:
        ValueError: if the SHA-256 in the sidecar is not the file's, or the sidecar is not JSON.
    """
    sidecar = sidecar_path(path)
    if not os.path.isfile(sidecar):
        return None
    with open(sidecar, encoding="utf-8") as file:
        try:
            facts = dict(json.load(file))
            expected = facts["file_sha256"]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"a sidecar must be JSON with file_sha256. Received: {sidecar!r}: {error}"
            ) from error
    found = file_checks.sha256(path)
    if found != expected:
        raise ValueError(
            f"{os.fspath(path)!r} must have the sha256 stated by its sidecar, {expected}. "
            f"Received: {found}: the file is damaged or was replaced"
        )
    return facts


def load(backbone: keras.Model, path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Loads a weight file of this library into a backbone.

    Args:
        backbone: the model, modified in place.
        path: the `.weights.h5` file, with or without a sidecar.

    Returns:
        The sidecar's contents, or None if there is no sidecar.

    Raises:
        ValueError: if the SHA-256 is not that of the sidecar, or the file has another architecture
            or format.
    """
    file_checks.check(path, _EXPECTED)
    facts = read_sidecar(path)
    try:
        held = _count(path)
        if held != len(backbone.weights):
            raise ValueError(f"it has {held} arrays, {backbone.name} {len(backbone.weights)}")
        backbone.load_weights(path)
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(
            f"weights must be {_EXPECTED} for this architecture. "
            f"Received: path={os.fspath(path)!r}: {error}"
        ) from error
    return facts


def _count(path: str | os.PathLike[str]) -> int:
    # Keras reads what it looks for and leaves the rest; a file with more is another network's.
    arrays: list[str] = []
    with h5py.File(path, "r") as file:
        file.visititems(
            lambda name, item: arrays.append(name) if isinstance(item, h5py.Dataset) else None
        )
    return len(arrays)
