"""The gallery file format: an npz of plain arrays, read without pickle and validated."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, get_args

import numpy as np

from maskedface.array_file import DamagedError, digest, read_arrays
from maskedface.atomic_file import atomic_write
from maskedface.datasets.face_index import DOMAINS
from maskedface.evaluation.false_matches import CONDITIONS
from maskedface.geometry import ALIGNMENTS
from maskedface.names import LONGEST
from maskedface.recognition.calibration import MaskedFrom, current_form
from maskedface.recognition.remembered import Remember, photos_from_file, photos_to_file

# 1 had no cohort, 2 no masks, 3 no digests, 4 no photographs, 5 not who is unmasked, 6 another rule of
# the cohort (`Cohort.by_photos`), 7 one threshold for masked and unmasked faces
VERSION = 8
_ROWS = {"rows": ("float32", 2), "lengths": ("float32", 1), "person": ("int32", 1)}
_CROPS = {"crops": ("uint8", 1), "crop_ends": ("int64", 1)}
_COHORT = {  # if the gallery has a cohort
    "cohort": ("float32", 2),
    "cohort_nearest": ("int64", 0),
    "cohort_by_photos": ("bool", 0),
    "offsets": ("float32", 1),  # seconds to compute for each 100,000 rows
}
_ROUNDING = 1e-3  # tolerance for lengths and thresholds, as float32 sums depend on the order


def write(
    path: str | os.PathLike[str], facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> None:
    """Writes a gallery atomically, through a temporary file that is flushed to disk first.

    Args:
        path: the file.
        facts: plain values, which `read` returns.
        arrays: "rows", "lengths", "person", "crops" and "crop_ends", and with a cohort
            `Cohort.arrays` and "offsets".

    Raises:
        ValueError: if `read` would refuse them.
        OSError: if it cannot be written; an existing file is then kept.
    """
    check(path, facts, arrays, "cohort" in arrays)
    told = {"version": VERSION, **facts, "digests": _digests(arrays)}
    text = json.dumps(told, allow_nan=False).encode()
    # Biometric data: only the owner may read a new file. An open file, as NumPy would add an
    # extension.
    with atomic_write(path, private=True) as partial, open(partial, "wb") as file:
        np.savez(file, facts=np.frombuffer(text, "uint8"), **arrays)  # type: ignore[arg-type]


def read(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Reads a gallery file of this or an older version.

    Args:
        path: a file written by `write`.

    Returns:
        (facts, arrays).

    Raises:
        ValueError: if it is not a gallery, is damaged, or is of a later version.
        FileNotFoundError, IsADirectoryError, PermissionError: if it cannot be opened.
    """
    try:
        arrays = read_arrays(path)
        facts = json.loads(arrays.pop("facts").tobytes())
        version = facts.pop("version")
        if type(version) is not int:
            raise TypeError(f"version {version!r}")
        if 4 <= version <= VERSION:
            _check_digests(facts.pop("digests", None), arrays)
    except (DamagedError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"path must be an intact gallery file. Received: {os.fspath(path)!r} ({error})"
        ) from error
    if not 1 <= version <= VERSION:
        raise ValueError(
            f"a gallery file must be of version 1 to {VERSION}; later versions need a later "
            f"release of this library. Received: {os.fspath(path)!r} of version {version!r}"
        )
    if version < 5:
        names = facts.get("people")
        nothing = [()] * len(names) if isinstance(names, list) else []
        photos, crops = photos_to_file(nothing)
        old = {"photos": photos, "remember": "nothing", "alignment": ""}
        facts, arrays = {"masks": 0, **facts, **old}, arrays | crops
    if version < 6:
        names = facts.get("people")
        facts = {**facts, "unmasked": [0] * len(names) if isinstance(names, list) else []}
    if version < 7 and "cohort" in arrays:
        arrays = {**arrays, "cohort_by_photos": np.array(False)}
    if version < 8:
        facts = {**facts, "calibration": current_form(facts.get("calibration"))}
    check(path, facts, arrays, {1: False, 2: True}.get(version, "cohort" in arrays))
    return facts, arrays


def _check_digests(digests: object, arrays: Mapping[str, np.ndarray]) -> None:
    found, known = _digests(arrays), digests if isinstance(digests, dict) else {}
    other = sorted(name for name in {*found, *known} if found.get(name) != known.get(name))
    if other:
        raise ValueError(f"{other} differ from what was written")


def _digests(arrays: Mapping[str, np.ndarray]) -> dict[str, str]:
    return {name: digest(array) for name, array in arrays.items()}


def check(
    path: str | os.PathLike[str],
    facts: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
    has_cohort: bool,
) -> None:
    """Refuses facts and arrays that do not make a valid gallery.

    Args:
        path: the file, for the error message.
        facts, arrays: as for `write`.
        has_cohort: bool, whether the gallery has a cohort.

    Raises:
        ValueError: if they are invalid or inconsistent.
    """
    wrong = _wrong(facts, _FACTS)
    if not wrong:
        wrong = _wrong_arrays(facts, arrays, has_cohort)
    if wrong:
        raise ValueError(
            "a gallery must have consistent names, rows, lengths and person. "
            f"Received: {os.fspath(path)!r} with invalid {', '.join(wrong)}"
        )


