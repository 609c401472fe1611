"""One function per folder layout; each makes a `FaceIndex` of file names, without opening files."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from maskedface.datasets.face_index import Domain, Exclusion, Face, FaceIndex
from maskedface.datasets.person_names import name_key
from maskedface.images.formats import has_image_name, is_tools

# Folder names of the released archive, lower case
# (github.com/X-zhangyang/Real-World-Masked-Face-Dataset).
RMFRD_FOLDERS: dict[str, Domain] = {
    "afdb_masked_face_dataset": "masked",
    "afdb_face_dataset": "unmasked",
}

# Names (by `name_key`) of folders that contain people and are none: parts of a split, and domains.
_PARTS = frozenset(
    {
        *("train", "training", "trainset", "val", "valid", "validation", "dev", "test", "testing"),
        *("testset", "eval", "gallery", "probe", "probes", "query"),
    }
)
_DOMAINS = frozenset({"masked", "unmasked", "mask", "nomask", "withmask", "withoutmask"})


class Folder(NamedTuple):
    """The contents of one folder.

    Attributes:
        path: str, relative to the root, with `/` between folders; "" is the root itself.
        files: list of str, the names of its files, sorted.
        loops: list of str, the names of links to a parent folder, which are not followed.
    """

    path: str
    files: list[str]
    loops: list[str]

    def inside(self, name: str) -> str:
        """The path of one of its files, relative to the root."""
        return f"{self.path}/{name}" if self.path else name


class _Home(NamedTuple):
    """The person's folder that a folder belongs to ("" = none), and the reason if there is none."""

    folder: str
    domain: Domain
    nobody: str = "not in a person's folder"

    @property
    def person(self) -> str:
        # macOS folders and keyboards write the same name in two forms of Unicode.
        return unicodedata.normalize("NFC", self.folder.rpartition("/")[2])


def rmfrd(root: str | os.PathLike[str], *, alignment: str = "") -> FaceIndex:
    """Lists a copy of RMFRD, the Real-world Masked Face Recognition Dataset, or a data set with the
    same layout.

    Both `AFDB_masked_face_dataset/<person>/*` and `AFDB_face_dataset/<person>/*` are found at any
    depth below `root`, even if a copy contains a folder nested inside itself. The person is the
    folder below the innermost AFDB folder. The source photo of an image is unknown (see
    `datasets.with_photo_groups`).

    >>> from maskedface import datasets, synthetic
    >>> drawn = synthetic.draw_people("drawn", people=2, photos=3, masked_photos=2, size=32)
    >>> index = datasets.rmfrd("drawn")
    >>> len(index.only("unmasked")), index.with_at_least(2, "masked").people
    (6, ('person_0000', 'person_0001'))

    Args:
        root: the folder that contains the two AFDB folders, or any folder above it.
        alignment: name of the five-point alignment of all images; "" = unknown, which holds for
            RMFRD as released.

    Returns:
        A `FaceIndex` of both domains. Every other file, every person's folder without images and
        every link that is not followed is listed in `excluded`, with the reason.

    Raises:
        FileNotFoundError: if `root` is not a folder.
        ValueError: if neither AFDB folder contains an image; the message suggests how to read it.
    """

    def home(folder: str) -> _Home:
        inner = _rmfrd_folder(folder)
        if not inner:
            return _Home("", "unmasked", "in no AFDB folder")
        person = folder[len(inner) + 1 :].split("/")[0]
        domain = RMFRD_FOLDERS[inner.rpartition("/")[2].lower()]
        return _Home(f"{inner}/{person}" if person else "", domain)

    index = _listed(root, walk(root), home, alignment)
    if not len(index):
        check_people(root)
        raise ValueError(
            "root must contain AFDB_masked_face_dataset/<person>/ or AFDB_face_dataset/<person>/ "
            f"with images. Received: root={os.fspath(root)!r}. For one folder per person, use "
            "datasets.people_folder (--data FOLDER --domain masked or unmasked)"
        )
    return index


def people_folder(
    root: str | os.PathLike[str], domain: Domain, *, alignment: str = ""
) -> FaceIndex:
    """Lists a folder of people, `<root>/<person>/**/<image>`, all of one domain.

    Add two indexes to get both domains:
    `people_folder("unmasked", domain="unmasked") + people_folder("masks", domain="masked")`.

    >>> from maskedface import datasets, synthetic
    >>> drawn = synthetic.draw_people("drawn", people=2, photos=3, masked_photos=2, size=32)
    >>> unmasked = datasets.people_folder("drawn/AFDB_face_dataset", domain="unmasked")
    >>> masked = datasets.people_folder("drawn/AFDB_masked_face_dataset", domain="masked")
    >>> len(unmasked + masked)
    10

    Args:
        root: the folder with one subfolder per person.
        domain: "masked" or "unmasked".
        alignment: name of the five-point alignment of all images; "" = unknown.

    Returns:
        A `FaceIndex`. Images directly in `root` belong to no person; they, every other file, every
        person's folder without images and every link that is not followed are listed in
        `excluded`, with the reason.

    Raises:
        FileNotFoundError: if `root` is not a folder.
        ValueError: if no subfolder contains an image, `domain` is unknown, or as `check_people`.
    """
    folders = list(walk(root))
    check_people(root, folders)
    index = _listed(root, folders, lambda folder: _Home(folder.split("/")[0], domain), alignment)
    if not len(index):
        raise ValueError(
            "root must contain one folder per person, with images. "
            f"Received: root={os.fspath(root)!r}"
        )
    return index


