"""All layouts of all networks, and which of them a file is in."""

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
"""Every layout, in the order in which a file is compared with them."""

# What trainers put in front of every name: DataParallel, Lightning, a model that holds the backbone.
PREFIXES = ("module.", "model.", "backbone.")
# (what a name begins with, what such a file is): refused, as it would give wrong features.
_REFUSED = (*vggface2.REFUSED,)


def architectures() -> tuple[str, ...]:
    """The networks that files can be read into.

    Returns:
        Names in `models`, each once.
    """
    return tuple(dict.fromkeys(layout.architecture for layout in LAYOUTS))


def without_prefix(names: Iterable[str]) -> dict[str, str]:
    """Takes off what a trainer put in front of names.

    >>> from maskedface.conversion.layouts import without_prefix
    >>> without_prefix(["module.model.conv1.weight", "head.kernel"])
    {'conv1.weight': 'module.model.conv1.weight', 'head.kernel': 'head.kernel'}

    Args:
        names: the file's names.

    Returns:
        {name without `PREFIXES`: name in the file}, in order.

    Raises:
        ValueError: if two names are then the same.
    """
    found: dict[str, str] = {}
    for name in names:
        bare = name
        while prefix := next((one for one in PREFIXES if bare.startswith(one)), ""):
            bare = bare.removeprefix(prefix)
        if bare in found:
            raise ValueError(
                f"weights must hold one network. Received: both {found[bare]!r} and {name!r}"
            )
        found[bare] = name
    return found


def detect(shapes: Shapes, architecture: str | None = None) -> Layout:
    """Finds the layout of a file from its names, and where these do not tell, from numbers of axes.

    Args:
        shapes: {name without prefixes: shape}.
        architecture: the network that it must be, or None for any.

    Returns:
        The first layout whose signs are there.

    Raises:
        ValueError: if there is none, or the file is known to be a network that we have not.
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
        f"weights must hold one of these: {expected}. Received: {len(shapes)} names, the first of them "
        f"{list(shapes)[:3]}"
    )
