"""An ONNX file in an empty folder is evaluated, and names the people of a gallery made with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from maskedface import datasets, synthetic
from maskedface.cli.main import main
from maskedface.recognition import Gallery

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from tests.engines import onnx_files

SAID = ["--model-alignment", "arcface", "--input-range=-1,1", "--channels", "BGR"]
TOLD = "alignment arcface, 32 px, range -1 to 1, channels BGR"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a network and nothing else, which one stands in."""
    folder = tmp_path / "empty"
    folder.mkdir()
    onnx_files.write_mean(folder / "net.onnx", ["n", 3, 32, 32])
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def people(tmp_path: Path) -> Path:
    for person in range(4):
        (tmp_path / "people" / f"p{person}").mkdir(parents=True)
        for photo in range(2):
            face = synthetic.draw_face(person, photo, False)
            Image.fromarray(face).save(tmp_path / "people" / f"p{person}" / f"{photo}.png")
    return tmp_path / "people"


def test_a_gallery_is_made_and_used_by_the_network(
    folder: Path, people: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--gallery", "g.npz", "--alignment", "arcface"]
    assert main(["enroll", *words, "--model", "net.onnx", *SAID, str(people), "--fpir", "0.2"]) == 0
    assert TOLD in capsys.readouterr().out
    # The gallery knows the network, and the file beside the network what it takes.
    photo = str(people / "p2" / "0.png")
    main(["identify", *words, photo, "--threshold", "0.999"])
    printed = capsys.readouterr().out
    assert TOLD in printed and "p2" in printed
    assert main(["verify", photo, photo, *words, "--threshold", "0.999"]) == 0
    assert Gallery.load("g.npz").source == str(folder / "net.onnx")


def test_a_protocol_is_run_with_the_network(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    index = synthetic.draw_people(tmp_path / "faces", people=12, photos=3, size=64)
    part = {"train": [], "test": []}
    for face in index.faces:
        part["train" if face.person < "person_0006" else "test"].append(face.path)
    manifest = tmp_path / "manifest.csv"
    datasets.write_manifest(
        manifest,
        index,
        {
            "open": {
                name: index.where(lambda f, p=paths: f.path in p) for name, paths in part.items()
            }
        },
    )
    words = ["--protocol", "open", "--manifest", str(manifest), "--data", str(tmp_path / "faces")]
    counts = ["--enrolled", "3", "--draws", "2", "--fpir", "0.5", "--far", "0.1"]
    assert main(["evaluate", "net.onnx", *SAID, *words, *counts]) == 0
    printed = capsys.readouterr().out
    assert TOLD in printed and "net.onnx" in printed
    assert sorted(path.name for path in folder.iterdir()) == ["net.onnx", "net.onnx.json"]


@pytest.mark.parametrize(
    ("left_out", "asked"),
    [(0, "--model-alignment"), (2, "--input-range"), (3, "--channels")],
)
def test_a_word_that_is_missing_is_asked_for(
    folder: Path, people: Path, left_out: int, asked: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = {0: SAID[2:], 2: SAID[:2] + SAID[3:], 3: SAID[:3]}
    words = ["--gallery", "g.npz", "--model", "net.onnx", "--alignment", "arcface", str(people)]
    assert main(["enroll", *words, *pairs[left_out]]) == 2
    error = capsys.readouterr().err
    assert "must be given once" in error and asked in error
    assert not (folder / "net.onnx.json").exists() and not (folder / "g.npz").exists()


@pytest.mark.parametrize(
    "words", [["--input-range=-1,1"], ["--channels", "RGB"], ["--input-size", "32"]]
)
def test_words_for_onnx_files_are_refused_for_others(
    folder: Path, people: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["enroll", "--gallery", "g.npz", "--model", "dlib", str(people), *words]) == 2
    assert f"{words[0].split('=')[0]} must come with an .onnx file" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["1", "a,b", "1,2,3", "0,inf", ""])
def test_a_range_that_is_none_is_refused_as_words_are_read(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["verify", "a", "b", "--model", "net.onnx", f"--input-range={text}"])
    assert "LOW,HIGH" in capsys.readouterr().err
