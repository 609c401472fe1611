"""What is compiled once: kept for the next process, and nothing set in this one."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from maskedface import compilation_cache
from maskedface.compilation_cache import keep_tensorflow_programs, programs_folder

JAX = pytest.mark.skipif(find_spec("jax") is None, reason="jax is not installed")
SCRIPT = """
import os, sys
import jax
from maskedface import compilation_cache
compilation_cache._WORTH_IT = 0
names = ("jax_compilation_cache_dir", "jax_compilation_cache_max_size")
before = [getattr(jax.config, name) for name in names]
events = []
jax.monitoring.register_event_listener(lambda name, **_: events.append(name.split("/")[-1]))
jax.jit(lambda x: x + 1)(1.0)  # compiled before, as by a caller
with compilation_cache.jax_programs_kept():
    jax.jit(lambda x: x * 2 + 3)(1.0)
assert [getattr(jax.config, name) for name in names] == before
jax.jit(lambda x: x * 5 + 7)(1.0)
print(events.count("cache_misses"), events.count("cache_hits"))
"""


def counts(folder: Path, **variables: str) -> list[int]:
    """What a new process wrote into the cache and found in it."""
    surroundings = {**os.environ, "MASKEDFACE_CACHE": str(folder), **variables}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=surroundings, capture_output=True, text=True, check=True
    )
    return [int(word) for word in done.stdout.split()]


# Two processes import JAX.
@pytest.mark.long
@JAX
def test_the_next_process_finds_what_was_compiled(tmp_path: Path) -> None:
    assert counts(tmp_path) == [1, 0]
    assert len(list(tmp_path.glob("compiled/jax/*-cache"))) == 1
    assert counts(tmp_path) == [0, 1]


# A process imports JAX.
@pytest.mark.long
@JAX
def test_the_switch_keeps_nothing(tmp_path: Path) -> None:
    assert counts(tmp_path, MASKEDFACE_COMPILATION_CACHE="0") == [0, 0]
    assert not list(tmp_path.iterdir())


# A process imports JAX.
@pytest.mark.long
@JAX
def test_the_callers_own_cache_is_used(tmp_path: Path) -> None:
    own = tmp_path / "own"
    counts(
        tmp_path / "ours",
        JAX_COMPILATION_CACHE_DIR=str(own),
        JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS="0",
    )
    assert list(own.glob("*-cache")) and not (tmp_path / "ours" / "compiled" / "jax").exists()


def test_only_its_owner_may_write_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASKEDFACE_CACHE", str(tmp_path / "cache"))
    folder = programs_folder()
    assert folder and Path(folder).stat().st_mode & 0o077 == 0


def test_without_a_folder_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("MASKEDFACE_CACHE", str(tmp_path / "file"))
    assert programs_folder() is None


def test_tensorflow_is_told_of_a_folder_of_its_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MASKEDFACE_CACHE", str(tmp_path))
    monkeypatch.setenv("TF_XLA_FLAGS", "--tf_xla_auto_jit=1")
    keep_tensorflow_programs()
    first, folder, devices = os.environ["TF_XLA_FLAGS"].split()
    assert first == "--tf_xla_auto_jit=1"
    assert folder.startswith(f"--tf_xla_persistent_cache_directory={tmp_path}/compiled/tensorflow-")
    assert devices == "--tf_xla_persistent_cache_device_types=XLA_GPU_JIT"


def test_of_tensorflows_programs_the_latest_used_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MASKEDFACE_CACHE", str(tmp_path))
    monkeypatch.setenv("TF_XLA_FLAGS", "")
    monkeypatch.setattr(compilation_cache, "_MOST", 250)
    for age, name in enumerate(("tensorflow-2/c", "tensorflow-1/b", "tensorflow-2/a", "jax/d")):
        path = tmp_path / "compiled" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(100))
        os.utime(path, (1e9 - age, 1e9 - age))
    keep_tensorflow_programs()
    left = {path.name for path in (tmp_path / "compiled").glob("*/*")}
    assert left == {"c", "b", "d"}


@pytest.mark.parametrize(
    ("switch", "flags"), [("0", ""), ("1", "--tf_xla_persistent_cache_directory=/own")]
)
def test_tensorflow_keeps_the_callers_flags(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, switch: str, flags: str
) -> None:
    monkeypatch.setenv("MASKEDFACE_CACHE", str(tmp_path))
    monkeypatch.setenv("MASKEDFACE_COMPILATION_CACHE", switch)
    monkeypatch.setenv("TF_XLA_FLAGS", flags)
    keep_tensorflow_programs()
    assert os.environ["TF_XLA_FLAGS"] == flags
