"""Extracts labels and domains from a label array, in either of its two forms."""

from __future__ import annotations

from typing import Any

from keras import ops


def labels_of(y_true: Any) -> Any:
    """The labels: int32, shape (batch,).

    Args:
        y_true: int, shape (batch,), (batch, 1), (batch, 2): label, domain; or (batch, people + 1),
            with at least two people: 2 in the person's column, 0 in the others', then the domain
            (`datasets.with_domain`).
    """
    y_true = ops.cast(y_true, "int32")
    if len(y_true.shape) == 1:
        return y_true
    return y_true[:, 0] if y_true.shape[1] <= 2 else ops.argmax(y_true[:, :-1], -1)


def has_domains(y_true: Any) -> bool:
    """Whether the array contains domains.

    Args:
        y_true: as for `labels_of`.
    """
    return len(y_true.shape) == 2 and y_true.shape[1] >= 2


def domains_of(y_true: Any) -> Any:
    """The domains, 0 unmasked and 1 masked: int32, shape (batch,).

    Args:
        y_true: as for `labels_of`, with at least two columns.

    Raises:
        ValueError: if there are no domains.
    """
    if not has_domains(y_true):
        raise ValueError(
            "y_true must have shape (batch, 2): label, domain; or (batch, people + 1). "
            f"Received: shape={y_true.shape}"
        )
    return ops.cast(y_true, "int32")[:, -1]
