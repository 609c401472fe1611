"""Bad files through listing, audit, pipeline and recognizer: no crash, no hang, no silent drop."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maskedface import audit, datasets, images
from maskedface.datasets import FaceIndex
from maskedface.images import ImageError
from maskedface.recognition import Recognizer, identify_all, photo_files
from tests.recognition.conftest import colors_model  # noqa: F401  (a fixture)
from tests.reliability.bad_files import corpus

UNREADABLE = "unreadable: Permission denied"

# Pillow remarks on odd metadata of images that it does decode.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")


@contextlib.contextmanager
def nobody() -> Iterator[None]:
    """As an unprivileged user, since root may read everything."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def root() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp())  # pytest's own folders are open to their owner alone
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def readable(path: str) -> bool:
    try:
        images.read_image(path)
    except (ImageError, OSError):
        return False
    return True


def survives(root: Path, count: int) -> None:
    kinds = corpus(root, count)
    index = datasets.rmfrd(root)
    found = {row.path for row in (*index.faces, *index.excluded)}
    # Every file and every folder with an image's name has a row; so has the name that was changed.
    named = {path for path, kind in kinds.items() if kind != "name"}
    assert named <= found and len(found) == count + 1  # the folder that links to one above it
    with nobody():
        report = audit.audit_images(index, progress=False, check_domains=False)
        good = {path for path, face in zip(index.paths, index.faces, strict=True) if readable(path)}
    bad = {row.path: row.reason for row in report.undecodable}
    assert report.images == len(index)
    # The audit and the pipeline agree on every file.
    assert {os.path.relpath(path, root) for path in good} == {f.path for f in index.faces} - set(
        bad
    )
    for path, kind in kinds.items():
        if kind in ("bomb", "empty", "unreadable", "loop", "dangling", "pipe"):
            assert path in bad, kind
        if kind in ("animated", "cmyk", "16 bit", "turned", "whole"):
            assert path not in bad, (kind, bad.get(path))
        if kind == "unreadable":
            assert bad[path] == UNREADABLE
    clean = audit.usable(index, report)
    assert {row.path for row in clean.excluded} == {*bad, *(row.path for row in index.excluded)}
    _pipeline(clean)


def _pipeline(clean: FaceIndex) -> None:
    rows = 0
    for seen, labels in datasets.as_tf_dataset(clean, image_size=32, batch_size=64):
        assert seen.shape[1:] == (32, 32, 3) and len(seen) == len(labels)
        rows += len(seen)
    assert rows == len(clean) > 0


# Three hundred files.
@pytest.mark.long
def test_three_hundred_bad_files_are_all_accounted_for(root: Path) -> None:
    survives(root, 300)


# Minutes of reading.
@pytest.mark.slow
def test_ten_thousand_bad_files_are_all_accounted_for_in_bounded_memory(root: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    survives(root, 10_000)
    # In KiB. Headers are changed to sizes just below the limit, and a few threads decode at once.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2 * 2**20


def identified(recognizer: Recognizer, root: Path, count: int) -> None:
    corpus(root, count)
    paths = photo_files(root)
    recognizer.gallery.enroll(["ada"], np.ones((1, recognizer.embedder.features)))
    with nobody():
        results = list(identify_all(recognizer, paths, progress=False))
        good = {path for path in paths if readable(path)}
    assert [result.path for result in results] == paths
    assert {result.path for result in results if not result.error} == good
    assert len(good) > count / 6 and len(paths) - len(good) > count / 6


def test_ninety_bad_photographs_are_named_and_stop_nothing(
    colors_model: Any,  # noqa: F811
    root: Path,
) -> None:
    aligned = Recognizer(colors_model, alignment="arcface", aligned_to="arcface")
    identified(aligned, root, 90)


# A detector over three hundred files takes a minute and more.
@pytest.mark.slow
def test_three_hundred_bad_photographs_go_through_the_detector(
    colors_model: Any,  # noqa: F811
    root: Path,
) -> None:
    identified(Recognizer(colors_model, alignment="arcface"), root, 300)


def test_a_folder_that_cannot_be_listed_is_an_error(root: Path) -> None:
    (root / "AFDB_face_dataset" / "ada").mkdir(parents=True)
    (root / "AFDB_face_dataset" / "ada").chmod(0)
    with nobody(), pytest.raises(PermissionError, match="ada"):
        datasets.rmfrd(root)
    (root / "AFDB_face_dataset" / "ada").chmod(0o755)


def test_a_pipe_is_refused_not_waited_on(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(ImageError, match="must be a regular file"):
        images.read_image(tmp_path / "pipe.jpg")
