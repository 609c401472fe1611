"""All layouts of all networks, and their detection."""

from __future__ import annotations

from collections.abc import Iterable

from maskedface.conversion import adaface, facenet, insightface, onnx_layouts, vggface, vggface2
from maskedface.conversion.layout import Layout, Shapes

# A network's own file beside this one holds its layouts. The first whose signs a file has is taken, so one
# whose signs are a part of another's comes after it.
LAYOUTS: tuple[Layout, ...] = (
    *vggface2.LAYOUTS,
    *insightface.LAYOUTS,
    *adaface.LAYOUTS,
    *facenet.LAYOUTS,
    *vggface.LAYOUTS,
    *onnx_layouts.LAYOUTS,
)
"""All layouts, in the order of detection."""

# What trainers put in front of every name: DataParallel, Lightning, a model that holds the backbone.
PREFIXES = ("module.", "model.", "backbone.")
# (what a name begins with, what such a file is): refused, as it would give wrong features.
_REFUSED = (*vggface2.REFUSED,)


def architectures() -> tuple[str, ...]:
    """The networks for which files can be read.

    Returns:
        Names in `models`, each once.
    """
    return tuple(dict.fromkeys(layout.architecture for layout in LAYOUTS))


def without_prefix(names: Iterable[str]) -> dict[str, str]:
    """Removes prefixes that trainers add to names.

    >>> from maskedface.conversion.layouts import without_prefix
    >>> without_prefix(["module.model.conv1.weight", "head.kernel"])
    {'conv1.weight': 'module.model.conv1.weight', 'head.kernel': 'head.kernel'}

    Args:
        names: the file's names.

    Returns:
        {name without `PREFIXES`: name in the file}, in order.

    Raises:
        ValueError: if this makes two names equal.
    """
    found: dict[str, str] = {}
    for name in names:
        bare = name
        while prefix := next((one for one in PREFIXES if bare.startswith(one)), ""):
            bare = bare.removeprefix(prefix)
        if bare in found:
            raise ValueError(
                f"weights must contain one network. Received: both {found[bare]!r} and {name!r}"
            )
        found[bare] = name
    return found


def detect(shapes: Shapes, architecture: str | None = None) -> Layout:
    """Detects a file's layout from its names and, if these are ambiguous, from numbers of axes.

    Args:
        shapes: {name without prefixes: shape}.
        architecture: the required network, or None for any.

    Returns:
        The first layout whose signs are present.

    Raises:
        ValueError: if there is none, or the file is known to contain an unsupported network.
    """
    for beginnings, what in _REFUSED:
        if any(name.startswith(beginnings) for name in shapes):
            raise ValueError(what)
    layouts = [one for one in LAYOUTS if architecture in (None, one.architecture)]
    if not layouts:
        raise ValueError(
            f"another program's tensors must be for one of {architectures()}. "
            f"Received: models.{architecture}"
        )
    for layout in layouts:
        if all(sign in shapes for sign in layout.signs) and all(
            len(shapes[name]) == count for name, count in layout.axes.items()
        ):
            return layout
    expected = "; ".join(f"{' and '.join(one.signs)} ({one.name})" for one in layouts)
    raise ValueError(
        f"weights must contain one of these: {expected}. "
        f"Received: {len(shapes)} names, the first of them {list(shapes)[:3]}"
    )
