"""What each ingredient adds on a closed set: one change at a time, several seeds, intervals over people.

    python tools/measure_ingredients.py ingredients --data D --manifest D/protocols/manifest.csv \\
        --alignment arcface --run runs/ingredients
    python tools/measure_ingredients.py domains ...      # what is trained on, by what is tested on

Prints a Markdown table. Runs are kept in --run: a killed call goes on, a finished one only prints.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from maskedface import datasets, recipes, training
from maskedface.evaluation import bootstrap_interval, paired_difference
from maskedface.recipes import Recipe
from maskedface.reporting import per_face
from maskedface.training import Run

BASE = recipes.COSINE_MARGIN.override(epochs=2)
S = {"unmasked": 1.0}
MASKS = {"mask_probability": 0.5}
ALIGNED = {**MASKS, "sampling": "grouped"}

TABLES: dict[str, dict[str, Recipe]] = {
    "domains": {
        "S + T": BASE,
        "S": BASE.override(train_on=S),
        "S + drawn masks": BASE.override(train_on=S, **MASKS),
        "S + drawn masks + CORAL": BASE.override(train_on=S, align="coral", **ALIGNED),
        "S + drawn masks + alignment": BASE.override(train_on=S, align="pairs", **ALIGNED),
        **{
            f"S + {share:.0%} of T": BASE.override(train_on={"unmasked": 1.0, "masked": share})
            for share in (0.05, 0.2, 0.7)
        },
    },
    "ingredients": {
        "cosine margin, fine-tuned": BASE,
        "frozen (no training)": recipes.FROZEN_MEANS,
        "+ small changes": BASE.override(augment=1.0),
        "+ drawn masks": BASE.override(**MASKS),
        "+ both, mirrors joined": BASE.override(augment=1.0, mirror_join=True, **MASKS),
        "ArcFace": BASE.override(loss="arcface", margin=0.3),
        "+ centre loss": BASE.override(loss="centre", loss_weight=0.003),
        "domain ranking (DCR)": BASE.override(loss="domain_ranking", sampling="grouped"),
        "self-restrained triplet": BASE.override(loss="triplet", margin=0.4, sampling="grouped"),
        "upper face alone": BASE.override(view="upper"),
    },
}


def main() -> int:
    """Trains what is missing and prints the table.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("table", choices=TABLES)
    parser.add_argument("--data", required=True)
    parser.add_argument("--manifest", required=True)
    parser.add_argument("--protocol", default="closed_set")
    parser.add_argument("--alignment", default="")
    parser.add_argument("--backbone", default="DlibResNet29")
    parser.add_argument("--weights", default="dlib")
    parser.add_argument("--seeds", type=int, default=3, help="how many, from 0 on")
    parser.add_argument("--run", required=True)
    args = parser.parse_args()
    parts = datasets.read_split(
        args.manifest, args.protocol, root=args.data, alignment=args.alignment
    )
    runs = {name: _runs(name, recipe, parts, args) for name, recipe in TABLES[args.table].items()}
    base = next(iter(runs.values()))
    print("| | masked | to the first row | unmasked | to the first row |\n|---|---|---|---|---|")
    for name, group in runs.items():
        cells = [cell for domain in ("masked", "unmasked") for cell in _cells(group, base, domain)]
        print(f"| {name} | {' | '.join(cells)} |")
    return 0


def _runs(
    name: str,
    recipe: Recipe,
    parts: dict[str, datasets.FaceIndex],
    args: argparse.Namespace,
) -> list[Run]:
    folder = "".join(letter if letter.isalnum() else "-" for letter in name)
    print(f"{name} ...", file=sys.stderr, flush=True)
    return training.train_scenario(
        recipe,
        parts["train"],
        parts["test"],
        run_dir=os.path.join(args.run, folder),
        # Without training every seed gives the same.
        seeds=range(args.seeds if recipe.epochs else 1),
        backbone=args.backbone,
        weights=args.weights,
        cache=os.path.join(args.run, "cache"),
        progress=False,
    )


def _cells(group: list[Run], base: list[Run], domain: str) -> list[str]:
    values, people = per_face(group, domain)
    accuracies = [run.metrics[domain]["accuracy"] for run in group]
    spread = f" ± {np.std(accuracies, ddof=1):.3f}" if len(group) > 1 else ""
    low, high = bootstrap_interval(values, people)
    shown = f"{np.mean(accuracies):.3f}{spread} [{low:.3f}, {high:.3f}]"
    if group is base:
        return [shown, ""]
    change = paired_difference(values, per_face(base, domain)[0], people)
    return [shown, f"{change['difference']:+.3f} [{change['low']:+.3f}, {change['high']:+.3f}]"]


if __name__ == "__main__":
    sys.exit(main())
