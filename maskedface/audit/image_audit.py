"""Finds problems in a data set by reading every file once; nothing is changed."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from maskedface.audit.domain_check import DomainCheck, suspect_domains
from maskedface.audit.file_facts import FileFacts, read_facts
from maskedface.datasets.face_index import DOMAINS, Exclusion, Face, FaceIndex
from maskedface.datasets.face_places import face_source, is_placed
from maskedface.images.in_threads import read_many
from maskedface.names import shown
from maskedface.reprs import short_repr

_SHOWN = 5  # rows of each list in the text; the JSON lists all


@dataclass(frozen=True)
class AuditReport:
    """Results of `audit_images`. Paths are relative to the index's root.

    Attributes:
        images, people: int, numbers of rows and people of the index.
        undecodable: (path, reason) for each file that cannot be used.
        excluded: (path, reason) for each file that the index excludes.
        duplicates: groups of paths with byte-identical files.
        duplicates_across_people: the groups with files of different people.
        duplicates_across_domains: the groups with files of both domains.
        only_in: {domain: people with images of that domain only}.
        single_image: people with a single image.
        per_person: {person: {"masked": images, "unmasked": images}}, the paper's Figure 4.
        sizes: {"width x height": images}, after the EXIF orientation, the most common first.
        turned: paths of images whose EXIF orientation rotates or mirrors them.
        misnamed: (path, format by content) if the file extension is of another format.
        blank: (path, "nearly black" or "nearly uniform") for blank images.
        unaligned: int, number of images without landmarks or alignment.
        domain_check: the `DomainCheck` with images that look like the other domain.
    """

    images: int
    people: int
    undecodable: tuple[Exclusion, ...]
    excluded: tuple[Exclusion, ...]
    duplicates: tuple[tuple[str, ...], ...]
    duplicates_across_people: tuple[tuple[str, ...], ...]
    duplicates_across_domains: tuple[tuple[str, ...], ...]
    only_in: dict[str, tuple[str, ...]]
    single_image: tuple[str, ...]
    per_person: dict[str, dict[str, int]]
    sizes: dict[str, int]
    turned: tuple[str, ...]
    misnamed: tuple[tuple[str, str], ...]
    blank: tuple[tuple[str, str], ...]
    unaligned: int
    domain_check: DomainCheck

    __repr__ = short_repr

    def to_json(self) -> dict[str, Any]:
        """Returns a JSON-serializable dict.

        Undecodable file names keep their surrogates, which JSON writes as `\\udcXX`, so that
        `os.fsencode` of the name read back is the original file name.
        """
        return dataclasses.asdict(self)

    def to_text(self) -> str:
        """A text summary: counts, and the first rows of each list."""
        masked = sum(counts["masked"] for counts in self.per_person.values())
        sizes = list(self.sizes.items())
        common = ", ".join(f"{size} ({count})" for size, count in sizes[:3])
        lines = [
            f"{self.images} images of {self.people} people: {masked} masked, "
            f"{self.images - masked} unmasked; alignment unknown for {self.unaligned}",
            f"sizes: {len(sizes)} different, most often {common}" if sizes else "sizes: none",
        ]
        across = (
            f", {len(self.duplicates_across_people)} groups of different people, "
            f"{len(self.duplicates_across_domains)} in both domains"
        )
        lists: list[tuple[str, Sequence[Any]]] = [
            ("files that cannot be used", self.undecodable),
            ("files excluded while listing", self.excluded),
            (f"groups of identical files ({self.copies} copies{across})", self.duplicates),
            ("groups of identical files of different people", self.duplicates_across_people),
            ("people with a single image", self.single_image),
            *(
                (f"people with {domain} images only", people)
                for domain, people in self.only_in.items()
            ),
            ("images rotated or mirrored by their EXIF orientation", self.turned),
            ("images with the wrong file extension", self.misnamed),
            ("nearly black or nearly uniform images", self.blank),
            (
                f"images whose domain label (masked or unmasked) may be wrong: {self._trust()}",
                self.domain_check.suspects,
            ),
        ]
        for title, rows in lists:
            lines.append(f"{len(rows)} {title}")
            lines += [f"    {_shown(row)}" for row in rows[:_SHOWN]]
            if len(rows) > _SHOWN:
                lines.append(f"    ... and {len(rows) - _SHOWN} more")
        return "\n".join(lines)

    @property
    def copies(self) -> int:
        """The number of redundant files: all but one of each group."""
        return sum(len(group) - 1 for group in self.duplicates)

    def _trust(self) -> str:
        check = self.domain_check
        if check.skipped:
            return f"not checked: {check.skipped}"
        unplaced = f"; {check.unplaced} without landmarks not checked" if check.unplaced else ""
        return (
            f"an estimate contradicts it, which agrees with {check.balanced_accuracy:.3f} of all "
            f"labels{unplaced}; inspect them before removing any"
        )


def audit_images(
    index: FaceIndex,
    *,
    progress: bool = True,
    check_domains: bool = True,
) -> AuditReport:
    """Reads every file of an index once and reports problems.

    >>> from maskedface import audit, synthetic
    >>> index = synthetic.draw_people("drawn", people=2, photos=2, size=32)
    >>> report = audit.audit_images(index, progress=False)
    >>> report.images, report.undecodable, report.copies
    (8, (), 0)

    Args:
        index: the rows.
        progress: whether to show a progress bar on stderr.
        check_domains: whether to look for images in the wrong domain (`suspect_domains`), among
            those with landmarks or an alignment.

    Returns:
        An `image_audit.AuditReport`: its attributes have the findings, `to_text()` a summary, and
        `to_json()` everything as a JSON-serializable dict. No file raises an error: each problem is
        a row of the report.
    """

    def read(face: Face) -> FileFacts:
        source = face_source(face) if check_domains and is_placed(face) else None
        return read_facts(os.path.join(index.root, face.path), source)

    facts = read_many(read, index.faces, label="reading", progress=progress)
    rows = list(zip(index.faces, facts, strict=True))
    good = [(face, fact) for face, fact in rows if not fact.problem]
    same = defaultdict(list)
    for face, fact in rows:
        if fact.digest:
            same[fact.digest].append(face)
    groups = sorted(group for group in same.values() if len(group) > 1)
    counts = Counter((face.person, face.domain) for face in index.faces)
    per_person = {
        person: {str(domain): counts[person, domain] for domain in DOMAINS}
        for person in index.people
    }
    sizes = Counter(f"{fact.width} x {fact.height}" for _, fact in good)

    def listed(name: str) -> list[tuple[str, Any]]:
        """The (path, value) of the files for which a fact is set."""
        found = ((face.path, getattr(fact, name)) for face, fact in rows)
        return [row for row in found if row[1]]

    return AuditReport(
        images=len(index),
        people=len(per_person),
        undecodable=tuple(Exclusion(*row) for row in listed("problem")),
        excluded=index.excluded,
        duplicates=_paths(groups),
        duplicates_across_people=_paths(g for g in groups if len({face.person for face in g}) > 1),
        duplicates_across_domains=_paths(g for g in groups if len({face.domain for face in g}) > 1),
        only_in={
            str(domain): tuple(p for p, n in per_person.items() if n[domain] == sum(n.values()))
            for domain in DOMAINS
        },
        single_image=tuple(person for person, n in per_person.items() if sum(n.values()) == 1),
        per_person=per_person,
        sizes=dict(sorted(sizes.items(), key=lambda item: (-item[1], item[0]))),
        turned=tuple(path for path, _ in listed("turned")),
        misnamed=tuple(listed("mismatch")),
        blank=tuple(listed("blank")),
        unaligned=sum(not is_placed(face) for face in index.faces),
        domain_check=suspect_domains([face for face, _ in good], [fact.masked for _, fact in good])
        if check_domains
        else DomainCheck(skipped="as requested"),
    )


def usable(index: FaceIndex, report: AuditReport) -> FaceIndex:
    """Returns the index without unusable files, which are moved to its `excluded`.

    >>> from maskedface import audit, synthetic
    >>> index = synthetic.draw_people("cut", people=2, photos=2, size=32)
    >>> open(index.paths[0], "wb").close()  # a file that lost its content
    >>> clean = audit.usable(index, audit.audit_images(index, progress=False))
    >>> len(clean), clean.excluded[0].reason
    (7, 'empty file')

    Args:
        index: the index that was audited.
        report: from `audit_images(index)`.

    Returns:
        A `FaceIndex` with the same root and the rows whose files can be decoded.
    """
    bad = {row.path for row in report.undecodable}
    kept = (face for face in index.faces if face.path not in bad)
    return FaceIndex(index.root, kept, (*index.excluded, *report.undecodable))


def _paths(groups: Iterable[Sequence[Face]]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(face.path for face in group) for group in groups)


def _shown(row: Any) -> str:
    """A row on one line."""
    parts = row if isinstance(row, tuple) else (row,)
    return "  ".join(shown(part) if isinstance(part, str) else f"{part:.2f}" for part in parts)
