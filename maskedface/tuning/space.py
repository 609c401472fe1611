"""A search space as data: the recipe fields to search, and their values."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, field as attribute
from typing import Any, get_type_hints

import keras_tuner

from maskedface.names import did_you_mean
from maskedface.recipes import Recipe, Spec

Space = dict[str, Any]
"""{recipe field: values}. A field may be a dotted path to a nested value,
"optimizer.learning_rate". The values are a list of choices (for a Keras object: class names,
objects in the form of `Spec.to_dict`, or null); or `{"min": a, "max": b}`, optionally with
`"sampling": "log"` and `"step"`; or `{"values": [...]}`. A dict may contain `"when": {field:
[values]}`: the field is then searched only if an earlier field of the space has one of these
values. A space can be written as JSON."""

_NEVER = ("name", "init", "test_on")  # what a trial is measured by must be the same for all


def check_space(space: Space, recipe: Recipe) -> None:
    """Checks a search space.

    Args:
        space: the space.
        recipe: the recipe, whose own values are the first trial.

    Raises:
        ValueError: if a field is unknown, its values are not a list or range or are rejected by the
            recipe, its `when` does not refer to an earlier choice, or the values do not include the
            recipe's own value, which is the first trial.
    """
    if not space:
        raise ValueError("a space must contain at least one field. Received: {}")
    fields, before = get_type_hints(Recipe), dict[str, _Values]()
    for field, entry in space.items():
        if field.split(".")[0] not in fields or field in _NEVER:
            raise ValueError(
                f"a space's field must be a recipe field except {_NEVER}. Received: {field!r}"
                f"{did_you_mean(field, fields)}"
            )
        values = _values(field, entry)
        for parent, chosen in values.when.items():
            known = before.get(parent)
            if known is None or known.values is None or not all(map(known.holds, chosen)):
                raise ValueError(
                    f"when must name a field that precedes {field!r}, and some of its choices. "
                    f"Received: when={values.when}"
                )
        before[field] = values
        _check_values(field, values, recipe)
        own = _own(recipe, field, values)
        if values.is_active(recipe) and not values.holds(own):
            raise ValueError(
                f"the space of {field!r} must include the recipe's own value, the first trial. "
                f"Received: {entry} without {own!r}"
            )


def declare(space: Space, recipe: Recipe, hp: keras_tuner.HyperParameters) -> None:
    """Declares a space's fields to Keras Tuner, with the recipe's own values as defaults.

    Args:
        space: a space accepted by `check_space`.
        recipe: the recipe, whose own values are the first trial.
        hp: the hyperparameters, modified in place. Numbers are declared as numbers, all else as
            text.
    """
    for field, entry in space.items():
        values = _values(field, entry)
        with contextlib.ExitStack() as scopes:
            for parent, chosen in values.when.items():
                scopes.enter_context(hp.conditional_scope(parent, [*map(_declared, chosen)]))
            _declare_one(hp, field, values, _own(recipe, field, values))


def recipe_of(recipe: Recipe, values: dict[str, Any]) -> Recipe:
    """A recipe with a trial's values.

    Args:
        recipe: the experiment.
        values: the values of `keras_tuner.HyperParameters`; names with a "/" are internal to the
            tuner and ignored. Floats are rounded to six digits.

    Returns:
        The recipe of the trial.

    Raises:
        ValueError: if the values are incompatible.
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
    """A space without fields and values that have no effect, or do not exist, for a backbone and an
    algorithm.

    Args:
        space: the space.
        recipe: the recipe, whose own values are the first trial.
        stages: the backbone's stages (`models.stages`).
        has_any_size: whether the backbone accepts any image size.
        own_epochs: whether the algorithm sets the epochs of each trial (Hyperband).

    Returns:
        The space; "freeze_through" only contains stages of the backbone.

    Raises:
        ValueError: if nothing is left, and as `check_space`.
    """
    left_out = {*(() if has_any_size else ["image_size"]), *(["epochs"] if own_epochs else ())}
    fitting = {field: entry for field, entry in space.items() if field not in left_out}
    through = fitting.get("freeze_through", {"min": 0, "max": 1})
    values = _values("freeze_through", through).values
    if values is not None:
        kept = [stage for stage in values if stage in (*stages, "none", "all")]
        fitting["freeze_through"] = (
            {**through, "values": kept} if isinstance(through, dict) else kept
        )
    check_space(fitting, recipe)
    return fitting


