"""Two methods of the literature on masked faces, beside the untrained network: Hariri's bag of features of
the upper half, and embedding unmasking (Boutros et al.).

    python examples/09_masked_baselines.py                    # on drawn people, under a minute
    python examples/09_masked_baselines.py --data MY_FOLDER   # RMFRD's layout
    python examples/09_masked_baselines.py --smoke            # the least that runs it all

What they are worth on real faces: docs/results.md, by `python tools/measure_masked_baselines.py`.
"""

import argparse

import keras
import numpy as np

from maskedface import datasets, evaluation, losses, models, recipes, synthetic, training

parser = argparse.ArgumentParser()
parser.add_argument("--data", help="a folder in RMFRD's layout; default: people drawn for you")
parser.add_argument("--run", default="runs/example-09")
parser.add_argument("--smoke", action="store_true")
args = parser.parse_args()

if args.data:
    index = datasets.rmfrd(args.data).people_in_both().with_at_least(4, "masked")
else:
    people = 4 if args.smoke else 24
    index = synthetic.draw_people(f"{args.run}/faces", people=people, photos=3)
train, test = datasets.split_by_image(index, train_fraction=0.7, seed=0)
backbone = models.DlibResNet29.from_preset("dlib")
faces = datasets.read_aligned_faces(index, size=150, alignment="dlib")
row = {face.path: number for number, face in enumerate(index.faces)}


def rows(part):
    """Where a part's faces lie in the arrays of all."""
    return [row[face.path] for face in part.faces]


# Hariri: a codebook of the upper half of a stage's map, found by k-means, and a small classifier. Both
# learn; the network up to that stage stays as it is.
bag = models.bag_of_features(backbone, "layer4", codewords=64, faces=faces[rows(train)])
recipe = recipes.Recipe(
    name="hariri",
    freeze_through="layer4",
    head=models.LinearHead(hidden=[128], dropout=0.2),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    optimizer=keras.optimizers.Adam(3e-3),
    epochs=1 if args.smoke else 30,
)
run = training.train(
    recipe, train, test, run_dir=f"{args.run}/hariri", backbone=bag, progress=False
)
for domain in ("masked", "unmasked"):
    print(f"bag of features: {run.metrics[domain]['accuracy']:.3f} of {domain} rank-1 accuracy")

# Boutros et al.: the network stays as it is, and a small one moves the embeddings of masked faces to where
# those of unmasked faces are. Who is enrolled need not be trained on: here they are others.
others, enrolled = datasets.split_by_person(index, 0.6, seed=0)
embeddings = models.predict(backbone, faces)
known, probes = embeddings[rows(others)], embeddings[rows(enrolled)]
triplets = datasets.draw_triplets(others, count=8, seed=0)
keras.utils.set_random_seed(0)
eum = models.embedding_unmasking(known.shape[1], depth=2, width=512, residual=True)
eum.compile(keras.optimizers.Adam(1e-3), losses.SelfRestrainedTriplet())
anchors, labels = known[triplets[:, 0]], known[triplets[:, 1:]]
eum.fit(anchors, labels, batch_size=128, epochs=1 if args.smoke else 10, verbose=0)
masked = np.array([face.domain == "masked" for face in enrolled.faces])
for name, found in (("as it is", probes), ("unmasked", models.unmask(eum, probes, masked))):
    embedded = evaluation.EmbeddedFaces.of(enrolled.faces, found)
    report = evaluation.rank_one_report(embedded)["masked"]
    print(f"embedding {name}: rank-1 {report['accuracy']:.3f} of {report['faces']} masked probes")
