"""Adapts a network, opened by its name, to the photographs of an index."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from maskedface import masking, models
from maskedface.atomic_file import atomic_write
from maskedface.checks import check_least
from maskedface.datasets import FaceIndex
from maskedface.datasets.aligned_faces import read_row
from maskedface.datasets.augmentation import Augmentation
from maskedface.datasets.face_places import is_placed
from maskedface.engines import KerasEmbedder
from maskedface.images import ImageError
from maskedface.images.in_threads import held_bytes, read_ahead
from maskedface.images.reading import image_or_reason
from maskedface.layers import RandomMask
from maskedface.models.adaptation import SHRINKAGE, check_adaptable
from maskedface.progress import Bar
from maskedface.reprs import short_repr
from maskedface.training.named_models import faces_of, open_model

if TYPE_CHECKING:
    import keras

# docs/experiments.md, "Adapted to photographs": with 20 faces there is a gain, from 100 on nearly
# the whole; 20 masked ones say more than masks drawn on all others.
LEAST, FEW, LEAST_MASKED = 20, 100, 20
# Fewer of a kind may be errors of the mask estimate, which takes up to 0.037 of the faces of a kind
# for the other (docs/recognition.md, "Does the face wear a mask?").
LEAST_UNMASKED, LEAST_SHARE = 10, 0.05

_log = logging.getLogger("maskedface")


@dataclass(frozen=True, eq=False)
class Adapted:
    """A network adapted to photographs: the result of `adapt`.

    >>> import keras
    >>> from maskedface import training
    >>> model = keras.Sequential([keras.Input((64, 64, 3)), keras.layers.GlobalAveragePooling2D()])
    >>> training.Adapted(model, unmasked=80, masked=40, drawn=0, left_out={}).save("adapted.keras")

    Attributes:
        model: images -> embeddings (`models.adapt`); it states its alignment.
        unmasked, masked: int, the number of faces it is adapted to, by the mask estimate.
        drawn: int, the number of unmasked faces that were seen with a drawn mask, too.
        left_out: {path of a row: why it was left out}.
    """

    model: keras.Model
    unmasked: int
    masked: int
    drawn: int
    left_out: dict[str, str] = field(repr=False)

    __repr__ = short_repr

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the model to a file, which is a network for all commands and `Recognizer.load`.

        Args:
            path: the file, with the extension .keras.

        Raises:
            ValueError: if the path has another extension.
            OSError: if it cannot be written; no file is left incomplete.
        """
        target = os.fspath(path)
        if not target.endswith(".keras"):
            raise ValueError(f"path must end in .keras. Received: path={target!r}")
        with atomic_write(target) as partial:
            self.model.save(partial)


def adapt(
    network: str | os.PathLike[str],
    faces: FaceIndex,
    *,
    alignment: str | None = None,
    shrinkage: float = SHRINKAGE,
    progress: bool = False,
) -> Adapted:
    """Adapts a network to photographs of your own kind, whose people need not be known.

    `models.adapt` says how. The people and domains of the rows are not used: which faces wear masks
    is estimated (`masking.masked_probability`). With fewer than 20 masked faces, or fewer than 5 %
    of all, which may be errors of the estimate, the unmasked ones are seen with a drawn mask, too.
    Rows without landmarks or alignment are left out: `landmarks.find_landmarks` locates faces.

    >>> from maskedface import models, synthetic, training
    >>> drawn = synthetic.draw_people("drawn", people=40, photos=2, masked_photos=1, size=64)
    >>> models.ResNet50(None, (64, 64, 3), filters=2, blocks=(1, 1, 1, 1)).save("tiny.keras")
    >>> adapted = training.adapt("tiny.keras", drawn)
    >>> adapted.save("adapted.keras")
    >>> adapted.masked + adapted.unmasked, adapted.drawn
    (120, 0)

    Args:
        network: "dlib", a .keras file or the folder of a finished run on located faces. A cohort of
            the run is not needed any more, and not kept.
        faces: at least 20 rows, better 100 and more, of people other than those to be recognized
            and compared. At least 10 faces, and 5 % of all, must be unmasked.
        alignment: for a .keras file, overrides the alignment it states.
        shrinkage: as for `models.adapt`.
        progress: whether to show progress bars on stderr.

    Returns:
        An `Adapted`. Images that cannot be read, and faces that are not located, are left out of it
        and listed.

    Raises:
        FileNotFoundError: if there is no such network.
        ValueError: if there are fewer than 20 rows, too few unmasked faces, the run is on whole
            images, or as `models.adapt` and `open_model`.
        ImageError: if an image is changed meanwhile.
    """
    check_fit(network, faces)
    opened = open_model(network, alignment)
    embedder = KerasEmbedder(opened.model, opened.alignment)
    backbone = models.with_alignment(embedder.model, embedder.alignment)
    check_adaptable(backbone, shrinkage)
    left_out = {face.path: "its face is not located" for face in faces.faces if not is_placed(face)}
    seen = _Seen(embedder, faces.where(is_placed), progress)
    left_out |= seen.unreadable
    masked, number = sum(seen.masked.values()), len(seen.masked)
    unmasked, rare = number - masked, LEAST_SHARE * number
    if unmasked < max(LEAST_UNMASKED, rare):
        first = "".join(f" ({path}: {why})" for path, why in [*left_out.items()][:1])
        raise ValueError(
            f"at least {LEAST_UNMASKED} faces, and {LEAST_SHARE:.0%} of all, must be unmasked. Received: "
            f"{unmasked} unmasked and {masked} masked faces, {len(left_out)} images left out{first}"
        )
    if number < FEW:
        _log.warning(
            "the network is adapted to %d faces: with %d and more it gains more", number, FEW
        )
    draws = masked < max(LEAST_MASKED, rare)
    model = models.adapt(backbone, seen.batches(draws=draws), shrinkage)
    return Adapted(model, unmasked, masked, unmasked if draws else 0, left_out)


