"""An embedding joined with what the last feature map says about each place of the face."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
from keras import layers

from maskedface.models.convolution import LAYOUT
from maskedface.models.settings import in_float32
from maskedface.models.views import joined

# Chosen on people held out of MLFW's training part (docs/experiments.md, "The feature map, joined").
FEATURES = 256
SHRINKAGE = 0.9
# A map is reduced to this grid and this many channels: dlib's has 4 x 4 x 256 of its own.
GRID, CHANNELS = 4, 256
_LEAST_SIDE = 3  # positions a side, below which a map hardly says more than its mean
_SAMPLE = 1024  # faces from which the channels to keep are found


@in_float32()
def map_join(backbone: keras.Model, features: int = FEATURES) -> keras.Model:
    """Joins an embedding with a projection of the network's last feature map.

    A pooled embedding has forgotten where on the face a feature was. A mask hides one part of the
    face and leaves the other, so the places matter: each position of the last map of at least 3 x 3
    positions gets weights of its own. The projection is random at first; `fit_map` computes it from
    people's faces, and Keras' `fit` can train it.

    >>> import keras
    >>> from maskedface import models
    >>> backbone = models.DlibResNet29(None)
    >>> models.map_join(backbone).output_shape
    (None, 384)

    Args:
        backbone: images -> embeddings, with a feature map inside: layers of the model itself, not
            of a model in it.
        features: int >= 1, the length of the map's part; at most as long as the map has values.

    Returns:
        A model: images -> float32 unit embeddings, shape (batch, embedding + features). Both parts
        have equal weight: the cosine is the mean of theirs. It shares the backbone's layers; its
        own are named "map_...". A map of more than 4 x 4 positions is averaged, more than 256
        channels are reduced by a convolution of 1 x 1.

    Raises:
        ValueError: if there is no such feature map, the backbone is joined already, or `features`
            is below 1.
    """
    if features < 1:
        raise ValueError(f"features must be at least 1. Received: features={features}")
    if "map_projection" in [layer.name for layer in backbone.layers]:
        raise ValueError(f"backbone must not be joined yet. Received: {backbone.name!r}, joined")
    last = _last_map(backbone)
    if last is None:
        raise ValueError(
            f"backbone must have a feature map of at least {_LEAST_SIDE} x {_LEAST_SIDE} positions. "
            f"Received: {backbone.name!r} with {len(backbone.layers)} layers"
        )
    x, side = last.output, max(last.output.shape[1:3])
    if side > GRID:
        by = -(-side // GRID)
        x = layers.AveragePooling2D(by, padding="same", data_format=LAYOUT, name="map_pool")(x)
    if x.shape[-1] > CHANNELS:
        x = layers.Conv2D(CHANNELS, 1, use_bias=False, data_format=LAYOUT, name="map_channels")(x)
    x = layers.Flatten(dtype="float32", name="map_flat")(x)
    features = min(features, x.shape[-1])
    x = layers.Dense(features, dtype="float32", name="map_projection")(x)
    return keras.Model(backbone.input, joined([backbone.output, x], "map"), name=backbone.name)


def has_map(backbone: keras.Model) -> bool:
    """Whether `map_join` finds a feature map in a network."""
    return _last_map(backbone) is not None


def fit_map(
    model: keras.Model, batches: Iterable[tuple[Any, Any]], shrinkage: float = SHRINKAGE
) -> None:
    """Sets the projection of `map_join` by linear discriminant analysis of people's faces.

    The directions are kept in which people differ most, relative to how the faces of one person
    differ (R. A. Fisher 1936; of faces: Belhumeur et al., "Eigenfaces vs. Fisherfaces", 1997). Faces
    with masks among them make it ignore what a mask changes. Nothing else of the network changes.

    >>> import numpy as np
    >>> from maskedface import models, synthetic
    >>> model = models.map_join(models.DlibResNet29(None), features=3)
    >>> faces = [synthetic.draw_face(n // 3, n % 3, n % 3 == 0, size=150) for n in range(12)]
    >>> models.fit_map(model, [(np.stack(faces), np.repeat(np.arange(4), 3))])
    >>> models.predict(model, np.stack(faces)).shape
    (12, 131)

    Args:
        model: from `map_join`; its projection is set in place.
        batches: (images, labels) each: arrays of shape (batch, height, width, 3) and (batch,), the
            labels ints >= 0. They are read once, or twice if the map's channels are reduced, so a
            generator is not enough then. One batch is held at a time. A `tf.data.Dataset` of
            such batches is one, too.
        shrinkage: float in (0, 1], the weight of a multiple of the identity in the scatter within
            people, as in scikit-learn's `LinearDiscriminantAnalysis`.

    Raises:
        ValueError: if the model is not from `map_join`, the faces are of fewer than two people,
            nobody has two faces, a feature is not finite, all are the same, or `shrinkage` is out
            of range.
    """
    if not 0 < shrinkage <= 1:
        raise ValueError(f"shrinkage must be in (0, 1]. Received: shrinkage={shrinkage}")
    names = [layer.name for layer in model.layers]
    if "map_projection" not in names:
        raise ValueError(f"model must be from models.map_join. Received: {model.name!r}")
    if "map_channels" in names:
        _keep_channels(model, batches)
    sums = _Scatter()
    flat = keras.Model(model.input, model.get_layer("map_flat").output)
    for images, labels in batches:
        sums.add(_seen(flat, images), np.asarray(labels))
    dense = model.get_layer("map_projection")
    kernel, bias = sums.projection(dense.units, shrinkage)
    dense.set_weights([kernel, bias])


def unmapped(model: keras.Model) -> keras.Model:
    """The network that `map_join` was given; the model itself if it has no such part.

    It shares the model's layers.
    """
    if "map_projection" not in [layer.name for layer in model.layers]:
        return model
    return keras.Model(model.input, model.get_layer("map_unit0").input, name=model.name)


class _Scatter:
    """Sums of features, from which the scatters within and between people follow."""

    def __init__(self) -> None:
        self.squares: Any = 0.0
        self.people: dict[int, tuple[int, np.ndarray]] = {}

    def add(self, features: np.ndarray, labels: np.ndarray) -> None:
        # Float32 products of a batch, float64 sums of them.
        self.squares = self.squares + (features.T @ features).astype("float64")
        for label in np.unique(labels):
            own = features[labels == label]
            number, total = self.people.get(int(label), (0, 0.0))
            self.people[int(label)] = number + len(own), total + own.sum(0, dtype="float64")

    def projection(self, size: int, shrinkage: float) -> tuple[np.ndarray, np.ndarray]:
        """Kernel, shape (features, size), and bias of the discriminants; surplus columns are 0."""
        from scipy import linalg

        numbers = np.array([number for number, _ in self.people.values()])
        if len(numbers) < 2 or numbers.max() < 2:
            raise ValueError(
                "batches must have faces of at least two people, and two faces of somebody. "
                f"Received: {int(numbers.sum())} faces of {len(numbers)} people"
            )
        totals = np.stack([total for _, total in self.people.values()])
        means, mean = totals / numbers[:, None], totals.sum(0) / numbers.sum()
        within = self.squares - (means * numbers[:, None]).T @ means
        within /= numbers.sum()
        spread = float(np.trace(within)) / len(within)
        if spread <= 0:
            raise ValueError(
                "the network's feature map must differ between the faces of a person. Received: "
                f"{int(numbers.sum())} faces that differ in nothing"
            )
        within *= 1 - shrinkage
        within[np.diag_indices_from(within)] += shrinkage * spread
        root = linalg.cholesky(within, lower=True, overwrite_a=True)
        apart = linalg.solve_triangular(root, (means - mean).T, lower=True)
        found = min(size, len(numbers) - 1)
        directions = _left_vectors(apart, found)
        kernel = np.zeros((len(mean), size))
        kernel[:, :found] = linalg.solve_triangular(root, directions, lower=True, trans="T")
        kernel *= 1 / np.abs(kernel).max()  # the part is normalized; this only keeps numbers small
        return kernel.astype("float32"), -(mean @ kernel).astype("float32")


def _left_vectors(matrix: np.ndarray, number: int) -> np.ndarray:
    """The first left singular vectors, from the smaller of the two products with its transpose."""
    from scipy import linalg

    rows, columns = matrix.shape
    if rows <= columns:
        ends = [rows - number, rows - 1]
        vectors: np.ndarray = linalg.eigh(matrix @ matrix.T, subset_by_index=ends)[1]
        return vectors
    ends = [columns - number, columns - 1]
    squares, right = linalg.eigh(matrix.T @ matrix, subset_by_index=ends)
    vectors = matrix @ right / np.sqrt(np.maximum(squares, np.finfo("float64").tiny))
    return vectors


def _keep_channels(model: keras.Model, batches: Iterable[tuple[Any, Any]]) -> None:
    """Sets the 1 x 1 convolution to the principal components of the channels, over all positions."""
    conv = model.get_layer("map_channels")
    before = keras.Model(model.input, conv.input)
    squares: Any = 0.0
    mean: Any = 0.0
    faces = places = 0
    for images, _ in batches:
        maps = _seen(before, images)
        flat = maps.reshape(-1, maps.shape[-1])
        squares = squares + (flat.T @ flat).astype("float64")
        mean = mean + flat.sum(0, dtype="float64")
        faces, places = faces + len(maps), places + len(flat)
        if faces >= _SAMPLE:
            break
    if not places:
        raise ValueError("batches must have faces. Received: none")
    mean /= places
    _, vectors = np.linalg.eigh(squares / places - np.outer(mean, mean))
    kept = vectors[:, ::-1][:, : conv.filters]
    conv.set_weights([kept[None, None].astype("float32")])


def _seen(model: keras.Model, images: Any) -> np.ndarray:
    from maskedface.models.predicting import predict

    found = predict(model, np.asarray(images)).astype("float32", copy=False)
    if not np.isfinite(found).all():
        raise ValueError("the network's feature map must be finite. Received: NaN or infinity")
    return found


def _last_map(backbone: keras.Model) -> keras.layers.Layer | None:
    """The last layer whose output is a feature map with places to tell apart: after some layer with
    weights, of a known size, channels last as in all networks here."""
    first = next((n for n, layer in enumerate(backbone.layers) if layer.weights), None)
    if first is None:
        return None
    for layer in reversed(backbone.layers[first:]):
        shape = getattr(layer.output, "shape", ())
        if len(shape) == 4 and None not in shape[1:] and min(shape[1:3]) >= _LEAST_SIDE:
            return layer
    return None
