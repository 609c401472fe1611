"""A network that is kept embeds the same, is another's when its file changes, and may be damaged."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maskedface import models
from maskedface.engines import KerasEmbedder
from maskedface.recognition import Gallery, Recognizer, quick_start
from maskedface.recognition.quick_start import is_kept, keep, kept_embedder
from tests.faces import draw_face

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("ai_edge_litert") is None, reason="LiteRT is not installed"
)


@pytest.fixture
def network(colors_model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Any]:
    """A .keras file's name, and its embedder; networks are kept in a folder of the test."""
    monkeypatch.setenv("MASKEDFACE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(quick_start.SWITCH, raising=False)
    path = str(tmp_path / "colors.keras")
    models.with_alignment(colors_model, "arcface").save(path)
    return path, KerasEmbedder(models.with_alignment(colors_model, "arcface"))


@pytest.fixture(scope="module")
def converted(
    colors_model: Any, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, KerasEmbedder, Path]:
    """A .keras file's name, its embedder, and the folder where the network was kept."""
    folder = tmp_path_factory.mktemp("kept")
    path = str(folder / "colors.keras")
    model = models.with_alignment(colors_model, "arcface")
    model.save(path)
    embedder = KerasEmbedder(model)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MASKEDFACE_CACHE", str(folder / "cache"))
        patch.delenv(quick_start.SWITCH, raising=False)
        assert kept_embedder(path, None) is None and not is_kept(path, None)
        assert keep(path, None, embedder)
    return path, embedder, folder / "cache"


@pytest.fixture
def kept(
    converted: tuple[str, KerasEmbedder, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, KerasEmbedder]:
    """The network's name and embedder; it is kept in a folder of the test."""
    path, embedder, cache = converted
    shutil.copytree(cache, tmp_path / "cache")
    monkeypatch.setenv("MASKEDFACE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(quick_start.SWITCH, raising=False)
    return path, embedder


def test_a_kept_network_is_the_network(kept: tuple[str, KerasEmbedder]) -> None:
    path, embedder = kept
    assert is_kept(path, None)
    found = kept_embedder(path, None)
    assert found is not None
    faces = np.stack([draw_face(n, 0, False, size=64) for n in range(5)])
    np.testing.assert_allclose(found(faces), embedder(faces), atol=1e-6)
    assert found.facts() == {**embedder.facts(), "engine": "litert"}
    gallery = Recognizer(embedder).gallery
    assert Recognizer(found, gallery=gallery).fingerprint == embedder.fingerprint


def test_a_changed_file_is_not_the_network_that_was_kept(kept: tuple[str, KerasEmbedder]) -> None:
    path, _ = kept
    assert kept_embedder(path, "dlib") is None  # opened as another
    before = os.stat(path)
    os.utime(path, ns=(1, 1))
    try:
        assert kept_embedder(path, None) is None and not is_kept(path, None)
    finally:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("ending", [".tflite", ".tflite.json"])
@pytest.mark.parametrize("content", [b"", b"no network", None])
def test_a_damaged_file_is_passed_over(
    kept: tuple[str, KerasEmbedder], ending: str, content: bytes | None, tmp_path: Path
) -> None:
    path, _ = kept
    (damaged,) = [p for p in (tmp_path / "cache").iterdir() if p.name.endswith(ending)]
    if content is None:
        damaged.unlink()
    else:
        damaged.write_bytes(content)
    assert kept_embedder(path, None) is None


def test_a_network_that_cannot_be_kept_is_tried_once(
    network: tuple[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, embedder = network

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no such operation in LiteRT")

    monkeypatch.setattr("maskedface.exporting.export", fail)
    assert not keep(path, None, embedder)
    assert is_kept(path, None) and kept_embedder(path, None) is None


def test_nothing_is_kept_where_it_cannot_be(
    network: tuple[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path, embedder = network
    assert kept_embedder("runs/nowhere", None) is None
    assert not keep("friends.onnx", None, embedder) and is_kept("friends.onnx", None)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MASKEDFACE_CACHE", str(tmp_path / "file"))
    assert not keep(path, None, embedder)
    monkeypatch.setenv(quick_start.SWITCH, "0")
    assert is_kept(path, None) and kept_embedder(path, None) is None


# Three processes, one of which imports TensorFlow.
@pytest.mark.long
def test_the_second_command_says_the_same_without_tensorflow(
    network: tuple[str, Any], tmp_path: Path
) -> None:
    import json
    import subprocess
    import sys

    from PIL import Image

    path, embedder = network
    recognizer = Recognizer(embedder, gallery=Gallery(source=path), aligned_to="arcface")
    recognizer.enroll("Ada", [draw_face(0, 0, False)])
    recognizer.gallery.save(tmp_path / "friends.npz")
    Image.fromarray(draw_face(0, 1, False)).save(tmp_path / "ada.png")
    code = (
        "import sys\n"
        "from maskedface.cli.main import main\n"
        "code = main(sys.argv[1:])\n"
        "print(code, sorted({'tensorflow', 'keras', 'sklearn', 'matplotlib'} & {*sys.modules}))"
    )
    said, found = [], []
    for number in range(2):
        words = ["identify", "--gallery", "friends.npz", "ada.png", "--json", f"{number}.json"]
        done = subprocess.run(
            [sys.executable, "-c", code, *words], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert "INFO" not in done.stderr and "oneDNN" not in done.stderr
        said.append(done.stdout.splitlines()[-1])
        found.append(json.loads((tmp_path / f"{number}.json").read_text())["photos"])
    assert said == ["1 ['keras', 'tensorflow']", "1 []"]
    (first,), (second,) = (photos[0]["faces"] for photos in found)
    assert first.pop("candidates")[0]["score"] == pytest.approx(
        second.pop("candidates")[0]["score"], abs=1e-6
    )
    assert first == second
