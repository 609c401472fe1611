"""Labels with the domain beside them, in both forms, for every loss and for Keras' own accuracy."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from maskedface import losses
from maskedface.datasets import with_domain

LABELS, MASKED = np.array([0, 1, 2, 1, 0, 2]), np.array([True, False, True, True, False, False])
COLUMNS = np.stack([LABELS, MASKED], 1)
LOGITS = np.random.default_rng(0).normal(size=(6, 6)).astype("float32")
LOSSES = {
    "margin": losses.CosineMargin(),
    "arcface": losses.ArcFace(),
    "center": losses.CenterLoss(),
    "ranking": losses.DomainRanking(),
    "triplet": losses.SelfRestrainedTriplet(),
    "coral": losses.Coral(),
    "alignment": losses.PairAlignment(),
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_reads_both_forms_alike(name: str) -> None:
    wide = with_domain(LABELS, MASKED, 6 if name in ("margin", "arcface") else 3)
    found, expected = (float(LOSSES[name](y_true, LOGITS)) for y_true in (wide, COLUMNS))
    assert found == expected


def test_keras_accuracy_reads_the_person() -> None:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Identity()])
    model.compile("sgd", losses.CosineMargin(), metrics=["accuracy"])
    logits, y_true = np.eye(3, dtype="float32")[LABELS], with_domain(LABELS, MASKED, 3)
    assert model.evaluate(logits, y_true, verbose=0, return_dict=True)["accuracy"] == 1
    assert model.evaluate(-logits, y_true, verbose=0, return_dict=True)["accuracy"] < 0.5


def test_domains_of_one_person_are_refused() -> None:
    with pytest.raises(ValueError, match="classes must be at least 2. Received: classes=1"):
        with_domain(np.zeros(2, int), np.zeros(2, bool), 1)
