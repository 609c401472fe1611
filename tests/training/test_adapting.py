from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np
import pytest

from maskedface import datasets, masking, models, recognition, synthetic, training
from maskedface.datasets import FaceIndex
from maskedface.datasets.augmentation import Augmentation
from maskedface.images import ImageError
from maskedface.layers import RandomMask
from maskedface.models.saved import load_model
from maskedface.recipes import Recipe
from maskedface.training import adapting


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> FaceIndex:
    """30 people with an unmasked and a masked photograph each."""
    root = tmp_path_factory.mktemp("photographs")
    return synthetic.draw_people(root, people=30, photos=1, size=64)


def chips(index: FaceIndex) -> np.ndarray:
    return datasets.read_aligned_faces(index, size=64, alignment="arcface")


def estimated(images: np.ndarray) -> np.ndarray:
    return np.array([masking.masked_probability(one, "arcface") >= 0.5 for one in images])


def seeming(
    photographs: FaceIndex, masked: int, unmasked: int, monkeypatch: pytest.MonkeyPatch
) -> FaceIndex:
    """Rows that read as some of the photographs, and seem to wear masks or not."""
    seems = iter([1.0] * masked + [0.0] * unmasked)
    monkeypatch.setattr(masking, "masked_probability", lambda chip, source: next(seems))
    faces = chips(photographs)
    monkeypatch.setattr(adapting, "read_row", lambda index, row, **words: faces[row % len(faces)])
    first = photographs.faces[0]
    rows = (first._replace(path=f"{number}.jpg") for number in range(masked + unmasked))
    return FaceIndex(photographs.root, rows)


def test_masks_are_estimated_and_domains_not_asked(colors: Path, photographs: FaceIndex) -> None:
    turned = FaceIndex(
        photographs.root, (face._replace(domain="unmasked") for face in photographs.faces)
    )
    found = training.adapt(colors, turned)
    images = chips(photographs)
    masked = estimated(images)
    assert (found.masked, found.unmasked) == (masked.sum(), (~masked).sum())
    assert found.masked >= 20 and found.drawn == 0 and not found.left_out
    wanted = models.adapt(load_model(colors), [(images, masked)])
    np.testing.assert_allclose(
        models.predict(found.model, images), models.predict(wanted, images), atol=1e-5
    )


def test_where_few_wear_masks_they_are_drawn(colors: Path, photographs: FaceIndex) -> None:
    masked = photographs.only("masked").faces[:5]
    index = FaceIndex(photographs.root, (*photographs.only("unmasked").faces, *masked))
    found = training.adapt(colors, index)
    assert 0 < found.masked < 20 and found.drawn == found.unmasked >= 20
    images = chips(index)
    flags = estimated(images)
    drawing = Augmentation([RandomMask(1.0)], alignment="arcface", size=64)
    numbers = drawing.draws(np.flatnonzero(~flags), 0, np.zeros(found.drawn, bool))
    drawn = np.asarray(drawing.apply(images[~flags], numbers, None))
    wanted = models.adapt(
        load_model(colors), [(images, flags), (drawn, np.ones(found.drawn, bool))]
    )
    np.testing.assert_allclose(
        models.predict(found.model, images), models.predict(wanted, images), atol=1e-5
    )


