"""adapt: from photographs of unknown people to a network that all commands take."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from maskedface import datasets, models, synthetic
from maskedface.cli.main import main
from maskedface.models.saved import load_model
from maskedface.training import Run


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 people with an unmasked and a masked photograph each, aligned."""
    root = tmp_path_factory.mktemp("photographs")
    synthetic.draw_people(root, people=30, photos=1, size=64)
    return root


def test_a_folder_of_photographs_adapts_a_network(
    photographs: Path, colors: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loose = tmp_path / "loose"
    loose.mkdir()
    for number, path in enumerate(sorted(photographs.rglob("*.jpg"))):
        shutil.copy(path, loose / f"{number}.jpg")
    (loose / "broken.jpg").write_bytes(b"no image")
    out = tmp_path / "adapted.keras"
    words = ["adapt", str(colors), str(loose), "--alignment", "arcface", "--out", str(out)]
    assert main(words) == 1  # a photograph could not be read
    printed = capsys.readouterr().out
    assert "masked and" in printed and "left out: 1 images" in printed
    assert "broken.jpg" in printed
    model = load_model(out)
    assert models.alignment_of(model) == "arcface"
    assert any(layer.name == "adapt_map" for layer in model.layers)


def test_a_manifest_adapts_it_and_galleries_take_it(
    photographs: Path, colors: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    index = datasets.rmfrd(photographs, alignment="arcface")
    datasets.write_manifest(tmp_path / "rows.csv", index)
    out = str(tmp_path / "adapted.keras")
    where = ["--data", str(photographs), "--manifest", str(tmp_path / "rows.csv")]
    assert main(["adapt", str(colors), *where, "--out", out]) == 0
    assert "left out" not in capsys.readouterr().out
    people = tmp_path / "people"
    folder = photographs / "AFDB_face_dataset"
    for person in sorted(folder.iterdir())[:3]:
        shutil.copytree(person, people / person.name)
    gallery = str(tmp_path / "friends.npz")
    enroll = ["enroll", "--gallery", gallery, "--model", out, "--alignment", "arcface"]
    assert main([*enroll, str(people)]) == 0
    shutil.copy(next((people / "person_0001").iterdir()), tmp_path / "probe.jpg")
    identify = ["identify", "--gallery", gallery, "--alignment", "arcface", "--threshold", "0.99"]
    capsys.readouterr()
    assert main([*identify, str(tmp_path / "probe.jpg")]) == 0
    assert "person_0001" in capsys.readouterr().out


def test_a_photograph_given_twice_counts_once(
    photographs: Path, colors: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    link = tmp_path / "link"
    link.symlink_to(photographs)
    out = str(tmp_path / "adapted.keras")
    places = [str(photographs), str(link), f"{photographs}/../{photographs.name}"]
    assert main(["adapt", str(colors), *places, "--alignment", "arcface", "--out", out]) == 0
    printed = capsys.readouterr().out
    masked, unmasked = (int(word) for word in printed.split() if word.isdigit())
    assert masked + unmasked == 60


def test_a_runs_own_model_is_not_replaced(
    open_run: Run, photographs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = Path(open_run.path) / "model.keras"
    before = model.read_bytes()
    assert main(["adapt", open_run.path, str(photographs), "--out", str(model)]) == 2
    assert "--out must not be in a run's folder" in capsys.readouterr().err
    assert model.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["PHOTOS", "--out", "adapted.h5"], "--out must end in .keras"),
        (["--out", "a.keras"], "photographs must be given, or --data or --manifest"),
        (["PHOTOS", "--data", "PHOTOS", "--out", "a.keras"], "and not both"),
        (["none-here", "--out", "a.keras"], "a file to read must exist"),
        (["PHOTOS", "--out", "a.keras", "NO-MODEL"], "a file to read must exist"),
        (["PHOTOS", "--out", "a.keras", "NO-RUN"], "a finished run"),
        (["PHOTOS", "--out", "MODEL"], "an output must be a file of its own"),
        (["PHOTOS", "--domain", "masked", "--out", "a.keras"], "--domain must come with --data"),
        (["PHOTOS", "--min-masked", "8", "--out", "a.keras"], "--min-masked must come with"),
    ],
)
def test_what_cannot_be_done_is_refused_before_any_work(
    words: list[str],
    said: str,
    photographs: Path,
    colors: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("maskedface.landmarks.align", None)
    places = {"PHOTOS": str(photographs), "MODEL": str(colors)}
    network = {"NO-MODEL": "nowhere", "NO-RUN": str(photographs)}.get(words[-1], str(colors))
    given = [places.get(word, word) for word in words if not word.startswith("NO-")]
    assert main(["adapt", network, *given]) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
