from __future__ import annotations

import numpy as np

from maskedface.datasets import order


def test_an_order_holds_each_row_once() -> None:
    np.testing.assert_array_equal(np.sort(order.shuffled(50, 0, 3)), np.arange(50))


def test_an_order_depends_on_seed_and_epoch_alone() -> None:
    first = order.shuffled(50, 1, 2)
    order.shuffled(50, 7, 7)
    np.testing.assert_array_equal(order.shuffled(50, 1, 2), first)
    assert (order.shuffled(50, 1, 3) != first).any()
    assert (order.shuffled(50, 2, 2) != first).any()


def test_a_balanced_epoch_shows_each_class_equally_often() -> None:
    labels = np.repeat([0, 1, 2], [80, 15, 4])
    rows = order.balanced(labels, 0, 0)
    assert len(rows) == len(labels)
    np.testing.assert_array_equal(np.bincount(labels[rows]), [33, 33, 33])
    np.testing.assert_array_equal(np.unique(np.bincount(rows, minlength=99)[95:]), [8, 9])


def test_a_row_that_comes_up_again_in_an_epoch_is_another_element() -> None:
    labels = (np.arange(100) >= 20).astype(int)
    shown = order.plan(labels, 0, 3, sampling="balanced")
    rows = shown % 100
    assert len(np.unique(shown)) == 100 and np.count_nonzero(labels[rows]) == 50
    times = np.bincount(rows, minlength=100)
    assert set(times[labels == 0]) <= {2, 3} and set(times[labels == 1]) <= {0, 1}
    np.testing.assert_array_equal(np.sort(shown[rows == 7]), 7 + 100 * np.arange(times[7]))


def test_rows_that_come_up_once_are_their_own_elements() -> None:
    for sampling in ("in_order", "shuffled", "grouped"):
        shown = order.plan(np.arange(60) // 6, 1, 0, sampling=sampling)
        np.testing.assert_array_equal(np.sort(shown), np.arange(60))


def test_a_grouped_epoch_shows_each_row_once_in_runs_of_one_class() -> None:
    labels = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [9, 8, 3]))
    rows = order.grouped(labels, 0, 0)
    np.testing.assert_array_equal(np.sort(rows), np.arange(20))
    changes = np.count_nonzero(np.diff(labels[rows]))
    assert changes < 3 + 2 + 1  # 9 rows make three groups, 8 two, 3 one
    assert (order.grouped(labels, 0, 1) != rows).any()
