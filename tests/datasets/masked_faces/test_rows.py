"""What the builder stores, row for row beside what the library's own readers give."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from maskedface import audit, datasets, geometry, images, synthetic
from maskedface.datasets import FaceIndex, masked_faces
from tests.datasets.masked_faces.drawn_folders import GBK_NAME, draw_all

Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def manual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_all(tmp_path_factory.mktemp("manual"))


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tfds")


def load(
    name: str, manual: Path, data_dir: Path, *, decode: bool = False, **options: Any
) -> tuple[Rows, tfds.core.DatasetInfo]:
    skip = {} if decode else {"decoders": {"image": tfds.decode.SkipDecoding()}}
    changed = (
        {"builder_kwargs": {"config": masked_faces.config(name, **options)}} if options else {}
    )
    loaded, info = tfds.load(
        "masked_faces" if options else f"masked_faces/{name}",
        data_dir=data_dir,
        with_info=True,
        download_and_prepare_kwargs={
            "download_config": tfds.download.DownloadConfig(manual_dir=manual)
        },
        **changed,
        **skip,
    )
    rows = {split: list(tfds.as_numpy(loaded[split])) for split in loaded}
    return {
        split: sorted(found, key=lambda row: os.fsdecode(row["file_name"]))
        for split, found in rows.items()
    }, info


def assert_same(rows: Rows, info: tfds.core.DatasetInfo, splits: dict[str, FaceIndex]) -> None:
    assert set(rows) == set(splits)
    for split, index in splits.items():
        found = [
            (
                os.fsdecode(row["file_name"]),
                info.features["person"].int2str(row["person"]),
                info.features["domain"].int2str(row["domain"]),
                os.fsdecode(row["photo"]),
            )
            for row in rows[split]
        ]
        assert found == [face[:4] for face in index.faces]
        kept = [
            (row["image"], path)
            for row, face, path in zip(rows[split], index.faces, index.paths, strict=True)
            if face.path not in info.metadata["converted"]
        ]
        assert kept
        assert all(image == Path(path).read_bytes() for image, path in kept)


def in_parts(pair: tuple[FaceIndex, FaceIndex]) -> dict[str, FaceIndex]:
    return {"train": pair[0], "test": pair[1]}


def people(manual: Path) -> FaceIndex:
    root = manual / "people_folder"
    both = [datasets.people_folder(root / domain, domain) for domain in datasets.face_index.DOMAINS]
    index = both[0] + both[1]
    return audit.usable(index, audit.audit_images(index, check_domains=False))


def test_rmfrd_has_the_papers_people_and_split(manual: Path, data_dir: Path) -> None:
    index = datasets.rmfrd(manual / "rmfrd").people_in_both().with_at_least(8, "masked")
    assert index.people == ("person_0000", "person_0001")  # the third has seven masked images
    assert_same(
        *load("rmfrd", manual, data_dir), in_parts(datasets.split_by_image(index, 0.7, seed=0))
    )


def test_mfr2_has_the_faces_of_its_pairs(manual: Path, data_dir: Path) -> None:
    pairs = datasets.read_pairs("mfr2", manual / "mfr2")
    rows, info = load("mfr2", manual, data_dir)
    assert_same(rows, info, {"test": pairs.index})
    faces = pairs.index.faces
    assert [tuple(pair[:3]) for pair in info.metadata["pairs"]] == [
        (faces[a].path, faces[b].path, bool(same))
        for a, b, same in zip(pairs.first, pairs.second, pairs.same, strict=True)
    ]
    assert info.metadata["missing"] == ["Cy/Cy_0001.jpg"]
    assert info.metadata["lost_pairs"] == 1


@pytest.mark.parametrize("protocol", ["closed_set", "open_set"])
def test_mlfw_has_the_manifests_split(manual: Path, data_dir: Path, protocol: str) -> None:
    root = manual / "mlfw"
    splits = datasets.read_split(root / "protocols" / "manifest.csv", protocol, root=root)
    options = {} if protocol == "closed_set" else {"protocol": protocol}
    assert_same(*load("mlfw", manual, data_dir, **options), splits)


def test_people_folder_has_both_folders_people(manual: Path, data_dir: Path) -> None:
    splits = in_parts(datasets.split_by_image(people(manual), 0.7, seed=0))
    assert_same(*load("people_folder", manual, data_dir), splits)


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        (
            {"split": "by_person", "seed": 3},
            lambda index: datasets.split_by_person(index, 0.7, seed=3),
        ),
        ({"train_fraction": 0.5}, lambda index: datasets.split_by_image(index, 0.5, seed=0)),
        (
            {"split": "by_photo"},
            lambda index: datasets.split_by_photo(datasets.with_photo_groups(index), 0.7, seed=0),
        ),
        (
            {"domains": ["masked"]},
            lambda index: tuple(
                part.only("masked") for part in datasets.split_by_image(index, 0.7)
            ),
        ),
    ],
    ids=["by_person", "half", "by_photo", "masked"],
)
def test_options_choose_what_the_functions_of_that_name_do(
    manual: Path, data_dir: Path, options: dict[str, Any], rule: Any
) -> None:
    index = datasets.rmfrd(manual / "rmfrd").people_in_both().with_at_least(8, "masked")
    assert_same(*load("rmfrd", manual, data_dir, **options), in_parts(rule(index)))


def test_decoded_images_are_those_of_the_library(manual: Path, data_dir: Path) -> None:
    rows, info = load("people_folder", manual, data_dir, decode=True)
    seen = set()
    for row in rows["train"] + rows["test"]:
        name = os.fsdecode(row["file_name"])
        expected = images.read_image(manual / "people_folder" / name)
        assert row["image"].shape == expected.shape, name
        # TensorFlow decodes JPEGs by libjpeg's quicker transform: a few gray levels.
        limit = 0 if not name.endswith(".jpg") or name in info.metadata["converted"] else 8
        assert np.abs(row["image"].astype(int) - expected).max() <= limit, name
        seen.add(os.path.basename(name))
    assert {"turned.jpg", "lossless.webp", "film.gif", "scan.tiff", "print.jpg", "gray.png"} <= seen
    assert [os.path.basename(name) for name in sorted(info.metadata["converted"])] == [
        "film.gif", "lossless.webp", "print.jpg", "scan.tiff", "turned.jpg",
    ]  # fmt: skip


def test_an_image_that_does_not_decode_is_counted_and_named(
    manual: Path, data_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _, info = load("people_folder", manual, data_dir, seed=5)
    [(path, reason)] = info.metadata["undecodable"]
    assert path == "masked/bo/cut.jpg"
    assert "damaged" in reason
    assert info.metadata["excluded"] == [
        ["masked/bo/notes.txt", "no image file extension"],
        ["unmasked/bo", "a person's folder without images"],
    ]
    assert "1 files were left out, 12 rows kept" in caplog.text
    assert "'masked/bo/cut.jpg' (cut or damaged" in caplog.text


def test_what_was_prepared_is_read_again_as_it_was(manual: Path, tmp_path: Path) -> None:
    first, info = load("people_folder", manual, tmp_path)
    again, read = load("people_folder", tmp_path / "no longer there", tmp_path)
    assert info.metadata == read.metadata
    assert info.features["person"].names == read.features["person"].names == ["ada", "bo"]
    assert [row["image"] for row in first["train"]] == [row["image"] for row in again["train"]]


def test_a_file_name_keeps_its_own_bytes(manual: Path, data_dir: Path) -> None:
    rows, _ = load("rmfrd", manual, data_dir)
    names = [row["file_name"] for split in rows.values() for row in split]
    assert b"AFDB_face_dataset/person_0000/" + GBK_NAME in names


def test_points_are_the_alignments_where_it_is_known(manual: Path, data_dir: Path) -> None:
    rows, _ = load("mlfw", manual, data_dir)
    expected = geometry.alignment_points("arcface", 32, 32)
    np.testing.assert_allclose(rows["test"][0]["points"], expected, rtol=1e-6)
    rows, _ = load("rmfrd", manual, data_dir)
    assert rows["test"][0]["points"].shape == (0, 2)


def test_points_are_a_rows_landmarks_where_it_has_any(manual: Path, tmp_path: Path) -> None:
    root = manual / "mlfw"
    test = datasets.read_split(root / "protocols" / "manifest.csv", "closed_set", root=root)["test"]
    five = datasets.Landmarks(((9, 11), (21, 11.5), (15, 16), (10, 23), (20, 23)), "given", 1)
    file, names = tmp_path / "aligned.csv", []
    for number in (0, 1):  # another content of one file is another configuration
        found = FaceIndex(root, [test.faces[number]._replace(landmarks=five)])
        datasets.write_manifest(file, found)
        rows, info = load("mlfw", manual, tmp_path / "tfds", landmarks=str(file))
        names.append(info.config_name)
        np.testing.assert_allclose(rows["test"][number]["points"], five.points)
        other = rows["test"][1 - number]["points"]
        np.testing.assert_allclose(other, geometry.alignment_points("arcface", 32, 32), rtol=1e-6)
    assert names[0] != names[1] and all(name.startswith("mlfw-landmarks=") for name in names)


def test_a_squashed_image_gives_the_chip_that_its_row_gives(manual: Path, tmp_path: Path) -> None:
    root = manual / "mlfw"
    test = datasets.read_split(root / "protocols" / "manifest.csv", "closed_set", root=root)["test"]
    points = ((9, 11), (21, 11.5), (15, 16), (10, 23), (20, 23))
    five = datasets.Landmarks(points, "given", 1, pixel_aspect=0.75)
    found = FaceIndex(root, [test.faces[0]._replace(landmarks=five)])
    datasets.write_manifest(tmp_path / "aligned.csv", found)
    words = {"landmarks": str(tmp_path / "aligned.csv")}
    squashed, plain = load("mlfw", manual, tmp_path, decode=True, **words)[0]["test"][:2]
    assert squashed["pixel_aspect"] == 0.75 and plain["pixel_aspect"] == 1
    face = geometry.FacePoints(squashed["points"], float(squashed["pixel_aspect"]))
    height, width = squashed["image"].shape[:2]
    stored, given = (
        geometry.chip_matrix(height, width, source=source, target="arcface", size=112)
        for source in (face, datasets.face_source(found.faces[0]))
    )
    np.testing.assert_allclose(stored, given, rtol=1e-5)


def test_the_checksum_changes_with_a_byte_and_not_with_the_place(tmp_path: Path) -> None:
    sums = []
    for place in ("one", "other", "changed"):
        synthetic.draw_people(tmp_path / place, people=2, photos=2, masked_photos=2, size=32)
        if place == "changed":
            first = tmp_path / place / "AFDB_face_dataset/person_0000/0_0_person_0000_0000.jpg"
            first.write_bytes(first.read_bytes() + b"\0")
        _, info = load("rmfrd", tmp_path / place, tmp_path / f"tfds_{place}", min_masked=1)
        sums.append(info.metadata["sha256"])
    assert sums[0] == sums[1]
    assert sums[0] != sums[2]


def test_names_that_are_no_line_of_text_are_classes_too(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path / "manual" / "unmasked")
    for person in (b"\xb7\xeb", b"a\nb", b" c "):
        for number in range(2):
            os.makedirs(os.path.join(folder, person), exist_ok=True)
            Image.new("RGB", (32, 32), (number, 0, 0)).save(
                os.path.join(folder, person, b"%d.png" % number), format="PNG"
            )
    _, info = load("people_folder", tmp_path / "manual", tmp_path / "tfds")
    assert info.features["person"].names == ["' c '", "'a\\nb'", "\\xb7\\xeb"]
