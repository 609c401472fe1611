"""What drawn masks and a margin add to a face network, on unseen identities.

    python examples/03_beyond_the_paper.py                    # on drawn people, some ten minutes
    python examples/03_beyond_the_paper.py --data MY_FOLDER   # RMFRD's layout; many people help
    python examples/03_beyond_the_paper.py --smoke            # the least that runs it all

Half of the people are trained on; the masked faces of the others are looked for among their unmasked ones.
"""

import argparse

from maskedface import datasets, evaluation, recipes, synthetic, training

parser = argparse.ArgumentParser()
parser.add_argument("--data", help="a folder in RMFRD's layout; default: people drawn for you")
parser.add_argument("--run", default="runs/example-03")
parser.add_argument("--smoke", action="store_true")
args = parser.parse_args()

if args.data:
    index = datasets.with_photo_groups(datasets.rmfrd(args.data))
else:
    people, photos = (6, 2) if args.smoke else (60, 6)
    index = synthetic.draw_people(f"{args.run}/faces", people=people, photos=photos)
train, test = datasets.split_by_person(index, train_fraction=0.5, seed=0)

best = recipes.MASKED_BEST.override(batch_size=16)
if args.smoke:
    best = best.override(epochs=1, schedule=None)
steps = {
    "frozen": recipes.FROZEN_MEANS,
    "frozen, with a cohort": recipes.FROZEN_MEANS.override(cohort=60),
    "unmasked faces alone": best.override(
        "augmentation.0.probability=0", train_on={"unmasked": 1.0}
    ),
    "with drawn masks": best.override(train_on={"unmasked": 1.0}),
    "and real masked faces": best,
}
hits = {}
for number, (name, recipe) in enumerate(steps.items()):
    run = training.train(
        recipe,
        train,
        test,
        run_dir=f"{args.run}/{number}",
        backbone="DlibResNet29",
        weights="dlib",
        progress=False,
    )
    faces = evaluation.EmbeddedFaces.among(run.predictions, run.split()["test"].faces)
    matches = evaluation.rank_one_matches(faces)["masked"]
    hits[name] = matches.hits()
    change = evaluation.paired_difference(hits[name], hits["frozen"], matches.known_people)
    print(
        f"{name}: rank-1 {hits[name].mean():.3f} of {len(hits[name])} masked faces, to frozen "
        f"{change['difference']:+.3f} [{change['low']:+.3f}, {change['high']:+.3f}]"
    )
