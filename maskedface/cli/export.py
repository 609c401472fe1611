"""Export a model to a file that runs without this library, and compare it with Keras.

MODEL is "dlib", a .keras file, a finished run's folder or a folder of runs (of several seeds the
first counts, of recipes that build on each other the last).

  maskedface export runs/mine --to litert --precision int8 --out mine.tflite
  maskedface export runs/mine --to savedmodel onnx litert --precision float32 float16 int8 --out DIR
  maskedface export dlib --to onnx --out dlib.onnx

Several files are written to the folder --out. An int8 file is calibrated on faces of --data, else
on the run's training faces, else on drawn faces; do not report results on people used for
calibration. FILE.json beside each file describes its inputs and outputs, the classes, and the
agreement with Keras.
--check also evaluates each file on the run's test faces; the exit code is 1 if a file's accuracy is
lower by more than 0.01:
  maskedface export runs/mine --to litert --precision int8 --out mine.tflite --check
"""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any

from maskedface.cli import data
from maskedface.cli.recognizing import add_model_alignment
from maskedface.cli.tables import print_table
from maskedface.cli.values import add_count, share

if TYPE_CHECKING:
    import keras
    import numpy as np

    from maskedface.exporting import Exported
    from maskedface.exporting.outputs import Output
    from maskedface.training import Run

