"""ONNX files of other programs: what the file says, what must be said, and what is remembered."""

from __future__ import annotations

import json
import logging
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maskedface.engines import OnnxEmbedder

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from onnx import TensorProto

from tests.engines import onnx_files

WORDS: dict[str, Any] = {"alignment": "arcface", "input_range": (-1.0, 1.0), "channels": "RGB"}
# One face a color: its mean says what became of each channel.
FACES = np.broadcast_to(
    np.array([[255, 0, 51], [0, 255, 102], [51, 51, 51]], "uint8")[:, None, None], (3, 32, 32, 3)
).copy()


@pytest.mark.parametrize("batch", ["n", 1, 2, 5])
@pytest.mark.parametrize("first", [True, False], ids=["channels first", "channels last"])
def test_any_batch_and_either_order_of_axes_give_the_same(
    tmp_path: Path, batch: Any, first: bool
) -> None:
    shape = [batch, 3, 32, 32] if first else [batch, 32, 32, 3]
    embedder = OnnxEmbedder(onnx_files.write_mean(tmp_path / "net.onnx", shape), **WORDS)
    np.testing.assert_allclose(embedder(FACES), FACES[:, 0, 0] / 127.5 - 1, atol=1e-5)
    assert (embedder.size, embedder.features, embedder.engine) == (32, 3, "onnx")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({}, [1.0, -1.0, -0.6]),
        ({"channels": "BGR"}, [-0.6, -1.0, 1.0]),
        ({"input_range": (0.0, 255.0)}, [255.0, 0.0, 51.0]),
        ({"input_range": (0.0, 1.0)}, [1.0, 0.0, 0.2]),
        ({"input_range": (-1.0, -2.0, -3.0, 1.0, 2.0, 2.0)}, [1.0, -2.0, -2.0]),
        ({"input_range": (-1.0, -2.0, -3.0, 1.0, 2.0, 2.0), "channels": "BGR"}, [-2.0, -2.0, 1.0]),
        ({"input_range": "standardized"}, [1.389, -0.926, -0.463]),
    ],
)
def test_the_range_and_the_colors_are_those_said(
    tmp_path: Path, words: dict[str, Any], expected: list[float]
) -> None:
    embedder = OnnxEmbedder(
        onnx_files.write_mean(tmp_path / "net.onnx", ["n", 3, 32, 32]), **WORDS | words
    )
    np.testing.assert_allclose(embedder(FACES[:1])[0], expected, atol=1e-3)


@pytest.mark.parametrize(
    ("type", "tolerance"), [(TensorProto.FLOAT16, 1e-3), (TensorProto.UINT8, 0)]
)
def test_a_file_gets_the_type_that_it_takes(tmp_path: Path, type: int, tolerance: float) -> None:
    path = onnx_files.write_mean(tmp_path / "net.onnx", ["n", 3, 32, 32], type=type)
    range = (0.0, 255.0) if type == TensorProto.UINT8 else (-1.0, 1.0)
    embedder = OnnxEmbedder(path, **WORDS | {"input_range": range})
    expected = FACES[:, 0, 0] * (range[1] - range[0]) / 255 + range[0]
    np.testing.assert_allclose(embedder(FACES), expected, atol=tolerance)


@pytest.mark.parametrize("wrong", [(1.0, 1.0), (0.0,), (0.0, float("nan")), "whitened", (0.0,) * 6])
def test_a_range_that_is_none_is_refused(tmp_path: Path, wrong: Any) -> None:
    path = onnx_files.write_mean(tmp_path / "net.onnx", ["n", 3, 32, 32])
    with pytest.raises(ValueError, match="input_range must be two different finite numbers"):
        OnnxEmbedder(path, **WORDS | {"input_range": wrong})


def test_words_said_once_are_remembered_beside_the_file(tmp_path: Path) -> None:
    path = onnx_files.write_mean(tmp_path / "net.onnx", ["n", 3, 32, 32])
    first = OnnxEmbedder(path, **WORDS)
    first.remember()
    again = OnnxEmbedder(path)
    assert again.face_input == first.face_input
    assert again.fingerprint == first.fingerprint
    assert json.loads((tmp_path / "net.onnx.json").read_text())["channels"] == "RGB"


def test_a_folder_that_cannot_be_written_is_said_and_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    embedder = OnnxEmbedder(onnx_files.write_mean(tmp_path / "net.onnx", ["n", 3, 32, 32]), **WORDS)
    monkeypatch.setattr("maskedface.engines.onnx_embedder.write_json", full)
    with caplog.at_level(logging.WARNING, "maskedface"):
        embedder.remember()
    assert "No space left on device" in caplog.text


@pytest.mark.parametrize("missing", WORDS)
def test_a_word_that_nobody_said_is_asked_for(tmp_path: Path, missing: str) -> None:
    path = onnx_files.write_mean(tmp_path / "net.onnx", ["n", 3, 32, 32])
    words = {name: value for name, value in WORDS.items() if name != missing}
    option = {"alignment": "--model-alignment"}.get(missing, f"--{missing.replace('_', '-')}")
    with pytest.raises(ValueError, match=f"must be given once.*{option}"):
        OnnxEmbedder(path, **words)


