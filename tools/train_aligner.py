"""Trains the aligner that ships with `maskedface.landmarks`: five points of a face, masked or not.

A teacher finds the points on unmasked photographs, where it sees the whole face: MediaPipe's
back-camera detector and face mesh, the mean of the photograph and its mirror. The student then sees
the same photographs with masks drawn on them, squashed, turned, shifted, cut tightly, blurred and
compressed, and learns the points that the teacher saw without them.

  python tools/train_aligner.py teach --data LFW --manifest LFW/protocols/manifest.csv --out lfw.npz
  python tools/train_aligner.py teach --data MLFW --manifest MLFW/protocols/manifest.csv --out mlfw.npz
  python tools/train_aligner.py fit lfw.npz mlfw.npz --out first --steps 4500
  python tools/train_aligner.py fit lfw.npz mlfw.npz --start first.keras --rate 4e-4 --no-faces 0.35 \
      --seed 1 --steps 600 --out aligner

`teach` reads the unmasked rows of the manifest's part "train", less everybody who is in MFR2. `fit` writes
aligner.keras (float32), aligner.npz (float16, batch norms folded: what the package carries) and
aligner.json: on what, how, when, how far from the teacher on people held out.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import threading
from collections.abc import Iterator
from queue import Queue

import cv2
import keras
import numpy as np

from maskedface import datasets, geometry
from maskedface.datasets.face_drawing import draw_face
from maskedface.landmarks.aligner import SECOND
from maskedface.landmarks.aligner_network import SIZE, build_aligner
from maskedface.landmarks.finding import main_face
from maskedface.masking import STYLES
from maskedface.masking.bank import MaskBank
from maskedface.masking.patches import draw_patch, style_rng
from maskedface.models import fold_batch_norm

CANVAS = 192  # pixels of a stored face, with its surroundings
ZOOM = 1.2  # canvas pixels a pixel of the 112-px ArcFace alignment
PLACE = np.array(
    [[ZOOM, 0, 96 - 56 * ZOOM], [0, ZOOM, 96 - 62 * ZOOM]]
)  # canvas = PLACE @ (x, y, 1)
DRAWN = 1200  # drawn faces among the photographs, so that the package's own demo is aligned too
HELD_OUT = 0.05  # of the people
VARIANTS = 24  # masks drawn of each style
MASKED = 4  # of them on each photograph
CONFIDENCE_WEIGHT = 0.1


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    teaching = commands.add_parser("teach")
    teaching.add_argument("--data", required=True)
    teaching.add_argument("--manifest", required=True)
    teaching.add_argument("--protocol", default="open_set")
    teaching.add_argument("--out", required=True)
    fitting = commands.add_parser("fit")
    fitting.add_argument("taught", nargs="+")
    fitting.add_argument("--out", required=True)
    fitting.add_argument("--steps", type=int, default=4500)
    fitting.add_argument("--batch", type=int, default=128)
    fitting.add_argument("--rate", type=float, default=2e-3)
    fitting.add_argument("--seed", type=int, default=0)
    fitting.add_argument("--no-faces", type=float, default=0.1, help="share of crops without a face")
    fitting.add_argument("--start", help="go on from this .keras file")
    args = parser.parse_args()
    teach(args) if args.command == "teach" else fit(args)


def teach(args: argparse.Namespace) -> None:
    """Keeps canvases of faces with the teacher's points."""
    from maskedface.landmarks import MeshDetector

    rows = datasets.read_split(args.manifest, args.protocol, root=args.data)["train"]
    rows = rows.only("unmasked").without(datasets.MFR2_PEOPLE)
    teacher, images, points, people = MeshDetector(mirror=True), [], [], []
    for face, path in zip(rows.faces, rows.paths, strict=True):
        image = datasets.read_image(path)
        found = teacher([image])[0]
        if found:
            best = main_face(found, *image.shape[:2])
            add(images, points, image, best.points)
            people.append(face.person)
    save(args.out, images, points, people)


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


