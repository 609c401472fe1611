"""What is known of a named set of weights. Nothing here needs Keras."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from maskedface.conversion import cache, dlib

Variant = Literal["ft", "scratch", "unknown"]
Channels = Literal["RGB", "BGR"]


@dataclass(frozen=True)
class WeightFile:
    """A file of weights that exists somewhere.

    Attributes:
        name: str, its file name.
        sha256: 64 hexadecimal digits, or None where nobody published them.
        size: int, bytes, or None where it is not known.
        url: where it can still be downloaded without an account, or None.

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
    """A named set of weights: what `from_preset` loads, and what is known of it.

    Attributes:
        name: str, what `from_preset` and `weights=` take.
        architecture: the name in `models` of the network it fills, as "ResNet50".
        files: the files that hold it, the preferred one first; any of them will do.
        variant: "ft" (MS-Celeb-1M, then VGGFace2), "scratch" (VGGFace2 alone) or "unknown"; of other
            networks "unknown".
        training_set: str, the faces that it was trained on.
        alignment: the alignment of the faces it was trained on, a key of `geometry.ALIGNMENTS`.
        input_size: int, height and width in pixels of the images it was trained on.
        license: the license's name.
        license_note: str, who says so, and what else binds.
        origin: str, where it comes from.
        unverified: str, what we could not check, as no real file could be had; "" if nothing.
        file_channels: the order of channels in which the file's own network takes them.
        file_scaling: str, what the file's own network is fed with, x being a pixel of 0 to 255.
        arguments: the words of the architecture, beside `input_shape` and `alignment`, that build it.
        channels: the order in which ours takes them: always "RGB".
        input_range: (lowest, highest) value of a pixel that ours takes, floats; always 0 to 255.

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
        """Where one of its files lies on this machine, our own format first; None where none does."""
        if self.architecture != "DlibResNet29":
            return cache.find([f"{self.name}.weights.h5", *(file.name for file in self.files)])
        try:
            return dlib.locate()
        except ModuleNotFoundError:
            return None

    @property
    def convert_command(self) -> str:
        """The command that writes the first file in our own format; "" for dlib's, which is read as it
        is."""
        if self.architecture == "DlibResNet29":
            return ""
        return f"maskedface weights convert {self.files[0].name} --out {self.name}.weights.h5"
