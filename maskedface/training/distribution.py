"""Data-parallel training: each batch is split between devices, on one machine or on several."""

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
    """The devices that a run trains on; each holds the whole network.

    Attributes:
        count: int >= 1, the number of devices of all processes.
        processes: int >= 1, the number of processes.
        process: int, the index of this process, from 0. Only process 0 writes to the run folder.
        strategy: a `tf.distribute.Strategy`, a `keras.distribution.DataParallel`, or None for a
            single device.
    """

    count: int = 1
    processes: int = 1
    process: int = 0
    strategy: Any = None

    @contextlib.contextmanager
    def opened(self, run_dir: str, wait: float = 0.0) -> Iterator[str]:
        """A context in which models are built and used on all devices. It provides the working
        folder: the locked run folder for the first process, a temporary copy of it for the others,
            so
        that all resume from the same state and only one writes.

        Args:
            run_dir: the run folder, on a disk shared by all processes.
            wait: float >= 0, seconds to wait for another run in it (`locks.locked`).

        Yields:
            A path. The processes synchronize on entry and exit, but not after an error.

        Raises:
            LockedError: if another run still holds the lock after that time.
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


ONE_DEVICE = Devices()


def find_devices(strategy: str) -> Devices:
    """Finds the devices of a run. With JAX, the process first joins the other processes that Keras'
    environment variables (such as KERAS_DISTRIBUTION_JOB_ADDRESSES) name, if any.

    Args:
        strategy: "none", or "mirrored": all GPUs visible to Keras' backend, or else all CPU
            devices. TensorFlow trains with MirroredStrategy, JAX with Keras' DataParallel.

    Returns:
        The devices.

    Raises:
        ValueError: if the strategy is unknown, or not supported with Keras' backend.
    """
    if strategy not in STRATEGIES:
        raise ValueError(
            f"strategy must be one of {STRATEGIES}. "
            f"Received: strategy={strategy!r}{did_you_mean(strategy, STRATEGIES)}"
        )
    backend = keras.backend.backend()
    if strategy == "none":
        return ONE_DEVICE
    if backend == "jax":
        return _data_parallel()
    if backend != "tensorflow":
        raise ValueError(
            "strategy must be 'none' except on Keras' TensorFlow and JAX backends. "
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
    """Rejects losses over pairs of faces if each device sees only a part of the batch.

    Args:
        loss: the run's loss.
        devices: the devices to train on.

    Raises:
        ValueError: if the loss couples faces (`couples_faces`) and there are several devices.
    """
    if devices.count > 1 and getattr(loss, "couples_faces", False):
        raise ValueError(
            "loss must be a sum over individual faces if there are several devices. "
            f"Received: {type(loss).__name__}, {devices.count} devices"
        )


class SplitBatches(keras.utils.PyDataset):
    """Batches with sample weights, padded to divide evenly between the devices; this process' part.

    A batch whose size is not a multiple of the number of devices is padded with rows of weight 0,
    and its own rows get a larger weight, so that the loss is still their mean. Metrics (but not
    gradients) include the padding of an epoch's last batch.

    Args:
        batches: the batches of (inputs, targets) of all processes.
        devices: the devices to train on.
        class_weight: {label: weight of its faces}, or None for weight 1.
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
    """Makes TensorFlow's batch normalization use the statistics of the whole batch, as JAX's always
    does.

    Args:
        model: the model trained in this context, not traced yet.
        devices: the devices to train on.
    """
    norms = [
        layer
        for layer in model._flatten_layers()  # a backbone may hold models
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
