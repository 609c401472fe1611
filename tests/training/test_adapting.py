from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np
import pytest

from maskedface import datasets, masking, models, recognition, synthetic, training
from maskedface.datasets import FaceIndex
from maskedface.images import ImageError
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
    again = training.adapt(colors, index)
    pairs = zip(found.model.get_weights(), again.model.get_weights(), strict=True)
    assert all(np.array_equal(first, second) for first, second in pairs)


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


def test_what_cannot_be_read_or_has_no_face_is_left_out_and_named(
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
    monkeypatch.setattr(
        "maskedface.landmarks.cascade.Cascade.__call__", lambda self, images: [()] * len(images)
    )
    found = training.adapt(colors, other)
    assert found.left_out == {
        broken.path: "image must be whole. Received: half",
        **{face.path: "no face found" for face in rows},
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


def test_faces_that_all_wear_masks_are_refused(colors: Path, photographs: FaceIndex) -> None:
    with pytest.raises(ValueError, match="some of them unmasked. Received: . unmasked and"):
        training.adapt(colors, photographs.only("masked"))


def test_below_a_hundred_faces_it_warns(
    colors: Path, photographs: FaceIndex, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "maskedface"):
        training.adapt(colors, photographs)
    assert "adapted to 60 faces: with 100 and more it gains more" in caplog.text


def test_a_run_on_whole_images_is_adapted_to_whole_images(
    drawn: FaceIndex, tiny_backbone: Path, photographs: FaceIndex, tmp_path: Path
) -> None:
    train, test = datasets.split_by_image(datasets.rmfrd(drawn.root))  # nothing is located
    recipe = Recipe(name="whole", head="cosine", head_final="class_means", epochs=0, faces="whole")
    training.train(recipe, train, test, run_dir=tmp_path, backbone=tiny_backbone, progress=False)
    found = training.adapt(tmp_path, photographs)
    rows = (face._replace(alignment="") for face in photographs.faces)
    whole = FaceIndex(photographs.root, rows)
    images = datasets.read_aligned_faces(whole, size=64, alignment="vggface2")
    masked = np.array([masking.masked_probability(one, "") >= 0.5 for one in images])
    assert found.masked == masked.sum() >= 20 and found.drawn == 0
    wanted = models.adapt(models.embedder(training.Run(tmp_path).model), [(images, masked)])
    np.testing.assert_allclose(
        models.predict(found.model, images), models.predict(wanted, images), atol=1e-5
    )


def test_another_alignment_is_stated_by_the_file(colors: Path, photographs: FaceIndex) -> None:
    found = training.adapt(colors, photographs, alignment="dlib")
    assert models.alignment_of(found.model) == "dlib"
