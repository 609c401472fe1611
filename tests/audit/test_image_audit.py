from __future__ import annotations

import json
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maskedface import audit, datasets
from maskedface.audit.audit_picture import draw_audit
from maskedface.audit.image_audit import AuditReport
from maskedface.datasets import FaceIndex
from maskedface.datasets.face_places import as_whole_images


def draw(path: Path, seed: int = 0, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (20, 30, 3), "uint8")
    Image.fromarray(pixels).save(path, **options)
    return path


def report_of(index: FaceIndex) -> AuditReport:
    return audit.audit_images(index, progress=False)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    draw(tmp_path / "AFDB_face_dataset/ada/0.jpg", 1)
    draw(tmp_path / "AFDB_masked_face_dataset/ada/0.jpg", 2)
    return tmp_path


def audited(root: Path) -> AuditReport:
    return report_of(datasets.rmfrd(root))


def huge_png() -> bytes:
    chunk = b"IHDR" + struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    header = struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return b"\x89PNG\r\n\x1a\n" + header + struct.pack(">I", 100) + b"IDAT"


def test_a_clean_set_has_no_findings(root: Path) -> None:
    report = audited(root)
    assert (report.images, report.people, report.sizes) == (2, 1, {"30 x 20": 2})
    assert not report.undecodable and not report.duplicates and not report.single_image


def test_each_unusable_file_is_listed_with_its_reason(root: Path) -> None:
    folder = root / "AFDB_face_dataset" / "bo"
    whole = draw(folder / "cut.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "text.jpg").write_text("not a face")
    (folder / "empty.jpg").touch()
    (folder / "huge.png").write_bytes(huge_png())
    reasons = {Path(row.path).name: row.reason for row in audited(root).undecodable}
    assert reasons.pop("cut.jpg").startswith("cut or damaged")
    assert reasons == {
        "text.jpg": "not an image by its content",
        "empty.jpg": "empty file",
        "huge.png": "more than 89,478,485 pixels, not decoded",
    }


def test_a_missing_file_is_an_entry_not_an_error(root: Path) -> None:
    index = datasets.rmfrd(root)
    os.remove(index.paths[0])
    assert [row.reason for row in report_of(index).undecodable] == ["missing"]


def test_usable_moves_bad_rows_to_excluded(root: Path) -> None:
    (root / "AFDB_face_dataset/ada/text.jpg").write_text("not a face")
    (root / "AFDB_face_dataset/ada/notes.txt").touch()
    index = datasets.rmfrd(root)
    clean = audit.usable(index, report_of(index))
    assert len(clean) == len(index) - 1
    assert [row.path for row in clean.excluded] == [
        "AFDB_face_dataset/ada/notes.txt",
        "AFDB_face_dataset/ada/text.jpg",
    ]


def test_identical_files_are_grouped_and_crossings_named(root: Path) -> None:
    draw(root / "AFDB_face_dataset/bo/copy.jpg", 1)
    draw(root / "AFDB_masked_face_dataset/ada/copy.jpg", 2)
    draw(root / "AFDB_face_dataset/ada/bare.jpg", 2)
    report = audited(root)
    assert len(report.duplicates) == 2 and report.copies == 3
    assert report.duplicates_across_people == (
        ("AFDB_face_dataset/ada/0.jpg", "AFDB_face_dataset/bo/copy.jpg"),
    )
    assert [len(group) for group in report.duplicates_across_domains] == [3]


def test_people_are_counted_by_domain(root: Path) -> None:
    draw(root / "AFDB_face_dataset/bo/0.jpg", 3)
    report = audited(root)
    assert report.per_person == {
        "ada": {"masked": 1, "unmasked": 1},
        "bo": {"masked": 0, "unmasked": 1},
    }
    assert report.only_in == {"masked": (), "unmasked": ("bo",)}
    assert report.single_image == ("bo",)


def test_turned_and_misnamed_images_are_listed(root: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    draw(root / "AFDB_face_dataset/ada/turned.jpg", 4, exif=exif)
    draw(root / "AFDB_face_dataset/ada/png.jpg", 5, format="PNG")
    report = audited(root)
    assert report.turned == ("AFDB_face_dataset/ada/turned.jpg",)
    assert report.misnamed == (("AFDB_face_dataset/ada/png.jpg", "PNG"),)
    assert report.sizes["20 x 30"] == 1  # as seen upright


def test_names_that_do_not_decode_survive_text_and_json(root: Path) -> None:
    folder = os.path.join(os.fsencode(root), b"AFDB_face_dataset", "冯".encode("gbk"))
    os.makedirs(folder)
    with open(os.path.join(folder, b"0.jpg"), "wb") as file:
        file.write(b"no image")
    report = audited(root)
    assert r"\xb7\xeb" in report.to_text()
    read = json.loads(json.dumps(report.to_json()))
    assert os.fsencode(read["undecodable"][0][0]).endswith("冯/0.jpg".encode("gbk"))


def test_the_text_counts_all_and_shows_a_few(root: Path) -> None:
    for number in range(8):
        (root / f"AFDB_face_dataset/ada/{number}.txt").touch()
    text = audited(root).to_text()
    assert "8 files excluded while listing" in text and "... and 3 more" in text
    assert "alignment unknown for 2" in text


def test_the_picture_is_drawn(root: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    draw_audit(audited(root), tmp_path / "audit.png")
    with Image.open(tmp_path / "audit.png") as image:
        assert np.asarray(image.convert("L")).std() > 5


def test_a_face_in_the_wrong_folder_is_a_suspect_where_its_place_is_known(drawn: FaceIndex) -> None:
    row = next(r for r, f in enumerate(drawn.faces) if f.person == "person_0001")
    wrong = drawn.faces[row]
    assert wrong.domain == "unmasked"
    others = [*drawn.faces[:row], *drawn.faces[row + 1 :]]
    index = FaceIndex(drawn.root, [wrong._replace(domain="masked"), *others])
    check = report_of(index).domain_check
    assert check.checked == len(index) and wrong.path in [one.path for one in check.suspects]
    bare = as_whole_images(index)
    assert report_of(bare).domain_check.checked == 0
    assert "--landmarks find" in report_of(bare).to_text()
    half = FaceIndex(drawn.root, [*index.faces[:8], *bare.faces[8:]])
    assert f"{len(index) - 8} without landmarks not checked" in report_of(half).to_text()


def test_images_that_show_hardly_anything_are_listed(root: Path) -> None:
    folder = root / "AFDB_face_dataset" / "ada"
    noise = np.random.default_rng(0).integers(0, 4, (20, 30, 3), "uint8")
    Image.fromarray(noise).save(folder / "black.png")
    Image.fromarray(200 + noise).save(folder / "uniform.png")
    report = audited(root)
    assert [(Path(path).name, what) for path, what in report.blank] == [
        ("black.png", "nearly black"),
        ("uniform.png", "nearly uniform"),
    ]
    assert "2 nearly black or nearly uniform images" in report.to_text()
