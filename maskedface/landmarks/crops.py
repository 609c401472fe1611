"""Writes face crops: warped to one alignment and size, in the folder structure of the images."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping

from PIL import Image

from maskedface import geometry
from maskedface.atomic_file import atomic_write, write_json
from maskedface.datasets import Face, FaceIndex, face_source, write_manifest
from maskedface.datasets.aligned_faces import read_aligned_face
from maskedface.datasets.face_index import Exclusion
from maskedface.datasets.face_places import is_placed
from maskedface.images.in_threads import read_many
from maskedface.images.reading import image_or_reason

MANIFEST = "manifest.csv"
_RECORD = "crops.json"  # marks a folder that may be overwritten, and whether it is complete
_JPEG = (".jpg", ".jpeg")


def write_crops(
    index: FaceIndex,
    folder: str | os.PathLike[str],
    *,
    alignment: str = "arcface",
    size: int = 112,
    protocols: Mapping[str, Mapping[str, FaceIndex]] | None = None,
    progress: bool = False,
) -> FaceIndex:
    """Writes a crop of each row's face, if it has landmarks or an alignment, and a manifest.

    A crop has its image's path, relative to `folder`: a JPEG (quality 95, no chroma subsampling) if
    the image is one by its extension, else a PNG, with `.png` appended to other extensions.
    `folder/manifest.csv` is written last and states the alignment; without it the crops are
    incomplete.

    Args:
        index: the rows; those without landmarks or alignment get no crop.
        folder: the output folder; created if needed, else it must be empty or have earlier crops,
            which are overwritten.
        alignment: the crops' alignment, a key of `geometry.ALIGNMENTS`.
        size: int >= 1, the crops' height and width in pixels.
        protocols: as for `datasets.write_manifest`; rows without a crop are left out.
        progress: whether to show a progress bar on stderr.

    Returns:
        A `FaceIndex` of the crops, with root `folder` and without landmarks; rows without a crop
        are in its `excluded`, with the reason.

    Raises:
        ValueError: if the alignment is unknown, the size is below 1, the folder overlaps with the
            images' or has other files, a row's path leaves its root, or two rows have the same
            crop.
        OSError: if a crop or the manifest cannot be written.

    >>> from maskedface import landmarks, synthetic
    >>> index = synthetic.draw_people("drawn", people=1, photos=1)  # its rows state where faces lie
    >>> crops = landmarks.write_crops(index, "crops", alignment="vggface2", size=64)
    >>> len(crops), crops.faces[0].alignment
    (2, 'vggface2')
    """
    folder = os.fspath(folder)
    check_crops(index, folder, alignment=alignment, size=size)
    placed = [face for face in index.faces if is_placed(face)]
    os.makedirs(folder, exist_ok=True)
    _record(folder, alignment, size, finished=False)
    if os.path.exists(os.path.join(folder, MANIFEST)):
        os.remove(
            os.path.join(folder, MANIFEST)
        )  # it would not match crops that are partly overwritten
    write = functools.partial(_write, index.root, folder, alignment, size)
    reasons = read_many(write, placed, label="writing crops", progress=progress and bool(placed))
    why = {face.path: reason for face, reason in zip(placed, reasons, strict=True)}
    done = {path for path, reason in why.items() if not reason}
    gone = [
        Exclusion(face.path, why.get(face.path, "no face was found"))
        for face in index.faces
        if face.path not in done
    ]
    made = _moved(index, folder, alignment, done, gone)
    parts = {
        column: {part: _moved(rows, folder, alignment, done) for part, rows in of.items()}
        for column, of in (protocols or {}).items()
    }
    write_manifest(os.path.join(folder, MANIFEST), made, parts)
    _record(folder, alignment, size, finished=True)
    return made


def check_crops(
    index: FaceIndex, folder: str | os.PathLike[str], *, alignment: str, size: int
) -> None:
    """Makes the checks of `write_crops` before anything is detected or written.

    Args:
        index, folder, alignment, size: as for `write_crops`.

    Raises:
        ValueError: if the alignment is unknown, the size is below 1, the folder overlaps with the
            images' or has other files, a row's path leaves its root, or two rows have the same
            crop.
    """
    geometry.alignment_points(alignment, 1, 1)
    if size < 1:
        raise ValueError(f"size must be at least 1. Received: size={size}")
    folder, root = os.path.realpath(folder), os.path.realpath(index.root)
    if os.path.commonpath([folder, root]) in (folder, root):
        raise ValueError(
            "folder must be outside the images' folder, and must not contain it. "
            f"Received: folder={folder!r}, images in {root!r}"
        )
    if os.path.lexists(folder) and not os.path.isdir(folder):
        raise ValueError(f"folder must be a folder. Received: folder={folder!r}, a file")
    others = os.listdir(folder) if os.path.isdir(folder) else []
    if others and _RECORD not in others:
        raise ValueError(
            f"folder must be empty or have earlier crops, with their {_RECORD}. "
            f"Received: folder={folder!r} with {sorted(others)[:3]}"
        )
    targets: dict[str, str] = {}
    for face in index.faces:
        if os.path.isabs(face.path) or ".." in face.path.split("/"):
            raise ValueError(
                "a row's path must be inside its root, as the crop has the same path. "
                f"Received: path={face.path!r}"
            )
        other = targets.setdefault(crop_path(face.path), face.path)
        if other != face.path:
            raise ValueError(
                f"rows must have different crops. Received: path={other!r} and {face.path!r}"
            )


def crop_path(path: str) -> str:
    """The path of an image's crop, relative to the crops' folder.

    Args:
        path: the image's path, relative to its root.
    """
    return path if path.lower().endswith((*_JPEG, ".png")) else f"{path}.png"


def _write(root: str, folder: str, alignment: str, size: int, face: Face) -> str:
    """Writes a row's crop. Returns why it has none, or ""."""
    source, file = face_source(face), os.path.join(root, face.path)
    chip = image_or_reason(
        lambda: read_aligned_face(file, size=size, alignment=alignment, source=source)
    )
    if isinstance(chip, str):
        return chip
    path = os.path.join(folder, crop_path(face.path))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with atomic_write(path) as partial:
        # PNG ignores the JPEG options.
        Image.fromarray(chip).save(partial, quality=95, subsampling=0)
    return ""


def _record(folder: str, alignment: str, size: int, *, finished: bool) -> None:
    facts = {"alignment": alignment, "size": size, "finished": finished}
    write_json(os.path.join(folder, _RECORD), facts)


def _moved(
    index: FaceIndex,
    folder: str,
    alignment: str,
    done: set[str],
    gone: list[Exclusion] | None = None,
) -> FaceIndex:
    """The rows that have crops, as rows of the crops."""
    faces = (
        face._replace(path=crop_path(face.path), alignment=alignment, landmarks=None)
        for face in index.faces
        if face.path in done
    )
    return FaceIndex(folder, faces, gone or ())
