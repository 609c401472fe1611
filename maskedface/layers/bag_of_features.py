"""A trainable codebook: which of its words the places of a feature map are like."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
from keras import ops

_SAMPLES = 10_000  # feature vectors that k-means sees at most; the authors' code takes 5,000


@keras.saving.register_keras_serializable(package="maskedface")
class BagOfFeatures(keras.layers.Layer):
    """Pools a feature map into a histogram of codewords: how much of it is like each of them.

    Passalis and Tefas, "Learning Bag-of-Features Pooling for Deep Convolutional Neural Networks", ICCV
    2017. Each place's feature vector x is a member of each codeword v by exp(-|x - v|^2 / s^2), a radial
    basis function of its own width s, divided by the sum over all codewords; the histogram is the mean
    over places. The squares are those of the authors' code (passalis/keras_cbof), which multiplies the
    histogram by the number of codewords too. Codewords and widths learn by the gradient; `adapt` finds
    them by k-means first, as that code does. Where a place lies does not count, so a map may be of any
    size.

    >>> import keras
    >>> import numpy as np
    >>> from maskedface import layers
    >>> layer = layers.BagOfFeatures(2)
    >>> maps = np.array([[[[0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [8.0, 8.0]]]])  # 1 x 4 places, 2 channels
    >>> layer.adapt(maps)
    >>> sorted(np.asarray(layer(maps))[0].round(3).tolist())  # three of one word, one of another
    [0.25, 0.75]

    Args:
        codewords: int >= 2, how many there are.
        softness: float > 0, the squared width that `adapt` gives all codewords, in units of the mean
            squared distance of feature vectors to their nearest one. Towards 0 a place counts for its
            nearest codeword alone. 1 is ours; the authors' code takes the mean distance of two vectors, to
            the fourth power, in place of the squared width.
        seed: int, of the k-means' start and of the vectors it sees.
        kwargs: of `keras.layers.Layer`. It computes in float32 under any precision policy.

    Input shape:
        (batch, ..., channels), float: a map, or places in a row.

    Output shape:
        (batch, codewords), float32, each in [0, 1], with a sum of 1.

    Raises:
        ValueError: if an argument is out of its range.
    """

    def __init__(self, codewords: int, softness: float = 1.0, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        if type(codewords) is not int or codewords < 2:
            raise ValueError(f"codewords must be at least 2. Received: codewords={codewords}")
        if not softness > 0:
            raise ValueError(f"softness must be above 0. Received: softness={softness}")
        self.codewords, self.softness, self.seed = codewords, softness, seed

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        # A start for those who do not adapt: the authors' for the codebook; their width .1 would
        # leave each place with one codeword and no gradient.
        self.codebook = self.add_weight(
            name="codebook", shape=(self.codewords, input_shape[-1]), initializer="random_uniform"
        )
        self.widths = self.add_weight(name="widths", shape=(self.codewords,), initializer="ones")

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Sets the codewords to k-means' centers of feature vectors, and the widths to their spread.

        Args:
            data: float array, shape (rows, ..., channels), or batches of such, as a `tf.data.Dataset`
                gives. Of more than 10,000 feature vectors so many are drawn.
            batch_size: int >= 1, rows of an array looked at together; None = 256. Not for batches.
            steps: int >= 1, how many batches to look at; None = all.

        Raises:
            ValueError: if there are fewer different vectors than codewords, one is no finite number, or the
                layer was built for another number of channels.
        """
        vectors = _sampled(_batches(data, batch_size or 256, steps), self.seed)
        different = len(np.unique(vectors, axis=0)) if len(vectors) else 0
        if different < self.codewords or not np.isfinite(vectors).all():
            raise ValueError(
                f"data must have at least {self.codewords} different feature vectors, of finite numbers. "
                f"Received: {different} of {len(vectors)}"
            )
        if not self.built:
            self.build((None, vectors.shape[1]))
        if vectors.shape[1] != self.codebook.shape[1]:
            raise ValueError(
                f"data must have {self.codebook.shape[1]} channels. Received: {vectors.shape[1]}"
            )
        from sklearn.cluster import KMeans
        from threadpoolctl import threadpool_limits  # comes with scikit-learn

        # On one core: the same sums on any machine, and no threads that wait for each other on a busy one.
        with threadpool_limits(1):
            found = KMeans(self.codewords, n_init=1, random_state=self.seed).fit(vectors)
        spread = max(self.softness * found.inertia_ / len(vectors), 1e-6)
        self.codebook.assign(found.cluster_centers_)
        self.widths.assign(np.full(self.codewords, np.sqrt(spread), "float32"))

    def call(self, maps: Any) -> Any:
        places = ops.reshape(maps, (ops.shape(maps)[0], -1, maps.shape[-1]))
        squares = ops.sum(places**2, -1, keepdims=True) + ops.sum(self.codebook**2, -1)
        away = ops.maximum(squares - 2 * ops.matmul(places, ops.transpose(self.codebook)), 0)
        members = ops.softmax(-away / ops.maximum(self.widths**2, 1e-6), axis=-1)
        return ops.mean(members, axis=1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (input_shape[0], self.codewords)

    def get_config(self) -> dict[str, Any]:
        own = {name: getattr(self, name) for name in ("codewords", "softness", "seed")}
        return {**super().get_config(), **own}


def _batches(data: Any, batch_size: int, steps: int | None) -> Iterable[np.ndarray]:
    """The data's feature vectors, some rows at a time: float32 arrays, shape (vectors, channels)."""
    batches = data
    if hasattr(data, "shape"):
        batches = (data[start : start + batch_size] for start in range(0, len(data), batch_size))
    for step, batch in enumerate(batches):
        if steps is not None and step >= steps:
            return
        rows = np.asarray(batch, "float32")
        yield rows.reshape(-1, rows.shape[-1])


def _sampled(batches: Iterable[np.ndarray], seed: int) -> np.ndarray:
    """So many vectors of all, each as likely: those that drew the smallest numbers."""
    rng = np.random.default_rng(seed)
    kept, drawn = np.zeros((0, 0), "float32"), np.zeros(0)
    for batch in batches:
        kept = np.concatenate([kept.reshape(-1, batch.shape[1]), batch])
        drawn = np.concatenate([drawn, rng.random(len(batch))])
        if len(kept) > _SAMPLES:
            rows = np.argpartition(drawn, _SAMPLES)[:_SAMPLES]
            kept, drawn = kept[rows], drawn[rows]
    return kept
