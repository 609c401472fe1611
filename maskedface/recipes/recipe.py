"""An experiment as a value: plain fields, and Keras objects as data."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import json
import math
import os
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Unpack, get_args, get_origin, get_type_hints

from maskedface.names import did_you_mean
from maskedface.recipes.fields import Domain, RecipeFields
from maskedface.recipes.spec import Spec, changed, classes_of, value_at

# field -> (least, most) of its numbers; None = no bound.
_RANGES: dict[str, tuple[float | None, float | None]] = {
    "image_size": (32, None),
    "batch_size": (1, None),
    "epochs": (0, None),
    "cohort": (0, None),
    "enroll_masks": (0, 100),
    "features_budget": (0, None),
    "engine_tolerance": (0, 1),
}
# field -> where a class is looked for that is given by its name alone.
_MODULES = {
    "head": ("maskedface.models", "keras.layers"),
    "loss": ("maskedface.losses", "keras.losses"),
    "optimizer": ("keras.optimizers",),
    "schedule": ("keras.optimizers.schedules",),
    "augmentation": ("maskedface.layers", "keras.layers"),
    "callbacks": ("keras.callbacks",),
}
_HEADS = {"linear": "LinearHead", "cosine": "CosineHead"}
_ADAM = Spec.named("keras.optimizers.Adam", learning_rate=1e-4)
_MIRROR = Spec.named("keras.layers.RandomFlip", mode="horizontal")
_CROSSENTROPY = Spec.named("keras.losses.SparseCategoricalCrossentropy", from_logits=True)
_MARGIN = Spec.named("maskedface.losses.CosineMargin", margin=0.25, scale=24.0)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A training run as a frozen value: what to train on, from what start, how, and for how long.

    Its Keras objects are given as objects, and kept as data (`recipes.Spec`): so a recipe is a JSON file,
    and each run builds objects of its own. Any class works that Keras can serialize, also one of yours
    (`keras.saving.register_keras_serializable`).

    >>> import keras
    >>> from maskedface.recipes import Recipe
    >>> mine = Recipe(name="mine", head="cosine", optimizer=keras.optimizers.Lion(3e-5), epochs=4)
    >>> mine.override("optimizer.learning_rate=1e-5", "loss.margin=0.3", epochs=8).loss
    CosineMargin(margin=0.3, scale=24.0)

    Args:
        name: str, the experiment's name: letters, digits, `_` and `-`.
        init: str, what the weights start from: "" the backbone as it was built (`--weights`); else
            another recipe's name (its run lies beside this one) or the path of a run folder. The head
            is taken over where the people are the same.
        train_on: {domain: share}, the part of each person's training images of each domain that is
            used, shares in (0, 1].
        test_on: the domain that the curves and the table's headline show; all are reported.
        faces: "aligned", each image is warped by where its face lies (`maskedface train` finds that
            where no row states it), or "whole", an image whose row states nothing is resized whole, as in
            the paper.
        image_size: int >= 32, input height and width in pixels, for backbones that take any.
        freeze_through: the last frozen stage (`models.stages`), "none" or "all".
        batch_norm: "frozen" or "update", for the frozen stages (`models.freeze`).
        mirror_join: bool, after training the model's embedding is the sum of those of the image and of
            its mirror (`models.mirror_join`), at twice the cost.
        head: a layer, embeddings -> what the loss reads; "linear" (`models.LinearHead`) or "cosine"
            (`models.CosineHead`). An argument `num_classes` that it leaves open is the number of people.
            One that gives other columns than one a person needs a `head_final` of means.
        head_init: "random", or "class_means": a cosine head's centers start at the mean of each
            person's training embeddings (each normalized).
        head_final: "trained"; or "class_means": after training the head is a cosine head with
            those means, of the embeddings as they are then; or "photo_means", in which a person's
            photographs (`Face.photo`) count alike, however many training faces were made of each; a face
            whose photograph nobody named is one of its own (`datasets.with_photo_groups` finds them).
        cohort: int >= 0: from the scores of each enrolled person is taken what they have in common with
            this many other people (`evaluation.Cohort`): of an open set with those trained on (where no
            face of theirs wears a mask, each counts with a drawn one too); of a closed set of 0
            epochs with those of the run that it starts from. 0, and any other closed set: none.
        enroll_masks: int in [0, 100], masks drawn on each unmasked face that is enrolled in an open set,
            and in galleries made with the run (`masking.masked_templates`); 0 = none, as a closed set
            has.
        loss: a `keras.losses.Loss` of (labels, what the head gives). One with a true `wants_domains` is
            given the domain beside the label (`datasets.with_domain`), one with a true `couples_faces`
            cannot be split between devices. By default `losses.CosineMargin` with a cosine head, else
            cross-entropy from logits.
        optimizer: a `keras.optimizers.Optimizer`. Its rate is a number, the highest of a `schedule`, or a
            schedule of its own, counted in steps.
        schedule: None, or a `keras.optimizers.schedules.LearningRateSchedule` counted in epochs, by which
            the optimizer's rate is multiplied: `CosineDecay(0.0, decay_steps=None, warmup_target=1.0,
            warmup_steps=1)` rises for an epoch and falls for the rest of the run. As data a `decay_steps`
            of None is what is left of the run.
        augmentation: layers that change training images, in this order: `layers.RandomMask` (an image
            that is given a mask then counts as masked), `layers.RandomFaceJitter`,
            `keras.layers.RandomFlip("horizontal")`, or any other. Ours and that flip are functions of
            (seed, epoch, image); others of (seed, epoch, batch).
        callbacks: `keras.callbacks.Callback`s for `fit`. What they remember is not kept where a run is
            killed.
        batch_size: int >= 1.
        epochs: int >= 0; 0 only builds the head.
        class_weight: "none", or "balanced": each person's loss weighs the same in sum.
        sampling: "shuffled", each row once an epoch; "balanced", each person equally often (a row that
            comes up again is changed anew); or "grouped", each row once, up to four of one person next
            to each other.
        features: "auto" computes the frozen part's activations once, keeps them on disk and trains the
            rest on them, where the recipe allows it (`training.feature_cache`: no augmentation but the
            mirror); "off" never does.
        features_dtype: "float32" or "float16", how they are kept; the latter takes half the disk.
        features_budget: float >= 0, GiB of disk that they may take at most.
        engine: what computes frozen features (`engines.ENGINES`): "keras", "openvino", "onnx", one of your
            own; or "auto", the fastest that is installed and near enough to Keras, which is measured. The
            part that learns stays Keras'.
        engine_precision: "float32", "bfloat16" or "int8", what that engine computes in; of "auto" the least
            exact that it may take. With "keras" float32 is the network as `precision` has it.
        engine_tolerance: float in [0, 1], the share of rank-1 on training faces that int8 may lose.
        precision: "float32" or "bfloat16", of the feature maps (`models.with_precision`).
        jit: bool, compile steps with XLA under TensorFlow; JAX always does. Slower on a CPU.

    Raises:
        ValueError: if a value is of the wrong type or out of its range, or a part cannot be read back.
    """

    name: str
    init: str = ""
    train_on: dict[Domain, float] = field(default_factory=lambda: {"masked": 1.0, "unmasked": 1.0})
    test_on: Domain = "masked"
    faces: Literal["aligned", "whole"] = "aligned"
    image_size: int = 180
    freeze_through: str = "none"
    batch_norm: Literal["frozen", "update"] = "frozen"
    mirror_join: bool = False
    head: Any = "linear"
    head_init: Literal["random", "class_means"] = "random"
    head_final: Literal["trained", "class_means", "photo_means"] = "trained"
    cohort: int = 0
    enroll_masks: int = 0
    loss: Any = None
    optimizer: Any = _ADAM
    schedule: Any = None
    augmentation: Any = (_MIRROR,)
    callbacks: Any = ()
    batch_size: int = 32
    epochs: int = 20
    class_weight: Literal["none", "balanced"] = "none"
    sampling: Literal["shuffled", "balanced", "grouped"] = "shuffled"
    features: Literal["auto", "off"] = "auto"
    features_dtype: Literal["float32", "float16"] = "float32"
    features_budget: float = 32.0
    engine: str = "keras"
    engine_precision: Literal["float32", "bfloat16", "int8"] = "float32"
    engine_tolerance: float = 0.02
    precision: Literal["float32", "bfloat16"] = "float32"
    jit: bool = False

    def __post_init__(self) -> None:
        for key, kind in get_type_hints(Recipe).items():
            value = getattr(self, key)
            if key in _MODULES:
                value = _part(key, value)
                if value is None and key == "loss":
                    value = _default_loss(self.head)
            elif kind is float and type(value) is int:
                value = float(value)
            object.__setattr__(self, key, value)
            if key not in _MODULES:
                _check(key, value, kind)
        if not self.name.replace("_", "").replace("-", "").isalnum():
            raise ValueError(f"name must be letters, digits, _ and -. Received: name={self.name!r}")
        wants_cosines = {
            "head_init": self.head_init != "random",
            "head_final": self.head_final != "trained",
            "mirror_join": self.mirror_join,
            "cohort": self.cohort > 0,
        }
        if self.head.has_class("LinearHead") and any(wants_cosines.values()):
            wrong = [key for key, value in wants_cosines.items() if value]
            raise ValueError(
                "head must be 'cosine', or give cosines or embeddings, with head_init or head_final of "
                f"means, mirror_join or a cohort. Received: head={self.head}, {', '.join(wrong)}"
            )

    def override(self, /, *settings: str, **values: Unpack[RecipeFields]) -> Recipe:
        """A copy with other values.

        A dotted path leads into a part: "optimizer.learning_rate", "augmentation.0.probability". A part
        is replaced by a class's name, which keeps those arguments that the new class takes too. With
        another head comes its own default loss, unless another was chosen.

        Args:
            settings: "path=value" strings, the value in JSON or, for text, as it stands:
                `recipe.override("epochs=3", "optimizer=SGD", "optimizer.momentum=0.9")`.
            values: fields as keyword arguments, a part also as an object (`recipes.fields.RecipeFields`
                has their types).

        Raises:
            ValueError: for an unknown name, a value of the wrong type or one out of range.
        """
        pairs = [_setting(setting) for setting in settings]
        found = {key: getattr(self, key) for key in _FIELDS}
        touched: set[str] = set()
        for path, value in [*pairs, *values.items()]:
            key, *rest = path.split(".")
            if key not in _FIELDS:
                raise ValueError(
                    f"a recipe's field must be one of {list(_FIELDS)}. "
                    f"Received: {[key]}{did_you_mean(key, _FIELDS)}"
                )
            if not rest:
                found[key] = _replaced(key, found[key], value)
            elif key in _MODULES:
                found[key] = changed(found[key], rest, value, key)
            else:
                raise ValueError(f"{key} must have parts to change {path}. Received: {path!r}")
            touched.add(path)
        if "head" in touched and not any(path.startswith("loss") for path in touched):
            # Another head, and the loss was the old one's default: it is the new one's.
            found["loss"] = None if self.loss == _default_loss(self.head) else self.loss
        return Recipe(**found)

    def value_at(self, path: str) -> Any:
        """What the recipe says at a dotted path; None where it says nothing.

        >>> from maskedface import recipes
        >>> recipes.PAPER_MASKED.value_at("optimizer.learning_rate")
        0.0001

        Args:
            path: as for `override`.
        """
        key, *rest = path.split(".")
        value = value_at(getattr(self, key, None), rest)
        return value.class_name if isinstance(value, Spec) else value

    def check(self) -> None:
        """Builds each part once, to refuse what no class takes before any work.

        Raises:
            ValueError: if a part's class is not found or refuses its arguments.
        """
        state = random.getstate()  # which a layer without a seed takes one from
        try:
            for part in self._parts():
                part.build()
        finally:
            random.setstate(state)

    def import_parts(self) -> None:
        """Imports the modules of its parts' classes, which registers them with Keras; those that are not
        there are left out."""
        for part in self._parts():
            with contextlib.suppress(ImportError):
                importlib.import_module(part.module or "keras")

    def _parts(self) -> list[Spec]:
        values = (self.head, self.loss, self.optimizer, self.whole_schedule())
        several = (*self.augmentation, *self.callbacks)
        return [part for part in (*values, *several) if part is not None]

    def whole_schedule(self) -> Spec | None:
        """The schedule with the length that it leaves open, which is the rest of the run."""
        schedule: Spec | None = self.schedule
        if schedule is None or schedule.config.get("decay_steps", 0) is not None:
            return schedule
        rest = max(1, self.epochs - schedule.config.get("warmup_steps", 0))
        return dataclasses.replace(schedule, config=schedule.config | {"decay_steps": rest})

    def to_dict(self) -> dict[str, Any]:
        """The recipe as JSON values, its parts in Keras' own form."""
        return {key: _as_json(getattr(self, key)) for key in _FIELDS}

    def to_json(self) -> str:
        """The recipe as JSON text; `Recipe.from_json` reads it back."""
        return json.dumps(self.to_dict(), indent=2) + "\n"

    @staticmethod
    def from_json(text: str) -> Recipe:
        """Reads what `to_json` wrote; fields left out have their defaults.

        Raises:
            ValueError: if the text is no JSON object, or holds an unknown field or a bad value.
        """
        values = json.loads(text)
        if not isinstance(values, dict) or "name" not in values:
            raise ValueError(f"a recipe must be a JSON object with a name. Received: {text[:60]!r}")
        # The constructor's defaults depend on other fields; what is none of them is named by `override`.
        fields = {key: values.pop(key) for key in _FIELDS if key in values}
        return Recipe(**fields).override(**values)

    @staticmethod
    def read(path: str | os.PathLike[str]) -> Recipe:
        """Reads a recipe file written from `to_json`.

        Raises:
            ValueError: as `from_json`.
            OSError: if the file cannot be read.
        """
        with open(path, encoding="utf-8") as file:
            return Recipe.from_json(file.read())


