"""A search space as data: which recipe fields are searched, over which values."""

from __future__ import annotations

import contextlib
import json
from typing import Any, get_type_hints

import keras_tuner

from maskedface.recipes import Recipe, Spec

Space = dict[str, Any]
"""{recipe field: values}. A field may be a dotted path into a part, "optimizer.learning_rate". The values
are a list of choices, of a part itself names of classes, or objects as `Spec.to_dict` gives them, or null;
or `{"min": a, "max": b}` with, where wanted, `"sampling": "log"` and `"step"`; or `{"values": [...]}`. A
dict may carry `"when": {field: [values]}`: the field is searched only where another one of the space, named
before it, has one of these values. JSON holds all of it."""

_KEYS = {"values", "min", "max", "sampling", "step", "when"}
_NEVER = ("name", "init", "test_on")  # what a trial is measured by must be the same for all


def check_space(space: Space, recipe: Recipe) -> None:
    """Refuses what cannot be searched.

    Args:
        space: the space.
        recipe: whose own values are the first trial.

    Raises:
        ValueError: if a field is unknown, its values are no list or range, or ones that the recipe refuses,
            it depends on no choice before it, or the recipe's own value, which is tried first, is not among
            the values.
    """
    fields = get_type_hints(Recipe)
    for number, (field, entry) in enumerate(space.items()):
        root = field.split(".")[0]
        if root not in fields or field in _NEVER:
            raise ValueError(
                f"a space's field must be one of a recipe's, but none of {_NEVER}. Received: {field!r}"
            )
        _check_entry(field, entry)
        before = list(space)[:number]
        for parent, values in _when(entry).items():
            if parent not in before or not set(map(_text, values)) <= set(
                map(_text, _choices(space[parent]) or ())
            ):
                raise ValueError(
                    f"when must name a field before {field!r} and some of its choices. "
                    f"Received: when={_when(entry)}"
                )
        _check_values(field, entry, recipe)
        if _is_active(entry, recipe) and not _holds(entry, _own(recipe, field, entry)):
            raise ValueError(
                f"the space of {field!r} must hold the recipe's own value, which is tried first. "
                f"Received: {entry} without {_own(recipe, field, entry)!r}"
            )
    if not space:
        raise ValueError("a space must hold at least one field. Received: {}")


def declare(space: Space, recipe: Recipe, hp: keras_tuner.HyperParameters) -> None:
    """Declares a space's fields to Keras Tuner, the recipe's own values as defaults.

    Args:
        space: one that `check_space` takes.
        recipe: whose own values are the first trial.
        hp: changed in place. Numbers are declared as such, all else as text.
    """
    for field, entry in space.items():
        with contextlib.ExitStack() as scopes:
            for parent, values in _when(entry).items():
                declared = [_declared(value) for value in values]
                scopes.enter_context(hp.conditional_scope(parent, declared))
            _declare_one(hp, field, entry, _own(recipe, field, entry))


def recipe_of(recipe: Recipe, values: dict[str, Any]) -> Recipe:
    """A recipe with a trial's values in place of its own.

    Args:
        recipe: the experiment.
        values: of `keras_tuner.HyperParameters`; names with a "/" are the tuner's own and left out.
            Fractions are rounded to six digits: they come back from another process in 32 bits.

    Returns:
        The recipe of the trial.

    Raises:
        ValueError: if the values do not go together.
    """
    settings = []
    for field, value in values.items():
        if isinstance(value, float):
            value = float(f"{value:.6g}")
        if "/" not in field:
            settings.append(f"{field}={_text(value)}")
    return recipe.override(*settings)


def fitting_space(
    space: Space, recipe: Recipe, stages: tuple[str, ...], has_any_size: bool, own_epochs: bool
) -> Space:
    """A space without what changes nothing, or does not exist, for a backbone and an algorithm.

    Args:
        space: the space.
        recipe: whose own values are the first trial.
        stages: of the backbone (`models.stages`).
        has_any_size: whether the backbone takes any image size.
        own_epochs: whether the algorithm gives each trial its epochs (Hyperband).

    Returns:
        The space; of "freeze_through" the stages that the backbone has.

    Raises:
        ValueError: if nothing is left, and as `check_space`.
    """
    fitting = dict(space)
    if not has_any_size:
        fitting.pop("image_size", None)
    if own_epochs:
        fitting.pop("epochs", None)
    through = _choices(fitting.get("freeze_through", []))
    if through:
        kept = [stage for stage in through if stage in (*stages, "none", "all")]
        entry = fitting["freeze_through"]
        fitting["freeze_through"] = {**entry, "values": kept} if isinstance(entry, dict) else kept
    check_space(fitting, recipe)
    return fitting


