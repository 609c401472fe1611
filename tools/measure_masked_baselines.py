"""What two methods of the literature on masked faces are worth: rows for docs/results.md.

    python tools/measure_masked_baselines.py mlfw --data D --manifest D/protocols/manifest.csv \\
        --alignment arcface --cache C
    python tools/measure_masked_baselines.py rmfrd --data R --landmarks aligned.csv --cache C

Hariri's bag of features of the upper half (`models.bag_of_features`) and the embedding unmasking of Boutros
et al. (`models.embedding_unmasking`), on DlibResNet29's frozen features, beside nearest class means of the
network as it is. `mlfw`: rank-1 on unseen identities; what moves embeddings is kept in the cache.
`rmfrd`: a closed set of 40 people, split by image; its unmasking networks are those that `mlfw` left; other
learners on the embedding are there as controls.
Prints a Markdown table, several seeds: mean, standard deviation over seeds, [95 % over people].

With --choose: the same on held-out training people alone, for what the constants below were chosen from: a
fourth of MLFW's training people; RMFRD's people with 3 to 7 masked images. Features are computed once.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import keras
import numpy as np
import tensorflow as tf

from maskedface import datasets, evaluation, layers, losses, models
from maskedface.cli.tables import change
from maskedface.datasets import FaceIndex
from maskedface.evaluation.learners import learner_scores

# Chosen on held-out training people, figures of masked (unmasked) faces over three splits; --choose
# repeats the shorter part. RMFRD's people with 3 to 7 masked images, nearest class means .529 (.813).
# Class means of histograms, half the map, 256 words: layer2 .248, layer3 .333, layer4 .458 (.641);
# three quarters of layer4's map .418, all of it .346. The classifier: 64 words .542 (.606), 256 .562
# (.722), 512 .542 (.667); 150 epochs .608 (.717), of a tenth of the images: 60 on the 40 people are
# more steps than that. A fourth of MLFW's training people, as it is .496 (.866): histograms .419
# (.583), after ten epochs of a classifier .465 (.552). Unmasking .543; five epochs .546, 30 .525; not
# residual .023, as batch norm's zero mean is far from this network's embeddings: two people's cosine is
# about .86.
STAGE, UPPER, CODEWORDS, HIDDEN, DROPOUT = "layer4", 0.5, 256, (128,), 0.2
BAG_RATE, BAG_EPOCHS, OPEN_EPOCHS, BATCH = 3e-3, 60, 10, 64
TRIPLETS, UNMASK_RATE, UNMASK_EPOCHS, UNMASK_BATCH = 4, 0.1, 10, 512
DEPTH, WIDTH = 2, 512
BAG_TRIALS: list[dict[str, Any]] = [
    {"stage": "layer2", "softness": 0.1},
    {"stage": "layer3", "softness": 0.1},
    {"codewords": 64},
    {},
    {"codewords": 512},
    {"upper": 1.0},
]
UNMASK_TRIALS: list[dict[str, Any]] = [
    {},
    {"residual": False},
    {"epochs": 5},
    {"epochs": 30},
    {"depth": 1},
    {"depth": 4, "width": 128},
]
KINDS = ("masked", "masked_other_photo", "unmasked")


class Features:
    """DlibResNet29's embeddings and maps of faces, computed once and kept in a folder."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.backbone = models.DlibResNet29("dlib")

    def of(self, index: FaceIndex, stage: str = "embedding") -> np.ndarray:
        """float32 array, row by row as the index: embeddings, or a stage's whole maps."""
        names = "\n".join([stage, *index.paths]).encode(errors="surrogateescape")
        file = self.folder / f"{stage}-{hashlib.sha256(names).hexdigest()[:16]}.npy"
        if not file.exists():
            model = self.backbone
            if stage != "embedding":
                last = [layer for layer in model.layers if layer.name.startswith(f"{stage}_")][-1]
                model = keras.Model(model.input, last.output)
            faces = datasets.read_aligned_faces(index, size=150, alignment="dlib")
            np.save(file, models.predict(model, faces))
        found: np.ndarray = np.load(file, mmap_mode="r")
        return found


def upper_half(maps: np.ndarray, upper: float) -> np.ndarray:
    """The maps' upper rows, as `models.bag_of_features` cuts them."""
    return np.array(maps[:, : max(1, round(maps.shape[1] * upper))])


