"""The table behind every data set: each image's person, domain and source photograph."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, get_args

import numpy as np

from maskedface.checks import check_least
from maskedface.datasets.index_summary import index_facts
from maskedface.datasets.landmarks import Landmarks
from maskedface.datasets.person_names import name_key
from maskedface.names import did_you_mean
from maskedface.reprs import html_table

Domain = Literal["masked", "unmasked"]
DOMAINS: tuple[Domain, ...] = get_args(Domain)


class Face(NamedTuple):
    """One image of one person: a row of a `FaceIndex`.

    >>> from maskedface import datasets
    >>> face = datasets.Face("anna/1.jpg", "anna", "masked", alignment="arcface")
    >>> face._replace(photo="anna/1").photo
    'anna/1'

    Attributes:
        path: str, relative to the index's root, with `/` between folders. Names that do not decode
            are kept with `surrogateescape`, so `os.fsencode` restores the file's original bytes.
        person: str, the person shown: the class label in closed-set identification.
        domain: "masked" or "unmasked".
        photo: str, the photograph the image was made from ("" = unknown). Images made from the same
            photo, for instance by drawing several masks on it, share this value.
        alignment: str, the name of the five-point alignment (`maskedface.geometry.ALIGNMENTS`) of
            the image ("" = unknown: the whole image is used, unaligned).
        landmarks: `Landmarks`, the five facial landmarks (None = not searched for, or not found).
            Known landmarks take precedence over `alignment` when the image is warped.
    """

    path: str
    person: str
    domain: Domain
    photo: str = ""
    alignment: str = ""
    landmarks: Landmarks | None = None


class Exclusion(NamedTuple):
    """A file excluded from the index, with the reason: (path relative to the root, reason)."""

    path: str
    reason: str


@dataclass(frozen=True)
class FaceIndex:
    """A frozen table of faces, sorted by path.

    >>> from maskedface import datasets
    >>> faces = [datasets.Face("anna/1.jpg", "anna", "masked"), datasets.Face("b.jpg", "bo", "unmasked")]
    >>> index = datasets.FaceIndex("photos", faces)
    >>> index.people, index.labels().tolist(), len(index.only("masked"))
    (('anna', 'bo'), [0, 1], 1)

    Args:
        root: str or path, the folder that the rows' paths are relative to.
        faces: iterable of `Face`, in any order.
        excluded: iterable of `Exclusion`, the files that a reader skipped. No file is dropped
            without an entry here; `audit` prints them.

    Raises:
        ValueError: if a domain is not "masked" or "unmasked", a person is "", landmarks are neither
            `Landmarks` nor None, or a path occurs twice.
    """

    root: str
    faces: tuple[Face, ...]
    excluded: tuple[Exclusion, ...] = ()

    def __init__(
        self,
        root: str | os.PathLike[str],
        faces: Iterable[Face],
        excluded: Iterable[Exclusion] = (),
    ) -> None:
        rows = tuple(sorted(faces, key=lambda face: face.path))
        for face in rows:
            if face.domain not in DOMAINS:
                raise ValueError(
                    f"domain must be one of {DOMAINS}. "
                    f"Received: domain={face.domain!r} for path={face.path!r}"
                    f"{did_you_mean(face.domain, DOMAINS)}"
                )
            if not face.person:
                raise ValueError(f"person must not be empty. Received: path={face.path!r}")
            if not isinstance(face.landmarks, Landmarks | None):
                raise ValueError(
                    "landmarks must be datasets.Landmarks or None. "
                    f"Received: landmarks={face.landmarks!r} for path={face.path!r}"
                )
        for first, second in itertools.pairwise(rows):
            if first.path == second.path:
                raise ValueError(f"path must occur once. Received twice: path={first.path!r}")
        object.__setattr__(self, "root", os.fspath(root))
        object.__setattr__(self, "faces", rows)
        object.__setattr__(self, "excluded", tuple(sorted(excluded)))

    def __len__(self) -> int:
        return len(self.faces)

    def __repr__(self) -> str:
        """A one-line summary; the rows themselves are in `faces`."""
        kinds = ", ".join(f"{len(self.only(domain))} {domain}" for domain in DOMAINS)
        return (
            f"<FaceIndex of {len(self)} images of {len(self.people)} people in {self.root!r}: {kinds}; "
            f"{len(self.excluded)} files left out>"
        )

    def summary(self, print_fn: Callable[[str], object] = print) -> None:
        """Prints a summary: people, masked and unmasked images, the people with the fewest and the
        most images, folders, how faces are located, and the excluded files.

        >>> from maskedface import datasets
        >>> datasets.FaceIndex("photos", [datasets.Face("anna/1.jpg", "anna", "masked")]).summary()
        folder             photos
        people             1, 0 of them with masked and unmasked images
        images             1: 1 masked, 0 unmasked
        images per person  1.0; fewest 1 (anna), most 1 (anna)
        folders            anna 1
        faces              0 located by landmarks, 0 by a stated alignment, 1 not located

        Args:
            print_fn: callable, called with each line.
        """
        for what, words in index_facts(self).items():
            print_fn(f"{what:<19}{words}")

    def _repr_html_(self) -> str:
        return html_table((), index_facts(self).items(), caption="FaceIndex")

    def __add__(self, other: FaceIndex) -> FaceIndex:
        """The rows of both indexes in one, relative to the common parent folder of their roots."""
        if self.root == other.root:
            return FaceIndex(self.root, self.faces + other.faces, {*self.excluded, *other.excluded})
        root = os.path.commonpath([os.path.abspath(self.root), os.path.abspath(other.root)])
        return self.relative_to(root) + other.relative_to(root)

    def relative_to(self, root: str | os.PathLike[str]) -> FaceIndex:
        """The same files with paths relative to another folder, which contains this root."""
        prefix = os.path.relpath(self.root, root).replace(os.sep, "/")

        def move(path: str) -> str:
            return path if prefix == "." else f"{prefix}/{path}"

        return FaceIndex(
            root,
            (face._replace(path=move(face.path)) for face in self.faces),
            (gone._replace(path=move(gone.path)) for gone in self.excluded),
        )

    @property
    def people(self) -> tuple[str, ...]:
        """The people's names, sorted: the classes, in label order."""
        return tuple(sorted({face.person for face in self.faces}))

    @property
    def paths(self) -> tuple[str, ...]:
        """The rows' full paths: the root joined to each row's path."""
        return tuple(os.path.join(self.root, face.path) for face in self.faces)

    @property
    def masked(self) -> np.ndarray:
        """Whether each row's domain is "masked": bool array, shape (rows,)."""
        return np.array([face.domain == "masked" for face in self.faces], bool)

    def labels(self, classes: Sequence[str] | None = None) -> np.ndarray:
        """The rows' class labels.

        Args:
            classes: the people in label order; by default this index's own `people`.

        Returns:
            int32 array, shape (rows,), values in [0, len(classes)).

        Raises:
            ValueError: if a row's person is not in `classes`.
        """
        number = {person: label for label, person in enumerate(classes or self.people)}
        unknown = sorted({face.person for face in self.faces} - set(number))
        if unknown:
            raise ValueError(
                "every person must be one of the classes. "
                f"Received: {len(unknown)} others, the first {unknown[:3]}"
            )
        return np.array([number[face.person] for face in self.faces], dtype="int32")

    def where(self, keep: Callable[[Face], bool]) -> FaceIndex:
        """The rows for which `keep(face)` is true, as a new index; `excluded` is carried along."""
        return replace(self, faces=tuple(face for face in self.faces if keep(face)))

    def only(self, domain: Domain) -> FaceIndex:
        """The rows of one domain.

        Args:
            domain: "masked" or "unmasked".

        Raises:
            ValueError: for any other domain.
        """
        if domain not in DOMAINS:
            raise ValueError(
                f"domain must be one of {DOMAINS}. "
                f"Received: domain={domain!r}{did_you_mean(domain, DOMAINS)}"
            )
        return self.where(lambda face: face.domain == domain)

    def without(self, people: Iterable[str]) -> FaceIndex:
        """The rows of all other people.

        Args:
            people: names, such as `datasets.MFR2_PEOPLE`. Case, spaces, `_` and `-` are ignored:
                "BenAffleck" matches "Ben_Affleck". Names that do not occur are ignored.
        """
        gone = {name_key(person) for person in people}
        return self.where(lambda face: name_key(face.person) not in gone)

    def people_in_both(self) -> FaceIndex:
        """The rows of the people who have at least one masked and one unmasked image."""
        both = {*self.only("masked").people} & {*self.only("unmasked").people}
        return self.where(lambda face: face.person in both)

    def with_at_least(self, count: int, domain: Domain | None = None) -> FaceIndex:
        """All rows of the people who have at least `count` images.

        Args:
            count: int >= 1.
            domain: "masked" or "unmasked" counts images of that domain only; None counts all. The
                paper selects people with at least 8 masked images (section IV).

        Raises:
            ValueError: if `count` is below 1 or `domain` is unknown.
        """
        check_least(count=(count, 1))
        counted = self if domain is None else self.only(domain)
        images = Counter(face.person for face in counted.faces)
        return self.where(lambda face: images[face.person] >= count)
