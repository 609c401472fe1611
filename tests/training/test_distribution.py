"""Two devices learn what one learns; two processes train together, and a killed one ends the other."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from maskedface import losses
from maskedface.datasets import FaceIndex
from maskedface.training import Run, distribution
from maskedface.training.batches import RowBatches
from maskedface.training.distribution import Devices, SplitBatches, find_devices, refuse_coupled

PATIENCE = 1800.0  # seconds until a test gives up: on a busy machine six trainings are slow
JAX = pytest.mark.skipif(find_spec("jax") is None, reason="jax is not installed")

# "filled": batches of 7 faces do not divide by two; its batch norms are frozen. "synchronised": they
# learn, from batches that divide. "features": activations instead of faces. Adam would make steps of
# full length out of the rounding errors of the biases that stand in front of a batch norm.
SCRIPT = """
import os, sys
folder, root, backbone, *words = sys.argv[1:]
if os.environ["KERAS_BACKEND"] == "tensorflow":
    import tensorflow as tf
    two = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], two)
from maskedface import datasets, training
from maskedface.recipes import Recipe

train, test = datasets.split_by_image(datasets.rmfrd(root))
quick = Recipe(name="quick", epochs=2, optimizer="SGD", image_size=64)
quick = quick.override("optimizer.learning_rate=0.01", "head.dropout=0")
kinds = {
    "filled": quick.override(
        freeze_through="layer4", features="off", batch_size=7, class_weight="balanced"
    ),
    "synchronised": quick.override(freeze_through="none", batch_size=8),
    "features": quick.override(freeze_through="layer3", batch_size=8),
}
for kind in words[0].split(","):
    for strategy in words[1].split(","):
        training.train(
            kinds[kind].override(*words[2:]), train, test, run_dir=f"{folder}/{kind}-{strategy}",
            backbone=backbone, strategy=strategy, progress=False,
        )
