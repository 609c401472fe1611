"""The report's figures: images per person, training curves, results with intervals, CMC, ROC,
confusion.

Each is a function that draws on matplotlib axes, for `svg.draw_svg`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from maskedface.audit.people_chart import draw_people
from maskedface.datasets import FaceIndex
from maskedface.evaluation.identification import cmc
from maskedface.evaluation.verification import roc
from maskedface.names import shown
from maskedface.reporting.run_groups import KINDS, RunGroup
from maskedface.reporting.svg import INK, LINE, SERIES

_DOMAINS = {"unmasked": SERIES[0], "masked": SERIES[1]}
_RANKS = 20  # ranks of the CMC curve
_NAMED = 20  # most tick labels on an axis of the confusion matrix
_LETTERS, _WIDEST = 14, 46  # most characters of such a label, and of a legend's line
_ROW = 0.22  # inches per line of a legend


def images_a_person(axes: Any, index: FaceIndex) -> None:
    """The paper's Figure 4: images per person and domain."""
    counts = {person: dict.fromkeys(_DOMAINS, 0) for person in index.people}
    for face in index.faces:
        counts[face.person][face.domain] += 1
    draw_people(axes, counts, _DOMAINS)


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
    axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    most = axes.dataLim.ymax  # losses that are nearly equal have no margin of their own above them
    top = 1.05 * most if np.isfinite(most) and most > 0 else None
    axes.set(xlabel="epoch", ylabel=quantity, ylim=(0, 1.02 if quantity == "accuracy" else top))
    legend_above(axes, 2)


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
                label=_label(group) if len(ticks) == 1 else None,
            )
            words = {"xytext": (0, 5), "textcoords": "offset points", "ha": "center", "fontsize": 9}
            axes.annotate(f"{mean:.3f}", (mean, place), **words)
        place += 1.4
    axes.set_yticks([*ticks.values()], [*ticks], va="center")
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.set(xlim=(0, 1.02), ylim=(place - 0.4, -0.8), xlabel="rank-1 accuracy")
    axes.figure.set_size_inches(5.0, 0.9 + 0.3 * len(groups) * len(ticks) + 0.25 * len(ticks))
    legend_above(axes)


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
    legend_above(axes)


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
    legend_above(axes)


def confusion_dots(axes: Any, group: RunGroup, kind: str, names: Sequence[str]) -> None:
    """Confusion: one dot per pair of people, with an area by the number of faces, the mean over
    seeds.

    Args:
        axes: matplotlib axes.
        group: the runs.
        kind: a key of the runs' metrics.
        names: the people's labels, in the order of the gallery.
    """
    people = len(names)
    counts: Counter[tuple[int, int]] = Counter()
    for found in (matches[kind] for matches in group.matches):
        taken = found.scores[found.known].argmax(1)
        counts.update(zip(found.own[found.known].tolist(), taken.tolist(), strict=True))
    axes.plot([0, people - 1], [0, people - 1], color=LINE, linewidth=0.7, zorder=0)
    dot = 2000 / max(25, people)  # neighboring dots just touch
    for color, right in ((SERIES[0], True), (SERIES[1], False)):
        cells = {
            cell: n / len(group.runs) for cell, n in counts.items() if (cell[0] == cell[1]) == right
        }
        axes.scatter(
            [taken for _, taken in cells],
            [own for own, _ in cells],
            s=[dot * np.sqrt(n) / 3 for n in cells.values()],
            color=color,
            linewidths=0,
            alpha=0.8,
            label=f"{'correct' if right else 'wrong'}: {mean_count(sum(cells.values()))}",
        )
    axes.set(xlim=(-1, people), ylim=(people, -1), aspect="equal")
    _name_both(axes, names)
    axes.grid(visible=False)
    axes.figure.set_size_inches(5.0, 5.0)
    legend_above(axes, 2)


def _name_both(axes: Any, names: Sequence[str]) -> None:
    """Names at both axes, of many people of every n-th."""
    step = -(-len(names) // _NAMED)
    ticks = range(0, len(names), step)
    words = [_shortened(shown(names[tick]), _LETTERS) for tick in ticks]
    look: dict[str, Any] = {"fontsize": 8, "parse_math": False}
    axes.set_xticks(ticks, words, rotation=90 if max(map(len, words)) > 2 else 0, **look)
    axes.set_yticks(ticks, words, **look)
    some = f" (1 in {step} of {len(names):,} people has a label)" if step > 1 else ""
    axes.set(xlabel=f"identified as{some}", ylabel="person")


def mean_count(number: float) -> str:
    """A count, or the mean of some over seeds."""
    whole = abs(number - round(number)) < 1e-6
    return f"{number:,.0f}" if whole else f"{number:,.1f}"


def legend_above(axes: Any, columns: int = 1) -> None:
    """All labels above the axes, where no curve is; the figure becomes higher by their lines."""
    figure = axes.figure
    handles, labels = axes.get_legend_handles_labels()
    words = [_shortened(label, _WIDEST) for label in labels]
    legend = figure.legend(
        handles, words, loc="outside upper left", ncols=columns, labelcolor=INK, borderpad=0
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + _ROW * -(-len(labels) // columns))


def _shortened(words: str, letters: int) -> str:
    """Words without their middle where they are too long for their place."""
    if len(words) <= letters:
        return words
    half = (letters - 1) // 2
    return f"{words[: letters - 1 - half]}\N{HORIZONTAL ELLIPSIS}{words[-half:]}"


def _label(group: RunGroup) -> str:
    """A group in a legend, with what its figures are of."""
    return f"{_shortened(group.label, _WIDEST - 18)} ({group.seeds_told})"


def _plot_group(
    axes: Any, number: int, group: RunGroup, x: np.ndarray, lines: Sequence[np.ndarray], **more: Any
) -> None:
    """Plots the mean over seeds, in the n-th group's color; dashed from the seventh group on."""
    again, color = divmod(number, len(SERIES))
    dash = "--" if again else "-"
    axes.plot(x, np.mean(lines, axis=0), dash, color=SERIES[color], label=_label(group), **more)
