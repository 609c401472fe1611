"""A recognizer whose network another engine runs."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from maskedface import datasets, engines, recognition, synthetic
from maskedface.engines import comparing
from maskedface.recognition import EngineChoice, Gallery, Recognizer
from maskedface.recognition.named_embedders import open_embedder
from maskedface.training import Run
from tests.faces import draw_face


def test_a_gallery_by_keras_is_searched_by_openvino(
    tiny_backbone: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plain = Recognizer.load(tiny_backbone, aligned_to="arcface")
    for person in range(3):
        plain.enroll(f"p{person}", [draw_face(person, 0, False)])
    with caplog.at_level(logging.INFO, "maskedface"):
        fast = Recognizer.load(
            tiny_backbone,
            aligned_to="arcface",
            gallery=plain.gallery,
            engine=EngineChoice("openvino"),
        )
    assert "embeddings by openvino, float32" in caplog.text
    assert fast.embedder.facts()["engine"] == "openvino" and fast.embedder.engine == "openvino"
    face = draw_face(1, 0, False)
    (ours,), (theirs,) = (one.identify(face, threshold=0.9) for one in (fast, plain))
    assert ours.person == theirs.person == "p1"
    assert ours.candidates[0].score == pytest.approx(theirs.candidates[0].score, abs=1e-4)
    assert isinstance(plain.embedder, engines.KerasEmbedder)


# It compiles a network by another program.
@pytest.mark.long
def test_int8_is_calibrated_on_a_runs_training_faces(
    open_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(comparing.TOLERANCES, "int8", 2.0)  # eight channels of random weights
    choice = EngineChoice("openvino", "int8", tolerance=0.3)
    embedder = open_embedder(open_run.path, engine=choice).embedder
    told = embedder.facts()
    assert told["precision"] == "int8" and told["calibrated_on"] >= 16 and told["rank_one"]
    assert embedder.fingerprint == open_embedder(open_run.path).embedder.fingerprint


def test_int8_without_real_faces_is_refused(tiny_backbone: Path) -> None:
    with pytest.raises(ValueError, match="must be calibrated on real faces"):
        open_embedder(tiny_backbone, engine=EngineChoice("openvino", "int8"))


# One quantization more.
@pytest.mark.long
def test_int8_is_calibrated_on_faces_that_are_given(tiny_backbone: Path, tmp_path: Path) -> None:
    people = synthetic.draw_people(tmp_path, people=12, photos=2, size=64)
    choice = EngineChoice("openvino", "int8", faces=people, tolerance=0.3)
    embedder = open_embedder(tiny_backbone, engine=choice).embedder
    faces = datasets.read_aligned_faces(people, size=64, alignment="vggface2")
    plain = open_embedder(tiny_backbone).embedder(faces)
    away = np.linalg.norm(embedder(faces) - plain, axis=1) / np.linalg.norm(plain, axis=1)
    assert 1e-4 < away.max() < 0.5


def test_the_mirror_is_joined_as_keras_joins_it(tiny_backbone: Path) -> None:
    plain = open_embedder(tiny_backbone).embedder
    fast = open_embedder(tiny_backbone, engine=EngineChoice("openvino")).embedder.with_flip()
    faces = np.stack([draw_face(n, 0, False, size=64) for n in range(3)])
    np.testing.assert_allclose(fast(faces), plain.with_flip()(faces), atol=1e-5)
    assert fast.fingerprint == plain.with_flip().fingerprint
    Gallery(fast.fingerprint).check_model(plain.with_flip().fingerprint)


def test_an_ensembles_networks_are_run_by_it(
    tiny_backbone: Path, colors: Path, tmp_path: Path
) -> None:
    recognition.save_ensemble(tmp_path / "both.json", {str(tiny_backbone): 1, str(colors): 1})
    both = open_embedder(tmp_path / "both.json", engine=EngineChoice("openvino")).embedder
    assert [member["engine"] for member in both.facts()["members"]] == ["openvino", "openvino"]


def test_a_file_that_onnx_runtime_runs_takes_no_engine(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").touch()
    with pytest.raises(ValueError, match="engine must be given for a Keras network"):
        open_embedder(tmp_path / "net.onnx", engine=EngineChoice("openvino"))