def _declare_one(hp: keras_tuner.HyperParameters, field: str, entry: Any, own: Any) -> None:
    choices = _choices(entry)
    if choices is not None:
        values = [_declared(value) for value in choices]
        own = _declared(own)
        hp.Choice(field, values, default=own if own in values else values[0])
        return
    whole = all(type(number) is int for number in (entry["min"], entry["max"]))
    number = hp.Int if whole and type(own) is not float else hp.Float
    number(
        field,
        entry["min"],
        entry["max"],
        step=entry.get("step"),
        sampling=entry.get("sampling", "linear"),
        default=own if _holds(entry, own) else entry["min"],
    )


def _check_entry(field: str, entry: Any) -> None:
    choices = _choices(entry)
    if choices is None:
        good = isinstance(entry, dict) and {"min", "max"} <= set(entry)
        good = good and all(type(entry[key]) in (int, float) for key in ("min", "max"))
        good = good and entry["min"] < entry["max"]
        good = good and entry.get("sampling", "linear") in ("linear", "log")
        good = good and not (entry.get("sampling") == "log" and entry["min"] <= 0)
    else:
        good = isinstance(choices, list) and bool(choices)
        good = good and len(set(map(_text, choices))) == len(choices)
    if not good or (isinstance(entry, dict) and not set(entry) <= _KEYS):
        raise ValueError(
            f"the space of {field!r} must be a list of different values, or of a number "
            f'{{"min": a, "max": b, "sampling": "linear" or "log", "step": s}}. Received: {entry!r}'
        )


def _check_values(field: str, entry: Any, recipe: Recipe) -> None:
    """Tries the values in the recipe, after choices that the field depends on."""
    choices = _choices(entry)
    for value in choices if choices is not None else (entry["min"], entry["max"]):
        settings = {parent: values[0] for parent, values in _when(entry).items()}
        try:
            base = recipe_of(recipe, settings)
        except ValueError:
            return  # these choices go with others of the space alone
        _try(field, value, base, needs_others="." not in field)


def _try(field: str, value: Any, recipe: Recipe, *, needs_others: bool) -> None:
    try:
        recipe_of(recipe, {field: value})
    except ValueError as error:
        # Another head may be refused for means that a later field takes away.
        if not (needs_others and str(error).startswith("head must be 'cosine'")):
            raise ValueError(
                f"the space of {field!r} must hold values that the recipe takes. "
                f"Received: {value!r} ({error})"
            ) from error


def _own(recipe: Recipe, field: str, entry: Any) -> Any:
    """The recipe's own value, of a part its class's name, or all of it where the choices are such."""
    part = getattr(recipe, field, None)
    if isinstance(part, tuple):  # of augmentation or callbacks
        return [item.to_dict() for item in part]
    value, choices = recipe.value_at(field), _choices(entry) or ()
    if isinstance(part, Spec) and value not in choices and not all(map(_is_text, choices)):
        return part.to_dict()
    return value


def _choices(entry: Any) -> list[Any] | None:
    """The values of a choice; None of a range."""
    if isinstance(entry, dict):
        return entry.get("values")
    return list(entry) if isinstance(entry, (list, tuple)) else []


def _when(entry: Any) -> dict[str, list[Any]]:
    return entry.get("when", {}) if isinstance(entry, dict) else {}


def _is_active(entry: Any, recipe: Recipe) -> bool:
    for parent, values in _when(entry).items():
        own = _own(recipe, parent, {"values": values})
        if _declared(own) not in [_declared(value) for value in values]:
            return False
    return True


def _holds(entry: Any, value: Any) -> bool:
    choices = _choices(entry)
    if choices is None:
        is_number = type(value) in (int, float)
        return is_number and bool(entry["min"] <= value <= entry["max"])
    return _declared(value) in [_declared(choice) for choice in choices]


def _declared(value: Any) -> Any:
    """A choice as Keras Tuner takes it: a number, so that it is known to be ordered, or text."""
    return value if type(value) in (int, float) else _text(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
