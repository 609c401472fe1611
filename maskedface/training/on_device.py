"""A run's inputs on the GPU: copied or computed once, and gathered there by row numbers."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from maskedface.datasets.augmentation import Augmentation
from maskedface.device_memory import device_memory
from maskedface.models.predicting import batch_size_for, padded
from maskedface.progress import track
from maskedface.training.distribution import Devices

if TYPE_CHECKING:
    from maskedface.training.feature_cache import Inputs

# Of the GPU's memory: the inputs lie there twice while they are joined.
_SHARE = 0.4
_MOST_ROWS = 2**24  # the row numbers beside an augmentation's draws are float32
_BLOCK = 1024  # faces copied at a time


def fits(size: int, rows: int, devices: Devices) -> bool:
    """Whether a run's inputs stay on the GPU.

    Args:
        size: int, the bytes of the faces or features.
        rows: int, their number.
        devices: the devices to train on. Several would each need all inputs, so none keeps them.
    """
    enough = size <= _SHARE * device_memory() and rows <= _MOST_ROWS
    return size > 0 and devices.strategy is None and enough


def features_on_device(
    inputs: Inputs, prefix: keras.Model | None, *, mirrors: bool, progress: bool
) -> Inputs:
    """Inputs whose features are on the GPU.

    Args:
        inputs: the part of the network to train, and its features; or, with a prefix, the faces.
        prefix: faces -> features, computed here; None if they are.
        mirrors: whether there are features of each training face's mirror image too.
        progress: whether to show a progress bar.

    Returns:
        Inputs of the same network whose `train`, shape (rows, views), and `test`, shape (rows,),
        are the numbers of their features' rows.
    """
    parts: list[Any] = []
    if prefix is None:
        parts = [*np.moveaxis(inputs.train, 1, 0), inputs.test]
    else:
        run, size = _compiled(prefix), batch_size_for(prefix)
        views = [(inputs.train, False), (inputs.train, True), (inputs.test, False)]
        for faces, mirrored in views if mirrors else views[::2]:
            parts += _outputs(run, faces, size, mirrored=mirrored, progress=progress)
    layer, count = OnDevice(parts), len(inputs.train)
    numbers = np.arange(layer.rows, dtype="int32")
    end = (1 + mirrors) * count
    return _reading(inputs, layer, numbers[:end].reshape(-1, count).T, numbers[end:])


def faces_on_device(inputs: Inputs, augmentation: Augmentation, devices: Devices) -> Inputs:
    """Inputs whose faces are on the GPU, if they fit; the training step augments them there.

    Args:
        inputs: the whole network and its faces.
        augmentation: the augmentation of the training faces. If a layer does not take its random
            numbers, the faces stay where they are: compiled, it might repeat its first ones.
        devices: the devices to train on.

    Returns:
        Inputs of the same network whose `train` and `test` are, for each face, the number of its
        row, and then zeros in place of the augmentation's draws; or the same inputs.
    """
    faces = (inputs.train, inputs.test)
    rows = sum(map(len, faces))
    size = rows * math.prod(inputs.train.shape[1:])
    if not augmentation.takes_draws or not fits(size, rows, devices):
        return inputs
    # Each goes to the GPU before the next is read: the host may lack the memory for all.
    parts = [
        keras.ops.convert_to_tensor(part[start : start + _BLOCK])
        for part in faces
        for start in range(0, len(part), _BLOCK)
    ]
    layer = OnDevice(parts, augmentation)
    numbers = np.zeros((rows, 1 + augmentation.num_draws), "float32")
    numbers[:, 0] = np.arange(rows)
    return _reading(inputs, layer, numbers[: len(faces[0])], numbers[len(faces[0]) :])


def _outputs(
    run: Callable[[np.ndarray], Any],
    faces: np.ndarray,
    size: int,
    *,
    mirrored: bool,
    progress: bool,
) -> list[Any]:
    """The outputs of a compiled model of all faces, or of their mirror images, which stay on the
    GPU; `size` faces are run at a time."""
    size, outputs = min(size, len(faces)), []
    for start in track(range(0, len(faces), size), "frozen features", shown=progress):
        batch = np.asarray(faces[start : start + size])
        rows = len(batch)
        batch = padded(batch[:, :, ::-1] if mirrored else batch, size)
        outputs.append(run(np.ascontiguousarray(batch))[:rows])
    return outputs


class OnDevice(keras.layers.Layer):
    """Gathers rows of a table that lies on the device.

    The table is no weight: it is neither trained nor saved nor copied with the weights.

    Args:
        parts: arrays or tensors, shape (rows, ...), which are joined to the table; the list is
            emptied, so that no more than two copies of a row are on the device.
        augmentation: the augmentation of images; None = the rows are taken as they are.

    Input shape:
        (batch,), int32 numbers of rows; with an augmentation (batch, 1 + draws), float32: the
        number of a row, and then the draws that augment it in training.

    Output shape:
        (batch, ...), in the table's type.
    """

    def __init__(self, parts: list[Any], augmentation: Augmentation | None = None) -> None:
        super().__init__(trainable=False, dtype="float32", autocast=False)
        table = keras.ops.concatenate([keras.ops.convert_to_tensor(part) for part in parts])
        parts.clear()
        self.rows = int(table.shape[0])
        kind = keras.backend.standardize_dtype(table.dtype)
        self.table = keras.Variable(table, trainable=False, dtype=kind, autocast=False)
        self._augmentation = augmentation
        self.built = True

    @property
    def weights(self) -> list[keras.Variable]:
        """None, so callbacks that copy or save weights leave the table where it is."""
        return []

    def call(self, numbers: Any, training: bool = False) -> Any:
        """Gathers rows, and augments them in training."""
        if self._augmentation is None:
            return self._rows(numbers)
        images = self._rows(keras.ops.cast(numbers[:, 0], "int32"))
        return self._augmentation.apply(images, numbers[:, 1:], None) if training else images

    def _rows(self, numbers: Any) -> Any:
        if keras.backend.backend() != "tensorflow":
            return keras.ops.take(self.table, numbers, axis=0)
        import tensorflow as tf

        # Of the variable itself: TensorFlow has no kernel on a GPU that gathers a tensor of uint8.
        return tf.gather(self.table.value, numbers)


class Reading(keras.Model):
    """A network behind the layer that gathers its inputs. Its files are those of the network alone,
    so a callback such as `ModelCheckpoint` writes what it would write without a GPU.

    Args:
        inputs: the numbers.
        outputs: the network's outputs, symbolic.
    """

    def save(self, *given: Any, **words: Any) -> None:
        """As `keras.Model.save` of the network, which has no optimizer."""
        self.layers[-1].save(*given, **words)

    def save_weights(self, *given: Any, **words: Any) -> None:
        """As `keras.Model.save_weights` of the network."""
        self.layers[-1].save_weights(*given, **words)

    def load_weights(self, *given: Any, **words: Any) -> None:
        """As `keras.Model.load_weights` of the network."""
        self.layers[-1].load_weights(*given, **words)


def _reading(inputs: Inputs, layer: OnDevice, train: np.ndarray, test: np.ndarray) -> Inputs:
    given = keras.Input(test.shape[1:], dtype=test.dtype.name)
    seen = layer(given)
    embedded = seen if inputs.embedder is None else inputs.embedder(seen)
    return dataclasses.replace(
        inputs,
        learner=Reading(given, inputs.learner(seen)),
        embedder=keras.Model(given, embedded),
        train=train,
        test=test,
        facts=inputs.facts | {"on_device": True},
        on_device=True,
    )


def _compiled(model: keras.Model) -> Callable[[np.ndarray], Any]:
    """A model as a compiled function whose outputs stay on the device."""
    if keras.backend.backend() == "jax":
        import jax

        state = (model.trainable_variables, model.non_trainable_variables)
        trained, others = ([variable.value for variable in part] for part in state)
        run = jax.jit(lambda *given: model.stateless_call(*given, training=False)[0])
        return lambda batch: run(trained, others, batch)
    import tensorflow as tf

    compiled: Callable[[np.ndarray], Any] = tf.function(lambda batch: model(batch, training=False))
    return lambda batch: compiled(tf.constant(batch))
