"""Trains the aligner that ships with `maskedface.landmarks`: five points of a face, masked or not.

A teacher finds the points on unmasked photographs, where it sees the whole face: MediaPipe's
back-camera detector and face mesh, the mean of the photograph and its mirror. The student then sees
the same photographs with masks drawn on them, squashed, turned, shifted, cut tightly, blurred and
compressed, and learns the points that the teacher saw without them.

  python tools/train_aligner.py teach --data LFW --manifest LFW/protocols/manifest.csv --out lfw.npz
  python tools/train_aligner.py teach --data MLFW --manifest MLFW/protocols/manifest.csv --out mlfw.npz
  python tools/train_aligner.py teach --data RMFRD --out rmfrd.npz
  python tools/train_aligner.py fit lfw.npz mlfw.npz --out first --steps 4500
  python tools/train_aligner.py fit lfw.npz mlfw.npz rmfrd.npz --start first.keras --rate 4e-4 \
      --no-faces 0.35 --seed 1 --steps 600 --out aligner

`teach` reads the unmasked rows of the manifest's part "train", less everybody who is in MFR2. Without a
manifest it reads RMFRD's folders: every second person with fewer than 8 masked images (`taught_people`),
unmasked faces with the teacher's points, and worn masks, which are shown as faces but teach no points.
`fit` writes aligner.keras (float32), aligner.npz (float16, batch norms folded: what the package carries)
and aligner.json: on what, how, when, how far from the teacher on people held out. The weights in the
package are of four such steps; `maskedface/landmarks/aligner.json` lists them.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import threading
from collections.abc import Iterator
from queue import Queue
from typing import Any

import _tool
import cv2
import keras
import numpy as np
from aligner_negatives import CANVAS
from aligner_samples import PLACE, Samples

from maskedface import datasets, geometry
from maskedface.images import read_image
from maskedface.landmarks.aligner import Aligner, read_weights
from maskedface.landmarks.aligner_network import build_aligner
from maskedface.landmarks.finding import main_face
from maskedface.models import fold_batch_norm
from maskedface.synthetic.face_drawing import draw_face

DRAWN = 1200  # drawn faces among the photographs, so that the package's own demo is aligned too
HELD_OUT = 0.05  # of the people


def main() -> None:
    parser = _tool.parser(__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    teaching = commands.add_parser("teach")
    teaching.add_argument("--data", required=True)
    teaching.add_argument("--manifest")
    teaching.add_argument("--protocol", default="open_set")
    teaching.add_argument("--out", required=True)
    fitting = commands.add_parser("fit")
    fitting.add_argument("taught", nargs="+")
    fitting.add_argument("--out", required=True)
    fitting.add_argument("--steps", type=int, default=4500)
    fitting.add_argument("--batch", type=int, default=128)
    fitting.add_argument("--rate", type=float, default=2e-3)
    fitting.add_argument("--seed", type=int, default=0)
    fitting.add_argument(
        "--no-faces", type=float, default=0.1, help="share of crops without a face"
    )
    fitting.add_argument("--confidence-weight", type=float, default=0.1)
    fitting.add_argument("--precision", choices=("bfloat16", "float32"), default="bfloat16")
    fitting.add_argument(
        "--start", help="go on from this .keras file, or from a packed .npz, without batch norms"
    )
    args = parser.parse_args()
    teach(args) if args.command == "teach" else fit(args)


def teach(args: argparse.Namespace) -> None:
    """Keeps canvases of faces with the teacher's points."""
    from mesh import MeshDetector

    rows = rows_to_teach(args.data, args.manifest, args.protocol)
    teacher, aligner = MeshDetector(mirror=True), Aligner(least=0.0)
    images: list[np.ndarray] = []
    points: list[np.ndarray] = []
    people, worn = [], []
    for face, path in zip(rows.faces, rows.paths, strict=True):
        image = read_image(path)
        found = aligner([image])[0] if face.domain == "masked" else teacher([image])[0]
        if found:
            best = main_face(found, *image.shape[:2])
            add(images, points, image, best.points)
            people.append(face.person)
            worn.append(face.domain == "masked")
    np.savez(
        args.out,
        images=np.stack(images),
        points=np.stack(points),
        people=np.array(people),
        worn=np.array(worn),
    )
    print(f"{args.out}: {len(images)} faces of {len(set(people))} people")


