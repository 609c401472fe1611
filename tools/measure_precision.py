"""What bfloat16 does to identification: rank-1 of masked probes among unmasked class means.

    python tools/measure_precision.py --data D --manifest D/protocols/manifest.csv --alignment arcface

DlibResNet29 as it is, in float32 and in bfloat16, on the part "test" of the column `open_set`.
"""

from __future__ import annotations

import sys

import _tool

from maskedface import datasets, models
from maskedface.evaluation import EmbeddedFaces, match_probes


def main() -> int:
    """Measures and prints.

    Returns:
        The exit code.
    """
    parser = _tool.parser(__doc__)
    _tool.add_protocol(parser, "open_set")
    index = _tool.read_protocol(parser.parse_args())["test"]
    chips = datasets.read_aligned_faces(index, size=150, alignment="dlib")
    backbone = models.DlibResNet29()
    hits = {}
    for precision in ("float32", "bfloat16"):
        model = models.with_precision(backbone, precision)
        faces = EmbeddedFaces.of(index.faces, models.predict(model, chips))
        hits[precision] = match_probes(faces).hits()
        print(f"{precision}: rank-1 {hits[precision].mean():.4f} of {len(hits[precision])} probes")
    changed = hits["bfloat16"].mean() - hits["float32"].mean()
    print(f"change {changed:+.4f}; {(hits['bfloat16'] != hits['float32']).sum()} probes differ")
    return 0


if __name__ == "__main__":
    sys.exit(main())
