"""Fits the aligner's confidence: its network's last two layers, then five numbers of evidence.

  python tools/fit_aligner_confidence.py mlfw.npz rmfrd.npz --weights aligner.npz --rmfrd RMFRD --lfw LFW \
      --out aligner_sure.npz

1. The two dense layers behind the pooled features learn anew, all else stays: on crops as
`tools/train_aligner.py` makes them of the taught faces, and on crops as the aligner cuts them from worn
masks and from images without a face (`tools/no_faces.py`). Labels are smoothed, so that no logit saturates.
2. A logistic regression of what three looks give (`Aligner.look_thrice`), on people of RMFRD with fewer
than 8 masked images whom the aligner was not trained on, and on images without a face drawn with another
seed. The intercept is set so that 0.5 refuses 0.992 of these. Prints what `landmarks/aligner.py` holds.
"""

from __future__ import annotations

from collections.abc import Sequence

import _tool
import keras
import numpy as np
from aligner_samples import Samples
from no_faces import no_faces
from sklearn.linear_model import LogisticRegression
from train_aligner import folded, pack, taught_people

from maskedface import datasets, geometry
from maskedface.datasets import FaceIndex
from maskedface.images import read_image
from maskedface.landmarks import aligner
from maskedface.landmarks.aligner import SIZE, Aligner

REFUSED = 0.992
BATCHES = 60  # of 128 crops of taught faces
SMOOTHING = 0.01


def main() -> None:
    """Reads the command line, writes the weights, prints intercept and slopes."""
    parser = _tool.parser(__doc__)
    parser.add_argument("taught", nargs="+")
    for name in ("weights", "rmfrd", "lfw", "out"):
        parser.add_argument(f"--{name}", required=True)
    args = parser.parse_args()
    keras.utils.set_random_seed(0)
    model = folded(args.weights)
    index = datasets.rmfrd(args.rmfrd)
    people = taught_people(index)
    photographs = _tool.open_set(args.lfw, "train").paths[:2400]
    fit_head(
        model, args.taught, faces_of(index, people[::2]), some_without_face(photographs[1::2], 98)
    )
    pack(model, args.out)
    fit_evidence(model, faces_of(index, people[1::2]), some_without_face(photographs[::2], 99))


def faces_of(index: FaceIndex, people: list[str]) -> dict[str, list[np.ndarray]]:
    """All masked faces of these people and as many others."""
    chosen = set(people)
    index = index.where(lambda face: face.person in chosen)
    masked, bare = index.only("masked").paths, index.only("unmasked").paths
    bare = bare[:: max(len(bare) // len(masked), 1)]
    return {
        "masked": [read_image(path) for path in masked],
        "unmasked": [read_image(path) for path in bare],
    }


def some_without_face(paths: Sequence[str], seed: int) -> dict[str, list[np.ndarray]]:
    return no_faces([read_image(path) for path in paths], seed=seed, count=600)


# --- the head


def fit_head(
    model: keras.Model,
    taught: list[str],
    faces: dict[str, list[np.ndarray]],
    nothing: dict[str, list[np.ndarray]],
) -> None:
    """Trains `face_hidden` and `face` in place."""
    pooled = keras.Model(model.input, model.get_layer("face_pool").output)
    crops, truth = [], []
    for groups, label in ((faces, 1), (nothing, 0)):
        flat = [image for group in groups.values() for image in group]
        cut = crops_of(flat, Aligner(model, least=0.0))
        crops.append(cut)
        truth.append(np.full(len(cut), label))
    arrays = [np.load(path) for path in taught]
    images, points = (np.concatenate([a[k] for a in arrays]) for k in ("images", "points"))
    worn = np.concatenate(
        [a["worn"] if "worn" in a else np.zeros(len(a["images"]), bool) for a in arrays]
    )
    samples = Samples(images, points, worn, 5, 0.35)
    for step in range(BATCHES):
        cut, targets = samples.batch(step, 128)
        crops.append(cut)
        truth.append(targets[:, 10])
    seen = np.concatenate([pooled.predict(cut, batch_size=64, verbose=0) for cut in crops])
    labels = np.concatenate(truth).astype("float32")
    print(f"head: {int(labels.sum())} crops of faces, {int((1 - labels).sum())} of none")
    names = ("face_hidden", "face")
    features = keras.Input(seen.shape[1:])
    x = features
    for name in names:
        x = model.get_layer(name)(x)
    head = keras.Model(features, x)
    head.compile(
        keras.optimizers.AdamW(1e-3, weight_decay=1e-2),
        keras.losses.BinaryCrossentropy(label_smoothing=SMOOTHING),
    )
    head.fit(seen, labels, batch_size=256, epochs=40, verbose=0)
    print(f"loss {head.evaluate(seen, labels, batch_size=1024, verbose=0):.4f}")


def crops_of(images: list[np.ndarray], detector: Aligner) -> np.ndarray:
    """The crops that the aligner looks at: the image in three ways, then the one that its points place, and
    its mirror."""
    found = detector.best(images)
    cut = []
    for image, face in zip(images, found, strict=True):
        places = [aligner._square(image, *place) for place in aligner._WHOLE]
        cut += [geometry.warp(image, place, SIZE) for place in places]
        second = geometry.warp(image, aligner._by_points(face.points), SIZE)
        cut += [second, second[:, ::-1]]
    return np.stack(cut)


# --- the evidence


def fit_evidence(
    model: keras.Model, faces: dict[str, list[np.ndarray]], nothing: dict[str, list[np.ndarray]]
) -> None:
    """Prints intercept and slopes, and what they refuse."""
    groups = {name: evidence(images, model) for name, images in (faces | nothing).items()}
    seen = np.concatenate([groups[name] for name in faces])
    empty = np.concatenate([groups[name] for name in nothing])
    values = np.concatenate([seen, empty])
    truth = np.repeat([1, 0], [len(seen), len(empty)])
    scale = values.std(axis=0)
    fitted = LogisticRegression(C=0.1, class_weight="balanced").fit(values / scale, truth)
    slopes = (fitted.coef_[0] / scale).round(3)
    intercept = -float(np.quantile(empty @ slopes, REFUSED))
    print(f"_INTERCEPT, _SLOPES = {intercept:.3f}, {tuple(slopes.tolist())}")
    for name, values in groups.items():
        print(f"{name}: {(values @ slopes + intercept >= 0).mean():.4f} of {len(values)} are faces")


def evidence(images: list[np.ndarray], model: keras.Model) -> np.ndarray:
    """Of each image as the crop of one face: float64, shape (images, 5)."""
    detector = Aligner(model, least=0.0)
    points = np.stack([face.points for face in detector.best(images)])
    return detector.look_thrice(images, points)[1]


if __name__ == "__main__":
    main()
