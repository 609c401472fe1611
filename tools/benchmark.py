"""Times the library against the ordinary ways, side by side in one run, on this machine.

    python tools/benchmark.py recipe unmasked        # frozen features against model.fit and PyTorch
    python tools/benchmark.py recipe masked
    python tools/benchmark.py recipe masked --engines   # frozen features by other engines than Keras
    python tools/benchmark.py embedding              # against ONNX Runtime
    python tools/benchmark.py dlib                   # DlibResNet29 against dlib (pip install dlib-bin)
    python tools/benchmark.py pipeline               # as_tf_dataset against decoding alone
    python tools/benchmark.py search                 # 1,000,000 people searched, against NumPy's product
    python tools/benchmark.py scaling                # cost and memory as the number of images grows
    python tools/benchmark.py onednn                 # a training step with TensorFlow's oneDNN on and off

Each round times every way once, in turn; the figures are medians over the rounds, and the ratios are of
figures from the same run. `--json FILE` keeps them. Images are drawn or random: speed does not depend on
what they show. Start-up (imports, building, the first traced batch of the ordinary loops) is not timed.
Needs `pip install torch==2.13.0 onnxruntime tf2onnx`.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import _tool
import numpy as np

SIZE, PEOPLE, SHARE = 180, 77, 0.7  # the paper's
ENGINES = (("openvino", "float32"), ("openvino", "int8"), ("onnx", "int8"))
Times = dict[str, float]


def main() -> int:
    """Runs one benchmark and prints its table.

    Returns:
        The exit code.
    """
    parser = _tool.parser(__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, command in COMMANDS.items():
        sub = commands.add_parser(name, help=(command.__doc__ or "").splitlines()[0])
        sub.add_argument("--rounds", type=int, default=3)
        sub.add_argument("--images", type=int, default=2000)
        sub.add_argument("--json", metavar="FILE")
        if name == "recipe":
            sub.add_argument("recipe", choices=("unmasked", "masked"))
            sub.add_argument("--tail-epochs", type=int, default=2, help="epochs timed of `masked`")
            sub.add_argument("--engines", action="store_true", help="model.fit and engines alone")
        if name == "pipeline":
            sub.add_argument("--jpeg-size", type=int, default=250, help="of the files, in pixels")
        if name == "search":
            sub.add_argument("--people", type=int, default=1_000_000)
            sub.add_argument("--features", type=int, default=128)
            sub.add_argument(
                "--probes", type=int, default=20, help="timed one by one in each round"
            )
    args = parser.parse_args()
    result = COMMANDS[args.command](args)
    result["arguments"] = {k: v for k, v in vars(args).items() if k != "json"}
    if args.json:
        Path(args.json).write_text(json.dumps(result, indent=2) + "\n")
    return 0


def interleaved(ways: dict[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Runs each way once a round, in turn."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds):
        for name, way in ways.items():
            times[name].append(way())
            print(f"  round {number + 1}: {name} {times[name][-1]:.4g}", flush=True)
    return times


def report(times: dict[str, list[float]], unit: str, against: list[str]) -> dict[str, Any]:
    """Prints medians, spreads and how many times each way's figure goes into those of `against`."""
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, values in times.items():
        ratios = ", ".join(f"{medians[o] / medians[name]:.2f}x {o}" for o in against if o != name)
        print(
            f"{name}: {medians[name]:.4g} {unit} [{min(values):.4g}, {max(values):.4g}]; {ratios}"
        )
    return {"unit": unit, "times": times, "medians": medians}


def random_faces(count: int, size: int = SIZE) -> np.ndarray:
    """uint8 noise, shape (count, size, size, 3)."""
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), np.uint8)


