"""The table of results: ours with spread and interval, the paper's row beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.table import Table

from maskedface.cli.tables import print_table
from maskedface.evaluation import bootstrap_interval, paired_difference
from maskedface.evaluation.paper_rows import PAPER_ROWS
from maskedface.reporting.run_groups import per_face

if TYPE_CHECKING:
    from maskedface.training import Run


def print_results(
    results: Mapping[str, Sequence[Run]], against: Sequence[Run] | None = None
) -> None:
    """Prints a row for each group of runs and domain.

    Args:
        results: label -> the runs of one recipe, one a seed, over the same test rows.
        against: runs over the same test rows, to which the difference is shown, paired face by
            face, with its 95 % interval over people.
    """
    title = "Test faces named right; of people not trained on: rank-1 (95 % interval over people)"
    table = Table(title=title, title_style="bold")
    columns = (
        "recipe",
        "faces",
        "seeds",
        "accuracy",
        "loss",
        "weighted P / R / F1",
        "macro P / R / F1",
    )
    for column in (*columns, *(("difference",) if against else ())):
        table.add_column(column, no_wrap=True)
    for label, runs in results.items():
        first = runs[0].recipe.test_on
        for domain in sorted(runs[0].metrics, key=lambda name: name != first):
            table.add_row(*_row(label, runs, domain, against))
        if runs[0].recipe.name in PAPER_ROWS:
            table.add_row(*_paper_row(runs[0].recipe.name), style="dim")
    print_table(table)


def _row(label: str, runs: Sequence[Run], domain: str, against: Sequence[Run] | None) -> list[str]:
    values, people = per_face(runs, domain)
    low, high = bootstrap_interval(values, people)
    reports = [run.metrics[domain] for run in runs]
    accuracies = [report["accuracy"] for report in reports]
    spread = f" ±{np.std(accuracies, ddof=1):.3f}" if len(runs) > 1 else ""
    row = [
        f"{label}, {domain}",
        f"{reports[0]['faces']}",
        ",".join(str(run.record["seed"]) for run in runs),
        f"{np.mean(accuracies):.3f}{spread} [{low:.3f}, {high:.3f}]",
        f"{np.mean([report['loss'] for report in reports]):.3f}" if "loss" in reports[0] else "",
    ]
    for average in ("weighted", "macro"):
        if average not in reports[0]:
            row.append("")
            continue
        scores = [
            np.mean([report[average][score] for report in reports])
            for score in ("precision", "recall", "f1")
        ]
        row.append(" / ".join(f"{score:.3f}" for score in scores))
    if against:
        row.append(difference(values, people, against, domain))
    return row


def difference(
    values: np.ndarray, people: Sequence[str], against: Sequence[Run], domain: str
) -> str:
    """The paired difference to other runs, with its 95 % interval over people, as words.

    Args:
        values: float array in [0, 1], shape (faces,), as `per_face` gives them.
        people: the person of each face.
        against: the other runs, one a seed, over the same test rows.
        domain: as for `per_face`.

    Raises:
        ValueError: if the runs were tested on other faces.
    """
    base, base_people = per_face(against, domain)
    if base_people != people:
        raise ValueError("runs must be tested on the same faces to be compared. Received: others")
    shift = paired_difference(values, base, people)
    return f"{shift['difference']:+.3f} [{shift['low']:+.3f}, {shift['high']:+.3f}]"


def _paper_row(name: str) -> list[str]:
    paper = PAPER_ROWS[name]
    scores = " / ".join(f"{paper[key]:.3f}" for key in ("precision", "recall", "f1"))
    label = f"  the paper, {paper['domain']} RMFRD"
    return [label, "", "", f"{paper['accuracy']:.3f}", f"{paper['loss']:.3f}", scores, ""]
