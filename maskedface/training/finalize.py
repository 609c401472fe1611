"""The end of a run: class means, cohort, evaluation of the test rows, and the files."""

from __future__ import annotations

import keras
import numpy as np

from maskedface import models
from maskedface.evaluation import Cohort, EmbeddedFaces, rank_one_report
from maskedface.evaluation.scoring import photo_counts
from maskedface.layers import RandomMask
from maskedface.masking import masked_templates
from maskedface.models.heads import cosine_head, with_head
from maskedface.training.data import Data
from maskedface.training.domain_reports import report_domains
from maskedface.training.feature_cache import Inputs
from maskedface.training.joining import AugmentedFaces, joined_backbone
from maskedface.training.means import class_means, refuse_infinite
from maskedface.training.network import Network
from maskedface.training.run_dir import finish

_BLOCK = 1024  # faces given masks at a time: 69 MB at 150 px


def finalize(folder: str, network: Network, data: Data, inputs: Inputs) -> None:
    """Sets the head's class means, scores the test rows and writes model, predictions and metrics.

    Args:
        folder: the run folder.
        network: the trained network.
        data: the faces.
        inputs: the trained part of the network and its inputs.

    Raises:
        ValueError: if an embedding or a logit is not finite.
        OSError: if the disk is full; no file is left incomplete.
    """
    recipe, rows = network.recipe, data.rows
    final = _FinalNetwork(network, data, inputs)
    found = final.set_means(with_cohort=rows.is_open and recipe.cohort > 0)
    embeddings = refuse_infinite(final.embed_part(inputs.test, data.test), "embeddings")
    if rows.is_open:
        masked = rows.test.masked
        templates = final.templates(embeddings, data.test, masked) if recipe.enroll_masks else None
        faces = EmbeddedFaces.of(rows.test.faces, embeddings, templates, found)
        finish(folder, final.model(), rank_one_report(faces), faces.arrays(), inputs.facts)
        return
    cohort = network.cohort
    if cohort is not None:
        final.set_cohort(cohort)
    labels = rows.test.labels(rows.train.people)
    logits = refuse_infinite(final.logits(embeddings), "logits")
    predictions = {"labels": labels, "logits": logits}
    if cohort is not None:
        predictions |= cohort.arrays()
    reports = report_domains(rows.test, labels, logits)
    finish(folder, final.model(), reports, predictions, inputs.facts)


class _FinalNetwork:
    """The final network of a run: its embedder, which may be joined with its feature map and have
    flip test-time augmentation, and its head."""

    def __init__(self, network: Network, data: Data, inputs: Inputs) -> None:
        self.network, self.data, self.inputs = network, data, inputs
        self.backbone = joined_backbone(network, data)
        self.joins = self.backbone is not network.backbone
        self.head = network.head
        trained = cosine_head(network.learner)
        self.scale = 24.0 if trained is None else trained.scale

    def embed_part(self, seen: np.ndarray, chips: np.ndarray) -> np.ndarray:
        """Embeddings of the training or test rows, from the training inputs if possible."""
        return self.embed(chips) if self.joins else self.inputs.embeddings(seen)

    def embed(self, chips: np.ndarray) -> np.ndarray:
        """Embeddings of any faces: float32 array, shape (faces, features)."""
        return models.predict(self.backbone, chips)

    def set_means(self, *, with_cohort: bool) -> Cohort | None:
        """Sets the head's weights to class means, if the recipe ends with them.

        Returns:
            The cohort of the training identities, if the recipe uses one. If no training face is
            masked, each also counts with a drawn mask, since means of unmasked faces alone do not
            predict the similarity to masked ones.
        """
        recipe, plan = self.network.recipe, self.data.plan
        if recipe.head_final == "trained" and not with_cohort:
            return None
        photos = self.data.rows.photos if recipe.head_final == "photo_means" else None
        embeddings = self.embed_part(self.inputs.train, self.data.train)
        refuse_infinite(embeddings, "embeddings")
        if recipe.enroll_masks and not self.data.rows.is_open:  # the training faces are enrolled
            embeddings = self.templates(embeddings, self.data.train, plan.masked)
        means = class_means(embeddings, plan.labels, photos)
        if recipe.head_final != "trained":
            self.set_centers(means)
        if not with_cohort:
            return None
        if not plan.masked.any():
            embeddings = np.concatenate([embeddings, self.embed_masked()])
            means = class_means(embeddings, np.tile(plan.labels, 2), photos and photos * 2)
        return Cohort(means.T, recipe.cohort)

    def embed_masked(self) -> np.ndarray:
        """Embeddings of the training rows with drawn masks."""
        faces = AugmentedFaces(self.network, self.data, [RandomMask(1.0)])
        return np.concatenate([self.embed(images) for images, _ in faces])

    def templates(
        self, embeddings: np.ndarray, faces: np.ndarray, masked: np.ndarray
    ) -> np.ndarray:
        """The embeddings to enroll, of faces of which some are masked: of unmasked ones, with and
        without a drawn mask (`masked_templates`)."""
        rows = np.flatnonzero(~masked)
        found = embeddings.copy()
        for start in range(0, len(rows), _BLOCK):
            part = rows[start : start + _BLOCK]
            found[part] = masked_templates(
                self.embed,
                np.asarray(faces[part]),
                embeddings[part],
                count=self.network.recipe.enroll_masks,
                alignment=self.network.alignment,
            )
        return found

    def set_centers(self, centers: np.ndarray, offsets: np.ndarray | None = None) -> None:
        """Replaces the head by a cosine head with these centers: float array, shape (features,
        people)."""
        self.head = models.CosineHead(
            centers.shape[1], scale=self.scale, with_offsets=offsets is not None
        )
        self.head.build((None, centers.shape[0]))
        self.head.set_weights([centers] if offsets is None else [centers, offsets])

    def set_cohort(self, cohort: Cohort) -> None:
        """Adds a cohort's offsets of the centers to the head."""
        centers = np.asarray(self.head.get_weights()[0])
        counted = photo_counts(self.data.plan.labels.tolist(), self.data.rows.photos)
        photos = np.array([counted[person] for person in range(centers.shape[1])])
        self.set_centers(centers, -cohort.offsets(np.ascontiguousarray(centers.T), photos))

    def logits(self, embeddings: np.ndarray) -> np.ndarray:
        """Of embeddings: float32 array, shape (faces, people)."""
        starts = range(0, len(embeddings), _BLOCK)
        blocks = [np.asarray(self.head(embeddings[at : at + _BLOCK])) for at in starts]
        return np.concatenate(blocks)

    def model(self) -> keras.Model:
        """Images -> logits; for an open set without class means, with the trained head."""
        return with_head(self.backbone, self.head)
