"""The input format of a network of another program, and the sidecar file that stores it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

import numpy as np

from maskedface import geometry
from maskedface.names import did_you_mean

Channels = Literal["RGB", "BGR"]
STANDARDIZED: Literal["standardized"] = "standardized"
InputRange = tuple[float, ...] | Literal["standardized"]


@dataclass(frozen=True)
class FaceInput:
    """The format of a network's input faces.

    Attributes:
        alignment: their alignment, a key of `geometry.ALIGNMENTS`.
        input_range: the values of 0 and 255 after scaling, two floats; or six, the values of 0 in
            red, green and blue, then those of 255, for networks with per-channel means; or
            "standardized": the mean of each image is subtracted, then it is divided by its standard
            deviation (FaceNet's `prewhiten`).
        channels: "RGB" or "BGR", the channel order.
        size: int, height and width in pixels.
    """

    alignment: str
    input_range: InputRange
    channels: Channels
    size: int

    def __post_init__(self) -> None:
        geometry.alignment_points(self.alignment, 1, 1)
        if self.channels not in get_args(Channels):
            raise ValueError(
                f"channels must be one of {get_args(Channels)}. Received: channels={self.channels!r}"
                f"{did_you_mean(self.channels, get_args(Channels))}"
            )
        if self.input_range != STANDARDIZED and not _is_range(self.input_range):
            raise ValueError(
                "input_range must be two different finite numbers, the values of 0 and 255 after "
                f"scaling, or six, for red, green and blue; or {STANDARDIZED!r}. "
                f"Received: input_range={self.input_range!r}"
            )

    def apply(self, faces: np.ndarray) -> np.ndarray:
        """uint8 faces, shape (faces, height, width, 3), RGB -> the network's float32 input."""
        values = faces.astype("float32")
        if isinstance(self.input_range, str):
            axes = (1, 2, 3)
            least = 1 / np.sqrt(values[0].size)  # as `prewhiten` has it, for images of one color
            spread = np.maximum(values.std(axes, keepdims=True), least)
            changed: np.ndarray = (values - values.mean(axes, keepdims=True)) / spread
        else:
            low, high = np.array(self.input_range, "float32").reshape(2, -1)
            changed = values * ((high - low) / 255) + low
        return changed[..., ::-1] if self.channels == "BGR" else changed

    def words(self) -> str:
        """A one-line description."""
        values = self.input_range
        shown = values if isinstance(values, str) else _shown(values)
        return (
            f"alignment {self.alignment}, {self.size} px, range {shown}, channels {self.channels}"
        )


def _is_range(value: Any) -> bool:
    if not isinstance(value, tuple) or len(value) not in (2, 6):
        return False
    if not all(isinstance(one, (int, float)) and np.isfinite(one) for one in value):
        return False
    low, high = np.reshape(value, (2, -1))
    return bool((low != high).all())


def _shown(values: tuple[float, ...]) -> str:
    half = len(values) // 2
    low, high = ("/".join(f"{one:g}" for one in part) for part in (values[:half], values[half:]))
    return f"{low} to {high}"


def read_words(path: str, metadata: Mapping[str, str]) -> dict[str, Any]:
    """The stored input format of a file: from the `.json` file next to it, else from its metadata.

    Args:
        path: the network's file.
        metadata: the file's metadata: {"maskedface": JSON} in files written by `exporting.export`.

    Returns:
        Some or all arguments of `FaceInput`, and "sha256"; {} if nothing is known.

    Raises:
        ValueError: if the `.json` cannot be read.
    """
    beside = f"{path}.json"
    if not os.path.isfile(beside):
        return _told(json.loads(metadata.get("maskedface", "{}")))
    try:
        with open(beside, encoding="utf-8") as file:
            return _told(json.load(file))
    except (ValueError, AttributeError) as error:
        raise ValueError(
            "the file next to a network must be JSON with its input format; delete it to specify "
            f"the format again. Received: {beside!r} ({error})"
        ) from error


def _told(facts: Mapping[str, Any]) -> dict[str, Any]:
    known = {"sha256", *(field.name for field in fields(FaceInput))}
    told = {name: value for name, value in facts.items() if name in known}
    if isinstance(told.get("input_range"), list):
        told["input_range"] = tuple(told["input_range"])
    if (
        "keras" in facts and "input" in facts
    ):  # as `exporting.export` writes: all preprocessing inside
        told |= {"input_range": (0.0, 255.0), "channels": "RGB"}
    return told


def to_remember(given: FaceInput, sha256: str) -> dict[str, Any]:
    """The contents of the `.json` file next to a network."""
    return {**asdict(given), "sha256": sha256}
