"""Networks of other programs recognize people as ours do: ONNX files, and an embedder of one's own."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maskedface import synthetic
from maskedface.engines import Embedder, OnnxEmbedder
from maskedface.recognition import Gallery, Recognizer, embed_index, save_ensemble

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from tests.engines import onnx_files

WORDS: dict[str, Any] = {"alignment": "arcface", "input_range": (-1.0, 1.0), "channels": "BGR"}
ADA, BO = (synthetic.draw_face(person, 0, False) for person in (0, 1))


class Colors(Embedder):
    """The mean color: an embedder of a user's own."""

    def embed(self, faces: np.ndarray) -> np.ndarray:
        return faces.mean((1, 2)).astype("float32") - 128


def colors() -> Colors:
    return Colors(size=32, alignment="arcface", features=3, fingerprint="colors")


@pytest.fixture
def network(tmp_path: Path) -> Path:
    return onnx_files.write_mean(tmp_path / "net.onnx", [1, 3, 32, 32])


def test_a_gallery_made_with_an_onnx_file_is_opened_by_its_name_alone(
    network: Path, tmp_path: Path
) -> None:
    recognizer = Recognizer.load(network, **WORDS, aligned_to="arcface")
    recognizer.enroll("Ada", [ADA])
    recognizer.enroll("Bo", [BO])
    recognizer.gallery.save(tmp_path / "friends.npz")
    friends = Gallery.load(tmp_path / "friends.npz")
    again = Recognizer.load(friends.source, gallery=friends, aligned_to="arcface")
    assert again.identify(ADA, threshold=0.999)[0].person == "Ada"
    assert isinstance(again.embedder, OnnxEmbedder)
    assert again.embedder.face_input.channels == "BGR"


def test_an_embedder_of_ones_own_recognizes(tmp_path: Path) -> None:
    recognizer = Recognizer(colors(), aligned_to="arcface", gallery=Gallery(masks=2))
    recognizer.enroll("Ada", [ADA])
    assert recognizer.identify(ADA, threshold=0.0)[0].person == "Ada"
    index = synthetic.draw_people(tmp_path / "drawn", people=2, photos=1, size=32)
    found = embed_index(recognizer, index)
    assert found.embeddings.shape == (4, 3)


def test_embeddings_of_an_index_are_those_of_its_photographs(tmp_path: Path, network: Path) -> None:
    recognizer = Recognizer.load(network, **WORDS, aligned_to="arcface")
    index = synthetic.draw_people(tmp_path / "drawn", people=2, photos=1, size=112)
    found = embed_index(recognizer, index, templates=False).embeddings
    paths = [tmp_path / "drawn" / face.path for face in index.faces]
    singly = [recognizer.one_face(path).embedding for path in paths]
    unit = found / np.linalg.norm(found, axis=1, keepdims=True)
    np.testing.assert_allclose(unit, np.stack(singly), atol=1e-5)


def test_the_first_use_tells_what_the_file_takes_and_remembers_it(
    network: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "maskedface"):
        Recognizer.load(network, **WORDS)
    assert "alignment arcface, 32 px, range -1 to 1, channels BGR" in caplog.text
    assert "between augmented images of a person" in caplog.text
    assert json.loads((network.parent / "net.onnx.json").read_text())["input_range"] == [-1.0, 1.0]
    caplog.clear()
    with caplog.at_level(logging.INFO, "maskedface"):
        Recognizer.load(network)
    assert "alike" not in caplog.text and "channels BGR" in caplog.text


@pytest.mark.parametrize("word", ["input_range", "channels", "size"])
def test_words_of_onnx_files_are_refused_for_others(word: str) -> None:
    value = {"input_range": (0.0, 1.0), "channels": "RGB", "size": 32}[word]
    with pytest.raises(ValueError, match=f"{word} must come with an .onnx file.*'dlib'"):
        Recognizer.load("dlib", **{word: value})


def test_another_alignment_than_the_embedders_is_refused() -> None:
    with pytest.raises(ValueError, match="alignment must be the embedder's, 'arcface'"):
        Recognizer(colors(), alignment="dlib")


def test_a_gallery_of_other_words_is_refused(tmp_path: Path, network: Path) -> None:
    recognizer = Recognizer.load(network, **WORDS, aligned_to="arcface")
    recognizer.enroll("Ada", [ADA])
    (network.parent / "net.onnx.json").unlink()
    with pytest.raises(ValueError, match="gallery"):
        Recognizer.load(network, **WORDS | {"channels": "RGB"}, gallery=recognizer.gallery)


def test_an_ensembles_file_is_a_network_by_name(tmp_path: Path) -> None:
    for name, channels in (("one", "RGB"), ("other", "BGR")):
        path = onnx_files.write_mean(tmp_path / f"{name}.onnx", [1, 3, 32, 32])
        OnnxEmbedder(path, **WORDS | {"channels": channels}).remember()
    weights = {str(tmp_path / "one.onnx"): 3.0, str(tmp_path / "other.onnx"): 1.0}
    save_ensemble(tmp_path / "both.json", weights)
    recognizer = Recognizer.load(tmp_path / "both.json", aligned_to="arcface")
    recognizer.enroll("Ada", [ADA])
    recognizer.gallery.save(tmp_path / "friends.npz")
    # The files are found beside it, wherever the folder goes.
    moved = tmp_path.rename(tmp_path.parent / f"{tmp_path.name}-moved")
    again = Recognizer.load(
        moved / "both.json", gallery=Gallery.load(moved / "friends.npz"), aligned_to="arcface"
    )
    assert again.identify(ADA, threshold=0.99)[0].person == "Ada"
    assert again.embedder.facts()["members"][0]["weight"] == 0.75


@pytest.mark.parametrize(
    "text", ["{", "{}", '{"ensemble": 3}', '{"ensemble": [{"model": "dlib"}]}']
)
def test_another_json_file_is_no_ensemble(tmp_path: Path, text: str) -> None:
    (tmp_path / "both.json").write_text(text)
    with pytest.raises(ValueError, match="an ensemble file must be one"):
        Recognizer.load(tmp_path / "both.json")


@pytest.mark.parametrize(
    ("path", "weights"),
    [("both.txt", {"a": 1, "b": 1}), ("both.json", {"a": 1}), ("both.json", {"a": 1, "b": 0})],
)
def test_an_ensemble_that_is_none_is_not_written(
    tmp_path: Path, path: str, weights: dict[str, float]
) -> None:
    with pytest.raises(ValueError, match="must"):
        save_ensemble(tmp_path / path, weights)
    assert not list(tmp_path.iterdir())
