"""Weights, models and galleries that would run code or leave their place: refused, and nothing has run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from maskedface.conversion import readers
from maskedface.recipes import Recipe, Spec
from maskedface.training import Run, checkpoint
from maskedface.training.backbones import build_backbone
from tests.reliability.conftest import environment
from tests.reliability.fuzz_readers import READERS, read, seeds
from tests.reliability.test_texts import CALM


class Hostile:
    """Pickled as a call that leaves a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.trace),)


def lambda_model(path: Path, trace: Path) -> Path:
    image = keras.Input((64, 64, 3))
    x = keras.layers.Lambda(lambda x, place=str(trace): (os.mkdir(place), x)[1])(image)
    keras.Model(image, keras.layers.Flatten()(x)).save(path)
    trace.rmdir()  # building it ran it
    return path


def test_a_backbone_with_code_in_it_is_refused_and_does_not_run(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    path = lambda_model(tmp_path / "evil.keras", trace)
    with pytest.raises(ValueError, match=r"[Ll]ambda"):
        build_backbone(str(path), None, 64)
    assert not trace.exists()


def test_a_run_whose_model_has_code_in_it_is_refused(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    lambda_model(tmp_path / "model.keras", trace)
    for name in ("run.json", "metrics.json"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "recipe.json").write_text(Recipe(name="hostile").to_json())
    with pytest.raises(ValueError, match=r"[Ll]ambda"):
        _ = Run(str(tmp_path)).model
    assert not trace.exists()


@pytest.mark.parametrize(
    ("module", "name", "config"),
    [
        ("subprocess", "Popen", {"args": ["touch", "TRACE"]}),
        ("os", "system", {"command": "touch TRACE"}),
        ("builtins", "eval", {"source": "open('TRACE', 'w')"}),
        ("pathlib", "Path", {}),
    ],
)
def test_a_recipe_calls_nothing_but_keras_objects(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    module: str,
    name: str,
    config: dict[str, Any],
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="must be a class that can be imported"):
        Spec(module, name, config).build()
    assert not list(tmp_path.iterdir())


def changed(path: Path, target: Path, change: Any = None, **members: bytes) -> Path:
    """A copy of a .keras file with its config changed and members added."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "config.json" and change:
                data = json.dumps(change(json.loads(data))).encode()
            new.writestr(name, data)
        for name, data in members.items():
            new.writestr(name, data)
    return target


@pytest.mark.parametrize(
    ("module", "name"), [("os", "system"), ("builtins", "eval"), ("subprocess", "Popen")]
)
def test_a_model_that_names_a_function_of_python_is_refused(
    tiny_backbone: Path, tmp_path: Path, module: str, name: str
) -> None:
    trace = tmp_path / "trace"

    def call(config: dict[str, Any]) -> dict[str, Any]:
        layer = config["config"]["layers"][1]
        layer.update(module=module, class_name=name, registered_name=None)
        layer["config"] = {"command": f"mkdir {trace}", "args": ["mkdir", str(trace)]}
        return config

    evil = changed(tiny_backbone, tmp_path / "evil.keras", call)
    with pytest.raises((ValueError, TypeError)):
        build_backbone(str(evil), None, 64)
    assert not trace.exists()


@pytest.mark.filterwarnings("ignore:Skipping invalid path")
@pytest.mark.parametrize(
    "name", ["../outside.txt", "/tmp/maskedface_outside.txt", "assets/../../outside.txt"]
)
def test_a_model_archive_writes_nothing_outside_itself(
    tiny_backbone: Path, tmp_path: Path, name: str
) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    evil = changed(tiny_backbone, inner / "evil.keras", **{name: b"here"})
    build_backbone(str(evil), None, 64)  # Keras leaves such members alone
    assert (
        not list(tmp_path.rglob("*outside*")) and not Path("/tmp/maskedface_outside.txt").exists()
    )
    assert not Path("outside.txt").exists() and not Path("../outside.txt").exists()


def test_a_state_with_objects_is_refused_and_does_not_run(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    hostile = np.array([Hostile(trace)], object)
    np.savez(tmp_path / "state.npz", variable0=hostile, history=np.array("[]"))
    with pytest.raises(ValueError, match="Object arrays cannot be loaded"):
        checkpoint.read_state(str(tmp_path), [keras.Variable(np.zeros(1, "float32"))])
    assert not trace.exists()


def test_predictions_with_objects_are_refused_and_do_not_run(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    np.savez(tmp_path / "predictions.npz", logits=np.array([Hostile(trace)], object))
    for name in ("run.json", "metrics.json"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(ValueError, match="Object arrays cannot be loaded"):
        _ = Run(str(tmp_path)).predictions
    assert not trace.exists()


def test_a_torch_file_with_code_is_refused_and_does_not_run(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    trace = tmp_path / "trace"
    torch.save({"w": Hostile(trace)}, tmp_path / "evil.pth")
    with pytest.raises(ValueError, match="weights must be a torch file"):
        readers.read(tmp_path / "evil.pth")
    assert not trace.exists()


def test_an_h5_link_to_another_file_is_no_weight(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["secret"] = np.ones(3)
    with h5py.File(tmp_path / "evil.h5", "w") as file:
        file.attrs["layer_names"] = ["layer"]
        layer = file.create_group("layer")
        layer.attrs["weight_names"] = ["w:0"]
        layer["w:0"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "secret")
    with pytest.raises(ValueError, match="weights must be an .h5 file"):
        readers.read(tmp_path / "evil.h5")


@st.composite
def mutated(draw: Any, kind: str) -> bytes:
    """A whole file with some bytes changed, cut out or put in."""
    data = bytearray(draw(st.sampled_from(seeds()[kind])))
    for _ in range(draw(st.integers(1, 6))):
        place = draw(st.integers(0, len(data)))
        data[place : place + draw(st.integers(0, 4))] = draw(st.binary(max_size=6))
    return bytes(data)


# Hundreds of damaged files.
@pytest.mark.long
@pytest.mark.parametrize("kind", sorted(READERS))
@settings(CALM, max_examples=300)
@given(st.data())
def test_a_damaged_weight_file_is_read_or_a_value_error(
    tmp_path: Path, kind: str, data: Any
) -> None:
    read(kind, data.draw(mutated(kind) | st.binary(max_size=200)), tmp_path)


def test_the_whole_files_are_read(tmp_path: Path) -> None:
    for kind, files in seeds().items():
        for data in files:
            assert read(kind, data, tmp_path)


# Minutes of fuzzing.
@pytest.mark.slow
@pytest.mark.skipif(find_spec("atheris") is None, reason="atheris is not installed")
@pytest.mark.parametrize("kind", sorted(READERS))
def test_fuzzing_a_reader_finds_nothing_but_value_errors(kind: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.reliability.fuzz_readers", kind, "-runs=20000", "-seed=1",
         "-rss_limit_mb=4096", f"-artifact_prefix={tmp_path}/"],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Done 20000 runs" in done.stderr
