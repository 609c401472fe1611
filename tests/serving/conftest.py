"""Services with drawn people."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines import onnx_files
from tests.serving.services import TOKEN, Running, new_gallery, running


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`colors` as an ONNX file, by which a service starts without TensorFlow, so in a fifth of the time."""
    from maskedface.engines import OnnxEmbedder

    path = onnx_files.write_colors(tmp_path_factory.mktemp("network") / "colors.onnx")
    OnnxEmbedder(path, alignment="arcface", input_range=(0, 255), channels="RGB").remember()
    return path


@pytest.fixture(scope="session")
def open_service(colors: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """On this machine alone, by Keras, without tokens; people 0 to 3 are enrolled."""
    gallery = new_gallery(tmp_path_factory.mktemp("open"), colors, 0, 1, 2, 3)
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
