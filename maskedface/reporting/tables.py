"""The report's tables: the paper's and our results, domains, recipes, provenance."""

from __future__ import annotations

import os
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from maskedface.conversion import file_checks
from maskedface.evaluation.paper_rows import PAPER_ROWS
from maskedface.recipes import Recipe
from maskedface.reporting.run_groups import KINDS, RunGroup
from maskedface.training.run import MANIFEST

_SCORES = ("precision", "recall", "f1")


class Table(NamedTuple):
    """A table of text.

    Attributes:
        caption: str, or "" if the section's heading is enough.
        head: tuple of str, the column names.
        rows: list of (CSS class of the row, "" or "paper"; one cell per column).
    """

    caption: str
    head: tuple[str, ...]
    rows: list[tuple[str, tuple[str, ...]]]


def told(group: RunGroup, kind: str) -> str:
    """A group's rank-1 accuracy with its standard deviation over several seeds and its interval
    over people."""
    figure = group.figure(kind)
    spread = f" ± {figure['sd']:.3f}" if len(group.runs) > 1 else ""
    return f"{figure['mean']:.3f}{spread} [{figure['low']:.3f}, {figure['high']:.3f}]"


def paper_tables(groups: Sequence[RunGroup]) -> list[Table]:
    """Tables I (accuracy, loss) and II (precision, recall, F1), first the paper's rows, then ours,
    each the mean over its seeds.

    Args:
        groups: closed-set groups; if there are none, the tables have only the paper's rows.
    """
    paper = {row["domain"]: row for row in PAPER_ROWS.values()}
    one = Table("Table I: accuracy and loss", ("", "faces", "seeds", "accuracy", "loss"), [])
    two = Table(
        "Table II: precision, recall and F1, weighted by the number of faces as in the paper; "
        "macro averages, which weight all people equally, in brackets",
        ("", "faces", "seeds", "precision", "recall", "F1"),
        [],
    )
    for domain in ("unmasked", "masked"):
        row, name = paper[domain], f"{domain}: the paper, RMFRD"
        cells = tuple(f"{row[key]:.3f}" for key in _SCORES)
        one.rows.append(("paper", (name, "", "", f"{row['accuracy']:.3f}", f"{row['loss']:.3f}")))
        two.rows.append(("paper", (name, "", "", *cells)))
        for group in groups:
            reports = [run.metrics[domain] for run in group.runs if domain in run.metrics]
            if not reports:
                continue
            name, faces = f"{domain}: {group.label}", f"{reports[0]['faces']:,}"
            seeds = str(len(reports))
            loss = statistics.fmean(report["loss"] for report in reports)
            one.rows.append(("", (name, faces, seeds, told(group, domain), f"{loss:.3f}")))
            two.rows.append(
                ("", (name, faces, seeds, *(_averages(reports, key) for key in _SCORES)))
            )
    return [one, two]


def _averages(reports: Sequence[Mapping[str, Any]], score: str) -> str:
    weighted, macro = (
        statistics.fmean(report[average][score] for report in reports)
        for average in ("weighted", "macro")
    )
    return f"{weighted:.3f} ({macro:.3f})"


def domain_table(groups: Sequence[RunGroup]) -> Table:
    """Rank-1 accuracy by training domain and test domain, with the best of each column marked."""
    kinds = [kind for kind in KINDS if any(kind in group.kinds for group in groups)]
    rows = []
    for group in groups:
        cells = [told(group, k) if k in group.kinds else "no such faces" for k in kinds]
        words = trained_on(group.recipe, len(group.train))
        rows.append(("", (group.label, words, str(len(group.runs)), *cells)))
    return Table(
        "", ("run", "trained on", "seeds", *(f"tested on {KINDS[kind]}" for kind in kinds)), rows
    )


def trained_on(recipe: Recipe, images: int) -> str:
    """A recipe's training data, as text."""
    parts = [
        domain if share == 1 else f"{share:.0%} of {domain}"
        for domain, share in sorted(recipe.train_on.items(), reverse=True)
    ]
    drawn = ""
    for kind, what in (("RandomMask", "masks"), ("RandomOcclusion", "occlusions")):
        layers = [layer for layer in recipe.augmentation if layer.has_class(kind)]
        share = sum(layer.config.get("probability", 0.5) for layer in layers)
        drawn += f", {what} drawn on {share:.0%}" if share else ""
    means = " (class means only)" if recipe.epochs == 0 else f", {recipe.epochs} epochs"
    return f"{images:,} images, {' and '.join(parts)}{drawn}{means}"


def recipe_table(groups: Sequence[RunGroup]) -> Table:
    """The fields in which recipes differ from the defaults or from each other, one column per
    group."""
    recipes = [_flat(group.recipe) for group in groups]
    default = _flat(Recipe(name="default"))
    rows = []
    for key in default:
        values = [recipe[key] for recipe in recipes]
        if any(value != default[key] for value in values):
            rows.append(("", (key, *(value or "-" for value in values))))
    return Table("", ("field", *(group.label for group in groups)), rows)


def _flat(recipe: Recipe) -> dict[str, str]:
    """Each field as text: a part as its class with its arguments."""
    values = {field: getattr(recipe, field) for field in recipe.to_dict()}
    return {
        field: ", ".join(map(repr, value)) if isinstance(value, tuple) else str(value)
        for field, value in values.items()
    }


def provenance_table(groups: Sequence[RunGroup], *, private: bool) -> Table:
    """The provenance of the results: the manifest's hash, seeds, network, versions, machine.

    Args:
        groups: all groups of the page.
        private: bool, whether to leave out paths of this machine.
    """
    columns = [_provenance(group, private) for group in groups]
    keys = list(dict.fromkeys(key for column in columns for key in column))
    rows = [("", (key, *(column.get(key, "-") for column in columns))) for key in keys]
    return Table("", ("", *(group.label for group in groups)), rows)


def _provenance(group: RunGroup, private: bool) -> dict[str, str]:
    record = group.runs[0].record
    versions = record["versions"]
    facts = {
        "manifest, sha256": file_checks.sha256(os.path.join(group.runs[0].path, MANIFEST)),
        "training rows": f"{len(group.train):,} of {len(group.train.people):,} people",
        "test rows": f"{len(group.test):,} of {len(group.test.people):,} people",
        "seeds": ", ".join(str(run.record["seed"]) for run in group.runs),
        "network": _name(record["backbone"], private),
        "weights": _name(record["weights"] or "none", private),
        "starts from": _name(record["init"] or "the weights", private),
        "input": f"{record['image_size']} px, aligned to {record['alignment'] or 'nothing'}",
        "begun": record["started"].replace("T", " "),
        "machine": f"{record['machine']}, {record['threads']} threads, {record['keras_backend']}",
        "python": record["python"],
        **versions,
    }
    return facts if private else {"data": record["data"], **facts}


def _name(path: str, private: bool) -> str:
    return os.path.basename(path) if private else path
