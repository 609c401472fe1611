"""Other engines than Keras: near enough to it, or refused."""

from __future__ import annotations

import logging
import os
import pickle
import subprocess
import sys
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from maskedface import engines, models
from maskedface.engines.comparing import choose
from maskedface.engines.compiling import told
from maskedface.engines.engine import Engine, Precision, Run
from maskedface.engines.openvino_engine import OpenVinoEngine
from maskedface.engines.registry import check_engine
from tests.faces import draw_face

SIZE = 48


@pytest.fixture(scope="module")
def network() -> keras.Model:
    keras.utils.set_random_seed(0)
    return models.ResNet50(None, (SIZE, SIZE, 3), filters=4, blocks=(1, 1, 1, 1))


@pytest.fixture(scope="module")
def small() -> keras.Model:
    """A convolution, for what is the same whatever is compiled."""
    keras.utils.set_random_seed(0)
    image = keras.Input((SIZE, SIZE, 3))
    x = layers.Conv2D(8, 3, 4, activation="relu")(layers.Rescaling(1 / 128, -1.0)(image))
    return keras.Model(image, layers.Flatten()(layers.AveragePooling2D(4)(x)))


@pytest.fixture(scope="module")
def faces() -> engines.RealFaces:
    """Two faces of each of 12 people to compare, and 24 others."""
    images = [
        draw_face(person, photo, False, size=SIZE) for person in range(12) for photo in range(4)
    ]
    return engines.RealFaces.of(np.stack(images), [n // 4 for n in range(48)])


# It compiles a network by another program.
@pytest.mark.long
@pytest.mark.parametrize("engine", ["openvino", "onnx"])
def test_an_engine_gives_what_keras_gives(
    engine: str, network: keras.Model, faces: engines.RealFaces
) -> None:
    ready = engines.compile_model(network, faces, engine=engine)
    expected = models.predict(network, faces.images)
    # All at once, a last short batch, one alone, and rows that do not lie in order.
    many = np.concatenate([faces.images, faces.images])[:33]
    np.testing.assert_allclose(ready(many)[:24], expected, atol=1e-4 * abs(expected).max())
    np.testing.assert_allclose(ready(faces.images[3:4]), expected[3:4], rtol=1e-3, atol=1e-4)
    mirrored = models.predict(network, faces.images[:, :, ::-1])
    np.testing.assert_allclose(ready(faces.images[:, :, ::-1]), mirrored, rtol=1e-3, atol=1e-3)
    assert ready.difference is not None and 0 < ready.difference.relative < 1e-4
    assert ready.facts()["engine"] == engine and ready.facts()["compared_on"] == 24
    assert f"{engine}, float32" in told(ready.facts())


# Each quantizes in a process of its own.
@pytest.mark.parametrize("engine", ["openvino", pytest.param("onnx", marks=pytest.mark.long)])
def test_int8_is_compared_by_rank_one(
    engine: str, network: keras.Model, faces: engines.RealFaces
) -> None:
    """Feature maps, float32 out, with the rest of the network by Keras."""
    cut = network.get_layer("layer3_0_relu3").output
    prefix, rest = keras.Model(network.input, cut), keras.Model(cut, network.output)
    ready = engines.compile_model(
        prefix,
        faces,
        engine=engine,
        precision="int8",
        tail=lambda maps: models.predict(rest, maps),
    )
    found = ready(faces.images[:5])
    assert found.dtype == np.float32 and found.shape == (5, *cut.shape[1:])
    assert 1e-4 < ready.difference.relative < 0.5  # bytes it is, and no noise
    keras_rank, engine_rank = ready.difference.rank_one
    assert 0 < keras_rank <= 1 and abs(keras_rank - engine_rank) <= 0.1
    assert ready.facts()["calibrated_on"] == 24


def test_keras_itself_is_not_compared(small: keras.Model, faces: engines.RealFaces) -> None:
    ready = engines.compile_model(small, faces, engine="keras")
    assert ready.difference is None and "difference" not in ready.facts()
    np.testing.assert_array_equal(ready(faces.images), models.predict(small, faces.images))
    low = engines.compile_model(small, faces, engine="keras", precision="bfloat16")
    assert 1e-4 < low.difference.relative < 5e-2


def test_a_model_in_bfloat16_is_run_in_float32(
    small: keras.Model, faces: engines.RealFaces
) -> None:
    low = models.with_precision(small, "bfloat16")
    ready = engines.compile_model(low, faces, engine="openvino")
    expected = models.predict(small, faces.images)
    np.testing.assert_allclose(ready(faces.images), expected, atol=1e-4 * abs(expected).max())


class Fake(Engine):
    """Keras, changed by a function of its outputs; as slow as it is told."""

    precisions = ("float32", "int8")

    def __init__(self, name: str, change: Any, seconds: float = 0.0) -> None:
        self.name, self.change, self.seconds = name, change, seconds  # type: ignore[misc]

    def compile(
        self, model: keras.Model, precision: Precision, calibration: np.ndarray | None
    ) -> Run:
        def run(images: np.ndarray) -> np.ndarray:
            return np.asarray(self.change(models.predict(model, images)))

        return run


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Any:
    def add(name: str, change: Any) -> None:
        monkeypatch.setitem(engines.ENGINES, name, Fake(name, change))

    return add


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda found: found * 1.001, "within 0.0001 of Keras'"),
        (lambda found: np.where(found == found.max(), np.nan, found), "difference of inf"),
        (lambda found: found[:, :-1], "difference of inf"),
        (lambda found: found * 0, "difference of 1 "),
    ],
)
def test_an_engine_that_differs_is_refused(
    change: Any, message: str, fake: Any, small: keras.Model, faces: engines.RealFaces
) -> None:
    fake("fake", change)
    with pytest.raises(ValueError, match=message):
        engines.compile_model(small, faces, engine="fake")


