"""Augmentation layers whose random numbers depend only on (seed, epoch, image)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from maskedface.layers._compiled import ops_of
from maskedface.masking.hashed_draws import uniform

# Apart from the streams of `datasets.order`; a layer takes as many as it draws numbers, at most _STREAMS.
_STREAM, _STREAMS = 100, 32


class Augmentation:
    """A sequence of layers that augments training images reproducibly.

    `layers.RandomMask`, `layers.RandomOcclusion`, `layers.RandomFaceJitter` and a horizontal
    `keras.layers.RandomFlip` receive their random numbers from a hash of (seed, epoch, element). Any
    other layer draws its own; its seed generators are set from (seed, epoch, batch) before each
    batch, so a resumed run sees the same images as an uninterrupted one.

    Args:
        layers: Keras layers, images -> images of the same shape; a `keras.Sequential` is replaced
            by its layers. A layer whose `alignment` is None is replaced by a copy with the
            alignment given here.
        seed: int >= 0.
        alignment: the images' alignment, a key of `geometry.ALIGNMENTS`.
        size: int, the images' height and width in pixels.

    Attributes:
        layers: the layers, built.
        num_draws: int, the number of random numbers per image.
        draws_all: bool, whether no layer draws its own random numbers, so that batches may be
            augmented in any order.
        takes_draws: bool, whether each layer receives its random numbers: the images depend on
            nothing else, so a compiled step may augment them.
        mirrors: bool, whether any layer flips images horizontally.
        is_mirror: bool, whether there is at most one layer, and it is a horizontal flip.
    """

    def __init__(
        self, layers: Sequence[Any] = (), *, seed: int = 0, alignment: str, size: int
    ) -> None:
        self.layers = tuple(_aligned(layer, alignment, size) for layer in _flat(layers))
        self.seed = seed
        for layer in self.layers:
            if not layer.built:
                layer.build((None, size, size, 3))
        self._counts = [_draws_of(layer) for layer in self.layers]
        if max(self._counts, default=0) > _STREAMS:
            raise ValueError(f"num_draws must be at most {_STREAMS}. Received: {self._counts}")
        self.num_draws = sum(self._counts)
        self.draws_all = all(_draws_of(layer) or not _states(layer) for layer in self.layers)
        self.takes_draws = all(self._counts)
        self.mirrors = any(map(_is_mirror, self.layers))
        self.is_mirror = len(self.layers) <= 1 and all(map(_is_mirror, self.layers))

    def draws(self, elements: np.ndarray, epoch: int, masked: np.ndarray) -> np.ndarray:
        """The layers' random numbers for some images.

        Args:
            elements: int array, shape (batch,), each >= 0, the images' numbers
                (`datasets.order.elements`).
            epoch: int >= 0.
            masked: bool array, shape (batch,): which faces already wear a mask; none is drawn on
                these.

        Returns:
            float32 array in [0, 1], shape (batch, num_draws).
        """
        found = np.empty((len(elements), self.num_draws), "float32")
        for number, (layer, part) in enumerate(self._parts(found)):
            for stream, column in enumerate(part.T):
                at = _STREAM + _STREAMS * number + stream
                # float32 rounds the highest up to 1, which would be past the end of any choice.
                values = uniform(self.seed, epoch, elements, at).astype("float32")
                column[:] = np.minimum(values, np.float32(1 - 2**-24))
            if hasattr(layer, "lays"):
                part[masked, 0] = 1.0  # never
        return found

    def lays(self, draws: np.ndarray) -> np.ndarray:
        """Which images get a drawn mask: bool array, shape (batch,).

        Args:
            draws: the result of `draws`.
        """
        given = np.zeros(len(draws), bool)
        for layer, part in self._parts(draws):
            if hasattr(layer, "lays"):
                given |= np.asarray(layer.lays(part))
        return given

    def mirrored(self, draws: np.ndarray) -> np.ndarray:
        """Which images are flipped horizontally: bool array, shape (batch,)."""
        turned = np.zeros(len(draws), bool)
        for layer, part in self._parts(draws):
            if _is_mirror(layer):
                turned ^= part[:, 0] < 0.5
        return turned

    def apply(self, images: Any, draws: Any, batch_seed: Any) -> Any:
        """Augments a batch, eagerly or in a `tf.data` graph.

        Args:
            images: uint8 array or tensor, shape (batch, size, size, 3).
            draws: float32 array or tensor (as `images`), shape (batch, num_draws).
            batch_seed: two numbers below 2**32, array or tensor (as `images`), for layers that draw
                their own random numbers (`batch_seed`).

        Returns:
            Images of the same shape: uint8, or float32 if a layer draws its own random numbers.
        """
        for number, (layer, part) in enumerate(self._parts(draws)):
            if _is_mirror(layer):
                images = _mirror(images, part[:, 0] < 0.5)
            elif hasattr(layer, "transform"):
                images = layer.transform(images, part)
            else:
                images = _drawing_itself(layer, images, batch_seed, number)
        return images

    def batch_seed(self, epoch: int, step: int) -> np.ndarray:
        """The batch's seed, for layers that draw their own numbers: uint32 array, shape (2,)."""
        return np.random.SeedSequence([self.seed, epoch, step]).generate_state(2)

    def _parts(self, draws: Any) -> list[tuple[Any, Any]]:
        """Each layer with its columns of the draws."""
        ends = np.cumsum(self._counts).tolist()
        columns = zip(self._counts, ends, strict=True)
        parts = [draws[:, end - count : end] for count, end in columns]
        return list(zip(self.layers, parts, strict=True))


def _flat(layers: Sequence[Any]) -> list[Any]:
    found: list[Any] = []
    for layer in layers:
        found += _flat(layer.layers) if isinstance(layer, keras.Sequential) else [layer]
    return found


def _aligned(layer: Any, alignment: str, size: int) -> Any:
    config = layer.get_config()
    if "alignment" in config and config["alignment"] is None:
        return type(layer).from_config(config | {"alignment": alignment})
    if _draws_of(layer) or not _states(layer):
        return layer
    # The layer has its own generator, which two data sets read at once must not share.
    copy = type(layer).from_config(config)
    copy.build((None, size, size, 3))
    copy.set_weights(layer.get_weights())
    return copy


def _draws_of(layer: Any) -> int:
    return 1 if _is_mirror(layer) else int(getattr(layer, "num_draws", 0))


def _is_mirror(layer: Any) -> bool:
    return type(layer) is keras.layers.RandomFlip and layer.mode == "horizontal"


def _states(layer: Any) -> list[Any]:
    """The states of a layer's seed generators: variables that are not weights."""
    weights = {id(variable) for variable in layer.weights}
    return [variable for variable in layer.variables if id(variable) not in weights]


def _mirror(images: Any, turned: Any) -> Any:
    if isinstance(images, np.ndarray):
        images = images.copy()
        images[turned] = images[turned, :, ::-1]
        return images
    ops = ops_of(images)
    return ops.numpy.where(turned[:, None, None, None], ops.numpy.flip(images, 2), images)


def _drawing_itself(layer: Any, images: Any, seed: Any, number: int) -> Any:
    for place, state in enumerate(_states(layer)):
        # Another start for each layer and each generator in it.
        state.assign(seed + np.array([number, place], "uint32"))
    # Some of Keras' layers fail if integers and floats are mixed.
    return layer(ops_of(images).cast(images, "float32"), training=True)
