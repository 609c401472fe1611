"""Search for a better recipe with Keras Tuner, and train it.

python examples/02_tune_masked.py                    # on drawn people, about five minutes
python examples/02_tune_masked.py --data MY_FOLDER   # RMFRD's layout
python examples/02_tune_masked.py --smoke            # the least that runs it all
"""

import argparse
import logging

from maskedface import datasets, recipes, synthetic, training, tuning

parser = argparse.ArgumentParser()
parser.add_argument("--data", help="a folder in RMFRD's layout; default: people drawn for you")
parser.add_argument("--run", default="runs/example-02")
parser.add_argument("--smoke", action="store_true")
args = parser.parse_args()
# The library logs a line a trial; a program of yours chooses whether it is shown.
logging.basicConfig(format="%(message)s")
logging.getLogger("maskedface").setLevel(logging.INFO)

if args.data:
    index = datasets.rmfrd(args.data).people_in_both().with_at_least(8, "masked")
else:
    people, photos = (3, 4) if args.smoke else (16, 8)
    index = synthetic.draw_people(f"{args.run}/faces", people=people, photos=photos)
train, test = datasets.split_by_image(index, train_fraction=0.7, seed=0)

recipe = recipes.S_AND_T_TO_T.override(batch_size=8, epochs=2 if args.smoke else 10)
space = {
    "optimizer": ["SGD", "Adam"],
    "optimizer.learning_rate": {"min": 1e-5, "max": 1e-1, "sampling": "log"},
    "freeze_through": ["layer3", "layer4", "all"],
    "head.dropout": {"min": 0.0, "max": 0.8},
}
network = {"backbone": "DlibResNet29", "weights": "dlib"}
found = tuning.search(
    recipe,
    train,
    space=space,
    search_dir=f"{args.run}/search",
    trials=2 if args.smoke else 20,
    **network,
)
print("what mattered:", found.importance)
run = training.train(found.best, train, test, run_dir=f"{args.run}/best", **network)
print(f"{found.best_trial['values']}: {run.metrics['masked']['accuracy']:.3f} of masked test faces")
