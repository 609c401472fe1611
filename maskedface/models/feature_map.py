"""An embedding joined with what the last feature map says about each place of the face."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
from keras import layers

from maskedface.models.convolution import LAYOUT
from maskedface.models.embedding import check_one_vector
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
        backbone: a functional or sequential model, images -> embeddings, with a feature map in it,
            channels last. Of a model inside it only the output counts.
        features: int >= 1, the length of the map's part; at most as long as the map has values.

    Returns:
        A model: images -> float32 unit embeddings, shape (batch, embedding + features). Both parts
        have equal weight: the cosine is the mean of theirs. It shares the backbone's layers; its
        own are named "map_...". A map of more than 4 x 4 positions is averaged, more than 256
        channels are reduced by a convolution of 1 x 1.

    Raises:
        ValueError: if there is no such feature map, the backbone is joined already or not one image
            -> one vector, or `features` is below 1.
    """
    if features < 1:
        raise ValueError(f"features must be at least 1. Received: features={features}")
    check_joinable(backbone)
    x = _last_map(backbone)
    if x is None:
        raise ValueError(
            f"backbone must have a feature map of at least {_LEAST_SIDE} x {_LEAST_SIDE} positions. "
            f"Received: {backbone.name!r} with {len(backbone.layers)} layers"
        )
    by = tuple(-(-side // GRID) for side in x.shape[1:3])
    if max(by) > 1:
        x = layers.AveragePooling2D(by, padding="same", data_format=LAYOUT, name="map_pool")(x)
    if x.shape[-1] > CHANNELS:
        x = layers.Conv2D(CHANNELS, 1, use_bias=False, data_format=LAYOUT, name="map_channels")(x)
    x = layers.Flatten(dtype="float32", name="map_flat")(x)
    features = min(features, x.shape[-1])
    x = layers.Dense(features, dtype="float32", name="map_projection")(x)
    x = joined([backbone.outputs[0], x], "map")
    return keras.Model(backbone.inputs[0], x, name=backbone.name)


def check_joinable(backbone: keras.Model) -> None:
    """Refuses what `map_join` cannot join: no graph of layers, another output than one vector, or a
    network that is joined already.

    Raises:
        ValueError: naming what is wrong.
    """
    check_one_vector(backbone)
    if _is_joined(backbone):
        raise ValueError(f"backbone must not be joined yet. Received: {backbone.name!r}, joined")


def has_map(backbone: keras.Model) -> bool:
    """Whether `map_join` finds a feature map in a network."""
    return _last_map(backbone) is not None


def fit_map(
    model: keras.Model, batches: Iterable[tuple[Any, Any]], shrinkage: float = SHRINKAGE
) -> None:
    """Sets the projection of `map_join` by linear discriminant analysis of people's faces.

    The directions are kept in which people differ most, relative to how the faces of one person
    differ (R. A. Fisher 1936; of faces: Belhumeur et al., "Eigenfaces vs. Fisherfaces", 1997). Faces
    with masks among them make it ignore what a mask changes. The backbone does not change. People
    differ in one direction less than their number at most; the rest of the projection is 0.

    >>> import numpy as np
    >>> from maskedface import models, synthetic
    >>> model = models.map_join(models.DlibResNet29(None), features=3)
    >>> faces = [synthetic.draw_face(n // 3, n % 3, n % 3 == 0, size=150) for n in range(12)]
    >>> models.fit_map(model, [(np.stack(faces), np.repeat(np.arange(4), 3))])
    >>> models.predict(model, np.stack(faces)).shape
    (12, 131)

    Args:
        model: from `map_join`; its projection is set in place, or nothing if there is an error.
        batches: (images, labels) each, such as a `tf.data.Dataset`: arrays of shape (batch, height,
            width, 3) and int arrays of shape (batch,). They are read once, or twice if the map's
            channels are reduced (those to keep are found on about 1,024 faces), so a generator is
            refused then. One batch is held at a time.
        shrinkage: float in (0, 1], the weight of a multiple of the identity in the scatter within
            people, as in scikit-learn's `LinearDiscriminantAnalysis`.

    Raises:
        ValueError: if the model is not from `map_join`, labels are not one int a face, the faces
            are of fewer than two people, nobody has two faces, a feature is not finite, people or
            their faces do not differ, or `shrinkage` is out of range.
    """
    if not 0 < shrinkage <= 1:
        raise ValueError(f"shrinkage must be in (0, 1]. Received: shrinkage={shrinkage}")
    if not _is_joined(model):
        raise ValueError(f"model must be from models.map_join. Received: {model.name!r}")
    conv = next((layer for layer in model.layers if layer.name == "map_channels"), None)
    if conv is not None and iter(batches) is batches:
        raise ValueError(
            "batches must be readable twice for this network, whose map's channels are reduced: a "
            f"list or a data set. Received: batches={batches!r}"
        )
    before = None if conv is None else conv.get_weights()
    try:
        if conv is not None:
            conv.set_weights([_channels_to_keep(model, conv, batches)])
        sums = _Scatter()
        flat = keras.Model(model.inputs[0], model.get_layer("map_flat").output)
        for images, labels in batches:
            people = _checked(labels, len(images))
            sums.add(_seen(flat, images), people)
        dense = model.get_layer("map_projection")
        dense.set_weights(sums.projection(dense.units, shrinkage))
    except BaseException:
        if conv is not None:
            conv.set_weights(before)
        raise


def unmapped(model: keras.Model) -> keras.Model:
    """The network that `map_join` was given; the model itself if it has no such part.

    It shares the model's layers.
    """
    if not _is_joined(model):
        return model
    return keras.Model(model.inputs[0], model.get_layer("map_unit0").input, name=model.name)


def _is_joined(model: keras.Model) -> bool:
    return any(layer.name == "map_projection" for layer in model.layers)


class _Scatter:
    """Sums of features, from which the scatters within and between people follow."""

    def __init__(self) -> None:
        self.squares: Any = 0.0
        self.start: Any = None  # the first batch's mean, taken off so that sums do not cancel
        self.people: dict[int, tuple[int, np.ndarray]] = {}

    def add(self, features: np.ndarray, labels: np.ndarray) -> None:
        if self.start is None:
            self.start = features.mean(axis=0, keepdims=True)
        features = features - self.start
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
        directions = _left_vectors(apart, min(size, len(numbers) - 1))
        found = directions.shape[1]
        if not found:
            raise ValueError(
                "the network's feature map must differ between people. Received: "
                f"{int(numbers.sum())} faces of {len(numbers)} people that differ in nothing"
            )
        kernel = np.zeros((len(mean), size))
        kernel[:, :found] = linalg.solve_triangular(root, directions, lower=True, trans="T")
        kernel *= 1 / np.abs(kernel).max()  # the part is normalized; this only keeps numbers small
        return kernel.astype("float32"), -((mean + self.start[0]) @ kernel).astype("float32")


def _left_vectors(matrix: np.ndarray, number: int) -> np.ndarray:
    """The first left singular vectors, at most `number`, and none whose singular value is nearly 0;
    from the smaller of the two products of the matrix with its transpose."""
    from scipy import linalg

    is_wide = matrix.shape[0] <= matrix.shape[1]
    product = matrix @ matrix.T if is_wide else matrix.T @ matrix
    ends = [len(product) - number, len(product) - 1]
    squares, vectors = linalg.eigh(product, subset_by_index=ends)
    good = squares > len(product) * np.finfo("float32").eps ** 2 * max(squares[-1], 0)
    vectors = vectors[:, good]
    found: np.ndarray = vectors if is_wide else matrix @ vectors / np.sqrt(squares[good])
    return found


def _channels_to_keep(
    model: keras.Model, conv: keras.layers.Layer, batches: Iterable[tuple[Any, Any]]
) -> np.ndarray:
    """The principal components of the channels, over all positions, as the kernel of a 1 x 1
    convolution."""
    before = keras.Model(model.inputs[0], conv.input)
    squares: Any = 0.0
    mean: Any = 0.0
    faces = places = 0
    for images, _ in batches:
        maps = _seen(before, images)
        flat = maps.reshape(-1, maps.shape[-1]).astype("float64")
        squares, mean = squares + flat.T @ flat, mean + flat.sum(0)
        faces, places = faces + len(maps), places + len(flat)
        if faces >= _SAMPLE:
            break
    if not places:
        raise ValueError("batches must have faces. Received: none")
    mean = mean / places
    _, vectors = np.linalg.eigh(squares / places - np.outer(mean, mean))
    kept: np.ndarray = vectors[:, ::-1][None, None, :, : conv.filters]
    return kept.astype("float32")


def _checked(labels: Any, faces: int) -> np.ndarray:
    found = np.asarray(labels)
    if found.shape != (faces,) or not np.issubdtype(found.dtype, np.integer):
        raise ValueError(
            "labels must be one int for each face of the batch. "
            f"Received: labels of shape {found.shape} and type {found.dtype} for {faces} faces"
        )
    return found


def _seen(model: keras.Model, images: Any) -> np.ndarray:
    from maskedface.models.predicting import predict

    found = predict(model, np.asarray(images)).astype("float32", copy=False)
    if not np.isfinite(found).all():
        raise ValueError("the network's feature map must be finite. Received: NaN or infinity")
    return found


def _last_map(backbone: keras.Model) -> keras.KerasTensor | None:
    """The last feature map with places to tell apart, in the network's own graph: of a known size,
    after some layer with weights."""
    image = backbone.inputs[0]
    graph = keras.Model(image, backbone.outputs[0])  # a sequential model has none of its own
    for depth in sorted(graph._nodes_by_depth):  # from the output on
        for node in graph._nodes_by_depth[depth]:
            (x, *more) = node.output_tensors
            if more or len(x.shape) != 4 or None in x.shape[1:]:
                continue
            if getattr(node.operation, "data_format", LAYOUT) != LAYOUT:
                raise ValueError(
                    "backbone must have feature maps with the channels last. "
                    f"Received: {node.operation.name!r} with the channels first"
                )
            if min(x.shape[1:3]) >= _LEAST_SIDE:
                return x if keras.Model(image, x).weights else None
    return None
