"""The report's figures: images a person, curves, results with intervals, CMC, ROC, confusion."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from maskedface.datasets import FaceIndex
from maskedface.evaluation.identification import cmc
from maskedface.evaluation.verification import roc
from maskedface.reporting.run_groups import KINDS, RunGroup
from maskedface.reporting.svg import INK, LINE, SERIES, draw_svg
from maskedface.training.run import read_history

_DOMAINS = {"unmasked": SERIES[0], "masked": SERIES[1]}
_RANKS = 20  # of the CMC


def color_of(number: int) -> str:
    """The color of the n-th group in every figure; after six they begin again, dashed."""
    return SERIES[number % len(SERIES)]


def _dash(number: int) -> str:
    return "-" if number < len(SERIES) else "--"


def images_a_person(name: str, index: FaceIndex) -> str:
    """The paper's Figure 4: how many images of each domain everybody has, people by their unmasked."""

    def draw(axes: Any) -> None:
        counts = {
            domain: Counter(f.person for f in index.faces if f.domain == domain)
            for domain in _DOMAINS
        }
        order = sorted(
            index.people, key=lambda who: (-counts["unmasked"][who], -counts["masked"][who])
        )
        edges = np.arange(len(order) + 1)
        for domain, color in _DOMAINS.items():
            values = [counts[domain][person] for person in order]
            label = f"{domain}: {sum(values):,} images"
            axes.stairs(values, edges, fill=True, color=color, alpha=0.25)
            axes.stairs(values, edges, color=color, label=label, linewidth=1.4)
        axes.set_yscale("symlog", linthresh=10)  # RMFRD: fifty times more unmasked than masked
        most = max(max(count.values(), default=1) for count in counts.values())
        ticks = [t for t in (0, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if t <= most * 1.5]
        axes.set_yticks(ticks, [f"{tick}" for tick in ticks])
        axes.minorticks_off()
        axes.set(ylim=(0, most * 1.6), xlim=(0, len(order)))
        axes.set(xlabel=f"{len(order):,} people, by unmasked images", ylabel="images")
        axes.legend(loc="upper right")

    return draw_svg(draw, name=name)


def curve(name: str, group: RunGroup, quantity: str) -> str | None:
    """Figures 5 to 8: a quantity an epoch on training and test faces, a line a seed.

    Returns:
        The SVG, or None where no run has the quantity.
    """
    histories = [history for run in group.runs if quantity in (history := read_history(run.path))]
    if not histories:
        return None

    def draw(axes: Any) -> None:
        labels = {
            quantity: ("training", SERIES[0], "-"),
            f"val_{quantity}": (f"test, {group.recipe.test_on}", SERIES[1], "-"),
        }
        for key, (label, color, dash) in labels.items():
            for seed, history in enumerate(h for h in histories if key in h):
                epochs = np.arange(1, len(history[key]) + 1)
                axes.plot(
                    epochs,
                    history[key],
                    dash,
                    color=color,
                    marker="o" if len(epochs) < 12 else "",
                    markersize=4,
                    alpha=1 if len(histories) == 1 else 0.7,
                    label=None if seed else label,
                )
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set(xlabel="epoch", ylabel=quantity)
        axes.set_ylim(bottom=0)
        if quantity == "accuracy":
            axes.set_ylim(0, 1.02)
        axes.legend(loc="best")

    return draw_svg(draw, name=name)


def results(name: str, groups: Sequence[RunGroup]) -> str:
    """Every group's share of faces named right, with its interval over people."""
    kinds = [kind for kind in KINDS if kind in groups[0].runs[0].metrics]
    height = 1.0 + 0.3 * len(groups) * len(kinds) + 0.25 * len(kinds)

    def draw(axes: Any) -> None:
        place, ticks, words = 0.0, [], []
        for kind in kinds:
            ticks.append(place)
            words.append(
                KINDS[kind].split(",")[0] + (", other photo" if "," in KINDS[kind] else "")
            )
            for number, group in enumerate(groups):
                found = group.figure(kind)
                place += 1
                bounds = [[found["mean"] - found["low"]], [found["high"] - found["mean"]]]
                axes.errorbar(
                    found["mean"],
                    place,
                    xerr=np.abs(bounds),
                    fmt="o",
                    markersize=6,
                    color=color_of(number),
                    capsize=3,
                    label=group.label if kind == kinds[0] else None,
                )
                axes.annotate(
                    f"{found['mean']:.3f}",
                    (found["mean"], place),
                    xytext=(0, 5),
                    textcoords="offset points",
                    ha="center",
                    fontsize=9,
                )
            place += 1.4
        axes.set_yticks(ticks, words, va="center")
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
        axes.set(xlim=(0, 1.02), ylim=(place - 0.4, -0.8), xlabel="share named right")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16 * 3.3 / height), ncols=1)

    return draw_svg(draw, name=name, size=(5.0, height + 0.25 * len(groups)))


