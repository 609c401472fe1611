"""An embedder for Keras models, and the fingerprint that makes embeddings comparable."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import keras
import numpy as np

from maskedface import models
from maskedface.engines.embedder import Embedder
from maskedface.models.config_names import steady_names


class KerasEmbedder(Embedder):
    """A Keras model that embeds faces.

    Args:
        model: images -> embeddings, or a classifier of this library, whose head is removed.
        alignment: the alignment of its images, a key of `geometry.ALIGNMENTS`; by default that
            stated by the model (`models.alignment_of`).

    Attributes:
        model: images -> embeddings; it shares the layers of the given model.

    Raises:
        ValueError: if the model's input is not square RGB images of one size, its output is not a
            vector, or its alignment is neither stated nor given.

    >>> import numpy as np
    >>> from maskedface import engines, models
    >>> network = models.ResNet50(None, (64, 64, 3), filters=2, blocks=(1, 1, 1, 1))
    >>> embedder = engines.KerasEmbedder(network)
    >>> embedder(np.zeros((3, 64, 64, 3), "uint8")).shape, embedder.alignment
    ((3, 64), 'vggface2')
    """

    engine = "keras"

    def __init__(self, model: keras.Model, alignment: str | None = None) -> None:
        self.model = embedder_of(model)
        alignment = models.alignment_of(self.model) if alignment is None else alignment
        super().__init__(
            size=int(self.model.input_shape[1]),
            alignment=alignment,
            features=int(self.model.output_shape[1]),
            fingerprint=fingerprint(self.model, alignment),
        )

    def embed(self, faces: np.ndarray) -> np.ndarray:
        return models.predict(self.model, faces)

    def with_flip(self) -> KerasEmbedder:
        # In the network itself, so it is what a recipe's mirror_join makes, to the last bit.
        return KerasEmbedder(models.mirror_join(self.model), self.alignment)


def embedder_of(model: keras.Model) -> keras.Model:
    """Removes a classifier's head.

    Args:
        model: images -> logits, with a head of this library, or images -> embeddings.

    Returns:
        A model with the backbone's name that shares its layers: images -> embeddings, shape
        (batch, features).

    Raises:
        ValueError: if the model's input is not square RGB images, or its output is not a vector.
    """
    shape, found = model.input_shape, models.embedder(model)
    if not isinstance(shape, tuple) or len(shape) != 4 or shape[1] != shape[2] or shape[3] != 3:
        raise ValueError(
            f"model must take square RGB images of one size. Received: input shape {shape}"
        )
    if (
        shape[1] is None
        or not isinstance(found.output_shape, tuple)
        or len(found.output_shape) != 2
    ):
        raise ValueError(
            "model must output one vector per image. Received: "
            f"input shape {shape}, embeddings {found.output_shape}"
        )
    return found


def fingerprint(embedder: keras.Model, alignment: str) -> str:
    """A hash of everything that determines an embedding: layers, their config, weights, alignment.

    Layer names, the layer that states the alignment, and options that are None or False are
    ignored, so the fingerprint does not change if the same network is built again or loaded with a
    newer version of Keras with more options.

    Args:
        embedder: images -> embeddings.
        alignment: the alignment of its input.

    Returns:
        32 hexadecimal digits (BLAKE2b).
    """
    digest = hashlib.blake2b(alignment.encode(), digest_size=16)
    config = embedder.get_config()
    names = steady_names(config)
    names |= {name: f"#{row}" for row, name in enumerate(_names(embedder))}
    settings = _plain(config, names, {})
    digest.update(json.dumps(settings, sort_keys=True, default=str).encode())
    for weight in embedder.weights:
        values = np.ascontiguousarray(keras.ops.convert_to_numpy(weight))
        digest.update(f"{values.shape}{values.dtype}".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()


def _names(model: keras.Model) -> list[str]:
    found = [model.name]
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            found += _names(layer)
        elif not isinstance(layer, models.FaceAlignment):
            found.append(layer.name)
    return found


_UNSEEN = ("module", "registered_name", "build_config", "shared_object_id", "trainable")


def _plain(value: Any, names: dict[str, str], given: dict[Any, Any]) -> Any:
    """A normalized config: ignored options are removed, layers are numbered, and each
    `FaceAlignment` is bypassed, so that a network has the same fingerprint as before it stated its
    alignment.

    Args:
        value: a part of a model's config.
        names: {layer name: its replacement}.
        given: {(name of an alignment layer, call): its input tensor} of the model.
    """
    if isinstance(value, list | tuple):
        return [_plain(part, names, given) for part in value]
    if not isinstance(value, dict):
        return names.get(value, value) if isinstance(value, str) else value
    if isinstance(value.get("layers"), list):
        stating = [one for one in value["layers"] if one["class_name"] == "FaceAlignment"]
        given = {
            (one["name"], call): node["args"][0]["config"]["keras_history"][:2]
            for one in stating
            for call, node in enumerate(one["inbound_nodes"])
        }
        value = value | {"layers": [one for one in value["layers"] if one not in stating]}
    history = value.get("keras_history")
    if history is not None:
        while tuple(history[:2]) in given:
            history = [*given[tuple(history[:2])], 0]
        value = value | {"keras_history": history}
    return {
        key: _plain(part, names, given)
        for key, part in value.items()
        if key not in _UNSEEN and part is not None and part is not False
    }
