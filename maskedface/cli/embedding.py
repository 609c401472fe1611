"""The faces of a protocol, prepared for each model."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Iterator, Sequence

from maskedface.cli import data
from maskedface.cli.recognizing import engine_choice, network_words, refuse_network_words
from maskedface.datasets import FaceIndex
from maskedface.datasets.face_places import is_placed
from maskedface.recognition import Gallery, Recognizer
from maskedface.training.named_models import faces_of


def models_and_faces(
    args: argparse.Namespace,
    names: Sequence[str],
    *parts: FaceIndex,
    mirror: bool = False,
    with_cohort: bool = True,
) -> Iterator[tuple[str, Recognizer, tuple[FaceIndex, ...], int]]:
    """Loads each model and prepares the faces for it (`data.placed`).

    Args:
        args: parsed arguments for images, and of `recognizing.add_network_words` and `add_engine`.
        names: model names, as for `Recognizer.load`.
        parts: as for `data.placed`.
        mirror: whether to use flip augmentation: each face's embedding is joined with its mirror
            image's.
        with_cohort: whether a run's cohort is used.

    Yields:
        (name, recognizer, parts, number of images in which no face was found; these are used
        whole).

    Raises:
        ValueError: if the arguments contradict each other.
        FileNotFoundError: if a model does not exist.
    """
    refuse_network_words(args, names)
    engine = engine_choice(args)
    found = {
        name: Recognizer.load(name, **network_words(args, name), engine=engine) for name in names
    }
    if mirror:
        found = {name: _mirrored(name, one, with_cohort) for name, one in found.items()}
    placed = functools.cache(lambda wanted: data.placed(args, wanted, *parts))
    for name, recognizer in found.items():
        wanted = faces_of(name)
        whole = args.landmarks == "none" or (args.landmarks is None and wanted == "whole")
        faces = [face for part in placed(wanted) for face in part.faces]
        lacking = 0 if whole else sum(not is_placed(face) for face in faces)
        yield name, recognizer, placed(wanted), lacking


def _mirrored(name: str, recognizer: Recognizer, with_cohort: bool) -> Recognizer:
    """The recognizer with flip augmentation."""
    if with_cohort and recognizer.gallery.cohort is not None:
        raise ValueError(
            "--mirror must not come with a run that has a cohort, which was embedded without "
            f"flips: train it with mirror_join=true. Received: {name!r}"
        )
    old = recognizer.gallery
    return Recognizer(
        recognizer.embedder.with_flip(),
        gallery=Gallery(source=old.source, masks=old.masks),
    )
