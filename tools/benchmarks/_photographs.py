"""Photographs to find faces on, and how they are searched by this checkout and by one of before."""

from __future__ import annotations

import argparse
import glob
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ._frame import ROOT, interleaved, report

WIDE, HIGH = 900, 600  # pixels of a photograph of four faces


def add_photographs(parser: argparse.ArgumentParser) -> None:
    """Adds --before, --rmfrd, --lfw, --crops and --photographs."""
    parser.add_argument(
        "--before",
        metavar="DIR",
        help="a checkout to compare with: git worktree add DIR 600e65f (it needs mtcnn)",
    )
    parser.add_argument("--rmfrd", metavar="DIR", help="crops of it; default: drawn faces")
    parser.add_argument("--lfw", metavar="DIR", help="faces of the photographs; default: drawn")
    parser.add_argument("--crops", type=int, default=200)
    parser.add_argument("--photographs", type=int, default=40, help="of four faces each")


def in_turn(args: argparse.Namespace, code: str) -> dict[str, Any]:
    """Times a program on crops and on photographs, here and in the checkout of before.

    Args:
        args: of `add_photographs`.
        code: reads paths from the file that its argument names; prints JSON: "ms" a photograph, "faces".
    """
    trees = {"ours": str(ROOT), **({"before": args.before} if args.before else {})}
    faces: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        kinds = {"crops": _crops(args, folder), "photographs": _photographs(args, folder)}

        def run(kind: str, name: str) -> float:
            found = child(trees[name], code, kinds[kind])
            faces[f"{kind}, {name}"] = found["faces"]
            return float(found["ms"])

        ways: dict[str, Callable[[], float]] = {
            f"{kind}, {name}": lambda kind=kind, name=name: run(kind, name)  # type: ignore[misc]
            for kind in kinds
            for name in trees
        }
        times = interleaved(ways, args.rounds)
    kept: dict[str, Any] = {"unit": "ms a photograph", "times": {}, "medians": {}}
    for kind in kinds:
        own = {name: values for name, values in times.items() if name.startswith(kind)}
        made = report(own, "ms a photograph", [f"{kind}, before"] if args.before else [])
        kept["times"] |= made["times"]
        kept["medians"] |= made["medians"]
    print("faces found:", ", ".join(f"{name} {count}" for name, count in faces.items()))
    return kept | {"faces": faces}


def child(tree: str, code: str, *words: str) -> dict[str, Any]:
    """What a program prints last, as JSON; it runs in a process of its own, by the checkout named."""
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        env={**os.environ, "PYTHONPATH": tree, "TF_CPP_MIN_LOG_LEVEL": "3"},
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _crops(args: argparse.Namespace, folder: str) -> str:
    """A file of the crops' paths, evenly over the data set."""
    from maskedface import datasets, synthetic

    if args.rmfrd:
        paths = datasets.rmfrd(args.rmfrd).paths
    else:
        people = -(-args.crops // 20)
        paths = synthetic.draw_people(f"{folder}/drawn", people=people, photos=10, size=160).paths
    chosen = np.linspace(0, len(paths) - 1, args.crops).astype(int)
    return _listed([os.path.abspath(paths[n]) for n in chosen], f"{folder}/crops.txt")


def _photographs(args: argparse.Namespace, folder: str) -> str:
    """A file of the paths of photographs of four faces, composed of LFW's or drawn."""
    import cv2

    from maskedface.images import read_image
    from maskedface.synthetic import draw_face

    rng, paths = np.random.default_rng(0), []
    known = sorted(glob.glob(f"{args.lfw}/**/*.jpg", recursive=True)) if args.lfw else []
    order = rng.permutation(len(known))
    for number in range(args.photographs):
        photo = cv2.resize(rng.integers(0, 255, (12, 16, 3), dtype="uint8"), (WIDE, HIGH))
        for place in range(4):
            which = 4 * number + place
            face = (
                read_image(known[order[which % len(known)]])
                if known
                else draw_face(which, 0, which % 2 == 0, size=224)
            )
            side = int(rng.integers(150, HIGH // 2 - 10))
            left = place % 2 * (WIDE // 2) + int(rng.integers(0, WIDE // 2 - side))
            top = place // 2 * (HIGH // 2) + int(rng.integers(0, HIGH // 2 - side))
            photo[top : top + side, left : left + side] = cv2.resize(face, (side, side))
        paths.append(f"{folder}/{number:04d}.jpg")
        cv2.imwrite(paths[-1], photo[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
    return _listed(paths, f"{folder}/photographs.txt")


def _listed(paths: list[str], file: str) -> str:
    Path(file).write_text("\n".join(paths))
    return file
