"""Adds `from_preset` to the functions that build networks."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any, Generic, ParamSpec

import keras

from maskedface.models import weights
from maskedface.models.preset import Preset
from maskedface.models.presets import preset_of

P = ParamSpec("P")


class Architecture(Generic[P]):
    """A decorator of functions that build a network, which adds `from_preset`.

    Args:
        build: a function with the arguments `weights`, `input_shape` and `alignment`, among others,
            that returns a `keras.Model`. Its name is the `architecture` of its presets.
    """

    def __init__(self, build: Callable[P, keras.Model]) -> None:
        self._build = build
        self._name = build.__name__
        functools.update_wrapper(self, build)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> keras.Model:
        return self._build(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<architecture {self._name}>"

    def __reduce__(self) -> str:
        return self._name  # pickled and copied by name, as a function is

    def from_preset(
        self,
        preset: str | os.PathLike[str],
        *,
        input_shape: tuple[int | None, int | None, int] | None = None,
        alignment: str | None = None,
        load_weights: bool = True,
    ) -> keras.Model:
        """Builds the network with the configuration and weights of a preset or a weight file.

        Args:
            preset: the name of a preset of this architecture in `models.PRESETS`, or the path of a
                weight file, as for `weights`.
            input_shape: (height, width, 3) in pixels; by default the preset's. For a path, by
                default the size implied by the file (if the embedding is a dense layer over the
                feature map), else the architecture's.
            alignment: the alignment of the input faces, a key of `geometry.ALIGNMENTS`; by default
                the preset's. For a path, by default that of the `.json` file next to it, else the
                architecture's.
            load_weights: whether to load the weights; False initializes the network randomly and
                needs no weight file.

        Returns:
            A `keras.Model`, as returned by the architecture itself.

        Raises:
            ModuleNotFoundError: if "dlib" or a PyTorch file is requested and its package is
                missing.
            OSError: if a download fails.
            ValueError: if there is no such preset or file, the preset belongs to another
                architecture, or its file is missing, damaged or not the expected one.

        >>> from maskedface import models
        >>> models.DlibResNet29.from_preset("dlib").output_shape
        (None, 128)
        >>> models.ResNet50.from_preset("vggface2_ft", load_weights=False).input_shape
        (None, 224, 224, 3)
        """
        known = preset_of(preset, architecture=self._name)
        asked = {"input_shape": input_shape, "alignment": alignment}
        words = {name: value for name, value in asked.items() if value is not None}
        build: Callable[..., keras.Model] = self._build
        if known:
            return build(known.name if load_weights else None, **(_of_preset(known) | words))
        source = weights.read_source(preset, self._name)
        backbone = build(None, **(source.arguments | words))
        if load_weights:
            weights.load_weights(backbone, source)
        return backbone


def _of_preset(preset: Preset) -> dict[str, Any]:
    own = {"input_shape": preset.input_shape, "alignment": preset.alignment}
    return own | dict(preset.arguments)
