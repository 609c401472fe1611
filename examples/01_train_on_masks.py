"""Train a recognizer on faces of which some wear masks, and read its results.

python examples/01_train_on_masks.py                    # on drawn people, about two minutes
python examples/01_train_on_masks.py --data MY_FOLDER   # RMFRD's layout
python examples/01_train_on_masks.py --smoke            # the least that runs it all
"""

import argparse

from maskedface import datasets, recipes, synthetic, training

parser = argparse.ArgumentParser()
parser.add_argument("--data", help="a folder in RMFRD's layout; default: people drawn for you")
parser.add_argument("--run", default="runs/example-01")
parser.add_argument("--smoke", action="store_true")
args = parser.parse_args()

if args.data:
    index = datasets.rmfrd(args.data).people_in_both().with_at_least(8, "masked")
else:
    people, photos = (3, 3) if args.smoke else (16, 8)
    index = synthetic.draw_people(f"{args.run}/faces", people=people, photos=photos)

train, test = datasets.split_by_image(index, train_fraction=0.7, seed=0)
recipe = recipes.COSINE_MARGIN.override(batch_size=8, epochs=1 if args.smoke else 4)
run = training.train(
    recipe, train, test, run_dir=f"{args.run}/run", backbone="DlibResNet29", weights="dlib"
)
for domain, report in run.metrics.items():
    low, high = report["accuracy_interval"]
    print(
        f"{domain}: rank-1 accuracy {report['accuracy']:.3f} over {report['faces']} faces, "
        f"95 % [{low:.3f}, {high:.3f}]; macro F1 {report['macro']['f1']:.3f}"
    )
