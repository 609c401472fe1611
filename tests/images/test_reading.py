from __future__ import annotations

import io
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maskedface.images import ImageError, read_image

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


@pytest.mark.parametrize(
    "kind", ["PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "JPEG2000", "AVIF", "PPM"]
)
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


def test_sixteen_bit_gray_is_scaled_not_clipped() -> None:
    gray = np.full((4, 4), 32896, "uint16")
    assert (read_image(encoded(Image.fromarray(gray))) == 128).all()


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("most", [255, 4095])
def test_fewer_bits_in_sixteen_are_refused_not_read_black(kind: str, most: int) -> None:
    gray = np.linspace(0, most, 64).reshape(8, 8).astype("uint16")
    with pytest.raises(ImageError, match="must use its full 16-bit range"):
        read_image(encoded(Image.fromarray(gray), kind))


def colors_of_sixteen_bits(most: int) -> bytes:
    """A PNG of 8 x 8 pixels of 16 bits a channel, which Pillow does not write."""
    rows = np.linspace(0, most, 192).reshape(8, 24).astype(">u2")
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    chunks = (
        b"IHDR" + struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 0),
        b"IDAT" + data,
        b"IEND",
    )
    framed = (struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)


def test_twelve_bits_in_sixteen_bit_colors_are_refused() -> None:
    assert read_image(colors_of_sixteen_bits(65535)).max() == 255
    with pytest.raises(ImageError, match="must use its full 16-bit range"):
        read_image(colors_of_sixteen_bits(4095))


@pytest.mark.parametrize("kind", ["float32", "int32"])
def test_values_without_a_stated_range_are_refused(kind: str) -> None:
    image = Image.fromarray(np.full((4, 4), 1, kind))
    with pytest.raises(ImageError, match="must have 8 or 16 bits per channel") as caught:
        read_image(encoded(image, "TIFF"))
    assert "whose range nothing states" in caught.value.reason


def test_a_stated_number_of_bits_is_scaled_by_it() -> None:
    values = np.full((4, 4), 4095, ">u2").tobytes()
    assert (read_image(b"P5 4 4 4095\n" + values) == 255).all()


def test_heic_is_read_or_named_with_its_pip_line() -> None:
    pytest.importorskip("pillow_heif")
    file = io.BytesIO()
    import pillow_heif

    pillow_heif.from_pillow(Image.fromarray(LEFT_RED)).save(file)
    image = read_image(file.getvalue())
    assert image.shape == (20, 30, 3) and image[10, 5, 0] > 200
    assert "HEIF" not in Image.OPEN  # Pillow was told nothing


def test_heic_without_its_package_is_named_with_the_pip_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    head = struct.pack(">I", 24) + b"ftypmif1\0\0\0\0mif1heic"
    with pytest.raises(ImageError, match=r'pip install "maskedface\[heic\]"') as caught:
        read_image(head + bytes(100))
    assert "pip install" in caught.value.reason


def test_a_format_that_runs_programs_is_no_image() -> None:
    with pytest.raises(ImageError, match="must be an image"):
        read_image(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 4\n%%EndComments\n")


def test_a_file_larger_than_any_image_is_not_read(tmp_path: Path) -> None:
    with open(tmp_path / "film.mp4", "wb") as file:
        file.truncate(2**30 + 1)
    with pytest.raises(ImageError, match="must have at most 1073741824 bytes"):
        read_image(tmp_path / "film.mp4")


def test_a_text_file_is_no_image(tmp_path: Path) -> None:
    (tmp_path / "note.jpg").write_text("not a face")
    with pytest.raises(ImageError, match="must be an image: .*note.jpg"):
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
