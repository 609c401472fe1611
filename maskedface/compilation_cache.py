"""Compiled programs kept in the user's cache folder, so that later processes need not compile
them again."""

from __future__ import annotations

import contextlib
import glob
import importlib.metadata
import os
from collections.abc import Iterable, Iterator
from typing import Any, cast

from maskedface.cache_folder import cache_folder

SWITCH = "MASKEDFACE_COMPILATION_CACHE"  # "0" = off
_MOST = 4 * 2**30  # bytes of each backend; the programs that were not used for longest go first
_WORTH_IT = 0.1  # seconds of compiling; reading a program takes some milliseconds


def programs_folder() -> str | None:
    """The folder of compiled programs, created; None if it cannot be, or if
    `$MASKEDFACE_COMPILATION_CACHE` is 0."""
    if os.environ.get(SWITCH) == "0":
        return None
    path = os.path.join(cache_folder(), "compiled")
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)  # a program in it is run
    except OSError:
        return None
    return path


@contextlib.contextmanager
def jax_programs_kept() -> Iterator[None]:
    """A context in which JAX keeps what it compiles, and finds what earlier processes compiled.

    All settings are restored afterwards. A cache that the caller has set
    (`JAX_COMPILATION_CACHE_DIR`) is used as it is.
    """
    import jax
    from jax.experimental.compilation_cache.compilation_cache import reset_cache

    folder, config = programs_folder(), cast(Any, jax.config)
    if folder is None or config.jax_compilation_cache_dir:
        yield
        return
    ours = {
        "jax_compilation_cache_dir": os.path.join(folder, "jax"),
        "jax_compilation_cache_max_size": _MOST,
        "jax_persistent_cache_min_compile_time_secs": _WORTH_IT,
    }
    theirs = {name: getattr(config, name) for name in ours}
    reset_cache()  # JAX looks at the settings once
    try:
        for name, value in ours.items():
            config.update(name, value)
        yield
    finally:
        for name, value in theirs.items():
            config.update(name, value)
        reset_cache()


def keep_tensorflow_programs() -> None:
    """Lets TensorFlow keep what XLA compiles for a GPU, in a process that has not imported it yet.

    TensorFlow reads these flags once, so only a command sets them. Its key holds neither its
    version nor whether operations are deterministic: each version has its own folder, and only
    training, which is always deterministic, may use it. On a CPU nothing is kept. Flags of the
    caller that name a folder are left as they are. TensorFlow itself removes nothing: at most 4 GiB
    stay from earlier processes, of all versions together.
    """
    folder, flags = programs_folder(), os.environ.get("TF_XLA_FLAGS", "")
    if folder is None or " " in folder or "persistent_cache" in flags:
        return
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        path = os.path.join(folder, f"tensorflow-{importlib.metadata.version('tensorflow')}")
        _remove_oldest(glob.glob(os.path.join(folder, "tensorflow-*", "*")))
        ours = f"--tf_xla_persistent_cache_directory={path}"
        kind = "--tf_xla_persistent_cache_device_types=XLA_GPU_JIT"
        os.environ["TF_XLA_FLAGS"] = f"{flags} {ours} {kind}".strip()


def _remove_oldest(paths: Iterable[str]) -> None:
    """Removes files, those that were not used for longest first, until `_MOST` bytes are left."""
    found = []
    for path in paths:
        with contextlib.suppress(OSError):  # another process removes them too
            status = os.stat(path)
            found.append((max(status.st_atime, status.st_mtime), status.st_size, path))
    left = sum(size for _, size, _ in found)
    for _, size, path in sorted(found):
        if left <= _MOST:
            return
        with contextlib.suppress(OSError):
            os.unlink(path)
        left -= size
