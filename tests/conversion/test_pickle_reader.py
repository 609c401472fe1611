"""The allow-list unpickler: what it reads, and all that it refuses."""

from __future__ import annotations

import os
import pickle
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maskedface.conversion.pickle_reader import read_pickle
from tests.conversion import layout_files

ARRAYS = {
    "a.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 4) / 7,
    "a.bias": np.array([0.5, -2.0], np.float64),
    "transposed": np.arange(6, dtype=np.float32).reshape(2, 3).T,
    "big": np.array([1.5, 2.5], ">f4"),
}


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def assert_same(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert list(found) == list(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize("protocol", range(6))
def test_python_3_pickles_of_every_protocol_are_read(protocol: int, tmp_path: Path) -> None:
    path = written(tmp_path / "a.pkl", pickle.dumps(ARRAYS, protocol))
    assert_same(read_pickle(path), ARRAYS)


def test_names_of_numpy_before_version_2_are_read(tmp_path: Path) -> None:
    data = pickle.dumps(ARRAYS, 2).replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    assert_same(read_pickle(written(tmp_path / "a.pkl", data)), ARRAYS)


def test_a_python_2_pickle_of_267_arrays_is_read(tmp_path: Path) -> None:
    arrays = layout_files.random_network(1)
    arrays["fc.weight"] = np.asfortranarray(arrays["fc.weight"])
    layout_files.write_python2_pickle(tmp_path / "a.pkl", arrays)
    found = read_pickle(tmp_path / "a.pkl")
    assert len(found) == 267
    assert_same(found, arrays)


def test_our_python_2_stream_is_one_that_pickle_itself_reads(tmp_path: Path) -> None:
    arrays = {name: ARRAYS[name] for name in ("a.weight", "transposed")}
    layout_files.write_python2_pickle(tmp_path / "a.pkl", arrays)
    data = (tmp_path / "a.pkl").read_bytes()
    if "numpy._core" in sys.modules:  # NumPy 2 warns where its old name is used
        data = data.replace(b"numpy.core.multiarray", b"numpy._core.multiarray")
    assert_same(pickle.loads(data, encoding="latin1"), arrays)


def test_an_ordered_dict_is_read(tmp_path: Path) -> None:
    path = written(tmp_path / "a.pkl", pickle.dumps(OrderedDict(ARRAYS), 2))
    assert_same(read_pickle(path), ARRAYS)


class Hostile:
    """Pickled as a call."""

    def __init__(self, *call: Any) -> None:
        self.call = call

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_that_would_run_code_is_refused_and_does_not_run(
    protocol: int, tmp_path: Path
) -> None:
    trace = tmp_path / "was_here"
    hostile = Hostile(os.mkdir, (str(trace),))
    path = written(tmp_path / "a.pkl", pickle.dumps({"w": hostile}, protocol))
    pickle.loads(path.read_bytes())
    assert trace.exists()  # it would
    trace.rmdir()
    with pytest.raises(ValueError, match=r"NumPy arrays. Received: .* refers to \w+.mkdir"):
        read_pickle(path)
    assert not trace.exists()


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"cos\nsystem\n(S'true'\ntR.", "posix.system|os.system"),
        (b"cnumpy.lib.npyio\nload\n(S'x'\ntR.", "numpy.lib.npyio.load"),
        (b"cnumpy.core.multiarray\n_reconstruct.__globals__\n.", "__globals__"),
        (b"\x80\x02cnumpy\ndtype\nU\x01OK\x00K\x01\x87R.", "not numeric"),
        (b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aU\x03zip\x86R.", "encoding 'zip'"),
        (b"\x80\x02cnumpy.core.multiarray\n_reconstruct\nNNN\x87R.", "array of type None"),
        (pickle.dumps(np.ma.masked_array([1.0]), 2), "numpy.ma"),
        (pickle.dumps({"a": [1, 2]}, 2), "maps 'a' to a list"),
        (pickle.dumps({1: ARRAYS["big"]}, 2), "maps 1 to a Array"),
        (pickle.dumps([ARRAYS["big"]], 2), "holds a list"),
        (pickle.dumps({}, 2), "holds a dict of length 0"),
        (pickle.dumps({"a": np.array([None])}, 2), "not numeric"),
    ],
)
def test_anything_but_named_arrays_is_refused(data: bytes, found: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=found):
        read_pickle(written(tmp_path / "a.pkl", data))


def test_a_cut_pickle_is_refused_wherever_it_is_cut(tmp_path: Path) -> None:
    layout_files.write_python2_pickle(tmp_path / "whole.pkl", {"a": ARRAYS["a.weight"]})
    data = (tmp_path / "whole.pkl").read_bytes()
    for length in range(len(data)):
        with pytest.raises(ValueError, match="weights must be"):
            read_pickle(written(tmp_path / "cut.pkl", data[:length]))


def test_an_array_with_too_few_bytes_is_refused(tmp_path: Path) -> None:
    data = pickle.dumps({"a": np.zeros((2, 3), np.float32)}, 2)
    assert data.count(b"K\x02K\x03\x86") == 1
    path = written(tmp_path / "a.pkl", data.replace(b"K\x02K\x03\x86", b"K\x02K\x04\x86"))
    with pytest.raises(ValueError, match="cannot reshape"):
        read_pickle(path)


@pytest.mark.parametrize("put", [b"r" + (680_825_748).to_bytes(4, "little"), b"p680825748\n"])
def test_a_memo_that_would_fill_the_memory_is_refused(put: bytes, tmp_path: Path) -> None:
    data = b"\x80\x05}" + put + b"."
    path = written(tmp_path / "a.pkl", data)
    with pytest.raises(ValueError, match="uses memo index 680825748 after 2 steps"):
        read_pickle(path)
