"""An experiment as an immutable value: plain fields, and Keras objects as data."""

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
    """The immutable configuration of a training run: data, initial weights, network and training.

    Keras objects are passed as objects and stored as data (`recipes.Spec`), so a recipe can be
    saved as JSON, and each run builds new objects. Any class that Keras can serialize works,
    including custom ones (`keras.saving.register_keras_serializable`).

    >>> import keras
    >>> from maskedface.recipes import Recipe
    >>> mine = Recipe(name="mine", head="cosine", optimizer=keras.optimizers.Lion(3e-5), epochs=4)
    >>> mine.override("optimizer.learning_rate=1e-5", "loss.margin=0.3", epochs=8).loss
    CosineMargin(margin=0.3, scale=24.0)

    Args:
        name: str, the experiment's name: letters, digits, `_` and `-`.
        init: str, the source of the initial weights: "" for the backbone's own (`--weights`); else
            another recipe's name, whose run is in a sibling folder, or the path of a run folder.
            The head is loaded too if the people are the same.
        train_on: {domain: share}, the share of each person's training images of each domain that is
            used, in (0, 1].
        test_on: the domain of the validation curves and of the main result; all domains are
            reported.
        faces: "aligned": each image is warped by the position of its face (`maskedface train`
            detects faces whose position is unknown); or "whole": images without a known position
            are resized as a whole, as in the paper.
        image_size: int >= 32, input height and width in pixels, for backbones without a fixed size.
        freeze_through: the last frozen stage (`models.stages`), "none" or "all".
        batch_norm: "frozen" or "update", the behavior of batch normalization in frozen stages
            (`models.freeze`).
        mirror_join: bool, flip test-time augmentation: the final model's embedding is the sum of
            those of the image and of its mirror image (`models.mirror_join`), at twice the cost.
        map_join: bool, whether the final model's embedding is joined with a projection of the last
            feature map (`models.map_join`), found after training by linear discriminant analysis of
            the training faces, with and without drawn masks. A run with epochs=0 that starts from
            such a run keeps its projection. A network without a feature map is left as it is, with
            a warning.
        head: a layer, embeddings -> the loss' input; "linear" (`models.LinearHead`) or "cosine"
            (`models.CosineHead`). If it has an argument `num_classes` that is None, the number of
            people is used. A head without exactly one output per person needs a `head_final` of
            means.
        head_init: "random"; or "class_means": a cosine head's centers are initialized with the mean
            of each person's normalized training embeddings.
        head_final: "trained"; or "class_means": after training, the head is replaced by a cosine
            head with the class means of the final embeddings; or "photo_means": class means in
            which all photographs (`Face.photo`) of a person have equal weight, however many
            training faces were made from each; a face with an unknown photograph counts as a
            separate one (`datasets.with_photo_groups` detects them).
        cohort: int >= 0, cohort score normalization: the number of nearest other people to whom an
            enrolled person's mean similarity is measured; less what is typical, and divided by the
            person's photographs, it is subtracted from their scores (`evaluation.Cohort`). For an
            open set, the cohort consists of the training identities (if none of their faces is
            masked, each also counts with a drawn mask); for a closed set with epochs=0, it is that
            of the run that it starts from. There is no normalization with 0, or for any other
            closed set.
        enroll_masks: int in [0, 100], the number of masks drawn on each unmasked face that is
            enrolled (`masking.masked_templates`); 0 = none. Enrolled are the test faces of an open
            set, the training faces of a closed set, whose head must then end with class means
            (`head_final`), and the faces in galleries made with the run.
        loss: a `keras.losses.Loss` of (labels, outputs of the head). A loss whose `wants_domains`
            is true gets labels with a domain column (`datasets.with_domain`); one whose
            `couples_faces` is true cannot be split between devices. The default is
            `losses.CosineMargin` for a cosine head, else cross-entropy from logits.
        optimizer: a `keras.optimizers.Optimizer`. Its learning rate is a number, which `schedule`
            scales, or a schedule in steps.
        schedule: None, or a `keras.optimizers.schedules.LearningRateSchedule` in units of epochs,
            which is multiplied with the optimizer's learning rate: `CosineDecay(0.0,
            decay_steps=None, warmup_target=1.0, warmup_steps=1)` rises for one epoch and decays for
            the rest of the run. A `decay_steps` of None, which is possible in data form, stands for
            the rest of the run.
        augmentation: layers that augment training images, in this order: `layers.RandomMask` (an
            image with a drawn mask counts as masked), `layers.RandomOcclusion`,
            `layers.RandomFaceJitter`, `keras.layers.RandomFlip("horizontal")`, or any other. This
            library's layers and that flip are functions of (seed, epoch, image), others of (seed,
            epoch, batch).
        callbacks: `keras.callbacks.Callback`s for `fit`. Their internal state is not saved, so it
            is lost when a run is interrupted.
        batch_size: int >= 1.
        epochs: int >= 0; 0 only builds the head.
        class_weight: "none"; or "balanced": every person has the same total weight in the loss.
        sampling: "shuffled", each row once per epoch; "balanced", each person equally often (a
            repeated row is augmented differently each time); or "grouped", each row once, in runs
            of up to four of the same person.
        features: "auto" computes the activations of the frozen layers once, caches them on disk and
            trains the remaining layers on them, if the recipe allows it (`training.feature_cache`:
            no augmentation except a horizontal flip); "off" never does.
        features_dtype: "float32" or "float16", the type of cached activations; float16 halves their
            size on disk.
        features_budget: float >= 0, the maximum size of cached activations in GiB.
        engine: the engine that computes frozen features (`engines.ENGINES`): "keras", "openvino",
            "onnx", a custom one; or "auto", the fastest installed one whose measured deviation from
            Keras is small enough. Trainable layers always run in Keras.
        engine_precision: "float32", "bfloat16" or "int8", the engine's precision; for "auto" the
            lowest one allowed. With "keras", float32 stands for the network in its own `precision`.
        engine_tolerance: float in [0, 1], the loss of rank-1 accuracy on training faces that int8
            may cause.
        precision: "float32" or "bfloat16", of the feature maps (`models.with_precision`).
        jit: bool, compile training steps with XLA under TensorFlow; JAX always does. Slower on a
            CPU.

    Raises:
        ValueError: if a value has the wrong type or is out of range, or a Keras object cannot be
            serialized.
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
    map_join: bool = False
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
            raise ValueError(
                f"name must consist of letters, digits, _ and -. Received: name={self.name!r}"
            )
        wants_cosines = {
            "head_init": self.head_init != "random",
            "head_final": self.head_final != "trained",
            "mirror_join": self.mirror_join,
            "map_join": self.map_join,
            "cohort": self.cohort > 0,
        }
        if self.head.has_class("LinearHead") and any(wants_cosines.values()):
            wrong = [key for key, value in wants_cosines.items() if value]
            raise ValueError(
                "head must be 'cosine', or output cosines or embeddings, with head_init or "
                "head_final of means, mirror_join, map_join or a cohort. "
                f"Received: head={self.head}, {', '.join(wrong)}"
            )
        if self.map_join and self.head_final == "trained":
            raise ValueError(
                "head_final must be 'class_means' or 'photo_means' with map_join: the head was trained "
                f"on a shorter embedding. Received: head_final={self.head_final!r}, map_join=True"
            )

    def override(self, /, *settings: str, **values: Unpack[RecipeFields]) -> Recipe:
        """A copy with some values changed.

        A dotted path addresses a nested value: "optimizer.learning_rate",
        "augmentation.0.probability". A Keras object can be replaced by giving a class name;
        arguments that the new class also has are kept. Changing the head also changes the loss to
        the new head's default, unless another loss was chosen.

        Args:
            settings: "path=value" strings, where the value is JSON or plain text:
                `recipe.override("epochs=3", "optimizer=SGD", "optimizer.momentum=0.9")`.
            values: fields as keyword arguments; Keras objects may be passed as objects
                (`recipes.fields.RecipeFields` has the types).

        Raises:
            ValueError: for an unknown name, or a value of the wrong type or out of range.
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
                raise ValueError(f"{key} must have nested values to set {path}. Received: {path!r}")
            touched.add(path)
        if "head" in touched and not any(path.startswith("loss") for path in touched):
            # With another head, a loss that was the old head's default becomes the new head's.
            found["loss"] = None if self.loss == _default_loss(self.head) else self.loss
        return Recipe(**found)

    def value_at(self, path: str) -> Any:
        """The value at a dotted path; None if it is not set.

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
        """Builds each Keras object once, to detect invalid arguments before training.

        Raises:
            ValueError: if a class is not found or rejects its arguments.
        """
        state = random.getstate()  # layers without a seed draw theirs from it
        try:
            for part in self._parts():
                part.build()
        finally:
            random.setstate(state)

    def import_parts(self) -> None:
        """Imports the modules of all classes in the recipe, which registers them with Keras;
        missing modules are skipped."""
        for part in self._parts():
            with contextlib.suppress(ImportError):
                importlib.import_module(part.module or "keras")

    def _parts(self) -> list[Spec]:
        values = (self.head, self.loss, self.optimizer, self.whole_schedule())
        several = (*self.augmentation, *self.callbacks)
        return [part for part in (*values, *several) if part is not None]

    def whole_schedule(self) -> Spec | None:
        """The schedule with an open `decay_steps` set to the rest of the run."""
        schedule: Spec | None = self.schedule
        if schedule is None or schedule.config.get("decay_steps", 0) is not None:
            return schedule
        rest = max(1, self.epochs - schedule.config.get("warmup_steps", 0))
        return dataclasses.replace(schedule, config=schedule.config | {"decay_steps": rest})

    def to_dict(self) -> dict[str, Any]:
        """The recipe as JSON values, with objects in Keras' serialization format."""
        return {key: _as_json(getattr(self, key)) for key in _FIELDS}

    def to_json(self) -> str:
        """The recipe as JSON text; `Recipe.from_json` reads it back."""
        return json.dumps(self.to_dict(), indent=2) + "\n"

    @staticmethod
    def from_json(text: str) -> Recipe:
        """Parses the result of `to_json`; missing fields get their defaults.

        Raises:
            ValueError: if the text is not a JSON object, or has an unknown field or an invalid
                value.
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
    """A class given by its name, with those arguments of the previous object that it also has."""
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
    """A field's new value; Keras objects as data, so that paths can address their arguments."""
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
