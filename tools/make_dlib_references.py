"""Embeds drawn faces with dlib itself; `tests/models/test_dlib_resnet29.py` compares ours to them.

Run once, where dlib compiles (it needs CMake and a C++ compiler, a few minutes):

    pip install dlib "maskedface[demo]"
    python tools/make_dlib_references.py tests/models/dlib_references.npz

The file holds "chips" (uint8, RGB, 150 px), "embeddings" (float32, 128 each) and "dlib" (its version).
Chips are stored, not drawn again, so another Pillow version changes nothing.
"""

from __future__ import annotations

import _tool
import dlib
import numpy as np

from maskedface import geometry
from maskedface.conversion.dlib import locate
from maskedface.synthetic import draw_face


def main() -> None:
    parser = _tool.parser(__doc__)
    parser.add_argument("file")
    args = parser.parse_args()
    matrix = geometry.chip_matrix(112, 112, source="arcface", target="dlib", size=150)
    chips = np.stack(
        [
            geometry.warp(draw_face(person, 0, masked=masked), matrix, 150)
            for person in range(3)
            for masked in (False, True)
        ]
    )
    network = dlib.face_recognition_model_v1(locate())
    embeddings = [
        np.array(network.compute_face_descriptor(np.ascontiguousarray(chip))) for chip in chips
    ]
    np.savez_compressed(
        args.file,
        chips=chips,
        embeddings=np.array(embeddings, "float32"),
        dlib=np.array(dlib.__version__),
    )


if __name__ == "__main__":
    main()
