"""Files of each format, read back by what will run them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from maskedface import exporting, models
from maskedface.exporting import exported
from maskedface.exporting.exported import FORMATS
from maskedface.exporting.timing import time_models
from tests.faces import draw_face

SIDE = 64
ENDINGS = {"savedmodel": "model", "onnx": "model.onnx", "litert": "model.tflite"}


def program(format: str) -> None:
    """Skips where the format's program is not installed."""
    names = {"onnx": ("onnx", "onnxruntime", "tf2onnx"), "litert": ("ai_edge_litert",)}
    for name in names.get(format, ()):
        pytest.importorskip(name)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.stack([draw_face(person, 0, person % 2 == 0, size=SIDE) for person in range(6)])


@pytest.fixture(scope="module")
def backbone() -> keras.Model:
    keras.utils.set_random_seed(0)
    return models.ResNet50(None, (SIDE, SIDE, 3), filters=2, blocks=(1, 1, 1, 1))


@pytest.fixture(scope="module")
def small() -> keras.Model:
    """Mean colors, for what is the same whatever is exported."""
    image = keras.Input((SIDE, SIDE, 3))
    x = keras.layers.AveragePooling2D(16)(keras.layers.Rescaling(1 / 128, -1.0)(image))
    return models.with_alignment(keras.Model(image, keras.layers.Flatten()(x)), "vggface2")


