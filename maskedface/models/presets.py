"""Presets: the named sets of weights, and all that is known of each. Nothing here needs Keras."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from maskedface.conversion import cache, dlib
from maskedface.names import near_names

Variant = Literal["ft", "scratch", "unknown"]
Channels = Literal["RGB", "BGR"]

_VGGFACE2 = "as VGGFace2 (the authors: github.com/WeidiXie/Keras-VGGFace2-ResNet50 issue 2)"
_MS1M = "; trained on MS-Celeb-1M first, which Microsoft withdrew in 2019 (research use only)"
_PICKLES = "github.com/cydonia999/VGGFace2-pytorch (Google Drive), from Oxford's Caffe models"
_DAGS = "www.robots.ox.ac.uk/~albanie/pytorch-models.html, from Oxford's MatConvNet models"
_RCMALLI = "https://github.com/rcmalli/keras-vggface/releases/download/v2.0/"
_NO_HASH = "no sha256 of this file is known to us, so nothing can be checked against it"


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
        architecture: the name in `models` of the network it fills: "ResNet50" or "DlibResNet29".
        files: the files that hold it, the preferred one first; any of them will do.
        variant: "ft" (MS-Celeb-1M, then VGGFace2), "scratch" (VGGFace2 alone) or "unknown".
        alignment: the alignment of the faces it was trained on, a key of `geometry.ALIGNMENTS`.
        input_size: int, height and width in pixels of the images it was trained on.
        license: the license's name.
        license_note: str, who says so, and what else binds.
        origin: str, where it comes from.
        unverified: str, what we could not check, as no real file could be had; "" if nothing.
        file_channels: the order of channels in which the file's own network takes them.
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
    alignment: str
    input_size: int
    license: str
    license_note: str
    origin: str
    unverified: str
    file_channels: Channels
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
        if self.architecture != "ResNet50":
            return ""
        return f"maskedface weights convert {self.files[0].name} --out {self.name}.weights.h5"


PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            "dlib", "DlibResNet29",
            (WeightFile(dlib.FILE, dlib.SHA256, 22_466_066),),
            "unknown", "dlib", 150,
            "CC0", "the model, by Davis King; the PyPI package that carries it: MIT",
            "PyPI, face-recognition-models 0.3.0", "", "RGB",
        ),
        Preset(
            "vggface2_ft", "ResNet50",
            (WeightFile(
                "resnet50_ft_weight.pkl",
                "9a954e4046df21aea62b46c032de4b56f7230dfc3705b6b1bda348983e0eb26e", 165_000_856,
            ),),
            "ft", "vggface2", 224, "CC BY-SA 4.0", _VGGFACE2 + _MS1M, _PICKLES,
            "the sha256 is one that others trust for this name; we never held the file", "BGR",
        ),
        Preset(
            "vggface2_scratch", "ResNet50",
            (WeightFile(
                "resnet50_scratch_weight.pkl",
                "2feeab6b38e6e39c40d760078d55d1386c6d333a026359a7a6ca3b7580ef0183", 165_000_856,
            ),),
            "scratch", "vggface2", 224, "CC BY-SA 4.0", _VGGFACE2, _PICKLES,
            "the sha256 is that of a Git LFS pointer with this name; we never held the file", "BGR",
        ),
        Preset(
            "vggface2_ft_dag", "ResNet50", (WeightFile("resnet50_ft_dag.pth"),),
            "ft", "vggface2", 224, "CC BY-SA 4.0", _VGGFACE2 + _MS1M, _DAGS,
            "that it takes RGB (its model file says so); " + _NO_HASH, "RGB",
        ),
        Preset(
            "vggface2_scratch_dag", "ResNet50", (WeightFile("resnet50_scratch_dag.pth"),),
            "scratch", "vggface2", 224, "CC BY-SA 4.0", _VGGFACE2, _DAGS,
            "that it takes RGB (its model file says so); " + _NO_HASH, "RGB",
        ),
        Preset(
            "vggface2_rcmalli", "ResNet50",
            tuple(
                WeightFile(name, url=_RCMALLI + name)
                for name in (
                    "rcmalli_vggface_tf_notop_resnet50.h5", "rcmalli_vggface_tf_resnet50.h5"
                )
            ),
            "unknown", "vggface2", 224, "CC BY-SA 4.0", _VGGFACE2,
            "github.com/rcmalli/keras-vggface, release v2.0",
            "that its arrays are Caffe's, and which variant they are; " + _NO_HASH, "BGR",
        ),
    )
}  # fmt: skip
"""Every preset by its name: what `from_preset` and `weights=` take."""


def preset_of(
    value: str | os.PathLike[str], *, argument: str = "preset", architecture: str | None = None
) -> Preset | None:
    """The preset that a name stands for.

    Args:
        value: a preset's name or the path of a file.
        argument: the name of the argument that took it, for the message.
        architecture: the network that is to be filled, or None for any.

    Returns:
        The preset, or None where `value` is a file.

    Raises:
        ValueError: if it is neither, or the preset is another network's.
    """
    fitting = [name for name, one in PRESETS.items() if architecture in (None, one.architecture)]
    expected = f"{argument} must be one of {fitting} or a file. Received: {argument}={value!r}"
    preset = PRESETS.get(value) if isinstance(value, str) else None
    if preset is None:
        if not os.path.isfile(value):
            raise ValueError(expected + _hint(os.fspath(value), fitting))
    elif preset.name not in fitting:
        raise ValueError(
            f"{expected}, the weights of another network: "
            f"models.{preset.architecture}.from_preset({preset.name!r})"
        )
    return preset


def _hint(value: str, names: Iterable[str]) -> str:
    near = near_names(value, names, 1)
    return f"; did you mean {near[0]!r}?" if near else ", which is neither"
