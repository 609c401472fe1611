from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from maskedface import losses, models
from maskedface.models.heads import cosine_head, with_head

HEADS = {
    "linear": lambda: models.LinearHead(hidden=(7, 6), dropout=0.3),
    "cosine": lambda: models.CosineHead(scale=10.0, dropout=0.2),
    "two centers": lambda: models.CosineHead(centers_per_person=2),
    "offsets": lambda: models.CosineHead(with_offsets=True),
    "side by side": lambda: models.SideBySide([models.CosineHead(), losses.CenterDistances()]),
    "with the quality": lambda: models.SideBySide([models.CosineHead(), losses.ImageQuality()]),
    "with the embedding": lambda: models.SideBySide([models.CosineHead(), keras.layers.Identity()]),
}
COLUMNS = {"two centers": 8, "side by side": 8, "with the quality": 5, "with the embedding": 4 + 48}
EACH = pytest.mark.parametrize("kind", HEADS)
IMAGES = np.random.default_rng(0).normal(size=(3, 4, 4, 3)).astype("float32")


@keras.saving.register_keras_serializable(package="tests.heads")
class Nearest(keras.layers.Layer):
    """Minus the distance to each of so many points; a head of a user's own, without `get_config`."""

    def __init__(self, num_classes: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_classes = num_classes

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        shape = (self.num_classes, input_shape[-1])
        self.points = self.add_weight(name="points", shape=shape)

    def call(self, embeddings: Any) -> Any:
        away = keras.ops.expand_dims(embeddings, 1) - self.points
        return -keras.ops.norm(away, axis=-1)


def backbone(name: str | None = None) -> keras.Model:
    image = keras.Input((4, 4, 3))
    return keras.Model(image, keras.layers.Flatten(name=name)(image), name="flat")


def built(head: keras.layers.Layer, num_classes: int = 4) -> keras.Model:
    from maskedface.models.heads import for_people

    return with_head(backbone(), for_people(head, num_classes))


def test_the_linear_head_has_dropout_before_each_layer() -> None:
    model = models.classifier(backbone(), 5, head=models.LinearHead(hidden=(7, 6), dropout=0.3))
    steps = model.layers[-1].steps
    assert [type(layer).__name__ for layer in steps] == ["Dropout", "Dense"] * 3
    assert [layer.units for layer in steps[1::2]] == [7, 6, 5]
    assert [layer.activation.__name__ for layer in steps[1::2]] == ["relu", "relu", "linear"]
    assert {layer.rate for layer in steps[::2]} == {0.3}


def test_a_sequential_backbone_that_was_never_called_takes_a_head() -> None:
    own = keras.Sequential([keras.Input((2, 2, 3)), keras.layers.Flatten()])
    model = models.classifier(own, 5)
    assert model.output_shape == (None, 5) and models.embedder(model).output_shape == (None, 12)


def test_the_linear_head_without_dropout_is_one_linear_layer() -> None:
    model = models.classifier(backbone(), 5, dropout=0)
    (dense,) = model.layers[-1].steps
    assert isinstance(dense, keras.layers.Dense) and dense.activation.__name__ == "linear"


def test_dropout_drops_in_training_alone() -> None:
    model = models.classifier(backbone(), 5, dropout=0.5)
    still, again = (np.asarray(model(IMAGES, training=False)) for _ in range(2))
    np.testing.assert_array_equal(still, again)
    assert (np.asarray(model(IMAGES, training=True)) != still).any()


@pytest.mark.parametrize("offsets", [False, True])
def test_the_cosine_head_gives_scaled_cosines(offsets: bool) -> None:
    head = models.CosineHead(scale=10, with_offsets=offsets)
    model = models.classifier(backbone(), 4, head=head)
    centers = np.random.default_rng(1).normal(size=(48, 4)).astype("float32")
    centers /= np.linalg.norm(centers, axis=0)
    found = cosine_head(model)
    assert found is not None and found is not head
    found.set_centers(centers)
    added = np.arange(4, dtype="float32") if offsets else np.zeros(4, "float32")
    if offsets:
        found.offsets.assign(added)
    flat = IMAGES.reshape(3, -1)
    cosines = flat @ centers / np.linalg.norm(flat, axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict(IMAGES, verbose=0), 10 * (cosines + added), rtol=1e-5)


def test_centers_keep_length_one_while_they_train() -> None:
    model = models.classifier(backbone(), 4, head="cosine")
    model.compile(keras.optimizers.SGD(1.0), "mse")
    model.train_on_batch(np.ones((2, 4, 4, 3)), np.ones((2, 4)))
    head = cosine_head(model)
    assert head is not None
    np.testing.assert_allclose(np.linalg.norm(head.centers, axis=0), 1, rtol=1e-5)


def test_two_centers_a_person_start_at_the_same_place() -> None:
    head = models.CosineHead(2, centers_per_person=2)
    head.build((None, 2))
    head.set_centers(np.eye(2))
    np.testing.assert_array_equal(head.centers, np.concatenate([np.eye(2)] * 2, 1))


@EACH
def test_a_head_comes_back_from_its_config(kind: str) -> None:
    head = HEADS[kind]()
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(head))
    assert type(again) is type(head)
    texts = [str(built(one).layers[-1].compute_output_shape((None, 48))) for one in (head, again)]
    assert texts[0] == texts[1] == str((None, COLUMNS.get(kind, 4)))
    if kind != "side by side" and kind != "with the embedding":  # whose parts' names are numbered
        assert again.get_config() == head.get_config()


