"""What a label array of one or two columns says."""

from __future__ import annotations

from typing import Any

from keras import ops


def labels_of(y_true: Any) -> Any:
    """The labels: int32, shape (batch,).

    Args:
        y_true: int, shape (batch,), (batch, 1) or (batch, 2): label[, domain].
    """
    y_true = ops.cast(y_true, "int32")
    return y_true if len(y_true.shape) == 1 else y_true[:, 0]


def domains_of(y_true: Any) -> Any:
    """The domains, 0 unmasked and 1 masked: int32, shape (batch,).

    Args:
        y_true: int, shape (batch, 2): label, domain.

    Raises:
        ValueError: if there is no second column.
    """
    if len(y_true.shape) != 2 or y_true.shape[1] != 2:
        raise ValueError(
            f"y_true must have shape (batch, 2): label, domain. Received: shape={y_true.shape}"
        )
    return ops.cast(y_true, "int32")[:, 1]
