from __future__ import annotations

from pathlib import Path

import cv2
import keras
import numpy as np
import pytest

from maskedface import models, synthetic
from maskedface.layers import View
from maskedface.models.frozen_boundary import boundary
from maskedface.models.views import join


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    return np.stack([synthetic.draw_face(person, 0, False, size=64) for person in range(3)])


@pytest.fixture(scope="module")
def backbone(tiny_backbone: Path) -> keras.Model:
    return keras.models.load_model(tiny_backbone, compile=False)


def unit(values: np.ndarray) -> np.ndarray:
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def seen(faces: np.ndarray, box: tuple[float, ...], size: tuple[int, int] = (64, 64)) -> np.ndarray:
    return np.asarray(View(box, size)(faces))


def test_the_whole_box_is_the_image_and_its_reverse_the_mirror(faces: np.ndarray) -> None:
    np.testing.assert_array_equal(seen(faces, (0, 0, 64, 64)), faces)
    np.testing.assert_array_equal(seen(faces, (64, 0, 0, 64)), faces[:, :, ::-1])


def test_a_box_is_what_opencv_cuts_out(faces: np.ndarray) -> None:
    left, top, right, bottom = 9.3, -4.0, 55.1, 40.2
    size = (50, 40)
    step = np.array([(right - left) / size[1], (bottom - top) / size[0]])
    first = np.array([left, top]) + step / 2 - 0.5
    matrix = np.array([[step[0], 0, first[0]], [0, step[1], first[1]]])
    for face, found in zip(faces, seen(faces, (left, top, right, bottom), size), strict=True):
        right_one = cv2.warpAffine(
            face.astype("float32"),
            matrix,
            size[::-1],
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        # OpenCV rounds places to 1/32 of a pixel.
        assert abs(found - right_one).max() < 8 and abs(found - right_one).mean() < 0.3


def test_the_upper_view_is_the_backbone_on_the_box(
    backbone: keras.Model, faces: np.ndarray
) -> None:
    box = (5.0, 2.0, 60.0, 33.0)
    upper = models.upper_view(backbone, box)
    np.testing.assert_allclose(
        models.predict(upper, faces), models.predict(backbone, seen(faces, box)), atol=1e-4
    )
    assert models.stages(upper) == models.stages(backbone)
    assert upper.name == backbone.name


# It traces or trains a whole network.
@pytest.mark.long
def test_whole_and_upper_learn_on_their_own_and_weigh_alike(
    backbone: keras.Model, faces: np.ndarray
) -> None:
    box = (5.0, 2.0, 60.0, 33.0)
    both = models.whole_and_upper(backbone, box)
    one, other = (
        unit(models.predict(model, faces)) for model in (backbone, models.upper_view(backbone, box))
    )
    np.testing.assert_allclose(
        models.predict(both, faces), np.hstack([one, other]) / np.sqrt(2), atol=1e-5
    )
    assert len(both.trainable_variables) == 2 * len(backbone.trainable_variables)


def test_a_two_branch_network_is_cut_where_all_of_it_is_frozen(backbone: keras.Model) -> None:
    both = models.whole_and_upper(backbone, (5.0, 2.0, 60.0, 33.0))
    models.freeze(both, "all")
    assert boundary(both) is both.output


def test_mirror_join_gives_a_face_and_its_mirror_one_embedding(
    backbone: keras.Model, faces: np.ndarray
) -> None:
    joined = models.mirror_join(backbone)
    found = models.predict(joined, faces)
    np.testing.assert_allclose(found, models.predict(joined, faces[:, :, ::-1]), atol=1e-5)
    halves = [unit(models.predict(backbone, way)) for way in (faces, faces[:, :, ::-1])]
    np.testing.assert_allclose(found, unit(halves[0] + halves[1]), atol=1e-5)


def test_the_cosine_of_joined_embeddings_is_the_mean_of_theirs(
    backbone: keras.Model, faces: np.ndarray
) -> None:
    other = models.upper_view(backbone, (0, 0, 64, 30))
    other.name = "other"
    found = models.predict(join([backbone, other]), faces)
    parts = [unit(models.predict(model, faces)) for model in (backbone, other)]
    cosines = [part @ part.T for part in parts]
    np.testing.assert_allclose(found @ found.T, np.mean(cosines, axis=0), atol=1e-5)


def test_networks_of_different_inputs_are_not_joined(backbone: keras.Model) -> None:
    other = models.ResNet50(None, (96, 96, 3), filters=2, blocks=(1, 1, 1, 1))
    with pytest.raises(ValueError, match="backbones must be at least two of one input shape"):
        join([backbone, other])


@pytest.mark.parametrize("head", ["linear", "cosine", "joined"])
def test_the_embedder_is_what_stands_before_the_head(
    backbone: keras.Model, faces: np.ndarray, head: str
) -> None:
    base = models.mirror_join(backbone) if head == "joined" else backbone
    kind = "linear" if head == "linear" else "cosine"
    found = models.embedder(models.classifier(base, 5, head=kind, dropout=0.5))
    np.testing.assert_array_equal(models.predict(found, faces), models.predict(base, faces))
    assert found.name == backbone.name
    assert models.embedder(base) is base


# It traces or trains a whole network.
@pytest.mark.long
def test_a_joined_classifier_comes_back_from_its_file(
    backbone: keras.Model, faces: np.ndarray, tmp_path: Path
) -> None:
    both = models.mirror_join(models.whole_and_upper(backbone, (5.0, 2.0, 60.0, 33.0)))
    model = models.classifier(both, 4, head="cosine")
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", compile=False)
    np.testing.assert_array_equal(models.predict(again, faces), models.predict(model, faces))


@pytest.mark.parametrize(("box", "size"), [((0, 0, 0, 9), (4, 4)), ((0, 0, 9, 9), (0, 4))])
def test_an_empty_view_is_refused(box: tuple[int, ...], size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="box and size must not be empty"):
        View(box, size)


def test_images_of_unknown_size_are_refused() -> None:
    with pytest.raises(ValueError, match="the images' size must be known"):
        View((0, 0, 9, 9), (4, 4))(keras.Input((None, None, 3)))