def rows_to_teach(data: str, manifest: str | None, protocol: str) -> datasets.FaceIndex:
    """The photographs that are trained on: nobody of MFR2, on which the library is reported."""
    if manifest is None:
        index = datasets.rmfrd(data)
        taught = set(taught_people(index)[::2])
        rows = index.where(lambda face: face.person in taught)
    else:
        rows = datasets.read_split(manifest, protocol, root=data)["train"].only("unmasked")
    return rows.without(datasets.MFR2_PEOPLE)


def taught_people(index: datasets.FaceIndex) -> list[str]:
    """RMFRD's people with fewer than 8 masked images, sorted: every second one trains the aligner, the
    others its confidence (`tools/fit_aligner_confidence.py`)."""
    often = set(index.people_in_both().with_at_least(8, "masked").people)
    return sorted(set(index.people) - often)


def add(
    images: list[np.ndarray], points: list[np.ndarray], image: np.ndarray, found: np.ndarray
) -> None:
    """Warps a face to a canvas, its five points with it."""
    front = geometry.alignment_points("arcface", 112, 112) @ PLACE[:, :2].T + PLACE[:, 2]
    matrix = geometry.similarity(front, found)  # image = matrix @ canvas
    images.append(
        cv2.warpAffine(
            image, matrix, (CANVAS, CANVAS), flags=cv2.INTER_AREA | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
    )  # fmt: skip
    back = cv2.invertAffineTransform(matrix)
    points.append(found @ back[:, :2].T + back[:, 2])


class AlignerLoss(keras.losses.Loss):
    """Mean distance of the five points in face sizes, and the cross-entropy of the confidence."""

    def __init__(self, confidence_weight: float) -> None:
        super().__init__(name="aligner_loss")
        self.confidence_weight = confidence_weight

    def call(self, target: Any, output: Any) -> Any:
        ops = keras.ops
        away = ops.reshape(output[:, :10] - target[:, :10], (-1, 5, 2))
        distance = ops.sqrt(ops.sum(ops.square(away), -1) + 1e-7)
        points = ops.mean(distance, -1) * target[:, 11]
        face = ops.clip(output[:, 10], 1e-6, 1 - 1e-6)
        entropy = -target[:, 10] * ops.log(face) - (1 - target[:, 10]) * ops.log(1 - face)
        return points + self.confidence_weight * entropy


def drawn_faces(count: int) -> tuple[np.ndarray, np.ndarray]:
    front = geometry.alignment_points("arcface", 112, 112)
    images: list[np.ndarray] = []
    points: list[np.ndarray] = []
    for n in range(count):
        add(images, points, draw_face(n // 4, n % 4, n % 3 == 0, seed=1000), front)
    return np.stack(images), np.stack(points)


def fit(args: argparse.Namespace) -> None:
    keras.utils.set_random_seed(args.seed)
    taught = [np.load(path) for path in args.taught]
    images, points, people = (
        np.concatenate([t[k] for t in taught]) for k in ("images", "points", "people")
    )
    worn = np.concatenate(
        [t["worn"] if "worn" in t else np.zeros(len(t["people"]), bool) for t in taught]
    )
    rng = np.random.default_rng(args.seed)
    names = np.unique(people)
    held = np.isin(people, rng.choice(names, int(HELD_OUT * len(names)), replace=False))
    drawn, places = drawn_faces(DRAWN)
    samples = Samples(
        np.concatenate([images[~held], drawn]),
        np.concatenate([points[~held], places]),
        np.concatenate([worn[~held], np.zeros(DRAWN, bool)]),
        args.seed,
        args.no_faces,
    )
    held &= ~worn
    check = Samples(images[held], points[held], worn[held], args.seed + 1)
    model = start_of(args)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, args.steps, alpha=0.0, warmup_target=args.rate, warmup_steps=args.steps // 20
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=0.02, clipnorm=1.0)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    model.compile(optimizer, AlignerLoss(args.confidence_weight), jit_compile=False)
    started = datetime.datetime.now(datetime.UTC)
    for step, (crops, targets) in enumerate(ahead(samples, args.steps, args.batch)):
        value = model.train_on_batch(crops, targets)
        if step % 250 == 0:
            spent = (datetime.datetime.now(datetime.UTC) - started).total_seconds()
            print(
                f"step {step} loss {value:.4f} {spent:.0f} s {held_out(model, check)}", flush=True
            )
            model.save_weights(args.out + ".partial.weights.h5")
    plain = build_aligner()
    if len(model.weights) != len(plain.weights):  # it started from folded weights
        plain = folded()
    plain.set_weights(model.get_weights())
    plain.save(args.out + ".keras")
    pack(plain, args.out + ".npz")
    facts = {
        "trained_on": [os.path.basename(path) for path in args.taught],
        "people": int(len(names) - len(np.unique(people[held]))),
        "photographs": int((~held).sum()),
        "drawn_faces": DRAWN,
        "steps": args.steps,
        "batch": args.batch,
        "rate": args.rate,
        "seed": args.seed,
        "no_faces": args.no_faces,
        "confidence_weight": args.confidence_weight,
        "worn_masks": int(worn.sum()),
        "start": args.start and os.path.basename(args.start),
        "started": started.isoformat(timespec="seconds"),
        "seconds": round((datetime.datetime.now(datetime.UTC) - started).total_seconds()),
        "held_out": held_out(plain, check, 40),
    }
    with open(args.out + ".json", "w", encoding="utf-8") as file:
        json.dump(facts, file, indent=2)
    print(facts)


def start_of(args: argparse.Namespace) -> keras.Model:
    """The network to train: new, or as it was left."""
    if args.start and args.start.endswith(".npz"):
        return folded(args.start)
    policy = "mixed_bfloat16" if args.precision == "bfloat16" else "float32"
    keras.mixed_precision.set_global_policy(policy)
    model = build_aligner()
    keras.mixed_precision.set_global_policy("float32")
    if args.start:
        model.set_weights(keras.models.load_model(args.start, compile=False).get_weights())
    return model


def folded(weights: str | None = None) -> keras.Model:
    """The network with its batch norms folded, to be trained on; its weights are a packed file's."""
    model = fold_batch_norm(build_aligner())
    if weights is not None:
        model.set_weights(read_weights(weights))
    model.trainable = True
    model.get_layer("heat_place").trainable = False
    return model


def pack(model: keras.Model, path: str) -> None:
    """Writes what `load_aligner` reads: batch norms folded, half precision."""
    weights = fold_batch_norm(model).get_weights()
    np.savez_compressed(
        path, **{f"{n:03d}": values.astype("float16") for n, values in enumerate(weights)}
    )


def ahead(samples: Samples, steps: int, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches made in a thread while the network works."""
    queue: Queue[tuple[np.ndarray, np.ndarray]] = Queue(4)

    def make() -> None:
        for step in range(steps):
            queue.put(samples.batch(step, size))

    threading.Thread(target=make, daemon=True).start()
    for _ in range(steps):
        yield queue.get()


def held_out(model: keras.Model, check: Samples, batches: int = 4) -> dict[str, float]:
    """Mean distance to the teacher's points on people held out, in per cent of the 112-px face; first
    pass's crops and second pass's apart; and the confidence's two errors at one half."""
    found: dict[str, list[float]] = {"first": [], "second": [], "missed": [], "false": []}
    for step in range(batches):
        crops, targets = check.batch(step, 128)
        output = np.asarray(model.predict_on_batch(crops), "float32")
        away = np.linalg.norm((output[:, :10] - targets[:, :10]).reshape(-1, 5, 2), axis=-1).mean(1)
        away = 100 * away * targets[:, 11]
        face = targets[:, 10] == 1
        even = np.arange(128) % 2 == 0
        found["first"].append(away[face & even].mean())
        found["second"].append(away[face & ~even].mean())
        found["missed"].append((output[face, 10] < 0.5).mean())
        found["false"].append((output[~face, 10] >= 0.5).mean())
    return {name: round(float(np.mean(values)), 4) for name, values in found.items()}


if __name__ == "__main__":
    main()
