"""Write a model as a file that runs without this library, read it back and compare it with Keras.

MODEL is "dlib", a finished run's folder or a .keras file.

  maskedface export runs/mine --to litert --precision int8 --out mine.tflite
  maskedface export runs/mine --to savedmodel onnx litert --precision float32 float16 int8 --out FOLDER
  maskedface export dlib --to onnx --out dlib.onnx

Several files go into the folder --out. An int8 file is calibrated on faces of --data, else on the run's
training faces, else on drawn ones; do not report figures on people it was calibrated with.
--check has each file name the run's test faces too, and ends with 1 if one loses more than .01 of them:
  maskedface export runs/mine --to litert --precision int8 --out mine.tflite --check
Beside each file lies FILE.json: what goes in and comes out, the people's names, the agreement.
"""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any

from maskedface.cli import data
from maskedface.cli.recognizing import add_model_alignment, refuse_alignment
from maskedface.cli.values import count, share

if TYPE_CHECKING:
    import keras
    import numpy as np

    from maskedface.datasets import FaceIndex
    from maskedface.exporting import Exported
    from maskedface.training import Run

_CHECKED = 64  # faces that files are compared on


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's words to a parser."""
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument(
        "--to", nargs="+", required=True, choices=("savedmodel", "onnx", "litert"), metavar="FORMAT",
        help="savedmodel, onnx, litert",
    )  # fmt: skip
    parser.add_argument(
        "--precision", nargs="+", default=["float32"], choices=("float32", "float16", "int8"),
        metavar="PRECISION", help="float32; of litert also float16 and int8",
    )  # fmt: skip
    parser.add_argument(
        "--out", required=True, metavar="FILE", help="one file, or for several a folder"
    )
    parser.add_argument(
        "--output",
        choices=("embedding", "logits", "probabilities"),
        help="what comes out; default: logits of a run's people, else the embedding",
    )
    parser.add_argument(
        "--calibrate", type=count(1), default=100, metavar="N", help="faces for int8"
    )
    parser.add_argument("--seed", type=count(0), default=0, help="which faces")
    parser.add_argument(
        "--check",
        type=share,
        nargs="?",
        const=0.01,
        metavar="SHARE",
        help="score every file on the run's test faces; none may lose more than this share of them (.01)",
    )
    add_model_alignment(parser)
    data.add_data_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Runs the command; see `maskedface export --help`."""
    import numpy as np

    from maskedface import exporting

    if args.calibrate < 1:
        raise ValueError(f"--calibrate must be at least 1. Received: {args.calibrate}")
    jobs = _jobs(args)
    run = _run_of(args)
    model, facts, rows = _read(args)
    faces, source = _faces(args, model, facts["alignment"], rows)
    calibration, checked = faces[_CHECKED:], faces[:_CHECKED]
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
    _print(model, done, np.asarray(checked))
    if run is None:
        return 0
    from maskedface.cli.export_check import check_files

    return 0 if check_files(run, done, args.check) else 1


def _run_of(args: argparse.Namespace) -> Run | None:
    """The run whose test faces the files are to name; None without --check."""
    from maskedface.training import find_runs

    if args.check is None:
        return None
    if not os.path.isdir(args.model) or args.output:
        raise ValueError(
            "--check must come with a run's folder and without --output. "
            f"Received: {args.model!r}, --output {args.output}"
        )
    return find_runs(args.model)[0]


def _jobs(args: argparse.Namespace) -> list[tuple[str, Any, Any]]:
    """(path, format, precision) of each file."""
    from maskedface.exporting.exported import ENDINGS

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
    names = {"float32": "", "float16": "-float16", "int8": "-int8"}
    return [
        (os.path.join(args.out, f"model{names[precision]}{ENDINGS[form]}"), form, precision)
        for form, precision in kinds
    ]


def _read(args: argparse.Namespace) -> tuple[keras.Model, dict[str, Any], FaceIndex | None]:
    """The model as it is to be written, what its file shall tell, and the run's training faces."""
    import keras

    from maskedface import models
    from maskedface.models.saved import load_model
    from maskedface.training import find_runs
    from maskedface.training.run import alignment_beside

    refuse_alignment(args.model, args.model_alignment)
    classes, rows, alignment = None, None, args.model_alignment
    if args.model == "dlib":
        model = models.DlibResNet29()
    elif os.path.isdir(args.model):
        found = find_runs(args.model)[0]
        model, rows = found.model, found.split()["train"]
        classes, alignment = found.record["classes"], found.record["alignment"]
        wanted = "embedding" if "embeddings" in found.predictions else "logits"
    elif os.path.isfile(args.model):
        model = load_model(args.model)
        alignment = alignment or alignment_beside(args.model)
    else:
        raise FileNotFoundError(
            f"MODEL must be 'dlib', a run's folder or a .keras file. Received: {args.model!r}"
        )
    embedder = models.embedder(model)
    if classes is None:
        wanted = "embedding" if embedder is model else "logits"
    wanted = args.output or wanted
    facts: dict[str, Any] = {"model": args.model, "output": wanted}
    facts["alignment"] = alignment or models.alignment_of(embedder)
    if wanted == "embedding":
        return embedder, facts, rows
    if embedder is model:
        raise ValueError(
            f"--output must be 'embedding' for a model without a head. Received: {wanted}"
        )
    if classes is not None:
        facts["classes"] = classes
    if wanted == "probabilities":
        softmax = keras.layers.Softmax(dtype="float32", name="head_probabilities")
        model = keras.Model(model.input, softmax(model.output), name=model.name)
    return model, facts, rows


