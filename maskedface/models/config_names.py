"""The names in a model's config, as they are in a process that builds nothing else."""

from __future__ import annotations

import re
from typing import Any

_NUMBER = re.compile(r"(?<=.)_\d+$")


def steady_names(config: dict[str, Any]) -> dict[str, str]:
    """Other names for a model's layers and operations, which do not change if it is built again.

    Keras numbers layers, inputs and operations such as `keras.ops.relu` through the whole process.
    Here the numbers start anew.

    Args:
        config: a model's config (`keras.Model.get_config`).

    Returns:
        {name: other name}, without names that stay. None is another's new name if they are replaced
        in this order.

    >>> import keras
    >>> from maskedface.models.config_names import steady_names
    >>> x = keras.Input((2,))
    >>> before = keras.ops.sin(x)
    >>> model = keras.Model(x, keras.ops.sin(keras.ops.sin(x)))
    >>> names = steady_names(model.get_config())
    >>> [name for name in names.values() if name.startswith("sin")]
    ['sin', 'sin_1']
    """
    numbered: dict[str, dict[int, str]] = {}
    for name in _names(config):
        base = _NUMBER.sub("", name)
        numbered.setdefault(base, {})[int(name[len(base) + 1 :] or 0)] = name
    return {
        names[number]: new
        for base, names in numbered.items()
        for row, number in enumerate(sorted(names))
        if (new := f"{base}_{row}" if row else base) != names[number]
    }


def _names(value: Any) -> set[str]:
    if isinstance(value, list | tuple):
        return set().union(*map(_names, value))
    if not isinstance(value, dict):
        return set()
    found = set().union(*map(_names, value.values()))
    name = value.get("name")
    return found | {name} if isinstance(name, str) and name else found
