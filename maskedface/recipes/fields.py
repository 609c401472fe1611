"""The fields of a recipe as keyword arguments, for editors and type checkers."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

Domain = Literal["masked", "unmasked"]


class RecipeFields(TypedDict, total=False):
    """The keyword arguments of `Recipe.override`: the fields of `Recipe`, which documents them."""

    name: str
    init: str
    train_on: dict[Domain, float]
    test_on: Domain
    faces: Literal["aligned", "whole"]
    image_size: int
    freeze_through: str
    batch_norm: Literal["frozen", "update"]
    mirror_join: bool
    map_join: bool
    head: Any
    head_init: Literal["random", "class_means"]
    head_final: Literal["trained", "class_means", "photo_means"]
    cohort: int
    enroll_masks: int
    loss: Any
    optimizer: Any
    schedule: Any
    augmentation: Any
    callbacks: Any
    batch_size: int
    epochs: int
    class_weight: Literal["none", "balanced"]
    sampling: Literal["shuffled", "balanced", "grouped"]
    features: Literal["auto", "off"]
    features_dtype: Literal["float32", "float16"]
    features_budget: float
    engine: str
    engine_precision: Literal["float32", "bfloat16", "int8"]
    engine_tolerance: float
    precision: Literal["float32", "bfloat16"]
    jit: bool
