"""Images per person as a chart: one bar per person, unmasked images upward, masked ones downward."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

_EACH = 20  # people up to whom everybody has a tick
_LEAST = 8  # minimum places of the axis, so that a single bar does not fill the chart
_LINEAR = 50  # images up to which the axis is linear; RMFRD has fifty times more unmasked ones
_TICKS = (0, 5, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000)  # of the logarithmic axis


def draw_people(
    axes: Any, counts: Mapping[str, Mapping[str, int]], colors: Mapping[str, str]
) -> None:
    """Draws how many images of each domain everybody has, with a legend above the axes.

    People are shown by number, those with the most unmasked images first: the chart names nobody.

    Args:
        axes: matplotlib's.
        counts: {person: {"unmasked": images, "masked": images}}.
        colors: of both domains.
    """
    order = sorted(counts.values(), key=lambda n: (-n["unmasked"], -n["masked"]))
    people = len(order)
    width = 0.8 if people <= 60 else 1.0
    most = {}
    for domain, sign in (("unmasked", 1), ("masked", -1)):
        values = np.array([n[domain] for n in order], "int64")
        most[domain] = int(values.max(initial=0))
        label = f"{domain}: {values.sum():,}"
        places = np.arange(1, people + 1)
        axes.bar(places, sign * values, width, color=colors[domain], linewidth=0, label=label)
    _set_images(axes, most["masked"], most["unmasked"])
    beside = max(0, _LEAST - people) / 2
    axes.set_xlim(0.5 - beside, people + 0.5 + beside)
    if people <= _EACH:
        axes.set_xticks(range(1, people + 1))
    else:
        axes.xaxis.get_major_locator().set_params(integer=True)
    told = "1 person" if people == 1 else f"{people:,} people, most unmasked images first"
    axes.set(xlabel=told, ylabel="images per person")
    axes.grid(visible=False, axis="x")
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False)


def _set_images(axes: Any, down: int, up: int) -> None:
    """The axis of images: whole numbers without a sign on both sides of 0."""
    if max(down, up) > _LINEAR:
        axes.set_yscale("symlog", linthresh=10)
        ticks = [-t for t in reversed(_TICKS[1:]) if t <= down] + [t for t in _TICKS if t <= up]
        axes.set_yticks(ticks)
        axes.minorticks_off()
        room = 1.4
    else:
        axes.yaxis.get_major_locator().set_params(integer=True, steps=[1, 2, 5, 10])
        room = 1.05
    axes.set_ylim(-room * down, room * up or float(not down))
    axes.yaxis.set_major_formatter(lambda value, _: f"{abs(value):,.0f}")
    axes.axhline(0, color=axes.spines["left"].get_edgecolor(), linewidth=0.8)
