"""A separate program that quantizes a network's file to int8:
`python quantize_program.py openvino|onnx FILE FACES.npy OUTPUT`.
"""

from __future__ import annotations

import os
import sys

_AT_ONCE = 8  # faces


def main(kind: str, path: str, faces: str, output: str) -> None:
    """Writes the file.

    Args:
        kind: "openvino" or "onnx".
        path: the network in float32.
        faces: an `.npy` file of uint8 images; apart from their type, they are the network's input.
        output: the file to write.
    """
    import numpy as np

    images = np.load(faces, mmap_mode="r", allow_pickle=False)
    batches = [
        images[at : at + _AT_ONCE].astype("float32") for at in range(0, len(images), _AT_ONCE)
    ]
    (_openvino if kind == "openvino" else _onnx)(path, batches, output)


def _openvino(path: str, batches: list, output: str) -> None:  # type: ignore[type-arg]
    import nncf
    import openvino

    model = openvino.Core().read_model(path)
    made = nncf.quantize(
        model,
        nncf.Dataset(batches),
        subset_size=len(batches),
        # Weights and activations symmetrical but where an activation has both signs: MIXED.
        preset=nncf.QuantizationPreset.MIXED,
    )
    openvino.save_model(made, output, compress_to_fp16=False)


def _onnx(path: str, batches: list, output: str) -> None:  # type: ignore[type-arg]
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    plain = f"{os.path.splitext(path)[0]}-plain.onnx"
    quant_pre_process(path, plain)  # batch norms folded, shapes known

    class Faces(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            self.left = iter(batches)

        def get_next(self) -> dict | None:  # type: ignore[type-arg]
            batch = next(self.left, None)
            return None if batch is None else {name: batch}

    import onnx

    name = onnx.load(plain).graph.input[0].name
    quantization.quantize_static(
        plain,
        output,
        Faces(),
        quant_format=quantization.QuantFormat.QDQ,
        per_channel=True,
        activation_type=quantization.QuantType.QUInt8,
        weight_type=quantization.QuantType.QInt8,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
