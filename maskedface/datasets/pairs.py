"""Published verification protocols: files that say which two faces to compare."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np

from maskedface.datasets.face_index import Domain, Face, FaceIndex
from maskedface.datasets.listed_files import NamedFiles
from maskedface.datasets.tables import read_lines, read_table
from maskedface.names import did_you_mean
from maskedface.reprs import short_repr

PairProtocol = Literal["lfw", "mlfw", "mfr2", "rmfvd", "c-rmfrd"]
PAIR_PROTOCOLS: tuple[PairProtocol, ...] = get_args(PairProtocol)

# The published names of the files.
_FILES: dict[PairProtocol, str] = {
    "lfw": "pairs.txt",
    "mlfw": "pairs.txt",
    "mfr2": "pairs.txt",
    "rmfvd": "masked_pairs.txt",
    "c-rmfrd": "AFDB_final_Jeff.csv",
}
_CRMFRD_ENCODING = "gb18030"  # its lists are in GBK, a part of it; copies may be in UTF-8
_FOLDS = 10  # LFW's number (Huang et al. 2007), given to the protocols that name none


@dataclass(frozen=True)
class PairList:
    """Pairs of faces to compare.

    Attributes:
        index: the faces that occur and exist.
        first, second: int64 arrays, shape (pairs,): rows of `index`.
        same: bool array, shape (pairs,): whether both show one person, as the file says.
        folds: int64 array, shape (pairs,), values in [0, 10): the file's own folds, or where it has
            none the first tenth of the genuine and of the impostor pairs, the second, and so on.
        missing: tuple of str, the named files that are not there, sorted.
        lost: int, how many pairs were left out because a file is missing.
    """

    index: FaceIndex
    first: np.ndarray
    second: np.ndarray
    same: np.ndarray
    folds: np.ndarray
    missing: tuple[str, ...]
    lost: int

    __repr__ = short_repr


class _Line(NamedTuple):
    first: str
    second: str
    same: bool
    fold: int | None


def read_pairs(
    protocol: PairProtocol,
    root: str | os.PathLike[str],
    file: str | os.PathLike[str] | None = None,
    *,
    alignment: str = "",
) -> PairList:
    """Reads a published list of pairs and finds its faces.

    A file of another ending is taken where the named one is missing (MFR2's are .png, one line of
    c-RMFRD has no ending at all). What is not found is listed in `missing`, its pairs counted in
    `lost`: read both before a figure is compared with a published one.

    >>> from pathlib import Path
    >>> from maskedface import datasets, synthetic
    >>> index = synthetic.draw_people("drawn", people=1, photos=1, size=32)
    >>> _ = Path("pairs.txt").write_text(f"{index.faces[0].path} {index.faces[1].path} 1")
    >>> pairs = datasets.read_pairs("rmfvd", "drawn", "pairs.txt")
    >>> pairs.same.tolist(), pairs.missing
    ([True], ())

    Args:
        protocol: "lfw": lines `name n1 n2` and `name1 n1 name2 n2` (tabs or spaces), after a first
            line `folds pairs`; files `<name>/<name>_0001.*` or `<name>_0001.*`, all unmasked.
            "mlfw": the same, all taken as masked, also where a line names the files themselves and
            ends with 1 or 0. "mfr2": the same lines without the first; who is masked stands in
            `mfr2_labels.txt`. "rmfvd": lines `path1 path2 label`; `bare.*` is the unmasked face of
            its folder. "c-rmfrd": a CSV `Input,Target,Label` (GBK, UTF-8) of a masked and an unmasked face.
        root: the folder the faces lie in; for "c-rmfrd" the one that holds RMFRD's AFDB folders.
        file: the list; by default the published name in `root`.
        alignment: the faces' alignment, a key of `geometry.ALIGNMENTS`; "" = unknown.

    Returns:
        A `PairList`.

    Raises:
        ValueError: if the protocol is unknown, a line is of another shape, or no pair is left.
        FileNotFoundError: if the list or the folder is missing.
    """
    if protocol not in PAIR_PROTOCOLS:
        raise ValueError(
            f"protocol must be one of {PAIR_PROTOCOLS}. Received: protocol={protocol!r}"
            f"{did_you_mean(protocol, PAIR_PROTOCOLS)}"
        )
    path = os.path.join(root, _FILES[protocol]) if file is None else os.fspath(file)
    lines = list(_crmfrd(path) if protocol == "c-rmfrd" else _lfw_or_paths(path))
    names = (name for line in lines for name in line[:2])
    index, path_of, missing = _faces(names, root, _domains(protocol, root), alignment)
    kept = [line for line in lines if line.first in path_of and line.second in path_of]
    if not kept:
        raise ValueError(
            "root must hold the faces of the list. "
            f"Received: root={os.fspath(root)!r} without {len(missing)} files of {path!r}, "
            f"the first {missing[:1]}"
        )
    row = {face.path: number for number, face in enumerate(index.faces)}
    first, second = np.array([[row[path_of[name]] for name in line[:2]] for line in kept]).T
    same = np.array([line.same for line in kept])
    return PairList(index, first, second, same, _folds(kept), missing, lost=len(lines) - len(kept))


def _faces(
    names: Iterable[str],
    root: str | os.PathLike[str],
    domain_of: Callable[[str], Domain],
    alignment: str,
) -> tuple[FaceIndex, dict[str, str], tuple[str, ...]]:
    """The faces of a list that are there, {name: path} of them, and the names of those that are not."""
    files = NamedFiles(root)
    found = {name: files.find(name) for name in sorted({*names})}
    path_of = {name: path for name, path in found.items() if path is not None}
    faces = {
        path: Face(path, _person(name), domain_of(name), alignment=alignment)
        for name, path in path_of.items()
    }
    missing = tuple(name for name, path in found.items() if path is None)
    return FaceIndex(root, faces.values()), path_of, missing


def _lfw_or_paths(path: str) -> Iterator[_Line]:
    rows = [line.split() for line in read_lines(path)]
    # LFW: "10 300", ten folds of 300 genuine and 300 impostor pairs; View 1: "1100", one set.
    head = rows.pop(0) if rows and len(rows[0]) < 3 and all(map(str.isdecimal, rows[0])) else []
    size = 2 * int(head[1]) if len(head) == 2 else None
    for number, row in enumerate(rows):
        fold = None if size is None else number // size
        match row:
            case [name, one, other] if one.isdecimal() and other.isdecimal():
                yield _Line(_lfw_name(name, one), _lfw_name(name, other), True, fold)
            case [name, one, stranger, other] if one.isdecimal() and other.isdecimal():
                yield _Line(_lfw_name(name, one), _lfw_name(stranger, other), False, fold)
            case [one, other, ("0" | "1") as label]:
                yield _Line(one, other, label == "1", fold)
            case _:
                raise ValueError(
                    "a line of pairs must be 'name n1 n2', 'name1 n1 name2 n2' or 'path1 path2 0|1'. "
                    f"Received: {' '.join(row)!r} in {path!r}"
                )


def _lfw_name(name: str, number: str) -> str:
    return f"{name}/{name}_{int(number):04d}.jpg"


def _crmfrd(path: str) -> Iterator[_Line]:
    rows = read_table(path, ("Input", "Target", "Label"), legacy=_CRMFRD_ENCODING)
    for number, row in rows.items():
        if row["Label"] not in ("0", "1"):
            raise ValueError(
                "c-RMFRD's column Label must be 0 or 1. "
                f"Received: {row['Label']!r} in row {number} of {path!r}"
            )
        masked = f"AFDB_masked_face_dataset/{row['Input']}"
        bare = f"AFDB_face_dataset/{row['Target']}"
        yield _Line(masked, bare, row["Label"] == "1", None)


def _person(name: str) -> str:
    """The folder's name; in flat copies what stands before the photo's number."""
    folder, _, file = name.rpartition("/")
    words = itertools.takewhile(lambda part: not part[:1].isdecimal(), file.split("_"))
    return folder.rpartition("/")[2] or "_".join(words) or file


def _domains(protocol: PairProtocol, root: str | os.PathLike[str]) -> Callable[[str], Domain]:
    if protocol == "mfr2":
        bare = _bare_mfr2(os.path.join(root, "mfr2_labels.txt"))
        return lambda name: "unmasked" if name in bare else "masked"
    if protocol == "rmfvd":
        return lambda name: "unmasked" if "/unmasked." in f"/{name}" else "masked"
    if protocol == "c-rmfrd":
        return lambda name: "masked" if "AFDB_masked_face_dataset" in name else "unmasked"
    return lambda name: "masked" if protocol == "mlfw" else "unmasked"


def _bare_mfr2(path: str) -> set[str]:
    rows = [[cell.strip() for cell in line.split(",")] for line in read_lines(path)]
    wrong = [row for row in rows if len(row) != 3 or not row[1].isdecimal()]
    if wrong:
        raise ValueError(f"a line must be 'Name, 1, mask'. Received: {wrong[0]} in {path!r}")
    return {_lfw_name(name, number) for name, number, mask in rows if mask == "no-mask"}


def _folds(lines: Iterable[_Line]) -> np.ndarray:
    lines = list(lines)
    if all(line.fold is not None for line in lines):
        return np.array([line.fold for line in lines])
    same = np.array([line.same for line in lines])
    folds = np.empty(len(lines), "int64")
    for kind in (same, ~same):
        folds[kind] = np.arange(kind.sum()) * _FOLDS // max(1, kind.sum())
    return folds


def read_face_list(
    file: str | os.PathLike[str],
    root: str | os.PathLike[str],
    domain: Domain,
    *,
    alignment: str = "",
) -> tuple[FaceIndex, tuple[str, ...]]:
    """Reads one of c-RMFRD's lists of gallery or probe faces, `<person>/<file>` a line, in GBK or UTF-8.

    >>> from pathlib import Path
    >>> from maskedface import datasets, synthetic
    >>> drawn = synthetic.draw_people("drawn", people=1, photos=1, size=32)
    >>> _ = Path("probes.csv").write_text("person_0000/0_0_0.jpg")
    >>> probes, missing = datasets.read_face_list("probes.csv", "drawn", "masked")
    >>> probes.people, missing
    (('person_0000',), ())

    Args:
        file: the list. `AFDB_gallery_no_mask.csv` (unmasked) goes with the probes of `AFDB_probe.csv`
            (masked), `AFDB_gallery_fianl.csv` (masked) with `AFDB_probe_final.csv` (unmasked).
        root: the folder that holds RMFRD's two AFDB folders.
        domain: which of the two the faces lie in.
        alignment: the faces' alignment, a key of `geometry.ALIGNMENTS`; "" = unknown.

    Returns:
        (the faces that exist; the files that are not there, sorted).

    Raises:
        ValueError: if none of the faces exists, or the list is in another encoding.
        FileNotFoundError: if the list or the folder is missing.
    """
    folder = "AFDB_masked_face_dataset" if domain == "masked" else "AFDB_face_dataset"
    names = [f"{folder}/{line.strip()}" for line in read_lines(file, legacy=_CRMFRD_ENCODING)]
    index, _, missing = _faces(names, root, lambda _: domain, alignment)
    if not len(index):
        raise ValueError(
            f"root must hold faces of the list. Received: root={os.fspath(root)!r} without any of "
            f"{len(missing)} in {folder!r}"
        )
    return index, tuple(name.removeprefix(f"{folder}/") for name in missing)
