"""Times recipes and networks on a GPU, and prints JSON.

    python tools/benchmark_gpu.py --peak 989
    python tools/benchmark_gpu.py --runs-only --backends jax,tensorflow

First whole runs of `training.train` on drawn people with random weights, each in a process of its
own: the masked recipe, and `masked_best` (DlibResNet29, drawn masks, jitter), with an empty cache of
compiled programs, with a full one, and without deterministic operations. Of each: the seconds of
`train`, those of the quickest epoch, and the compiled training calls and the bytes that cross to the
GPU in an epoch (`on_device`: whether faces or features stayed on it).

Then Keras on JAX against compiled PyTorch, in bfloat16: forward passes and training steps of the
masked recipe (ResNet50 frozen through layer3) at the same geometry and batch, each step's faces
copied from the host; and how far the GPU's embeddings are from the CPU's. Figures are medians of
rounds in turn; `--peak` is the card's dense bfloat16 TFLOP/s (989: NVIDIA's data sheet of the H100
SXM) for the achieved share. Needs jax (with CUDA) and torch. `--smoke` runs all of it small on a CPU,
which acts as if it were a GPU of a GiB.
"""

from __future__ import annotations

import argparse
import contextlib
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

os.environ.setdefault("KERAS_BACKEND", "jax")  # another one is that of a run's own process
# PyTorch needs room on the card too.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

import _tool
import numpy as np
from benchmarks._frame import PEOPLE, SHARE, SIZE, interleaved, random_faces
from benchmarks._paper import paper_network

# FLOP a forward pass at 180 px: 4.1 GMAC at 224 px (He et al. 2016), by area; two FLOP a MAC.
FORWARD = 2 * 4.1e9 * (180 / 224) ** 2
# A step with layer1-3 frozen: all of it forward, layer4 (about a fifth of the FLOP) backward twice.
STEP = FORWARD * (1 + 2 * 0.2)


# recipe -> its backbone. One of `paper_masked` that needs no other run.
BACKBONES = {"paper_masked_direct_gpu": "ResNet50", "masked_best": "DlibResNet29"}
WAYS = ("empty cache", "full cache", "full cache, not deterministic")


def main() -> int:
    """Runs all of it and prints the result.

    Returns:
        The exit code.
    """
    parser = _tool.parser(__doc__)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--steps", type=int, default=30, help="timed a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=2000, help="of the masked recipe")
    parser.add_argument("--open-images", type=int, default=5000, help="masked_best trains on")
    parser.add_argument("--peak", type=float, default=989.0, help="TFLOP/s, dense bfloat16")
    parser.add_argument("--backends", default="jax", help="of the runs: jax,tensorflow")
    parser.add_argument("--runs-only", action="store_true", help="no comparison with PyTorch")
    parser.add_argument("--json", metavar="FILE", help="write the result there too")
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--run", nargs=3, help=argparse.SUPPRESS)  # one run, in its own process
    args = parser.parse_args()
    if args.smoke:
        args.batch, args.steps, args.rounds, args.images = 4, 1, 1, 40
        args.open_images = 64
        os.environ.setdefault("MASKEDFACE_DEVICE_MEMORY", "1")
    if args.run:
        print(json.dumps(_run(*args.run, is_small=args.smoke)))
        return 0
    # The runs come first: afterwards this process holds memory of the card.
    result: dict[str, Any] = {"arguments": vars(args), "runs": _runs(args)}
    if not args.runs_only:
        result |= _against_pytorch(args)
    text = json.dumps(result, indent=2) + "\n"
    if args.json:
        Path(args.json).write_text(text)
    print(text)
    return 0


