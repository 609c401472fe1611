"""A search space as data: which recipe fields are searched, over which values."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, field as attribute
from typing import Any, get_type_hints

import keras_tuner

from maskedface.names import did_you_mean
from maskedface.recipes import Recipe, Spec

Space = dict[str, Any]
"""{recipe field: values}. A field may be a dotted path into a part, "optimizer.learning_rate". The values
are a list of choices, of a part itself names of classes, or objects as `Spec.to_dict` gives them, or null;
or `{"min": a, "max": b}` with, where wanted, `"sampling": "log"` and `"step"`; or `{"values": [...]}`. A
dict may carry `"when": {field: [values]}`: the field is searched only where another one of the space, named
before it, has one of these values. JSON holds all of it."""

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
    if not space:
        raise ValueError("a space must hold at least one field. Received: {}")
    fields, before = get_type_hints(Recipe), dict[str, _Values]()
    for field, entry in space.items():
        if field.split(".")[0] not in fields or field in _NEVER:
            raise ValueError(
                f"a space's field must be one of a recipe's, but none of {_NEVER}. Received: {field!r}"
                f"{did_you_mean(field, fields)}"
            )
        values = _values(field, entry)
        for parent, chosen in values.when.items():
            known = before.get(parent)
            if known is None or known.values is None or not all(map(known.holds, chosen)):
                raise ValueError(
                    f"when must name a field before {field!r} and some of its choices. "
                    f"Received: when={values.when}"
                )
        before[field] = values
        _check_values(field, values, recipe)
        own = _own(recipe, field, values)
        if values.is_active(recipe) and not values.holds(own):
            raise ValueError(
                f"the space of {field!r} must hold the recipe's own value, which is tried first. "
                f"Received: {entry} without {own!r}"
            )


def declare(space: Space, recipe: Recipe, hp: keras_tuner.HyperParameters) -> None:
    """Declares a space's fields to Keras Tuner, the recipe's own values as defaults.

    Args:
        space: one that `check_space` takes.
        recipe: whose own values are the first trial.
        hp: changed in place. Numbers are declared as such, all else as text.
    """
    for field, entry in space.items():
        values = _values(field, entry)
        with contextlib.ExitStack() as scopes:
            for parent, chosen in values.when.items():
                scopes.enter_context(hp.conditional_scope(parent, [*map(_declared, chosen)]))
            _declare_one(hp, field, values, _own(recipe, field, values))


def recipe_of(recipe: Recipe, values: dict[str, Any]) -> Recipe:
    """A recipe with a trial's values in place of its own.

    Args:
        recipe: the experiment.
        values: of `keras_tuner.HyperParameters`; names with a "/" are the tuner's own and left out.
            Fractions are rounded to six digits.

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
    """What a space says of a field, in whichever form: choices, or where these are None a range."""

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
            raise ValueError("values must be different ones, or a range")

    def holds(self, value: Any) -> bool:
        if self.values is None:
            return type(value) in (int, float) and bool(self.min <= value <= self.max)
        return _declared(value) in map(_declared, self.values)

    def is_active(self, recipe: Recipe) -> bool:
        """Whether the recipe's own values are such that the field is searched."""
        parents = {parent: _Values(values) for parent, values in self.when.items()}
        return all(one.holds(_own(recipe, parent, one)) for parent, one in parents.items())


def _values(field: str, entry: Any) -> _Values:
    try:
        return _Values(**(entry if isinstance(entry, dict) else {"values": entry}))
    except (TypeError, ValueError):
        raise ValueError(
            f"the space of {field!r} must be a list of different values, or of a number "
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
    """Tries the values in the recipe, after choices that the field depends on."""
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
                    f"the space of {field!r} must hold values that the recipe takes. "
                    f"Received: {value!r} ({error})"
                ) from error


def _own(recipe: Recipe, field: str, values: _Values) -> Any:
    """The recipe's own value, of a part its class's name, or all of it where the choices are such."""
    part = getattr(recipe, field, None)
    if isinstance(part, tuple):  # of augmentation or callbacks
        return [item.to_dict() for item in part]
    value, choices = recipe.value_at(field), values.values or ()
    if isinstance(part, Spec) and value not in choices:
        return value if all(isinstance(choice, str) for choice in choices) else part.to_dict()
    return value


def _declared(value: Any) -> Any:
    """A choice as Keras Tuner takes it: a number, so that it is known to be ordered, or text."""
    return value if type(value) in (int, float) else _text(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
