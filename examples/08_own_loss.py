"""Train recipes with a loss of your own, and with losses from the literature on masked faces.

    python examples/08_own_loss.py                    # on drawn people, some minutes
    python examples/08_own_loss.py --data MY_FOLDER   # RMFRD's layout
    python examples/08_own_loss.py --smoke            # the least that runs it all

Each of the literature's was measured as no better than the margin loss alone (docs/results.md, "What each
ingredient adds"): they are here for those who want to look again, on other faces.
"""

import argparse

import keras

from maskedface import datasets, evaluation, losses, models, recipes, synthetic, training


@keras.saving.register_keras_serializable(package="example")
class FocalMargin(losses.CosineMargin):
    """A cosine margin that looks away from faces that are right already (Lin et al., ICCV 2017)."""

    def __init__(self, power=1.0, name="focal_margin", **kwargs):
        super().__init__(name=name, **kwargs)
        self.power = power

    def call(self, y_true, y_pred):
        loss = super().call(y_true, y_pred)  # of each face
        return (1 - keras.ops.exp(-loss)) ** self.power * loss

    def get_config(self):
        return {**super().get_config(), "power": self.power}


parser = argparse.ArgumentParser()
parser.add_argument("--data", help="a folder in RMFRD's layout; default: people drawn for you")
parser.add_argument("--run", default="runs/example-08")
parser.add_argument("--smoke", action="store_true")
args = parser.parse_args()

if args.data:
    index = datasets.rmfrd(args.data).people_in_both().with_at_least(8, "masked")
else:
    people, photos = (3, 3) if args.smoke else (16, 8)
    index = synthetic.draw_people(f"{args.run}/faces", people=people, photos=photos)
train, test = datasets.split_by_image(index, train_fraction=0.7, seed=0)

base = recipes.COSINE_MARGIN.override(batch_size=8, epochs=1 if args.smoke else 4)
chosen = {
    "cosine margin": base,
    "a loss of yours": base.override(name="focal", loss=FocalMargin(power=0.5)),
    # Wen et al. 2016: the head gives distances to centers beside the cosines, and the loss reads both.
    "center loss": base.override(
        name="center_loss",
        head=models.SideBySide([models.CosineHead(), losses.CenterDistances()]),
        loss=losses.CenterLoss(weight=0.003, margin=0.25),
    ),
    # Two centers a person, of unmasked and of masked faces; batches of several faces of one person.
    "domain ranking": base.override(
        name="domain_ranking",
        head=models.CosineHead(centers_per_person=2),
        loss=losses.DomainRanking(),
        sampling="grouped",
    ),
}
if args.smoke:
    del chosen["cosine margin"], chosen["domain ranking"]
runs = {
    name: training.train(
        recipe,
        train,
        test,
        run_dir=f"{args.run}/{recipe.name}",
        backbone="DlibResNet29",
        weights="dlib",
        progress=False,
    )
    for name, recipe in chosen.items()
}
first = next(iter(runs.values()))
for name, run in runs.items():
    report = run.metrics["masked"]
    low, high = report["accuracy_interval"]
    print(
        f"{name}: rank-1 accuracy {report['accuracy']:.3f} on masked faces, 95 % [{low:.3f}, {high:.3f}]"
    )
    if run is not first:
        labels, logits = run.predictions["labels"], run.predictions["logits"]
        hits, before = ((x.argmax(-1) == labels) for x in (logits, first.predictions["logits"]))
        people = [face.person for face in run.split()["test"].faces]
        change = evaluation.paired_difference(hits, before, people)
        print(f"  both domains, to the first: {change['difference']:+.3f}")
