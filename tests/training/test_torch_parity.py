"""The paper's training was PyTorch's: where ours steps alike, and where it does not."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from maskedface import recipes
from maskedface.losses import CosineMargin
from maskedface.recipes import Recipe
from maskedface.training.network import build_optimizer

torch = pytest.importorskip("torch")

GRADIENTS = np.random.default_rng(0).normal(size=(30, 5)).astype("float32")


def keras_steps(optimizer: keras.optimizers.Optimizer) -> np.ndarray:
    variable = keras.Variable(np.ones(5, "float32"))
    steps = []
    for gradient in GRADIENTS:
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [variable])
        steps.append(np.array(variable))
    return np.stack(steps)


def torch_steps(make: object, schedule: object = None) -> np.ndarray:
    variable = torch.ones(5, requires_grad=True)
    optimizer = make([variable])  # type: ignore[operator]
    scheduler = schedule(optimizer) if schedule else None  # type: ignore[operator]
    steps = []
    for gradient in GRADIENTS:
        variable.grad = torch.from_numpy(gradient.copy())
        optimizer.step()
        if scheduler:
            scheduler.step()
        steps.append(variable.detach().numpy().copy())
    return np.stack(steps)


# A training or more.
@pytest.mark.long
def test_nesterovs_momentum_steps_as_torchs_at_a_constant_rate() -> None:
    ours = keras_steps(keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True))
    theirs = torch_steps(lambda v: torch.optim.SGD(v, 0.1, momentum=0.9, nesterov=True))
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_momentum_parts_from_torchs_where_the_rate_drops() -> None:
    rate = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.11, staircase=True)
    ours = keras_steps(keras.optimizers.SGD(rate, momentum=0.9, nesterov=True))
    theirs = torch_steps(
        lambda v: torch.optim.SGD(v, 0.1, momentum=0.9, nesterov=True),
        lambda optimizer: torch.optim.lr_scheduler.StepLR(optimizer, 10, 0.11),
    )
    apart = abs(ours - theirs).max(axis=1)
    # Keras' momentum holds steps of the old rate, PyTorch's holds gradients.
    assert apart[9] < 1e-5 < 1e-2 < apart[12]


def test_the_rate_is_step_lrs() -> None:
    steps = 4
    schedule = build_optimizer(recipes.PAPER_UNMASKED, steps)._learning_rate
    optimizer = torch.optim.SGD([torch.ones(1, requires_grad=True)], 0.002)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 14, 0.11)
    for epoch in range(30):
        assert float(schedule(epoch * steps)) == pytest.approx(scheduler.get_last_lr()[0], rel=1e-5)
        optimizer.step()
        scheduler.step()


def test_adam_steps_as_torchs_but_for_its_epsilon() -> None:
    theirs = torch_steps(lambda v: torch.optim.Adam(v, 0.1))
    same = keras_steps(keras.optimizers.Adam(0.1, epsilon=1e-8))
    ours = keras_steps(keras.optimizers.Adam(0.1))
    np.testing.assert_allclose(same, theirs, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)  # gradients far above 1e-7


def test_cross_entropy_with_smoothing_is_torchs() -> None:
    random = np.random.default_rng(1)
    logits, labels = random.normal(size=(6, 4)).astype("float32"), random.integers(0, 4, 6)
    for smoothing in (0.0, 0.1):
        ours = float(CosineMargin(0.0, 1.0, label_smoothing=smoothing)(labels, logits))
        theirs = torch.nn.functional.cross_entropy(
            torch.from_numpy(logits), torch.from_numpy(labels), label_smoothing=smoothing
        )
        assert ours == pytest.approx(float(theirs), rel=1e-5)


def test_a_batch_norm_moves_its_statistics_as_torchs_but_for_the_variances_correction() -> None:
    values = np.random.default_rng(2).normal(3, 2, (8, 4, 4, 3)).astype("float32")
    ours = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)
    theirs = torch.nn.BatchNorm2d(3)
    output = np.array(ours(values, training=True))
    other = theirs(torch.from_numpy(values.transpose(0, 3, 1, 2).copy())).detach().numpy()
    np.testing.assert_allclose(output, other.transpose(0, 2, 3, 1), atol=1e-5)
    np.testing.assert_allclose(ours.moving_mean, theirs.running_mean, rtol=1e-5)
    count = 8 * 4 * 4  # PyTorch keeps the unbiased variance, Keras the biased one
    moved = (np.array(ours.moving_variance) - 0.9) * count / (count - 1) + 0.9
    np.testing.assert_allclose(moved, theirs.running_var, rtol=1e-5)


def test_a_new_head_starts_wider_than_torchs() -> None:
    keras.utils.set_random_seed(0)
    dense = keras.layers.Dense(77)
    dense.build((None, 2048))
    ours, theirs = np.array(dense.kernel), torch.nn.Linear(2048, 77).weight.detach().numpy()
    assert abs(ours).max() == pytest.approx(np.sqrt(6 / (2048 + 77)), rel=1e-3)
    assert abs(theirs).max() == pytest.approx(1 / np.sqrt(2048), rel=1e-3)


def test_the_papers_recipes_use_what_is_compared_here() -> None:
    first, second = recipes.PAPER_UNMASKED, recipes.PAPER_MASKED
    assert isinstance(first, Recipe)
    assert repr(first.optimizer) == "SGD(learning_rate=0.002, momentum=0.9, nesterov=True)"
    assert first.schedule.class_name == "ExponentialDecay" and second.schedule is None
    assert repr(second.optimizer) == "Adam(learning_rate=0.0001)"
