"""A network adapted to photographs of another kind than those it was trained on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
from keras import layers

from maskedface.models.embedding import check_one_vector, embedder
from maskedface.models.settings import in_float32

# Chosen on RMFRD's people with few masked images (docs/experiments.md, "Adapted to photographs").
SHRINKAGE = 0.9
_UNIT, _MAP = "adapt_unit", "adapt_map"  # the two layers


@in_float32()
def adapt(
    backbone: keras.Model, batches: Iterable[tuple[Any, Any]], shrinkage: float = SHRINKAGE
) -> keras.Model:
    """Adapts embeddings to photographs of your own kind, whose people need not be known.

    Photographs of another kind than a network was trained on (another camera, other people, worn
    masks) all lie to one side of it, so strangers seem alike; and masked faces lie apart from
    unmasked ones, so a person's two faces seem unlike. An affine map after the unit embedding
    undoes both. It subtracts the mean; removes the direction from the unmasked mean to the masked
    one (nuisance attribute projection: Solomonoff, Campbell and Boardman, "Advances in channel
    compensation for SVM speaker recognition", ICASSP 2005); and whitens what is left, masked and
    unmasked faces with equal weight (Garcia-Romero and Espy-Wilson, "Analysis of i-vector length
    normalization in speaker recognition systems", Interspeech 2011; of images: Jegou and Chum,
    "Negative evidences and co-occurences in image retrieval", ECCV 2012). Nothing is trained.

    It is for unseen identities: for people with known names, train. Where the network was trained
    on such photographs it gains nothing.

    >>> import numpy as np
    >>> from maskedface import models, synthetic
    >>> masked = np.arange(12) % 2 == 0
    >>> faces = [synthetic.draw_face(n, 0, masked[n], size=150) for n in range(12)]
    >>> adapted = models.adapt(models.DlibResNet29(None), [(np.stack(faces), masked)])
    >>> adapted.output_shape
    (None, 128)

    Args:
        backbone: a functional or sequential model, one image -> one embedding, or a classifier of
            this library, whose head is removed. If it is adapted already, its map is replaced.
        batches: (images, masked) each, such as a `tf.data.Dataset`: arrays of shape (batch, height,
            width, 3) and bool arrays of shape (batch,), whether each face wears a mask. At least
            two masked and two unmasked faces; with fewer than 20 masked ones, draw masks on others
            (`layers.RandomMask`). They are read once, and one batch is held at a time.
        shrinkage: float in (0, 1], the weight of a multiple of the identity in the covariance, as in
            scikit-learn's `ShrunkCovariance`; 1 = no whitening.

    Returns:
        A model: images -> float32 embeddings of the same length, not of unit length. It shares the
        backbone's layers; its own are named "adapt_...".

    Raises:
        ValueError: as `check_adaptable`; or if `masked` is not one bool a face, there are fewer than
            two faces of a kind, an embedding is not finite, or the faces of a kind differ in nothing.
    """
    check_adaptable(backbone, shrinkage)
    backbone = unadapted(embedder(backbone))
    unit = layers.UnitNormalization(dtype="float32", name=_UNIT)(backbone.outputs[0])
    seen = keras.Model(backbone.inputs[0], unit)
    sums = {kind: _Moments() for kind in (False, True)}
    for images, masked in batches:
        kinds = _checked(masked, len(images))
        if not len(kinds):
            continue
        embeddings = _embedded(seen, images)
        for kind, part in sums.items():
            part.add(embeddings[kinds == kind])
    kernel, bias = _map(sums[True], sums[False], shrinkage)
    dense = layers.Dense(len(bias), dtype="float32", name=_MAP)
    model = keras.Model(backbone.inputs[0], dense(unit), name=backbone.name)
    dense.set_weights([kernel, bias])
    return model


def check_adaptable(backbone: keras.Model, shrinkage: float) -> None:
    """Refuses what `adapt` cannot adapt, before anything is computed.

    Raises:
        ValueError: if the network is not one image -> one vector of at least two numbers, is adapted
            somewhere before its end, or `shrinkage` is out of range.
    """
    if not 0 < shrinkage <= 1:
        raise ValueError(f"shrinkage must be in (0, 1]. Received: shrinkage={shrinkage}")
    check_one_vector(backbone)
    backbone = embedder(backbone)
    if (backbone.output_shape[1] or 0) < 2:
        raise ValueError(
            "backbone must have embeddings of at least two numbers. "
            f"Received: {backbone.name!r} with output shape {backbone.output_shape}"
        )
    taken = {layer.name for layer in unadapted(backbone).layers} & {_UNIT, _MAP}
    if taken:
        raise ValueError(
            "backbone must be adapted at its end, or not yet: adapt the network before what is built "
            f"upon it. Received: {backbone.name!r}, with the layers {sorted(taken)} inside"
        )


def unadapted(model: keras.Model) -> keras.Model:
    """The network that `adapt` was given, sharing its layers; the model itself if its output is not
    that of `adapt`."""
    last = model.outputs[0]._keras_history.operation
    before = getattr(getattr(last, "input", None), "_keras_history", None)
    if last.name != _MAP or before is None or before.operation.name != _UNIT:
        return model
    return keras.Model(model.inputs[0], before.operation.input, name=model.name)


class _Moments:
    """Number, mean and covariance of embeddings that come in batches."""

    def __init__(self) -> None:
        self.faces = 0
        self._sum: Any = 0.0
        self._squares: Any = 0.0

    def add(self, embeddings: np.ndarray) -> None:
        # Embeddings have unit length, so these sums cannot cancel much.
        rows = embeddings.astype("float64")
        self.faces += len(rows)
        self._sum, self._squares = self._sum + rows.sum(0), self._squares + rows.T @ rows

    @property
    def mean(self) -> np.ndarray:
        return np.asarray(self._sum / self.faces)

    @property
    def covariance(self) -> np.ndarray:
        return np.asarray(self._squares / self.faces - np.outer(self.mean, self.mean))


def _map(masked: _Moments, unmasked: _Moments, shrinkage: float) -> tuple[np.ndarray, np.ndarray]:
    """Kernel and bias of the affine map, which keeps the length of a typical face."""
    if min(masked.faces, unmasked.faces) < 2:
        raise ValueError(
            "batches must have at least two masked and two unmasked faces. "
            f"Received: {masked.faces} masked, {unmasked.faces} unmasked"
        )
    for kind, part in (("masked", masked), ("unmasked", unmasked)):
        if np.trace(part.covariance) < np.finfo("float32").eps ** 2 * len(part.mean):
            raise ValueError(
                f"the embeddings of {kind} faces must differ. Received: {part.faces} {kind} faces that "
                "differ in nothing"
            )
    away = masked.mean - unmasked.mean
    length = np.linalg.norm(away)
    direction = away / length if length else away
    kept = np.eye(len(away)) - np.outer(direction, direction)
    covariance = kept @ (masked.covariance + unmasked.covariance) @ kept / 2
    covariance *= (1 - shrinkage) * len(covariance) / max(np.trace(covariance), 1e-30)
    covariance[np.diag_indices_from(covariance)] += shrinkage
    values, vectors = np.linalg.eigh(covariance)
    # Not below the shrinkage, but for rounding.
    kernel = kept @ (vectors / np.sqrt(np.maximum(values, shrinkage))) @ vectors.T
    bias = -(masked.mean + unmasked.mean) / 2 @ kernel
    return kernel.astype("float32"), bias.astype("float32")


def _checked(masked: Any, faces: int) -> np.ndarray:
    found = np.asarray(masked)
    if found.shape != (faces,) or found.dtype != bool:
        raise ValueError(
            "masked must be one bool for each face of the batch. "
            f"Received: masked of shape {found.shape} and type {found.dtype} for {faces} faces"
        )
    return found


def _embedded(model: keras.Model, images: Any) -> np.ndarray:
    from maskedface.models.predicting import predict

    found = predict(model, np.asarray(images))
    if not np.isfinite(found).all():
        raise ValueError("the network's embeddings must be finite. Received: NaN or infinity")
    return found
