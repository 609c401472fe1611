"""The table of results: ours with spread and interval, with the paper's row for comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from maskedface.cli.tables import change, print_table
from maskedface.evaluation.paper_rows import PAPER_ROWS
from maskedface.reporting import RunGroup
from maskedface.reporting.run_groups import compared
from maskedface.reporting.tables import told

if TYPE_CHECKING:
    from maskedface.training import Run

_SCORES = ("precision", "recall", "f1")


def print_results(
    results: Mapping[str, Sequence[Run]], against: Sequence[Run] | None = None
) -> None:
    """Prints one row per group of runs and domain.

    Args:
        results: label -> the runs of one recipe, one per seed, with the same test rows.
        against: runs with the same test rows, to which the paired difference is shown, with its
            95 % interval over people.

    Raises:
        ValueError: if compared runs were tested on different faces.
    """
    from rich.text import Text

    columns = ["recipe", "faces", "seeds", "accuracy", "loss"]
    columns += ["weighted P / R / F1", "macro P / R / F1", *(("difference",) if against else ())]
    rows: list[Sequence[object]] = []
    for label, runs in results.items():
        first = runs[0].recipe.test_on
        for domain in sorted(runs[0].metrics, key=lambda name: name != first):
            rows.append(_row(RunGroup(label, tuple(runs)), domain, against))
        if paper := PAPER_ROWS.get(runs[0].recipe.name):
            scores = " / ".join(f"{paper[score]:.3f}" for score in _SCORES)
            figures = f"{paper['accuracy']:.3f}", f"{paper['loss']:.3f}", scores
            cells = (f"  the paper, {paper['domain']} RMFRD", "", "", *figures)
            rows.append([Text(cell, "dim") for cell in cells])
    title = "Rank-1 accuracy of the test faces (95 % interval over people)"
    print_table(columns, rows, title=title, title_style="bold")


def _row(group: RunGroup, domain: str, against: Sequence[Run] | None) -> list[object]:
    reports = [run.metrics[domain] for run in group.runs]
    row = [
        f"{group.label}, {domain}",
        reports[0]["faces"],
        ",".join(str(run.record["seed"]) for run in group.runs),
        told(group, domain),
        f"{np.mean([report['loss'] for report in reports]):.3f}" if "loss" in reports[0] else "",
    ]
    for average in ("weighted", "macro"):
        means = [
            np.mean([report[average][score] for report in reports])
            for score in (_SCORES if average in reports[0] else ())
        ]
        row.append(" / ".join(f"{mean:.3f}" for mean in means))
    if against:
        row.append(change(compared(group.runs, against, domain)))
    return row