_FIELDS = tuple(one.name for one in dataclasses.fields(Recipe))


def _part(key: str, value: Any) -> Any:
    """A field's Keras objects as data."""
    if key in ("augmentation", "callbacks"):
        if not isinstance(value, (list, tuple)):
            raise ValueError(f"{key} must be a list of Keras objects. Received: {key}={value!r}")
        return tuple(_object(key, item) for item in value)
    if value is None and key in ("loss", "schedule"):
        return None
    return _object(key, value)


def _object(key: str, value: Any) -> Spec:
    if isinstance(value, str):
        return _class_named(key, value, None)
    try:
        return Spec.of(value)
    except ValueError as error:
        raise ValueError(f"{key} must be a Keras object or a class's name: {error}") from error


def _class_named(key: str, name: str, old: Spec | None) -> Spec:
    """A class by its name alone, with those of another's arguments that it takes too."""
    name = _HEADS.get(name, name) if key == "head" else name
    modules = _MODULES[key]
    for module in modules:
        name = name.removeprefix(f"{module}.")
    if old is None and (key, name) in (("head", "LinearHead"), ("head", "CosineHead")):
        return Spec.named(f"{modules[0]}.{name}")  # needs no Keras
    for module in modules:
        if name in classes_of(module):
            path = f"{module}.{name}"
            return Spec.named(path) if old is None else old.other_class(path)
    known = [*(_HEADS if key == "head" else ()), *(n for m in modules for n in classes_of(m))]
    near = did_you_mean(name, known)
    raise ValueError(f"{key} must be a class of {' or '.join(modules)}. Received: {name!r}{near}")