def test_int8_that_names_fewer_people_is_refused(
    fake: Any, small: keras.Model, faces: engines.RealFaces
) -> None:
    """Near in length, and yet each face is moved towards another person's."""

    def swapped(found: np.ndarray) -> np.ndarray:
        mean = found.mean(0)
        return found + 0.2 * (np.roll(mean + found, 2, 0) - mean) if len(found) > 1 else found

    fake("near", lambda found: found)
    exact = engines.compile_model(small, faces, engine="near", precision="int8")
    assert exact.difference.rank_one[0] == exact.difference.rank_one[1]
    people = [n for n in range(len(faces.images) // 2) for _ in range(2)]
    # Embeddings that Keras tells apart without a mistake, so that there is something to lose.
    rows = np.eye(len(people) // 2, dtype="float32")[people]
    noise = np.random.default_rng(0).permutation(rows)
    named = engines.RealFaces(faces.images, people, faces.calibration)
    tail = iter([rows, noise])
    with pytest.raises(ValueError, match="must lose at most 0.02 of rank-1"):
        engines.compile_model(
            small, named, engine="near", precision="int8", tail=lambda _: next(tail)
        )


def test_auto_falls_to_the_next(
    fake: Any,
    small: keras.Model,
    faces: engines.RealFaces,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for name in ("openvino", "onnx"):
        monkeypatch.delitem(engines.ENGINES, name)
    fake("wrong", lambda found: found * 2)
    fake("broken", lambda found: 1 / 0)
    fake("right", lambda found: found)
    speeds = {"wrong": 1.0, "right": 2.0, "keras": 3.0}
    timed: list[str] = []

    def seconds(run: Run, images: np.ndarray) -> float:
        run(images)
        timed.append(list(speeds)[len(timed) - 1])
        return speeds[["keras", "wrong", "right"][len(timed) - 1]]

    monkeypatch.setattr("maskedface.engines.compiling._seconds", seconds)
    with caplog.at_level(logging.INFO, "maskedface"):
        ready = engines.compile_model(small, faces, engine="auto")
    assert ready.engine == "right"
    said = " ".join(record.message for record in caplog.records)
    assert "engine wrong, float32: not used: outputs" in said
    assert "engine broken, float32: not used: division by zero" in said


def test_auto_takes_nothing_less_exact_than_wanted(
    small: keras.Model, faces: engines.RealFaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("maskedface.engines.compiling._seconds", lambda run, images: 1.0)
    plain = engines.RealFaces(faces.images)  # no faces to calibrate on: none are wanted
    assert engines.compile_model(small, plain, engine="auto").precision == "float32"


def test_auto_does_not_take_bfloat16_from_a_processor_without(
    small: keras.Model, faces: engines.RealFaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OpenVinoEngine, "why_not", lambda self, precision: "an old processor")
    with pytest.raises(ValueError, match="able to compute in bfloat16. Received: an old processor"):
        engines.compile_model(small, faces, engine="openvino", precision="bfloat16")


def test_a_layer_that_no_engine_has_is_refused(faces: engines.RealFaces) -> None:
    class Odd(layers.Layer):
        def call(self, x: Any) -> Any:
            import tensorflow as tf

            plus = tf.py_function(lambda y: y + 1, [x], "float32")
            plus.set_shape(x.shape)
            return plus

        def compute_output_shape(self, shape: Any) -> Any:
            return shape

    image = keras.Input((SIZE, SIZE, 3))
    model = keras.Model(image, layers.GlobalAveragePooling2D()(Odd()(image)), name="odd")
    root = logging.getLogger()
    before = root.level, root.filters[:], root.handlers[:]
    for engine, message in (("openvino", "layers that OpenVINO"), ("onnx", "'odd'|ONNX")):
        with pytest.raises(ValueError, match=message):
            engines.compile_model(model, faces, engine=engine)
    assert (root.level, root.filters, root.handlers) == before
    assert engines.compile_model(model, faces, engine="auto").engine == "keras"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"engine": "tensorrt"}, "engine must be one of"),
        ({"precision": "float16"}, "precision one of"),
        ({"engine": "keras", "precision": "int8"}, r"engine 'keras' must be one of \('float32'"),
        ({"engine": "onnx", "precision": "bfloat16"}, "engine 'onnx' must be one of"),
        ({"tolerance": 2.0}, r"tolerance must be in \[0, 1\]"),
    ],
)
def test_wrong_words_are_refused(
    words: dict[str, Any], message: str, small: keras.Model, faces: engines.RealFaces
) -> None:
    with pytest.raises(ValueError, match=message):
        engines.compile_model(small, faces, **words)


def test_too_few_faces_are_refused(small: keras.Model, faces: engines.RealFaces) -> None:
    def compiled(images: np.ndarray, people: Any, calibration: Any) -> None:
        given = engines.RealFaces(images, people, calibration)
        engines.compile_model(small, given, engine="openvino", precision="int8")

    images, people, calibration = faces.images, faces.people, faces.calibration
    with pytest.raises(ValueError, match="calibration must be given"):
        compiled(images, people, None)
    with pytest.raises(ValueError, match="at least 16 uint8 faces"):
        compiled(images, people, calibration[:15])
    with pytest.raises(ValueError, match="at least 16 uint8 faces"):
        compiled(images, people, calibration.astype("float32"))
    with pytest.raises(ValueError, match="two people with two faces"):
        compiled(images[:3], people[:3], calibration)
    with pytest.raises(ValueError, match="people must have one entry per face"):
        compiled(images, people[:3], calibration)
    with pytest.raises(ValueError, match="faces to compare on must be uint8"):
        compiled(images[:, :32], people, calibration)


def test_outputs_that_are_no_numbers_are_refused(faces: engines.RealFaces) -> None:
    image = keras.Input((SIZE, SIZE, 3))
    broken = keras.Model(image, layers.Rescaling(np.nan)(layers.GlobalAveragePooling2D()(image)))
    with pytest.raises(ValueError, match="not finite"):
        engines.compile_model(broken, faces, engine="openvino")


@pytest.mark.parametrize("engine", ["openvino", "onnx"])
def test_a_missing_extra_says_how_to_install_it(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("openvino", "onnxruntime"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ModuleNotFoundError, match=rf'pip install "maskedface\[{engine}\]"'):
        check_engine(engine, "float32")


def test_another_process_is_refused(small: keras.Model, faces: engines.RealFaces) -> None:
    ready = engines.compile_model(small, faces, engine="openvino")
    with pytest.raises(TypeError, match="in the process that uses it"):
        pickle.dumps(ready)
    child = ready.__class__(**{**vars(ready), "process": os.getpid() + 1})
    with pytest.raises(RuntimeError, match="in the process that created it"):
        child(faces.images)


def test_faces_are_chosen_apart() -> None:
    compared, rest = choose([n // 3 for n in range(300)])
    assert len(compared) == 96 and len(rest) == 32 and not set(compared) & set(rest)
    assert len({row // 3 for row in compared}) == 48
    assert len(choose(["Ada"])[0]) == 1 and not len(choose(["Ada"])[1])
    compared, rest = choose(list(range(10)))  # nobody twice
    assert len(compared) == 5 and len(rest) == 5


_PROCESS = """
import logging, os, sys, threading
import numpy as np
from maskedface import engines, models, synthetic
network = models.ResNet50(None, (48, 48, 3), filters=4, blocks=(1, 1, 1, 1))
images = np.stack([synthetic.draw_face(n // 4, n % 4, False, size=48) for n in range(48)])
faces = engines.RealFaces.of(images, [n // 4 for n in range(48)])
models.predict(network, images)
def state():
    return (logging.getLoggerClass(), os.sched_getaffinity(0), dict(os.environ), sys.stdout,
            logging.getLogger().handlers[:], logging.getLogger().level)
before = state()
engines.compile_model(network, faces, engine="openvino", precision="int8", tolerance=1.0)(images)
assert state() == before
bad = {"openvino_telemetry", "nncf", "torch"} & set(sys.modules)
assert not bad, bad
print("as it was")
"""


# A process imports TensorFlow and compiles, and one more quantizes for it.
@pytest.mark.long
def test_the_callers_process_stays_as_it_was() -> None:
    """Loggers, cores, environment; and nothing is told to anybody."""
    done = subprocess.run(
        [sys.executable, "-c", _PROCESS], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout == "as it was\n"
