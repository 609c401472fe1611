"""An experiment as plain values: what to train on, from what start, how, and for how long."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from dataclasses import dataclass, field
from typing import Any, Literal, get_args, get_origin, get_type_hints

Domain = Literal["masked", "unmasked"]

# field -> (least, most) of its numbers; None = no bound.
_RANGES: dict[str, tuple[float | None, float | None]] = {
    "image_size": (32, None),
    "batch_size": (1, None),
    "epochs": (0, None),
    "learning_rate": (0, None),
    "momentum": (0, 1),
    "weight_decay": (0, None),
    "decay_gamma": (0, 1),
    "decay_epochs": (1, None),
    "warmup_epochs": (0, None),
    "dropout": (0, 0.99),
    "label_smoothing": (0, 0.99),
    "cohort": (0, None),
    "enroll_masks": (0, 100),
    "scale": (1e-3, None),
    "margin": (0, 3.99),
    "loss_weight": (0, None),
    "align_weight": (0, None),
    "mask_probability": (0, 1),
    "mask_views": (0, None),
    "augment": (0, 4),
    "features_budget": (0, None),
}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A training run as a frozen table of plain values.

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
        image_size: int, input height and width in pixels, for backbones that take any.
        freeze_through: the last frozen stage (`models.stages`), "none" or "all".
        batch_norm: "frozen" or "update", for the frozen stages (`models.freeze`).
        view: what of the face the network sees: "whole"; "upper", the region above the mask line
            (`masking.UpperFaceCrop`, cut out inside the model); or "both", two copies of the
            backbone whose embeddings are joined (`models.join`).
        mirror_join: bool, after training the model's embedding is the sum of those of the image and of
            its mirror (`models.mirror_join`), at twice the cost.
        head: "linear" (`models.classifier`) or "cosine" (`models.cosine_classifier`).
        head_init: "random", or "class_means": a cosine head's centres start at the mean of each
            person's training embeddings (each normalized).
        head_final: "trained"; or "class_means": after training a cosine head's centres are set to
            those means again, of the embeddings as they are then; or "photo_means", in which a person's
            photographs (`Face.photo`) count alike, however many training faces were made of each; a face
            whose photograph nobody named is one of its own (`datasets.with_photo_groups` finds them).
        cohort: int >= 0: from the scores of each enrolled person is taken what they have in common with
            this many other people (`evaluation.Cohort`): of an open set with those trained on (where no
            face of theirs wears a mask, each counts with a drawn one too); of a closed set of 0
            epochs with those of the run that it starts from. 0, and any other closed set: none.
        enroll_masks: int in [0, 100], masks drawn on each bare face that is enrolled in an open set, and in
            galleries made with the run (`masking.masked_templates`); 0 = none, a closed set has none.
        hidden: widths of hidden ReLU layers in a linear head.
        dropout: float in [0, 1), before each layer of the head.
        loss: what a cosine head is trained by: "margin" (`losses.CosineMarginLoss`), "arcface"
            (`losses.ArcFaceLoss`), "centre" (`losses.CentreLoss` with the cosine margin),
            "domain_ranking" (`losses.DomainRankingLoss`) or "triplet"
            (`losses.SelfRestrainedTripletLoss`). The last two train no head of one centre a person:
            they need a head_final of means. A linear head is trained by cross-entropy.
        scale, margin: of the cosine head and its loss; the margin is a cosine, with "arcface" radians,
            with "triplet" a squared distance in [0, 4).
        loss_weight: float >= 0, of the second term of "centre" (.003 in its paper) and
            "domain_ranking".
        align: "none"; "coral", the covariances of masked and of unmasked embeddings are pulled
            together (`losses.CoralLoss`); or "pairs", a person's masked embeddings to their unmasked
            ones (`losses.AlignmentLoss`; wants sampling="grouped").
        align_weight: float >= 0, of that term.
        optimizer: "sgd" (Nesterov), "adam" or "adamw".
        learning_rate: float >= 0, the first or highest rate.
        momentum: float in [0, 1], of "sgd".
        weight_decay: float >= 0, of "adamw".
        schedule: "constant"; "step": times `decay_gamma` every `decay_epochs` epochs (PyTorch's
            StepLR); "cosine": down to 0 over the run, after `warmup_epochs` of linear rise from 0.
        batch_size, epochs: int; 0 epochs only builds the head.
        label_smoothing: float in [0, 1).
        flip: bool, mirror each training image with chance one half.
        class_weight: "none", or "balanced": each person's loss weighs the same in sum.
        sampling: "shuffled", each row once an epoch; "balanced", each person equally often (a row that
            comes up again is mirrored, masked and changed anew); or "grouped", each row once, up to four
            of one person next to each other.
        mask_probability: float in [0, 1], the chance that an unmasked training image gets a drawn mask
            (`masking.RandomMask`); it then counts as masked in losses that ask for the domain.
        mask_views: int >= 0: 0 draws a new mask each epoch; K > 0 takes one of K fixed masks an image,
            which frozen features can hold.
        augment: float in [0, 4], strength of random shifts, zoom, turns, brightness and contrast
            (`datasets.augmented`); 0 = none. It rules out frozen features.
        features: "auto" computes the frozen part's activations once, keeps them on disk and trains the
            rest on them, where the recipe allows it (`training.frozen_features`); "off" never does.
        features_dtype: "float32" or "float16", how they are kept; the latter takes half the disk.
        features_budget: float >= 0, GiB of disk that they may take at most.
        fold_batch_norm: bool, fold the frozen part's batch norms for them (`models.fold_batch_norm`).
        precision: "float32" or "bfloat16", of the feature maps (`models.with_precision`).
        jit: bool, compile steps with XLA under TensorFlow; JAX always does. Slower on a CPU.

    Raises:
        ValueError: if a value is of the wrong type or out of its range.
    """

    name: str
    init: str = ""
    train_on: dict[Domain, float] = field(default_factory=lambda: {"masked": 1.0, "unmasked": 1.0})
    test_on: Domain = "masked"
    faces: Literal["aligned", "whole"] = "aligned"
    image_size: int = 180
    freeze_through: str = "none"
    batch_norm: Literal["frozen", "update"] = "frozen"
    view: Literal["whole", "upper", "both"] = "whole"
    mirror_join: bool = False
    head: Literal["linear", "cosine"] = "linear"
    head_init: Literal["random", "class_means"] = "random"
    head_final: Literal["trained", "class_means", "photo_means"] = "trained"
    cohort: int = 0
    enroll_masks: int = 0
    hidden: tuple[int, ...] = ()
    dropout: float = 0.5
    loss: Literal["margin", "arcface", "centre", "domain_ranking", "triplet"] = "margin"
    scale: float = 24.0
    margin: float = 0.25
    loss_weight: float = 1.0
    align: Literal["none", "coral", "pairs"] = "none"
    align_weight: float = 1.0
    optimizer: Literal["sgd", "adam", "adamw"] = "adam"
    learning_rate: float = 1e-4
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: Literal["constant", "step", "cosine"] = "constant"
    decay_gamma: float = 0.1
    decay_epochs: int = 10
    warmup_epochs: int = 0
    batch_size: int = 32
    epochs: int = 20
    label_smoothing: float = 0.0
    flip: bool = True
    class_weight: Literal["none", "balanced"] = "none"
    sampling: Literal["shuffled", "balanced", "grouped"] = "shuffled"
    mask_probability: float = 0.0
    mask_views: int = 0
    augment: float = 0.0
    features: Literal["auto", "off"] = "auto"
    features_dtype: Literal["float32", "float16"] = "float32"
    features_budget: float = 32.0
    fold_batch_norm: bool = True
    precision: Literal["float32", "bfloat16"] = "float32"
    jit: bool = False

    def __post_init__(self) -> None:
        for key, kind in get_type_hints(Recipe).items():
            value = getattr(self, key)
            if kind is float and type(value) is int:
                value = float(value)
                object.__setattr__(self, key, value)
            if get_origin(kind) is tuple and isinstance(value, list):
                value = tuple(value)
                object.__setattr__(self, key, value)
            _check(key, value, kind)
        if not self.name.replace("_", "").replace("-", "").isalnum():
            raise ValueError(f"name must be letters, digits, _ and -. Received: name={self.name!r}")
        has_means = self.head_init != "random" or self.head_final != "trained"
        if has_means and self.head != "cosine":
            raise ValueError(
                "head_init must be 'random' and head_final 'trained' unless head='cosine'. "
                f"Received: head={self.head!r}, {self.head_init!r} and {self.head_final!r}"
            )
        if self.warmup_epochs and self.schedule != "cosine":
            raise ValueError(
                f"warmup_epochs must be 0 unless schedule='cosine'. Received: {self.warmup_epochs}"
            )
        if self.head == "cosine" and self.hidden:
            raise ValueError(f"hidden must be () with head='cosine'. Received: {self.hidden}")
        if self.head == "linear" and (self.loss != "margin" or self.align != "none"):
            raise ValueError(
                "loss must be 'margin' and align 'none' unless head='cosine'. "
                f"Received: loss={self.loss!r}, align={self.align!r}"
            )
        if self.loss in ("domain_ranking", "triplet") and self.head_final == "trained":
            raise ValueError(
                f"head_final must be 'class_means' or 'photo_means' with loss={self.loss!r}. "
                f"Received: head_final={self.head_final!r}"
            )
        if (self.mirror_join or self.cohort) and self.head != "cosine":
            raise ValueError(
                "mirror_join must be false and cohort 0 unless head='cosine'. "
                f"Received: {str(self.mirror_join).lower()} and {self.cohort}"
            )
        if self.view == "both" and self.freeze_through not in ("none", "all"):
            raise ValueError(
                "freeze_through must be 'none' or 'all' with view='both'. "
                f"Received: freeze_through={self.freeze_through!r}"
            )

    @property
    def wants_domains(self) -> bool:
        """Whether its loss asks for each face's domain beside its label."""
        return self.loss in ("domain_ranking", "triplet") or self.align != "none"

    def override(self, *settings: str, **values: Any) -> Recipe:
        """A copy with other values.

        Args:
            settings: "key=value" strings, the value in JSON or, for a field of text, as it stands:
                `recipe.override("epochs=3", "optimizer=sgd", 'train_on={"masked": 0.5}')`.
            values: the same as keyword arguments.

        Raises:
            ValueError: for an unknown name, a value of the wrong type or one out of range.
        """
        kinds = get_type_hints(Recipe)
        for setting in settings:
            key, equals, text = setting.partition("=")
            if not equals:
                raise ValueError(f"a setting must be key=value. Received: {setting!r}")
            values[key] = _parse(text, kinds.get(key, str))
        unknown = sorted(set(values) - set(kinds))
        if unknown:
            raise ValueError(f"a recipe's field must be one of {list(kinds)}. Received: {unknown}")
        return dataclasses.replace(self, **values)

    def to_json(self) -> str:
        """The recipe as JSON text, one field a line; `Recipe.from_json` reads it back."""
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"

    @staticmethod
    def from_json(text: str) -> Recipe:
        """Reads what `to_json` wrote; fields left out have their defaults.

        Raises:
            ValueError: if the text is no JSON object, or holds an unknown field or a bad value.
        """
        values = json.loads(text)
        if not isinstance(values, dict) or "name" not in values:
            raise ValueError(f"a recipe must be a JSON object with a name. Received: {text[:60]!r}")
        return Recipe(name=values.pop("name")).override(**values)

    @staticmethod
    def read(path: str | os.PathLike[str]) -> Recipe:
        """Reads a recipe file written from `to_json`.

        Raises:
            ValueError: as `from_json`.
            OSError: if the file cannot be read.
        """
        with open(path, encoding="utf-8") as file:
            return Recipe.from_json(file.read())


def _parse(text: str, kind: Any) -> Any:
    if kind is str or get_origin(kind) is Literal:
        return text
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text  # the type check names the field


def _check(key: str, value: Any, kind: Any) -> None:
    wanted = getattr(kind, "__name__", str(kind))
    if get_origin(kind) is Literal:
        wanted, good = f"one of {get_args(kind)}", value in get_args(kind)
    elif get_origin(kind) is tuple:
        wanted = "a list of whole numbers above 0"
        good = isinstance(value, tuple) and all(type(v) is int and v > 0 for v in value)
    elif get_origin(kind) is dict:
        wanted = '{"masked": share, "unmasked": share}, shares in (0, 1]'
        good = isinstance(value, dict) and bool(value)
        good = good and set(value) <= set(get_args(Domain))
        good = good and all(type(v) in (int, float) and 0 < v <= 1 for v in value.values())
    else:
        good = type(value) is kind and (kind is not float or math.isfinite(value))
    if not good:
        raise ValueError(f"{key} must be {wanted}. Received: {key}={value!r}")
    least, most = _RANGES.get(key, (None, None))
    if (least is not None and value < least) or (most is not None and value > most):
        raise ValueError(f"{key} must be in [{least}, {most}]. Received: {key}={value}")
