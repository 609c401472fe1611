"""Try the library: draw people with and without masks, load dlib's weights, train and evaluate.

Runs the paper's two scenarios on synthetic faces: training on unmasked faces S and testing on
masked faces T; training on S and a part of T and testing on the rest of T. For comparison it also
runs nearest class means without training, and fine-tuning with a cosine margin.
Needs `pip install "maskedface[demo]"` and no network.
"""

from __future__ import annotations

import argparse
import os

from maskedface.cli.values import add_count


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments to a parser."""
    group = parser.add_argument_group("people")
    group.add_argument("--run", default="runs/demo", metavar="DIR", help="the output folder")
    add_count(group, "--people", "number of people to draw", 16, least=2)
    add_count(group, "--photos", "photos per person and domain", 8, least=2)
    add_count(group, "--seed", "random seed of the drawn people and of training", 0, least=0)


def run(args: argparse.Namespace) -> int:
    """Runs the command; see `maskedface demo --help`."""
    from maskedface import recipes
    from maskedface.cli.results import print_results
    from maskedface.conversion import dlib
    from maskedface.datasets import split_by_image, write_manifest
    from maskedface.synthetic import draw_people
    from maskedface.training import train

    dlib.locate()  # report missing weights before anything is drawn
    faces = draw_people(
        os.path.join(args.run, "faces"), people=args.people, photos=args.photos, seed=args.seed
    )
    # Every drawn image is a photo of its own, so splitting by image leaks nothing.
    training_rows, test_rows = split_by_image(faces, seed=args.seed)
    parts = {"split": {"train": training_rows, "test": test_rows}}
    write_manifest(os.path.join(args.run, "manifest.csv"), faces, parts)
    print(f"drew {len(faces)} images of {len(faces.people)} people in {faces.root}")
    results = {}
    for recipe in (
        recipes.FROZEN_MEANS_S_TO_T,
        # The paper has thousands of images; a hundred need more steps and a higher learning rate.
        recipes.S_TO_T.override("optimizer.learning_rate=0.5", batch_size=8),
        recipes.S_AND_T_TO_T.override(batch_size=8),
        recipes.COSINE_MARGIN.override(batch_size=8),
    ):
        print(f"\n{recipe.name}: {recipe.epochs} epochs on {' and '.join(recipe.train_on)} faces")
        results[recipe.name] = [
            train(
                recipe,
                training_rows,
                test_rows,
                run_dir=os.path.join(args.run, recipe.name),
                backbone="DlibResNet29",
                weights="dlib",
                seed=args.seed,
            )
        ]
    print()
    print_results(results)
    print(
        "Drawn faces are easier than photographs, and dlib's network is not the paper's: the rows show\n"
        "that everything runs, not how well masked people are recognized (docs/results.md does)."
    )
    print(f"run folders: {args.run}")
    return 0