@dataclass(frozen=True)
class _Values:
    """A field's values in a space, in normalized form: choices or, if these are None, a range."""

    values: Any = None
    min: Any = None
    max: Any = None
    sampling: str = "linear"
    step: Any = None
    when: dict[str, list[Any]] = attribute(default_factory=dict)

    def __post_init__(self) -> None:
        if self.values is not None:
            good = isinstance(self.values, (list, tuple)) and len(self.values) > 0
            good = good and len(set(map(_text, self.values))) == len(self.values)
        else:
            good = all(type(end) in (int, float) for end in (self.min, self.max))
            good = good and self.min < self.max
            good = good and (self.sampling == "linear" or (self.sampling == "log" and self.min > 0))
        if not good:
            raise ValueError("values must be all different, or a range")

    def holds(self, value: Any) -> bool:
        if self.values is None:
            return type(value) in (int, float) and bool(self.min <= value <= self.max)
        return _declared(value) in map(_declared, self.values)

    def is_active(self, recipe: Recipe) -> bool:
        """Whether the field is searched, given the recipe's own values."""
        parents = {parent: _Values(values) for parent, values in self.when.items()}
        return all(one.holds(_own(recipe, parent, one)) for parent, one in parents.items())


def _values(field: str, entry: Any) -> _Values:
    try:
        return _Values(**(entry if isinstance(entry, dict) else {"values": entry}))
    except (TypeError, ValueError):
        raise ValueError(
            f"the space of {field!r} must be a list of different values or, for a number, "
            f'{{"min": a, "max": b, "sampling": "linear" or "log", "step": s}}. Received: {entry!r}'
        ) from None


def _declare_one(hp: keras_tuner.HyperParameters, field: str, values: _Values, own: Any) -> None:
    if values.values is not None:
        choices = [*map(_declared, values.values)]
        default = _declared(own) if values.holds(own) else choices[0]
        hp.Choice(field, choices, default=default)
        return
    whole = all(type(number) is int for number in (values.min, values.max))
    number = hp.Int if whole and type(own) is not float else hp.Float
    default = own if values.holds(own) else values.min
    words = {"step": values.step, "sampling": values.sampling, "default": default}
    number(field, values.min, values.max, **words)


def _check_values(field: str, values: _Values, recipe: Recipe) -> None:
    """Checks the values with the recipe, after setting the choices that the field depends on."""
    try:
        base = recipe_of(recipe, {parent: chosen[0] for parent, chosen in values.when.items()})
    except ValueError:
        return  # these choices go with others of the space alone
    for value in values.values or (values.min, values.max):
        try:
            recipe_of(base, {field: value})
        except ValueError as error:
            # Another head may be refused for means that a later field takes away.
            if "." in field or not str(error).startswith("head must be 'cosine'"):
                raise ValueError(
                    f"the space of {field!r} must contain values that the recipe accepts. "
                    f"Received: {value!r} ({error})"
                ) from error


def _own(recipe: Recipe, field: str, values: _Values) -> Any:
    """The recipe's own value; for a Keras object its class name, or the whole object if the choices
    are objects."""
    part = getattr(recipe, field, None)
    if isinstance(part, tuple):  # of augmentation or callbacks
        return [item.to_dict() for item in part]
    value, choices = recipe.value_at(field), values.values or ()
    if isinstance(part, Spec) and value not in choices:
        return value if all(isinstance(choice, str) for choice in choices) else part.to_dict()
    return value


def _declared(value: Any) -> Any:
    """A choice in the form for Keras Tuner: a number, which is known to be ordered, or text."""
    return value if type(value) in (int, float) else _text(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
