from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maskedface.tuning.field_importance import importance
from maskedface.tuning.search_plot import draw_search

SPACE = {
    "optimizer": ["Adam", "SGD"],
    "optimizer.learning_rate": {"min": 1e-5, "max": 1e-1, "sampling": "log"},
    "optimizer.momentum": {"min": 0.5, "max": 0.99, "when": {"optimizer": ["SGD"]}},
}


def trials(count: int) -> list[dict[str, Any]]:
    """Whose score follows from the rate alone."""
    rng = np.random.default_rng(0)
    records: list[dict[str, Any]] = []
    for number in range(count):
        rate = float(10 ** rng.uniform(-5, -1))
        optimizer = ("Adam", "SGD")[int(rng.integers(2))]
        values = {"optimizer": optimizer, "optimizer.learning_rate": rate}
        if optimizer == "SGD":
            values["optimizer.momentum"] = float(rng.uniform(0.5, 0.99))
        score = 1 - abs(np.log10(rate) + 3) / 4
        status = "stopped" if score < 0.5 else "completed"
        records.append({"trial": str(number), "values": values, "score": score, "status": status})
    return [*records, {"trial": str(count), "values": {}, "status": "failed", "reason": "none"}]


def test_the_field_that_decides_comes_first() -> None:
    found = importance(SPACE, trials(30))
    assert next(iter(found)) == "optimizer.learning_rate"
    assert found["optimizer.learning_rate"] > 0.9
    assert sum(found.values()) == pytest.approx(1)


def test_too_few_trials_say_nothing() -> None:
    assert importance(SPACE, trials(9)) == {}


def test_scores_that_are_all_the_same_say_nothing() -> None:
    same = [{**record, "score": 0.5} for record in trials(12) if record["status"] != "failed"]
    assert importance(SPACE, same) == {}


def test_the_picture_is_drawn(tmp_path: Path) -> None:
    draw_search(SPACE, trials(12), {"optimizer.learning_rate": 1.0}, tmp_path / "search.png")
    assert (tmp_path / "search.png").read_bytes().startswith(b"\x89PNG")