def test_a_file_of_any_size_asks_for_one(tmp_path: Path) -> None:
    path = onnx_files.write_mean(tmp_path / "net.onnx", ["n", 3, "h", "w"])
    with pytest.raises(ValueError, match="--input-size"):
        OnnxEmbedder(path, **WORDS)
    assert OnnxEmbedder(path, **WORDS, size=32)(FACES).shape == (3, 3)


@pytest.mark.parametrize(
    "other", [{"alignment": "dlib"}, {"input_range": (0.0, 1.0)}, {"channels": "BGR"}]
)
def test_other_words_than_the_remembered_ones_are_refused(
    tmp_path: Path, other: dict[str, Any]
) -> None:
    path = onnx_files.write_mean(tmp_path / "net.onnx", ["n", 3, 32, 32])
    OnnxEmbedder(path, **WORDS).remember()
    with pytest.raises(ValueError, match=r"as stated by .*net\.onnx\.json"):
        OnnxEmbedder(path, **WORDS | other)


def test_another_size_than_the_files_is_refused(tmp_path: Path) -> None:
    path = onnx_files.write_mean(tmp_path / "net.onnx", ["n", 3, 32, 32])
    with pytest.raises(ValueError, match="size must be 32, as stated by the file itself"):
        OnnxEmbedder(path, **WORDS, size=64)


def test_words_of_another_file_are_not_taken(tmp_path: Path) -> None:
    path = onnx_files.write_mean(tmp_path / "net.onnx", ["n", 3, 32, 32])
    OnnxEmbedder(path, **WORDS).remember()
    onnx_files.write_mean(path, [1, 3, 32, 32])
    with pytest.raises(ValueError, match="must belong to this file"):
        OnnxEmbedder(path)


def test_a_damaged_file_beside_is_named(tmp_path: Path) -> None:
    path = onnx_files.write_mean(tmp_path / "net.onnx", ["n", 3, 32, 32])
    (tmp_path / "net.onnx.json").write_text("{")
    with pytest.raises(ValueError, match=r"delete it to specify the format again.*net\.onnx\.json"):
        OnnxEmbedder(path, **WORDS)


def test_what_our_own_export_wrote_into_the_file_is_enough(tmp_path: Path) -> None:
    told = {"keras": "3", "input": {"values": "RGB, 0-255"}, "alignment": "dlib"}
    path = onnx_files.write_mean(
        tmp_path / "net.onnx", ["n", 32, 32, 3], metadata={"maskedface": json.dumps(told)}
    )
    embedder = OnnxEmbedder(path)
    assert (embedder.alignment, embedder.face_input.input_range) == ("dlib", (0.0, 255.0))


def test_several_vectors_need_a_name(tmp_path: Path) -> None:
    path = onnx_files.write_mean(tmp_path / "net.onnx", ["n", 3, 32, 32], outputs=2)
    with pytest.raises(ValueError, match=r"output must be given.*embedding0.*embedding1"):
        OnnxEmbedder(path, **WORDS)
    assert OnnxEmbedder(path, **WORDS, output="embedding1").features == 3


@pytest.mark.parametrize("shape", [["n", 3, 32, 16], ["n", 1, 32, 32], ["n", 3], ["n", 4, 4, 4]])
def test_a_network_of_something_else_is_refused(tmp_path: Path, shape: list[Any]) -> None:
    from onnx import helper, save

    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    made = helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [value], [made])
    opset = [helper.make_opsetid("", 18)]
    save(helper.make_model(graph, opset_imports=opset, ir_version=10), tmp_path / "net.onnx")
    with pytest.raises(ValueError, match="one input of square color images"):
        OnnxEmbedder(tmp_path / "net.onnx", **WORDS)


@pytest.mark.parametrize("cut", [0, 40], ids=["empty", "cut"])
def test_a_broken_file_is_refused(tmp_path: Path, cut: int) -> None:
    path = onnx_files.write_mean(tmp_path / "net.onnx", ["n", 3, 32, 32])
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ValueError, match="path must be an ONNX file"):
        OnnxEmbedder(path, **WORDS)


def test_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="path must be an ONNX file"):
        OnnxEmbedder(tmp_path / "net.onnx", **WORDS)


def test_another_file_or_other_words_have_another_fingerprint(tmp_path: Path) -> None:
    free = onnx_files.write_mean(tmp_path / "free.onnx", ["n", 3, 32, 32])
    fixed = onnx_files.write_mean(tmp_path / "fixed.onnx", [1, 3, 32, 32])
    embedders = [
        OnnxEmbedder(free, **WORDS),
        OnnxEmbedder(fixed, **WORDS),
        OnnxEmbedder(free, **WORDS | {"channels": "BGR"}),
        OnnxEmbedder(free, **WORDS | {"alignment": "dlib"}),
    ]
    embedders.append(embedders[0].with_flip())
    assert len({one.fingerprint for one in embedders}) == len(embedders)


def test_it_can_be_pickled(tmp_path: Path) -> None:
    embedder = OnnxEmbedder(onnx_files.write_mean(tmp_path / "net.onnx", ["n", 3, 32, 32]), **WORDS)
    again = pickle.loads(pickle.dumps(embedder))
    np.testing.assert_array_equal(again(FACES), embedder(FACES))


def test_onnx_runtime_is_named_where_it_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = onnx_files.write_mean(tmp_path / "net.onnx", ["n", 3, 32, 32])
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "maskedface\[onnx\]"'):
        OnnxEmbedder(path, **WORDS)
