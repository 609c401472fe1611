"""Weights by name, by path and from our own files: what is accepted, and what is said of it."""

from __future__ import annotations

import dataclasses
import inspect
import logging
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from maskedface import geometry, models
from maskedface.conversion import dlib, file_checks
from maskedface.conversion.layouts import LAYOUTS, architectures
from maskedface.models import presets
from maskedface.models.converting import convert_weights
from tests.conversion import layout_files

BLOCKS = (1, 1, 1, 1)
Build = Callable[..., keras.Model]


@pytest.fixture(autouse=True)
def _with_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "maskedface")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty weights folder, and a Keras cache with nothing in it."""
    (tmp_path / "weights").mkdir()
    monkeypatch.setenv("MASKEDFACE_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return tmp_path / "weights"


def build(weights: str | Path | None) -> keras.Model:
    return models.ResNet50(weights, (None, None, 3), filters=2, blocks=BLOCKS)


def write_pickle(path: Path, seed: int = 0) -> Path:
    layout_files.write_python2_pickle(path, layout_files.random_network(2, BLOCKS, seed))
    return path


def make_known(monkeypatch: pytest.MonkeyPatch, path: Path, name: str) -> None:
    """Puts the file's own sha256 in the place of the real one."""
    preset = presets.PRESETS[name]
    file = dataclasses.replace(preset.files[0], sha256=file_checks.sha256(path))
    monkeypatch.setitem(presets.PRESETS, name, dataclasses.replace(preset, files=(file,)))


def assert_equal(one: keras.Model, other: keras.Model) -> None:
    for first, second in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)


def test_presets_are_described_in_full() -> None:
    for name, preset in models.PRESETS.items():
        assert preset.name == name and callable(getattr(models, preset.architecture))
        assert preset.license and preset.license_note and preset.origin and preset.files
        assert preset.unverified or name == "dlib"
        assert preset.alignment in geometry.ALIGNMENTS
        for file in preset.files:
            assert file.sha256 is None or len(file.sha256) == 64


def test_every_file_has_a_name_of_its_own() -> None:
    names = [file.name for preset in models.PRESETS.values() for file in preset.files]
    assert len(names) == len(set(names))


def test_presets_name_the_channels_and_the_input_of_their_files_layout() -> None:
    own: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for one in LAYOUTS:
        ending = one.name.partition("(")[2].rstrip(")")
        own.setdefault((one.architecture, ending), set()).add((one.channels, one.scaling))
    for preset in models.PRESETS.values():
        assert preset.channels == "RGB"
        ending = Path(preset.files[0].name).suffix
        if ending not in (".dat", ".onnx"):
            layouts = own[preset.architecture, ending]
            assert (preset.file_channels, preset.file_scaling) in layouts


@pytest.mark.parametrize("name", [name for name in models.PRESETS if name != "dlib"])
def test_a_presets_words_are_its_architectures(name: str) -> None:
    preset = models.PRESETS[name]
    known = inspect.signature(getattr(models, preset.architecture)).parameters
    assert set(preset.arguments) <= set(known)
    assert preset.architecture in architectures()


def test_a_source_file_is_converted_on_the_fly_and_called_unknown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    build(write_pickle(tmp_path / "resnet50_ft_weight.pkl"))
    said = caplog.text
    assert "VGGFace2-pytorch (.pkl), channels BGR, variant unknown, known: false" in said


def test_nothing_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build(write_pickle(tmp_path / "any.pkl"))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("preset", ["vggface2_ft", "vggface2_scratch"])
def test_a_missing_preset_says_what_to_get_and_where_to_put_it(preset: str, folder: Path) -> None:
    with pytest.raises(ValueError) as error:
        build(preset)
    name = f"resnet50_{preset.removeprefix('vggface2_')}_weight.pkl"
    for needed in (name, "165000856 bytes", "sha256", str(folder), "VGGFace2-pytorch"):
        assert needed in str(error.value)
    assert f"maskedface weights convert {name} --out {folder}/{preset}" in str(error.value)


