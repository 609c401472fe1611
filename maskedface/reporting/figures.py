"""The report's figures: images per person, training curves, results with intervals, CMC, ROC,
confusion.

Each is a function that draws on matplotlib axes, for `svg.draw_svg`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from maskedface.datasets import FaceIndex
from maskedface.evaluation.identification import cmc
from maskedface.evaluation.verification import roc
from maskedface.reporting.run_groups import KINDS, RunGroup
from maskedface.reporting.svg import INK, LINE, SERIES

_DOMAINS = {"unmasked": SERIES[0], "masked": SERIES[1]}
_RANKS = 20  # ranks of the CMC curve


def images_a_person(axes: Any, index: FaceIndex) -> None:
    """The paper's Figure 4: images per person and domain, people sorted by unmasked images."""
    counts = {
        domain: Counter(face.person for face in index.faces if face.domain == domain)
        for domain in _DOMAINS
    }
    order = sorted(index.people, key=lambda who: (-counts["unmasked"][who], -counts["masked"][who]))
    edges = np.arange(len(order) + 1)
    for domain, color in _DOMAINS.items():
        values = [counts[domain][person] for person in order]
        label = f"{domain}: {sum(values):,} images"
        axes.stairs(values, edges, fill=True, color=color, alpha=0.25)
        axes.stairs(values, edges, color=color, label=label, linewidth=1.4)
    axes.set_yscale("symlog", linthresh=10)  # RMFRD: fifty times more unmasked than masked
    most = max(max(count.values(), default=1) for count in counts.values())
    ticks = [t for t in (0, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if t <= most * 1.5]
    axes.set_yticks(ticks, map(str, ticks))
    axes.minorticks_off()
    axes.set(ylim=(0, most * 1.6), xlim=(0, len(order)))
    axes.set(xlabel=f"{len(order):,} people, by unmasked images", ylabel="images")
    axes.legend(loc="upper right")


def curve(
    axes: Any, histories: Sequence[dict[str, list[float]]], quantity: str, test_on: str
) -> None:
    """Figures 5 to 8: a quantity per epoch on training and test faces, one line per seed.

    Args:
        axes: matplotlib axes.
        histories: the results of `training.run.read_history` for each seed; some have the quantity.
        quantity: "loss" or "accuracy".
        test_on: the domain of the test faces.
    """
    kinds = ((quantity, "training", SERIES[0]), (f"val_{quantity}", f"test, {test_on}", SERIES[1]))
    for key, label, color in kinds:
        lines = [history[key] for history in histories if key in history]
        for seed, values in enumerate(lines):
            axes.plot(
                np.arange(1, len(values) + 1),
                values,
                color=color,
                marker="o" if len(values) < 12 else "",
                markersize=4,
                alpha=1 if len(lines) == 1 else 0.7,
                label=None if seed else label,
            )
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set(xlabel="epoch", ylabel=quantity, ylim=(0, 1.02 if quantity == "accuracy" else None))
    axes.legend(loc="best")


def results(axes: Any, groups: Sequence[RunGroup]) -> None:
    """Every group's rank-1 accuracy, with its interval over people."""
    place, ticks = 0.0, {}
    for kind in groups[0].kinds:
        word, *other = KINDS[kind].split(",")
        ticks[word + (", other photo" if other else "")] = place
        for number, group in enumerate(groups):
            found = group.figure(kind)
            place += 1
            mean = found["mean"]
            axes.errorbar(
                mean,
                place,
                xerr=np.abs([[mean - found["low"]], [found["high"] - mean]]),
                fmt="o",
                markersize=6,
                color=SERIES[number % len(SERIES)],
                capsize=3,
                label=group.label if len(ticks) == 1 else None,
            )
            words = {"xytext": (0, 5), "textcoords": "offset points", "ha": "center", "fontsize": 9}
            axes.annotate(f"{mean:.3f}", (mean, place), **words)
        place += 1.4
    axes.set_yticks([*ticks.values()], [*ticks], va="center")
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.set(xlim=(0, 1.02), ylim=(place - 0.4, -0.8), xlabel="rank-1 accuracy")
    height = 1.0 + 0.3 * len(groups) * len(ticks) + 0.25 * len(ticks)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16 * 3.3 / height), ncols=1)
    axes.figure.set_size_inches(5.0, height + 0.25 * len(groups))


