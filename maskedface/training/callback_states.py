"""What a recipe's callbacks remember, so that a resumed run continues with it."""

from __future__ import annotations

import copy
import inspect
import json
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

_PLAIN = (type(None), bool, int, float, str)


class CallbackStates:
    """The states of a recipe's callbacks: {attribute: value} each.

    A state has what changed since training began: numbers, text, arrays, and lists, tuples and
    dictionaries of them, such as the patience that `EarlyStopping` has left. Arguments of the
    constructor and of its base classes' are not in it, since they are set anew, and neither is
    anything else, such as an open file. A callback with the methods `get_state` and `set_state`
    decides for itself.

    Args:
        callbacks: the recipe's callbacks, as they were built.
        kept: their states after an earlier epoch; empty at the start of a run.
    """

    def __init__(
        self,
        callbacks: Sequence[keras.callbacks.Callback],
        kept: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self._callbacks, self._kept = callbacks, kept
        self._begun: list[dict[str, Any]] = []

    def restore(self) -> None:
        """Restores the earlier states. It must be called after the callbacks' `on_train_begin`,
        which may reset them."""
        self._begun = [copy.deepcopy(_attributes(callback)) for callback in self._callbacks]
        for callback, state in zip(self._callbacks, self._kept, strict=False):
            if hasattr(callback, "set_state"):
                callback.set_state(state)
            else:
                vars(callback).update(state)

    def read(self) -> list[dict[str, Any]]:
        """Returns the present states.

        Raises:
            TypeError: if the result of a callback's `get_state` has other values.
        """
        found = []
        for callback, begun in zip(self._callbacks, self._begun, strict=True):
            if hasattr(callback, "get_state"):
                state = callback.get_state()
                pack(state, [])
            else:
                state = {
                    name: value
                    for name, value in _attributes(callback).items()
                    if name not in begun or not _same(value, begun[name])
                }
            found.append(state)
        return found


def pack(value: Any, arrays: list[np.ndarray]) -> Any:
    """A value as JSON values, which name the arrays in it by their number.

    Args:
        value: None, a number, text, an array, or a list, tuple or dictionary of such values.
        arrays: the arrays found are appended.

    Returns:
        The JSON values, for `unpack`.

    Raises:
        TypeError: if there is another value in it.
    """
    if type(value) in _PLAIN:
        return value
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biufU":
        arrays.append(np.asarray(value))
        return {"number" if isinstance(value, np.generic) else "array": len(arrays) - 1}
    if type(value) in (list, tuple):
        return {type(value).__name__: [pack(item, arrays) for item in value]}
    if isinstance(value, Mapping):
        return {"dict": [[pack(k, arrays), pack(v, arrays)] for k, v in value.items()]}
    raise TypeError(
        "a callback's state must have numbers, text, arrays, and lists, tuples and dictionaries "
        f"of them. Received: {type(value).__name__}"
    )


def unpack(packed: Any, arrays: Sequence[np.ndarray]) -> Any:
    """The value that `pack` was given.

    Args:
        packed: its result.
        arrays: the arrays it appended.
    """
    if not isinstance(packed, dict):
        return packed
    ((kind, content),) = packed.items()
    if kind in ("array", "number"):
        return arrays[content].copy() if kind == "array" else arrays[content][()]
    if kind == "dict":
        return {unpack(k, arrays): unpack(v, arrays) for k, v in content}
    items = [unpack(item, arrays) for item in content]
    return tuple(items) if kind == "tuple" else items


def _attributes(callback: keras.callbacks.Callback) -> dict[str, Any]:
    """The attributes that may be kept, without the arguments of its constructor and its bases'."""
    made = [vars(kind)["__init__"] for kind in type(callback).__mro__ if "__init__" in vars(kind)]
    arguments = {name for one in made for name in inspect.signature(one).parameters}
    return {
        name: value
        for name, value in vars(callback).items()
        if name not in arguments and _is_packable(value)
    }


def _is_packable(value: Any) -> bool:
    try:
        pack(value, [])
    except TypeError:
        return False
    return True


def _same(one: Any, other: Any) -> bool:
    arrays: list[np.ndarray] = []
    more: list[np.ndarray] = []
    if json.dumps(pack(one, arrays)) != json.dumps(pack(other, more)):
        return False
    return all(map(np.array_equal, arrays, more))
