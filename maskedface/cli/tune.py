"""Tune a recipe's fields with Keras Tuner, validated on a part of the training rows.

The test rows are not used. An interrupted search resumes with the same command. The result is
best.json, a recipe for `maskedface train --recipe`; trials.csv and search.png show which fields
mattered.

  maskedface tune --data RMFRD --min-masked 8 --recipe paper_masked --space paper --weights FILE \\
      --search runs/search
  maskedface train --data RMFRD --min-masked 8 --recipe runs/search/best.json --weights FILE \\
      --run runs/best

For several processes or machines see docs/tuning.md.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import TYPE_CHECKING, Any

from maskedface.cli import data, train
from maskedface.cli.values import add_count, seconds
from maskedface.names import did_you_mean, shown

if TYPE_CHECKING:
    from maskedface.recipes import Recipe
    from maskedface.tuning import Search

_SHOWN = 10  # trials in the table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments to a parser."""
    recipe = 'a recipe name, or JSON, which may have a "space"; its values are the first trial'
    train.add_training_arguments(parser, recipe, "train each trial once per seed")
    group = parser.add_argument_group("search")
    group.add_argument(
        "--space",
        metavar="NAME|FILE",
        help="paper, beyond, frozen, sgd_to_adam, or a JSON file of fields and dotted paths",
    )
    group.add_argument(
        "--algorithm", choices=("random", "bayesian", "hyperband", "grid"), default="bayesian"
    )
    add_count(group, "--trials", "maximum number of trials", 30)
    add_count(group, "--search-seed", "random seed of the search", 0, least=0)
    group.add_argument(
        "--keep-hopeless",
        action="store_true",
        help="do not stop unpromising trials early",
    )
    group.add_argument("--search", required=True, metavar="DIR", help="the search folder")
    group.add_argument(
        "--timeout",
        type=seconds,
        default=3600.0,
        metavar="SECONDS",
        help="time without a message after which a chief, or a worker without a chief, exits",
    )


def run(args: argparse.Namespace) -> int:
    """Runs the command; see `maskedface tune --help`."""
    recipe, space = _recipe_and_space(args)
    train.print_changes(recipe, args.set)
    rows, _ = data.read_parts(args)
    # Keras takes seconds to import: invalid arguments are reported before that.
    from maskedface import tuning

    (rows,) = data.placed(args, recipe.faces, rows)
    try:
        found = tuning.search(
            recipe,
            rows,
            space=space,
            search_dir=args.search,
            algorithm=args.algorithm,
            trials=args.trials,
            seed=args.search_seed,
            stop_hopeless=not args.keep_hopeless,
            timeout=args.timeout,
            **train.training_words(args),
        )
        _print_search(found)
    except tuning.SearchError as error:
        print(f"maskedface tune: error: {shown(str(error))}", file=sys.stderr)
        return 1
    return 0


def _recipe_and_space(args: argparse.Namespace) -> tuple[Recipe, dict[str, Any]]:
    from maskedface.recipes import Recipe
    from maskedface.tuning import spaces

    space: Any = None
    if os.path.isfile(args.recipe):
        values = _read_object(args.recipe, "--recipe")
        space = values.pop("space", None)
        recipe = Recipe.from_json(json.dumps(values))
    else:
        recipe = train.read_recipe(args.recipe)
    if args.space in spaces.ALL:
        space = spaces.ALL[args.space]
    elif args.space and os.path.isfile(args.space):
        space = _read_object(args.space, "--space")
    elif args.space or space is None:
        raise ValueError(
            f"--space must be one of {sorted(spaces.ALL)} or a file, unless the recipe file has one. "
            f"Received: {args.space!r}{did_you_mean(args.space, spaces.ALL)}"
        )
    return train.with_engine(recipe, args), space


def _read_object(path: str, word: str) -> dict[str, Any]:
    with open(path, encoding="utf-8") as file:
        values = json.load(file)
    if not isinstance(values, dict):
        raise ValueError(f"{word} must be a JSON object. Received: {path!r}")
    return values


def _print_search(found: Search) -> None:
    from maskedface.cli.tables import print_table
    from maskedface.tuning.search_folder import BEST

    fields = list(found.arguments["space"])
    ranked = sorted(found.trials, key=lambda r: r.get("score", -1.0), reverse=True)
    rows: list[list[object]] = []
    for record in ranked[:_SHOWN]:
        score = f"{record['score']:.3f}" if "score" in record else record["reason"]
        facts = (record["trial"], record["status"], score, record.get("epochs", ""))
        values = (record["values"].get(field, "") for field in fields)
        short = (f"{value:.3g}" if isinstance(value, float) else value for value in values)
        rows.append([*facts, f"{record['seconds']:.0f}", *short])
    title = f"The best of {len(ranked)} trials, on faces held out of training"
    print_table(("trial", "status", "accuracy", "epochs", "s", *fields), rows, title=title)
    for field, share in found.importance.items():
        print(f"  {field:<16}{share:4.0%} of the explained score variance")
    best = os.path.join(found.path, BEST)
    if os.path.exists(best):  # only the chief writes it
        print(f"best recipe: {best}")
