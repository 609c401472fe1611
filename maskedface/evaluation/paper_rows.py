"""The paper's results, for comparison with ours."""

from __future__ import annotations

from typing import Any

_UNMASKED = {
    "domain": "unmasked",
    "accuracy": 0.897016,
    "loss": 0.4698,
    "precision": 0.8993,
    "recall": 0.8970,
    "f1": 0.897,
}
_MASKED = {
    "domain": "masked",
    "accuracy": 0.4791,
    "loss": 2.4092,
    "precision": 0.4613,
    "recall": 0.4719,
    "f1": 0.4473,
}

PAPER_ROWS: dict[str, dict[str, Any]] = {
    "paper_unmasked": _UNMASKED,
    "paper_masked": _MASKED,
    "paper_masked_direct": _MASKED,
    "s_and_t_to_t": _MASKED,
}
"""Recipe name -> the corresponding results of Mandal, Okeukwu, Theis (arXiv 2104.08997, Tables I
and II): accuracy, weighted precision, recall and F1 in [0, 1], loss in nats. They were measured on
77 people of RMFRD with a split by image."""