def test_errors_of_the_estimate_do_not_count_as_masked_faces(
    colors: Path, photographs: FaceIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of many unmasked faces some seem masked: 30 of 700 are no reason to draw no masks."""
    found = training.adapt(colors, seeming(photographs, 30, 670, monkeypatch))
    assert (found.masked, found.unmasked, found.drawn) == (30, 670, 670)
    found = training.adapt(colors, seeming(photographs, 40, 660, monkeypatch))
    assert (found.masked, found.unmasked, found.drawn) == (40, 660, 0)


def test_the_file_is_a_network_for_galleries(
    colors: Path, photographs: FaceIndex, tmp_path: Path
) -> None:
    found = training.adapt(colors, photographs)
    with pytest.raises(ValueError, match=r"path must end in .keras. Received: path='.*h5'"):
        found.save(tmp_path / "adapted.h5")
    found.save(tmp_path / "adapted.keras")
    embedder = recognition.Recognizer.load(tmp_path / "adapted.keras").embedder
    images = chips(photographs)
    np.testing.assert_allclose(
        embedder(images), models.predict(found.model, images), rtol=1e-4, atol=1e-5
    )
    assert embedder.alignment == "arcface"
    before = recognition.Recognizer.load(colors).embedder
    assert embedder.fingerprint != before.fingerprint


def test_a_full_disk_leaves_no_file(
    colors: Path, photographs: FaceIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = training.adapt(colors, photographs)

    def full(path: str) -> None:
        Path(path).write_bytes(b"a part")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(found.model, "save", full)
    with pytest.raises(OSError, match="No space left"):
        found.save(tmp_path / "adapted.keras")
    assert not os.listdir(tmp_path)


def test_what_cannot_be_read_or_is_not_located_is_left_out_and_named(
    colors: Path, photographs: FaceIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = photographs.faces[0]
    rows = [face._replace(alignment="") for face in photographs.faces[1:3]]
    other = FaceIndex(photographs.root, (broken, *rows, *photographs.faces[3:]))
    read = adapting.read_row

    def damaged(index: FaceIndex, row: int, **words: object) -> np.ndarray:
        if index.faces[row].path == broken.path:
            raise ImageError("image must be whole. Received: half")
        return read(index, row, **words)  # type: ignore[arg-type]

    monkeypatch.setattr(adapting, "read_row", damaged)
    found = training.adapt(colors, other)
    assert found.left_out == {
        broken.path: "image must be whole. Received: half",
        **{face.path: "its face is not located" for face in rows},
    }
    assert found.masked + found.unmasked == len(other) - 3


def test_a_photograph_that_goes_meanwhile_ends_it(
    colors: Path, photographs: FaceIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, seen = adapting.read_row, []

    def gone(index: FaceIndex, row: int, **words: object) -> np.ndarray:
        seen.append(row)
        if len(seen) > len(photographs):
            raise FileNotFoundError("gone")
        return read(index, row, **words)  # type: ignore[arg-type]

    monkeypatch.setattr(adapting, "read_row", gone)
    with pytest.raises(ImageError, match="must not change meanwhile. Received: .*: gone"):
        training.adapt(colors, photographs)


def test_too_few_faces_are_refused_before_the_network_is_opened(photographs: FaceIndex) -> None:
    few = FaceIndex(photographs.root, photographs.faces[:19])
    with pytest.raises(ValueError, match="faces must be at least 20. Received: faces=19"):
        training.adapt("no/such/network", few)


@pytest.mark.parametrize("others", [0, 12])
def test_faces_that_nearly_all_wear_masks_are_refused(
    others: int, colors: Path, photographs: FaceIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = seeming(photographs, 300, others, monkeypatch)
    said = f"and 5% of all, must be unmasked. Received: {others} unmasked and 300 masked"
    with pytest.raises(ValueError, match=said):
        training.adapt(colors, rows)


def test_below_a_hundred_faces_it_warns(
    colors: Path, photographs: FaceIndex, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "maskedface"):
        training.adapt(colors, photographs)
    assert "adapted to 60 faces: with 100 and more it gains more" in caplog.text


def test_a_run_on_whole_images_is_refused(
    drawn: FaceIndex, tiny_backbone: Path, photographs: FaceIndex, tmp_path: Path
) -> None:
    """Its file would be shown located faces."""
    train, test = datasets.split_by_image(datasets.rmfrd(drawn.root))  # nothing is located
    recipe = Recipe(name="whole", head="cosine", head_final="class_means", epochs=0, faces="whole")
    training.train(recipe, train, test, run_dir=tmp_path, backbone=tiny_backbone, progress=False)
    with pytest.raises(ValueError, match="network must expect located faces"):
        training.adapt(tmp_path, photographs)


def test_a_shrinkage_out_of_range_is_refused_before_faces_are_read(
    colors: Path, photographs: FaceIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapting, "read_row", None)
    with pytest.raises(ValueError, match="shrinkage must be in"):
        training.adapt(colors, photographs, shrinkage=2)


def test_another_alignment_is_stated_by_the_file(colors: Path, photographs: FaceIndex) -> None:
    found = training.adapt(colors, photographs, alignment="dlib")
    assert models.alignment_of(found.model) == "dlib"
