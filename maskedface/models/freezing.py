"""Layer freezing by stages."""

from __future__ import annotations

from typing import Literal

import keras

from maskedface.names import did_you_mean

BatchNorm = Literal["frozen", "update"]


def stages(backbone: keras.Model) -> tuple[str, ...]:
    """The backbone's stages with weights, in order from the input.

    A stage is the first word of a layer's name, up to the first `_` ("layer3_0_conv1" is in
    "layer3"), so stages are also known for a model loaded from a `.keras` file.

    >>> from maskedface import models
    >>> models.stages(models.ResNet50(None, (64, 64, 3), filters=2, blocks=(1, 1, 1, 1)))
    ('stem', 'layer1', 'layer2', 'layer3', 'layer4')

    Args:
        backbone: a network of `models`, or any other whose layers follow this naming scheme.

    Returns:
        Names in order: ("stem", "layer1", ..., "layer4") for ResNet50; IResNet and AdaFaceIR also
        have an "embedding", DlibResNet29 a "layer5" and an "embedding".
    """
    return tuple(dict.fromkeys(_stage(layer) for layer in backbone.layers if layer.weights))


def freeze(backbone: keras.Model, through: str, batch_norm: BatchNorm = "frozen") -> None:
    """Freezes the first stages of a backbone and makes all others trainable.

    The paper counts PyTorch's children (conv1, bn1, relu, maxpool, layer1-4, avgpool, fc): its
    "7 layers" are `through="layer3"`, its "10 layers" are `through="all"`.

    A `.keras` file does not store the full freezing state (Keras stores it per layer, not per
    variable): call this again after loading, as `training.train` does.

    >>> from maskedface import models
    >>> backbone = models.ResNet50(None, (64, 64, 3), filters=2, blocks=(1, 1, 1, 1))
    >>> models.freeze(backbone, through="layer3")
    >>> backbone.get_layer("layer3_0_conv1").trainable, backbone.get_layer("layer4_0_conv1").trainable
    (False, True)

    Args:
        backbone: the model, modified in place.
        through: the last frozen stage (one of `stages(backbone)`), "none" or "all".
        batch_norm: the behavior of batch norms in frozen stages. "frozen": they use their stored
            statistics (as with `trainable = False` in Keras). "update": they normalize with batch
            statistics and update their moving averages, while gamma and beta are frozen (as with
            `requires_grad = False` in PyTorch). Batch norms of trainable stages always train and
            update.

    Raises:
        ValueError: if `through` or `batch_norm` is none of these.
    """
    names = stages(backbone)
    if through not in ("none", "all", *names):
        raise ValueError(
            f"through must be 'none', 'all' or one of {names}. Received: through={through!r}"
            f"{did_you_mean(through, ('none', 'all', *names))}"
        )
    if batch_norm not in ("frozen", "update"):
        raise ValueError(
            f"batch_norm must be 'frozen' or 'update'. Received: batch_norm={batch_norm!r}"
            f"{did_you_mean(batch_norm, ('frozen', 'update'))}"
        )
    last = {"none": -1, "all": len(names) - 1}.get(through)
    frozen = set(names[: (names.index(through) if last is None else last) + 1])
    backbone.trainable = True
    for layer in backbone.layers:
        updates = batch_norm == "update" and isinstance(layer, keras.layers.BatchNormalization)
        learns = _stage(layer) not in frozen
        layer.trainable = learns or updates
        if isinstance(layer, keras.layers.BatchNormalization):
            for variable in (layer.gamma, layer.beta):
                if variable is not None:
                    variable.trainable = learns


def _stage(layer: keras.layers.Layer) -> str:
    return str(layer.name.split("_")[0])
