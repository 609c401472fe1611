"""Imports TensorFlow, Keras and LiteRT without their startup messages and optional imports.

Startup messages ("Could not find cuda drivers", oneDNN's) are written before TensorFlow's logging
is initialized, so `TF_CPP_MIN_LOG_LEVEL` does not suppress them.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

# absl's lines of the level info, what it says of them, and what TensorFlow Lite and its converter tell.
_NOTES = re.compile(
    rb"I\d{4} .*|WARNING: All log messages before absl::InitializeLog\(\).*"
    rb"|INFO: Created TensorFlow Lite .*|fully_quantize: .*"
)
# What TensorFlow and Keras import where it is there, for parts of them that no command uses: nearly half of
# the time that their import takes. JAX may be Keras' backend, so it is hidden from TensorFlow alone.
_TRIED = {
    "keras": {"IPython", "matplotlib", "pandas", "scipy", "sklearn"},
    "tensorflow": {"IPython", "jax", "matplotlib", "pandas", "scipy", "sklearn"},
}
_LITERT = "ai_edge_litert.interpreter"


def hush_tensorflow() -> None:
    """Installs a hook that suppresses startup messages and optional imports when TensorFlow, Keras
    or LiteRT is imported; warnings and errors are still shown."""
    waits = any(isinstance(finder, _Finder) for finder in sys.meta_path)
    if not waits and not {"tensorflow", "keras", _LITERT} <= {*sys.modules}:
        sys.meta_path.insert(0, _Finder())


def start_quietly(module: str, function: str) -> None:
    """The initializer of a worker process, which suppresses startup messages.

    Args:
        module: the dotted name of a module that may import TensorFlow; passing the function itself
            would import it too early.
        function: the name of the module's function to call, without arguments.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    hush_tensorflow()
    getattr(importlib.import_module(module), function)()


class _Finder(importlib.abc.MetaPathFinder):
    """The first import finder, until one of the three packages has been imported."""

    def __init__(self) -> None:
        self._left = {*_TRIED, _LITERT} - {*sys.modules}
        self._importing: list[str] = []

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        hidden = any(fullname in _TRIED[name] for name in self._importing)
        if hidden:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        if fullname not in self._left:
            return None
        self._left.remove(fullname)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            run = spec.loader.exec_module
            quietly = self._run_litert if fullname == _LITERT else self._run
            spec.loader.exec_module = functools.partial(quietly, run)  # type: ignore[method-assign]
        return spec

    def _run(self, run: Any, module: ModuleType) -> None:
        self._importing.append(module.__name__)
        notes = without_notes() if module.__name__ == "tensorflow" else contextlib.nullcontext()
        try:
            with notes:
                run(module)
        finally:
            self._importing.remove(module.__name__)

    def _run_litert(self, run: Any, module: ModuleType) -> None:
        run(module)
        hush_first_allocation(module.Interpreter)


def hush_first_allocation(interpreter_class: Any) -> None:
    """Suppresses what LiteRT writes when a process' first interpreter allocates its tensors; other threads
    wait for that one, or its message would be theirs.

    Args:
        interpreter_class: LiteRT's `Interpreter`.
    """
    allocate, lock = interpreter_class.allocate_tensors, threading.Lock()

    def first(interpreter: object) -> None:
        with lock:
            if interpreter_class.allocate_tensors is first:
                with without_notes():
                    allocate(interpreter)
                interpreter_class.allocate_tensors = allocate
                return
        allocate(interpreter)

    interpreter_class.allocate_tensors = first


@contextlib.contextmanager
def without_notes() -> Iterator[None]:
    """Captures what C++ code writes to standard error, and shows it without startup messages."""
    try:
        kept = os.dup(2)
    except OSError:  # there is no standard error
        yield
        return
    with tempfile.TemporaryFile() as held:
        if sys.stderr is not None:
            sys.stderr.flush()
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            if sys.stderr is not None:
                sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            held.seek(0)
            shown = [line for line in held if not _NOTES.match(line)]
            if shown:
                os.write(2, b"".join(shown))