def _wrong_arrays(
    facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray], has_cohort: bool
) -> list[str]:
    """The names of invalid arrays."""
    kinds = {name: (str(array.dtype), array.ndim) for name, array in arrays.items()}
    wanted = _ROWS | _CROPS | (_COHORT if has_cohort else {})
    if kinds != wanted:
        return sorted(name for name in {*kinds, *wanted} if kinds.get(name) != wanted.get(name))
    rows, lengths, person = (arrays[name] for name in _ROWS)
    faces = np.array(facts["faces"], "float64")
    if len(facts["people"]) != len(faces) or len(facts["unmasked"]) != len(faces):
        return ["people"]
    if (np.array(facts["unmasked"], "float64") > faces).any():
        return ["unmasked"]
    if not len(rows) == len(lengths) == len(person):
        return ["people"]
    starts = np.diff(person, prepend=np.int32(-1))
    whole = len(person) == 0 or person[-1] == len(faces) - 1
    if not whole or not np.isin(starts, (0, 1)).all() or (len(faces) and not len(rows)):
        return ["person"]
    squares = np.einsum("ij,ij->i", rows, rows)
    kept = np.bincount(person, minlength=len(faces))
    good = {
        "rows": (np.abs(squares - 1) <= _ROUNDING).all(),
        "lengths": ((lengths > 0) & (lengths <= faces[person] * (1 + _ROUNDING))).all(),
        "faces": (kept == (1 if facts["keep"] == "mean" else faces)).all(),
        "photos": _are_photos(facts, arrays),
    }
    if has_cohort:
        cohort, offsets = arrays["cohort"], arrays["offsets"]
        features = cohort.shape[1] == rows.shape[1] or not len(rows)
        good |= {
            "cohort": len(cohort) > 1 and features and np.isfinite(cohort).all(),
            "cohort_nearest": arrays["cohort_nearest"] > 0,
            "offsets": len(offsets) == len(rows) and (np.abs(offsets) <= 1 + _ROUNDING).all(),
        }
    return [name for name, fits in good.items() if not fits]


def _are_photos(facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> bool:
    try:
        photos_from_file(facts, arrays)
    except (TypeError, ValueError, OverflowError):
        return False
    return True


def _wrong(values: Mapping[str, Any], table: Mapping[str, Callable[[Any], bool]]) -> list[str]:
    """The names of values that are missing, invalid by the table's checks, or not in the table."""
    lacking = [name for name, good in table.items() if name not in values or not good(values[name])]
    return lacking + sorted({*values} - {*table})


def _whole(least: int, most: float = math.inf) -> Callable[[object], bool]:
    return lambda value: type(value) is int and least <= value <= most


def _number(least: float, most: float) -> Callable[[object], bool]:
    return lambda value: type(value) in (int, float) and least <= value <= most  # type: ignore[operator]


def _text(value: object) -> bool:
    return isinstance(value, str)


def _all(values: object, names: Iterable[str], good: Callable[[Any], bool]) -> bool:
    """Whether a dict has these names, with good values."""
    fits = isinstance(values, dict) and {*values} == {*names}
    return fits and all(map(good, values.values()))  # type: ignore[attr-defined]


def _names(value: object) -> bool:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        return False
    return len({*value}) == len(value) and all(0 < len(name) <= LONGEST for name in value)


_SCORE, _COSINE = _number(-2 - _ROUNDING, 2 + _ROUNDING), _number(-1 - _ROUNDING, 1 + _ROUNDING)
_CALIBRATION: dict[str, Callable[[Any], bool]] = {
    "fpir": _number(0, 1),
    "identify": lambda value: _all(value, DOMAINS, _SCORE),
    "far": _number(0, 1),
    "verify": lambda value: _all(value, CONDITIONS, lambda of: of is None or _COSINE(of)),
    "probes": _whole(1),
    "masked_from": lambda value: value in get_args(MaskedFrom),
    "people": _whole(1),
    "gallery": _whole(1),
    "source": _text,
}
_FACTS: dict[str, Callable[[Any], bool]] = {
    "fingerprint": _text,
    "keep": lambda value: value in ("mean", "all"),
    "source": _text,
    "people": _names,
    "faces": lambda value: isinstance(value, list) and all(map(_whole(1, 2**53), value)),
    "unmasked": lambda value: isinstance(value, list) and all(map(_whole(0, 2**53), value)),
    "calibration": lambda value: (
        value is None or (isinstance(value, dict) and not _wrong(value, _CALIBRATION))
    ),
    "masks": _whole(0, 100),
    "photos": lambda value: isinstance(value, list),  # the rest is checked together with the crops
    "remember": lambda value: value in get_args(Remember),
    "alignment": lambda value: value in ("", *ALIGNMENTS),
}
