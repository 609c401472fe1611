"""Writes the aligner's network as LiteRT runs it, from its weights.

    python tools/convert_aligner.py        # after the weights (aligner.npz) changed

The file holds the same half-precision weights; `tests/landmarks/test_aligner.py` compares the two.
"""

from __future__ import annotations

import sys

import _tool

from maskedface.exporting import writing
from maskedface.landmarks import aligner


def main() -> int:
    """Writes `maskedface/landmarks/aligner.tflite`.

    Returns:
        0.
    """
    _tool.parser(__doc__).parse_args()
    writing.write_litert(aligner.load_aligner(), aligner.LITERT, "float16", None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