def recipe(args: argparse.Namespace) -> dict[str, Any]:
    """One of the paper's recipes: ours against model.fit and PyTorch's eager loop."""
    import keras

    from maskedface import recipes

    chosen = recipes.PAPER_UNMASKED if args.recipe == "unmasked" else recipes.PAPER_MASKED
    keras.utils.set_random_seed(0)
    faces = random_faces(args.images)
    labels = np.arange(args.images, dtype="int32") % PEOPLE
    cut = int(SHARE * args.images)
    data = faces[:cut], labels[:cut], faces[cut:], labels[cut:]
    # An ordinary epoch is timed on a part of the images: its cost is the same an image.
    part = max(chosen.batch_size, cut // 4 // chosen.batch_size * chosen.batch_size)
    tests = round(part * (1 - SHARE) / SHARE)
    small = faces[:part], labels[:part], faces[cut : cut + tests], labels[cut : cut + tests]
    scale = chosen.epochs * cut / part
    tail = chosen.epochs if args.recipe == "unmasked" else args.tail_epochs
    ways: dict[str, Callable[[], float]] = {
        "model.fit": _keras_epoch(chosen, small, scale),
        "PyTorch": _torch_epoch(chosen, small, scale),
        "ours float32": lambda: _ours(chosen, data, tail),
        "ours bfloat16": lambda: _ours(chosen.override(precision="bfloat16"), data, tail),
    }
    if args.engines:
        ways = {"model.fit": ways["model.fit"], "ours float32": ways["ours float32"]}
        for engine, precision in ENGINES:
            # Rank-1 of noise tells nothing.
            words = {"engine": engine, "engine_precision": precision, "engine_tolerance": 1.0}
            ways[f"ours {engine} {precision}"] = lambda words=words: _ours(
                chosen.override(**words), data, tail
            )
    print(f"{chosen.name}, {args.images} images: ordinary epochs timed on {part} + {tests} of them")
    print(f"and counted {scale:.1f} times; ours with {tail} of {chosen.epochs} epochs timed")
    return report(interleaved(ways, args.rounds), "s", ["model.fit", "PyTorch"])


def _ours(recipe: Any, data: tuple[np.ndarray, ...], epochs: int) -> float:
    """Seconds of the whole recipe, tracing included; epochs past `epochs` are extrapolated."""
    from maskedface import models

    network = paper_network(recipe, models.ResNet50(None, (SIZE, SIZE, 3)))
    spent = whole_recipe(network, data, epochs)
    if epochs == recipe.epochs:
        return spent["whole"]
    print(f"    features {spent['features']:.1f} s, an epoch {spent['an epoch']:.2f} s")
    return spent["whole"] + spent["an epoch"] * (recipe.epochs - epochs)


def whole_recipe(network: Any, data: tuple[np.ndarray, ...], epochs: int) -> dict[str, float]:
    """Trains a network's learner on frozen features, as `train` does.

    Args:
        network: not compiled.
        data: training faces, their labels, test faces, their labels.
        epochs: int, how many of the recipe's.

    Returns:
        Seconds of the frozen "features", of the "whole" with compiling, and of "an epoch" without.
    """
    from maskedface.training.batches import RowBatches, TrainingBatches
    from maskedface.training.feature_cache import prepare_inputs
    from maskedface.training.network import compile_network

    recipe = network.recipe
    train, labels, test, test_labels = data
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        faces = data_of(network, train, labels, np.zeros(len(train), bool), test)
        inputs = prepare_inputs(network, faces, folder, progress=False)
        assert inputs.has_features, inputs.facts
        computed = time.perf_counter() - start
        words = {"batch_size": recipe.batch_size, "epochs": recipe.epochs, "has_features": True}
        batches = TrainingBatches(inputs.train, faces.plan, **words)
        validation = RowBatches(inputs.test, test_labels, np.arange(len(test)))
        steps = -(-len(train) // recipe.batch_size)
        compile_network(inputs.learner, network, steps)
        quickest = quickest_epoch(inputs.learner, batches, epochs, steps, validation)
        whole = time.perf_counter() - start
    return {"features": computed, "whole": whole, "an epoch": quickest}


def paper_network(recipe: Any, backbone: Any, people: int = PEOPLE) -> Any:
    """A recipe's network for so many people, not compiled."""
    from maskedface.training.network import network_of

    return network_of(recipe, backbone, [f"{number:04d}" for number in range(people)])


def data_of(
    network: Any, train: np.ndarray, labels: np.ndarray, masked: np.ndarray, test: np.ndarray
) -> Any:
    """Faces in memory, as `training.data.read_data` gives them; their rows are no files'."""
    from maskedface.datasets import FaceIndex
    from maskedface.datasets.augmentation import Augmentation
    from maskedface.datasets.epoch_plan import EpochPlan
    from maskedface.training.data import Data, Rows

    layers = [layer.build() for layer in network.recipe.augmentation]
    plan = EpochPlan(
        labels,
        masked,
        Augmentation(layers, alignment=network.alignment, size=network.size),
        sampling=network.recipe.sampling,
        with_domains=network.wants_domains,
        classes=len(network.people),
    )
    nobody = FaceIndex("", [])
    return Data(Rows(nobody, nobody, False), train, test, plan)


def quickest_epoch(
    learner: Any, batches: Any, epochs: int, steps: int, validation: Any = None
) -> float:
    """Seconds of the quickest epoch after the first, which compiles; infinite where there is none."""
    import keras

    ends: list[float] = []
    mark = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: ends.append(time.perf_counter()))
    learner.fit(
        batches,
        epochs=epochs,
        steps_per_epoch=steps,
        validation_data=validation,
        callbacks=[mark],
        shuffle=False,
        verbose=0,
    )
    return float(np.diff(ends).min(initial=np.inf))


def _keras_epoch(recipe: Any, data: tuple[np.ndarray, ...], scale: float) -> Callable[[], float]:
    """An epoch of model.fit with the frozen part as it is, float32, no jit, then validation."""
    import tensorflow as tf

    from maskedface import models
    from maskedface.training.network import compile_network

    network = paper_network(recipe, models.ResNet50(None, (SIZE, SIZE, 3)))
    model = network.learner
    compile_network(model, network, steps_per_epoch=len(data[0]) // recipe.batch_size)

    def batches(faces: np.ndarray, labels: np.ndarray, size: int, flip: bool) -> tf.data.Dataset:
        dataset = tf.data.Dataset.from_tensor_slices((faces, labels)).batch(size)
        if flip:
            dataset = dataset.map(lambda x, y: (tf.image.random_flip_left_right(x), y))
        return dataset.prefetch(2)

    train = batches(data[0], data[1], recipe.batch_size, flip=True)
    test = batches(data[2], data[3], 64, flip=False)
    quiet = {"verbose": 0, "shuffle": False}
    model.fit(train.take(1), validation_data=test.take(1), **quiet)
    return lambda: scale * _tool.timed(lambda: model.fit(train, validation_data=test, **quiet))


def _torch_epoch(recipe: Any, data: tuple[np.ndarray, ...], scale: float) -> Callable[[], float]:
    """The same epoch in PyTorch: eager, channels-last, float32."""
    import torch

    from tests.models.torch_network import OriginalResNet50

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    backbone = OriginalResNet50().to(memory_format=torch.channels_last)
    frozen = ("conv1", "bn1", "layer1", "layer2", "layer3")
    for name, parameter in backbone.named_parameters():
        stays = recipe.freeze_through == "all" or name.split(".")[0] in frozen
        parameter.requires_grad = not stays
    dropout = torch.nn.Dropout(recipe.value_at("head.dropout"))
    head = torch.nn.Sequential(dropout, torch.nn.Linear(2048, PEOPLE))
    learning = [*(p for p in backbone.parameters() if p.requires_grad), *head.parameters()]
    rate, momentum = (recipe.value_at(f"optimizer.{x}") for x in ("learning_rate", "momentum"))
    optimizer = (
        torch.optim.SGD(learning, rate, momentum, nesterov=True)
        if recipe.optimizer.has_class("SGD")
        else torch.optim.Adam(learning, rate)
    )
    mean = torch.tensor([91.4953, 103.8827, 131.0912])[None, :, None, None]

    def forward(faces: np.ndarray, flip: bool) -> torch.Tensor:
        x = torch.from_numpy(faces[:, :, :, ::-1].copy()).permute(0, 3, 1, 2).float() - mean
        if flip:
            mirrored = torch.rand(len(x)) < 0.5
            x[mirrored] = x[mirrored].flip(3)
        return head(backbone(x.contiguous(memory_format=torch.channels_last))["pooled"])

    def epoch(limit: int | None = None) -> None:
        faces, labels, tests, _ = data
        backbone.train(recipe.freeze_through != "all")
        for name in frozen:  # frozen batch norms use their statistics, as in ours
            getattr(backbone, name).eval()
        head.train()
        for start in range(0, limit or len(faces), recipe.batch_size):
            part = slice(start, start + recipe.batch_size)
            right = torch.from_numpy(labels[part]).long()
            loss = torch.nn.functional.cross_entropy(forward(faces[part], True), right)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        backbone.eval()
        head.eval()
        with torch.no_grad():
            for start in range(0, limit or len(tests), 64):
                forward(tests[start : start + 64], False)

    epoch(1)
    return lambda: scale * _tool.timed(epoch)


def _all_in_turn(
    args: argparse.Namespace,
    runs: dict[str, tuple[int, Callable[[], Any]]],
    unit: str,
    against: str,
) -> dict[str, Any]:
    """Times ways of doing something to so many faces each, after a first time that is not timed."""
    for _, run in runs.values():
        run()
    ways = {k: lambda n=n, run=run: 1000 * _tool.timed(run) / n for k, (n, run) in runs.items()}
    return report(interleaved(ways, args.rounds), unit, [against])


def embedding(args: argparse.Namespace) -> dict[str, Any]:
    """ResNet50 at 180 px: images a second, ours against ONNX Runtime in float32."""
    import onnxruntime

    from maskedface import engines, models

    faces = random_faces(min(args.images, 512))
    backbone = models.ResNet50(None, (SIZE, SIZE, 3))
    folded = models.fold_batch_norm(backbone)
    low = models.with_precision(folded, "bfloat16")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "backbone.onnx")
        models.predict(backbone, faces[:32])
        backbone.export(path, format="onnx", verbose=False)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = len(os.sched_getaffinity(0))
        session = onnxruntime.InferenceSession(path, options)
    name, kind = session.get_inputs()[0].name, session.get_inputs()[0].type
    dtype = np.float32 if "float" in kind else np.uint8

    def onnx() -> None:
        for start in range(0, len(faces), 32):
            session.run(None, {name: faces[start : start + 32].astype(dtype)})

    runs: dict[str, Callable[[], Any]] = {
        "ONNX Runtime float32": onnx,
        "ours float32": lambda: models.predict(folded, faces),
        "ours bfloat16": lambda: models.predict(low, faces),
        "ours float32, not folded": lambda: models.predict(backbone, faces),
    }
    some = engines.RealFaces(faces[:64], np.arange(64) // 2, faces[64:96])
    for engine, precision in ENGINES:
        ready = engines.compile_model(
            backbone, some, engine=engine, precision=precision, tolerance=1.0
        )
        runs[f"ours {engine} {precision}"] = lambda ready=ready: ready(faces)
    counted = {name: (len(faces), run) for name, run in runs.items()}
    return _all_in_turn(args, counted, "ms an image", "ONNX Runtime float32")


def dlib(args: argparse.Namespace) -> dict[str, Any]:
    """DlibResNet29: ms a face, ours against dlib's own build from PyPI."""
    import dlib as original

    from maskedface import models
    from maskedface.conversion.dlib import locate

    faces = random_faces(min(args.images, 512), 150)
    theirs = original.face_recognition_model_v1(locate())
    ours = models.DlibResNet29()
    low = models.with_precision(ours, "bfloat16")
    some = [np.ascontiguousarray(face) for face in faces[:32]]
    runs: dict[str, tuple[int, Callable[[], Any]]] = {
        "dlib": (len(some), lambda: theirs.compute_face_descriptor(some)),
        "ours float32": (len(faces), lambda: models.predict(ours, faces)),
        "ours bfloat16": (len(faces), lambda: models.predict(low, faces)),
    }
    return _all_in_turn(args, runs, "ms a face", "dlib")


def pipeline(args: argparse.Namespace) -> dict[str, Any]:
    """as_tf_dataset: cold against decoding alone, warm against a training step."""
    import keras
    import tensorflow as tf

    from maskedface import datasets, models, recipes, synthetic
    from maskedface.training.network import compile_network

    with tempfile.TemporaryDirectory() as folder:
        people = -(-args.images // 20)
        index = synthetic.draw_people(folder, people=people, photos=10, size=args.jpeg_size)
        paths = [os.fspath(path) for path in index.paths]

        chips = datasets.read_aligned_faces(index, size=SIZE, alignment="vggface2")
        mirror = keras.layers.RandomFlip("horizontal")
        ours = {"image_size": SIZE, "shuffle": True, "augmentation": [mirror]}
        # Built once: tracing their functions is start-up. Single images never reach Python: that
        # would slow decode_jpeg down.
        sources = {
            "decode_jpeg alone": tf.data.Dataset.from_tensor_slices(paths)
            .map(
                lambda path: tf.io.decode_jpeg(tf.io.read_file(path), channels=3),
                num_parallel_calls=tf.data.AUTOTUNE,
            )
            .filter(lambda image: False),
            "ours cold": datasets.as_tf_dataset(index, **ours),
            "ours warm": datasets.as_tf_dataset(index, **ours, cache=chips),
        }
        kept = []  # an iterator that is let go of waits for its autotuning to wake up

        def drain(source: tf.data.Dataset) -> None:
            kept.append(iter(source))
            collections.deque(kept[-1], maxlen=0)

        runs: dict[str, tuple[int, Callable[[], Any]]] = {
            name: (len(index), lambda source=source: drain(source))
            for name, source in sources.items()
        }
        result = _all_in_turn(args, runs, "ms an image", "decode_jpeg alone")
        recipe = recipes.PAPER_MASKED
        backbone = models.ResNet50(None, (SIZE, SIZE, 3))
        network = paper_network(recipe, backbone, len(index.people))
        compile_network(network.learner, network, 10)
        batches = datasets.as_tf_dataset(index, **ours, cache=chips)
        waits, whole = _waiting(network.learner, batches)
    step = whole / (10 * recipe.batch_size) * 1000
    print(
        f"training step: {step:.1f} ms an image, {step / result['medians']['ours warm']:.0f}x warm;"
    )
    print(f"steps waited {100 * waits / whole:.2f} % of the time")
    return result | {"step_ms": step, "waited_share": waits / whole}


def _waiting(model: Any, source: Any) -> tuple[float, float]:
    """Seconds that ten steps waited for their batches, and seconds in all."""
    batches = iter(source.repeat(20))
    model.train_on_batch(*next(batches))
    start, waited = time.perf_counter(), 0.0
    for _ in range(10):
        asked = time.perf_counter()
        batch = next(batches)
        waited += time.perf_counter() - asked
        model.train_on_batch(*batch)
    return waited, time.perf_counter() - start


def scaling(args: argparse.Namespace) -> dict[str, Any]:
    """Frozen features of N, 2N and 4N images: marginal cost, anonymous memory."""
    from maskedface import models, recipes
    from maskedface.datasets.augmentation import Augmentation
    from maskedface.training.feature_cache import frozen_prefix, read_features

    base = args.images // 4
    with tempfile.TemporaryDirectory() as folder:
        faces = np.lib.format.open_memmap(
            os.path.join(folder, "faces.npy"), "w+", "uint8", (4 * base, SIZE, SIZE, 3)
        )
        for start in range(0, len(faces), 256):
            faces[start : start + 256] = random_faces(len(faces[start : start + 256]))
        backbone = models.ResNet50(None, (SIZE, SIZE, 3))
        models.freeze(backbone, "layer3")
        nothing = Augmentation(alignment="vggface2", size=SIZE)
        prefix = frozen_prefix(recipes.PAPER_MASKED, backbone, nothing)
        assert not isinstance(prefix, str)
        models.predict(prefix.model, faces[:32])
        memory = {}

        def run(count: int) -> float:
            with tempfile.TemporaryDirectory() as kept:
                seconds = _tool.timed(
                    lambda: read_features(prefix, faces[:count], mirrors=False, folder=kept)
                )
            memory[count] = _tool.megabytes("RssAnon")
            return seconds

        counts = [base, 2 * base, 4 * base]
        ways = {str(n): lambda n=n: run(n) for n in counts}
        result = report(interleaved(ways, args.rounds), "s", [])
    one, two, four = (result["medians"][str(n)] for n in counts)
    first, second = (two - one) / base, (four - two) / (2 * base)
    print(
        f"an image more costs {1000 * first:.2f} ms from N to 2N, {1000 * second:.2f} from 2N to 4N"
    )
    print("anonymous memory:", ", ".join(f"{n} images {m:.0f} MB" for n, m in memory.items()))
    return result | {"marginal_ms": [1000 * first, 1000 * second], "anonymous_mb": memory}


def search(args: argparse.Namespace) -> dict[str, Any]:
    """The 10 most alike of 1,000,000 people: ms a probe, ours against NumPy's float32 product."""
    from maskedface.evaluation import Templates
    from maskedface.recognition.search import ExactSearch

    rng = np.random.default_rng(0)
    rows = rng.standard_normal((args.people, args.features), dtype=np.float32)
    # As face embeddings are: a common part, and directions that vary less and less.
    rows *= 1 / np.sqrt(1 + np.arange(args.features, dtype="float32") / 16)
    rows += 1.5 * rng.standard_normal(args.features, dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    probes = rows[: args.probes] + 0.03 * rng.standard_normal(
        (args.probes, args.features), dtype=np.float32
    )
    ours = ExactSearch(Templates(rows), np.arange(args.people))
    ours.best(probes[0], 10)

    def plain(probe: np.ndarray) -> np.ndarray:
        scores = rows @ (probe / np.linalg.norm(probe))
        top = np.argpartition(scores, len(scores) - 10)[-10:]
        return np.asarray(top[np.argsort(-scores[top])])

    for probe in probes:
        assert np.array_equal(ours.best(probe, 10)[0], plain(probe)), "the answers differ"

    def each(find: Callable[[np.ndarray], Any]) -> list[float]:
        return [1000 * _tool.timed(lambda p=p: find(p)) for p in probes]

    ways: dict[str, Callable[[], float]] = {
        "NumPy float32": lambda: statistics.median(each(plain)),
        "ours": lambda: statistics.median(each(lambda p: ours.best(p, 10))),
        "ours, fastest probe": lambda: min(each(lambda p: ours.best(p, 10))),
    }
    return report(interleaved(ways, args.rounds), "ms", ["NumPy float32"])


_STEP = """
import time, keras, numpy as np
from maskedface import losses, models
model = models.classifier(models.DlibResNet29(None), 1000, head="cosine")
model.compile("adam", losses.CosineMargin(), jit_compile=False)
faces = np.random.default_rng(0).integers(0, 256, (64, 150, 150, 3), np.uint8)
for _ in range(2):
    model.train_on_batch(faces, np.arange(64))
cpu = time.process_time()
for _ in range(5):
    model.train_on_batch(faces, np.arange(64))
print(1000 * (time.process_time() - cpu) / 320)
"""


def onednn(args: argparse.Namespace) -> dict[str, Any]:
    """A training step of DlibResNet29, ms of processor time an image, oneDNN on against off."""

    def run(switch: str) -> float:
        done = subprocess.run(
            [sys.executable, "-c", _STEP],
            env={**os.environ, "TF_ENABLE_ONEDNN_OPTS": switch},
            cwd=_tool.ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        return float(done.stdout.split()[-1])

    return report(
        interleaved({"off": lambda: run("0"), "on": lambda: run("1")}, args.rounds), "ms", ["off"]
    )


COMMANDS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "recipe": recipe,
    "embedding": embedding,
    "dlib": dlib,
    "pipeline": pipeline,
    "search": search,
    "scaling": scaling,
    "onednn": onednn,
}

if __name__ == "__main__":
    sys.exit(main())
