"""How `maskedface enroll` chooses the thresholds of a gallery, and what it says of them."""

from __future__ import annotations

import argparse
import math
import os
from typing import TYPE_CHECKING, NamedTuple

from maskedface.cli import recognizing
from maskedface.cli.values import rate

if TYPE_CHECKING:
    from maskedface.recognition import Gallery
    from maskedface.recognition.calibration import Calibration
    from maskedface.recognition.enrollment import EnrolledPhoto, Probes

_FPIR, _FAR = 0.01, 0.001


class Chosen(NamedTuple):
    """What thresholds are chosen on: the probes, where they came from, and whether from a folder of
    strangers."""

    probes: Probes
    source: str
    strangers: bool


def add_threshold_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds --strangers, --fpir and --far."""
    parser.add_argument(
        "--strangers", metavar="FOLDER", help="people not in the gallery, a folder each"
    )
    parser.add_argument(
        "--fpir",
        type=rate,
        metavar="RATE",
        help=f"share of strangers' faces that may get a name; default: the gallery's, else {_FPIR}",
    )
    parser.add_argument(
        "--far",
        type=rate,
        metavar="RATE",
        help=f"share of pairs of strangers that may pass verify; default: the gallery's, else {_FAR}",
    )


def strangers_folder(args: argparse.Namespace, gallery: Gallery) -> str | None:
    """The folder of strangers: that of the words, or the one that the gallery's thresholds come from, since
    they are for the people enrolled then; None where there is none."""
    if args.strangers:
        return str(os.path.abspath(args.strangers))
    source = gallery.calibration.source if gallery.calibration else ""
    return source if os.path.isabs(source) and os.path.isdir(source) else None


def enough(args: argparse.Namespace, photographs: dict[str, str]) -> dict[str, str]:
    """The strangers' photographs, before they are read.

    Raises:
        ValueError: if --strangers has too few for --fpir.
    """
    fpir = args.fpir or _FPIR
    if args.strangers and len(photographs) < 1 / fpir:
        raise ValueError(
            f"--strangers must have {math.ceil(1 / fpir)} photographs for --fpir {fpir:g}. "
            f"Received: {len(photographs)} in {args.strangers!r}"
        )
    return photographs


def probes(rows: list[EnrolledPhoto], folder: str | None) -> Chosen:
    """What thresholds are chosen on.

    Args:
        rows: a row a photograph.
        folder: of strangers; None where those enrolled are strangers to each other.
    """
    from maskedface.recognition.enrollment import threshold_probes

    found = threshold_probes(rows)
    source = folder or "the faces enrolled"
    if found.has_covered:
        source += ", bare and under a drawn mask"
    return Chosen(found, source, folder is not None)


def choose(
    gallery: Gallery, args: argparse.Namespace, chosen: Chosen, made_from: Gallery | None = None
) -> tuple[str, bool]:
    """Chooses thresholds where the photographs allow it.

    Args:
        gallery: with the people to choose for; those it has are replaced.
        args: the command's words.
        chosen: to choose on.
        made_from: the gallery that this one is made from, whose rates are chosen for by default.

    Returns:
        (what was done, in a line; whether thresholds that were to be had could not be).

    Raises:
        ValueError: if they could not, and nothing else is to be done.
    """
    import numpy as np

    old = gallery.calibration or (made_from.calibration if made_from else None)
    fpir = args.fpir or (old.fpir if old else _FPIR)
    probes, photos = chosen.probes, len({*chosen.probes.photos})
    if not chosen.strangers and (photos < 1 / fpir or len(gallery) < 2):
        wanted = f"FPIR {fpir:g} needs {math.ceil(1 / fpir)} photographs, here are {photos}"
        return _stay(gallery, wanted), False
    try:
        made = gallery.calibrate(
            np.stack(probes.embeddings),
            probes.people,
            fpir=fpir,
            far=args.far or (old.far if old else _FAR),
            source=chosen.source,
            photos=probes.photos,
        )
    except ValueError as error:
        if not (args.photos or args.remove or made_from):
            raise
        return _stay(gallery, str(error)), True
    return _chosen(made), False


def _stay(gallery: Gallery, reason: str) -> str:
    made = gallery.calibration
    if made is None:
        return f"no threshold: {reason}. Give --strangers FOLDER, or a larger --fpir"
    stay = f"thresholds stay those for {made.gallery} people enrolled: {reason}"
    if len(gallery) == made.gallery:
        return stay
    return f"{stay}. {recognizing.changed_rate(gallery)}. --strangers FOLDER chooses anew"


def _chosen(made: Calibration) -> str:
    verify = "" if made.verify is None else f"; {made.verify:.3f} (FAR {made.far:g}) to verify"
    return (
        f"threshold {made.identify:.3f} (FPIR {made.fpir:g}) to name{verify}: from "
        f"{made.probes} photographs of {made.people} people, {made.source}, against {made.gallery} enrolled"
    )
