"""The face alignment that a network expects, stored in the network."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from maskedface import geometry
from maskedface.models.settings import in_float32


@keras.saving.register_keras_serializable(package="maskedface")
class FaceAlignment(layers.Identity):
    """An identity layer that states the alignment of a model's images.

    It follows the input, so it is kept in copies, saved files, views, joins and classifiers of the
    model. It has no weights and computes nothing; it is float32 under any precision policy, because
    bfloat16 would round gray levels.

    >>> import keras
    >>> from maskedface import models
    >>> image = keras.Input((112, 112, 3))
    >>> features = keras.layers.GlobalAveragePooling2D()(models.FaceAlignment("arcface")(image))
    >>> models.alignment_of(keras.Model(image, features))
    'arcface'

    Args:
        alignment: a key of `geometry.ALIGNMENTS`.

    Input shape:
        any; images of any numeric type.

    Output shape:
        the same, of the same type.

    Raises:
        ValueError: if no alignment has that name.
    """

    def __init__(self, alignment: str, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", "autocast": False, **kwargs})
        geometry.alignment_points(alignment, 1, 1)  # refuses an unknown one
        self.alignment = alignment

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "alignment": self.alignment}


def alignment_of(model: keras.Model) -> str:
    """The alignment of a model's input images, as stated by the model.

    >>> from maskedface import models
    >>> models.alignment_of(models.ResNet50(None, (64, 64, 3), filters=2, blocks=(1, 1, 1, 1)))
    'vggface2'

    Args:
        model: any model; nested models are searched too.

    Returns:
        A key of `geometry.ALIGNMENTS`.

    Raises:
        ValueError: if the model states none, or two different ones.
    """
    stated = _stated(model)
    if not stated:
        raise ValueError(
            "model must state the alignment of its images: pass alignment= (--backbone-alignment "
            "or --model-alignment on the command line), or use models.with_alignment(model, "
            "alignment). "
            f"Received: model {model.name!r}, which states none"
        )
    if len(stated) > 1:
        raise ValueError(
            f"model must state one alignment. Received: model {model.name!r} with {sorted(stated)}"
        )
    return stated.pop()


@in_float32()
def with_alignment(model: keras.Model, alignment: str) -> keras.Model:
    """Returns a model that states another alignment.

    No images are warped: the model's computation does not change.

    >>> import keras
    >>> from maskedface import models
    >>> net = keras.Sequential([keras.Input((112, 112, 3)), keras.layers.GlobalAveragePooling2D()])
    >>> models.alignment_of(models.with_alignment(net, "arcface"))
    'arcface'

    Args:
        model: a functional or sequential model with one input, images -> anything; it is not
            modified.
        alignment: the alignment of its images, a key of `geometry.ALIGNMENTS`.

    Returns:
        The model itself if it already states this alignment. Otherwise a copy with the same layer
        names and its own weights; if the model stated no alignment, a layer "face_alignment" is
        added after the input.

    Raises:
        ValueError: if the alignment is unknown, or the model is neither functional nor sequential
            or has several inputs.
    """
    FaceAlignment(alignment)  # refuses an unknown one before any work
    if _stated(model) == {alignment}:
        return model
    if isinstance(model, keras.Sequential):
        model = keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    replaces, name = bool(_stated(model)), model.name

    def build(layer: keras.layers.Layer) -> keras.layers.Layer:
        changes = {"alignment": alignment} if isinstance(layer, FaceAlignment) else {}
        return type(layer).from_config(layer.get_config() | changes)

    stating: dict[int, keras.KerasTensor] = {}

    def aligned(value: Any) -> Any:
        history = getattr(value, "_keras_history", None)
        if replaces or history is None or not isinstance(history.operation, layers.InputLayer):
            return value
        if id(value) not in stating:
            stating[id(value)] = FaceAlignment(alignment, name="face_alignment")(value)
        return stating[id(value)]

    def call(layer: keras.layers.Layer, *inputs: Any, **options: Any) -> Any:
        options.pop("mask", None)  # of time steps, which images have not; an Identity refuses it
        return layer(*keras.tree.map_structure(aligned, inputs), **options)

    rebuilt = keras.models.clone_model(
        model, clone_function=build, call_function=call, recursive=replaces
    )
    rebuilt.name = name
    rebuilt.set_weights(model.get_weights())
    return rebuilt


def _stated(model: keras.Model) -> set[str]:
    return {part.alignment for part in model._flatten_layers() if isinstance(part, FaceAlignment)}