def save(path: str, images: list[np.ndarray], points: list[np.ndarray], people: list[str]) -> None:
    np.savez(path, images=np.stack(images), points=np.stack(points), people=np.array(people))
    print(f"{path}: {len(images)} faces of {len(set(people))} people")


class Samples:
    """Endless batches of crops: functions of (seed, step) alone."""

    def __init__(
        self, images: np.ndarray, points: np.ndarray, seed: int, no_faces: float = 0.1
    ) -> None:
        self.images, self.points, self.seed = images, points, seed
        self.no_faces = no_faces
        patches = np.stack(
            [
                draw_patch(style, style_rng(style, seed, variant), PLACE, CANVAS, CANVAS)
                for style in STYLES
                for variant in range(VARIANTS)
            ]
        )
        bank = MaskBank(patches, PLACE)
        rng = np.random.default_rng([seed, 0, 0])
        self.masked = np.empty((MASKED, *images.shape), "uint8")
        for view in self.masked:
            choice = rng.integers(len(bank), size=len(images))
            for start in range(0, len(images), 256):
                part = slice(start, start + 256)
                view[part] = bank.lay(images[part], choice[part])

    def batch(self, step: int, size: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng([self.seed, step])
        rows = rng.integers(len(self.images), size=size)
        views = np.where(rng.random(size) < 0.6, rng.integers(MASKED, size=size), -1)
        crops = np.empty((size, SIZE, SIZE, 3), "uint8")
        targets = np.zeros((size, 12), "float32")
        for n, (row, view) in enumerate(zip(rows, views, strict=True)):
            canvas = self.images[row] if view < 0 else self.masked[view, row]
            if n < size * self.no_faces:
                crops[n] = no_face(canvas, self.points[row], rng)
                targets[n, :10] = 0.5
                continue
            crops[n], points, side = one_crop(canvas, self.points[row], rng, n % 2 == 0)
            targets[n, :10] = points.ravel()
            targets[n, 10] = 1
            targets[n, 11] = side
        return crops, targets


def one_crop(
    canvas: np.ndarray, points: np.ndarray, rng: np.random.Generator, coarse: bool
) -> tuple[np.ndarray, np.ndarray, float]:
    """A crop as the first pass sees it, or as the second does; points as shares of its side; the weight
    that makes small faces count as large ones."""
    middle = points.mean(0)
    squash = np.exp(rng.uniform(-0.4, 0.4) * (rng.random() < 0.6) * np.array([0.5, -0.5]))
    if coarse:
        lean = rng.normal(0, 0.3) if rng.random() < 0.8 else rng.uniform(-1.2, 1.2)
        turn = rng.normal(0, 0.12)
        span = 112 * ZOOM * np.exp(rng.uniform(-0.25, 0.85))  # canvas pixels across the crop
        shift = rng.uniform(-0.16, 0.16, 2) * span
    else:
        lean, turn = rng.normal(0, 0.12), rng.normal(0, 0.07)
        span = SECOND * ZOOM * np.exp(rng.normal(0, 0.1))
        shift = rng.normal(0, 0.03, 2) * span
    left, top, right, bottom = 0, 0, CANVAS, CANVAS
    if rng.random() < 0.5:  # an image that was cut tightly
        low, high = points.min(0), points.max(0)
        reach = high - low
        left, top = (low - reach * rng.uniform((0.15, 0.3), (0.9, 1.1))).clip(0).astype(int)
        right, bottom = (
            (high + reach * rng.uniform((0.15, 0.15), (0.9, 0.8))).clip(0, CANVAS).astype(int)
        )
        if coarse:  # and is looked at whole
            span = max(right - left, bottom - top) * np.exp(rng.uniform(-0.15, 0.5))
            middle, shift = np.array([left + right, top + bottom]) / 2, shift * 0.3
    # canvas -> lean, squash, turn -> crop
    a = rotation(turn) @ np.diag(squash) @ rotation(lean) * (SIZE / span)
    offset = np.array([SIZE / 2, SIZE / 2]) - a @ (middle + shift)
    cut = np.ascontiguousarray(canvas[top:bottom, left:right])
    if rng.random() < 0.15:
        cut = covered(cut, points - (left, top), rng)
    offset = offset + a @ np.array([left, top])
    crop = cv2.warpAffine(
        cut, np.column_stack([a, offset]), (SIZE, SIZE), flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    placed = (points - (left, top)) @ a.T + offset
    if rng.random() < 0.5:
        crop, placed = crop[:, ::-1], placed[[1, 0, 2, 4, 3]] * (-1, 1) + (SIZE - 1, 0)
    weight = np.sqrt(np.linalg.det(a)) * 112 * ZOOM / SIZE  # the face's share of the crop
    return developed(crop, rng), (placed + 0.5) / SIZE, float(1 / weight)


def rotation(angle: float) -> np.ndarray:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, -sin], [sin, cos]])


