from __future__ import annotations

import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from maskedface.array_file import DamagedError, digest, read_arrays

ARRAYS = {
    "plain": np.arange(6, dtype="float32").reshape(2, 3),
    "none": np.empty((0, 0), "float32"),
    "one": np.array(7, "int64"),
    "text": np.array("épées"),
    "turned": np.asfortranarray(np.arange(6).reshape(2, 3)),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    np.savez(tmp_path / "a.npz", **ARRAYS)  # type: ignore[arg-type]
    return tmp_path / "a.npz"


@pytest.mark.parametrize("name", ARRAYS)
def test_what_savez_wrote_is_read(path: Path, name: str) -> None:
    read, wanted = read_arrays(path)[name], ARRAYS[name]
    np.testing.assert_array_equal(read, wanted, strict=True)
    assert digest(read) == digest(wanted)


def test_some_are_read_alone(path: Path) -> None:
    assert read_arrays(path, only=("one", "absent")).keys() == {"one"}


def test_a_digest_tells_type_and_shape() -> None:
    zeros = np.zeros(6, "int32")
    assert len({digest(a) for a in (zeros, zeros.astype("float32"), zeros.reshape(2, 3))}) == 3


def test_a_small_file_that_inflates_to_much_takes_no_memory(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "bomb.npz", rows=np.zeros(20_000_000, "uint8"))
    tracemalloc.start()
    with pytest.raises(
        DamagedError, match=r"member 'rows.npy' does not have the format of NumPy's savez"
    ):
        read_arrays(tmp_path / "bomb.npz")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def member(shape: str, data: bytes, descr: str = "<f4", version: bytes = b"\x01\x00") -> bytes:
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}}}\n".encode()
    return b"\x93NUMPY" + version + len(header).to_bytes(2, "little") + header + data


@pytest.mark.parametrize(
    "data",
    [
        member("(1000000000000,)", b"1234"),
        member("(1,)", b"12345"),
        member("(-1,)", b"1234"),
        member("(1,)", b"12345678", descr="|O"),
        member("(1,)", b"1234", version=b"\x09\x00"),
        member("(" * 300, b""),
        b"",
    ],
)
def test_an_array_that_is_none_is_refused(tmp_path: Path, data: bytes) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("rows.npy", data)
    with pytest.raises(DamagedError):
        read_arrays(tmp_path / "a.npz")


def test_a_second_member_of_a_name_is_refused(path: Path) -> None:
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("one.npy", member("()", b"1234"))
    with pytest.raises(DamagedError, match="members have the same name"):
        read_arrays(path)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_arrays(tmp_path / "none.npz")
