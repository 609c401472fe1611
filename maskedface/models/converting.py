"""Converts weight files of other programs to this library's format, with a sidecar file."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any, NamedTuple

import keras
import numpy as np

from maskedface import models
from maskedface.conversion import probe, weights_h5
from maskedface.conversion.layouts import architectures
from maskedface.models import weights
from maskedface.models.preset import Variant
from maskedface.names import did_you_mean

SOURCES = ".pkl, .pth, .pt, .ckpt, .safetensors, .onnx or .h5"


def open_source(
    path: str | os.PathLike[str], network: str | None = None
) -> tuple[weights.Source, keras.Model]:
    """Reads a weight file and builds the matching network, with random weights.

    Args:
        path: a weight file of this library or of another program, as for `models.load_weights`.
        network: the name of the network in `models`; None to detect it from the file.

    Returns:
        (the source; the network, whose weights `weights.load` reads from it).

    Raises:
        ModuleNotFoundError, ValueError: as `weights.read_source`; also if the network is unknown or
            cannot be detected.
    """
    known = [*architectures(), "DlibResNet29"]
    if network is not None and network not in known:
        hint = did_you_mean(network, known)
        raise ValueError(f"network must be one of {known}. Received: {network!r}{hint}")
    source = weights.read_source(path, network)
    if source.architecture is None:
        raise ValueError(
            f"network must be one of {known} for {os.fspath(path)!r}, which has no .json file that "
            "states it. Received: network=None"
        )
    return source, getattr(models, source.architecture)(None, **source.arguments)


class Inspected(NamedTuple):
    """A weight file that was loaded.

    Attributes:
        facts: the contents of its sidecar, or what is known of the file.
        embedding: float32 array, shape (features,), of the probe image (`conversion.probe`).
        difference: float, the distance of `embedding` from the one in the sidecar, relative to its
            largest value; None if the sidecar has none.
    """

    facts: dict[str, Any]
    embedding: np.ndarray
    difference: float | None

    @property
    def is_same(self) -> bool:
        """Whether the embedding is that of the sidecar, or the sidecar has none."""
        return self.difference is None or self.difference < probe.TOLERANCE


def inspect_weights(path: str | os.PathLike[str], *, network: str | None = None) -> Inspected:
    """Loads a weight file and compares its embedding of the probe image with its sidecar's.

    Args:
        path, network: as for `open_source`.

    Returns:
        An `Inspected`.

    Raises:
        ModuleNotFoundError, OSError, ValueError: as `open_source` and `models.load_weights`.
    """
    source, backbone = open_source(path, network)
    facts = weights.load(backbone, source)
    embedding = probe.embedding(backbone)
    kept = facts.get("probe")
    difference = probe.difference(kept["embedding"], embedding) if kept else None
    return Inspected(facts, embedding, difference)


def convert_weights(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    network: str | None = None,
    variant: Variant = "unknown",
) -> dict[str, Any]:
    """Converts a weight file of another program to this library's format.

    Args:
        source: the file, in a layout of docs/weights.md.
        out: the `.weights.h5` file to write; its `.json` sidecar is written next to it.
        network: the name of the network in `models`; None to detect it from the file.
        variant: "ft", "scratch" or "unknown": the variant of a file whose sha256 is not known.

    Returns:
        The contents of the sidecar; "mapped": {tensor name in the source: name here}; "aligned_to":
        str, the alignment stated by the network.

    Raises:
        ModuleNotFoundError, OSError, ValueError: as `models.load_weights`; also if `variant`
            contradicts that of a known file, or `out` does not end in `.weights.h5`.

    >>> from maskedface.models.converting import convert_weights
    >>> facts = convert_weights(  # doctest: +SKIP
    ...     "resnet50_ft_weight.pkl", "vggface2_ft.weights.h5")
    >>> facts["known"], facts["variant"], facts["architecture"]  # doctest: +SKIP
    (True, 'ft', 'ResNet50')
    """
    weights_h5.sidecar_path(out)  # refuses a wrong ending before any work is done
    found, backbone = open_source(source, network)
    if not found.arrays:
        raise ValueError(f"source must be a {SOURCES} file. Received: {os.fspath(source)!r}")
    facts = weights.load(backbone, found)
    if facts["known"] and variant not in (facts["variant"], "unknown"):
        raise ValueError(
            f"variant must be {facts['variant']!r}, according to this file's sha256. "
            f"Received: {variant!r}"
        )
    mapped = facts.pop("mapped")
    told_by = "sha256" if facts["known"] else "user" if variant != "unknown" else "nothing"
    facts |= {
        "variant": facts["variant"] if facts["known"] else variant,
        "variant_told_by": told_by,
        "architecture": found.architecture,
        "arguments": found.arguments,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "model": backbone.name,
        "probe": {
            "image": "maskedface.conversion.drawn_face(), in the network's input size",
            "embedding": [float(f"{value:.7g}") for value in probe.embedding(backbone)],
        },
    }
    weights_h5.save(backbone, out, facts)
    return facts | {"mapped": mapped, "aligned_to": models.alignment_of(backbone)}
