"""Exports a model to a file, reads the file back, and compares its outputs with the model's."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import keras
import numpy as np

from maskedface import models
from maskedface.exporting import loading, writing
from maskedface.names import did_you_mean

Format = Literal["savedmodel", "onnx", "litert"]
FORMATS: tuple[Format, ...] = get_args(Format)
Precision = Literal["float32", "float16", "int8"]
ENDINGS: dict[str, str] = {"savedmodel": "", "onnx": ".onnx", "litert": ".tflite"}

# What a file may differ by, as a share of the largest value. float32: the order of sums alone differs,
# 1e-6 was found. float16: weights are rounded by up to 2 ** -11 each. int8: .10 was found on dlib's
# network, .09 on a fine-tuned one; above .3 something is broken rather than rounded.
TOLERANCES: dict[str, float] = {"float32": 1e-4, "float16": 1e-2, "int8": 0.3}
_CHECKED = 64  # images compared at most; the first and the last ones also one by one


class Agreement(NamedTuple):
    """The agreement of a file's outputs with the Keras model's, on the same images.

    Attributes:
        relative: the largest difference, relative to the model's largest value.
        cosine: the smallest cosine between an image's two outputs; 1 if both are all 0.
        same_first: the share of images for which the index of the largest output is the same.
    """

    relative: float
    cosine: float
    same_first: float


@dataclass(frozen=True)
class Exported:
    """An exported file that was checked.

    >>> import keras
    >>> from maskedface import exporting, models, synthetic
    >>> net = keras.Sequential([keras.Input((64, 64, 3)), keras.layers.GlobalAveragePooling2D()])
    >>> faces = synthetic.draw_face(0, 0, True, size=64)[None]
    >>> model = models.with_alignment(net, "arcface")
    >>> done = exporting.export(model, "net", faces, format="savedmodel")
    >>> done.format, done.precision, done.size > 0, done.agreement.same_first
    ('savedmodel', 'float32', True, 1.0)

    Attributes:
        path: str, the absolute path of the file or the SavedModel's folder.
        format: str, "savedmodel", "onnx" or "litert".
        precision: str, "float32", "float16" or "int8".
        size: int, bytes; for a folder the total of its files.
        agreement: the agreement with the Keras model: `relative`, the largest difference relative
            to the model's largest value; `cosine`, the smallest cosine between an image's two
            outputs; `same_first`, the share of images for which the index of the largest output is
            the same.
    """

    path: str
    format: str
    precision: str
    size: int
    agreement: Agreement


def export(
    model: keras.Model,
    path: str | os.PathLike[str],
    images: np.ndarray,
    *,
    format: Format,
    precision: Precision = "float32",
    calibration: np.ndarray | None = None,
    facts: dict[str, Any] | None = None,
    tolerance: float | None = None,
) -> Exported:
    """Exports a model to a file, loads the file with its runtime, and compares the outputs.

    Preprocessing is included: the file's input is any number of RGB images, 0-255 (float32; uint8
    for int8 files). `<path>.json` next to it describes the facts, the agreement, the input and the
    outputs. Both are written together, and only if the outputs agree; existing files are replaced.

    >>> import keras
    >>> from maskedface import exporting, models, synthetic
    >>> net = keras.Sequential([keras.Input((64, 64, 3)), keras.layers.GlobalAveragePooling2D()])
    >>> faces = synthetic.draw_face(0, 0, True, size=64)[None]
    >>> model = models.with_alignment(net, "arcface")
    >>> done = exporting.export(model, "net", faces, format="savedmodel")
    >>> done.path.endswith("net"), done.agreement.relative < 1e-4
    (True, True)

    Args:
        model: images -> one vector each. A model with mixed precision is exported and compared in
            float32, with its float32 weights.
        path: the file to write, ending in .onnx or .tflite; for a SavedModel the folder.
        images: uint8 array, shape (N, height, width, 3), N >= 1: faces for the comparison, of which
            up to 64 are used.
        format: "savedmodel", "onnx" or "litert".
        precision: "float32"; for LiteRT also "float16" and "int8".
        calibration: uint8 array, shape (M, height, width, 3): for int8, faces whose activations
            determine each tensor's range; do not use test faces. 100 are enough.
        facts: additional entries of the `.json` file ("classes", ...). "alignment" defaults to that
            stated by the model (`models.alignment_of`).
        tolerance: the maximum relative difference; by default `TOLERANCES[precision]`.

    Returns:
        An `Exported`.

    Raises:
        ModuleNotFoundError: if a format's package is not installed; the message has the pip
            command.
        ValueError: if arguments are invalid or incompatible, no alignment is stated, the model's
            outputs for `images` are all 0 or not finite, or the file's outputs do not agree; no
            file is left then.
    """
    target = os.path.realpath(path)  # a link is kept, and its target replaced
    _check(model, target, images, format, precision, calibration)
    told = {**(facts or {}), **_described(model, format, precision)}
    told["alignment"] = told.get("alignment") or models.alignment_of(model)
    plain = models.computing_float32(model)
    expected = _expected(plain, images[:_CHECKED])
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with tempfile.TemporaryDirectory(dir=os.path.dirname(target), prefix=".export-") as folder:
        made = os.path.join(folder, os.path.basename(target))
        if format == "savedmodel":
            writing.write_saved_model(plain, made)
        elif format == "onnx":
            writing.write_onnx(plain, made, told)
        else:
            writing.write_litert(plain, made, precision, calibration)
        agreement = _agreement(expected, made, images[:_CHECKED])
        limit = TOLERANCES[precision] if tolerance is None else tolerance
        if not agreement.relative <= limit:
            raise ValueError(
                f"the {format} file must agree with the Keras model to {limit:g}. "
                f"Received: a relative difference of {agreement.relative:.2g}; nothing was written"
            )
        told["agreement"] = agreement._asdict()
        with open(f"{made}.json", "w", encoding="utf-8") as file:
            json.dump(told, file, indent=2)
        size = sum(f.stat().st_size for f in (Path(made), *Path(made).rglob("*")) if f.is_file())
        if os.path.isdir(target):  # an older SavedModel: it goes with the temporary folder
            os.replace(target, f"{made}.old")
        os.replace(made, target)
        os.replace(f"{made}.json", f"{target}.json")
    return Exported(target, format, precision, size, agreement)


def _expected(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """The model's outputs, as the reference for a file's."""
    expected = models.predict(model, images)
    if not np.isfinite(expected).all() or not expected.any():
        kind = "not finite" if expected.any() else "all 0"
        raise ValueError(
            "the model's outputs must be finite and not all 0 to be compared with a file's. "
            f"Received: outputs for {len(images)} images that are {kind}"
        )
    return expected


def _agreement(expected: np.ndarray, path: str, images: np.ndarray) -> Agreement:
    predict = loading.load(path)
    together = predict(images)
    singly = np.concatenate([predict(images[:1]), predict(images[-1:])])
    if together.shape != expected.shape or not np.isfinite(together).all():
        return Agreement(float("inf"), -1.0, 0.0)
    largest = np.abs(expected).max()
    away = max(np.abs(together - expected).max(), np.abs(singly - expected[[0, -1]]).max())
    cosines = _cosines(together.astype("float64"), expected.astype("float64"))
    same = together.argmax(1) == expected.argmax(1)
    return Agreement(float(away / largest), float(cosines.min()), float(same.mean()))


def _cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The cosine of each two rows; 1 for two rows of zeros, which agree, and 0 for one."""
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    same = (one == other).all(axis=1).astype("float64")
    return np.asarray(np.divide((one * other).sum(1), lengths, out=same, where=lengths > 0))


