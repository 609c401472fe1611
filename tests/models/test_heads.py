from __future__ import annotations

import keras
import numpy as np
import pytest

from maskedface import models


def backbone() -> keras.Model:
    image = keras.Input((4, 4, 3))
    return keras.Model(image, keras.layers.Flatten()(image), name="flat")


def test_the_classifier_has_dropout_before_each_layer() -> None:
    model = models.classifier(backbone(), 5, hidden=(7, 6), dropout=0.3)
    kinds = [type(layer).__name__ for layer in model.layers[-6:]]
    assert kinds == ["Dropout", "Dense"] * 3
    assert [layer.units for layer in model.layers if isinstance(layer, keras.layers.Dense)] == [
        7,
        6,
        5,
    ]


def test_the_classifier_without_dropout_is_one_linear_layer() -> None:
    model = models.classifier(backbone(), 5, dropout=0)
    assert [type(layer).__name__ for layer in model.layers[2:]] == ["Dense"]


def test_the_cosine_head_gives_scaled_cosines() -> None:
    base = backbone()
    model = models.cosine_classifier(base, 4, scale=10)
    images = np.random.default_rng(0).normal(size=(3, 4, 4, 3)).astype("float32")
    centres = np.random.default_rng(1).normal(size=(48, 4)).astype("float32")
    centres /= np.linalg.norm(centres, axis=0)
    model.get_layer("head_centres").set_weights([centres])
    flat = images.reshape(3, -1)
    cosines = flat @ centres / np.linalg.norm(flat, axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict(images, verbose=0), 10 * cosines, rtol=1e-5)


def test_centres_keep_length_one_while_they_train() -> None:
    model = models.cosine_classifier(backbone(), 4)
    model.compile(keras.optimizers.SGD(1.0), "mse")
    model.train_on_batch(np.ones((2, 4, 4, 3)), np.ones((2, 4)))
    (centres,) = model.get_layer("head_centres").get_weights()
    np.testing.assert_allclose(np.linalg.norm(centres, axis=0), 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("head", "arguments", "message"),
    [
        (models.classifier, {"num_classes": 1}, "num_classes must be at least 2"),
        (models.classifier, {"num_classes": 3, "dropout": 1.0}, "dropout must be in"),
        (models.classifier, {"num_classes": 3, "hidden": (0,)}, "hidden must hold widths"),
        (models.cosine_classifier, {"num_classes": 3, "scale": 0}, "scale must be above 0"),
    ],
)
def test_bad_arguments_are_refused(
    head: object, arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        head(backbone(), **arguments)  # type: ignore[operator]