"""


@pytest.fixture(scope="session")
def smooth_backbone(tiny_backbone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny backbone without ReLUs: a sum in another order, 1e-7, may set one to the other side of zero,
    and its gradient then differs by a whole step."""

    def build(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        change = {"activation": "tanh"} if config.get("activation") == "relu" else {}
        return type(layer).from_config(config | change)

    path = tmp_path_factory.mktemp("smooth") / "smooth.keras"
    tiny = keras.models.load_model(tiny_backbone, compile=False)
    smooth = keras.models.clone_model(tiny, clone_function=build)
    smooth.set_weights(tiny.get_weights())
    smooth.save(path)
    return path


def words(folder: Path, drawn: FaceIndex, backbone: Path, *more: str) -> list[str]:
    return [sys.executable, "-c", SCRIPT, str(folder), str(drawn.root), str(backbone), *more]


def environment(backend: str, **variables: str) -> dict[str, str]:
    cpus = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2", "JAX_PLATFORMS": "cpu"}
    return {
        **os.environ,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "KERAS_BACKEND": backend,
        **cpus,
        **variables,
    }


def assert_close(one: Run, other: Run) -> None:
    for first, second in zip(one.model.get_weights(), other.model.get_weights(), strict=True):
        np.testing.assert_allclose(first, second, atol=1e-4)
    np.testing.assert_allclose(one.predictions["logits"], other.predictions["logits"], atol=1e-4)


# Ten runs in two processes.
@pytest.mark.long
@pytest.mark.parametrize(
    ("backend", "kinds"),
    [
        ("tensorflow", ("filled", "synchronised", "features")),
        # "synchronised" is asked on JAX by the two processes below.
        pytest.param("jax", ("filled", "features"), marks=JAX),
    ],
    ids=["tensorflow", "jax"],
)
def test_two_devices_learn_what_one_learns(
    drawn: FaceIndex,
    smooth_backbone: Path,
    tmp_path: Path,
    backend: str,
    kinds: tuple[str, ...],
) -> None:
    done = subprocess.run(
        words(tmp_path, drawn, smooth_backbone, ",".join(kinds), "none,mirrored"),
        env=environment(backend),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for kind in kinds:
        one, two = (Run(str(tmp_path / f"{kind}-{name}")) for name in ("none", "mirrored"))
        assert (one.record["devices"], two.record["devices"]) == (1, 2)
        assert two.record["frozen_features"]["used"] == (kind == "features")
        assert_close(one, two)
        norms = [
            layer
            for layer in two.model.layers
            if isinstance(layer, keras.layers.BatchNormalization)
        ]
        assert norms and not any(layer.synchronized for layer in norms)


@contextlib.contextmanager
def together(command: list[str]) -> Iterator[list[subprocess.Popen[str]]]:
    """Two processes of one command, one device each; none of them is left behind."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {
        "XLA_FLAGS": "--xla_force_host_platform_device_count=1",
        "KERAS_DISTRIBUTION_JOB_ADDRESSES": f"127.0.0.1:{port}",
        "KERAS_DISTRIBUTION_NUM_PROCESSES": "2",
    }
    processes = [
        subprocess.Popen(
            command,
            env=environment("jax", **shared, KERAS_DISTRIBUTION_PROCESS_ID=str(number)),
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


# Five processes import JAX and train, two minutes each.
@pytest.mark.slow
@JAX
@pytest.mark.parametrize("killed", [0, 1])
def test_a_killed_process_ends_the_job_and_the_same_command_goes_on(
    drawn: FaceIndex, smooth_backbone: Path, tmp_path: Path, killed: int
) -> None:
    longer = "epochs=12"
    long = [*words(tmp_path, drawn, smooth_backbone, "synchronised", "mirrored"), longer]
    run = tmp_path / "synchronised-mirrored"
    with together(long) as processes:
        end = time.monotonic() + PATIENCE
        while not (run / "state.npz").exists():
            assert time.monotonic() < end and processes[0].poll() is None
            time.sleep(0.05)
        processes[killed].send_signal(signal.SIGKILL)
        begun = time.monotonic()
        assert processes[1 - killed].wait(PATIENCE) != 0
        print(f"process {killed} killed: the other ended after {time.monotonic() - begun:.1f} s")
    assert not (run / "metrics.json").exists()
    with together(long) as processes:
        ends = [process.communicate(timeout=PATIENCE)[1] for process in processes]
        assert [process.returncode for process in processes] == [0, 0], ends
    two = Run(str(run))
    assert (two.record["devices"], two.record["processes"]) == (2, 2)
    assert not {path.name for path in run.iterdir()} & {"features", "state.npz"}
    alone = [*words(tmp_path, drawn, smooth_backbone, "synchronised", "none"), longer]
    subprocess.run(alone, env=environment("jax"), timeout=PATIENCE, check=True)
    assert_close(Run(str(tmp_path / "synchronised-none")), two)


def split(count: int, device: Devices, **more: Any) -> tuple[np.ndarray, ...]:
    rows = np.arange(count)
    return SplitBatches(RowBatches(rows[:, None], rows, rows), device, **more)[0]


def test_a_batch_that_does_not_divide_is_filled_with_rows_that_weigh_nothing() -> None:
    inputs, targets, weights = split(5, Devices(4))
    assert targets.tolist() == inputs[:, 0].tolist() == [0, 1, 2, 3, 4, 0, 1, 2]
    np.testing.assert_allclose(weights, [1.6] * 5 + [0] * 3)


def test_a_batch_that_divides_is_left_as_it_is() -> None:
    _, targets, weights = split(8, Devices(4))
    assert targets.tolist() == list(range(8)) and weights.tolist() == [1] * 8


def test_processes_share_a_batch_out() -> None:
    parts = [split(6, Devices(4, processes=2, process=number))[1].tolist() for number in range(2)]
    assert parts == [[0, 1, 2, 3], [4, 5, 0, 1]]


def test_the_weights_of_classes_are_kept() -> None:
    weights = split(3, Devices(2), class_weight={0: 1.0, 1: 3.0, 2: 6.0})[2]
    np.testing.assert_allclose(weights, [4 / 3, 4, 8, 0])


def test_other_processes_work_in_a_copy_that_is_thrown_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Devices, "_wait", lambda *_: None)
    (tmp_path / "run.json").write_text("{}")
    with Devices(2, 2, 1).opened(str(tmp_path)) as copy:
        assert (Path(copy) / "run.json").read_text() == "{}"
        (Path(copy) / "run.json").write_text("changed")
    assert (tmp_path / "run.json").read_text() == "{}" and not Path(copy).exists()
    with Devices(2, 2, 0).opened(str(tmp_path)) as own:
        assert own == str(tmp_path)


def test_batch_norms_of_a_model_within_a_model_use_the_whole_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inner = keras.Sequential([keras.Input((8,)), keras.layers.BatchNormalization()])
    image = keras.Input((8,))
    whole, norm = keras.Model(image, inner(image)), inner.layers[-1]
    monkeypatch.setattr(keras.backend, "backend", lambda: "tensorflow")
    with distribution.synchronized_batch_norm(whole, Devices(count=2)):
        assert norm.synchronized
    assert not norm.synchronized
    with distribution.synchronized_batch_norm(whole, Devices()):
        assert not norm.synchronized


def test_an_unknown_strategy_is_refused() -> None:
    with pytest.raises(ValueError, match="strategy must be one of .* Received: strategy='all'"):
        find_devices("all")


def test_another_backend_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distribution.keras.backend, "backend", lambda: "torch")
    with pytest.raises(
        ValueError, match="strategy must be 'none' except on .* KERAS_BACKEND=torch"
    ):
        find_devices("mirrored")


@pytest.mark.parametrize(
    "loss",
    [
        losses.SelfRestrainedTriplet(),
        losses.Coral(),
        losses.WithEmbeddings(losses.CosineMargin(), losses.PairAlignment(), features=3),
    ],
    ids=lambda loss: loss.name,
)
def test_losses_of_pairs_of_faces_are_refused_on_several_devices(loss: keras.losses.Loss) -> None:
    refuse_coupled(loss, Devices())
    refuse_coupled(losses.CosineMargin(), Devices(2))
    with pytest.raises(ValueError, match="loss must be .* Received: .*, 2 devices"):
        refuse_coupled(loss, Devices(2))
