from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maskedface.datasets import ImageError, read_image

LEFT_RED = np.zeros((20, 30, 3), "uint8")
LEFT_RED[:, :10, 0] = 255


def encoded(image: np.ndarray | Image.Image, kind: str = "PNG", **options: object) -> bytes:
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG of any size without its pixels: only the header is ever read."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    header = struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return b"\x89PNG\r\n\x1a\n" + header + struct.pack(">I", 100) + b"IDAT"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF"])
def test_content_decides_not_the_extension(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(encoded(LEFT_RED, kind))
    image = read_image(path)
    assert image.shape == (20, 30, 3) and image.dtype == np.uint8
    assert image[10, 5, 0] > 200 and image[10, 25, 0] < 60


def test_exif_orientation_is_honoured() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned a quarter to the right to be upright
    image = read_image(encoded(LEFT_RED, "JPEG", exif=exif, quality=95))
    assert image.shape == (30, 20, 3)
    assert image[5, 10, 0] > 200 and image[25, 10, 0] < 60


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "1", "LA"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    kind = "TIFF" if mode == "CMYK" else "PNG"
    assert read_image(encoded(Image.fromarray(LEFT_RED).convert(mode), kind)).shape == (20, 30, 3)


def test_sixteen_bit_grey_is_scaled_not_clipped() -> None:
    grey = np.full((4, 4), 32896, "uint16")
    assert (read_image(encoded(Image.fromarray(grey))) == 128).all()


def test_a_text_file_is_no_image(tmp_path: Path) -> None:
    (tmp_path / "note.jpg").write_text("not a face")
    with pytest.raises(ImageError, match="must hold an image: .*note.jpg"):
        read_image(tmp_path / "note.jpg")


def test_a_truncated_jpeg_is_an_error(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    data = encoded(rng.integers(0, 256, (64, 64, 3), "uint8"), "JPEG")
    (tmp_path / "cut.jpg").write_bytes(data[: len(data) // 2])
    with pytest.raises(ImageError, match="must decode: .*cut.jpg"):
        read_image(tmp_path / "cut.jpg")


@pytest.mark.parametrize("side", [20_000, 11_000])
def test_a_huge_image_is_refused_before_it_is_decoded(side: int) -> None:
    with pytest.raises(ImageError, match="must have at most 89478485 pixels"):
        read_image(png_header(side, side))


def test_a_missing_file_stays_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_image(tmp_path / "none.jpg")
