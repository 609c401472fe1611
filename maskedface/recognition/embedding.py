"""From a trained model to the vectors a gallery holds, and a name for what makes them comparable."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import keras
import numpy as np

from maskedface import models


def embedder_of(model: keras.Model) -> keras.Model:
    """Takes a classifier's head off.

    Args:
        model: images -> logits, with a head of this library, or images -> embeddings.

    Returns:
        A model that shares its layers, with the backbone's name: images -> embeddings, shape
        (batch, features).

    Raises:
        ValueError: if the model takes no square RGB images or gives no vectors.
    """
    shape, found = model.input_shape, models.embedder(model)
    if not isinstance(shape, tuple) or len(shape) != 4 or shape[1] != shape[2] or shape[3] != 3:
        raise ValueError(
            f"model must take square RGB images of one size. Received: input shape {shape}"
        )
    if shape[1] is None or not isinstance(found.output_shape, tuple) or len(found.output_shape) != 2:
        raise ValueError(
            "model must give one vector an image. Received: "
            f"input shape {shape}, embeddings {found.output_shape}"
        )
    return found


def fingerprint(embedder: keras.Model, alignment: str) -> str:
    """A short name of all that decides an embedding: layers, their settings, weights, alignment.

    Names of layers do not count, and settings that are None or False neither, so that building the
    same network twice, or reading it with a later Keras that knows more settings, gives the same.

    Args:
        embedder: images -> embeddings.
        alignment: the alignment of its input.

    Returns:
        32 hexadecimal digits (BLAKE2b).
    """
    digest = hashlib.blake2b(alignment.encode(), digest_size=16)
    names = {name: f"#{row}" for row, name in enumerate(_names(embedder))}
    settings = _nameless(embedder.get_config(), names)
    digest.update(json.dumps(settings, sort_keys=True, default=str).encode())
    for weight in embedder.weights:
        values = np.ascontiguousarray(keras.ops.convert_to_numpy(weight))
        digest.update(f"{values.shape}{values.dtype}".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()


def _names(model: keras.Model) -> list[str]:
    found = [model.name]
    for layer in model.layers:
        found += _names(layer) if isinstance(layer, keras.Model) else [layer.name]
    return found


_UNSEEN = ("module", "registered_name", "build_config", "shared_object_id", "trainable")


def _nameless(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            key: _nameless(part, names)
            for key, part in value.items()
            if key not in _UNSEEN and part is not None and part is not False
        }
    if isinstance(value, list | tuple):
        return [_nameless(part, names) for part in value]
    return names.get(value, value) if isinstance(value, str) else value
