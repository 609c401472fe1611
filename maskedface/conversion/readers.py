"""Readers of weight files: each returns {name: array} without executing code from the file."""

from __future__ import annotations

import os
import pickle
from collections import OrderedDict
from typing import Any

import ml_dtypes
import numpy as np

from maskedface.conversion import file_checks
from maskedface.conversion.dlib_reader import read_dlib
from maskedface.conversion.onnx_ir import read_onnx
from maskedface.conversion.pickle_reader import read_pickle
from maskedface.extras import from_extra

__all__ = [
    *("read", "read_dlib", "read_h5", "read_onnx", "read_pickle", "read_safetensors", "read_torch"),
]

# Where a checkpoint keeps the network beside its optimizer: Lightning's and most trainers' word,
# insightface's arcface_torch, and others'.
CONTAINERS = ("state_dict", "state_dict_backbone", "model_state_dict", "model", "backbone", "net")
_TORCH = "a torch file that maps names to tensors"
_SAFETENSORS = "a .safetensors file"
_H5 = "an .h5 file of weights as Keras 2 wrote them"


def read(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Reads a weight file with the reader for its extension.

    >>> import pickle, numpy as np
    >>> from maskedface import conversion
    >>> with open("weights.pkl", "wb") as file:
    ...     pickle.dump({"conv1.weight": np.zeros((64, 3, 7, 7), "float32")}, file)
    >>> {name: array.shape for name, array in conversion.read("weights.pkl").items()}
    {'conv1.weight': (64, 3, 7, 7)}

    Args:
        path: a file ending in .pkl, .pth, .pt, .ckpt, .safetensors, .onnx, .h5 or .dat.

    Returns:
        {name: array} in file order; for an .onnx file, which has no original names, with this
        library's layer names.

    Raises:
        ModuleNotFoundError: for a PyTorch, .safetensors or .onnx file, if the package is missing.
        ValueError: if the extension is unknown, or the file does not have that format.
    """
    readers = {
        ".pkl": read_pickle,
        ".pth": read_torch,
        ".pt": read_torch,
        ".ckpt": read_torch,
        ".safetensors": read_safetensors,
        ".onnx": lambda path: read_onnx(path).arrays,
        ".h5": read_h5,
        ".dat": read_dlib,
    }
    ending = os.path.splitext(os.fspath(path))[1].lower()
    if ending not in readers:
        raise ValueError(
            f"weights must end in one of {tuple(readers)}. Received: path={os.fspath(path)!r}"
        )
    return readers[ending](path)


def read_torch(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Reads a PyTorch file that maps names to tensors (a state dict), or a checkpoint with one
    under a key of `CONTAINERS`, with PyTorch's own safe reader, which executes no code. Other
    contents of a checkpoint (Lightning's callbacks, settings) are ignored.

    Args:
        path: the file.

    Returns:
        {name: array} in file order, each in the file's own dtype.

    Raises:
        ModuleNotFoundError: if torch is not installed; the message has the pip command.
        ValueError: if the file contains anything but tensors, is truncated, or is not a PyTorch
            file.
    """
    file_checks.check(path, _TORCH)
    try:
        import torch
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "a torch file needs torch to be read: pip install torch "
            "--index-url https://download.pytorch.org/whl/cpu"
        ) from error
    try:
        held = _load_torch(path)
    except Exception as error:  # torch, zipfile and pickle each have their own
        raise ValueError(
            f"weights must be {_TORCH}. Received: path={os.fspath(path)!r}: {error}"
        ) from error
    _refuse_unless(isinstance(held, dict) and len(held) > 0, path, type(held).__name__)
    inside = (held[word] for word in CONTAINERS if isinstance(held.get(word), dict))
    tensors = next(inside, held)
    for name, tensor in tensors.items():
        found = f"{name!r} -> {type(tensor).__name__}"
        _refuse_unless(isinstance(name, str) and torch.is_tensor(tensor), path, found)
    return {name: _in_numpy(tensor.detach()) for name, tensor in tensors.items()}


