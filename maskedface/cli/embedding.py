"""The faces of a protocol as each model embeds them."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from maskedface.cli import data
from maskedface.cli.recognizing import load_recognizers
from maskedface.datasets import FaceIndex
from maskedface.datasets.face_places import is_placed
from maskedface.recognition import Gallery, Recognizer


def models_and_faces(
    args: argparse.Namespace, *parts: FaceIndex, with_cohort: bool = True
) -> Iterator[tuple[str, Recognizer, tuple[FaceIndex, ...], int]]:
    """Each model of the words, and of --against, with the faces as they are shown to it (`data.placed`).

    Args:
        args: the words of `maskedface evaluate --protocol`.
        parts: as for `data.placed`.
        with_cohort: whether a run's cohort is used.

    Yields:
        (name, recognizer, parts, for how many of their images no face was found: they are taken whole).

    Raises:
        ValueError: if words do not go together.
        FileNotFoundError: if there is no such model.
    """
    found = load_recognizers(names(args), args.model_alignment)
    if args.mirror:
        found = {name: _mirrored(name, one, with_cohort) for name, one in found.items()}
    placed: dict[str, tuple[FaceIndex, ...]] = {}
    for name, recognizer in found.items():
        wanted = data.wanted_by_model(name)
        if wanted not in placed:
            placed[wanted] = data.placed(args, wanted, *parts)
        whole = args.landmarks == "none" or (args.landmarks is None and wanted == "whole")
        faces = [face for part in placed[wanted] for face in part.faces]
        lacking = 0 if whole else sum(not is_placed(face) for face in faces)
        yield name, recognizer, placed[wanted], lacking


def names(args: argparse.Namespace) -> list[str]:
    """The models of the words, each once; that of --against is the last, if it is not among the others."""
    return list(dict.fromkeys([*args.runs, *([args.against] if args.against else [])]))


def _mirrored(name: str, recognizer: Recognizer, with_cohort: bool) -> Recognizer:
    """The recognizer with each embedding joined with the mirror's."""
    if with_cohort and recognizer.gallery.cohort is not None:
        raise ValueError(
            "--mirror must not come with a run that has a cohort, which was embedded without mirrors: "
            f"train it with mirror_join=true. Received: {name!r}"
        )
    old = recognizer.gallery
    return Recognizer(
        recognizer.embedder.with_flip(),
        gallery=Gallery(source=old.source, masks=old.masks),
    )