def covered(image: np.ndarray, points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Something before the face: dark glasses, or a blob somewhere."""
    image = image.copy()
    reach = np.linalg.norm(points[1] - points[0])
    if rng.random() < 0.4:
        for eye in points[:2]:
            axes = (reach * rng.uniform((0.3, 0.22), (0.48, 0.4))).astype(int)
            cv2.ellipse(
                image,
                eye.astype(int).tolist(),
                axes.tolist(),
                0,
                0,
                360,
                rng.integers(0, 60, 3).tolist(),
                -1,
            )
        return image
    place = points[rng.integers(5)] + rng.normal(0, 0.5 * reach, 2)
    axes = (reach * rng.uniform(0.2, 0.7, 2)).astype(int) + 1
    colour = (
        rng.integers(0, 256, 3)
        if rng.random() < 0.5
        else np.array([rng.integers(120, 240), rng.integers(90, 190), rng.integers(70, 170)])
    )
    cv2.ellipse(
        image,
        place.astype(int).tolist(),
        axes.tolist(),
        rng.uniform(0, 180),
        0,
        360,
        colour.tolist(),
        -1,
    )
    return image


def developed(crop: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The crop as a camera and the web leave it."""
    if rng.random() < 0.35:
        small = rng.integers(28, 90)
        crop = cv2.resize(crop, (small, small), interpolation=cv2.INTER_AREA)
        crop = cv2.resize(crop, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.25:
        crop = cv2.GaussianBlur(np.ascontiguousarray(crop), (0, 0), rng.uniform(0.4, 2.2))
    if rng.random() < 0.7:
        values = np.arange(256) / 255.0
        values = values ** np.exp(rng.normal(0, 0.3))
        values = (values - 0.5) * np.exp(rng.normal(0, 0.2)) + 0.5 + rng.normal(0, 0.06)
        tables = [(values * np.exp(rng.normal(0, 0.06)) * 255).clip(0, 255) for _ in range(3)]
        crop = cv2.LUT(np.ascontiguousarray(crop), np.stack(tables, 1).astype("uint8")[None])
    if rng.random() < 0.12:
        crop = np.repeat(
            cv2.cvtColor(np.ascontiguousarray(crop), cv2.COLOR_RGB2GRAY)[..., None], 3, 2
        )
    if rng.random() < 0.2:
        noise = rng.normal(0, rng.uniform(2, 14), crop.shape)
        crop = (crop + noise).clip(0, 255).astype("uint8")
    if rng.random() < 0.3:
        quality = int(rng.integers(15, 80))
        data = cv2.imencode(
            ".jpg", np.ascontiguousarray(crop), [cv2.IMWRITE_JPEG_QUALITY, quality]
        )[1]
        crop = cv2.imdecode(data, cv2.IMREAD_COLOR)
    return crop


def noise(rng: np.random.Generator) -> np.ndarray:
    """Noise of any fineness, contrast and smoothness: cells, or clouds of one or several sizes."""
    channels = int(rng.choice((1, 3)))
    if rng.random() < 0.5:
        cells = int(np.exp(rng.uniform(np.log(2), np.log(260))))
        shape = (cells, cells, channels)
        values = rng.random(shape) if rng.random() < 0.5 else rng.normal(0.5, 0.25, shape)
        if rng.random() < 0.2:
            values = values > rng.uniform(0.2, 0.8)
        ways = (cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_AREA)
        values = cv2.resize(values.astype("float32"), (SIZE, SIZE), interpolation=int(rng.choice(ways)))
    else:
        values = np.zeros((SIZE, SIZE, channels), "float32")
        for _ in range(rng.integers(1, 5)):
            field = rng.normal(0, 1, (SIZE, SIZE, channels)).astype("float32")
            field = cv2.GaussianBlur(field, (0, 0), float(np.exp(rng.uniform(0, 3.2))))
            values += (field / max(float(field.std()), 1e-6)).reshape(values.shape)
        if rng.random() < 0.4:
            values = np.sin(values * rng.uniform(1, 8))
    values = values.reshape(SIZE, SIZE, channels)
    values = (values - values.mean()) / max(float(values.std()), 1e-6)
    image = rng.uniform(40, 215) + values * np.exp(rng.uniform(np.log(3), np.log(90)))
    return np.repeat(image, 3 // channels, 2).clip(0, 255).astype("uint8")


def no_face(
    canvas: np.ndarray, points: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """An image that shows no face: a part of one without eyes and nose together, a face in pieces, noise, a
    texture, flat shapes."""
    kind = int(rng.choice((0, 0, 0, 1, 2, 3, 3, 4, 5)))
    if kind == 0:  # what lies round the face: background, hair, neck, clothes
        middle = points.mean(0)
        reach = 1.1 * np.ptp(points, axis=0).max()
        side = int(rng.integers(20, 60))
        while True:
            left, top = rng.integers(8, CANVAS - side - 8, 2)
            if np.abs(middle - (left + side / 2, top + side / 2)).max() > reach / 2 + side / 3:
                break
        image = canvas[top : top + side, left : left + side]
    elif kind == 1:  # a small part of the face alone: a cheek, the mask, the forehead
        side = int(rng.integers(14, 34))
        left, top = rng.integers(30, CANVAS - side - 30, 2)
        image = canvas[top : top + side, left : left + side]
    elif kind == 2:  # pieces in another order
        count = int(rng.choice((3, 4, 6, 8)))
        side = CANVAS // count
        pieces = [canvas[y * side : y * side + side, x * side : x * side + side]
                  for y in range(count) for x in range(count)]  # fmt: skip
        order = rng.permutation(len(pieces))
        image = np.concatenate(
            [
                np.concatenate([pieces[order[y * count + x]] for x in range(count)], 1)
                for y in range(count)
            ]
        )
    elif kind == 3:
        image = noise(rng)
    elif kind == 4:  # stripes, checks, waves
        y, x = np.mgrid[:SIZE, :SIZE] / SIZE
        angle, waves = rng.uniform(0, np.pi), rng.uniform(1, 30)
        wave = np.sin(
            2 * np.pi * waves * (x * np.cos(angle) + y * np.sin(angle)) + rng.uniform(0, 6)
        )
        if rng.random() < 0.5:
            wave = wave * np.sin(
                2 * np.pi * rng.uniform(1, 30) * (y * np.cos(angle) - x * np.sin(angle))
            )
        if rng.random() < 0.5:
            wave = np.sign(wave)
        low, high = rng.uniform(0, 255, (2, 3))
        image = (low + (high - low) * (wave[..., None] + 1) / 2).astype("uint8")
    else:  # flat shapes
        image = np.full((SIZE, SIZE, 3), rng.integers(0, 256, 3), "uint8")
        for _ in range(rng.integers(0, 12)):
            place, axes = rng.integers(0, SIZE, 2), rng.integers(2, 50, 2)
            colour = rng.integers(0, 256, 3).tolist()
            if rng.random() < 0.5:
                cv2.ellipse(
                    image, place.tolist(), axes.tolist(), rng.uniform(0, 180), 0, 360, colour, -1
                )
            else:
                cv2.rectangle(image, place.tolist(), (place + axes).tolist(), colour, -1)
    image = cv2.resize(np.ascontiguousarray(image), (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)
    return developed(image, rng)



def loss(target: np.ndarray, output: np.ndarray) -> object:
    """Mean distance of the five points in face sizes, and the cross-entropy of the confidence."""
    ops = keras.ops
    away = ops.reshape(output[:, :10] - target[:, :10], (-1, 5, 2))
    distance = ops.sqrt(ops.sum(ops.square(away), -1) + 1e-7)
    points = ops.mean(distance, -1) * target[:, 11]
    face = ops.clip(output[:, 10], 1e-6, 1 - 1e-6)
    entropy = -target[:, 10] * ops.log(face) - (1 - target[:, 10]) * ops.log(1 - face)
    return points + CONFIDENCE_WEIGHT * entropy


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
    rng = np.random.default_rng(args.seed)
    names = np.unique(people)
    held = np.isin(people, rng.choice(names, int(HELD_OUT * len(names)), replace=False))
    drawn, places = drawn_faces(DRAWN)
    samples = Samples(
        np.concatenate([images[~held], drawn]),
        np.concatenate([points[~held], places]),
        args.seed,
        args.no_faces,
    )
    check = Samples(images[held], points[held], args.seed + 1)
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    model = build_aligner()
    keras.mixed_precision.set_global_policy("float32")
    if args.start:
        model.set_weights(keras.models.load_model(args.start, compile=False).get_weights())
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, args.steps, alpha=0.0, warmup_target=args.rate, warmup_steps=args.steps // 20
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=0.02, clipnorm=1.0)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    model.compile(optimizer, loss, jit_compile=False)
    started = datetime.datetime.now(datetime.UTC)
    history = []
    for step, (crops, targets) in enumerate(ahead(samples, args.steps, args.batch)):
        value = model.train_on_batch(crops, targets)
        if step % 250 == 0:
            spent = (datetime.datetime.now(datetime.UTC) - started).total_seconds()
            print(
                f"step {step} loss {value:.4f} {spent:.0f} s {held_out(model, check)}", flush=True
            )
            model.save_weights(args.out + ".partial.weights.h5")
        history.append(float(value))
    weights = model.get_weights()
    plain = build_aligner()
    plain.set_weights(weights)
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
        "start": args.start and os.path.basename(args.start),
        "started": started.isoformat(timespec="seconds"),
        "seconds": round((datetime.datetime.now(datetime.UTC) - started).total_seconds()),
        "held_out": held_out(plain, check, 40),
    }
    with open(args.out + ".json", "w", encoding="utf-8") as file:
        json.dump(facts, file, indent=2)
    print(facts)


def pack(model: keras.Model, path: str) -> None:
    """Writes what `load_aligner` reads: batch norms folded, half precision."""
    weights = fold_batch_norm(model).get_weights()
    np.savez_compressed(
        path, **{f"{n:03d}": values.astype("float16") for n, values in enumerate(weights)}
    )


def ahead(samples: Samples, steps: int, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches made in a thread while the network works."""
    queue: Queue = Queue(4)

    def make() -> None:
        for step in range(steps):
            queue.put(samples.batch(step, size))

    threading.Thread(target=make, daemon=True).start()
    for _ in range(steps):
        yield queue.get()


def held_out(model: keras.Model, check: Samples, batches: int = 4) -> dict[str, float]:
    """Mean distance to the teacher's points on people held out, in per cent of the 112-px face; first
    pass's crops and second pass's apart; and the confidence's two errors at one half."""
    found = {"first": [], "second": [], "missed": [], "false": []}
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
