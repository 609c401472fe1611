"""One function a folder layout; each lists names, opens no file and makes a `FaceIndex`."""

from __future__ import annotations

import os
from collections.abc import Iterator

from maskedface.datasets.face_index import Domain, Exclusion, Face, FaceIndex

# The spellings met in RMFRD's copies (.jpg, .JPG, .jpeg, .JPEG, .png) and what phones write beside
# them. The name only decides what is listed: what a file holds is decided by its content.
IMAGE_EXTENSIONS = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff"}
)

# Folder names of the released archive, lower case
# (github.com/X-zhangyang/Real-World-Masked-Face-Dataset).
RMFRD_FOLDERS: dict[str, Domain] = {
    "afdb_masked_face_dataset": "masked",
    "afdb_face_dataset": "unmasked",
}


def rmfrd(root: str | os.PathLike[str], *, alignment: str = "") -> FaceIndex:
    """Lists a copy of RMFRD, the Real-world Masked Face Recognition Dataset, or a set laid out so.

    Both `AFDB_masked_face_dataset/<person>/*` and `AFDB_face_dataset/<person>/*` are found at any
    depth below `root`, also where a copy holds a folder twice inside itself. The person is the
    folder below the innermost AFDB folder. Files whose name is no image name are listed in
    `excluded`. The photo of an image is unknown (see `datasets.with_photo_groups`).

    Args:
        root: the folder that holds the two AFDB folders, or any folder above.
        alignment: name of the five-point alignment all images are aligned to; "" = unknown, which
            is true of RMFRD as released.

    Returns:
        A `FaceIndex` of both domains.

    Raises:
        FileNotFoundError: if `root` is no folder.
        ValueError: if neither AFDB folder holds an image.
    """
    faces: list[Face] = []
    excluded: list[Exclusion] = []
    for folder, names in walk(root):
        _note_folder(folder, excluded)
        parts = folder.split("/")
        depths = [i for i, part in enumerate(parts) if part.lower() in RMFRD_FOLDERS]
        if not depths:
            continue
        domain = RMFRD_FOLDERS[parts[depths[-1]].lower()]
        person = parts[depths[-1] + 1] if depths[-1] + 1 < len(parts) else ""
        for name in names:
            _sort_in(f"{folder}/{name}", person, domain, alignment, faces, excluded)
    if not faces:
        raise ValueError(
            "root must hold AFDB_masked_face_dataset/<person>/ or AFDB_face_dataset/<person>/ "
            f"with images in it. Received: root={os.fspath(root)!r}"
        )
    return FaceIndex(root, faces, excluded)


def people_folder(
    root: str | os.PathLike[str], domain: Domain, *, alignment: str = ""
) -> FaceIndex:
    """Lists a folder of people, `<root>/<person>/**/<image>`, all of one domain.

    Join two with `+` to get both domains:
    `people_folder("bare", domain="unmasked") + people_folder("masks", domain="masked")`.

    Args:
        root: the folder whose sub-folders are the people.
        domain: "masked" or "unmasked".
        alignment: name of the five-point alignment all images are aligned to; "" = unknown.

    Returns:
        A `FaceIndex`; images directly in `root` belong to nobody and are in `excluded`.

    Raises:
        FileNotFoundError: if `root` is no folder.
        ValueError: if no sub-folder holds an image, or `domain` is neither.
    """
    faces: list[Face] = []
    excluded: list[Exclusion] = []
    for folder, names in walk(root):
        _note_folder(folder, excluded)
        person = folder.split("/")[0]
        for name in names:
            path = f"{folder}/{name}" if folder else name
            _sort_in(path, person, domain, alignment, faces, excluded)
    if not faces:
        raise ValueError(
            "root must hold one folder a person with images in it. "
            f"Received: root={os.fspath(root)!r}"
        )
    return FaceIndex(root, faces, excluded)


def _note_folder(folder: str, excluded: list[Exclusion]) -> None:
    if os.path.splitext(folder)[1].lower() in IMAGE_EXTENSIONS:
        excluded.append(Exclusion(folder, "a folder with an image's name"))


def _sort_in(
    path: str,
    person: str,
    domain: Domain,
    alignment: str,
    faces: list[Face],
    excluded: list[Exclusion],
) -> None:
    if os.path.splitext(path)[1].lower() not in IMAGE_EXTENSIONS:
        excluded.append(Exclusion(path, "not an image name"))
    elif not person:
        excluded.append(Exclusion(path, "in no person's folder"))
    else:
        faces.append(Face(path, person, domain, "", alignment))


def walk(root: str | os.PathLike[str]) -> Iterator[tuple[str, list[str]]]:
    """Lists a folder and all below, in the names' order.

    Links are followed once: a link back to a folder already seen would never end.

    Args:
        root: the folder.

    Yields:
        (folder relative to root with `/`, "" for root itself; its file names, sorted).

    Raises:
        FileNotFoundError: if `root` is no folder.
        OSError: if a folder cannot be listed: its files would be missing without a word.
    """

    def surface(error: OSError) -> None:
        raise error

    if not os.path.isdir(root):
        raise FileNotFoundError(f"root must be a folder. Received: root={os.fspath(root)!r}")
    seen: set[tuple[int, int]] = set()
    for folder, folders, names in os.walk(os.fspath(root), onerror=surface, followlinks=True):
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders.sort()
        relative = os.path.relpath(folder, root).replace(os.sep, "/")
        yield "" if relative == "." else relative, sorted(names)
