"""Several devices: each batch is split between them, on one machine or on several."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from maskedface.locks import locked
from maskedface.names import did_you_mean
from maskedface.training.run import FEATURES, RECORD

STRATEGIES = ("none", "mirrored")


@dataclass(frozen=True)
class Devices:
    """What a run is spread over, each device holding the whole network.

    Attributes:
        count: int >= 1, the devices of all processes together.
        processes: int >= 1, how many processes train together.
        process: int, the number of this one, from 0. The first alone writes to the run folder.
        strategy: a `tf.distribute.Strategy`, a `keras.distribution.DataParallel`, or None: one device,
            nothing is split.
    """

    count: int = 1
    processes: int = 1
    process: int = 0
    strategy: Any = None

    @contextlib.contextmanager
    def opened(self, run_dir: str, wait: float = 0.0) -> Iterator[str]:
        """Where models are built and used, on all devices, and the folder to work in: the run's own,
        locked, and to all processes but the first a copy of it that is thrown away, so that all go on
        from one state and one writes.

        Args:
            run_dir: the run folder, on a disk that every process sees.
            wait: float >= 0, seconds to wait for another run in it (`locks.locked`).

        Yields:
            A path. The processes wait for each other before and after, but not after an error.

        Raises:
            LockedError: if another run still holds the folder after that.
        """
        with contextlib.ExitStack() as stack:
            folder = run_dir
            if self.process:
                folder = os.path.join(stack.enter_context(tempfile.TemporaryDirectory()), "run")
                if os.path.isdir(run_dir):
                    leave = shutil.ignore_patterns("tensorboard", FEATURES, "*.partial*", "*.lock")
                    shutil.copytree(run_dir, folder, ignore=leave)
            else:
                run = os.path.join(run_dir, RECORD)
                stack.enter_context(locked(run, what="train", wait=wait))
            self._wait("begin")
            with contextlib.nullcontext() if self.strategy is None else self.strategy.scope():
                yield folder
            self._wait("end")

    def _wait(self, name: str) -> None:
        if self.processes > 1:
            from jax.experimental import multihost_utils

            multihost_utils.sync_global_devices(name)


def find_devices(strategy: str) -> Devices:
    """Finds what a run is to be spread over; with JAX it joins the other processes first, where
    Keras' environment variables (KERAS_DISTRIBUTION_JOB_ADDRESSES and its like) name some.

    Args:
        strategy: "none", or "mirrored": every GPU that Keras' backend sees, or else every CPU device.
            TensorFlow trains by its MirroredStrategy, JAX by Keras' DataParallel.

    Returns:
        The devices.

    Raises:
        ValueError: if the strategy is unknown, or Keras' backend is another.
    """
    if strategy not in STRATEGIES:
        raise ValueError(
            f"strategy must be one of {STRATEGIES}. "
            f"Received: strategy={strategy!r}{did_you_mean(strategy, STRATEGIES)}"
        )
    backend = keras.backend.backend()
    if strategy == "none":
        return Devices()
    if backend == "jax":
        return _data_parallel()
    if backend != "tensorflow":
        raise ValueError(
            "strategy must be 'none' but on Keras' TensorFlow and JAX backends. "
            f"Received: strategy={strategy!r}, KERAS_BACKEND={backend}"
        )
    mirrored = _mirrored()
    return Devices(mirrored.num_replicas_in_sync, strategy=mirrored)


# A second one in the process would give its sums over devices the numbers of the first one's.
@functools.cache
def _mirrored() -> Any:
    import tensorflow as tf

    found = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return tf.distribute.MirroredStrategy([device.name for device in found])


def _data_parallel() -> Devices:
    import jax

    named = any(name.startswith("KERAS_DISTRIBUTION_") for name in os.environ)
    if named and not jax.distributed.is_initialized():
        keras.distribution.initialize()
    processes = jax.process_count()
    parallel = keras.distribution.DataParallel(auto_shard_dataset=False)
    return Devices(jax.device_count(), processes, jax.process_index(), parallel)


def refuse_coupled(loss: keras.losses.Loss, devices: Devices) -> None:
    """Refuses losses of pairs of faces where a device sees a part of the batch alone.

    Args:
        loss: the run's.
        devices: what it is spread over.

    Raises:
        ValueError: if the loss says that it couples faces (`couples_faces`), and there are several devices.
    """
    if devices.count > 1 and getattr(loss, "couples_faces", False):
        raise ValueError(
            "loss must be a sum over single faces on several devices. "
            f"Received: {type(loss).__name__}, {devices.count} devices"
        )


class SplitBatches(keras.utils.PyDataset):
    """Batches with a weight a row, whose rows can be dealt out evenly to the devices; this process' part.

    A batch that does not divide is filled up with rows that weigh nothing, and its own rows weigh so
    much more that the loss is their mean. In the curves (not in the gradient) the rows that fill up
    an epoch's last batch count.

    Args:
        batches: of (inputs, targets) of all processes.
        devices: whom they are for.
        class_weight: {label: its faces' weight}, or None: all 1.
    """

    def __init__(
        self,
        batches: keras.utils.PyDataset,
        devices: Devices,
        class_weight: dict[int, float] | None = None,
    ) -> None:
        super().__init__()
        self.batches, self.devices, self.class_weight = batches, devices, class_weight

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        inputs, targets = self.batches[number]
        count = len(inputs)
        rows = count + -count % self.devices.count
        weights = np.zeros(rows, "float32")
        weights[:count] = rows / count
        if self.class_weight is not None:
            labels = targets if targets.ndim == 1 else targets[:, :-1].argmax(1)  # `with_domain`
            weights[:count] *= [self.class_weight[label] for label in labels.tolist()]
        each = rows // self.devices.processes
        part = np.arange(rows)[self.devices.process * each :][:each]
        return inputs[part % count], targets[part % count], weights[part]


@contextlib.contextmanager
def synchronized_batch_norm(model: keras.Model, devices: Devices) -> Iterator[None]:
    """Lets TensorFlow's batch norms take the statistics of the whole batch; JAX's do so anyway.

    Args:
        model: what is trained in this context, not traced yet.
        devices: what it is trained on.
    """
    norms = [
        layer
        for layer in model.layers
        if isinstance(layer, keras.layers.BatchNormalization) and not layer.synchronized
    ]
    mirrored = devices.count > 1 and keras.backend.backend() == "tensorflow"
    for layer in norms if mirrored else []:
        layer.synchronized = True
    try:
        yield
    finally:
        for layer in norms:
            layer.synchronized = False  # so it is in no file that the run leaves
