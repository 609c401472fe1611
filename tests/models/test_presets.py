"""Weights by name, by path and from our own files: what is accepted, and what is said of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from maskedface import models
from maskedface.cli import weights as command
from maskedface.conversion import file_kind
from maskedface.models import presets
from tests.conversion import layout_files

BLOCKS = (1, 1, 1, 1)
Build = Callable[..., keras.Model]


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


def make_known(monkeypatch: pytest.MonkeyPatch, path: Path, preset: str) -> None:
    """Puts the file's own sha256 in the place of the real one."""
    monkeypatch.setattr(
        presets,
        "KNOWN_FILES",
        tuple(
            dataclasses.replace(known, sha256=file_kind.sha256(path))
            if known.preset == preset
            else known
            for known in presets.KNOWN_FILES
        ),
    )


def assert_equal(one: keras.Model, other: keras.Model) -> None:
    for first, second in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)


def test_known_files_are_described_in_full() -> None:
    for known in presets.KNOWN_FILES:
        assert known.license and known.origin
        assert known.unverified or known.preset == "dlib"
        assert known.sha256 is None or len(known.sha256) == 64


def test_a_source_file_is_converted_on_the_fly_and_called_unknown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build(write_pickle(tmp_path / "resnet50_ft_weight.pkl"))
    said = capsys.readouterr().out
    assert "VGGFace2-pytorch (.pkl), channels BGR, variant unknown, known: false" in said


@pytest.mark.parametrize("preset", ["vggface2-ft", "vggface2-scratch"])
def test_a_missing_preset_says_what_to_get_and_where_to_put_it(preset: str, folder: Path) -> None:
    with pytest.raises(ValueError) as error:
        build(preset)
    name = f"resnet50_{preset.removeprefix('vggface2-')}_weight.pkl"
    for needed in (name, "165000856 bytes", "sha256", str(folder), "VGGFace2-pytorch"):
        assert needed in str(error.value)
    assert f"maskedface weights convert {name} --out {folder}/{preset}" in str(error.value)


def test_a_preset_refuses_a_wrong_sha256(folder: Path) -> None:
    write_pickle(folder / "resnet50_ft_weight.pkl")
    with pytest.raises(ValueError, match=r"sha256 9a954e40.* Received: .*resnet50_ft_weight.pkl"):
        build("vggface2-ft")


def test_a_preset_takes_the_file_with_its_sha256(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_pickle(folder / "resnet50_ft_weight.pkl")
    make_known(monkeypatch, path, "vggface2-ft")
    loaded = build("vggface2-ft")
    assert "variant ft, known: true" in capsys.readouterr().out
    assert_equal(loaded, build(path))


def test_the_environments_folder_comes_before_kerass_cache(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = folder.parent / "keras" / "maskedface"
    cache.mkdir(parents=True)
    write_pickle(cache / "resnet50_ft_weight.pkl", seed=1)
    path = write_pickle(folder / "resnet50_ft_weight.pkl", seed=2)
    make_known(monkeypatch, path, "vggface2-ft")
    assert_equal(build("vggface2-ft"), build(path))


def test_kerass_cache_is_searched_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = folder.parent / "keras" / "maskedface"
    cache.mkdir(parents=True)
    path = write_pickle(cache / "resnet50_ft_weight.pkl")
    make_known(monkeypatch, path, "vggface2-ft")
    assert_equal(build("vggface2-ft"), build(path))


def test_a_preset_takes_our_file_only_if_converted_from_the_known_one(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_pickle(tmp_path / "any_name.pkl")
    command.convert(build(None), str(path), str(folder / "vggface2-ft.weights.h5"))
    with pytest.raises(ValueError, match="or be converted from, the file with sha256 9a95"):
        build("vggface2-ft")
    make_known(monkeypatch, path, "vggface2-ft")
    assert_equal(build("vggface2-ft"), build(path))


def test_rcmallis_file_is_fetched_where_it_is_missing(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = "rcmalli_vggface_tf_notop_resnet50.h5"
    held = layout_files.as_keras(layout_files.random_network(2, BLOCKS), top=False)
    layout_files.write_h5(tmp_path / name, held)
    assert any(known.url and known.url.endswith(f"v2.0/{name}") for known in presets.KNOWN_FILES)
    monkeypatch.setattr(
        presets,
        "KNOWN_FILES",
        tuple(
            dataclasses.replace(known, url=(tmp_path / name).as_uri() if known.url else None)
            for known in presets.KNOWN_FILES
        ),
    )
    loaded = build("vggface2-rcmalli")
    assert "channels BGR, variant unknown, known: false" in capsys.readouterr().out
    assert (tmp_path / "keras" / "maskedface" / name).is_file()
    assert_equal(loaded, build(tmp_path / name))


def test_a_download_that_fails_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **options: object) -> str:
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.utils, "get_file", fail)
    with pytest.raises(OSError, match=r"releases/download/v2.0/.* must be reachable. Received"):
        build("vggface2-rcmalli")


def test_a_missing_path_lists_the_presets() -> None:
    with pytest.raises(ValueError, match=r"one of \['dlib', 'vggface2-ft'.*Received: weights='x'"):
        build("x")


def test_our_own_file_without_a_sidecar_is_called_unverified(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = build(None)
    saved.save_weights(tmp_path / "a.weights.h5")
    capsys.readouterr()
    assert_equal(saved, build(tmp_path / "a.weights.h5"))
    assert "unverified" in capsys.readouterr().out


def test_dlibs_file_is_refused_if_it_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dlib.dat").write_bytes(b"con_4")
    monkeypatch.setattr(presets.dlib, "locate", lambda: str(tmp_path / "dlib.dat"))
    with pytest.raises(ValueError, match="file with sha256 55533b28"):
        models.DlibResNet29("dlib")


def test_every_known_file_names_the_alignment_it_was_trained_on() -> None:
    assert {known.alignment for known in presets.KNOWN_FILES} == {"vggface2", "dlib"}
