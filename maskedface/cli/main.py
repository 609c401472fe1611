"""Dispatches to a subcommand, which alone is imported; a user error is one line and exit code 2."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any, TextIO, cast

import maskedface
from maskedface.names import did_you_mean, shown

# Errors that a user may have caused; anything else is a bug and keeps its traceback.
_USER_ERRORS = (ValueError, OSError, ModuleNotFoundError)

# The help lines are kept here, so that `maskedface --help` imports no command.
COMMANDS = {
    "demo": "draw synthetic people, train and evaluate on them, in a few minutes",
    "audit": "check every image of a data set and report problems",
    "align": "detect the five landmarks of every face for training; write face crops",
    "train": "train a recognizer from a recipe and evaluate it",
    "tune": "tune the fields of a recipe with Keras Tuner",
    "evaluate": "print the results of runs, or evaluate models on other images",
    "adapt": "adapt a network to photographs of your own kind, without training",
    "report": "write an HTML report about runs, with tables, figures and faces",
    "enroll": "add people to a gallery from photographs, or remove people",
    "gallery": "list a gallery's people, copy it to a database, show its history",
    "serve": "serve recognition over HTTP, with a web page",
    "cluster": "group the faces in unsorted photographs into people",
    "identify": "identify the people in photographs",
    "verify": "decide whether two photographs show the same person",
    "explain": "show what a model looks at, and how much of that a mask would cover",
    "export": "export a model to SavedModel, ONNX or LiteRT, checked against Keras",
    "masks": "draw a contact sheet of every mask style",
    "weights": "convert, inspect and list weight files",
}
_TRAIN = ("demo", "train", "tune")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: the arguments after `maskedface`; default: those of the process.

    Returns:
        The exit code: 0 success; 1 success with problems, which the command's help names (`align`:
        a face was not found); 2 a user error, printed to stderr in one line.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] not in COMMANDS:
        return _top(words)
    from maskedface.cli.log import shown_log  # not needed to list the commands
    from maskedface.cli.parsing import Parser
    from maskedface.compilation_cache import keep_tensorflow_programs
    from maskedface.quiet import hush_tensorflow

    # Set before TensorFlow is imported: silences its start-up messages.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    hush_tensorflow()
    if words[0] in _TRAIN:
        keep_tensorflow_programs()
    command = importlib.import_module(f"maskedface.cli.{words[0]}")
    parser = Parser(f"maskedface {words[0]}", command.__doc__)
    command.add_arguments(parser)
    parsed = parser.parse_args(words[1:])
    # An output file "-" is standard output: messages go to standard error instead.
    said = sys.stderr if "-" in vars(parsed).values() else sys.stdout
    try:
        with contextlib.redirect_stdout(cast(TextIO, _Unbroken(said))) as out, shown_log():
            code: int = command.run(parsed)
            out.flush()
    except _USER_ERRORS as error:
        print(f"maskedface {words[0]}: error: {shown(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return code


class _Unbroken:
    """A stream whose reader may close the pipe (`| head`): later output is dropped, and the command
    still finishes and writes its files."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Writes text, as any text stream does."""
        with self._dropping():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flushes the stream, as any stream does."""
        with self._dropping():
            self._stream.flush()

    @contextlib.contextmanager
    def _dropping(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            # Buffered output would raise again when Python exits.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _top(words: list[str]) -> int:
    parser = argparse.ArgumentParser(
        "maskedface",
        description="Masked face recognition.",
        epilog="\n".join(f"  {name:<10}{line}" for name, line in COMMANDS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=maskedface.__version__)
    parser.add_argument("command", metavar="COMMAND", help="one of the commands below")
    if not words:
        parser.print_help()
        return 0
    word = parser.parse_args(words).command
    hint = did_you_mean(word, COMMANDS)
    parser.error(f"COMMAND must be one of {[*COMMANDS]}. Received: {shown(word)!r}{hint}")
