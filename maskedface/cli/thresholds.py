"""How `maskedface enroll` chooses the thresholds of a gallery, and what it says of them."""

from __future__ import annotations

import argparse
import contextlib
import math
import os
from typing import TYPE_CHECKING

from maskedface.cli import recognizing
from maskedface.cli.values import rate

if TYPE_CHECKING:
    from maskedface.recognition import Gallery
    from maskedface.recognition.enrollment import Probes

_FPIR, _FAR = 0.01, 0.001


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


def strangers(args: argparse.Namespace, gallery: Gallery) -> tuple[str, dict[str, str]]:
    """The folder of strangers, and whom each of its photographs shows, before they are read: that of the
    words, or the one that the gallery's thresholds come from, since they are for the people enrolled then;
    ("", {}) where there is none.

    Raises:
        ValueError: if --strangers has too few for --fpir, and as `photos_of_people`.
        FileNotFoundError: if --strangers is not there.
    """
    from maskedface.recognition.enrollment import photos_of_people

    if not args.strangers:
        source = gallery.calibration.source if gallery.calibration else ""
        with contextlib.suppress(ValueError, OSError):  # nobody asked for it by name
            return (source, photos_of_people([source])) if os.path.isabs(source) else ("", {})
        return "", {}
    folder, fpir = os.path.abspath(args.strangers), args.fpir or _FPIR
    photographs = photos_of_people([folder])
    if len(photographs) < 1 / fpir:
        raise ValueError(
            f"--strangers must have {math.ceil(1 / fpir)} photographs for --fpir {fpir:g}. "
            f"Received: {len(photographs)} in {args.strangers!r}"
        )
    return folder, photographs


def choose(
    gallery: Gallery,
    args: argparse.Namespace,
    probes: Probes,
    folder: str,
    made_from: Gallery | None = None,
) -> tuple[str, bool]:
    """Chooses thresholds where the photographs allow it.

    Args:
        gallery: with the people to choose for; those it has are replaced.
        args: the command's words.
        probes: to choose on.
        folder: of strangers, which the probes come from; "" where those enrolled are strangers to each
            other.
        made_from: the gallery that this one is made from, whose rates are chosen for by default.

    Returns:
        (what was done, in a line; whether thresholds that were to be had could not be).

    Raises:
        ValueError: if they could not, and nothing else is to be done.
    """
    import numpy as np

    old = gallery.calibration or (made_from.calibration if made_from else None)
    fpir, photos = args.fpir or (old.fpir if old else _FPIR), len({*probes.photos})
    if not folder and (photos < 1 / fpir or len(gallery) < 2):
        wanted = f"FPIR {fpir:g} needs {math.ceil(1 / fpir)} photographs, here are {photos}"
        return _stay(gallery, wanted), False
    drawn = ", bare and under a drawn mask" if probes.has_covered else ""
    try:
        made = gallery.calibrate(
            np.stack(probes.embeddings),
            probes.people,
            fpir=fpir,
            far=args.far or (old.far if old else _FAR),
            source=(folder or "the faces enrolled") + drawn,
            photos=probes.photos,
        )
    except ValueError as error:
        if not (args.photos or args.remove or made_from):
            raise
        return _stay(gallery, str(error)), True
    verify = "" if made.verify is None else f"; {made.verify:.3f} (FAR {made.far:g}) to verify"
    return (
        f"threshold {made.identify:.3f} (FPIR {made.fpir:g}) to name{verify}: from {made.probes} "
        f"photographs of {made.people} people, {made.source}, against {made.gallery} enrolled"
    ), False


def _stay(gallery: Gallery, reason: str) -> str:
    made = gallery.calibration
    if made is None:
        return f"no threshold: {reason}. Give --strangers FOLDER, or a larger --fpir"
    stay = f"thresholds stay those for {made.gallery} people enrolled: {reason}"
    if len(gallery) == made.gallery:
        return stay
    return f"{stay}. {recognizing.changed_rate(gallery, made)}. --strangers FOLDER chooses anew"
