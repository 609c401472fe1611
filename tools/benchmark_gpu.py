"""Times the networks on a GPU: Keras on JAX against compiled PyTorch, in bfloat16, side by side.

    python tools/benchmark_gpu.py --peak 989

Forward passes and training steps of the masked recipe (ResNet50 frozen through layer3), at the same
geometry and batch, each step's faces copied from the host; then the whole masked recipe on frozen
features, and epochs of `masked_best` (DlibResNet29, drawn masks, jitter); then how far the GPU's
embeddings are from the CPU's. Random arrays and weights only. Figures are medians of rounds in turn;
`--peak` is the card's dense bfloat16 TFLOP/s (989: NVIDIA's data sheet of the H100 SXM) for the achieved
share. `--smoke` runs it small on a CPU. Needs jax (with CUDA) and torch; no TensorFlow.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "jax"
# PyTorch needs room on the card too.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

import _tool
import numpy as np
from benchmarks._frame import PEOPLE, SIZE, interleaved, random_faces
from benchmarks._paper import data_of, paper_network, quickest_epoch, whole_recipe

# FLOP a forward pass at 180 px: 4.1 GMAC at 224 px (He et al. 2016), by area; two FLOP a MAC.
FORWARD = 2 * 4.1e9 * (180 / 224) ** 2
# A step with layer1-3 frozen: all of it forward, layer4 (about a fifth of the FLOP) backward twice.
STEP = FORWARD * (1 + 2 * 0.2)


def main() -> int:
    """Runs all of it and prints a table.

    Returns:
        The exit code.
    """
    parser = _tool.parser(__doc__)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--steps", type=int, default=30, help="timed a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=2000, help="of the whole recipe")
    parser.add_argument("--open-images", type=int, default=5000, help="of an epoch of masked_best")
    parser.add_argument("--peak", type=float, default=989.0, help="TFLOP/s, dense bfloat16")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--smoke", action="store_true")
    args = parser.parse_args()
    if args.smoke:
        args.batch, args.steps, args.rounds, args.images = 4, 1, 1, 40
        args.open_images = 64
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
    result: dict[str, Any] = {"arguments": vars(args), "seconds_an_image": times}
    for name, values in times.items():
        work, one = FORWARD if name.startswith("forward") else STEP, statistics.median(values)
        share = work / one / (args.peak * 1e12)
        print(f"{name}: {1 / one:.0f} images/s, {100 * share:.2f} % of the peak")
    for kind in ("forward", "step"):
        ours, theirs = (
            statistics.median(times[f"{kind}, {w}"]) for w in ("Keras on JAX", "PyTorch")
        )
        print(f"{kind}: {theirs / ours:.2f}x PyTorch")
    result["recipe_seconds"] = _whole_recipe(args)
    print(f"the masked recipe, {args.images} images: {result['recipe_seconds']}")
    result["masked_best_epoch_seconds"] = _masked_best_epochs(args)
    result["away_from_cpu"] = _away_from_cpu(faces[:16])
    if args.json:
        Path(args.json).write_text(json.dumps(result, indent=2) + "\n")
    return 0


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


def _whole_recipe(args: argparse.Namespace) -> dict[str, float]:
    """Seconds of the frozen features, of all epochs with compiling, and of one epoch without."""
    network = _network(**({"epochs": 1, "batch_size": 8} if args.smoke else {}))
    faces = random_faces(args.images)
    labels = np.arange(len(faces), dtype="int32") % PEOPLE
    cut = round(0.7 * len(faces))
    data = faces[:cut], labels[:cut], faces[cut:], labels[cut:]
    return whole_recipe(network, data, network.recipe.epochs)


def _masked_best_epochs(args: argparse.Namespace) -> dict[str, float]:
    """Seconds an epoch, the quickest of three after the first, and of making its batches alone."""
    from maskedface import models, recipes
    from maskedface.training.batches import TrainingBatches
    from maskedface.training.network import compile_network

    people = max(2, args.open_images // 3)
    faces = random_faces(args.open_images, 150)
    labels = (np.arange(len(faces)) % people).astype("int32")
    masked = np.arange(len(faces)) % 4 > 0  # about MLFW's share
    found = {}
    for precision in ("float32", "bfloat16"):
        recipe = recipes.MASKED_BEST.override(precision=precision, epochs=4)
        network = paper_network(recipe, models.DlibResNet29(None), people)
        plan = data_of(network, faces, labels, masked, faces[:0]).plan
        batches = TrainingBatches(faces, plan, batch_size=recipe.batch_size, epochs=4)
        compile_network(network.learner, network, batches.steps)
        found[precision] = quickest_epoch(network.learner, batches, 4, batches.steps)
        print(f"masked_best, {len(faces)} images, {precision}: {found[precision]:.2f} s an epoch")
    found["batches alone"] = _tool.timed(lambda: [batches[n] for n in range(batches.steps)])
    print(f"its batches alone: {found['batches alone']:.2f} s an epoch")
    return found


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
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    reference, found = embedded(jax.devices("cpu")[0], "highest"), {}
    for precision in ("default", "highest"):
        away = np.linalg.norm(embedded(jax.devices()[0], precision) - reference, axis=1).max()
        found[precision] = float(away)
        print(f"float32 embeddings to the CPU's, matrix precision {precision}: {away:.1e}")
    return found


if __name__ == "__main__":
    sys.exit(main())
