"""Writes random ResNet-50s and SENet-50s in each layout that VGGFace2's weights are found in, in its
file format.

Written from the published networks alone; nothing of the package is used.
"""

from __future__ import annotations

import struct
from pathlib import Path

import h5py
import numpy as np

from tests.models.numpy_layers import Arrays, random_conv, random_conv_bn

CLASSES = 8631
BLOCKS = (3, 4, 6, 3)


def random_network(
    filters: int, blocks: tuple[int, ...] = BLOCKS, seed: int = 0, reduction: int = 0
) -> Arrays:
    """A network in VGGFace2-pytorch's names, for BGR input; with a `reduction` it is a SENet-50."""
    random = np.random.default_rng(seed)
    arrays: Arrays = {}
    random_conv_bn(arrays, random, "conv1", "bn1", (filters, 3, 7, 7), input_scale=70.0, gain=1.0)
    width = filters
    for stage, count in enumerate(blocks):
        inner = filters * 2**stage
        for block in range(count):
            name = f"layer{stage + 1}.{block}"
            for number, shape, gain in (
                (1, (inner, width, 1, 1), 1.0),
                (2, (inner, inner, 3, 3), 1.0),
                (3, (4 * inner, inner, 1, 1), 0.4),
            ):
                names = f"{name}.conv{number}", f"{name}.bn{number}"
                random_conv_bn(arrays, random, *names, shape, input_scale=0.8, gain=gain)
            if reduction:
                for part, shape in (
                    ("conv4", (4 * inner // reduction, 4 * inner, 1, 1)),
                    ("conv5", (4 * inner, 4 * inner // reduction, 1, 1)),
                ):
                    random_conv(arrays, random, f"{name}.{part}", shape, gain=3.0, bias=0.5)
            if block == 0:
                names = f"{name}.downsample.0", f"{name}.downsample.1"
                random_conv_bn(arrays, random, *names, (4 * inner, width, 1, 1), 0.8, 1.0)
            width = 4 * inner
    arrays["fc.weight"] = random.normal(0, 0.01, (CLASSES, width)).astype(np.float32)
    arrays["fc.bias"] = random.normal(0, 0.01, CLASSES).astype(np.float32)
    return arrays


def caffe_name(name: str, norm: str) -> str:
    """VGGFace2-pytorch's name of a layer as Caffe has it; `norm` ends a batch norm's name."""
    if name in ("conv1", "bn1"):
        return "conv1_7x7_s2" + ("" if name == "conv1" else norm)
    layer, block, *part = name.split(".")
    head = f"conv{int(layer[5:]) + 1}_{int(block) + 1}_"
    if part[0] == "downsample":
        return head + "1x1_proj" + ("" if part[1] == "0" else norm)
    kinds = ("1x1_reduce", "3x3", "1x1_increase", "1x1_down", "1x1_up")
    kind = kinds[int(part[0][-1]) - 1]
    return head + kind + ("" if part[0].startswith("conv") else norm)


def as_dag(arrays: Arrays) -> Arrays:
    """The same network in the names of resnet50_ft_dag.pth, for RGB input."""
    dag: Arrays = {}
    for name, array in arrays.items():
        layer, _, variable = name.rpartition(".")
        if layer == "fc":
            array = array[:, :, None, None] if variable == "weight" else array
            dag[f"classifier.{variable}"] = array
        else:
            dag[f"{caffe_name(layer, '_bn')}.{variable}"] = array
            if variable == "running_var":
                counter = f"{caffe_name(layer, '_bn')}.num_batches_tracked"
                dag[counter] = np.array(0, np.int64)
    dag["conv1_7x7_s2.weight"] = arrays["conv1.weight"][:, ::-1].copy()
    return dag


def as_keras(arrays: Arrays, top: bool) -> Arrays:
    """The same network as keras-vggface holds it: {"layer/variable": array}, for BGR input."""
    variables = {"bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
    held: Arrays = {}
    for name, array in arrays.items():
        layer, _, variable = name.rpartition(".")
        if layer == "fc":
            if top:
                held[f"classifier/{'kernel' if array.ndim == 2 else 'bias'}"] = array.T
            continue
        word = variables.get(variable, "kernel" if array.ndim == 4 else "gamma")
        if word == "beta" and "conv" in layer:
            word = "bias"
        target = caffe_name(layer, "/bn").replace("conv1_7x7_s2", "conv1/7x7_s2")
        held[f"{target}/{word}"] = array.transpose(2, 3, 1, 0) if array.ndim == 4 else array
    return held


def write_h5(path: Path, arrays: Arrays, whole_model: bool = False) -> None:
    """Writes {"layer/variable": array} as Keras 2 did: nested groups, lists of names beside them.
    The variables' names repeat the layer's, with `_1` where a model had been built before."""
    with h5py.File(path, "w") as file:
        root = file.create_group("model_weights") if whole_model else file
        layers: dict[str, list[str]] = {"input_1": []}
        for name in arrays:
            layer, _, variable = name.rpartition("/")
            layers.setdefault(layer, []).append(variable)
        root.attrs["layer_names"] = [layer.encode() for layer in layers]
        for layer, variables in layers.items():
            group = root.require_group(layer)
            names = [f"{layer}_1/{variable}:0" for variable in variables]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, variable in zip(names, variables, strict=True):
                group.create_dataset(name, data=arrays[f"{layer}/{variable}"])


def write_python2_pickle(path: Path, arrays: Arrays) -> None:
    """Writes {name: array} as Python 2's cPickle did in protocol 2: all text and all array bytes
    are `str` opcodes, and each string is memorised."""
    with open(path, "wb") as file:
        memo = 0

        def put(data: bytes) -> None:
            nonlocal memo
            file.write(data + b"r" + struct.pack("<I", memo))  # LONG_BINPUT
            memo += 1

        file.write(b"\x80\x02")
        put(b"}")
        file.write(b"(")
        for name, array in arrays.items():
            put(b"U" + bytes([len(name)]) + name.encode())
            put(b"cnumpy.core.multiarray\n_reconstruct\n")
            put(b"cnumpy\nndarray\n")
            put(b"K\x00\x85")
            put(b"U\x01b")
            put(b"\x87")
            put(b"R")
            file.write(b"(K\x01")
            put(b"(" + b"".join(b"J" + struct.pack("<i", n) for n in array.shape) + b"t")
            put(b"cnumpy\ndtype\n")
            put(b"U\x02" + array.dtype.str[1:].encode())
            put(b"K\x00K\x01\x87")
            put(b"R")
            put(b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t")
            fortran = array.ndim == 2 and not array.flags.c_contiguous
            file.write(b"b" + (b"\x88" if fortran else b"\x89"))
            raw = array.tobytes("F" if fortran else "C")
            put(b"T" + struct.pack("<i", len(raw)) + raw)
            put(b"t")
            file.write(b"b")
        file.write(b"u.")