def check_fit(network: str | os.PathLike[str], faces: FaceIndex) -> None:
    """Refuses what `adapt` cannot use, before faces are searched and the network is opened.

    Args:
        network, faces: as for `adapt`.

    Raises:
        FileNotFoundError: if a folder is not that of a finished run.
        ValueError: if there are fewer than 20 rows, or the run is on whole images.
    """
    check_least(faces=(len(faces), LEAST))
    if faces_of(network) == "whole":
        raise ValueError(
            "network must expect located faces, as a .keras file does. "
            f"Received: {os.fspath(network)!r}, a run on whole images"
        )


class _Seen:
    """Faces of an index as the network sees them. Reading them twice takes less than embedding them
    once, and holding them all could take more memory than there is.

    Args:
        embedder: the network.
        faces: the rows.
        progress: whether to show bars.

    Attributes:
        unreadable: {path: why}.
        masked: {number of a readable row: whether its face seems to wear a mask}, in order.
    """

    def __init__(self, embedder: KerasEmbedder, faces: FaceIndex, progress: bool) -> None:
        self.embedder, self.faces, self.progress = embedder, faces, progress
        self.unreadable: dict[str, str] = {}
        self.masked: dict[int, bool] = {}
        for part in self._read(range(len(faces)), "estimating masks"):
            for row, chip in part:
                if isinstance(chip, str):
                    self.unreadable[faces.faces[row].path] = chip
                    continue
                found = masking.masked_probability(chip, embedder.alignment)
                self.masked[row] = found >= masking.SEEMS_MASKED

    def batches(self, *, draws: bool) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """(images, masked) of all faces, and then of unmasked ones with a drawn mask.

        Args:
            draws: whether to draw masks.
        """
        for rows, images in self._images([*self.masked], "adapting"):
            yield images, np.array([self.masked[row] for row in rows], bool)
        if not draws:
            return
        size, alignment = self.embedder.size, self.embedder.alignment
        drawing = Augmentation([RandomMask(1.0)], alignment=alignment, size=size)
        bare = [row for row, worn in self.masked.items() if not worn]
        for rows, images in self._images(bare, "drawing masks"):
            numbers = drawing.draws(np.array(rows), 0, np.zeros(len(rows), bool))
            yield np.asarray(drawing.apply(images, numbers, None)), np.ones(len(rows), bool)

    def _images(
        self, rows: Sequence[int], label: str
    ) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
        for part in self._read(rows, label):
            # A file may have gone meanwhile: an error then, as the counts are wrong.
            gone = [(row, chip) for row, chip in part if isinstance(chip, str)]
            if gone:
                path = self.faces.faces[gone[0][0]].path
                raise ImageError(
                    f"an image must not change meanwhile. Received: {path!r}: {gone[0][1]}"
                )
            numbers, chips = zip(*part, strict=True)
            yield numbers, np.stack(chips)

    def _read(
        self, rows: Sequence[int], label: str
    ) -> Iterator[list[tuple[int, np.ndarray | str]]]:
        """Rows with their faces, or with why they cannot be read."""
        size, alignment = self.embedder.size, self.embedder.alignment

        def read(row: int) -> np.ndarray | str:
            return image_or_reason(
                lambda: read_row(self.faces, row, size=size, alignment=alignment)
            )

        with Bar(label, len(rows), shown=self.progress) as bar:
            for part in read_ahead(read, rows, size=held_bytes):
                yield part
                bar.advance(len(part))
