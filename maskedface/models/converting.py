"""A file of another program's weights becomes one of ours, with a sidecar that says what it is."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

import keras

from maskedface.conversion import probe, weights_h5
from maskedface.models import weights
from maskedface.models.presets import Variant
from maskedface.models.resnet50 import RGB_MEAN


def convert_weights(
    backbone: keras.Model,
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    variant: Variant = "unknown",
) -> dict[str, Any]:
    """Converts a file of VGGFace2 weights to our own format.

    Args:
        backbone: the `models.ResNet50` that the file must fill, changed in place.
        source: a .pkl, .pth or .h5 file.
        out: the `.weights.h5` file to write; its `.json` sidecar goes beside it.
        variant: "ft", "scratch" or "unknown": what is known of a file whose sha256 says nothing.

    Returns:
        What the sidecar says, and "mapped": {the source's name of a tensor: ours}.

    Raises:
        ModuleNotFoundError, OSError, ValueError: as `models.load_weights`; also if `variant` is
            not that of a known file, or `out` does not end in `.weights.h5`.

    >>> from maskedface import models
    >>> from maskedface.models.converting import convert_weights
    >>> facts = convert_weights(  # doctest: +SKIP
    ...     models.ResNet50(None), "resnet50_ft_weight.pkl", "vggface2_ft.weights.h5")
    >>> facts["known"], facts["variant"]  # doctest: +SKIP
    (True, 'ft')
    """
    weights_h5.sidecar_path(out)  # refuses a wrong ending before any work is done
    facts = weights.load(backbone, source)
    if "mapped" not in facts:
        raise ValueError(
            f"source must be a .pkl, .pth or .h5 file. Received: {os.fspath(source)!r}"
        )
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
        "rgb_mean": list(RGB_MEAN),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "model": backbone.name,
        "probe": {
            "image": "maskedface.conversion.drawn_face()",
            "embedding": [float(f"{value:.7g}") for value in probe.embedding(backbone)],
        },
    }
    weights_h5.save(backbone, out, facts)
    return facts | {"mapped": mapped}
