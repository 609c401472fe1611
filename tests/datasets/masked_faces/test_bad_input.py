from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import tensorflow_datasets as tfds

from maskedface import synthetic
from maskedface.datasets import masked_faces
from maskedface.datasets.masked_faces.masked_faces_dataset_builder import Builder
from maskedface.datasets.masked_faces.split_rows import read_parts


def prepare(name: str, manual: Path, data_dir: Path) -> None:
    builder = tfds.builder(f"masked_faces/{name}", data_dir=data_dir)
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=manual))


def test_a_missing_manual_folder_says_what_to_put_there(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"(?s)none does not exist.*AFDB_masked_face_dataset/"):
        prepare("rmfrd", tmp_path / "none", tmp_path / "tfds")


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("rmfrd", ValueError, "root must contain AFDB_masked_face_dataset/<person>/"),
        ("mfr2", FileNotFoundError, "pairs.txt"),
        ("mlfw", FileNotFoundError, "manifest.csv"),
        ("people_folder", FileNotFoundError, "must contain masked/<person>/ or unmasked/<person>/"),
    ],
)
def test_a_folder_of_another_layout_says_which_it_must_be(
    tmp_path: Path, name: str, error: type[Exception], message: str
) -> None:
    manual = tmp_path / "manual"
    manual.mkdir()
    (manual / "something.txt").touch()
    pattern = f"(?s){re.escape(message)}.*put the files you obtained into.*manual_dir"
    with pytest.raises(error, match=pattern):
        prepare(name, manual, tmp_path / "tfds")


def test_a_split_without_images_is_an_error(tmp_path: Path) -> None:
    synthetic.draw_people(tmp_path / "manual", people=2, photos=2, masked_photos=0, size=32)
    config = masked_faces.config("rmfrd", min_masked=0, domains=("masked",))
    with pytest.raises(ValueError, match="every split must contain images"):
        read_parts(tmp_path / "manual", config)


@pytest.mark.parametrize(
    ("base", "changes", "message"),
    [
        ("lfw", {}, "base must be one of .* Received: base='lfw'"),
        (
            "mfr2",
            {"seed": 1},
            r"an option of 'mfr2' must be one of \['alignment', 'landmarks'\]. Received",
        ),
        ("rmfrd", {"seeds": 1}, r"an option of 'rmfrd' must be one of .* Received: \['seeds'\]"),
        ("rmfrd", {"split": "by_name"}, "split must be one of .* Received: split='by_name'"),
        ("rmfrd", {"train_fraction": 1.0}, r"train_fraction must be a float in \(0, 1\)"),
        ("rmfrd", {"domains": "masked"}, "domains must be of .* Received: domains='masked'"),
        (
            "rmfrd",
            {"alignment": "mtcnn"},
            "alignment must be one of .* Received: alignment='mtcnn'",
        ),
        (
            "rmfrd",
            {"landmarks": "none.csv"},
            "landmarks must be a manifest's path. Received: landmarks='n",
        ),
        ("rmfrd", {"min_masked": -1}, "min_masked must be an int of at least 0"),
        ("rmfrd", {"seed": "0"}, "seed must be an int. Received: seed='0'"),
        ("mlfw", {"protocol": ""}, "protocol must be a column's name"),
        ("mlfw", {"protocol": "../x"}, "options must consist of letters, digits"),
    ],
)
def test_options_are_checked(base: Any, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        masked_faces.config(base, **changes)


def test_a_configuration_is_named_after_what_differs() -> None:
    config = masked_faces.config("rmfrd", split="by_person", seed=1, train_fraction=0.7)
    assert config.name == "rmfrd-seed=1-split=by_person"
    assert masked_faces.config("rmfrd", seed=0) is Builder.builder_configs["rmfrd"]
