"""A wrong input range is seen on dlib's real network; a right one is not doubted."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from maskedface import engines, geometry, models, synthetic

pytest.importorskip("onnxruntime")
pytest.importorskip("tf2onnx")
from tests.engines import onnx_files

OWN = (-0.48, 0.52)  # (value - 122) / 256


def drawn_faces(people: int) -> np.ndarray:
    matrix = geometry.chip_matrix(150, 150, source="arcface", target="dlib", size=150)
    drawn = (synthetic.draw_face(person, 0, False, size=150) for person in range(people))
    return np.stack([geometry.warp(face, matrix, 150) for face in drawn])


@pytest.fixture(scope="module")
def without_preprocessing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """dlib's network as another program might export it: values in its own range go in."""
    from maskedface.exporting.writing import write_onnx

    whole = models.DlibResNet29()
    image = keras.Input((150, 150, 3))
    rest = keras.Model(whole.get_layer("preprocess").output, whole.output)
    path = tmp_path_factory.mktemp("dlib") / "dlib.onnx"
    write_onnx(keras.Model(image, rest(image)), str(path), {})
    return path


# dlib's network embeds 200 faces.
@pytest.mark.long
@pytest.mark.parametrize(
    ("said", "right"), [(OWN, True), ((-1.0, 1.0), True), ((0.0, 255.0), False)]
)
def test_a_wrong_range_is_seen(
    without_preprocessing: Path, said: tuple[float, float], right: bool
) -> None:
    embedder = engines.OnnxEmbedder(
        without_preprocessing, alignment="dlib", input_range=said, channels="RGB"
    )
    found = engines.check_normalization(embedder, drawn_faces(12))
    assert found.seems_right == right
    assert found.stated.face_input.input_range == said
    assert (found.best.face_input.input_range == said) == right


def test_two_faces_are_too_few(tmp_path: Path) -> None:
    path = onnx_files.write_mean(tmp_path / "net.onnx", ["n", 3, 150, 150])
    embedder = engines.OnnxEmbedder(path, alignment="dlib", input_range=OWN, channels="RGB")
    with pytest.raises(ValueError, match="at least 3 people"):
        engines.check_normalization(embedder, drawn_faces(2))