class _PassedOver:
    """A stand-in for classes that no tensor needs. Its objects are empty and do nothing; PyTorch's
    reader only fills exact `OrderedDict`s, whatever the file says."""

    def __new__(cls, *args: Any, **options: Any) -> Any:
        return OrderedDict()


def _load_torch(path: str | os.PathLike[str]) -> Any:
    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        # Trainers put objects beside the tensors. Their classes are not looked up, but stood in for;
        # modules that could reach the system stay refused.
        if not hasattr(torch.serialization, "get_unsafe_globals_in_checkpoint"):  # torch < 2.5
            raise
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
        with torch.serialization.safe_globals([(_PassedOver, name) for name in names]):
            return torch.load(path, map_location="cpu", weights_only=True)


def _in_numpy(tensor: Any) -> np.ndarray:
    import torch

    if tensor.dtype == torch.bfloat16:  # NumPy itself has no such type
        bits: np.ndarray = tensor.contiguous().view(torch.int16).numpy()
        return bits.view(ml_dtypes.bfloat16)
    array: np.ndarray = tensor.numpy()
    return array


def read_safetensors(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Reads a `.safetensors` file, which contains named tensors and no code.

    Args:
        path: the file.

    Returns:
        {name: array} sorted by name, each in the file's own dtype.

    Raises:
        ModuleNotFoundError: if safetensors is not installed; the message has the pip command.
        ValueError: if the file is truncated, or is not a .safetensors file.
    """
    file_checks.check(path, _SAFETENSORS)
    with from_extra("safetensors", "safetensors"):
        import safetensors.numpy
    try:
        arrays: dict[str, np.ndarray] = safetensors.numpy.load_file(path)
    except Exception as error:  # its own, and those of NumPy for a number type that it lacks
        raise ValueError(
            f"weights must be {_SAFETENSORS}. Received: path={os.fspath(path)!r}: {error}"
        ) from error
    return arrays


def read_h5(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Reads the weights of a Keras 2 `.h5` file by name, without building its model.

    Args:
        path: the file, written by `save_weights` or by `save` (then its "model_weights" are read).

    Returns:
        {"layer/variable": array} in file order: "conv1/7x7_s2/bn/gamma". The layer's name is taken
        from the file's list of layers, the last part from the variable's name; the part between
        them ("conv1/7x7_s2_1/") depends on other models built before the file was saved.

    Raises:
        ValueError: if the file is truncated, or does not have this format.
    """
    import h5py

    file_checks.check(path, _H5)
    try:
        with h5py.File(path, "r") as file:
            return _keras2_arrays(file.get("model_weights", file))
    except (OSError, KeyError) as error:
        raise ValueError(
            f"weights must be {_H5}. Received: path={os.fspath(path)!r}: {error}"
        ) from error


def _keras2_arrays(group: Any) -> dict[str, np.ndarray]:
    arrays = {}
    for layer in _strings(group, "layer_names"):
        for variable in _strings(group[layer], "weight_names"):
            name = f"{layer}/{variable.split('/')[-1].split(':')[0]}"
            if name in arrays:
                raise KeyError(f"{name} occurs twice")
            array = group[layer][variable]
            if array.file.filename != group.file.filename or array.external:
                raise KeyError(f"{name} is in another file")
            arrays[name] = array[()]
    return arrays


def _strings(group: Any, attribute: str) -> list[str]:
    if attribute not in group.attrs:
        raise KeyError(f"it has no {attribute!r} in {group.name!r}, only {sorted(group)[:5]}")
    return [s.decode() if isinstance(s, bytes) else str(s) for s in group.attrs[attribute]]


def _refuse_unless(right: bool, path: str | os.PathLike[str], found: str) -> None:
    if not right:
        raise ValueError(
            f"weights must be {_TORCH}. Received: path={os.fspath(path)!r} with {found}"
        )
