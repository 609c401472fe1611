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

import _tool
import keras

from maskedface import datasets, layers, losses, models, recipes, training
from maskedface.cli.tables import change
from maskedface.datasets.face_index import Domain
from maskedface.recipes import Recipe
from maskedface.reporting.run_groups import RunGroup, compared
from maskedface.reporting.tables import told
from maskedface.training import Run
from maskedface.training.backbones import build_backbone

BASE = recipes.COSINE_MARGIN.override(epochs=2)
S: dict[Domain, float] = {"unmasked": 1.0}
MIRROR = keras.layers.RandomFlip("horizontal")
MASKS, JITTER = layers.RandomMask(0.5), layers.RandomFaceJitter()
DRAWN = BASE.override(augmentation=(MASKS, MIRROR))
CHANGED = BASE.override(augmentation=(MASKS, MIRROR, JITTER))


def aligned(term: keras.losses.Loss, features: int = 128) -> Recipe:
    """Unmasked faces with drawn masks, pulled together by a term on the embeddings."""
    return DRAWN.override(
        train_on=S,
        sampling="grouped",
        head=models.SideBySide([models.CosineHead(), keras.layers.Identity()]),
        loss=losses.WithEmbeddings(losses.CosineMargin(), term, features=features),
    )


TABLES: dict[str, dict[str, Recipe]] = {
    "domains": {
        "S + T": BASE,
        "S": BASE.override(train_on=S),
        "S + drawn masks": DRAWN.override(train_on=S),
        "S + drawn masks + CORAL": aligned(losses.Coral()),
        "S + drawn masks + alignment": aligned(losses.PairAlignment()),
        **{
            f"S + {share:.0%} of T": BASE.override(train_on={"unmasked": 1.0, "masked": share})
            for share in (0.05, 0.2, 0.7)
        },
    },
    "ingredients": {
        "cosine margin, fine-tuned": BASE,
        "frozen (no training)": recipes.FROZEN_MEANS,
        "+ augmentation (jitter)": BASE.override(augmentation=(MIRROR, JITTER)),
        "+ drawn masks": DRAWN,
        "+ both, with flip augmentation": CHANGED.override(mirror_join=True),
        "ArcFace": BASE.override(loss=losses.ArcFace(margin=0.3)),
        "+ center loss": BASE.override(
            head=models.SideBySide([models.CosineHead(), losses.CenterDistances()]),
            loss=losses.CenterLoss(weight=0.003, margin=0.25),
        ),
        "domain ranking (DCR)": BASE.override(
            head=models.CosineHead(centers_per_person=2),
            loss=losses.DomainRanking(),
            sampling="grouped",
        ),
        "self-restrained triplet": BASE.override(
            head=keras.layers.Identity(),
            head_init="random",
            loss=losses.SelfRestrainedTriplet(margin=0.4),
            sampling="grouped",
        ),
        "upper face alone": BASE,
    },
}
UPPER = {"upper face alone"}  # whose backbone sees the upper face


def main() -> int:
    """Trains what is missing and prints the table.

    Returns:
        The exit code.
    """
    parser = _tool.parser(__doc__)
    parser.add_argument("table", choices=TABLES)
    _tool.add_protocol(parser, "closed_set")
    parser.add_argument("--backbone", default="DlibResNet29")
    parser.add_argument("--weights", default="dlib")
    parser.add_argument("--seeds", type=int, default=3, help="how many, from 0 on")
    parser.add_argument("--run", required=True)
    args = parser.parse_args()
    parts = _tool.read_protocol(args)
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
    backbone: str | keras.Model = args.backbone
    weights: str | None = args.weights
    if name in UPPER:
        whole = build_backbone(backbone, weights, recipe.image_size)
        crop = layers.UpperFaceCrop(alignment=models.alignment_of(whole))
        backbone = models.upper_view(whole, crop.box_in(*whole.input_shape[1:3]))
        weights = None
    print(f"{name} ...", file=sys.stderr, flush=True)
    return training.train_scenario(
        recipe,
        parts["train"],
        parts["test"],
        run_dir=os.path.join(args.run, folder),
        # Without training every seed gives the same.
        seeds=range(args.seeds if recipe.epochs else 1),
        backbone=backbone,
        weights=weights,
        cache=os.path.join(args.run, "cache"),
        progress=False,
    )


def _cells(group: list[Run], base: list[Run], domain: str) -> list[str]:
    shown = told(RunGroup("", tuple(group)), domain)
    return [shown, "" if group is base else change(compared(group, base, domain))]


if __name__ == "__main__":
    sys.exit(main())