def _described(model: keras.Model, format: str, precision: str) -> dict[str, Any]:
    height, width = model.input_shape[1:3]
    return {
        "format": format,
        "precision": precision,
        "keras": keras.__version__,
        "input": {
            "shape": ["batch", height, width, 3],
            "type": "uint8" if precision == "int8" else "float32",
            "values": "RGB, 0-255; no other preprocessing is needed",
        },
        "outputs": model.output_shape[-1],
    }


def _check(
    model: keras.Model,
    path: str,
    images: np.ndarray,
    format: str,
    precision: str,
    calibration: np.ndarray | None,
) -> None:
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            "exporting must run on Keras' TensorFlow backend. "
            f"Received: {keras.backend.backend()!r}"
        )
    if format not in FORMATS or precision not in TOLERANCES:
        raise ValueError(
            f"format must be one of {FORMATS}, precision one of {(*TOLERANCES,)}. "
            f"Received: format={format!r}, precision={precision!r}"
            f"{did_you_mean(format, FORMATS) or did_you_mean(precision, TOLERANCES)}"
        )
    if precision != "float32" and format != "litert":
        raise ValueError(
            f"precision must be 'float32' for {format!r}. Received: precision={precision!r}"
        )
    ending = ENDINGS[format]
    is_other = os.path.isdir(path) if ending else os.path.splitext(path)[1] in (".onnx", ".tflite")
    if not path.endswith(ending) or is_other:
        wanted = f"a file ending in {ending}" if ending else "a folder without a file extension"
        raise ValueError(f"path must be {wanted} for {format!r}. Received: {path!r}")
    is_model = os.path.isfile(os.path.join(path, "saved_model.pb"))
    if not ending and os.path.exists(path) and not is_model:
        raise ValueError(f"path must be new, or an older SavedModel. Received: {path!r}")
    shape, output = model.input_shape, model.output_shape
    if not isinstance(shape, tuple) or None in shape[1:] or len(output) != 2:
        raise ValueError(
            "model must have images of one size as input, and one vector each as output. "
            f"Received: {shape} -> {output}"
        )
    if precision == "int8" and calibration is None:
        raise ValueError("calibration must be given for int8. Received: none")
    for name, given in (("images", images), ("calibration", calibration)):
        if given is None:
            continue
        if not len(given) or np.shape(given)[1:] != shape[1:]:
            raise ValueError(
                f"{name} must have shape (N, {shape[1]}, {shape[2]}, 3), N at least 1. "
                f"Received: shape {np.shape(given)}"
            )
