"""What an engine and its precision do to rank-1 of masked probes among unmasked class means.

    python tools/measure_precision.py --data D --manifest D/protocols/manifest.csv --alignment arcface
    python tools/measure_precision.py ... --ways openvino:int8,onnx:int8

DlibResNet29 as it is, in float32 by Keras and in other ways (engine:precision), on the part "test" of the
column `open_set`; each is compared with Keras, and int8 calibrated, on faces of the part "train".
"""

from __future__ import annotations

import sys

import _tool
import numpy as np

from maskedface import datasets, engines, models
from maskedface.datasets import FaceIndex
from maskedface.evaluation import EmbeddedFaces, match_probes

_WAYS = "keras:bfloat16,openvino:float32,openvino:bfloat16,openvino:int8,onnx:int8"
_PEOPLE = 200  # of the training part


def main() -> int:
    """Measures and prints.

    Returns:
        The exit code.
    """
    parser = _tool.parser(__doc__)
    _tool.add_protocol(parser, "open_set")
    parser.add_argument("--ways", default=_WAYS, metavar="ENGINE:PRECISION,...")
    parser.add_argument("--limit", type=int, help="test rows, for a quick look")
    args = parser.parse_args()
    parts = _tool.read_protocol(args)
    test = parts["test"]
    test = FaceIndex(test.root, test.faces[: args.limit])
    chips = datasets.read_aligned_faces(test, size=150, alignment="dlib")
    known = {*parts["train"].people[:: max(1, len(parts["train"].people) // _PEOPLE)]}
    train = parts["train"].where(lambda face: face.person in known)
    faces = engines.RealFaces.of(
        datasets.read_aligned_faces(train, size=150, alignment="dlib"),
        [face.person for face in train.faces],
    )
    backbone = models.DlibResNet29()

    def hits_of(embeddings: np.ndarray) -> np.ndarray:
        return match_probes(EmbeddedFaces.of(test.faces, embeddings)).hits()

    plain = hits_of(models.predict(backbone, chips))
    print(f"keras float32: rank-1 {plain.mean():.4f} of {len(plain)} probes", flush=True)
    for way in args.ways.split(","):
        engine, precision = way.split(":")
        if engine in engines.ENGINES and (reason := engines.ENGINES[engine].why_not(precision)):
            print(f"{engine} {precision}: not on {reason}", flush=True)
            continue
        ready = engines.compile_model(backbone, faces, engine=engine, precision=precision)
        hits = hits_of(ready(chips))
        print(
            f"{engine} {precision}: rank-1 {hits.mean():.4f}, change {hits.mean() - plain.mean():+.4f}; "
            f"{(hits != plain).sum()} probes differ; {ready.facts()}",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