def fit_bag(
    maps: np.ndarray,
    labels: np.ndarray,
    *,
    seed: int,
    codewords: int = CODEWORDS,
    softness: float = 1.0,
    epochs: int = BAG_EPOCHS,
) -> keras.Sequential:
    """A codebook adapted to maps, and a classifier on it: both trained."""
    keras.utils.set_random_seed(seed)
    bag = layers.BagOfFeatures(codewords, softness, seed)
    bag.adapt(maps)
    head = models.LinearHead(int(labels.max()) + 1, hidden=HIDDEN, dropout=DROPOUT)
    scale = keras.layers.Rescaling(float(codewords))
    model = keras.Sequential([keras.Input(maps.shape[1:]), bag, scale, head])
    compile_classifier(model)
    if epochs:
        model.fit(maps, labels, batch_size=BATCH, epochs=epochs, verbose=0)
    return model


def fit_unmasking(
    index: FaceIndex,
    embeddings: np.ndarray,
    *,
    seed: int,
    epochs: int = UNMASK_EPOCHS,
    depth: int = DEPTH,
    width: int = WIDTH,
    residual: bool = True,
) -> keras.Model:
    """An embedding unmasking model, trained on the index's triplets."""
    keras.utils.set_random_seed(seed)
    rows = datasets.draw_triplets(index, TRIPLETS, seed=seed)
    model = models.embedding_unmasking(
        embeddings.shape[1], depth=depth, width=width, residual=residual
    )
    steps = epochs * -(-len(rows) // UNMASK_BATCH)
    rate = keras.optimizers.schedules.CosineDecay(UNMASK_RATE, steps)
    model.compile(
        keras.optimizers.SGD(rate, momentum=0.9, nesterov=True),
        losses.SelfRestrainedTriplet(),
        steps_per_execution=16,
        jit_compile=False,
    )
    anchors, labels = embeddings[rows[:, 0]], embeddings[rows[:, 1:]]
    model.fit(anchors, labels, batch_size=UNMASK_BATCH, epochs=epochs, verbose=0)
    return model


def fit_mlp(embeddings: np.ndarray, labels: np.ndarray, *, seed: int) -> keras.Sequential:
    """The bag's classifier on the embeddings themselves, of unit variance, trained alike: its control."""
    keras.utils.set_random_seed(seed)
    scale = keras.layers.Normalization()
    scale.adapt(embeddings)
    head = models.LinearHead(int(labels.max()) + 1, hidden=HIDDEN, dropout=DROPOUT)
    model = keras.Sequential([keras.Input(embeddings.shape[1:]), scale, head])
    compile_classifier(model)
    model.fit(embeddings, labels, batch_size=BATCH, epochs=BAG_EPOCHS, verbose=0)
    return model


def compile_classifier(model: keras.Model) -> None:
    """Adam and cross-entropy, of logits."""
    model.compile(
        keras.optimizers.Adam(BAG_RATE),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        steps_per_execution=16,
        jit_compile=False,
    )


def masked_rows(index: FaceIndex) -> np.ndarray:
    """Which faces wear a mask, by their label: bool array."""
    return np.array([face.domain == "masked" for face in index.faces])


Hits = dict[str, tuple[np.ndarray, list[str]]]  # {kind of probe: (hits, people)}


def rank_one(index: FaceIndex, embeddings: np.ndarray) -> Hits:
    """Of each kind of probes: whether each is rank 1, and whom it shows."""
    found = evaluation.rank_one_matches(evaluation.EmbeddedFaces.of(index.faces, embeddings))
    return {kind: (found[kind].hits(), found[kind].known_people) for kind in KINDS}


def closed_set(test: FaceIndex, people: tuple[str, ...], scores: np.ndarray) -> Hits:
    """Of each domain: whether each face is rank 1, and whom it shows."""
    right = (scores.argmax(1) == test.labels(people)).astype(float)
    names, masked = np.array([face.person for face in test.faces]), masked_rows(test)
    kinds = {"masked": masked, "unmasked": ~masked}
    return {kind: (right[rows], names[rows].tolist()) for kind, rows in kinds.items()}


def show(name: str, seeds: list[Hits], first: Hits) -> None:
    """Prints a row, of each kind the mean over seeds, their spread and the interval over people; below, the
    paired difference to the first row."""
    cells, changes = [], []
    for kind, (base, people) in first.items():
        values = [one[kind][0].mean() for one in seeds]
        spread = f" ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
        hits = np.mean([one[kind][0] for one in seeds], axis=0)
        low, high = evaluation.bootstrap_interval(hits, people)
        cells.append(f"{np.mean(values):.3f}{spread} [{low:.3f}, {high:.3f}]")
        changes.append(change(evaluation.paired_difference(hits, base, people)))
    print(f"| {name} | {' | '.join(cells)} |", flush=True)
    if seeds[0] is not first:
        print(f"| | {' | '.join(changes)} |", flush=True)


def over_splits(
    splits: list[tuple[FaceIndex, FaceIndex]],
    measure: Callable[[int, FaceIndex, FaceIndex], Hits],
) -> list[float]:
    """The mean of each kind over splits, each with its own number as seed."""
    found = [measure(seed, *parts) for seed, parts in enumerate(splits)]
    return [float(np.mean([one[kind][0].mean() for one in found])) for kind in found[0]]


def choose(kind: str, words: dict[str, Any], values: list[float]) -> None:
    """Prints a trial on held-out people."""
    print(kind, words or "as chosen", " ".join(f"{value:.3f}" for value in values), flush=True)


def rmfrd(args: argparse.Namespace, features: Features) -> None:
    """The closed set of RMFRD."""
    index = datasets.apply_landmarks(datasets.rmfrd(args.data), args.landmarks).people_in_both()
    at = {face.path: number for number, face in enumerate(index.faces)}
    many = index.with_at_least(8, "masked")

    def rows(part: FaceIndex) -> list[int]:
        return [at[face.path] for face in part.faces]

    def means(
        seed: int,
        train: FaceIndex,
        test: FaceIndex,
        eum: str | None = None,
        learner: Literal["class_means", "logistic"] = "class_means",
    ) -> Hits:
        seen, asked = (np.array(features.of(index)[rows(part)]) for part in (train, test))
        if eum is not None:
            model = keras.models.load_model(eum, compile=False)
            seen, asked = (
                models.unmask(model, found, masked_rows(part))
                for found, part in ((seen, train), (asked, test))
            )
        scores = learner_scores(learner, seen, train.labels(), asked)
        return closed_set(test, train.people, scores)

    def mlp(seed: int, train: FaceIndex, test: FaceIndex) -> Hits:
        seen, asked = (np.array(features.of(index)[rows(part)]) for part in (train, test))
        model = fit_mlp(seen, train.labels(), seed=seed)
        return closed_set(test, train.people, models.predict(model, asked))

    def bag(
        seed: int,
        train: FaceIndex,
        test: FaceIndex,
        stage: str = STAGE,
        upper: float = UPPER,
        **words: Any,
    ) -> Hits:
        maps = features.of(index, stage)
        seen, asked = (upper_half(maps[rows(part)], upper) for part in (train, test))
        model = fit_bag(seen, train.labels(), seed=seed, **words)
        return closed_set(test, train.people, models.predict(model, asked))

    if args.choose:
        few = index.without(many.people).with_at_least(3, "masked")
        splits = [datasets.split_by_image(few, 0.7, seed) for seed in range(args.seeds)]
        choose("class means", {}, over_splits(splits, means))
        for words in BAG_TRIALS:
            choose("bag", words, over_splits(splits, lambda *parts: bag(*parts, **words)))  # noqa: B023
        return
    if args.by_photo:
        train, test = datasets.split_by_photo(datasets.with_photo_groups(many), 0.7, 0)
    else:
        train, test = datasets.split_by_image(many, 0.7, 0)
    print(f"| {len(train)} train, {len(test)} test | masked | unmasked |\n|---|---|---|")
    seeds = range(args.seeds)
    table = {
        "nearest class means, the network as it is": lambda: [means(0, train, test)],
        "logistic regression": lambda: [means(0, train, test, learner="logistic")],
        "perceptron on the embedding": lambda: [mlp(seed, train, test) for seed in seeds],
        "bag of features": lambda: [bag(seed, train, test) for seed in seeds],
        "embedding unmasking": lambda: [
            means(0, train, test, str(file)) for file in unmasking_files(args)
        ],
    }
    rows_of(table, args.only)


def rows_of(table: dict[str, Callable[[], list[Hits]]], only: str) -> None:
    """Prints the first row, and those whose name has these words."""
    first = next(iter(table.values()))()
    for number, (name, measure) in enumerate(table.items()):
        if number == 0 or only in name:
            show(name, measure() if number else first, first[0])


def unmasking_files(args: argparse.Namespace) -> list[Path]:
    """Where `mlfw` keeps its networks, a seed each."""
    return [Path(args.cache) / f"unmasking-{seed}.keras" for seed in range(args.seeds)]


def mlfw(args: argparse.Namespace, features: Features) -> None:
    """The open set of MLFW, nobody of MFR2 in training."""
    words = {"root": args.data, "alignment": args.alignment}
    index = datasets.read_manifest(args.manifest, **words).without(datasets.MFR2_PEOPLE)
    at = {face.path: number for number, face in enumerate(index.faces)}
    parts = datasets.read_split(args.manifest, "open_set", **words)
    train, test = parts["train"].without(datasets.MFR2_PEOPLE), parts["test"]

    def rows(part: FaceIndex) -> list[int]:
        return [at[face.path] for face in part.faces]

    def embeddings(part: FaceIndex) -> np.ndarray:
        found = np.array(features.of(index)[rows(part)])
        return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True))

    def bag(seed: int, train: FaceIndex, test: FaceIndex, epochs: int = OPEN_EPOCHS) -> Hits:
        maps = features.of(index, STAGE)
        seen, asked = (upper_half(maps[rows(part)], UPPER) for part in (train, test))
        model = fit_bag(seen, train.labels(), seed=seed, epochs=epochs)
        histograms = keras.Sequential([keras.Input(asked.shape[1:]), *model.layers[:2]])
        return rank_one(test, models.predict(histograms, asked))

    def unmasked(
        seed: int, train: FaceIndex, test: FaceIndex, keep: bool = False, **words: Any
    ) -> Hits:
        model = fit_unmasking(train, embeddings(train), seed=seed, **words)
        if keep:
            model.save(unmasking_files(args)[seed])
        return rank_one(test, models.unmask(model, embeddings(test), masked_rows(test)))

    if args.choose:
        splits = [datasets.split_by_person(train, 0.75, seed) for seed in range(args.seeds)]
        choose("as it is", {}, over_splits(splits, lambda _, __, b: rank_one(b, embeddings(b))))
        for epochs in (OPEN_EPOCHS, 0):
            trial = partial(bag, epochs=epochs)
            choose("bag", {"epochs": epochs}, over_splits(splits, trial))
        for words in UNMASK_TRIALS:
            choose("eum", words, over_splits(splits, lambda *three: unmasked(*three, **words)))  # noqa: B023
        return
    print("| | masked | other photo | unmasked |\n|---|---|---|---|")
    seeds = range(args.seeds)
    table = {
        "the network as it is": lambda: [rank_one(test, embeddings(test))],
        "bag of features": lambda: [bag(seed, train, test) for seed in seeds],
        "embedding unmasking": lambda: [unmasked(seed, train, test, keep=True) for seed in seeds],
    }
    rows_of(table, args.only)


def main() -> int:
    """Prints a table, or trials.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("protocol", choices=("rmfrd", "mlfw"))
    parser.add_argument("--data", required=True)
    parser.add_argument("--landmarks", help="rmfrd: what `maskedface align` wrote")
    parser.add_argument("--manifest", help="mlfw")
    parser.add_argument("--alignment", default="")
    parser.add_argument("--cache", required=True, help="folder for features and networks")
    parser.add_argument("--seeds", type=int, default=3, help="how many, from 0 on")
    parser.add_argument("--only", default="", help="rows whose name has these words")
    parser.add_argument("--by-photo", action="store_true", help="rmfrd: a photograph on one side")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--choose", action="store_true", help="trials on held-out training people")
    args = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(args.threads)
    tf.config.threading.set_inter_op_parallelism_threads(args.threads)
    {"rmfrd": rmfrd, "mlfw": mlfw}[args.protocol](args, Features(args.cache))
    return 0


if __name__ == "__main__":
    sys.exit(main())
