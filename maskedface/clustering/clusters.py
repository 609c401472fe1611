"""What was found on unsorted photographs: faces, and the person that each may be."""

from __future__ import annotations

import collections
import dataclasses
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from maskedface.atomic_file import write_json
from maskedface.names import person_name
from maskedface.reprs import short_repr

_FORMAT = 1  # of the file
LONGEST_FOLDER = 255  # bytes of a folder's name, on the file systems in use
_NUMBERED = re.compile(r"(person|taken out) \d{3,}")
# What no folder may have in its name, on Windows and elsewhere. The page's JavaScript reads the same
# expression, so it must mean the same there.
NO_FOLDER = r'[/\\:*?"<>|\x00-\x1f]|^\.|\.$'
FOLDER_RULE = (
    'without / \\ : * ? " < > | and control characters, no dot first or last, '
    f"at most {LONGEST_FOLDER} bytes"
)


@dataclass(frozen=True)
class ClusteredFace:
    """A face on a photograph, and the person that it may be.

    Attributes:
        path: str, the photograph, absolute.
        sha256: str, of the file, 64 hexadecimal digits.
        box: (left, top, right, bottom) in pixels of the upright photograph.
        masked: float in [0, 1], the estimated probability of a mask.
        person: str, the person's name or the group's ("person 001"); "" for a face that is left out.

    >>> from maskedface import clustering
    >>> clustering.ClusteredFace("a.jpg", "0" * 64, (0.0, 0.0, 9.0, 9.0), 0.02, "Ada").person
    'Ada'
    """

    path: str
    sha256: str
    box: tuple[float, float, float, float]
    masked: float
    person: str


@dataclass(frozen=True, eq=False)
class Clusters:
    """Faces of unsorted photographs, grouped into people.

    Attributes:
        faces: tuple of `ClusteredFace`, by photograph.
        errors: {photograph: why it could not be read}.
        without_face: tuple of str, photographs without a face.
        nearest: {person: the most similar other one}, where there is one: who may be the same.
        settings: what they were grouped by: "far", float, the rate of false matches; "thresholds",
            {condition: cosine}; "source", str, whom the rate was measured on; "model", str.

    >>> from maskedface import clustering
    >>> face = clustering.ClusteredFace("a.jpg", "0" * 64, (0.0, 0.0, 9.0, 9.0), 0.02, "person 001")
    >>> clustering.Clusters((face,)).people
    {'person 001': 1}
    """

    faces: tuple[ClusteredFace, ...]
    errors: Mapping[str, str] = field(default_factory=dict)
    without_face: tuple[str, ...] = ()
    nearest: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    __repr__ = short_repr

    @property
    def people(self) -> dict[str, int]:
        """{person: number of faces}, the most frequent first; faces left out do not count."""
        counts = collections.Counter(face.person for face in self.faces if face.person)
        return dict(counts.most_common())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes them as JSON.

        Args:
            path: the file, replaced if it is there.

        Raises:
            OSError: if it cannot be written.
        """
        write_json(path, file_values(self))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Clusters:
        """Reads what `save` wrote, or the page after people were named.

        Args:
            path: the file.

        Raises:
            FileNotFoundError: if there is none.
            ValueError: if it is another file, of another version, or a name cannot be a folder's.
        """
        with open(path, "rb") as file:
            data = file.read()
        try:
            values = json.loads(data)
            if values["format"] != _FORMAT:
                raise ValueError(f"format must be {_FORMAT}. Received: format={values['format']!r}")
            faces = tuple(map(_face, values["faces"]))
            return cls(
                faces,
                {str(name): str(why) for name, why in values["errors"].items()},
                tuple(map(str, values["without_face"])),
                {str(one): str(other) for one, other in values["nearest"].items()},
                dict(values["settings"]),
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(
                f"the file must be one of `maskedface cluster`. Received: {os.fspath(path)!r}: "
                f"{type(error).__name__}: {error}"
            ) from error


def is_named(person: str) -> bool:
    """Whether somebody gave a person this name; "person 001" and the page's "taken out 001" are numbers."""
    return not _NUMBERED.fullmatch(person)


def file_values(clusters: Clusters) -> dict[str, Any]:
    """The values of a file of clusters."""
    return {"format": _FORMAT, **dataclasses.asdict(clusters)}


def _face(values: Mapping[str, Any]) -> ClusteredFace:
    left, top, right, bottom = map(float, values["box"])
    path, sha256 = values["path"], values["sha256"]
    if not (isinstance(path, str) and isinstance(sha256, str) and left < right and top < bottom):
        raise ValueError(f"a face must have path, sha256 and box. Received: {dict(values)}")
    person = folder_name(values["person"]) if values["person"] else ""
    return ClusteredFace(path, sha256, (left, top, right, bottom), float(values["masked"]), person)


def folder_name(name: str) -> str:
    """A person's name that can be a folder's.

    Args:
        name: str, as somebody spelled it.

    Returns:
        As `names.person_name`.

    Raises:
        ValueError: if it is no name, begins or ends with a dot, has one of / \\ : * ? " < > | or a
            control character, or takes more than 255 bytes.
    """
    kept = person_name(name)
    if re.search(NO_FOLDER, kept) or len(os.fsencode(kept)) > LONGEST_FOLDER:
        raise ValueError(f"a person's name must be a folder's: {FOLDER_RULE}. Received: {name!r}")
    return kept
