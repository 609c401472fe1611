"""Found faces as files of their own: warped to one alignment and size, in the folders they lay in."""

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
from maskedface.images import ImageError
from maskedface.images.in_threads import read_many

MANIFEST = "manifest.csv"
_RECORD = "crops.json"  # says that a folder is ours to write over, and whether all crops are there
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
    """Writes the face of each row that says where it lies, and a manifest of them.

    A crop has its image's path, below `folder`: JPEG (quality 95, full color) where that ends so, else
    PNG, with `.png` behind any ending but its own. `folder/manifest.csv` comes last and states the
    alignment; while it is not there, nor are all crops.

    Args:
        index: the rows; those without landmarks and alignment get no crop.
        folder: where to; made where it is not there, else empty or crops of before, which are written over.
        alignment: what to warp to, a key of `geometry.ALIGNMENTS`.
        size: int >= 1, the crops' height and width in pixels.
        protocols: as for `datasets.write_manifest`; rows that get no crop are left out of them.
        progress: whether to draw a progress bar, on stderr.

    Returns:
        A `FaceIndex` of the crops, root `folder`, without landmarks; rows without a crop are in its
        `excluded`, with the reason.

    Raises:
        ValueError: for an unknown alignment, a size below 1, a folder that is, lies in or holds the images'
            own, or holds other files, a row's path that leads out of its root, or two rows with one crop.
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
        os.remove(os.path.join(folder, MANIFEST))  # it would state what half of the crops are not
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
    """Refuses what `write_crops` would, before anything is searched or written.

    Args:
        index, folder, alignment, size: as for `write_crops`.

    Raises:
        ValueError: for an unknown alignment, a size below 1, a folder that is, lies in or holds the images'
            own, or holds other files, a row's path that leads out of its root, or two rows with one crop.
    """
    geometry.alignment_points(alignment, 1, 1)
    if size < 1:
        raise ValueError(f"size must be at least 1. Received: size={size}")
    folder, root = os.path.realpath(folder), os.path.realpath(index.root)
    if os.path.commonpath([folder, root]) in (folder, root):
        raise ValueError(
            "folder must lie beside the images' own, neither in it nor round it. "
            f"Received: folder={folder!r}, images in {root!r}"
        )
    if os.path.lexists(folder) and not os.path.isdir(folder):
        raise ValueError(f"folder must be a folder. Received: folder={folder!r}, a file")
    others = os.listdir(folder) if os.path.isdir(folder) else []
    if others and _RECORD not in others:
        raise ValueError(
            f"folder must be empty or hold crops of before, with their {_RECORD}. "
            f"Received: folder={folder!r} with {sorted(others)[:3]}"
        )
    targets: dict[str, str] = {}
    for face in index.faces:
        if os.path.isabs(face.path) or ".." in face.path.split("/"):
            raise ValueError(
                "a row's path must lead below its root, as its crop lies there too. "
                f"Received: path={face.path!r}"
            )
        other = targets.setdefault(crop_path(face.path), face.path)
        if other != face.path:
            raise ValueError(
                f"a crop must be of one row. Received: path={other!r} and {face.path!r}"
            )


def crop_path(path: str) -> str:
    """Where an image's crop lies below the crops' folder.

    Args:
        path: the image's, below its root.
    """
    return path if path.lower().endswith((*_JPEG, ".png")) else f"{path}.png"


def _write(root: str, folder: str, alignment: str, size: int, face: Face) -> str:
    """Why a row has no crop; "" where it has one."""
    try:
        chip = read_aligned_face(
            os.path.join(root, face.path), size=size, alignment=alignment, source=face_source(face)
        )
    except (ImageError, OSError) as error:
        return str(error)
    path = os.path.join(folder, crop_path(face.path))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with atomic_write(path) as partial:
        # What says how a JPEG file is to be, a PNG file ignores.
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
    """The rows that have crops, as rows of these."""
    faces = (
        face._replace(path=crop_path(face.path), alignment=alignment, landmarks=None)
        for face in index.faces
        if face.path in done
    )
    return FaceIndex(folder, faces, gone or ())
