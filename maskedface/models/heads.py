"""Heads: layers from embeddings to one score per person, and classifiers built with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops

from maskedface.models.embedding import FaceEmbedding
from maskedface.models.settings import in_float32
from maskedface.names import did_you_mean


@keras.saving.register_keras_serializable(package="maskedface")
class LinearHead(layers.Layer):
    """The paper's head: optional hidden layers, dropout before each layer, one linear layer.

    >>> import numpy as np
    >>> from maskedface import models
    >>> models.LinearHead(3)(np.zeros((2, 128))).shape
    TensorShape([2, 3])

    Args:
        num_classes: int >= 2, the number of people; None if a recipe leaves it open.
        hidden: widths of ReLU layers before the last one; the paper has none.
        dropout: float in [0, 1), the dropout rate before each of these layers. The paper added
            dropout without stating its rate and place; 0.5 before the linear layer is our
            interpretation.

    Input shape:
        (batch, features), float.

    Output shape:
        (batch, num_classes), float32 logits. Their softmax gives the probabilities.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(
        self,
        num_classes: int | None = None,
        *,
        hidden: Sequence[int] = (),
        dropout: float = 0.5,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        _check(num_classes, dropout)
        if any(type(width) is not int or width < 1 for width in hidden):
            raise ValueError(f"hidden must contain widths >= 1. Received: hidden={tuple(hidden)}")
        self.num_classes, self.hidden, self.dropout = num_classes, tuple(hidden), dropout

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        _check_people(self)
        self.steps = []
        with in_float32():
            for width in (*self.hidden, self.num_classes):
                if self.dropout:
                    self.steps.append(layers.Dropout(self.dropout))
                activation = "relu" if len(self.steps) < self._count() - 1 else None
                self.steps.append(layers.Dense(width, activation=activation))
            for step in self.steps:
                step.build(input_shape)
                input_shape = step.compute_output_shape(input_shape)

    def _count(self) -> int:
        return (len(self.hidden) + 1) * (2 if self.dropout else 1)

    def call(self, embeddings: Any, training: bool | None = None) -> Any:
        for step in self.steps:
            words = {"training": training} if isinstance(step, layers.Dropout) else {}
            embeddings = step(embeddings, **words)
        return embeddings

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.num_classes)

    def get_config(self) -> dict[str, Any]:
        own = {name: getattr(self, name) for name in ("num_classes", "dropout")}
        return {**super().get_config(), **own, "hidden": list(self.hidden)}


