from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from maskedface import quiet

START = "import sys\nfrom maskedface.quiet import hush_tensorflow\nhush_tensorflow()\n"


def run(code: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", START + code], cwd=folder, capture_output=True, text=True
    )


# It imports TensorFlow, in a process of its own.
@pytest.mark.long
def test_tensorflow_is_imported_without_a_note() -> None:
    done = run("import tensorflow as tf\nprint(int(tf.constant(1) + 1), tf.__spec__.loader)")
    assert done.returncode == 0 and done.stdout.startswith("2 <_frozen_importlib_external.")
    assert done.stderr == ""


@pytest.fixture
def stand_in(tmp_path: Path) -> Path:
    """A package called tensorflow that writes as TensorFlow's C++ does."""
    (tmp_path / "tensorflow.py").write_text(
        "import os, sys\n"
        "os.write(2, b'WARNING: All log messages before absl::InitializeLog() is called\\n')\n"
        "os.write(2, b'I0000 00:00:17.5 123 port.cc:153] oneDNN custom operations are on.\\n')\n"
        "os.write(2, b'E0000 00:00:17.5 123 cuda.cc:1] the driver is too old\\n')\n"
        "if 'fail' in sys.argv: raise ImportError('no such library')\n"
        "ready = True\n"
    )
    return tmp_path


def test_errors_are_shown_and_notes_are_not(stand_in: Path) -> None:
    done = run("import tensorflow\nprint(tensorflow.ready, file=sys.stderr)", stand_in)
    assert done.stderr.splitlines() == [
        "E0000 00:00:17.5 123 cuda.cc:1] the driver is too old",
        "True",
    ]


def test_an_import_that_fails_says_why(stand_in: Path) -> None:
    done = run("sys.argv.append('fail')\nimport tensorflow", stand_in)
    assert done.returncode == 1 and "the driver is too old" in done.stderr
    assert "ImportError: no such library" in done.stderr


def test_other_imports_are_left_alone() -> None:
    assert (
        run("import json, sys\nprint(json.dumps(1), 'tensorflow' in sys.modules)").stdout
        == "1 False\n"
    )


def test_what_is_only_tried_is_not_imported_with_it_and_is_there_afterwards(tmp_path: Path) -> None:
    (tmp_path / "keras.py").write_text(
        "try:\n    import sklearn\nexcept ImportError:\n    sklearn = None\nimport tensorflow\n"
    )
    (tmp_path / "tensorflow.py").write_text(
        "try:\n    import jax\nexcept ImportError:\n    jax = None\n"
    )
    (tmp_path / "sklearn.py").write_text("")
    (tmp_path / "jax.py").write_text("")
    done = run(
        "import keras, tensorflow\nprint(keras.sklearn, tensorflow.jax)\n"
        "import sklearn, jax\nprint(sklearn.__name__, jax.__name__)",
        tmp_path,
    )
    assert done.stdout.splitlines() == ["None None", "sklearn jax"], done.stderr


def test_jax_as_keras_own_backend_is_not_hidden(tmp_path: Path) -> None:
    (tmp_path / "keras.py").write_text("import jax\n")
    (tmp_path / "jax.py").write_text("")
    assert run("import keras\nprint(keras.jax.__name__)", tmp_path).stdout == "jax\n"


def test_a_second_thread_does_not_take_the_first_message_of_litert(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, told = threading.Event(), []

    class Interpreter:
        def allocate_tensors(self) -> None:
            first = not told
            told.append(self)
            entered.set()
            if first:  # as LiteRT, once a process
                time.sleep(0.2)
                os.write(2, b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n")

    without = quiet.without_notes

    @contextlib.contextmanager
    def late() -> Iterator[None]:
        entered.wait(0.5)  # the other thread would be there first
        with without():
            yield

    monkeypatch.setattr(quiet, "without_notes", late)
    quiet.hush_first_allocation(Interpreter)
    threads = [threading.Thread(target=lambda: Interpreter().allocate_tensors()) for _ in range(2)]
    for thread in threads:
        thread.start()
        time.sleep(0.1)  # the second finds what the first has left
    for thread in threads:
        thread.join()
    assert len(told) == 2 and capfd.readouterr().err == ""
