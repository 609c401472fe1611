"""Drawn people and tiny networks, made once a session."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from typing import TYPE_CHECKING

import pytest

from maskedface import datasets, synthetic
from maskedface.datasets import FaceIndex

if TYPE_CHECKING:
    from maskedface.training import Run


def pytest_configure() -> None:
    """The million objects that collecting imports are looked through once, not again and again."""
    gc.disable()


def pytest_collection_finish() -> None:
    """What was imported stays; what tests leave is looked for less often than Python would."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 10, 5)
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What tests find goes not to the user's own cache, nor comes from there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MASKEDFACE_QUICK_START", "0")  # a conversion takes seconds
        patch.setenv("MASKEDFACE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> FaceIndex:
    """Four people, four photos a domain, in RMFRD's layout."""
    root = tmp_path_factory.mktemp("drawn")
    return synthetic.draw_people(root, people=4, photos=4, size=64)


@pytest.fixture(scope="session")
def tiny_backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few convolutions with ResNet50's stage names at 64 px, as a .keras file."""
    import keras
    from keras import layers

    from maskedface import models

    keras.utils.set_random_seed(0)
    image = keras.Input((64, 64, 3))
    x = models.FaceAlignment("vggface2", name="face_alignment")(image)
    x = layers.Rescaling(1 / 128, -1.0, name="preprocess")(x)
    for stage in ("stem", "layer1", "layer2", "layer3", "layer4"):
        x = layers.Conv2D(8, 3, 2, "same", activation="relu", name=f"{stage}_conv")(x)
        if stage in ("layer2", "layer4"):  # each layer costs every test that trains
            x = layers.BatchNormalization(name=f"{stage}_bn")(x)
    x = layers.Flatten(name="pool")(x)
    path = tmp_path_factory.mktemp("backbone") / "tiny.keras"
    keras.Model(image, x, name="tiny").save(path)
    return path


@pytest.fixture(scope="session")
def colors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Faces at 64 px -> their 48 mean colors about gray, as a .keras file: where any embedding does."""
    import keras
    from keras import layers

    from maskedface import models

    image = keras.Input((64, 64, 3))
    x = models.FaceAlignment("arcface", name="face_alignment")(image)
    x = layers.Rescaling(1 / 128, -1.0)(x)
    x = layers.AveragePooling2D(16)(x)
    path = tmp_path_factory.mktemp("colors") / "colors.keras"
    keras.Model(image, layers.Flatten()(x), name="colors").save(path)
    return path


@pytest.fixture(scope="session")
def tiny_resnet50(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ResNet50 of two filters at 64 px, as a .keras file."""
    from maskedface import models

    path = tmp_path_factory.mktemp("resnet50") / "resnet50.keras"
    models.ResNet50(None, (64, 64, 3), filters=2, blocks=(1, 1, 1, 1)).save(path)
    return path


@pytest.fixture(scope="session")
def open_run(tiny_backbone: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """An untrained network on people of an open set, with a cohort and flip augmentation."""
    from maskedface import training
    from maskedface.recipes import Recipe

    folder = tmp_path_factory.mktemp("open")
    people = synthetic.draw_people(folder / "faces", people=8, photos=3, size=64)
    train, test = datasets.split_by_person(people, train_fraction=0.5, seed=0)
    return training.train(
        Recipe(
            name="means",
            head="cosine",
            head_final="class_means",
            epochs=0,
            mirror_join=True,
            cohort=20,
        ),
        train,
        test,
        run_dir=folder / "run",
        backbone=tiny_backbone,
        progress=False,
    )
