"""Whom the aligner that ships is trained on: nobody of MFR2, nobody of the paper's table on RMFRD."""

from __future__ import annotations

import json
import os
from pathlib import Path

import keras
import pytest

from maskedface.datasets import MFR2_PEOPLE
from maskedface.datasets.person_names import same_people
from maskedface.landmarks import aligner

FACTS = Path(aligner.__file__).with_name("aligner.json")


def folder_of(tmp_path: Path, *paths: str) -> str:
    for path in paths:
        os.makedirs(tmp_path / Path(path).parent, exist_ok=True)
        (tmp_path / path).write_bytes(b"")
    return str(tmp_path)


def test_a_manifests_rows_are_the_unmasked_ones_of_its_training_part_without_mfr2(
    tmp_path: Path,
) -> None:
    from train_aligner import rows_to_teach

    rows = [
        f"{name}/{n}.jpg,{name},unmasked,,train" for name in ("Imran_Khan", "Ann") for n in (1, 2)
    ]
    rows += ["Ann/m.jpg,Ann,masked,,train", "Bob/1.jpg,Bob,unmasked,,test"]
    folder_of(tmp_path, *[row.split(",")[0] for row in rows])
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("\n".join(["path,person,domain,photo,open_set", *rows]) + "\n")
    found = rows_to_teach(str(tmp_path), str(manifest), "open_set")
    assert [face.path for face in found.faces] == ["Ann/1.jpg", "Ann/2.jpg"]


def test_of_rmfrd_nobody_with_eight_masked_images_is_taught(tmp_path: Path) -> None:
    from train_aligner import rows_to_teach, taught_people

    often = [f"AFDB_masked_face_dataset/often/{n}.jpg" for n in range(8)]
    rare = [
        f"AFDB_face_dataset/{name}/1.jpg" for name in ("a", "b", "c", "often", "pharrell williams")
    ]
    data = folder_of(tmp_path, *often, *rare, "AFDB_masked_face_dataset/a/1.jpg")
    found = rows_to_teach(data, None, "open_set")
    assert set(found.people) <= {"a", "b", "c"} and found.people
    from maskedface import datasets

    assert "often" not in taught_people(datasets.rmfrd(data))


def test_the_weights_say_on_what_they_were_trained_and_on_whom_not() -> None:
    facts = json.loads(FACTS.read_text(encoding="utf-8"))
    assert same_people(facts["left_out"], MFR2_PEOPLE) == tuple(sorted(MFR2_PEOPLE))
    assert facts["weights"] == aligner.weights_name()
    assert {"trained_on", "steps", "seed", "held_out"} <= set(facts["stages"][-1])


def test_a_worn_mask_teaches_no_points_and_is_a_face() -> None:
    import numpy as np
    from train_aligner import AlignerLoss

    target = np.zeros((1, 12), "float32")
    target[0, 10] = 1
    here, there = (np.full((1, 11), value, "float32") for value in (0.2, 0.9))
    here[0, 10] = there[0, 10] = 0.7
    loss = AlignerLoss(0.1)
    assert (
        float(loss(target, here)) == float(loss(target, there)) == pytest.approx(-0.1 * np.log(0.7))
    )
    assert isinstance(loss, keras.losses.Loss)