@pytest.fixture(scope="module")
def saved(small: keras.Model, images: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SavedModel that is only read."""
    path = tmp_path_factory.mktemp("saved") / "model"
    exporting.export(small, path, images, format="savedmodel")
    return path


@pytest.fixture
def copy(saved: Path, tmp_path: Path) -> Path:
    """A SavedModel of the test's own."""
    shutil.copytree(saved.parent, tmp_path, dirs_exist_ok=True)
    return tmp_path / "model"


# It writes a network for another program and runs it.
@pytest.mark.long
@pytest.mark.parametrize("format", FORMATS)
def test_a_file_read_back_agrees_for_any_number_of_faces(
    format: Any, backbone: keras.Model, images: np.ndarray, tmp_path: Path
) -> None:
    program(format)
    path = tmp_path / ENDINGS[format]
    done = exporting.export(backbone, path, images, format=format)
    assert done.agreement.relative < 1e-4 and done.agreement.same_first == 1
    predict = exporting.load(path)
    expected = models.predict(backbone, images)
    for count in (1, 3, 6):
        found = predict(images[:count])
        assert abs(found - expected[:count]).max() < 1e-4 * abs(expected).max()
    facts = json.loads((tmp_path / f"{path.name}.json").read_text())
    assert facts["input"]["shape"] == ["batch", SIDE, SIDE, 3] and facts["outputs"] == 64
    assert sorted(one.name for one in tmp_path.iterdir()) == [path.name, f"{path.name}.json"]


def test_a_saved_model_holds_each_weight_once(backbone: keras.Model, tmp_path: Path) -> None:
    import tensorflow as tf

    from maskedface.exporting.writing import write_saved_model

    write_saved_model(backbone, str(tmp_path / "model"))
    listed = tf.train.list_variables(str(tmp_path / "model" / "variables" / "variables"))
    kept = [tuple(shape) for _, shape in listed if shape]
    assert sorted(kept) == sorted(tuple(weight.shape) for weight in backbone.weights)


# Many conversions.
@pytest.mark.long
@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("network", [models.IResNet, models.AdaFaceIR])
def test_networks_with_slopes_and_a_dense_layer_are_exported(
    network: Any, format: Any, images: np.ndarray, tmp_path: Path
) -> None:
    program(format)
    keras.utils.set_random_seed(0)
    words = {"blocks": (1, 1, 1, 1), "filters": 4, "embedding_size": 8}
    backbone = network(None, (SIDE, SIDE, 3), **words)
    done = exporting.export(backbone, tmp_path / ENDINGS[format], images, format=format)
    assert done.agreement.relative < 1e-4
    assert exporting.load(done.path).alignment == "arcface"


# Many conversions.
@pytest.mark.long
@pytest.mark.parametrize("format", FORMATS)
def test_classifiers_views_maps_mirrors_adaptation_and_bfloat16_are_exported(
    format: Any, backbone: keras.Model, images: np.ndarray, tmp_path: Path
) -> None:
    program(format)
    low = models.with_precision(backbone, "bfloat16")
    mapped = models.map_join(models.upper_view(low, (8, 0, 56, 32)))
    adapted = models.adapt(models.mirror_join(mapped), [(images, np.arange(6) % 2 == 0)])
    model = models.classifier(adapted, 5, head="cosine")
    done = exporting.export(
        model, tmp_path / ENDINGS[format], images, format=format, facts={"classes": [*"abcde"]}
    )
    assert done.agreement.relative < 1e-4
    facts = json.loads(Path(f"{done.path}.json").read_text())
    assert facts["classes"] == [*"abcde"] and facts["outputs"] == 5


# Conversions of a network at full size.
@pytest.mark.long
@pytest.mark.parametrize("precision", ["float16", "int8"])
def test_smaller_litert_files_are_smaller_and_near(
    precision: Any, backbone: keras.Model, images: np.ndarray, tmp_path: Path
) -> None:
    program("litert")
    small = exporting.export(
        backbone,
        tmp_path / "small.tflite",
        images[:3],
        format="litert",
        precision=precision,
        calibration=images[3:],
    )
    # Four bytes a weight in a file of full precision; the graph takes some more.
    assert small.size < 4 * backbone.count_params()
    assert 1e-7 < small.agreement.relative < exported.TOLERANCES[precision]
    assert small.agreement.cosine > 0.99


# The converter.
@pytest.mark.long
def test_an_int8_file_takes_gray_levels_as_they_are(
    backbone: keras.Model, images: np.ndarray, tmp_path: Path
) -> None:
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    path = tmp_path / "model.tflite"
    dark = images // 4  # calibration that never sees white
    exporting.export(
        backbone, path, images, format="litert", precision="int8", calibration=dark, tolerance=9
    )
    given = interpreter.Interpreter(model_path=str(path)).get_input_details()[0]
    assert given["dtype"] == np.uint8 and given["quantization"] == (1.0, 0)


def test_a_file_that_does_not_agree_is_not_there(
    small: keras.Model, images: np.ndarray, copy: Path, tmp_path: Path
) -> None:
    before = (tmp_path / "model.json").read_text()
    # On some processors the two agree to the bit.
    with pytest.raises(ValueError, match="must agree with the Keras model to -1"):
        exporting.export(small, tmp_path / "new", images, format="savedmodel", tolerance=-1)
    with pytest.raises(ValueError, match="nothing was written"):
        exporting.export(small, copy, images, format="savedmodel", tolerance=-1)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["model", "model.json"]
    assert (tmp_path / "model.json").read_text() == before


def test_an_older_export_is_replaced_and_other_folders_are_refused(
    small: keras.Model, images: np.ndarray, copy: Path, tmp_path: Path
) -> None:
    before = (copy / "saved_model.pb").stat()
    exporting.export(small, copy, images, format="savedmodel")
    assert (copy / "saved_model.pb").stat().st_ino != before.st_ino
    assert sorted(one.name for one in tmp_path.iterdir()) == ["model", "model.json"]
    (tmp_path / "photos").mkdir()
    with pytest.raises(ValueError, match="must be new, or an older SavedModel"):
        exporting.export(small, tmp_path / "photos", images, format="savedmodel")


def test_a_file_read_back_gives_its_alignment(saved: Path) -> None:
    assert exporting.load(saved).alignment == "vggface2"


def test_a_file_of_before_gives_its_alignment(copy: Path) -> None:
    copy.with_name("model.json").write_text('{"template": "dlib"}')
    assert exporting.load(copy).alignment == "dlib"


def test_a_model_that_states_no_alignment_is_refused(images: np.ndarray, tmp_path: Path) -> None:
    image = keras.Input((SIDE, SIDE, 3))
    silent = keras.Model(image, keras.layers.GlobalAveragePooling2D()(image))
    with pytest.raises(ValueError, match="must state the alignment"):
        exporting.export(silent, tmp_path / "model", images, format="savedmodel")
    assert not list(tmp_path.iterdir())


def test_an_onnx_file_carries_its_facts(
    small: keras.Model, images: np.ndarray, tmp_path: Path
) -> None:
    program("onnx")
    import onnx

    path = tmp_path / "model.onnx"
    exporting.export(small, path, images, format="onnx")
    (prop,) = onnx.load(path).metadata_props
    assert prop.key == "maskedface" and json.loads(prop.value)["alignment"] == "vggface2"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"format": "pickle"}, "format must be one of"),
        ({"format": "onnx"}, "path must be a file ending in .onnx"),
        ({"format": "savedmodel"}, "path must be a folder without"),
        ({"format": "litert", "precision": "int4"}, "precision one of"),
        ({"format": "savedmodel", "precision": "int8"}, "precision must be 'float32' for"),
        ({"format": "litert", "precision": "int8"}, "calibration must be given for int8"),
        ({"format": "litert", "images": np.zeros((1, 8, 8, 3))}, "images must have shape"),
        (
            {"format": "litert", "calibration": np.zeros((1, 8, 8, 3))},
            "calibration must have shape",
        ),
    ],
)
def test_what_does_not_fit_is_refused(
    words: dict[str, Any], message: str, backbone: keras.Model, images: np.ndarray, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        exporting.export(backbone, tmp_path / "m.tflite", **{"images": images, **words})
    assert not list(tmp_path.iterdir())


def test_models_that_give_maps_are_refused(images: np.ndarray, tmp_path: Path) -> None:
    image = keras.Input((SIDE, SIDE, 3))
    model = keras.Model(image, keras.layers.Conv2D(2, 3)(image))
    with pytest.raises(ValueError, match="one vector each"):
        exporting.export(model, tmp_path / "m", images, format="savedmodel")


@pytest.mark.parametrize("value", [0.0, float("nan")])
def test_a_model_whose_outputs_say_nothing_is_refused_before_anything_is_written(
    value: float, images: np.ndarray, tmp_path: Path
) -> None:
    image = keras.Input((SIDE, SIDE, 3))
    same = keras.layers.Rescaling(0.0, value)(image)
    silent = keras.Model(image, keras.layers.GlobalAveragePooling2D()(same))
    model = models.with_alignment(silent, "arcface")
    with pytest.raises(ValueError, match="outputs must be finite and not all 0"):
        exporting.export(model, tmp_path / "new" / "m", images, format="savedmodel")
    assert not list(tmp_path.iterdir())


def test_two_outputs_of_zeros_agree(images: np.ndarray, tmp_path: Path) -> None:
    image = keras.Input((SIDE, SIDE, 3))
    mean = keras.Model(image, keras.layers.GlobalAveragePooling2D()(image))
    model = models.with_alignment(mean, "arcface")
    black = np.concatenate([images, np.zeros_like(images[:1])])
    done = exporting.export(model, tmp_path / "m", black, format="savedmodel")
    assert done.agreement.cosine == pytest.approx(1)


def test_files_of_no_format_are_not_loaded(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="must be an exported model"):
        exporting.load(tmp_path / "nothing.onnx")
    (tmp_path / "model.bin").write_text("")
    with pytest.raises(ValueError, match="must be a folder, .onnx or .tflite"):
        exporting.load(tmp_path / "model.bin")


def test_models_are_timed_in_turn() -> None:
    calls: list[str] = []
    ways = {name: lambda batch, name=name: calls.append(name) or batch for name in "ab"}
    found = time_models(ways, np.zeros((2, 1)), rounds=2)
    assert calls == [*"ababab"] and set(found) == {"a", "b"} and min(found.values()) >= 0
    with pytest.raises(ValueError, match="rounds must be at least 1"):
        time_models(ways, np.zeros((2, 1)), rounds=0)
