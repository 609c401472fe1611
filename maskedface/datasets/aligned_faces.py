"""Faces aligned to a model's input: decoded, upright, warped, kept as uint8 in memory or a file."""

from __future__ import annotations

import hashlib
import os

import numpy as np
from numpy.lib.format import open_memmap

from maskedface import geometry
from maskedface.atomic_file import allocate, atomic_write
from maskedface.datasets.face_index import FaceIndex
from maskedface.datasets.face_places import face_source
from maskedface.images.in_threads import read_many
from maskedface.images.reading import read_image
from maskedface.locks import make_once

_VERSION = 4  # of what a chip's pixels depend on; a change makes old cache files unused


def read_aligned_face(
    path: str | os.PathLike[str],
    *,
    size: int,
    alignment: str,
    source: geometry.Source = "",
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Reads one image file as a model's input: an aligned chip.

    Args:
        path: the image file.
        size: int, the chip's height and width in pixels.
        alignment: the alignment the model expects, a key of `geometry.ALIGNMENTS`.
        source: where the face is in the image (`face_source` of a row): five landmarks, float
            array, shape (5, 2), or the name of the image's own alignment; "" = unknown: the whole
            image becomes the chip.
        out: as for `geometry.warp`.

    Returns:
        uint8 array, shape (size, size, 3), RGB, 0-255.

    Raises:
        ImageError: if the file is not an image, is damaged, or is too large.
        OSError: if it cannot be read.
    """
    image = read_image(path, channels=4)
    matrix = geometry.chip_matrix(*image.shape[:2], source=source, target=alignment, size=size)
    return geometry.warp(image, matrix, size, out=out)


def read_aligned_faces(
    index: FaceIndex,
    *,
    size: int,
    alignment: str,
    cache: str | os.PathLike[str] | None = None,
    progress: bool = False,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Reads all faces of an index as aligned chips.

    >>> from maskedface import datasets, synthetic
    >>> index = synthetic.draw_people("drawn", people=2, photos=2, size=64)
    >>> datasets.read_aligned_faces(index, size=150, alignment="dlib").shape
    (8, 150, 150, 3)

    Args:
        index: N rows. Each is warped by its landmarks if it has any, else by its stated alignment;
            if neither is known, the whole image is used.
        size, alignment: as for `read_aligned_face`.
        cache: a folder for a cache file, or None for memory. The file's name is a hash of
            everything that determines its pixels (the rows and their landmarks, the files' sizes
            and modification times, size, alignment), so a changed image leads to a new cache file.
            The file is renamed when complete, so an interrupted run never leaves a partial one in
            use.
        progress: whether to show a progress bar.
        out: uint8 array, shape (N, size, size, 3), filled and returned if there is no `cache`; None
            allocates a new one.

    Returns:
        uint8 array, shape (N, size, size, 3), RGB, 0-255, in the order of the rows; with `cache`
        a read-only memory map of the file.

    Raises:
        ImageError: if a file is not an image, is damaged, or is too large; the message names it.
        OSError: if a file cannot be read, or the disk is full.
    """
    shape = (len(index), size, size, 3)

    def fill(chips: np.ndarray) -> np.ndarray:
        def read(row: int) -> None:
            read_row(index, row, size=size, alignment=alignment, out=chips[row])

        read_many(read, range(len(index)), label="reading faces", progress=progress)
        return chips

    if cache is None:
        return fill(np.empty(shape, "uint8") if out is None else out)
    path = os.path.join(os.fspath(cache), f"chips-{_key(index, size, alignment)}.npy")

    def make() -> None:
        with atomic_write(path) as partial:
            allocate(partial, lambda file: open_memmap(file, "w+", "uint8", shape))
            chips: np.memmap = open_memmap(partial, "r+")
            fill(chips)
            chips.flush()

    make_once(path, make, what="read faces")
    mapped: np.ndarray = np.load(path, mmap_mode="r")
    return mapped


def read_row(
    index: FaceIndex, row: int, *, size: int, alignment: str, out: np.ndarray | None = None
) -> np.ndarray:
    """Reads the image of one row of an index with `read_aligned_face`.

    Args:
        index: the rows.
        row: int, the row's number.
        size, alignment, out: as for `read_aligned_face`.

    Returns:
        uint8 array, shape (size, size, 3), RGB, 0-255.

    Raises:
        ImageError, OSError: as `read_aligned_face`.
    """
    face = index.faces[row]
    path = os.path.join(index.root, face.path)
    source = face_source(face)
    return read_aligned_face(path, size=size, alignment=alignment, source=source, out=out)


def _key(index: FaceIndex, size: int, alignment: str) -> str:
    digest = hashlib.blake2b(f"{_VERSION}\0{size}\0{alignment}".encode(), digest_size=16)
    for face, path in zip(index.faces, index.paths, strict=True):
        status = os.stat(path)
        source = face.alignment
        if face.landmarks is not None:
            source = f"{face.landmarks.points} {face.landmarks.pixel_aspect}"
        text = f"\0{path}\0{source}\0{status.st_size}\0{status.st_mtime_ns}"
        digest.update(text.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
