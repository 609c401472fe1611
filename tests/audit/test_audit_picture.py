"""The audit's chart: what its axes say, and that nothing lies over anything."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import numpy as np
import pytest
from matplotlib.text import Text

from maskedface.audit.audit_picture import audit_figure
from maskedface.audit.domain_check import DomainCheck
from maskedface.audit.image_audit import AuditReport

Counts = dict[str, dict[str, int]]
EMPTY = {field.name: () for field in dataclasses.fields(AuditReport)}


def drawn(per_person: Counts, sizes: dict[str, int] | None = None) -> Any:
    """The figure of a report, laid out."""
    images = sum(sum(counts.values()) for counts in per_person.values())
    facts = {"images": images, "people": len(per_person), "per_person": per_person}
    facts |= {"sizes": sizes or {"64 x 64": images}, "unaligned": 0, "domain_check": DomainCheck()}
    figure = audit_figure(AuditReport(**(EMPTY | {"only_in": {}} | facts)))
    figure.draw_without_rendering()
    return figure


def people_axes(per_person: Counts) -> Any:
    return drawn(per_person).axes[0]


@functools.cache
def axes_of(count: int, most: int = 40) -> Any:
    """The axes of so many people, drawn once."""
    return people_axes(people(count, most))


def people(count: int, most: int = 40) -> Counts:
    rng = np.random.default_rng(0)
    return {
        f"person {n}": {"unmasked": int(rng.integers(1, most)), "masked": int(rng.integers(9))}
        for n in range(count)
    }


def ticks(axis: Any) -> list[tuple[float, str, Any]]:
    """The ticks in sight: place, words, box."""
    low, high = sorted(axis.get_view_interval())
    labels = zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=True)
    return [
        (at, one.get_text(), one.get_window_extent()) for at, one in labels if low <= at <= high
    ]


def overlap(boxes: list[Any]) -> bool:
    return any(a.overlaps(b) for n, a in enumerate(boxes) for b in boxes[:n])


@pytest.mark.parametrize("count", [1, 3, 20, 21, 500])
def test_each_person_has_one_bar_from_unmasked_to_masked(count: int) -> None:
    axes = axes_of(count)
    up, down = axes.containers
    places = [bar.get_x() + bar.get_width() / 2 for bar in up]
    assert places == pytest.approx(range(1, count + 1))
    assert places == pytest.approx([bar.get_x() + bar.get_width() / 2 for bar in down])
    heights = [bar.get_height() for bar in up]
    assert heights == sorted(heights, reverse=True)
    assert all(bar.get_height() <= 0 for bar in down)


@pytest.mark.parametrize("count", [1, 3, 20, 21, 500])
@pytest.mark.parametrize("most", [2, 40, 2_000])
def test_no_tick_label_lies_over_another(count: int, most: int) -> None:
    axes = axes_of(count, most)
    for axis in (axes.xaxis, axes.yaxis):
        shown = ticks(axis)
        assert shown and not overlap([box for *_, box in shown])


@pytest.mark.parametrize("count", [1, 3, 20, 21, 500])
@pytest.mark.parametrize("most", [2, 40, 2_000])
def test_ticks_are_whole_numbers_of_people_and_images(count: int, most: int) -> None:
    axes = axes_of(count, most)
    for at, words, _ in (*ticks(axes.yaxis), *ticks(axes.xaxis)):
        assert at == round(at)
        assert int(words.replace(",", "").replace("\N{MINUS SIGN}", "-")) == abs(round(at))
    assert all(1 <= at <= count for at, *_ in ticks(axes.xaxis))


def test_a_single_person_is_called_one_and_is_no_wall() -> None:
    axes = axes_of(1)
    assert axes.get_xlabel() == "1 person"
    (bar,) = axes.containers[0]
    low, high = axes.get_xlim()
    assert bar.get_width() < (high - low) / 5
    assert [words for _, words, _ in ticks(axes.xaxis)] == ["1"]


def test_both_domains_are_in_the_legend_in_their_own_color() -> None:
    axes = people_axes({"ada": {"unmasked": 30, "masked": 4}, "bo": {"unmasked": 1, "masked": 0}})
    legend = axes.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["unmasked: 31", "masked: 4"]
    up, down = (container[0].get_facecolor() for container in axes.containers)
    assert up != down
    assert [handle.get_facecolor() for handle in legend.get_patches()] == [up, down]


@pytest.mark.parametrize("count", [1, 500])
def test_the_legend_lies_over_no_bar(count: int) -> None:
    axes = axes_of(count)
    legend = axes.get_legend().get_window_extent()
    assert not legend.overlaps(axes.get_window_extent())
    (title,) = (text for text in axes.findobj(Text) if text.get_text() == "Images per person")
    assert not legend.overlaps(title.get_window_extent())


def test_people_without_masked_images_leave_no_room_below() -> None:
    axes = people_axes({"ada": {"unmasked": 3, "masked": 0}})
    assert axes.get_ylim()[0] == 0 and axes.get_ylim()[1] > 3


def test_the_chart_names_nobody() -> None:
    figure = drawn({"ada": {"unmasked": 3, "masked": 1}})
    assert not [text for text in figure.findobj(Text) if "ada" in text.get_text()]


def test_one_size_is_no_wall_and_counts_are_whole() -> None:
    sizes = drawn(people(2)).axes[1]
    (bar,) = sizes.patches
    low, high = sorted(sizes.get_ylim())
    assert bar.get_height() <= (high - low) / 3
    assert all(at == round(at) for at, *_ in ticks(sizes.xaxis))
