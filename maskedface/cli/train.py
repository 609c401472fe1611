"""Train a recognizer from a recipe, evaluate it on the test rows and write a run folder.

An interrupted run resumes with the same command, which does nothing if the run is finished.

  maskedface train --data RMFRD --min-masked 8 --recipe paper_masked --weights FILE --run runs/masked

--set changes a field of the recipe, or by a dotted path a part of one: epochs=8, optimizer=AdamW,
optimizer.learning_rate=1e-5, loss.margin=0.3, augmentation.0.probability=0.6,
'train_on={"masked": 1}'. docs/recipes.md lists the fields, and explains how a recipe file refers to
a class of your own.
"""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any

from maskedface import recipes
from maskedface.cli import data
from maskedface.cli.values import add_count, add_engine_words, add_wait, seeds
from maskedface.names import did_you_mean, near_path, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maskedface.recipes import Recipe


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments to a parser."""
    add_training_arguments(parser, f"{', '.join(recipes.ALL)}; or JSON", "one run a seed")
    parser.set_defaults(cache="auto")
    group = parser.add_argument_group("run")
    group.add_argument("--run", required=True, metavar="DIR", help="the run folder")
    add_count(
        group,
        "--threads",
        "TensorFlow's threads; the same number gives the same result on any number of cores",
    )
    group.add_argument(
        "--strategy",
        default="none",
        choices=("none", "mirrored"),
        help="mirrored splits each batch between all GPUs (docs/gpu.md)",
    )


def run(args: argparse.Namespace) -> int:
    """Runs the command; see `maskedface train --help`."""
    recipe = with_engine(read_recipe(args.recipe), args)
    print_changes(recipe, args.set)
    train, test = data.read_parts(args)
    # Keras takes seconds to import: invalid arguments are reported before that.
    from maskedface import training
    from maskedface.cli.results import print_results

    print(f"training curves: tensorboard --logdir {shown(args.run)}")
    print(f"{len(train)} training and {len(test)} test images of {len(train.people)} people")
    train, test = data.placed(args, recipe.faces, train, test)
    runs = training.train_scenario(
        recipe,
        train,
        test,
        run_dir=args.run,
        threads=args.threads,
        strategy=args.strategy,
        **training_words(args),
    )
    print_results({recipe.name: runs})
    print(f"run folder: {args.run}")
    return 0


def print_changes(recipe: Recipe, settings: Sequence[str]) -> None:
    """Prints that --set applies to the last recipe only, if others are trained before it."""
    before = [one.name for one in recipes.scenario(recipe)[:-1]]
    if settings and before:
        print(
            f"--set changes only {recipe.name} ({', '.join(settings)}), not the recipes trained "
            f"before it: {', '.join(before)}"
        )


def add_training_arguments(parser: argparse.ArgumentParser, recipe: str, seeds_help: str) -> None:
    """Adds the arguments for the recipe, data and network: --recipe, --set, --backbone, --weights,
    --backbone-alignment, --seeds, --cache, --engine, --engine-precision and --wait, and the
    arguments for images and split."""
    data.add_data_arguments(parser)
    data.add_split_arguments(parser)
    group = parser.add_argument_group("recipe and network")
    group.add_argument("--recipe", required=True, metavar="NAME|FILE", help=recipe)
    group.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="PATH=VALUE",
        help="change a field of the recipe, or a part of one (optimizer.learning_rate=1e-5); the "
        "value is JSON or text; may be repeated",
    )
    group.add_argument(
        "--backbone",
        default="ResNet50",
        help="ResNet50, DlibResNet29, a keras.applications class such as EfficientNetV2B0, "
        "or a .keras file",
    )
    group.add_argument("--weights", help="the backbone's weights: a preset, a file, or random")
    group.add_argument(
        "--backbone-alignment",
        metavar="NAME",
        help="the backbone's input alignment (arcface, dlib, vggface2); default: the one it "
        "states, which a keras.applications class does not",
    )
    group.add_argument("--seeds", type=seeds, default=(0,), metavar="N,N", help=seeds_help)
    group.add_argument(
        "--cache",
        metavar="DIR",
        help="folder for decoded faces and frozen features; default: in memory, or if they do not "
        "fit, in a temporary file",
    )
    add_engine_words(group, "the engine that computes frozen features")
    add_wait(group)


def with_engine(recipe: Recipe, args: argparse.Namespace) -> Recipe:
    """The recipe with the changes of --set, --engine and --engine-precision."""
    names = ("engine", "engine_precision")
    words = {name: vars(args)[name] for name in names if vars(args)[name] is not None}
    return recipe.override(*args.set, **words)


def training_words(args: argparse.Namespace) -> dict[str, Any]:
    """The arguments of `add_training_arguments`, for `training.train` and `tuning.search`."""
    names = ("seeds", "backbone", "weights", "cache", "wait")
    return {"alignment": args.backbone_alignment, **{name: getattr(args, name) for name in names}}


def read_recipe(name: str) -> Recipe:
    """A recipe by its name, or from a JSON file.

    Raises:
        ValueError: if it is neither.
    """
    if name in recipes.ALL:
        return recipes.ALL[name]
    if os.path.isfile(name):
        return recipes.Recipe.read(name)
    raise ValueError(
        f"--recipe must be one of {sorted(recipes.ALL)} or a file. Received: {name!r}"
        f"{did_you_mean(name, recipes.ALL) or near_path(name)}"
    )