def cmc_curve(name: str, groups: Sequence[RunGroup], kind: str) -> str:
    """The share of faces whose own person is among the first k, the mean over seeds."""
    people = len(groups[0].matches[0][kind].gallery)
    ranks = np.arange(1, min(_RANKS, people) + 1)

    def draw(axes: Any) -> None:
        for number, group in enumerate(groups):
            rates = [cmc(found[kind], len(ranks)) for found in group.matches]
            axes.plot(
                ranks,
                np.mean(rates, axis=0),
                _dash(number),
                color=color_of(number),
                marker="o",
                markersize=3,
                label=group.label,
            )
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set(xlim=(0.5, len(ranks) + 0.5), ylim=(0, 1.02))
        axes.set(xlabel=f"rank, of {people:,} people", ylabel="named within the rank")
        axes.legend(loc="lower right")

    return draw_svg(draw, name=name)


def roc_curve(name: str, groups: Sequence[RunGroup], kind: str) -> str | None:
    """TAR by FAR of each face against everybody's score, the mean over seeds.

    Returns:
        The SVG, or None where there is a single person, so no impostor.
    """
    first = groups[0].matches[0][kind]
    if len(first.gallery) < 2:
        return None
    lowest = 1 / max(1, len(first.rows) * (len(first.gallery) - 1))
    grid = np.geomspace(max(lowest, 1e-5), 1, 121)

    def draw(axes: Any) -> None:
        for number, group in enumerate(groups):
            lines = []
            for found in group.matches:
                known = found[kind].known
                scores, own = found[kind].scores[known], found[kind].own[known]
                same = np.arange(scores.shape[1]) == own[:, None]
                far, tar, _ = roc(scores.ravel(), same.ravel())
                # The TAR that is had without more false acceptances than the grid's.
                lines.append(tar[np.searchsorted(far, grid, "right") - 1])
            axes.plot(
                grid,
                np.mean(lines, axis=0),
                _dash(number),
                color=color_of(number),
                label=group.label,
            )
        axes.set_xscale("log")
        axes.set(xlim=(grid[0], 1), ylim=(0, 1.02))
        axes.set(xlabel="false-acceptance rate", ylabel="true-acceptance rate")
        axes.legend(loc="lower right")

    return draw_svg(draw, name=name)


def confusion_dots(name: str, group: RunGroup, kind: str) -> str:
    """Who is taken for whom: a dot a pair of people, its area the number of faces, over all seeds."""
    found = [matches[kind] for matches in group.matches]
    people = len(found[0].gallery)
    counts: Counter[tuple[int, int]] = Counter()
    for one in found:
        taken = one.scores[one.known].argmax(1)
        counts.update(zip(one.own[one.known].tolist(), taken.tolist(), strict=True))

    def draw(axes: Any) -> None:
        axes.plot([0, people - 1], [0, people - 1], color=LINE, linewidth=0.7, zorder=0)
        dot = 2000 / max(25, people)  # so that the dots of neighbors just touch
        for color, right in ((SERIES[0], True), (SERIES[1], False)):
            cells = {cell: n for cell, n in counts.items() if (cell[0] == cell[1]) == right}
            total = sum(cells.values())
            axes.scatter(
                [taken for _, taken in cells],
                [own for own, _ in cells],
                s=[dot * np.sqrt(n) / 3 for n in cells.values()],
                color=color,
                linewidths=0,
                alpha=0.8,
                label=f"{'right' if right else 'wrong'}: {total}",
            )
        axes.set(xlim=(-1, people), ylim=(people, -1), aspect="equal")
        axes.set(xlabel="named as (person by number)", ylabel="person")
        axes.grid(visible=False)
        axes.legend(
            loc="lower left", bbox_to_anchor=(0, 1), ncols=2, labelcolor=INK, markerscale=1.2
        )

    return draw_svg(draw, name=name, size=(5.0, 5.0))