def check_people(root: str | os.PathLike[str], folders: Iterable[Folder] | None = None) -> None:
    """Rejects a folder whose subfolders are not people but RMFRD's two folders, the parts of a
    split, or the domains.

    Args:
        root: the folder.
        folders: the result of `walk(root)`, if already known.

    Raises:
        FileNotFoundError: if `root` is not a folder.
        ValueError: if it has such a layout; the message suggests how to read it.
    """
    paths = [
        folder.path
        for folder in (walk(root) if folders is None else folders)
        if folder.path and not is_tools(folder.path) and any(map(has_image_name, folder.files))
    ]
    inner = sorted({at for path in paths if (at := _rmfrd_folder(path))})
    if inner:
        _refuse(root, inner, "RMFRD's folders", "or read both with --data {root} and no --domain")
    top = sorted({path.split("/")[0] for path in paths})
    # A single folder of such a name may be a person, unless it contains folders.
    several = len(top) > 1 or any("/" in path for path in paths)
    names = {name_key(name) for name in top}
    if top and several and names <= _PARTS:
        _refuse(
            root, top, "a split's parts", "with its --domain; to use a split, list it in a manifest"
        )
    if top and several and names <= _DOMAINS:
        _refuse(root, top, "the domains", "with its --domain")


def _refuse(root: str | os.PathLike[str], folders: list[str], what: str, hint: str) -> None:
    root = os.fspath(root)
    raise ValueError(
        "root must contain one folder per person. "
        f"Received: root={root!r} with {what} {folders[:3]}. "
        f"Pass one of them, such as {os.path.join(root, folders[0])!r}; {hint.format(root=root)}"
    )


def _rmfrd_folder(path: str) -> str:
    """The innermost AFDB folder on the path; "" if there is none."""
    parts = path.split("/")
    depths = [depth for depth, part in enumerate(parts, 1) if part.lower() in RMFRD_FOLDERS]
    return "/".join(parts[: depths[-1]]) if depths else ""


def _listed(
    root: str | os.PathLike[str],
    folders: Iterable[Folder],
    home_of: Callable[[str], _Home],
    alignment: str,
) -> FaceIndex:
    faces: list[Face] = []
    excluded: list[Exclusion] = []
    homes: set[str] = set()
    for folder in folders:
        home = home_of(folder.path)
        if home.folder and not is_tools(folder.path):
            homes.add(home.folder)
        if has_image_name(folder.path):
            excluded.append(Exclusion(folder.path, "a folder named like an image"))
        for name in folder.loops:
            excluded.append(Exclusion(folder.inside(name), "a link to a parent folder"))
        person = home.person  # one string for all of its rows
        for path in map(folder.inside, folder.files):
            reason = _reason(path, home)
            if reason:
                excluded.append(Exclusion(path, reason))
            else:
                faces.append(Face(path, person, home.domain, "", alignment))
    homes -= {home_of(os.path.dirname(face.path)).folder for face in faces}
    excluded += [Exclusion(path, "a person's folder without images") for path in homes]
    return FaceIndex(root, faces, excluded)


def _reason(path: str, home: _Home) -> str:
    """The reason why a file is not listed as a person's image; "" if it is."""
    if is_tools(path):
        return "a file of the operating system or a tool"
    if not has_image_name(path):
        return "no image file extension"
    return "" if home.folder else home.nobody


def walk(root: str | os.PathLike[str]) -> Iterator[Folder]:
    """Lists a folder and all folders below it, sorted by name.

    Links to folders are followed, except links to a parent folder, which would never end.

    Args:
        root: the folder.

    Yields:
        A `Folder` for each.

    Raises:
        FileNotFoundError: if `root` is not a folder.
        OSError: if a folder cannot be listed; otherwise its files would be dropped silently.
    """

    def surface(error: OSError) -> None:
        raise error

    if not os.path.isdir(root):
        raise FileNotFoundError(f"root must be a folder. Received: root={os.fspath(root)!r}")
    root = os.fspath(root)
    above = {root: {os.path.realpath(root)}}  # of each folder: itself and all it lies in
    for folder, folders, names in os.walk(root, onerror=surface, followlinks=True):
        chain = above.pop(folder)
        inner = {name: os.path.realpath(os.path.join(folder, name)) for name in sorted(folders)}
        loops = [name for name, place in inner.items() if place in chain]
        folders[:] = [name for name in inner if name not in loops]
        above |= {os.path.join(folder, name): chain | {inner[name]} for name in folders}
        relative = os.path.relpath(folder, root).replace(os.sep, "/")
        yield Folder("" if relative == "." else relative, sorted(names), loops)