def test_a_preset_refuses_a_wrong_sha256(folder: Path) -> None:
    write_pickle(folder / "resnet50_ft_weight.pkl")
    with pytest.raises(ValueError, match=r"sha256 9a954e40.* Received: .*resnet50_ft_weight.pkl"):
        build("vggface2_ft")


def test_a_preset_takes_the_file_with_its_sha256(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_pickle(folder / "resnet50_ft_weight.pkl")
    make_known(monkeypatch, path, "vggface2_ft")
    loaded = build("vggface2_ft")
    assert "variant ft, known: true" in caplog.text
    assert_equal(loaded, build(path))


def test_the_environments_folder_comes_before_kerass_cache(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = folder.parent / "keras" / "maskedface"
    cache.mkdir(parents=True)
    write_pickle(cache / "resnet50_ft_weight.pkl", seed=1)
    path = write_pickle(folder / "resnet50_ft_weight.pkl", seed=2)
    make_known(monkeypatch, path, "vggface2_ft")
    assert_equal(build("vggface2_ft"), build(path))


def test_kerass_cache_is_searched_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = folder.parent / "keras" / "maskedface"
    cache.mkdir(parents=True)
    path = write_pickle(cache / "resnet50_ft_weight.pkl")
    make_known(monkeypatch, path, "vggface2_ft")
    assert_equal(build("vggface2_ft"), build(path))


# It traces or trains a whole network.
@pytest.mark.long
def test_a_preset_takes_our_file_only_if_converted_from_the_known_one(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_pickle(tmp_path / "any_name.pkl")
    convert_weights(str(path), str(folder / "vggface2_ft.weights.h5"))
    with pytest.raises(ValueError, match="or be converted from, the file with sha256 9a95"):
        build("vggface2_ft")
    make_known(monkeypatch, path, "vggface2_ft")
    assert_equal(build("vggface2_ft"), build(path))


def test_rcmallis_file_is_fetched_where_it_is_missing(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    name = "rcmalli_vggface_tf_notop_resnet50.h5"
    held = layout_files.as_keras(layout_files.random_network(2, BLOCKS), top=False)
    layout_files.write_h5(tmp_path / name, held)
    preset = presets.PRESETS["vggface2_rcmalli"]
    assert str(preset.files[0].url).endswith(f"v2.0/{name}")
    file = dataclasses.replace(preset.files[0], url=(tmp_path / name).as_uri())
    near = dataclasses.replace(preset, files=(file, *preset.files[1:]))
    monkeypatch.setitem(presets.PRESETS, preset.name, near)
    loaded = build("vggface2_rcmalli")
    assert "channels BGR, variant unknown, known: false" in caplog.text
    assert (tmp_path / "keras" / "maskedface" / name).is_file()
    assert_equal(loaded, build(tmp_path / name))


def test_a_download_that_fails_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **options: object) -> str:
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.utils, "get_file", fail)
    with pytest.raises(OSError, match=r"releases/download/v2.0/.* must be reachable. Received"):
        build("vggface2_rcmalli")


def test_a_missing_path_lists_the_presets() -> None:
    with pytest.raises(ValueError, match=r"one of \['dlib', 'vggface2_ft'.*Received: weights='x'"):
        build("x")
    with pytest.raises(ValueError, match="did you mean vggface2_ft"):
        build("vggface2-ft")


def test_our_own_file_without_a_sidecar_is_called_unverified(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    saved = build(None)
    saved.save_weights(tmp_path / "a.weights.h5")
    assert_equal(saved, build(tmp_path / "a.weights.h5"))
    assert "unverified" in caplog.text


def test_dlibs_file_is_refused_if_it_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dlib.dat").write_bytes(b"con_4")
    monkeypatch.setattr(dlib, "locate", lambda: str(tmp_path / "dlib.dat"))
    with pytest.raises(ValueError, match="file with sha256 55533b28"):
        models.DlibResNet29("dlib")


def test_presets_weights_do_not_go_into_another_network(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"must go into a models.DlibResNet29. Received: resnet50"):
        build("dlib")