def _faces(
    args: argparse.Namespace, model: keras.Model, alignment: str, rows: FaceIndex | None
) -> tuple[np.ndarray, str]:
    """Different faces in a drawn order, the model's input, and where they come from."""
    import numpy as np

    from maskedface import datasets, geometry, synthetic
    from maskedface.datasets.aligned_faces import read_aligned_face

    size, count = model.input_shape[1], _CHECKED + args.calibrate
    if args.data or args.manifest:
        (index,) = data.placed(args, data.wanted_by_model(args.model), data.read_index(args))
        source = f"--data {args.data or args.manifest}"
    elif rows is not None and all(map(os.path.isfile, rows.paths)):
        index, source = rows, "the run's training faces"
    else:
        matrix = geometry.chip_matrix(112, 112, source="arcface", target=alignment, size=size)
        drawn = [
            synthetic.draw_face(person, 0, person % 2 == 1, seed=args.seed)
            for person in range(count)
        ]
        return np.stack([geometry.warp(face, matrix, size) for face in drawn]), "drawn faces"
    order = np.random.default_rng(args.seed).permutation(len(index))[:count]
    if len(order) < 2:
        raise ValueError(f"at least two faces must be there to compare on. Received: {len(order)}")
    if len(order) < count:  # few faces: half to compare on, half to calibrate with
        order = (
            np.resize(order[: len(order) // 2], _CHECKED).tolist()
            + order[len(order) // 2 :].tolist()
        )
    chips = [
        read_aligned_face(
            index.paths[row],
            size=size,
            alignment=alignment,
            source=datasets.face_source(index.faces[row]),
        )
        for row in order
    ]
    return np.stack(chips), source


def _print(model: keras.Model, done: list[Exported], images: np.ndarray) -> None:
    from rich.table import Table

    from maskedface import exporting, models
    from maskedface.cli.tables import print_table
    from maskedface.exporting.exported import in_float32
    from maskedface.exporting.timing import time_models

    plain = in_float32(model)
    ways: dict[str, Any] = {"Keras": lambda batch: models.predict(plain, batch)}
    ways |= {one.path: exporting.load(one.path) for one in done}
    single = time_models(ways, images[:1])
    batch = time_models(ways, images[:32], rounds=3)
    table = Table(title="times are medians of rounds in turn, and shares of Keras' own")
    columns = (
        "file",
        "precision",
        "MB",
        "ms, one face",
        "ms a face of 32",
        "difference",
        "least cosine",
    )
    for column in columns:
        table.add_column(column, no_wrap=True)

    def times(name: str) -> list[str]:
        return [
            f"{spent[name]:.2f} ({spent[name] / spent['Keras']:.2f}x)" for spent in (single, batch)
        ]

    table.add_row("Keras", "float32", "", *times("Keras"), "", "")
    for one in done:
        told = one.agreement
        megabytes = f"{one.size / 1e6:.1f}"
        away = f"{told.relative:.1e}", f"{told.cosine:.5f}"
        table.add_row(os.path.basename(one.path), one.precision, megabytes, *times(one.path), *away)
    print_table(table)
