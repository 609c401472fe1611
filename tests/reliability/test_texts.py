"""Any text as a manifest, a recipe or a list of pairs: read, or refused by a ValueError."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from maskedface import datasets
from maskedface.datasets import Face, FaceIndex, Landmarks, read_pairs
from maskedface.datasets.face_index import DOMAINS
from maskedface.datasets.pairs import PAIR_PROTOCOLS
from maskedface.recipes import Recipe

CALM = settings(
    max_examples=100,
    deadline=None,  # a busy machine is slow
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
# Names as file systems have them: any bytes but 0 and /, those that do not decode as surrogates.
NAMES = st.binary(min_size=1, max_size=12).map(
    lambda raw: raw.replace(b"\0", b"x").replace(b"/", b"y").decode("utf-8", "surrogateescape")
)
FIVE = Landmarks(((30.12, 40), (70.5, 41.25), (50, 60), (35, 0), (66, 80)), "aligner", 0.875)
FACES = st.builds(
    Face,
    NAMES,
    NAMES,
    st.sampled_from(DOMAINS),
    NAMES | st.just(""),
    st.sampled_from(["", "dlib"]),
    st.sampled_from([None, FIVE]),
)
# Lines that are nearly right find more than noise does.
WORDS = st.sampled_from(
    [
        "path",
        "person",
        "domain",
        "photo",
        "masked",
        "unmasked",
        "a.jpg",
        "ada",
        ",",
        '"',
        "\n",
        "\r",
        "",
    ]
)
NEAR = st.lists(WORDS | NAMES, max_size=30).map(",".join)


@CALM
@given(st.lists(FACES, min_size=1, max_size=8, unique_by=lambda face: face.path))
def test_every_index_comes_back_from_its_manifest(tmp_path: Path, faces: list[Face]) -> None:
    index = FaceIndex(str(tmp_path), faces)
    datasets.write_manifest(tmp_path / "m.csv", index)
    assert datasets.read_manifest(tmp_path / "m.csv", check_files=False).faces == index.faces


# A hundred texts.
@pytest.mark.long
@CALM
@given(NEAR | st.text() | st.binary().map(lambda raw: raw.decode("utf-8", "surrogateescape")))
def test_any_text_is_a_manifest_or_a_value_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "m.csv"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        datasets.read_manifest(path, check_files=False)
    except ValueError as error:
        assert str(error)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=5,
)
FIELDS = get_type_hints(Recipe)


@CALM
@given(st.dictionaries(st.sampled_from([*FIELDS, "unknown"]), VALUES, max_size=4))
def test_any_fields_are_a_recipe_or_a_value_error(values: dict[str, Any]) -> None:
    try:
        recipe = Recipe.from_json(json.dumps({"name": "any", **values}))
    except ValueError:
        return
    assert Recipe.from_json(recipe.to_json()) == recipe


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_rate_that_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="a number in a recipe must be finite. Received: "):
        Recipe(name="any").override(**{"optimizer.learning_rate": value})
    with pytest.raises(ValueError, match="features_budget must be float. Received: "):
        Recipe(name="any", features_budget=value)


@CALM
@given(st.text() | VALUES.map(json.dumps))
def test_any_text_is_a_recipe_or_a_value_error(text: str) -> None:
    try:
        Recipe.from_json(text)
    except ValueError as error:
        assert str(error)


@CALM
@given(st.sampled_from(sorted(FIELDS)), st.text(max_size=8) | VALUES.map(json.dumps))
def test_any_setting_is_taken_or_a_value_error(key: str, text: str) -> None:
    try:
        Recipe(name="any").override(f"{key}={text}")
    except ValueError as error:
        assert str(error)


PAIR_WORDS = st.sampled_from(
    ["ada", "bo", "1", "2", "0", "10", "300", "²", "-1", "x/y.jpg", "Input"]
)
PAIR_LINES = st.lists(st.lists(PAIR_WORDS | NAMES, max_size=5).map("\t".join), max_size=6).map(
    "\n".join
)


@pytest.mark.parametrize("protocol", PAIR_PROTOCOLS)
@settings(CALM, max_examples=40)
@given(PAIR_LINES | NEAR)
def test_any_text_is_a_list_of_pairs_or_a_value_error(
    tmp_path: Path, protocol: Any, text: str
) -> None:
    (tmp_path / "ada").mkdir(exist_ok=True)
    for number in (1, 2):
        (tmp_path / "ada" / f"ada_000{number}.jpg").touch()
    (tmp_path / "mfr2_labels.txt").write_text("ada, 1, no-mask\n")
    (tmp_path / "pairs").write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        found = read_pairs(protocol, tmp_path, tmp_path / "pairs")
    except ValueError as error:
        assert str(error)
    else:
        assert len(found.first) == len(found.second) == len(found.same) == len(found.folds) > 0
