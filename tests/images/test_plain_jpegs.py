"""The short way of plain JPEGs gives what Pillow's header and then the decoder give."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from maskedface.images import ImageError, read_image
from maskedface.images.reading import decode, open_image
from tests.faces import draw_face

FACE = Image.fromarray(draw_face(0, 0, False, size=64))
PLAIN: dict[str, dict[str, Any]] = {
    "baseline": {},
    "progressive": {"progressive": True},
    "optimized": {"optimize": True, "quality": 30},
    "no chroma subsampling": {"subsampling": 0},
    "halved chroma": {"subsampling": 2},
    "restart markers": {"restart_marker_blocks": 1},
    "a comment": {"comment": b"a comment"},
    "a color profile in several segments": {"icc_profile": bytes(200_000)},
    "a resolution": {"dpi": (300, 300)},
    "kept as RGB": {"keep_rgb": True},
    "a fill byte": {"fill": True},
}
XMP = b'http://ns.adobe.com/xap/1.0/\0<x tiff:Orientation="6"/>'


def jpeg(
    image: Image.Image = FACE, kind: str = "JPEG", fill: bool = False, **options: Any
) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    data = file.getvalue()
    return data.replace(b"\xff\xdb", b"\xff\xff\xdb", 1) if fill else data


def turned(orientation: int) -> dict[str, object]:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return {"exif": exif}


def with_segment(data: bytes, marker: int, payload: bytes, before: bytes) -> bytes:
    at = data.index(before)
    length = (len(payload) + 2).to_bytes(2, "big")
    return data[:at] + bytes([0xFF, marker]) + length + payload + data[at:]


def by_pillow(data: bytes) -> np.ndarray:
    with open_image(data) as image:
        return decode(image)


def times_opened(monkeypatch: pytest.MonkeyPatch, data: bytes) -> int:
    opened, original = [], Image.open

    def counted(file: io.BytesIO, **options: Any) -> Image.Image:
        opened.append(file)
        return original(file, **options)

    monkeypatch.setattr(Image, "open", counted)
    read_image(data)
    return len(opened)


@pytest.mark.parametrize("options", PLAIN.values(), ids=PLAIN)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_plain_jpegs_decode_without_pillow_to_the_same_pixels(
    options: dict[str, Any], mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = jpeg(FACE.convert(mode), **options)
    np.testing.assert_array_equal(read_image(data), by_pillow(data))
    np.testing.assert_array_equal(read_image(data, channels=4)[:, :, :3], by_pillow(data))
    assert times_opened(monkeypatch, data) == 0


SCAN, TABLES, FRAME = b"\xff\xda", b"\xff\xdb", b"\xff\xc0"
OTHER = {
    **{f"turned by EXIF {n}": jpeg(**turned(n)) for n in range(1, 9)},
    "turned by EXIF behind the frame": with_segment(
        jpeg(),
        0xE1,
        b"Exif\0\0" + turned(6)["exif"].tobytes()[6:],
        SCAN,  # type: ignore[attr-defined]
    ),
    "turned by XMP": with_segment(jpeg(), 0xE1, XMP, TABLES),
    "a comment like EXIF": jpeg(comment=b"\xff\xe1"),
    "CMYK": jpeg(FACE.convert("CMYK")),
    "bytes between segments": jpeg().replace(TABLES, b"\0\0" + TABLES, 1),
}


@pytest.mark.parametrize("data", OTHER.values(), ids=OTHER)
def test_other_jpegs_go_through_pillow(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    assert times_opened(monkeypatch, data) == 1


@pytest.mark.parametrize("name", ["turned by EXIF behind the frame", "turned by XMP"])
def test_an_orientation_is_found_wherever_it_stands(name: str) -> None:
    np.testing.assert_array_equal(read_image(OTHER[name]), np.rot90(by_pillow(jpeg()), -1))


def test_a_fourth_channel_changes_no_other() -> None:
    image = read_image(OTHER["CMYK"], channels=4)
    assert image.shape == (64, 64, 4)
    np.testing.assert_array_equal(image[:, :, :3], read_image(OTHER["CMYK"]))


def test_a_picture_behind_the_first_is_left_out() -> None:
    data = jpeg(FACE, "MPO", save_all=True, append_images=[FACE.rotate(90)])
    np.testing.assert_array_equal(read_image(data), by_pillow(data))


@pytest.mark.parametrize("height", [0, 65_000])
def test_a_frame_of_impossible_or_huge_size_is_refused_undecoded(
    height: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = bytearray(jpeg())
    at = data.index(FRAME) + 5
    data[at : at + 4] = height.to_bytes(2, "big") + (65_000).to_bytes(2, "big")
    monkeypatch.setattr("simplejpeg.decode_jpeg", None)
    with pytest.raises(ImageError, match="at most 89478485 pixels|must (be an image|decode)"):
        read_image(bytes(data))


def test_a_jpeg_without_a_frame_is_named_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").write_bytes(b"\xff\xd8\xff\xd9")
    with pytest.raises(ImageError, match="must be an image: .*empty.jpg"):
        read_image(tmp_path / "empty.jpg")


def test_the_limit_asked_for_holds() -> None:
    with pytest.raises(ImageError, match="at most 4095 pixels: 'bytes' has 64 x 64"):
        read_image(jpeg(), max_pixels=4095)
    assert read_image(jpeg(), max_pixels=4096).shape == (64, 64, 3)


def test_a_cut_jpeg_is_an_image_error_wherever_it_is_cut() -> None:
    data = jpeg()
    for end in range(1, len(data) - 2, 7):
        with pytest.raises(ImageError, match="must (be an image|decode): 'bytes'"):
            read_image(data[:end])


def test_damaged_jpegs_end_as_pixels_or_an_image_error_as_by_pillow() -> None:
    data, rng = jpeg(), np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(data)
        damaged[rng.integers(len(data))] = rng.integers(256)
        try:
            right = by_pillow(bytes(damaged))
        except ImageError:
            with pytest.raises(ImageError):
                read_image(bytes(damaged))
        else:
            np.testing.assert_array_equal(read_image(bytes(damaged)), right)
