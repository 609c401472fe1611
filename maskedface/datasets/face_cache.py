"""Where decoded faces are cached: in memory, in a memory-mapped file or not at all, depending on
the free memory and disk space."""

from __future__ import annotations

import contextlib
import functools
import logging
import math
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Literal

import numpy as np

from maskedface.cache_folder import cache_folder
from maskedface.datasets.aligned_faces import read_aligned_faces, read_row
from maskedface.datasets.face_index import FaceIndex
from maskedface.images.in_threads import in_threads

# Our choices: the network and other programs need memory, too.
_SHARE = 0.5  # of the free memory that faces may take
_LEFT = 2**30  # bytes of a disk that are left free
_UNKNOWN = 2**32  # bytes: the free memory that is assumed if the system does not state it

_log = logging.getLogger("maskedface")


class StreamedFaces:
    """The faces of an index as a lazy array: each face is decoded on access.

    Args:
        index, size, alignment: as for `read_aligned_faces`.

    Attributes:
        shape: (rows, size, size, 3).
        dtype: uint8.
    """

    dtype = np.dtype("uint8")

    def __init__(self, index: FaceIndex, size: int, alignment: str) -> None:
        self._index, self._alignment = index, alignment
        self.shape = (len(index), size, size, 3)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        chosen = np.arange(len(self))[rows]
        faces = np.empty((len(chosen), *self.shape[1:]), "uint8")
        count = min(len(chosen), os.cpu_count() or 1)
        parts = np.array_split(np.arange(len(chosen)), count) if count else []
        in_threads(lambda part: self.read(chosen[part], faces[part[0] : part[-1] + 1]), parts)
        return faces

    def read(self, rows: np.ndarray, out: np.ndarray) -> None:
        """Decodes some rows in the calling thread.

        Args:
            rows: int array, shape (n,).
            out: uint8 array, shape (n, size, size, 3), which is filled.

        Raises:
            ImageError, OSError: as `read_aligned_faces`.
        """
        for row, face in zip(rows, out, strict=True):
            read_row(self._index, int(row), size=self.shape[1], alignment=self._alignment, out=face)


def cached_faces(
    index: FaceIndex,
    *,
    size: int,
    alignment: str,
    cache: Literal["auto", "memory"] | str | os.PathLike[str] = "auto",
    progress: bool = False,
) -> np.ndarray:
    """The faces of an index, cached where there is room for them.

    Args:
        index, size, alignment, progress: as for `read_aligned_faces`.
        cache: "memory"; a folder, where they are kept for the next run; or "auto": in memory if
            they take at most half of the free memory; else in a memory-mapped file in the user's
            cache folder, deleted together with the array, if 1 GiB of that disk remains free; else
            not at all, so that each face is decoded again in every epoch.

    Returns:
        uint8, shape (rows, size, size, 3): an array, or a `StreamedFaces` if nothing is cached,
        which offers the part of the array interface that training needs: shape, length, and
        indexing by a slice or an integer array.

    Raises:
        ImageError, OSError: as `read_aligned_faces`.
    """
    read = functools.partial(
        read_aligned_faces, index, size=size, alignment=alignment, progress=progress
    )
    if cache != "auto":
        return read(cache=None if cache == "memory" else cache)
    place = place_for(3 * len(index) * size**2, cache_folder())
    if place == "memory":
        return read()
    if place == "nowhere":
        return StreamedFaces(index, size, alignment)  # type: ignore[return-value]
    return read(out=_mapped((len(index), size, size, 3)))


def _mapped(shape: tuple[int, ...]) -> np.ndarray:
    """Zeros in an unnamed file, which vanishes with the mapping even if this process is killed."""
    os.makedirs(cache_folder(), mode=0o700, exist_ok=True)
    with tempfile.TemporaryFile(dir=cache_folder()) as file:
        # So that a full disk is an error here, and not a signal later.
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, math.prod(shape))
        return np.memmap(file, "uint8", "w+", shape=shape)


def place_for(size: int, folder: str) -> Literal["memory", "file", "nowhere"]:
    """Decides where decoded faces are cached.

    Args:
        size: int, the size of the faces in bytes.
        folder: the folder of a cache file; it need not exist.

    Returns:
        "memory", "file" or "nowhere"; the last two are logged.
    """
    free = free_memory()
    if size <= _SHARE * free:
        return "memory"
    disk = 0
    with contextlib.suppress(OSError):
        known = os.path.abspath(folder)
        while not os.path.isdir(known):
            known = os.path.dirname(known)
        disk = shutil.disk_usage(known).free
    place: Literal["file", "nowhere"] = "file" if size + _LEFT <= disk else "nowhere"
    where = f"caching in {folder!r}" if place == "file" else "decoding again in each epoch"
    _log.info("faces take %.1f GB, %.1f GB of memory are free: %s", size / 1e9, free / 1e9, where)
    return place


def free_memory() -> int:
    """Bytes of memory available to this process: the smaller of the system's available memory and
    what is left of its control group's limit (a container's)."""
    free = [_UNKNOWN]
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = [1024 * next(int(x.split()[1]) for x in lines if x.startswith("MemAvailable"))]
    with contextlib.suppress(OSError, ValueError):
        limit, used = (
            Path(f"/sys/fs/cgroup/memory.{name}").read_text() for name in ("max", "current")
        )
        free.append(max(0, int(limit) - int(used)))
    if sys.platform == "darwin":
        with contextlib.suppress(OSError, ValueError):
            free = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2]
    return min(free)
