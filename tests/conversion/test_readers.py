"""The readers of .pth, .h5 and .dat files, and what all of them refuse."""

from __future__ import annotations

import argparse
import builtins
import contextlib
import os
from collections import OrderedDict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import h5py
import ml_dtypes
import numpy as np
import pytest

from maskedface import conversion
from maskedface.conversion.dlib_reader import read_dlib
from maskedface.conversion.readers import CONTAINERS, read_h5, read_safetensors, read_torch
from tests.conversion import layout_files

needs_safetensors = pytest.mark.skipif(
    find_spec("safetensors") is None, reason="safetensors is not installed"
)
needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
HTML = b"\n<!DOCTYPE html><html><title>Google Drive - Virus scan warning</title></html>"
ENDINGS = ("pkl", "pth", "ckpt", "safetensors", "h5", "dat")
HELD = {
    "conv1/7x7_s2/kernel": np.ones((1, 1, 3, 2), np.float32),
    "conv1/7x7_s2/bn/gamma": np.array([1.0, 2.0], np.float32),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_web_page_is_refused(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"weights.{ending}"
    path.write_bytes(HTML)
    with pytest.raises(ValueError, match=r"weights must be .* Received: .* is an HTML page"):
        conversion.read(path)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_git_lfs_pointer_is_refused(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"weights.{ending}"
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")
    with pytest.raises(ValueError, match="Git LFS pointer"):
        conversion.read(path)


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_empty_file_is_refused(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"weights.{ending}"
    path.touch()
    with pytest.raises(ValueError, match="is empty"):
        conversion.read(path)


@pytest.mark.parametrize("ending", ENDINGS)
def test_noise_is_refused(ending: str, tmp_path: Path) -> None:
    pytest.importorskip({"pth": "torch", "ckpt": "torch"}.get(ending, "h5py"))
    path = tmp_path / f"weights.{ending}"
    path.write_bytes(np.random.default_rng(0).bytes(5000))
    with pytest.raises(ValueError, match=r"must .*Received"):
        conversion.read(path)


def test_an_unknown_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"end in one of .* Received: .*weights.npz"):
        conversion.read(tmp_path / "weights.npz")


def test_an_h5_file_is_read_by_name_whatever_else_had_been_built(tmp_path: Path) -> None:
    layout_files.write_h5(tmp_path / "a.h5", HELD)
    found = read_h5(tmp_path / "a.h5")
    assert set(found) == set(HELD)
    for name, array in HELD.items():
        np.testing.assert_array_equal(found[name], array)


def test_a_whole_model_in_h5_is_read(tmp_path: Path) -> None:
    layout_files.write_h5(tmp_path / "a.h5", HELD, whole_model=True)
    assert set(read_h5(tmp_path / "a.h5")) == set(HELD)


def test_a_cut_h5_file_is_refused(tmp_path: Path) -> None:
    layout_files.write_h5(tmp_path / "a.h5", HELD)
    data = (tmp_path / "a.h5").read_bytes()
    (tmp_path / "cut.h5").write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match=r"\.h5 file of weights .* Received: .*truncated"):
        read_h5(tmp_path / "cut.h5")


def test_an_h5_file_of_something_else_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["images"] = np.zeros(3)
    with pytest.raises(ValueError, match=r"no 'layer_names' .*images"):
        read_h5(tmp_path / "a.h5")


@needs_torch
@pytest.mark.parametrize("zipped", [True, False])
def test_torch_files_of_both_formats_are_read(zipped: bool, tmp_path: Path) -> None:
    import torch

    state = {"w": torch.arange(6.0).reshape(2, 3).T, "n": torch.tensor(3)}
    torch.save(state, tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
    found = read_torch(tmp_path / "a.pth")
    np.testing.assert_array_equal(found["w"], np.arange(6.0).reshape(2, 3).T)
    assert found["n"].shape == () and list(found) == ["w", "n"]


@needs_torch
@pytest.mark.parametrize("zipped", [True, False])
def test_a_cut_torch_file_is_refused(zipped: bool, tmp_path: Path) -> None:
    import torch

    whole, cut = tmp_path / "whole.pth", tmp_path / "cut.pth"
    torch.save({"w": torch.ones(5000)}, whole, _use_new_zipfile_serialization=zipped)
    cut.write_bytes(whole.read_bytes()[:9000])
    with pytest.raises(ValueError, match="weights must be a torch file"):
        read_torch(cut)


class Hostile:
    """Pickled as a call that makes a folder."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.trace),)


@needs_torch
def test_a_hostile_torch_file_is_refused_and_does_not_run(tmp_path: Path) -> None:
    import torch

    trace = tmp_path / "was_here"
    torch.save({"w": Hostile(trace)}, tmp_path / "a.pth")
    with pytest.raises(ValueError, match="weights must be a torch file"):
        read_torch(tmp_path / "a.pth")
    assert not trace.exists()


@needs_torch
def test_a_torch_checkpoint_with_more_than_tensors_is_refused(tmp_path: Path) -> None:
    import torch

    torch.save({"epoch": 3, "w": torch.ones(1)}, tmp_path / "a.pth")
    with pytest.raises(ValueError, match="'epoch' -> int"):
        read_torch(tmp_path / "a.pth")


@needs_torch
@pytest.mark.parametrize("word", CONTAINERS)
def test_a_checkpoints_network_is_found_beside_its_optimizer(word: str, tmp_path: Path) -> None:
    import torch

    inside = OrderedDict(w=torch.arange(3.0))
    torch.save({"epoch": 3, "optimizer": {"lr": 0.1}, word: inside}, tmp_path / "a.ckpt")
    found = conversion.read(tmp_path / "a.ckpt")
    assert list(found) == ["w"] and found["w"].tolist() == [0, 1, 2]


@needs_torch
def test_a_containers_strangers_are_refused(tmp_path: Path) -> None:
    import torch

    torch.save({"state_dict": {"w": torch.ones(1), "note": "x"}}, tmp_path / "a.ckpt")
    with pytest.raises(ValueError, match="'note' -> str"):
        read_torch(tmp_path / "a.ckpt")


class Settings(dict[str, Any]):
    """What Lightning's `hyper_parameters` is: a dictionary of its own class."""


@needs_torch
def test_objects_beside_the_tensors_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    settings, options = Settings(arch="ir_50"), argparse.Namespace(lr=0.1)
    held = {"callbacks": {Settings: 1}, "hyper_parameters": settings, "options": options}
    torch.save({**held, "state_dict": {"w": torch.ones(2)}}, tmp_path / "a.ckpt")
    monkeypatch.setattr(Settings, "__setitem__", lambda *_: pytest.fail("its class was used"))
    assert list(read_torch(tmp_path / "a.ckpt")) == ["w"]


class Calls:
    """Pickled as a call of `eval` that makes a file."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return eval, (f"open({str(self.trace)!r}, 'w')",)


@needs_torch
@pytest.mark.parametrize("hostile", [Hostile, Calls])
def test_a_hostile_object_beside_the_tensors_does_not_run(hostile: Any, tmp_path: Path) -> None:
    import torch

    trace = tmp_path / "was_here"
    held = {"callbacks": hostile(trace), "state_dict": {"w": torch.ones(1)}}
    torch.save(held, tmp_path / "a.ckpt")
    with contextlib.suppress(ValueError):
        assert list(read_torch(tmp_path / "a.ckpt")) == ["w"]
    assert not trace.exists()


@needs_torch
def test_half_precision_keeps_its_type(tmp_path: Path) -> None:
    import torch

    values = torch.tensor([1.5, -0.1])
    torch.save({"a": values.half(), "b": values.bfloat16()}, tmp_path / "a.pth")
    found = read_torch(tmp_path / "a.pth")
    assert [found[name].dtype for name in "ab"] == [np.float16, ml_dtypes.bfloat16]
    np.testing.assert_array_equal(found["b"].astype("float32"), values.bfloat16().float().numpy())


@needs_safetensors
def test_a_safetensors_file_is_read(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    held = {"w": np.ones((2, 3), "float32"), "half": np.array([0.5], ml_dtypes.bfloat16)}
    save_file(held, tmp_path / "a.safetensors")
    found = conversion.read(tmp_path / "a.safetensors")
    assert set(found) == set(held) and found["half"].dtype == ml_dtypes.bfloat16
    np.testing.assert_array_equal(found["w"], held["w"])


@needs_safetensors
def test_a_cut_safetensors_file_is_refused(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"w": np.ones(5000, "float32")}, tmp_path / "whole.safetensors")
    data = (tmp_path / "whole.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(data[:-1])
    with pytest.raises(ValueError, match=r"a .safetensors file. Received: .*cut"):
        read_safetensors(tmp_path / "cut.safetensors")


@pytest.mark.parametrize(
    ("ending", "package", "line"),
    [("pth", "torch", "pip install torch"), ("safetensors", "safetensors", r"maskedface\[safet")],
)
def test_without_the_package_the_error_has_the_pip_line(
    ending: str, package: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def lacking(name: str, *rest: Any) -> Any:
        if name.split(".")[0] == package:
            raise ModuleNotFoundError(f"No module named {package!r}")
        return real(name, *rest)

    (tmp_path / f"a.{ending}").write_bytes(b"anything")
    monkeypatch.setattr(builtins, "__import__", lacking)
    with pytest.raises(ModuleNotFoundError, match=line):
        conversion.read(tmp_path / f"a.{ending}")


def dlib_integer(number: int) -> bytes:
    data = number.to_bytes((number.bit_length() + 7) // 8 or 1, "little")
    return bytes([len(data)]) + data


def dlib_file() -> bytes:
    """A stream as dlib writes it: a convolution and an affine layer, noise between them."""
    tensors = (b"con_4", (13, 1, 1, 1)), (b"affine_", (4, 1, 1, 1))
    data = b""
    for tag, shape in tensors:
        header = b"".join(dlib_integer(n) for n in (2, *shape))
        data += b"\x01\x08" + tag + header + np.arange(shape[0], dtype="<f4").tobytes()
    return data


def test_a_dlib_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.dat").write_bytes(dlib_file())
    found = read_dlib(tmp_path / "a.dat")
    assert list(found) == ["con_4/0", "affine_/0"]
    np.testing.assert_array_equal(found["con_4/0"].ravel(), np.arange(13))
    assert found["affine_/0"].shape == (4, 1, 1, 1)


@pytest.mark.parametrize("missing", [1, 15, 20])
def test_a_cut_dlib_file_is_refused(missing: int, tmp_path: Path) -> None:
    (tmp_path / "a.dat").write_bytes(dlib_file()[:-missing])
    with pytest.raises(ValueError, match=r"dlib .* must .*Received"):
        read_dlib(tmp_path / "a.dat")
