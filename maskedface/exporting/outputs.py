"""The output that a network is exported with."""

from __future__ import annotations

from typing import Literal

import keras

from maskedface import models

Output = Literal["embedding", "logits", "probabilities"]


def with_output(model: keras.Model, output: Output) -> keras.Model:
    """A model with one of its outputs.

    Args:
        model: images -> logits, from `models.classifier`, or images -> embeddings.
        output: "embedding"; for a classifier also "logits", or "probabilities" (softmax).

    Returns:
        A model that shares the layers: images -> float32 array, shape (batch, features or people).

    Raises:
        ValueError: if the model has no head but the output is another than its embedding.

    >>> from maskedface import models
    >>> from maskedface.exporting.outputs import with_output
    >>> model = models.classifier(models.DlibResNet29(None), 10)
    >>> with_output(model, "embedding").output_shape, with_output(model, "logits").output_shape
    ((None, 128), (None, 10))
    """
    embedder = models.embedder(model)
    if output == "embedding":
        return embedder
    if embedder is model:
        raise ValueError(
            f"output must be 'embedding' for a model without a head. Received: output={output!r}"
        )
    if output == "logits":
        return model
    softmax = keras.layers.Softmax(dtype="float32", name="head_probabilities")
    return keras.Model(model.input, softmax(model.output), name=model.name)
