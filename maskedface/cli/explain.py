"""Show what a model looks at (Grad-CAM), and the share of it in the area that a mask covers.

RUN is "dlib", a .keras file, a finished run's folder or a folder of runs (of several seeds the
first counts, of recipes that build on each other the last).

  maskedface explain runs/mine PHOTO.jpg --out looked      (evidence for the predicted person)
  maskedface explain dlib PROBE.jpg --reference OTHER.jpg  (evidence for the similarity of the two)
  maskedface explain runs/mine --against dlib --manifest M --protocol open_set --data D

The last form measures: each masked test face against the mean embedding of the same person's other
unmasked photographs, with both models' shares and 95 % intervals over people. The pictures show the
model's aligned input, a heat map over it, and a color bar from 0.0 to 1.0. Faces are detected,
unless --alignment states that the photographs are aligned.
"""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from maskedface.cli import data
from maskedface.cli.recognizing import add_model_alignment
from maskedface.cli.tables import change, figure
from maskedface.names import shown

if TYPE_CHECKING:
    import keras
    import numpy as np

    from maskedface.recognition import Recognizer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments to a parser."""
    parser.add_argument("run", metavar="RUN", help="dlib, a run folder or a .keras file")
    parser.add_argument("photos", nargs="*", metavar="PHOTO|FOLDER", help="photographs to explain")
    group = parser.add_argument_group("explanation")
    group.add_argument("--reference", metavar="PHOTO", help="explain the similarity to this face")
    group.add_argument(
        "--out", default="explained", metavar="DIR", help="output folder for pictures"
    )
    group.add_argument("--against", metavar="RUN", help="also measure this model, paired by face")
    group.add_argument(
        "--protocol", metavar="COLUMN", help="measure on the part test of this manifest column"
    )
    add_model_alignment(group)
    data.add_data_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Runs the command; see `maskedface explain --help`."""
    if bool(args.photos) == bool(args.protocol):
        raise ValueError(
            "photographs, or --protocol with --manifest, must be given. "
            f"Received: {len(args.photos)} photographs, --protocol {args.protocol}"
        )
    return _measure(args) if args.protocol else _show(args)


def _show(args: argparse.Namespace) -> int:
    import numpy as np

    from maskedface import evaluation, models
    from maskedface.cli.outputs import check_outputs, write_picture
    from maskedface.names import picture_path
    from maskedface.recognition import Recognizer, photo_files
    from maskedface.reporting.heat_legend import with_color_bar
    from maskedface.reporting.heat_maps import heat_maps
    from maskedface.training import find_run

    check_outputs(folder=args.out)
    recognizer = Recognizer.load(
        args.run, alignment=args.model_alignment, aligned_to=args.alignment, fall_back="always"
    )
    run = find_run(args.run) if os.path.isdir(args.run) else None
    if args.reference is None and run is None:
        raise ValueError("--reference must be given for a model without classes. Received: none")
    paths = photo_files(*args.photos)
    chips = np.stack([recognizer.align(path) for path in paths])
    if args.reference is not None:
        other = recognizer.align(args.reference)
        *embeddings, reference = _embedded(recognizer, np.concatenate([chips, other[None]]))
        references = np.stack([reference] * len(chips))
        found = heat_maps(_network(recognizer), chips, recognizer.alignment, references=references)
        words = [f"cosine {embedding @ reference:.3f}" for embedding in embeddings]
    elif run is not None:
        found = heat_maps(run.model, chips, recognizer.alignment)
        words = [run.record["classes"][n] for n in models.predict(run.model, chips).argmax(1)]
    for number, (path, share) in enumerate(zip(paths, found.shares, strict=True)):
        pair = np.hstack([chips[number], evaluation.overlay(chips[number], found.maps[number])])
        write_picture(picture_path(args.out, number + 1, path, ".png"), with_color_bar(pair))
        told = f"{path}: {words[number]}; {share:.2f} of the attention in the mask area"
        print(shown(told))
    print(f"uniform attention would give {found.even:.2f}; pictures in {args.out}")
    return 0


def _embedded(recognizer: Recognizer, chips: np.ndarray) -> np.ndarray:
    from maskedface.evaluation.scoring import normalized

    return normalized(recognizer.embedder(chips))


def _network(recognizer: Recognizer) -> keras.Model:
    """The Keras model, as gradients are needed."""
    from maskedface.engines import KerasEmbedder

    if not isinstance(recognizer.embedder, KerasEmbedder):
        raise ValueError(
            "RUN must be a Keras network, as an ONNX file has no gradients. "
            f"Received: {recognizer.gallery.source!r}"
        )
    return recognizer.embedder.model


def _measure(args: argparse.Namespace) -> int:
    from maskedface import evaluation
    from maskedface.cli.embedding import models_and_faces
    from maskedface.reporting.heat_maps import masked_heat_maps

    (test,) = data.protocol_parts(args, "test")
    names, shares = [args.run, *([args.against] if args.against else [])], {}
    for name, recognizer, (faces,), _ in models_and_faces(args, names, test):
        network, alignment = _network(recognizer), recognizer.alignment
        found = masked_heat_maps(network, faces, alignment, progress=True)
        people = [faces.faces[row].person for row in found.rows]
        shares[name] = found.shares
        low, high = evaluation.bootstrap_interval(found.shares, people)
        share = figure({"value": found.shares.mean(), "low": low, "high": high})
        print(
            f"{name}: {share} of the attention is in the mask area ({len(people)} masked faces of "
            f"{len(set(people))} people; uniform attention: {found.even:.3f})"
        )
    if args.against:
        shift = evaluation.paired_difference(shares[args.run], shares[args.against], people)
        print(f"paired difference: {change(shift)}")
    return 0
