"""The gallery's file: one npz of plain arrays, read without pickle and checked before it is used."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from maskedface.whole_file import whole_file

VERSION = 3  # 1 had no cohort, 2 no masks
_ARRAYS = {"rows": ("float32", 2), "lengths": ("float32", 1), "person": ("int32", 1)}
_COHORT = {  # where the gallery has one
    "cohort": ("float32", 2),
    "cohort_nearest": ("int64", 0),
    "offsets": ("float32", 1),  # seconds to compute for each 100,000 rows
}
_FACTS = {"fingerprint", "keep", "source", "people", "faces", "calibration", "masks"}


def write(
    path: str | os.PathLike[str], facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> None:
    """Writes a gallery by way of a temporary file that is on the disk before it takes the name.

    Args:
        path: the file.
        facts: what `read` gives back, plain values.
        arrays: "rows", "lengths" and "person", and with a cohort `Cohort.arrays` and "offsets".

    Raises:
        OSError: if it cannot be written; the file that was there stays.
    """
    version = VERSION if facts["masks"] else 2 if _COHORT.keys() <= arrays.keys() else 1
    known = {name: value for name, value in facts.items() if value or name != "masks"}
    text = json.dumps({"version": version, **known}).encode()
    # Biometric data: a new file is for its owner alone. By an open file, as NumPy would add an ending.
    with whole_file(path, private=True) as partial, open(partial, "wb") as file:
        np.savez(file, facts=np.frombuffer(text, "uint8"), **arrays)  # type: ignore[arg-type]


def read(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Reads a gallery's file.

    Args:
        path: a file that `write` wrote.

    Returns:
        (facts, arrays).

    Raises:
        ValueError: if it is no gallery, is damaged, or of a later version.
        FileNotFoundError: if there is no such file.
    """
    try:
        # Opened here: of a damaged file np.load would leave its own open.
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            facts = json.loads(file["facts"].tobytes())
            version = facts.pop("version")
            facts.setdefault("masks", 0)
            wanted = {*_ARRAYS, *(_COHORT if _COHORT.keys() & {*file} else ())}
            arrays = {name: file[name] for name in wanted} if version in (1, 2, VERSION) else {}
    except (FileNotFoundError, IsADirectoryError, PermissionError):
        raise
    except (ValueError, KeyError, AttributeError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"path must be a gallery's file, whole. Received: {os.fspath(path)!r} ({error})"
        ) from error
    if not arrays:
        raise ValueError(
            f"a gallery's file must be of version 1 to {VERSION}, which this release reads. "
            f"Received: {os.fspath(path)!r} of version {version!r}"
        )
    _check(path, facts, arrays)
    return facts, arrays


def _check(
    path: str | os.PathLike[str], facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> None:
    kinds = {name: (str(array.dtype), array.ndim) for name, array in arrays.items()}
    rows, person = arrays["rows"], arrays["person"]
    people = facts.get("people", ())
    others = arrays.get("cohort", rows)
    fits = (
        set(facts) == _FACTS
        and kinds == _ARRAYS | (_COHORT if "cohort" in arrays else {})
        and (others.shape[1] == rows.shape[1] or not len(rows))
        and ("cohort" not in arrays or (len(others) > 1 and arrays["cohort_nearest"] > 0))
        and len(arrays.get("offsets", rows)) == len(rows)
        and bool(np.isfinite(arrays.get("offsets", rows)).all())
        and bool(np.isfinite(others).all())
        and facts["masks"] in range(101)
        and len(people) == len(facts["faces"]) == len(set(people))
        and len(rows) == len(arrays["lengths"]) == len(person)
        and np.array_equal(np.unique(person), np.arange(len(people)))
        and bool((np.diff(person) >= 0).all())
        and bool(np.isfinite(rows).all())
    )
    if not fits:
        raise ValueError(
            "a gallery's file must hold rows, lengths and person of the people it names. "
            f"Received: {os.fspath(path)!r}, where they do not fit together"
        )
