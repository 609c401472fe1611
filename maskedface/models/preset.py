"""The description of a named set of weights. This module does not import Keras."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from maskedface.conversion import cache, dlib

Variant = Literal["ft", "scratch", "unknown"]
Channels = Literal["RGB", "BGR"]


@dataclass(frozen=True)
class WeightFile:
    """A published weight file.

    Attributes:
        name: str, the file name.
        sha256: 64 hexadecimal digits, or None if not published.
        size: int, bytes, or None if unknown.
        url: where the file can be downloaded without an account, or None.

    >>> from maskedface import models
    >>> models.PRESETS["dlib"].files[0].size
    22466066
    """

    name: str
    sha256: str | None = None
    size: int | None = None
    url: str | None = None


@dataclass(frozen=True)
class Preset:
    """A named set of pretrained weights with its description.

    Attributes:
        name: str, the name for `from_preset` and `weights=`.
        architecture: the name of the network in `models`, such as "ResNet50".
        files: the files that contain the weights, the preferred one first; any of them suffices.
        variant: "ft" (MS-Celeb-1M, then VGGFace2), "scratch" (VGGFace2 only) or "unknown";
            "unknown" for other networks.
        training_set: str, the training set.
        alignment: the alignment of the training faces, a key of `geometry.ALIGNMENTS`.
        input_size: int, height and width of the training images in pixels.
        license: the license's name.
        license_note: str, the source of the license statement, and other restrictions.
        origin: str, where the weights come from.
        unverified: str, what could not be verified because no real file was available; "" if
            nothing.
        file_channels: the channel order of the original network's input.
        file_scaling: str, the scaling of the original network's input, where x is a pixel of 0 to
            255.
        arguments: the architecture's arguments for this preset, besides `input_shape` and
            `alignment`.
        channels: the channel order of the input here: always "RGB".
        input_range: (lowest, highest) pixel value of the input here, floats; always 0 to 255.

    >>> from maskedface import models
    >>> preset = models.PRESETS["vggface2_ft"]
    >>> preset.architecture, preset.alignment, preset.license
    ('ResNet50', 'vggface2', 'CC BY-SA 4.0')
    """

    name: str
    architecture: str
    files: tuple[WeightFile, ...]
    variant: Variant
    training_set: str
    alignment: str
    input_size: int
    license: str
    license_note: str
    origin: str
    unverified: str
    file_channels: Channels
    file_scaling: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    channels: Channels = "RGB"
    input_range: tuple[float, float] = (0.0, 255.0)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(height, width, 3) in pixels."""
        return (self.input_size, self.input_size, 3)

    def find(self) -> str | None:
        """The path of one of its files on this machine, this library's format first; None if there
        is none."""
        if self.architecture != "DlibResNet29":
            return cache.find([f"{self.name}.weights.h5", *(file.name for file in self.files)])
        try:
            return dlib.locate()
        except ModuleNotFoundError:
            return None

    @property
    def convert_command(self) -> str:
        """The command that converts the first file to this library's format; "" for dlib's, which
        needs no conversion."""
        if self.architecture == "DlibResNet29":
            return ""
        return f"maskedface weights convert {self.files[0].name} --out {self.name}.weights.h5"
