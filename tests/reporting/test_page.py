from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from maskedface import datasets, reporting, training
from maskedface.cli.main import main
from maskedface.datasets import FaceIndex
from maskedface.recipes import COSINE_MARGIN, FROZEN_MEANS
from tests.browser import check_clean, opened, started

pytestmark = pytest.mark.long  # each test shares trained runs


@pytest.fixture(scope="module")
def runs(drawn: FaceIndex, tiny_backbone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained closed run, one of class means, and an open one."""
    folder = tmp_path_factory.mktemp("runs")
    words = {"backbone": tiny_backbone, "progress": False}
    train, test = datasets.split_by_image(drawn)
    one = COSINE_MARGIN.override(epochs=2)
    training.train(one, train, test, run_dir=folder / "trained", **words)
    training.train(FROZEN_MEANS, train, test, run_dir=folder / "means", **words)
    train, test = datasets.split_by_person(drawn, train_fraction=0.5, seed=1)
    training.train(FROZEN_MEANS, train, test, run_dir=folder / "open", **words)
    return folder


@pytest.fixture(scope="module")
def page(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    assert main(["report", str(runs), "--out", str(path)]) == 0
    return path


# It shares trainings.
@pytest.mark.long
def test_the_papers_figures_stand_beside_ours(page: Path, runs: Path) -> None:
    text = page.read_text(encoding="utf-8")
    metrics = json.loads((runs / "trained" / "metrics.json").read_text())["masked"]
    assert "masked: the paper, RMFRD" in text and "0.479" in text and "2.409" in text
    assert f"{metrics['accuracy']:.3f} [" in text and f">{metrics['loss']:.3f}<" in text


def test_what_a_run_has_no_data_for_is_said(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert "Not trained: " in text
    assert "a single person has no impostor pairs" in text  # the open run tests on one


def test_the_manifests_hash_is_its_files(page: Path, runs: Path) -> None:
    import hashlib

    for run in ("trained", "open"):
        digest = hashlib.sha256((runs / run / "manifest.csv").read_bytes()).hexdigest()
        assert digest in page.read_text(encoding="utf-8")


# It shares trainings.
@pytest.mark.long
def test_without_faces_there_is_no_image_no_name_and_no_path(
    runs: Path, drawn: FaceIndex, tmp_path: Path
) -> None:
    out = tmp_path / "plain.html"
    assert main(["report", str(runs), "--out", str(out), "--no-faces"]) == 0
    text = out.read_text(encoding="utf-8")
    assert "data:image" not in text and str(drawn.root) not in text
    assert not [person for person in drawn.people if person in text]
    assert str(runs) not in text


def test_each_face_is_shown_and_the_page_says_to_whom_not_to_give_it(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert "data:image/jpeg" in text and "Do not publish it" in text


def test_a_group_is_found_a_folder_and_a_step(runs: Path) -> None:
    labels = {group.label for group in reporting.find_groups(runs)}
    assert labels == {f"{runs.name}/{name}" for name in ("trained", "means", "open")}
    assert [group.label for group in reporting.find_groups(runs / "open")] == ["open"]


def test_a_folder_without_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="RUN must be a run folder. Received:"):
        reporting.find_groups(tmp_path)


def test_a_label_that_occurs_twice_is_refused(runs: Path, tmp_path: Path) -> None:
    group = reporting.find_groups(runs / "open")[0]
    with pytest.raises(
        ValueError, match="groups must be at least one, with different labels.* Received:"
    ):
        reporting.write_report([group, group], tmp_path / "out.html")


def test_a_matchs_hits_are_the_metrics(runs: Path) -> None:
    for group in reporting.find_groups(runs):
        for kind, report in group.runs[0].metrics.items():
            hits = group.matches[0][kind].hits()
            assert hits.mean() == pytest.approx(report["accuracy"])


def test_attention_is_shown_and_its_share_beside_the_even_one(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert (
        text.count('alt="the same face with its heat map"') == 3 * 4
    )  # four masked test faces a run
    shares = re.findall(r'data-head="share in the mask area">(0\.\d{3}) \[', text)
    even = re.findall(r'data-head="uniform attention">(0\.\d{3})<', text)
    assert len(shares) == len(even) == 3 and 0.1 < float(even[0]) < 0.6
    assert ", paired<" in text  # the two closed runs, on the same faces


def test_attention_is_that_of_the_measuring_command(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from maskedface.reporting.grad_cam import masked_face_maps

    found = masked_face_maps(reporting.find_groups(runs / "open")[0])
    assert not isinstance(found, str)
    manifest, root = runs / "open" / "manifest.csv", training.Run(str(runs / "open")).record["data"]
    words = ["--manifest", str(manifest), "--data", root, "--protocol", "split"]
    assert main(["explain", str(runs / "open"), *words]) == 0
    assert f"{found.shares.mean():.3f} [" in capsys.readouterr().out


def test_without_a_model_there_is_no_attention(runs: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(runs / "means", tmp_path / "means")
    (copy / "model.keras").unlink()  # as a search's trials are
    assert main(["report", str(copy), "--out", str(tmp_path / "out.html")]) == 0
    assert "no attention. The run has no saved model." in (tmp_path / "out.html").read_text("utf-8")


def test_without_its_files_there_is_no_attention(runs: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(runs / "means", tmp_path / "means")
    record = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps(record | {"data": str(tmp_path / "gone")}))
    assert main(["report", str(copy), "--out", str(tmp_path / "out.html")]) == 0
    text = (tmp_path / "out.html").read_text(encoding="utf-8")
    assert "no attention. The image files no longer exist." in text


@pytest.mark.parametrize("package", ["jinja2", "matplotlib"])
def test_a_missing_package_is_named_with_its_pip_line(
    package: str, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    group = reporting.find_groups(runs / "open")[0]
    with pytest.raises(
        ModuleNotFoundError, match=rf'{package} must be .*pip install "maskedface\[report\]"'
    ):
        reporting.write_report([group], tmp_path / "out.html")
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with started() as found:
        yield found


@pytest.mark.browser
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_opens_without_an_error_a_request_or_an_overflow(
    browser: Any, page: Path, width: int, theme: str
) -> None:
    opened(browser, page.as_uri(), width, theme)
    check_clean(browser, page.as_uri(), width)
    sizes = browser.execute_script(
        "return [...document.querySelectorAll('figure svg')].map(s => {"
        "const r = s.getBoundingClientRect(), t = s.getBBox(); return [r.width, r.height, t.width]})"
    )
    assert len(sizes) == len(re.findall("<figure>", page.read_text(encoding="utf-8"))) > 10
    assert all(
        250 < wide <= 600 and 150 < high < 900 and drawn > 100 for wide, high, drawn in sizes
    )
    images = browser.execute_script(
        "return [...document.images].map(i => i.complete && i.naturalWidth > 0)"
    )
    assert images and all(images)


@pytest.mark.browser
def test_dark_is_dark(browser: Any, page: Path) -> None:
    colors = []
    for theme in ("light", "dark"):
        opened(browser, page.as_uri(), 1280, theme)
        colors.append(
            browser.execute_script(
                "return [getComputedStyle(document.body).backgroundColor,"
                "getComputedStyle(document.querySelector('figure svg text')).fill]"
            )
        )
    (light_paper, light_text), (dark_paper, dark_text) = colors
    assert light_paper != dark_paper and light_text != dark_text
