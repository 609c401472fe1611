"""The weights a name stands for, and how a file of weights gets into a backbone."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Literal

import keras

from maskedface.conversion import assigning, cache, dlib, file_kind, own_file, readers

Variant = Literal["ft", "scratch", "unknown"]

_VGGFACE2_LICENSE = (
    "CC BY-SA 4.0, as VGGFace2 (the authors: github.com/WeidiXie/Keras-VGGFace2-ResNet50 issue 2)"
)
_MS1M = "; trained on MS-Celeb-1M first, which Microsoft withdrew in 2019 (research use only)"
_PICKLES = "github.com/cydonia999/VGGFace2-pytorch (Google Drive), from Oxford's Caffe models"
_DAGS = "www.robots.ox.ac.uk/~albanie/pytorch-models.html, from Oxford's MatConvNet models"
_RCMALLI = "https://github.com/rcmalli/keras-vggface/releases/download/v2.0/"
_NO_HASH = "no sha256 of this file is known to us, so nothing can be checked against it"


@dataclass(frozen=True)
class KnownFile:
    """A weight file that exists somewhere, and what is known of it.

    Attributes:
        name: str, its file name.
        preset: the name `weights=` takes for it; None if it must be given by its path.
        variant: "ft" (MS-Celeb-1M, then VGGFace2), "scratch" (VGGFace2 alone) or "unknown".
        alignment: the alignment of the faces it was trained on, a key of `geometry.ALIGNMENTS`.
        sha256: 64 hexadecimal digits, or None where nobody published them.
        size: int, bytes, or None.
        license: what its makers say.
        origin: where it comes from.
        unverified: what we could not check, as no real file could be had; "" if nothing.
        url: where it can still be downloaded without an account, or None.
    """

    name: str
    preset: str | None
    variant: Variant
    alignment: str
    sha256: str | None
    size: int | None
    license: str
    origin: str
    unverified: str
    url: str | None = None


KNOWN_FILES = (
    KnownFile(
        "resnet50_ft_weight.pkl", "vggface2-ft", "ft", "vggface2",
        "9a954e4046df21aea62b46c032de4b56f7230dfc3705b6b1bda348983e0eb26e", 165_000_856,
        _VGGFACE2_LICENSE + _MS1M, _PICKLES,
        "the sha256 is one that others trust for this name; we never held the file",
    ),
    KnownFile(
        "resnet50_scratch_weight.pkl", "vggface2-scratch", "scratch", "vggface2",
        "2feeab6b38e6e39c40d760078d55d1386c6d333a026359a7a6ca3b7580ef0183", 165_000_856,
        _VGGFACE2_LICENSE, _PICKLES,
        "the sha256 is that of a Git LFS pointer with this name; we never held the file",
    ),
    KnownFile(
        "resnet50_ft_dag.pth", None, "ft", "vggface2", None, None,
        _VGGFACE2_LICENSE + _MS1M, _DAGS, "that it takes RGB (its model file says so); " + _NO_HASH,
    ),
    KnownFile(
        "resnet50_scratch_dag.pth", None, "scratch", "vggface2", None, None,
        _VGGFACE2_LICENSE, _DAGS, "that it takes RGB (its model file says so); " + _NO_HASH,
    ),
    KnownFile(
        "rcmalli_vggface_tf_notop_resnet50.h5", "vggface2-rcmalli", "unknown", "vggface2", None, None,
        _VGGFACE2_LICENSE, "github.com/rcmalli/keras-vggface, release v2.0",
        "that its arrays are Caffe's, and which variant they are; " + _NO_HASH,
        _RCMALLI + "rcmalli_vggface_tf_notop_resnet50.h5",
    ),
    KnownFile(
        "rcmalli_vggface_tf_resnet50.h5", "vggface2-rcmalli", "unknown", "vggface2", None, None,
        _VGGFACE2_LICENSE, "github.com/rcmalli/keras-vggface, release v2.0",
        "that its arrays are Caffe's, and which variant they are; " + _NO_HASH,
        _RCMALLI + "rcmalli_vggface_tf_resnet50.h5",
    ),
    KnownFile(
        dlib.FILE, "dlib", "unknown", "dlib", dlib.SHA256, 22_466_066,
        "CC0 (the model, by Davis King), MIT (the package)",
        "PyPI, face-recognition-models 0.3.0", "",
    ),
)  # fmt: skip


def load_weights(backbone: keras.Model, weights: str | os.PathLike[str] | None) -> None:
    """Fills a freshly built backbone with weights, and prints in one line what they are.

    Args:
        backbone: the model, changed in place.
        weights: None leaves it random. "dlib" is the file of `face-recognition-models`.
            "vggface2-ft", "vggface2-scratch" and "vggface2-rcmalli" are looked for in
            `conversion.cache.folders()`; the last one may be downloaded. Else a path: `.weights.h5`
            as saved by this very architecture, `.dat` (dlib), or `.pkl`, `.pth`, `.h5` (VGGFace2),
            converted on the fly.

    Raises:
        ModuleNotFoundError: if "dlib" or a torch file is asked for and its package is missing.
        OSError: if the download fails.
        ValueError: if the file is missing, is not what a preset's name stands for, is damaged, or
            does not fit the backbone.
    """
    if weights is not None:
        facts = load(backbone, weights)
        known = "true" if facts["known"] else "false"
        print(
            f"weights: {facts['source']['name']}: {facts['layout']}, channels "
            f"{facts['channels']}, variant {facts['variant']}, known: {known}"
        )


def load(backbone: keras.Model, weights: str | os.PathLike[str]) -> dict[str, Any]:
    """Does what `load_weights` does, without printing.

    Args:
        backbone: the model, changed in place.
        weights: a preset's name or a path.

    Returns:
        What is known, as a sidecar holds it: "known" (bool), "variant", "alignment", "layout",
        "channels" (the file's own order), "source" (name, size in bytes, sha256), "license",
        "origin", "unverified" (str each); after a conversion "mapped" and "left_over" too.

    Raises:
        ModuleNotFoundError, OSError, ValueError: as `load_weights`.
    """
    preset = str(weights) if any(weights == known.preset for known in KNOWN_FILES) else None
    path = _find(preset) if preset else os.fspath(weights)
    if not os.path.isfile(path):
        names = sorted({known.preset for known in KNOWN_FILES if known.preset})
        raise ValueError(
            f"weights must be None, one of {names} or a file. Received: weights={weights!r}"
        )
    if path.endswith(own_file.ENDING):
        facts = own_file.load(backbone, path) or _UNKNOWN | {
            "layout": "our own, without its .json: unverified",
            "channels": "RGB",
            "source": _source(path),
        }
        _check_preset(preset, path, facts)
        return facts
    facts = _describe(path)
    _check_preset(preset, path, facts)
    if path.endswith(".dat"):
        dlib.assign(backbone, path)
        return facts | {"layout": "dlib (.dat)", "channels": "RGB"}
    assigned = assigning.assign(backbone, readers.read(path))
    return facts | {
        "layout": assigned.layout.name,
        "channels": assigned.layout.channels,
        "mapped": assigned.mapped,
        "left_over": list(assigned.left_over),
    }


_UNKNOWN = {
    "known": False,
    "variant": "unknown",
    "alignment": "unknown",
    "license": "unknown, as the file is; Oxford's own VGGFace2 weights are CC BY-SA 4.0",
    "origin": "unknown",
    "unverified": "everything but the layout, which the names inside tell",
}


def _source(path: str) -> dict[str, Any]:
    return {
        "name": os.path.basename(path),
        "size": os.path.getsize(path),
        "sha256": file_kind.sha256(path),
    }


def _describe(path: str) -> dict[str, Any]:
    source = _source(path)
    facts = _UNKNOWN | {"source": source}
    for known in KNOWN_FILES:
        told = {"license": known.license, "origin": known.origin, "unverified": known.unverified}
        told["alignment"] = known.alignment
        if known.sha256 == source["sha256"]:  # authoritative, whatever the file is called
            return facts | told | {"known": True, "variant": known.variant}
        if known.sha256 is None and known.name == source["name"]:
            return facts | told | {"origin": f"by its name alone: {known.origin}"}
    return facts


def _check_preset(preset: str | None, path: str, facts: dict[str, Any]) -> None:
    hashes = [known.sha256 for known in KNOWN_FILES if known.preset == preset]
    found = facts["source"]["sha256"]
    if preset and None not in hashes and found not in hashes:
        raise ValueError(
            f"weights={preset!r} must be, or be converted from, the file with sha256 {hashes[0]}. "
            f"Received: {path!r} with {found}; give its path to use it as an unknown file"
        )


def _find(preset: str) -> str:
    if preset == "dlib":
        return dlib.locate()
    candidates = [known for known in KNOWN_FILES if known.preset == preset]
    own = preset + own_file.ENDING
    path = cache.find((own, *(known.name for known in candidates)))
    if path is None and candidates[0].url:
        path = cache.download(candidates[0].url)
    if path is None:
        file = candidates[0]
        raise ValueError(
            f"weights={preset!r} must be in {' or '.join(cache.folders())}, as {file.name} "
            f"({file.size} bytes, sha256 {file.sha256}; from {file.origin}) or converted by: "
            f"maskedface weights convert {file.name} --out {cache.folders()[0]}/{own}. "
            "Received: no such file. docs/weights.md says where to get it"
        )
    return path
