"""A trainable codebook that pools a feature map into a histogram of codewords."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
from keras import ops

_SAMPLES = 10_000  # feature vectors that k-means sees at most; the authors' code takes 5,000


@keras.saving.register_keras_serializable(package="maskedface")
class BagOfFeatures(keras.layers.Layer):
    """Pools a feature map into a histogram of soft assignments to codewords.

    Passalis and Tefas, "Learning Bag-of-Features Pooling for Deep Convolutional Neural Networks", ICCV
    2017. The feature vector x of each position is assigned to each codeword v by exp(-|x - v|^2 /
    s^2), a radial basis function with the codeword's own width s, divided by the sum over all
    codewords; the histogram is the mean over positions. The squares follow the authors' code
    (passalis/keras_cbof), which also multiplies the histogram by the number of codewords. Codewords
    and widths are trained by gradient descent; `adapt` initializes them by k-means, as in that
    code. Positions are ignored, so the map may have any size.

    >>> import keras
    >>> import numpy as np
    >>> from maskedface import layers
    >>> layer = layers.BagOfFeatures(2)
    >>> maps = np.array([[[[0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [8.0, 8.0]]]])  # 1 x 4 places, 2 channels
    >>> layer.adapt(maps)
    >>> sorted(np.asarray(layer(maps))[0].round(3).tolist())  # three of one word, one of another
    [0.25, 0.75]

    Args:
        codewords: int >= 2, the number of codewords.
        softness: float > 0, the squared width that `adapt` sets for all codewords, relative to the
            mean squared distance of feature vectors to their nearest codeword. Towards 0, positions
            are assigned to their nearest codeword only. The default of 1 is our choice; the
            authors' code uses the mean distance of two vectors, to the fourth power, as the squared
            width.
        seed: int, the random seed of k-means and of the sampled vectors.
        kwargs: arguments of `keras.layers.Layer`. It computes in float32 under any precision
            policy.

    Input shape:
        (batch, ..., channels), float: a feature map, or a sequence of feature vectors.

    Output shape:
        (batch, codewords), float32, each in [0, 1], with a sum of 1.

    Raises:
        ValueError: if an argument is out of range.
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
        """Initializes codewords with k-means centers, and widths with the spread around them.

        Args:
            data: float array, shape (rows, ..., channels), or an iterable of such batches, for
                instance a `tf.data.Dataset`. At most 10,000 feature vectors are used, drawn at
                random.
            batch_size: int >= 1, number of rows of an array processed together; None = 256. Ignored
                for batches.
            steps: int >= 1, the number of batches to read; None = all.

        Raises:
            ValueError: if there are fewer distinct vectors than codewords, a value is not finite,
                or the layer was built for another number of channels.
        """
        vectors = _sampled(_batches(data, batch_size or 256, steps), self.seed)
        different = len(np.unique(vectors, axis=0)) if len(vectors) else 0
        if different < self.codewords or not np.isfinite(vectors).all():
            raise ValueError(
                f"data must have at least {self.codewords} distinct, finite feature vectors. "
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
    """The data's feature vectors in batches: float32 arrays, shape (vectors, channels)."""
    batches = data
    if hasattr(data, "shape"):
        batches = (data[start : start + batch_size] for start in range(0, len(data), batch_size))
    for step, batch in enumerate(batches):
        if steps is not None and step >= steps:
            return
        rows = np.asarray(batch, "float32")
        yield rows.reshape(-1, rows.shape[-1])


def _sampled(batches: Iterable[np.ndarray], seed: int) -> np.ndarray:
    """A uniform sample of all vectors: those with the smallest random numbers."""
    rng = np.random.default_rng(seed)
    kept, drawn = np.zeros((0, 0), "float32"), np.zeros(0)
    for batch in batches:
        kept = np.concatenate([kept.reshape(-1, batch.shape[1]), batch])
        drawn = np.concatenate([drawn, rng.random(len(batch))])
        if len(kept) > _SAMPLES:
            rows = np.argpartition(drawn, _SAMPLES)[:_SAMPLES]
            kept, drawn = kept[rows], drawn[rows]
    return kept
