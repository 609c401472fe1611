"""Presets: the named sets of pretrained weights. This module does not import Keras."""

from __future__ import annotations

import os
from collections.abc import Iterable

from maskedface.models import presets_facenet, presets_iresnet, presets_vggface2
from maskedface.models.preset import Preset
from maskedface.names import did_you_mean, near_path

PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (*presets_vggface2.PRESETS, *presets_facenet.PRESETS, *presets_iresnet.PRESETS)
}
"""All presets: {name for `from_preset` and `weights=`: preset}."""


def preset_of(
    value: str | os.PathLike[str], *, argument: str = "preset", architecture: str | None = None
) -> Preset | None:
    """The preset of a given name.

    Args:
        value: a preset's name or the path of a file.
        argument: the name of the argument, for the message.
        architecture: the network whose weights are wanted, or None for any.

    Returns:
        The preset, or None if `value` is a file.

    Raises:
        ValueError: if `value` is neither, or the preset belongs to another network.
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
    return did_you_mean(value, names) or near_path(value) or ", which is neither"
