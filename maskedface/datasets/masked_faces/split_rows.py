"""The rows of each split, made with the library's own readers, selection and splits."""

from __future__ import annotations

import json
import os
from typing import Any, NamedTuple

from maskedface import audit, datasets
from maskedface.datasets.face_index import DOMAINS, Exclusion, FaceIndex
from maskedface.datasets.masked_faces.options import MaskedFacesConfig

# Where a set laid out as MLFW's keeps its rows and protocols.
MANIFEST = "protocols/manifest.csv"


class Parts(NamedTuple):
    """The rows selected by a configuration.

    Attributes:
        splits: {"train": index, ..}, without rows that cannot be decoded.
        undecodable: (path, reason) of the files that were left out because they cannot be decoded.
        excluded: (path, reason) of the files that the reader did not list as a person's image.
        missing: files of a published list that do not exist.
        pairs: (path, path, same person, fold) of a published list of pairs.
        lost_pairs: int, pairs left out because one of their files is missing or cannot be decoded.
    """

    splits: dict[str, FaceIndex]
    undecodable: tuple[Exclusion, ...] = ()
    excluded: tuple[Exclusion, ...] = ()
    missing: tuple[str, ...] = ()
    pairs: tuple[tuple[str, str, bool, int], ...] = ()
    lost_pairs: int = 0


def read_parts(root: str | os.PathLike[str], options: MaskedFacesConfig) -> Parts:
    """Reads a folder according to a configuration. Every image is decoded once, to find those that
    cannot be.

    Args:
        root: the folder with the source's files.
        options: the configuration.

    Returns:
        `Parts`.

    Raises:
        FileNotFoundError: if files of the layout are missing.
        ValueError: if the files have another format, a split would be empty, or the landmarks file
            has landmarks of none of the rows.
    """
    read = {"mfr2": _published_pairs, "mlfw": _protocol}.get(options.source, _by_rule)
    parts = _with_landmarks(read(root, options), options)
    splits = {
        name: index.where(lambda face: face.domain in (options.domains or DOMAINS))
        for name, index in parts.splits.items()
    }
    empty = [name for name, index in splits.items() if not len(index)]
    if empty:
        raise ValueError(
            f"every split must contain images. Received: none in {empty} with {options.options()}"
        )
    return parts._replace(splits=splits)


def _with_landmarks(parts: Parts, options: MaskedFacesConfig) -> Parts:
    if not options.landmarks:
        return parts
    first, *others = parts.splits.values()
    joined = datasets.apply_landmarks(sum(others, first), options.landmarks)
    row = {face.path: face for face in joined.faces}
    splits = {
        name: FaceIndex(index.root, (row[face.path] for face in index.faces), index.excluded)
        for name, index in parts.splits.items()
    }
    return parts._replace(splits=splits)


def _by_rule(root: str | os.PathLike[str], options: MaskedFacesConfig) -> Parts:
    read = _people if options.source == "people_folder" else datasets.rmfrd
    index, undecodable = _usable(read(root, alignment=options.alignment))
    selected = _selected(index, options)
    if options.split == "by_photo":
        selected = datasets.with_photo_groups(selected)
    split = getattr(datasets, f"split_{options.split}")
    train, test = split(selected, train_fraction=options.train_fraction, seed=options.seed)
    return Parts({"train": train, "test": test}, undecodable, index.excluded)


def _people(root: str | os.PathLike[str], *, alignment: str) -> FaceIndex:
    found = [
        datasets.people_folder(os.path.join(root, domain), domain, alignment=alignment)
        for domain in DOMAINS
        if os.path.isdir(os.path.join(root, domain))
    ]
    if not found:
        raise FileNotFoundError(
            "the folder must contain masked/<person>/ or unmasked/<person>/. "
            f"Received: {os.fspath(root)!r} with neither"
        )
    moved = [index.relative_to(root) for index in found]
    return moved[0] if len(moved) == 1 else moved[0] + moved[1]


def _protocol(root: str | os.PathLike[str], options: MaskedFacesConfig) -> Parts:
    parts = datasets.read_split(
        os.path.join(root, MANIFEST), str(options.protocol), root=root, alignment=options.alignment
    )
    found = {name: _usable(rows) for name, rows in parts.items()}
    splits = {name: _selected(index, options) for name, (index, _) in found.items()}
    return Parts(splits, tuple(row for _, bad in found.values() for row in bad))


def _published_pairs(root: str | os.PathLike[str], options: MaskedFacesConfig) -> Parts:
    found = datasets.read_pairs("mfr2", root, alignment=options.alignment)
    index, undecodable = _usable(found.index)
    bad = {row.path for row in undecodable}
    rows = zip(found.first, found.second, found.same, found.folds, strict=True)
    named = (
        (found.index.faces[a].path, found.index.faces[b].path, bool(same), int(fold))
        for a, b, same, fold in rows
    )
    pairs = tuple(pair for pair in named if not bad & set(pair[:2]))
    lost = found.lost + len(found.same) - len(pairs)
    return Parts({"test": index}, undecodable, (), found.missing, pairs, lost)


def _usable(index: FaceIndex) -> tuple[FaceIndex, tuple[Exclusion, ...]]:
    report = audit.audit_images(index, check_domains=False)
    bad = {row.path for row in report.undecodable}
    return index.where(lambda face: face.path not in bad), report.undecodable


def _selected(index: FaceIndex, options: MaskedFacesConfig) -> FaceIndex:
    if not options.min_masked:
        return index
    return index.people_in_both().with_at_least(options.min_masked, "masked")


def left_out(parts: Parts) -> dict[str, Any]:
    """What was left out of the splits and why, as plain JSON values for the metadata."""
    found = {name: value for name, value in parts._asdict().items() if name != "splits"}
    plain: dict[str, Any] = json.loads(json.dumps(found))
    return plain