@keras.saving.register_keras_serializable(package="maskedface")
class CosineHead(layers.Layer):
    """A head that scores a face by the cosine to each person's center.

    Train it with a margin loss of the same scale: `losses.CosineMargin`, `losses.ArcFace`.

    >>> import numpy as np
    >>> from maskedface import models
    >>> head = models.CosineHead(2, scale=1.0)
    >>> head.build((None, 2))
    >>> head.set_centers(np.eye(2))
    >>> np.asarray(head(np.array([[0.0, 7.0]]))).tolist()
    [[0.0, 1.0]]

    Args:
        num_classes: int >= 2, the number of people; None if a recipe leaves it open.
        scale: float > 0, the factor of the cosines (s in CosFace, Wang et al. 2018, who use 64 for
            tens of thousands of people). None = 24, which suits a few hundred people, or in a
            recipe the scale of its loss.
        dropout: float in [0, 1), the dropout rate of the embedding.
        centers_per_person: int >= 1; `losses.DomainRanking` needs two. Columns contain the first
            centers of all people, then the second ones.
        with_offsets: bool, whether an offset per person is added to the cosines, initially 0: the
            negative of `evaluation.Cohort.offsets`. Losses do not take it into account.

    Input shape:
        (batch, features), float, of any length above 0.

    Output shape:
        (batch, num_classes * centers_per_person), float32 logits in [-scale, scale], or beyond with
        offsets.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(
        self,
        num_classes: int | None = None,
        *,
        scale: float | None = None,
        dropout: float = 0.0,
        centers_per_person: int = 1,
        with_offsets: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        _check(num_classes, dropout)
        if (scale is not None and scale <= 0) or centers_per_person < 1:
            raise ValueError(
                "scale must be above 0 and centers_per_person at least 1. "
                f"Received: scale={scale}, centers_per_person={centers_per_person}"
            )
        self.num_classes, self.scale, self.dropout = num_classes, scale, dropout
        self.centers_per_person, self.with_offsets = centers_per_person, with_offsets
        self._drop = layers.Dropout(dropout) if dropout else None

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        _check_people(self)
        self.scale = 24.0 if self.scale is None else self.scale
        columns = (self.num_classes or 0) * self.centers_per_person
        self.centers = self.add_weight(
            name="centers",
            shape=(input_shape[-1], columns),
            initializer="glorot_uniform",
            constraint=keras.constraints.UnitNorm(axis=0),
        )
        if self.with_offsets:
            self.offsets = self.add_weight(name="offsets", shape=(columns,), initializer="zeros")

    def call(self, embeddings: Any, training: bool | None = None) -> Any:
        if self._drop is not None:
            embeddings = self._drop(embeddings, training=training)
        cosines = ops.matmul(ops.normalize(embeddings, axis=-1), self.centers)
        if self.with_offsets:
            cosines = cosines + self.offsets
        return cosines * self.scale

    def set_centers(self, centers: Any) -> None:
        """Replaces the centers.

        Args:
            centers: float array, shape (features, num_classes), with columns of unit length. If
                there are several centers per person, all of them are set to the same value.
        """
        self.centers.assign(ops.tile(ops.cast(centers, "float32"), (1, self.centers_per_person)))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], (self.num_classes or 0) * self.centers_per_person)

    def get_config(self) -> dict[str, Any]:
        own = ("num_classes", "scale", "dropout", "centers_per_person", "with_offsets")
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}


@keras.saving.register_keras_serializable(package="maskedface")
class SideBySide(layers.Layer):
    """Applies several layers to an embedding and concatenates their outputs, for composite losses.

    >>> from maskedface import losses, models
    >>> head = models.SideBySide([models.CosineHead(7), losses.CenterDistances(7)])
    >>> head.compute_output_shape((None, 128))
    (None, 14)

    Args:
        parts: layers, embeddings -> (batch, columns); `keras.layers.Identity()` is the embedding itself.
        num_classes: the number of people, for parts whose own `num_classes` is None; or None.

    Input shape:
        (batch, features), float.

    Output shape:
        (batch, columns of all parts), float32.
    """

    def __init__(
        self, parts: Sequence[layers.Layer], num_classes: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.parts = [for_people(part, num_classes) for part in parts]
        self.num_classes = num_classes

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        for part in self.parts:
            part.build(input_shape)

    def call(self, embeddings: Any, training: bool | None = None) -> Any:
        columns = [
            part(embeddings, training=training) if part._call_has_training_arg else part(embeddings)
            for part in self.parts
        ]
        return ops.concatenate([ops.cast(x, "float32") for x in columns], axis=-1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        widths = [part.compute_output_shape(input_shape)[-1] for part in self.parts]
        return (*input_shape[:-1], sum(widths))

    def get_config(self) -> dict[str, Any]:
        parts = [keras.saving.serialize_keras_object(part) for part in self.parts]
        return {**super().get_config(), "parts": parts, "num_classes": self.num_classes}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SideBySide:
        parts = [keras.saving.deserialize_keras_object(part) for part in config["parts"]]
        return cls(**{**config, "parts": parts})


@in_float32()
def classifier(
    backbone: keras.Model,
    num_classes: int,
    *,
    head: str | layers.Layer = "linear",
    dropout: float | None = None,
) -> keras.Model:
    """Adds a head to a backbone.

    >>> from maskedface import models
    >>> model = models.classifier(models.DlibResNet29(None), 10, dropout=0.5)
    >>> model.output_shape
    (None, 10)

    Args:
        backbone: images -> embeddings, shape (batch, features).
        num_classes: int >= 2, the number of people.
        head: "linear" (`LinearHead`), "cosine" (`CosineHead`), or a layer, embeddings ->
            (batch, num_classes), which is copied.
        dropout: float in [0, 1), for a head given by name; None = its default.

    Returns:
        A `keras.Model`: images -> float32 logits, shape (batch, num_classes). `models.embedder`
        returns its embedding model.

    Raises:
        ValueError: if an argument is out of range, or the head has another number of outputs.
    """
    if isinstance(head, str):
        kinds = {"linear": LinearHead, "cosine": CosineHead}
        if head not in kinds:
            raise ValueError(
                f"head must be 'linear', 'cosine' or a layer. "
                f"Received: head={head!r}{did_you_mean(head, kinds)}"
            )
        words: dict[str, Any] = {} if dropout is None else {"dropout": dropout}
        layer = kinds[head](num_classes, **words)
    else:
        if dropout is not None:
            raise ValueError(
                f"dropout must be None if head is a layer. Received: dropout={dropout}"
            )
        layer = for_people(head, num_classes, backbone)
    _check(num_classes, 0)
    model = with_head(backbone, layer)
    if model.output_shape != (None, num_classes):
        raise ValueError(
            f"head must have {num_classes} outputs, one per person. Received: {model.output_shape}"
        )
    return model


@in_float32()
def with_head(backbone: keras.Model, head: layers.Layer) -> keras.Model:
    """A backbone followed by any layer, with the embedding marked between them.

    Args:
        backbone: images -> embeddings.
        head: embeddings -> anything; it becomes a part of the model.

    Returns:
        A `keras.Model` with the backbone's name.
    """
    embedding = FaceEmbedding(name="face_embedding")(backbone.outputs[0])
    return keras.Model(backbone.inputs[0], head(embedding), name=backbone.name)


def for_people(
    layer: layers.Layer, num_classes: int | None, backbone: keras.Model | None = None
) -> layers.Layer:
    """A copy of a layer, with the number of people filled in if it is open.

    Args:
        layer: any layer; it is not modified.
        num_classes: int >= 2, or None.
        backbone: the model before the layer, or None. The layer is renamed if the backbone already
            has a layer of the same name, such as "dense".

    Returns:
        A new layer, not built.
    """
    config = layer.get_config()
    if "num_classes" in config and config["num_classes"] is None:
        config["num_classes"] = num_classes
    taken = {one.name for one in backbone.layers} if backbone is not None else set()
    while config.get("name") in taken:
        config["name"] += "_head"
    copy: layers.Layer = type(layer).from_config(config)
    return copy


def cosine_head(model: keras.Model) -> CosineHead | None:
    """The cosine head in a model; None if there is none.

    Args:
        model: any model.
    """
    found = [layer for layer in model._flatten_layers() if isinstance(layer, CosineHead)]
    return found[0] if found else None


def _check_people(head: Any) -> None:
    if head.num_classes is None:
        raise ValueError("num_classes must be the number of people. Received: num_classes=None")


def _check(num_classes: int | None, dropout: float) -> None:
    if num_classes is not None and (type(num_classes) is not int or num_classes < 2):
        raise ValueError(f"num_classes must be at least 2. Received: num_classes={num_classes}")
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout must be in [0, 1). Received: dropout={dropout}")