_CHECKED = 64  # faces to compare files on


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments to a parser."""
    parser.add_argument("model", metavar="MODEL", help="dlib, a run folder or a .keras file")
    group = parser.add_argument_group("files")
    group.add_argument(
        "--to", nargs="+", required=True, choices=("savedmodel", "onnx", "litert"), metavar="FORMAT",
        help="savedmodel, onnx, litert",
    )  # fmt: skip
    group.add_argument(
        "--precision", nargs="+", default=["float32"], choices=("float32", "float16", "int8"),
        metavar="PRECISION", help="float32; for litert also float16 and int8",
    )  # fmt: skip
    group.add_argument(
        "--out", required=True, metavar="FILE", help="the file, or a folder for several files"
    )
    group.add_argument(
        "--output",
        choices=("embedding", "logits", "probabilities"),
        help="the output; default: logits for a run with classes, else the embedding",
    )
    add_count(group, "--calibrate", "number of faces for int8 calibration", 100)
    add_count(group, "--seed", "random seed that selects the faces", 0, least=0)
    group.add_argument(
        "--check",
        type=share,
        nargs="?",
        const=0.01,
        metavar="SHARE",
        help="evaluate every file on the run's test faces; its accuracy may drop by at most this "
        "(0.01)",
    )
    add_model_alignment(group)
    data.add_data_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Runs the command; see `maskedface export --help`."""
    if args.check is not None and (not os.path.isdir(args.model) or args.output):
        raise ValueError(
            "--check must come with a run's folder and without --output. "
            f"Received: {args.model!r}, --output {args.output}"
        )
    jobs = _jobs(args)
    model, facts, run = _read(args)
    from maskedface import exporting  # invalid arguments are reported before Keras is imported

    faces, source = _faces(args, model, facts["alignment"], run)
    # With few faces, half of them are kept for the comparison.
    compared = min(_CHECKED, len(faces) - min(args.calibrate, len(faces) // 2))
    checked, calibration = faces[:compared], faces[compared:]
    if "int8" in args.precision:
        facts["calibration"] = f"{len(calibration)} of {source}"
    print(f"compared on {len(checked)} of {source}")
    done = []
    for path, form, precision in jobs:
        done.append(
            exporting.export(
                model,
                path,
                checked,
                format=form,
                precision=precision,
                calibration=calibration if precision == "int8" else None,
                facts=facts,
            )
        )
        print(f"{path}: read back, {done[-1].agreement.relative:.1e} from Keras")
    _print(model, done, checked)
    if run is None or args.check is None:
        return 0
    from maskedface.cli.results import print_results
    from maskedface.reporting.exported_files import check_files, lost_accuracy

    found = check_files(run, done, progress=True)
    print_results({path: [one] for path, one in found.items()}, [run])
    return 0 if all(lost_accuracy(run, one) <= args.check for one in found.values()) else 1


def _jobs(args: argparse.Namespace) -> list[tuple[str, Any, Any]]:
    """(path, format, precision) of each file."""
    kinds = [
        (form, precision)
        for form in dict.fromkeys(args.to)
        for precision in dict.fromkeys(args.precision)
        if precision == "float32" or form == "litert"
    ]
    if not kinds:
        raise ValueError(f"--precision must hold float32 for --to {' '.join(args.to)}")
    if len(kinds) == 1:
        return [(args.out, *kinds[0])]
    if os.path.isfile(args.out):
        raise ValueError(f"--out must be a folder for several files. Received: {args.out!r}")
    from maskedface.exporting.exported import ENDINGS

    names = {"float32": "model", "float16": "model-float16", "int8": "model-int8"}
    return [
        (os.path.join(args.out, names[precision] + ENDINGS[form]), form, precision)
        for form, precision in kinds
    ]


def _read(args: argparse.Namespace) -> tuple[keras.Model, dict[str, Any], Run | None]:
    """The model to export, the facts for its JSON file, and the run that it comes from."""
    from maskedface import models
    from maskedface.training.named_models import open_model

    model, alignment, _, run = open_model(args.model, args.model_alignment)
    from maskedface.exporting.outputs import with_output  # not before a wrong name is refused

    embedder = models.embedder(model)
    is_open = run is not None and "embeddings" in run.predictions
    wanted: Output = args.output or ("embedding" if is_open or embedder is model else "logits")
    facts: dict[str, Any] = {"model": args.model, "output": wanted}
    facts["alignment"] = alignment or models.alignment_of(embedder)
    if run is not None and wanted != "embedding":
        facts["classes"] = run.record["classes"]
    return with_output(model, wanted), facts, run


def _faces(
    args: argparse.Namespace, model: keras.Model, alignment: str, run: Run | None
) -> tuple[np.ndarray, str]:
    """Distinct faces in random order, as the model's input, and a description of their source."""
    import numpy as np

    from maskedface.datasets import FaceIndex, read_aligned_faces
    from maskedface.synthetic import draw_faces
    from maskedface.training.named_models import faces_of

    size, count = model.input_shape[1], _CHECKED + args.calibrate
    index = None if run is None else run.split()["train"]
    if args.data or args.manifest:
        (index,) = data.placed(args, faces_of(args.model), data.read_index(args))
        source = f"--data {args.data or args.manifest}"
    elif index is not None and all(map(os.path.isfile, index.paths)):
        source = "the run's training faces"
    else:
        masked = [person % 2 == 1 for person in range(count)]
        drawn = draw_faces(masked, alignment=alignment, size=size, seed=args.seed)
        return drawn, "drawn faces"
    order = np.random.default_rng(args.seed).permutation(len(index))[:count]
    if len(order) < 2:
        raise ValueError(
            f"at least two faces must be given for the comparison. Received: {len(order)}"
        )
    rows = FaceIndex(index.root, [index.faces[row] for row in order])
    return read_aligned_faces(rows, size=size, alignment=alignment), source


def _print(model: keras.Model, done: list[Exported], images: np.ndarray) -> None:
    from maskedface import exporting, models
    from maskedface.exporting.timing import time_models

    plain, several = models.computing_float32(model), images[:32]
    ways: dict[str, Any] = {"Keras": lambda batch: models.predict(plain, batch)}
    ways |= {one.path: exporting.load(one.path) for one in done}
    spent = time_models(ways, images[:1]), time_models(ways, several, rounds=3)

    def times(name: str) -> list[str]:
        return [f"{one[name]:.2f} ({one[name] / one['Keras']:.2f}x)" for one in spent]

    rows = [["Keras", "float32", "", *times("Keras")]]
    for one in done:
        told = [os.path.basename(one.path), one.precision, f"{one.size / 1e6:.1f}"]
        away = [f"{one.agreement.relative:.1e}", f"{one.agreement.cosine:.5f}"]
        rows.append([*told, *times(one.path), *away])
    columns = ["file", "precision", "MB", "ms, one face", f"ms a face of {len(several)}"]
    title = "times are medians over interleaved rounds, and relative to Keras"
    print_table([*columns, "difference", "least cosine"], rows, title=title)