@EACH
@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_a_head_computes_in_float32_under_any_policy(kind: str, policy: str) -> None:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model = built(HEADS[kind]())
    finally:
        keras.config.set_dtype_policy(before)
    found = model(IMAGES)
    assert keras.backend.standardize_dtype(found.dtype) == "float32"
    assert found.shape == (3, COLUMNS.get(kind, 4))
    assert {weight.dtype for weight in model.layers[-1].weights} <= {"float32"}


@EACH
def test_a_model_with_a_head_is_saved_and_read_again(kind: str, tmp_path: Path) -> None:
    model = built(HEADS[kind]())
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        again.predict(IMAGES, verbose=0), model.predict(IMAGES, verbose=0)
    )
    assert models.embedder(again).output_shape == (None, 48)


def test_a_head_of_ones_own_is_saved_and_read_again(tmp_path: Path) -> None:
    model = models.classifier(backbone(), 4, head=Nearest())
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    found = again.predict(IMAGES, verbose=0)
    np.testing.assert_array_equal(found, model.predict(IMAGES, verbose=0))
    np.testing.assert_array_equal(
        models.predict(models.embedder(again), IMAGES), IMAGES.reshape(3, -1)
    )
    assert isinstance(again.layers[-1], Nearest) and again.layers[-1].num_classes == 4


def test_side_by_side_are_the_columns_of_its_parts() -> None:
    head = models.SideBySide([models.CosineHead(), keras.layers.Identity()], num_classes=4)
    found = np.asarray(head(IMAGES.reshape(3, -1)))
    np.testing.assert_array_equal(found[:, 4:], IMAGES.reshape(3, -1))
    np.testing.assert_allclose(found[:, :4], head.parts[0](IMAGES.reshape(3, -1)), rtol=1e-6)


def test_the_parts_given_are_left_as_they_are() -> None:
    part = models.CosineHead()
    models.SideBySide([part], num_classes=4)
    models.classifier(backbone(), 4, head=part)
    assert part.num_classes is None and not part.built


def test_parts_learn_and_drop_in_training() -> None:
    head = models.SideBySide([models.LinearHead(dropout=0.5), losses.CenterDistances()], 4)
    given = IMAGES.reshape(3, -1)
    head.build(given.shape)
    assert len(head.trainable_weights) == 3
    still = np.asarray(head(given))
    found = np.asarray(head(given, training=True))
    assert (found[:, :4] != still[:, :4]).any() and (found[:, 4:] == still[:, 4:]).all()


def test_a_layer_of_the_heads_name_in_the_backbone_is_in_nobodys_way() -> None:
    model = models.classifier(backbone("dense"), 4, head=keras.layers.Dense(4, name="dense"))
    assert model.output_shape == (None, 4)


def test_the_embedding_lies_before_the_head_whatever_that_is() -> None:
    for head in (Nearest(), "cosine", keras.Sequential([keras.layers.Dense(4)])):
        embedder = models.embedder(models.classifier(backbone(), 4, head=head))
        np.testing.assert_array_equal(embedder(IMAGES), IMAGES.reshape(3, -1))
        assert embedder.name == "flat"
    plain = backbone()
    assert models.embedder(plain) is plain


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_classes": 1}, "num_classes must be at least 2"),
        ({"num_classes": 3, "dropout": 1.0}, "dropout must be in"),
        ({"num_classes": 3, "head": "round"}, "head must be 'linear', 'cosine' or a layer"),
        (
            {"num_classes": 3, "head": Nearest(), "dropout": 0.1},
            "dropout must be None if head is a layer",
        ),
        ({"num_classes": 3, "head": keras.layers.Dense(4)}, "head must have 3 outputs"),
        ({"num_classes": 3, "head": models.CosineHead(4)}, "head must have 3 outputs"),
    ],
)
def test_a_classifier_of_bad_arguments_is_refused(
    arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        models.classifier(backbone(), **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (lambda: models.LinearHead(3, hidden=(0,)), "hidden must contain widths"),
        (lambda: models.LinearHead(3, dropout=-0.1), "dropout must be in"),
        (lambda: models.LinearHead(1), "num_classes must be at least 2"),
        (lambda: models.CosineHead(3, scale=0), "scale must be above 0"),
        (lambda: models.CosineHead(3, centers_per_person=0), "centers_per_person at least 1"),
        (lambda: models.CosineHead(True), "num_classes must be at least 2"),
        (lambda: models.CosineHead().build((None, 3)), "num_classes must be the number of people"),
        (lambda: models.LinearHead().build((None, 3)), "num_classes must be the number of people"),
        (lambda: losses.CenterDistances().build((None, 3)), "num_classes must be"),
    ],
)
def test_a_head_of_bad_arguments_is_refused(head: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        head()
