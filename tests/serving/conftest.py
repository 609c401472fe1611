"""A network without a mind of its own, and services with drawn people."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving.services import TOKEN, Running, new_gallery, running


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Faces -> their 48 mean colors about gray, as a .keras file."""
    import keras
    from keras import layers

    from maskedface import models

    image = keras.Input((64, 64, 3))
    x = models.FaceAlignment("arcface", name="face_alignment")(image)
    x = layers.Rescaling(1 / 128, -1.0)(x)
    x = layers.AveragePooling2D(16)(x)
    path = tmp_path_factory.mktemp("network") / "colors.keras"
    keras.Model(image, layers.Flatten()(x), name="colors").save(path)
    return path


@pytest.fixture(scope="session")
def open_service(network: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """On this machine alone, without tokens; people 0 to 3 are enrolled."""
    gallery = new_gallery(tmp_path_factory.mktemp("open"), network, 0, 1, 2, 3)
    with running(gallery) as service:
        yield service


@pytest.fixture(scope="session")
def strict_service(network: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """With a token, for others too, and with small limits."""
    folder = tmp_path_factory.mktemp("strict")
    gallery = new_gallery(folder, network, 0)
    tokens = folder / "tokens"
    tokens.write_text(f"# who\ndoor: {TOKEN}\n")
    words = ["--host", "0.0.0.0", "--token-file", str(tokens), "--max-bytes", "200000"]
    words += ["--max-pixels", "1000000", "--queue", "2", "--batch", "1", "--read-time-out", "2"]
    with running(gallery, *words, token=TOKEN) as service:
        yield service
