"""Published verification protocols: lists of face pairs to compare."""

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
        index: the faces of the list that exist.
        first, second: int64 arrays, shape (pairs,): rows of `index`.
        same: bool array, shape (pairs,): whether both faces show the same person, according to the
            file.
        folds: int64 array, shape (pairs,), values in [0, 10): the file's own folds; if it has none,
            consecutive tenths of the genuine pairs and of the impostor pairs.
        missing: tuple of str, the listed files that do not exist, sorted.
        lost: int, the number of pairs left out because a file is missing.
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

    If a listed file is missing, a file with the same name and another extension is used (MFR2's are
    .png, one line of c-RMFRD has no extension at all). Files that are not found are listed in
    `missing`, and their pairs counted in `lost`: check both before comparing a result with a
    published one.

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
            "mlfw": the same, with all faces counted as masked; a line may also give the two file
            names followed by 1 or 0. "mfr2": the same lines without the first one;
            `mfr2_labels.txt` says which faces are masked. "rmfvd": lines `path1 path2 label`;
            `bare.*` is the unmasked face of its folder. "c-rmfrd": a CSV file
            `Input,Target,Label` (GBK or UTF-8), each row a masked and an unmasked face.
        root: the folder of the faces; for "c-rmfrd" the one that contains RMFRD's AFDB folders.
        file: the list; by default the published name in `root`.
        alignment: the faces' alignment, a key of `geometry.ALIGNMENTS`; "" = unknown.

    Returns:
        A `PairList`.

    Raises:
        ValueError: if the protocol is unknown, a line has another format, or no pair is left.
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
            "root must contain the faces of the list. "
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
    """The faces of a list that exist, their {name: path}, and the names of those that do not."""
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
    """The folder's name; in flat copies the part of the file name before the photo's number."""
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
    """Reads one of c-RMFRD's lists of gallery or probe faces: a line `<person>/<file>` per face, in
    GBK or UTF-8.

    >>> from pathlib import Path
    >>> from maskedface import datasets, synthetic
    >>> drawn = synthetic.draw_people("drawn", people=1, photos=1, size=32)
    >>> _ = Path("probes.csv").write_text("person_0000/0_0_0.jpg")
    >>> probes, missing = datasets.read_face_list("probes.csv", "drawn", "masked")
    >>> probes.people, missing
    (('person_0000',), ())

    Args:
        file: the list. The gallery `AFDB_gallery_no_mask.csv` (unmasked) belongs to the probes of
            `AFDB_probe.csv` (masked), `AFDB_gallery_fianl.csv` (masked) to those of
            `AFDB_probe_final.csv` (unmasked).
        root: the folder that contains RMFRD's two AFDB folders.
        domain: the domain of the faces, "masked" or "unmasked", which selects the AFDB folder.
        alignment: the faces' alignment, a key of `geometry.ALIGNMENTS`; "" = unknown.

    Returns:
        (the faces that exist; the files that do not exist, sorted).

    Raises:
        ValueError: if none of the faces exists, or the list has another encoding.
        FileNotFoundError: if the list or the folder is missing.
    """
    folder = "AFDB_masked_face_dataset" if domain == "masked" else "AFDB_face_dataset"
    names = [f"{folder}/{line.strip()}" for line in read_lines(file, legacy=_CRMFRD_ENCODING)]
    index, _, missing = _faces(names, root, lambda _: domain, alignment)
    if not len(index):
        raise ValueError(
            "root must contain faces of the list. "
            f"Received: root={os.fspath(root)!r} without any of {len(missing)} in {folder!r}"
        )
    return index, tuple(name.removeprefix(f"{folder}/") for name in missing)