def _runs(args: argparse.Namespace) -> dict[str, Any]:
    """{backend: {recipe: {way: what `_run` tells}}}, each run in a process of its own."""
    from maskedface import synthetic

    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        people = max(2, min(PEOPLE, args.images // 20))
        synthetic.draw_people(f"{folder}/paper", people=people, photos=args.images // (2 * people))
        people = round(args.open_images / 12 / SHARE)  # 12 photos a person
        synthetic.draw_people(f"{folder}/open", people=people, photos=6)
        for backend in args.backends.split(","):
            for recipe in BACKBONES:
                faces = "open" if recipe == "masked_best" else "paper"
                for way in WAYS:
                    told = _own_process(f"{folder}/{faces}", recipe, way, backend, args.smoke)
                    found.setdefault(backend, {}).setdefault(recipe, {})[way] = told
                    print(f"{backend}, {recipe}, {way}: {told}", flush=True)
    return found


def _own_process(data: str, recipe: str, way: str, backend: str, is_small: bool) -> Any:
    cache = f"{data}-{recipe}-{backend}"  # empty at first
    command = [sys.executable, __file__, "--run", data, recipe, way]
    start = time.perf_counter()
    done = subprocess.run(
        [*command, "--smoke"] if is_small else command,
        env={**os.environ, "KERAS_BACKEND": backend, "MASKEDFACE_CACHE": cache},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    seconds = time.perf_counter() - start
    return json.loads(done.stdout.splitlines()[-1]) | {"process": round(seconds, 2)}


def _run(data: str, name: str, way: str, *, is_small: bool) -> dict[str, Any]:
    """Trains a recipe and tells its seconds, calls and bytes."""
    from maskedface import compilation_cache

    if os.environ["KERAS_BACKEND"] == "tensorflow":
        compilation_cache.keep_tensorflow_programs()  # before its import, as the command does
    import keras

    from maskedface import datasets, recipes, training
    from maskedface.training import batches, environment, expected_time

    if way.endswith("not deterministic"):
        environment._deterministic = contextlib.nullcontext  # type: ignore[assignment]
    recipe = getattr(recipes, name.upper())
    recipe = recipe.override(epochs=4 if name == "masked_best" else recipe.epochs)
    if is_small:
        small: dict[str, Any] = {
            "epochs": 2,
            "batch_size": 8,
            "image_size": 64,
            "precision": "float32",
        }
        recipe = recipe.override(**small)
    faces = datasets.rmfrd(data)
    split = datasets.split_by_person if name == "masked_best" else datasets.split_by_image
    ends: list[float] = []
    calls: list[int] = []
    sizes: list[int] = []
    mark = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: ends.append(time.perf_counter()))
    # Not by a callback: one that acts on batches gets a call for each of them.
    clock: Any = expected_time.ExpectedTime
    clock.on_train_batch_end = lambda _, batch, logs=None: calls.append(batch)
    readers: tuple[Any, ...] = (batches.TrainingBatches, batches.RowBatches)
    for reader in readers:
        reader.__getitem__ = _noting(reader.__getitem__, sizes)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        run = training.train(
            recipe,
            *split(faces, SHARE),
            run_dir=f"{folder}/run",
            backbone=BACKBONES[name],
            weights="random",
            callbacks=[mark],
            progress=False,
        )
        seconds, on_device = time.perf_counter() - start, run.record["on_device"]
    return {
        "train": round(seconds, 2),
        "quickest_epoch": round(float(np.diff(ends).min()), 3),
        "calls_an_epoch": len(calls) / recipe.epochs,
        "bytes_an_epoch": sum(sizes) / recipe.epochs,
        "on_device": on_device,
    }


def _noting(read: Any, sizes: list[int]) -> Any:
    def noted(batches: Any, number: int) -> Any:
        found = read(batches, number)
        sizes.append(sum(array.nbytes for array in found))
        return found

    return noted


def _against_pytorch(args: argparse.Namespace) -> dict[str, Any]:
    faces = random_faces(args.batch)
    labels = np.arange(args.batch) % PEOPLE
    ways = {
        "forward, Keras on JAX": _jax_forward(faces),
        "forward, PyTorch": _torch(faces, labels, learn=False, compiled=not args.smoke),
        "step, Keras on JAX": _jax_step(faces, labels),
        "step, PyTorch": _torch(faces, labels, learn=True, compiled=not args.smoke),
    }
    for run in ways.values():
        run(2)  # compiles
    count = args.steps * args.batch
    an_image = {
        name: lambda run=run: _tool.timed(lambda: run(args.steps)) / count
        for name, run in ways.items()
    }
    times = interleaved(an_image, args.rounds)
    for name, values in times.items():
        work, one = FORWARD if name.startswith("forward") else STEP, statistics.median(values)
        share = work / one / (args.peak * 1e12)
        print(f"{name}: {1 / one:.0f} images/s, {100 * share:.2f} % of the peak")
    for kind in ("forward", "step"):
        ours, theirs = (
            statistics.median(times[f"{kind}, {w}"]) for w in ("Keras on JAX", "PyTorch")
        )
        print(f"{kind}: {theirs / ours:.2f}x PyTorch")
    return {"seconds_an_image": times, "away_from_cpu": _away_from_cpu(faces[:16])}


def _network(**changes: Any) -> Any:
    from maskedface import models, recipes

    recipe = recipes.PAPER_MASKED_GPU.override(**changes)
    return paper_network(recipe, models.ResNet50(None, (SIZE, SIZE, 3)))


def _stateless(model: Any) -> tuple[tuple[list[Any], list[Any]], Callable[..., Any]]:
    """A model's variables, and its output as a function of these and of images."""
    variables = (model.trainable_variables, model.non_trainable_variables)
    first, second = ([one.value for one in part] for part in variables)
    return (first, second), lambda t, n, x: model.stateless_call(t, n, x, training=False)[0]


def _jax_forward(faces: np.ndarray) -> Callable[[int], None]:
    import jax

    from maskedface import models

    backbone = models.with_precision(
        models.fold_batch_norm(models.ResNet50(None, (SIZE, SIZE, 3))), "bfloat16"
    )
    state, function = _stateless(backbone)
    forward, on_device = jax.jit(function), jax.device_put(faces)

    def run(steps: int) -> None:
        for _ in range(steps):
            output = forward(*state, on_device)
        output.block_until_ready()

    return run


def _jax_step(faces: np.ndarray, labels: np.ndarray) -> Callable[[int], None]:
    import keras

    from maskedface.training.network import compile_network

    network = _network()
    model = network.learner
    compile_network(model, network, 10)

    class Steps(keras.utils.PyDataset):
        """The batch so many times, from the host."""

        count = 1

        def __len__(self) -> int:
            return self.count

        def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
            return faces, labels

    batches = Steps()

    def run(steps: int) -> None:
        batches.count = steps
        model.fit(batches, shuffle=False, verbose=0)  # its last loss is a number: it has waited

    return run


def _torch(
    faces: np.ndarray, labels: np.ndarray, *, learn: bool, compiled: bool
) -> Callable[[int], None]:
    import torch

    from tests.models.torch_network import OriginalResNet50

    device = "cuda" if torch.cuda.is_available() else "cpu"
    backbone = OriginalResNet50()
    head = torch.nn.Linear(2048, PEOPLE)
    net = torch.nn.ModuleDict({"backbone": backbone, "head": head}).to(
        device, memory_format=torch.channels_last
    )
    for name, parameter in backbone.named_parameters():
        parameter.requires_grad = learn and name.startswith("layer4")
    net.eval()  # frozen batch norms; layer4's add nothing to the time
    x = torch.from_numpy(faces.transpose(0, 3, 1, 2).copy()).to(device)
    y = torch.from_numpy(labels).long().to(device)
    host = torch.from_numpy(faces)
    host = host.pin_memory() if device == "cuda" else host
    optimizer = torch.optim.Adam([p for p in net.parameters() if p.requires_grad])

    def forward(images: torch.Tensor) -> torch.Tensor:
        images = images.float().contiguous(memory_format=torch.channels_last) - 117.0
        return head(backbone(images)["pooled"])

    forward = torch.compile(forward) if compiled else forward

    def run(steps: int) -> None:
        for _ in range(steps):
            images = host.to(device, non_blocking=True).permute(0, 3, 1, 2) if learn else x
            with torch.autocast(device, torch.bfloat16), torch.set_grad_enabled(learn):
                logits = forward(images)
            if learn:
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(logits.float(), y).backward()
                optimizer.step()
        if device == "cuda":
            torch.cuda.synchronize()

    return run


def _away_from_cpu(faces: np.ndarray) -> dict[str, float]:
    """The largest distance of unit embeddings in float32 from the CPU's, by the matrix precision."""
    import jax

    from maskedface import models

    backbone = models.ResNet50(None, (SIZE, SIZE, 3))
    state, function = _stateless(backbone)

    def embedded(device: Any, precision: str) -> np.ndarray:
        with jax.default_matmul_precision(precision):
            forward = jax.jit(function)
            given = jax.device_put((*state, faces.astype("float32")), device)
            found = np.asarray(forward(*given), "float64")
        return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True))

    reference, found = embedded(jax.devices("cpu")[0], "highest"), {}
    for precision in ("default", "highest"):
        away = np.linalg.norm(embedded(jax.devices()[0], precision) - reference, axis=1).max()
        found[precision] = float(away)
        print(f"float32 embeddings to the CPU's, matrix precision {precision}: {away:.1e}")
    return found


if __name__ == "__main__":
    sys.exit(main())
