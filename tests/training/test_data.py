"""What is refused before any work, and what ends a training that comes to nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from maskedface import datasets, models, training
from maskedface.cli.main import main
from maskedface.datasets import FaceIndex
from maskedface.recipes import FROZEN_MEANS, Recipe
from maskedface.training.data import refuse_unscored

TRAINS = Recipe(name="trains", epochs=1, batch_size=8)


def only(index: FaceIndex, domain: str, photo: str | None = None) -> FaceIndex:
    faces = [face for face in index.faces if face.domain == domain]
    return FaceIndex(
        index.root, faces if photo is None else [f._replace(photo=photo) for f in faces]
    )


@pytest.mark.parametrize(
    "test",
    [
        lambda index: only(index, "masked"),
        lambda index: only(index, "unmasked", ""),
        lambda index: only(index, "unmasked", "one for all"),
    ],
    ids=["masked alone", "of no known photograph", "of one photograph"],
)
def test_strangers_of_whom_none_can_be_looked_for_are_refused(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path, test: Any
) -> None:
    train, others = datasets.split_by_person(drawn, train_fraction=0.5, seed=0)
    with pytest.raises(ValueError, match="test rows of an open-set split must contain .* Received"):
        training.train(
            FROZEN_MEANS, train, test(others), run_dir=tmp_path / "run", backbone=tiny_backbone
        )
    assert not (tmp_path / "run").exists()


def test_strangers_with_and_without_masks_can_be_scored(drawn: FaceIndex) -> None:
    refuse_unscored(drawn, is_open=True)


def test_no_test_rows_are_refused(drawn: FaceIndex) -> None:
    with pytest.raises(ValueError, match="test must not be empty. Received: 0 rows"):
        refuse_unscored(FaceIndex(drawn.root, []), is_open=False)


# A training or more.
@pytest.mark.long
def test_a_loss_that_is_no_number_ends_the_training_with_an_error(
    drawn: FaceIndex,
    tiny_backbone: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["--recipe", "paper_unmasked", "--backbone", str(tiny_backbone)]
    words += ["--run", str(tmp_path / "run")]
    changes = ("optimizer.learning_rate=1e30", "epochs=2", "freeze_through=none")
    settings = [word for change in changes for word in ("--set", change)]
    data = ["--data", str(drawn.root), "--landmarks", "none"]
    assert main(["train", *words, *settings, *data]) == 2
    assert "losses must stay finite: try a lower learning_rate" in capsys.readouterr().err
    assert not (tmp_path / "run" / "metrics.json").exists()
    assert not (tmp_path / "run" / "state.npz").exists()


def test_embeddings_that_are_no_numbers_leave_no_metrics(drawn: FaceIndex, tmp_path: Path) -> None:
    image = keras.Input((64, 64, 3))
    x = models.FaceAlignment("vggface2")(image)
    x = keras.layers.Dense(2, name="layer1_dense")(keras.layers.GlobalAveragePooling2D()(x))
    broken = keras.Model(image, x)
    broken.get_layer("layer1_dense").set_weights([np.full((3, 2), np.nan), np.zeros(2)])
    broken.save(tmp_path / "broken.keras")
    with pytest.raises(ValueError, match="embeddings must be finite"):
        training.train(
            TRAINS.override(epochs=0),
            *datasets.split_by_image(drawn),
            run_dir=tmp_path / "run",
            backbone=tmp_path / "broken.keras",
            progress=False,
        )
    assert not (tmp_path / "run" / "metrics.json").exists()
