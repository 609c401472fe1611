"""A recipe that enters `train()` is handed on from room to room, and does not come back."""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from maskedface import datasets, training
from maskedface.datasets import FaceIndex
from maskedface.recipes import Recipe
from maskedface.training.network import Network

ROOMS = {str(path) for path in Path(training.__file__).parent.glob("*.py")}


def entries(run: Any) -> list[str]:
    """The files of `training` that a recipe, or the network made of it, enters from another file."""
    found: list[str] = []

    def watch(frame: FrameType, event: str, _: Any) -> None:
        # Millions of calls: what rules most of them out comes first.
        if event != "call" or frame.f_code.co_filename not in ROOMS or frame.f_back is None:
            return
        code, file, caller = frame.f_code, frame.f_code.co_filename, frame.f_back
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        given = [frame.f_locals.get(name) for name in names]
        carries = any(isinstance(value, (Recipe, Network)) for value in given)
        if carries and caller.f_code.co_filename != file:
            found.append(os.path.basename(file))

    sys.setprofile(watch)
    try:
        run()
    finally:
        sys.setprofile(None)
    return found


# A training or more.
@pytest.mark.long
def test_no_room_is_entered_more_than_twice(
    drawn: FaceIndex, tiny_backbone: Path, tmp_path: Path
) -> None:
    train, test = datasets.split_by_image(drawn)
    recipe = Recipe(name="one", head="cosine", head_init="class_means", epochs=1, cohort=5)
    found = entries(
        lambda: training.train(
            recipe, train, test, run_dir=tmp_path, backbone=tiny_backbone, progress=False
        )
    )
    # What ends a run joins to the network what its recipe names.
    assert found[0] == "experiment.py" and found[-2:] == ["finalize.py", "joining.py"]
    assert max(Counter(found).values()) <= 2, found
