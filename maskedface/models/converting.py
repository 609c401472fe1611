"""A file of another program's weights becomes one of ours, with a sidecar that says what it is."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

import keras

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
    """Reads a file of weights, and builds the network that it is for, with random numbers.

    Args:
        path: a file of ours or of another program, as `models.load_weights` takes it.
        network: the name in `models` of the network that it must be; None for what the file tells.

    Returns:
        (the source; the network, which `weights.load` fills from it).

    Raises:
        ModuleNotFoundError, ValueError: as `weights.read_source`; also if there is no such network, or
            nothing tells which it is.
    """
    known = [*architectures(), "DlibResNet29"]
    if network is not None and network not in known:
        hint = did_you_mean(network, known)
        raise ValueError(f"network must be one of {known}. Received: {network!r}{hint}")
    source = weights.read_source(path, network)
    if source.architecture is None:
        raise ValueError(
            f"network must say which of {known} {os.fspath(path)!r} holds, which has no .json that says "
            "so. Received: none"
        )
    return source, getattr(models, source.architecture)(None, **source.arguments)


def convert_weights(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    network: str | None = None,
    variant: Variant = "unknown",
) -> dict[str, Any]:
    """Converts another program's file of weights to our own format.

    Args:
        source: the file, in a layout of docs/weights.md.
        out: the `.weights.h5` file to write; its `.json` sidecar goes beside it.
        network: the name in `models` of the network that it must be; None for what the file tells.
        variant: "ft", "scratch" or "unknown": what is known of a file whose sha256 says nothing.

    Returns:
        What the sidecar says; "mapped": {the source's name of a tensor: ours}; "aligned_to": str, what the
        network that was built states.

    Raises:
        ModuleNotFoundError, OSError, ValueError: as `models.load_weights`; also if `variant` is
            not that of a known file, or `out` does not end in `.weights.h5`.

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
            f"variant must be {facts['variant']!r}, which this file's sha256 tells. "
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
            "image": "maskedface.conversion.drawn_face(), as large as the network takes it",
            "embedding": [float(f"{value:.7g}") for value in probe.embedding(backbone)],
        },
    }
    weights_h5.save(backbone, out, facts)
    return facts | {"mapped": mapped, "aligned_to": models.alignment_of(backbone)}
