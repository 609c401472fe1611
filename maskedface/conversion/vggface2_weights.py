"""Fills `models.ResNet50` with the arrays of a VGGFace2 file: every tensor once, or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import keras
import numpy as np

from maskedface.conversion.vggface2 import CLASSES, Layout, detect, name_map


@dataclass(frozen=True)
class Assigned:
    """What became of a file.

    Attributes:
        layout: the layout found.
        mapped: {name in the file: path of our variable}, in our order.
        left_over: names in the file that were not used.
    """

    layout: Layout
    mapped: dict[str, str]
    left_over: tuple[str, ...]


def assign(backbone: keras.Model, arrays: dict[str, np.ndarray]) -> Assigned:
    """Fills a `models.ResNet50` from a file's arrays. Strict both ways, and all is checked before
    the first variable is set: a wrong file changes nothing.

    Args:
        backbone: the model, of any width and depth, changed in place.
        arrays: {name: array} as a reader returned it. It is emptied on the way, so that each array
            can be freed once it is set.

    Returns:
        What was mapped.

    Raises:
        ValueError: if a tensor is missing, left over (but for the 8,631-way classifier and torch's
            `num_batches_tracked`), of another shape, or not finite.
    """
    layout = detect(arrays)
    pairs = name_map(backbone, layout)
    _check_names(arrays, pairs, layout)
    _check_classifier(arrays, int(backbone.output.shape[-1]), layout)
    _check_values(arrays, pairs, layout)
    left_over = tuple(name for name in arrays if name not in pairs)
    for name, variable in pairs.items():
        variable.assign(_in_keras(name, arrays.pop(name), layout))
    arrays.clear()
    return Assigned(layout, {name: v.path for name, v in pairs.items()}, left_over)


def _check_names(
    arrays: Mapping[str, np.ndarray], pairs: Mapping[str, keras.Variable], layout: Layout
) -> None:
    missing = [name for name in pairs if name not in arrays]
    if layout.classifier_needed:
        missing += [name for name in layout.classifier if name not in arrays]
    unused = [
        name
        for name in arrays
        if name not in pairs
        and name not in layout.classifier
        and not name.endswith(".num_batches_tracked")
    ]
    if missing or unused:
        raise ValueError(
            f"a file in the layout of {layout.name} must hold every tensor once and no other. "
            f"Received: {len(missing)} missing {missing[:4]}, {len(unused)} unknown {unused[:4]}"
        )


def _check_classifier(arrays: Mapping[str, np.ndarray], width: int, layout: Layout) -> None:
    shapes = {(CLASSES, width), (CLASSES, width, 1, 1)} if layout.torch_axes else {(width, CLASSES)}
    for name, right in zip(layout.classifier, (shapes, {(CLASSES,)}), strict=True):
        if name in arrays and arrays[name].shape not in right:
            raise ValueError(
                f"{name} must be of VGGFace2's {CLASSES} people, of shape {sorted(right)}. "
                f"Received: shape {arrays[name].shape}, so another network or data set"
            )


def _check_values(
    arrays: Mapping[str, np.ndarray], pairs: Mapping[str, keras.Variable], layout: Layout
) -> None:
    wrong = []
    for name, variable in pairs.items():
        if _shape_in_keras(arrays[name], layout) != tuple(variable.shape):
            wrong.append(f"{name} {arrays[name].shape} for {tuple(variable.shape)}")
        elif not np.isfinite(arrays[name]).all():
            wrong.append(f"{name} with values that are not finite")
    if wrong:
        raise ValueError(
            "every tensor must be finite and have its variable's shape, which is (height, width, "
            f"channels, filters) for a kernel. Received: {len(wrong)} others: "
            f"{'; '.join(wrong[:4])}"
        )


def _shape_in_keras(array: np.ndarray, layout: Layout) -> tuple[int, ...]:
    if layout.torch_axes and array.ndim == 4:
        filters, channels, height, width = array.shape
        return (height, width, channels, filters)
    return array.shape


def _in_keras(name: str, array: np.ndarray, layout: Layout) -> np.ndarray:
    if layout.torch_axes and array.ndim == 4:
        array = array.transpose(2, 3, 1, 0)
    if layout.channels == "BGR" and name == layout.stem[0] + layout.variables["kernel"]:
        array = array[:, :, ::-1]  # our input is RGB
    return np.ascontiguousarray(array, dtype=np.float32)