def _replaced(key: str, old: Any, value: Any) -> Any:
    """A field's new value; a part as data, so that paths lead into it."""
    if key not in _MODULES or value is None:
        return value
    if key in ("augmentation", "callbacks"):
        return _part(key, value)
    if isinstance(value, str) and isinstance(old, Spec):
        return _class_named(key, value, old)
    return _object(key, value)


def _default_loss(head: Spec) -> Spec:
    return _MARGIN if head.has_class("CosineHead") else _CROSSENTROPY


def _setting(text: str) -> tuple[str, Any]:
    path, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"a setting must be key=value. Received: {text!r}")
    kind = get_type_hints(Recipe).get(path)
    if kind is str or get_origin(kind) is Literal:
        return path, value
    try:
        return path, json.loads(value)
    except json.JSONDecodeError:
        return path, value  # the type check names the field


def _as_json(value: Any) -> Any:
    if isinstance(value, Spec):
        return value.to_dict()
    if isinstance(value, (list, tuple)):
        return [_as_json(item) for item in value]
    return dict(value) if isinstance(value, Mapping) else value


def _check(key: str, value: Any, kind: Any) -> None:
    wanted = getattr(kind, "__name__", str(kind))
    if get_origin(kind) is Literal:
        wanted, good = f"one of {get_args(kind)}", value in get_args(kind)
    elif get_origin(kind) is dict:
        wanted = '{"masked": share, "unmasked": share}, shares in (0, 1]'
        good = isinstance(value, dict) and bool(value)
        good = good and set(value) <= set(get_args(Domain))
        good = good and all(type(v) in (int, float) and 0 < v <= 1 for v in value.values())
    else:
        good = type(value) is kind and (kind is not float or math.isfinite(value))
    if not good:
        names = get_args(kind) if get_origin(kind) is Literal else ()
        near = did_you_mean(value, names)
        raise ValueError(f"{key} must be {wanted}. Received: {key}={value!r}{near}")
    least, most = _RANGES.get(key, (None, None))
    if (least is not None and value < least) or (most is not None and value > most):
        raise ValueError(f"{key} must be in [{least}, {most}]. Received: {key}={value}")
