"""What a run leaves behind when its last epoch is over: the model, and what it says of the test rows."""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any

import keras
import numpy as np

from maskedface import models
from maskedface.conversion import file_kind
from maskedface.datasets import FaceIndex
from maskedface.evaluation import Cohort, EmbeddedFaces, classification_report, rank_one_report
from maskedface.masking import RandomMask, masked_templates
from maskedface.recipes import Recipe
from maskedface.training.inputs import Inputs
from maskedface.training.run import (
    MANIFEST,
    METRICS,
    MODEL,
    PREDICTIONS,
    RECIPE,
    RECORD,
    read_json,
)
from maskedface.whole_file import whole_file, write_json, write_text

_BLOCK = 1024  # faces given masks at a time: 69 MB at 150 px


class FinalModel:
    """The model that a run leaves behind, and how it sees the faces: the trained one from what it was
    trained on, one that joins mirrors or has a cohort from the faces themselves.

    Args:
        recipe: the experiment.
        model: images -> logits, trained.
        base: its backbone.
        inputs: what was trained, on what.
        chips: uint8 arrays, shape (rows, height, width, 3), the faces of the training and of the test rows.

    Attributes:
        model: images -> logits.
    """

    def __init__(
        self,
        recipe: Recipe,
        model: keras.Model,
        base: keras.Model,
        inputs: Inputs,
        chips: list[np.ndarray],
    ) -> None:
        self.model, self._inputs, self._chips = model, inputs, chips
        self._base, self._scale = base, recipe.scale
        self._as_trained = not recipe.mirror_join
        if recipe.mirror_join:
            self._base = models.mirror_join(base)
            self._set_head([model.get_layer("head_centres").get_weights()[0]])

    @property
    def size(self) -> int:
        """Height and width of the faces in pixels."""
        return int(self._chips[0].shape[1])

    @property
    def centres(self) -> np.ndarray:
        """A cosine head's: float32 array, shape (features, classes)."""
        return np.asarray(self.model.get_layer("head_centres").get_weights()[0])

    def set_centres(self, centres: np.ndarray) -> None:
        """Replaces a cosine head's centres: float array, shape (features, classes)."""
        self.model.get_layer("head_centres").set_weights([centres])

    def set_cohort(self, cohort: Cohort) -> None:
        """Puts a cohort's offsets of the centres into a cosine head."""
        self._set_head([self.centres, -cohort.offsets(np.ascontiguousarray(self.centres.T))])
        self._as_trained = False

    def _set_head(self, weights: list[np.ndarray]) -> None:
        self.model = models.cosine_classifier(
            self._base, weights[0].shape[1], scale=self._scale, with_offsets=len(weights) > 1
        )
        self.model.get_layer("head_centres").set_weights(weights)

    def embeddings(self, chips: np.ndarray) -> np.ndarray:
        """Of any faces: float32 array, shape (faces, features)."""
        return models.predict(models.embedder(self.model), chips)

    def train_embeddings(self) -> np.ndarray:
        """Of the training rows: float32 array, shape (rows, features)."""
        if self._as_trained:
            return self._inputs.embeddings(self._inputs.train)
        return self.embeddings(self._chips[0])

    def masked_train_embeddings(self, masks: RandomMask) -> np.ndarray:
        """Of the training rows with drawn masks on: float32 array, shape (rows, features)."""
        chips, found = self._chips[0], []
        for start in range(0, len(chips), _BLOCK):
            rows = np.arange(start, min(start + _BLOCK, len(chips)))
            found.append(self.embeddings(masks.lay(chips[rows], masks.choices(rows, 0))))
        return np.concatenate(found)

    def test_embeddings(self) -> np.ndarray:
        """Of the test rows: float32 array, shape (rows, features)."""
        if self._as_trained:
            return self._inputs.embeddings(self._inputs.test)
        return self.embeddings(self._chips[1])

    def test_templates(
        self, embeddings: np.ndarray, bare: np.ndarray, *, count: int, alignment: str
    ) -> np.ndarray:
        """What is enrolled of the test rows: float32 array, shape (rows, features).

        Args:
            embeddings: of the test rows.
            bare: bool array, shape (rows,): on which masks are drawn; the others keep their embedding.
            count, alignment: as for `masking.masked_templates`.
        """
        found, rows = embeddings.copy(), np.flatnonzero(bare)
        for start in range(0, len(rows), _BLOCK):
            part = rows[start : start + _BLOCK]
            faces = self._chips[1][part]
            found[part], _ = masked_templates(
                self.embeddings, faces, embeddings[part], count=count, alignment=alignment
            )
        return found

    def test_logits(self) -> np.ndarray:
        """Of the test rows: float32 array, shape (rows, classes)."""
        if self._as_trained:
            return models.predict(self._inputs.classifier, self._inputs.test)
        return models.predict(self.model, self._chips[1])


def open_results(
    test: FaceIndex,
    embeddings: np.ndarray,
    cohort: Cohort | None = None,
    templates: np.ndarray | None = None,
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What a run reports of people it was not trained on.

    Args:
        test: the rows.
        embeddings: float array, shape (rows, features).
        cohort: whom the gallery is compared with.
        templates: what is enrolled of each row, where that is not its embedding.

    Returns:
        (`evaluation.rank_one_report`; {"embeddings": embeddings}, the cohort's arrays and "templates").
    """
    faces = EmbeddedFaces.of(test.faces, embeddings, templates, cohort)
    return rank_one_report(faces), faces.arrays()


def report_domains(test: FaceIndex, labels: np.ndarray, logits: np.ndarray) -> dict[str, Any]:
    """`evaluation.classification_report` of each domain that the rows hold.

    Args:
        test: the rows.
        labels: int array, shape (rows,).
        logits: float array, shape (rows, classes).

    Returns:
        {domain: report}.
    """
    domains = np.array([face.domain for face in test.faces])
    people = np.array([face.person for face in test.faces], dtype=object)
    return {
        domain: classification_report(
            labels[domains == domain], logits[domains == domain], list(people[domains == domain])
        )
        for domain in sorted(set(domains.tolist()))
    }


def finish(
    folder: str,
    model: keras.Model,
    metrics: dict[str, Any],
    predictions: dict[str, np.ndarray],
) -> None:
    """Writes model, predictions and, last of all, metrics into a run folder, whose run.json then has the
    digests of all files that are evaluated.

    Args:
        folder: the path.
        model: images -> logits.
        metrics: what `report_domains` or `open_results` found.
        predictions: arrays by name.

    Raises:
        OSError: if the disk is full; nothing is half-written.
    """
    with whole_file(os.path.join(folder, MODEL)) as partial:
        model.save(partial)
    with whole_file(os.path.join(folder, PREDICTIONS)) as partial:
        np.savez(partial, **predictions)  # type: ignore[arg-type]  # NumPy's stub takes any for a flag
    text = json.dumps(metrics, indent=2, allow_nan=False) + "\n"
    files = {
        name: file_kind.sha256(os.path.join(folder, name))
        for name in (MANIFEST, RECIPE, MODEL, PREDICTIONS)
    }
    files[METRICS] = hashlib.sha256(text.encode()).hexdigest()
    record = os.path.join(folder, RECORD)
    write_json(record, read_json(record) | {"files": files})
    write_text(os.path.join(folder, METRICS), text)
