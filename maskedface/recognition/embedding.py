"""From a trained model to the vectors a gallery holds, and a name for what makes them comparable."""

from __future__ import annotations

import functools
import hashlib
import json
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from maskedface import models
from maskedface.datasets import FaceIndex, read_aligned_faces
from maskedface.evaluation import EmbeddedFaces
from maskedface.masking import masked_templates

if TYPE_CHECKING:
    from maskedface.recognition.recognizer import Recognizer


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
    if (
        shape[1] is None
        or not isinstance(found.output_shape, tuple)
        or len(found.output_shape) != 2
    ):
        raise ValueError(
            "model must give one vector an image. Received: "
            f"input shape {shape}, embeddings {found.output_shape}"
        )
    return found


def embed_index(
    recognizer: Recognizer, index: FaceIndex, *, templates: bool = True, progress: bool = False
) -> EmbeddedFaces:
    """The faces of an index as a recognizer embeds, enrolls and scores them.

    Args:
        recognizer: its gallery says how many masks are drawn on those enrolled, and has the cohort.
        index: the faces; each lies where its row says, or is the whole image.
        templates: whether to draw those masks, where there are any; False for pairs, which enroll nobody.
        progress: whether a progress bar is drawn, on stderr.

    Returns:
        `evaluation.EmbeddedFaces`, in the rows' order.

    Raises:
        ImageError, OSError: as `datasets.read_aligned_faces`.

    >>> import keras
    >>> from maskedface import evaluation, recognition, synthetic
    >>> image = keras.Input((32, 32, 3))
    >>> network = keras.Model(image, keras.layers.Flatten()(image))  # a stand-in
    >>> recognizer = recognition.Recognizer(network, aligned_to="arcface", alignment="arcface")
    >>> index = synthetic.draw_people("drawn", people=2, photos=1)
    >>> faces = recognition.embed_index(recognizer, index)
    >>> evaluation.rank_one_report(faces)["masked"]["faces"]
    2
    """
    embedder, alignment = recognizer.embedder, recognizer.alignment
    size, gallery = embedder.input_shape[1], recognizer.gallery
    chips = read_aligned_faces(index, size=size, alignment=alignment, progress=progress)
    embeddings, enrolled = models.predict(embedder, chips), None
    if templates and gallery.masks:
        bare = np.flatnonzero([face.domain == "unmasked" for face in index.faces])
        enrolled = embeddings.copy()
        enrolled[bare], _ = with_masks(recognizer, chips[bare], embeddings[bare])
    return EmbeddedFaces.of(index.faces, embeddings, enrolled, gallery.cohort)


def with_masks(
    recognizer: Recognizer, chips: np.ndarray, embeddings: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What a recognizer's gallery keeps of bare faces, and what they are under a drawn mask.

    Args:
        recognizer: its gallery says how many masks are drawn, at least 1.
        chips: uint8 array, shape (faces, size, size, 3), the model's input.
        embeddings: float array, shape (faces, features), theirs.

    Returns:
        As `masking.masked_templates`.
    """
    return masked_templates(
        functools.partial(models.predict, recognizer.embedder),
        chips,
        embeddings,
        count=recognizer.gallery.masks,
        alignment=recognizer.alignment,
    )


def fingerprint(embedder: keras.Model, alignment: str) -> str:
    """A short name of all that decides an embedding: layers, their settings, weights, alignment.

    Names of layers do not count, nor the layer that states the alignment, nor settings that are None
    or False, so that building the same network twice, or reading it with a later Keras that knows more
    settings, gives the same.

    Args:
        embedder: images -> embeddings.
        alignment: the alignment of its input.

    Returns:
        32 hexadecimal digits (BLAKE2b).
    """
    digest = hashlib.blake2b(alignment.encode(), digest_size=16)
    names = {name: f"#{row}" for row, name in enumerate(_names(embedder))}
    settings = _plain(embedder.get_config(), names, {})
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
    """Settings without what does not count, layers by numbers, and with each `FaceAlignment` left out,
    whose readers read what it was given: a network has the fingerprint that it had before it stated its
    alignment.

    Args:
        value: a part of a model's settings.
        names: {a layer's name: what stands for it}.
        given: {(an alignment's name, call): the tensor given} of the model that the part is of.
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
