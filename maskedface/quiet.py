"""Notes of TensorFlow's import ("Could not find cuda drivers", oneDNN's) and of LiteRT, kept off standard
error.

They are written by C++, the import's before TensorFlow's logging starts, so `TF_CPP_MIN_LOG_LEVEL` does not
stop them.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from types import ModuleType

# absl's lines of the level info, what it says of them, and what TensorFlow Lite's converter tells.
_NOTES = re.compile(
    rb"I\d{4} .*|WARNING: All log messages before absl::InitializeLog\(\).*"
    rb"|INFO: Created TensorFlow Lite .*|fully_quantize: .*"
)


def hush_tensorflow() -> None:
    """Keeps the notes back when TensorFlow is imported, if it ever is; warnings and errors are shown."""
    waits = any(isinstance(finder, _Finder) for finder in sys.meta_path)
    if "tensorflow" not in sys.modules and not waits:
        sys.meta_path.insert(0, _Finder())


def start_quietly(module: str, function: str) -> None:
    """Starts a process of our own without the notes: what a pool of processes calls first.

    Args:
        module: the dotted name of what may import TensorFlow; a function given itself would import it
            before anything is called.
        function: what to call there, without arguments.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    hush_tensorflow()
    getattr(importlib.import_module(module), function)()


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            run = spec.loader.exec_module

            def run_quietly(module: ModuleType) -> None:
                with without_notes():
                    run(module)

            spec.loader.exec_module = run_quietly  # type: ignore[method-assign]
        return spec


@contextlib.contextmanager
def without_notes() -> Iterator[None]:
    """Holds back what C++ writes to standard error, and then shows it without the notes."""
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
