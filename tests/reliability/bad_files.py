"""Damaged, hostile and odd files in the places of images, made by mutation from drawn ones."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from tests.faces import draw_face


def mutate(path: Path, number: int) -> str:
    """Puts a file (or what looks like one) at a path; which kind and how it is broken the number says.

    Returns:
        The kind.
    """
    rng = np.random.default_rng(number)
    kind = list(_KINDS)[number % len(_KINDS)]
    _KINDS[kind](path, rng)
    return kind


def encoded(rng: np.random.Generator, kind: str, mode: str = "RGB", **options: object) -> bytes:
    face = Image.fromarray(draw_face(int(rng.integers(20)), 0, bool(rng.integers(2)))).resize(
        (64, 64)
    )
    file = io.BytesIO()
    face.convert(mode).save(file, kind, **options)
    return file.getvalue()


def any_image(rng: np.random.Generator) -> bytes:
    return encoded(rng, ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP")[int(rng.integers(6))])


def _truncated(path: Path, rng: np.random.Generator) -> None:
    data = any_image(rng)
    path.write_bytes(data[: int(rng.integers(1, len(data)))])


def _flipped(path: Path, rng: np.random.Generator) -> None:
    data = bytearray(any_image(rng))
    for place in rng.integers(0, len(data), int(rng.integers(1, 30))):
        data[place] ^= 1 << int(rng.integers(8))
    path.write_bytes(data)


def _header_flipped(path: Path, rng: np.random.Generator) -> None:
    data = bytearray(any_image(rng))
    for place in rng.integers(0, min(64, len(data)), int(rng.integers(1, 6))):
        data[place] = int(rng.integers(256))
    path.write_bytes(data)


def _wrong_magic(path: Path, rng: np.random.Generator) -> None:
    magic = (b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF", b"II*\0", b"BM")
    path.write_bytes(magic[int(rng.integers(6))] + any_image(rng)[8:])


def _bomb(path: Path, rng: np.random.Generator) -> None:
    side = int(rng.integers(10_000, 60_000))
    chunk = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    header = struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + struct.pack(">I", 100) + b"IDAT")


def _animated(path: Path, rng: np.random.Generator) -> None:
    frames = [Image.fromarray(rng.integers(0, 256, (64, 64, 3), np.uint8)) for _ in range(3)]
    frames[0].save(path, "GIF", save_all=True, append_images=frames[1:])


def _cmyk(path: Path, rng: np.random.Generator) -> None:
    path.write_bytes(encoded(rng, "JPEG", "CMYK"))


def _sixteen_bit(path: Path, rng: np.random.Generator) -> None:
    Image.fromarray(rng.integers(0, 65536, (64, 64), np.uint16)).save(path, "PNG")


def _turned(path: Path, rng: np.random.Generator) -> None:
    exif = Image.Exif()
    exif[0x0112] = int(rng.integers(0, 12))  # 0 and 9 to 11 are no orientation
    path.write_bytes(encoded(rng, "JPEG", exif=exif))


def _empty(path: Path, rng: np.random.Generator) -> None:
    path.touch()


def _folder(path: Path, rng: np.random.Generator) -> None:
    path.mkdir()


def _unreadable(path: Path, rng: np.random.Generator) -> None:
    path.write_bytes(encoded(rng, "JPEG"))
    path.chmod(0)


def _loop(path: Path, rng: np.random.Generator) -> None:
    path.symlink_to(path.name)


def _dangling(path: Path, rng: np.random.Generator) -> None:
    path.symlink_to("nowhere.jpg")


def _pipe(path: Path, rng: np.random.Generator) -> None:
    os.mkfifo(path)


def _undecodable_name(path: Path, rng: np.random.Generator) -> None:
    name = path.with_name(os.fsdecode("冯".encode("gbk")) + path.name)
    name.write_bytes(encoded(rng, "JPEG"))


def _noise(path: Path, rng: np.random.Generator) -> None:
    path.write_bytes(rng.bytes(int(rng.integers(1, 4000))))


def _whole(path: Path, rng: np.random.Generator) -> None:
    path.write_bytes(any_image(rng))


_KINDS = {
    "truncated": _truncated,
    "flipped": _flipped,
    "header": _header_flipped,
    "magic": _wrong_magic,
    "bomb": _bomb,
    "animated": _animated,
    "cmyk": _cmyk,
    "16 bit": _sixteen_bit,
    "turned": _turned,
    "empty": _empty,
    "folder": _folder,
    "unreadable": _unreadable,
    "loop": _loop,
    "dangling": _dangling,
    "pipe": _pipe,
    "name": _undecodable_name,
    "noise": _noise,
    "whole": _whole,
}


def corpus(root: Path, count: int, people: int = 10) -> dict[str, str]:
    """Fills a folder in RMFRD's layout.

    Returns:
        {path relative to the root, as it was asked for: kind}.
    """
    kinds = {}
    domains = ("AFDB_face_dataset", "AFDB_masked_face_dataset")
    for number in range(count):
        # The kinds are dealt round; people and domains in steps that share no factor with them.
        folder = root / domains[number // people % 2] / f"p{number % people}"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{number}.jpg"
        kinds[str(path.relative_to(root))] = mutate(path, number)
    loop = root / "AFDB_face_dataset" / "p0" / "again"
    loop.symlink_to(root / "AFDB_face_dataset", target_is_directory=True)
    return kinds