def cmc_curve(axes: Any, groups: Sequence[RunGroup], kind: str) -> None:
    """The share of faces whose own person is among the first k, the mean over seeds."""
    people = len(groups[0].matches[0][kind].gallery)
    ranks = np.arange(1, min(_RANKS, people) + 1)
    for number, group in enumerate(groups):
        rates = [cmc(found[kind], len(ranks)) for found in group.matches]
        _plot_group(axes, number, group, ranks, rates, marker="o", markersize=3)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set(xlim=(0.5, len(ranks) + 0.5), ylim=(0, 1.02))
    axes.set(xlabel=f"rank, of {people:,} people", ylabel="identified within the rank")
    axes.legend(loc="lower right")


def roc_curve(axes: Any, groups: Sequence[RunGroup], kind: str) -> None:
    """TAR over FAR of all faces with all people, the mean over seeds; needs at least two people."""
    first = groups[0].matches[0][kind]
    lowest = 1 / max(1, len(first.rows) * (len(first.gallery) - 1))
    grid = np.geomspace(max(lowest, 1e-5), 1, 121)
    for number, group in enumerate(groups):
        lines = []
        for found in (matches[kind] for matches in group.matches):
            scores, own = found.scores[found.known], found.own[found.known]
            same = np.arange(scores.shape[1]) == own[:, None]
            far, tar, _ = roc(scores.ravel(), same.ravel())
            # The TAR without exceeding the FAR of the grid.
            lines.append(tar[np.searchsorted(far, grid, "right") - 1])
        _plot_group(axes, number, group, grid, lines)
    axes.set_xscale("log")
    axes.set(xlim=(grid[0], 1), ylim=(0, 1.02))
    axes.set(xlabel="false-acceptance rate", ylabel="true-acceptance rate")
    axes.legend(loc="lower right")


def confusion_dots(axes: Any, group: RunGroup, kind: str) -> None:
    """Confusion: one dot per pair of people, with an area by the number of faces, over all
    seeds."""
    people = len(group.matches[0][kind].gallery)
    counts: Counter[tuple[int, int]] = Counter()
    for found in (matches[kind] for matches in group.matches):
        taken = found.scores[found.known].argmax(1)
        counts.update(zip(found.own[found.known].tolist(), taken.tolist(), strict=True))
    axes.plot([0, people - 1], [0, people - 1], color=LINE, linewidth=0.7, zorder=0)
    dot = 2000 / max(25, people)  # neighboring dots just touch
    for color, right in ((SERIES[0], True), (SERIES[1], False)):
        cells = {cell: n for cell, n in counts.items() if (cell[0] == cell[1]) == right}
        axes.scatter(
            [taken for _, taken in cells],
            [own for own, _ in cells],
            s=[dot * np.sqrt(n) / 3 for n in cells.values()],
            color=color,
            linewidths=0,
            alpha=0.8,
            label=f"{'correct' if right else 'wrong'}: {sum(cells.values())}",
        )
    axes.set(xlim=(-1, people), ylim=(people, -1), aspect="equal")
    axes.set(xlabel="identified as (person number)", ylabel="person")
    axes.grid(visible=False)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, labelcolor=INK, markerscale=1.2)
    axes.figure.set_size_inches(5.0, 5.0)


def _plot_group(
    axes: Any, number: int, group: RunGroup, x: np.ndarray, lines: Sequence[np.ndarray], **more: Any
) -> None:
    """Plots the mean over seeds, in the n-th group's color; dashed from the seventh group on."""
    again, color = divmod(number, len(SERIES))
    dash = "--" if again else "-"
    axes.plot(x, np.mean(lines, axis=0), dash, color=SERIES[color], label=group.label, **more)
