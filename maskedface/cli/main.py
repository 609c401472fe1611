"""Finds the sub-command, imports it alone, and turns user errors into one line and exit code 2."""

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

# What a user may have got wrong; anything else is a defect and keeps its traceback.
_USER_ERRORS = (ValueError, OSError, ModuleNotFoundError)

# The help lines stand here, so that `maskedface --help` imports no command.
COMMANDS = {
    "demo": "draw people, train and evaluate on them, in a few minutes",
    "audit": "look at every image of a data set and report what is wrong",
    "align": "find every face's five points once, for training by them; crops of faces",
    "train": "train a recognizer by a recipe and evaluate it",
    "tune": "search a recipe's fields for the best recipe, by Keras Tuner",
    "evaluate": "print the results of runs, or evaluate one on other images",
    "report": "write one HTML page about runs, with tables, figures and faces",
    "enroll": "add people's photographs to a gallery, or remove people",
    "gallery": "list a gallery's people, copy it into a database, show who changed it",
    "serve": "answer over HTTP, with a page to use from a browser",
    "cluster": "group the faces of unsorted photographs into people",
    "identify": "say who the people in photographs are",
    "verify": "say whether two photographs show one person",
    "explain": "show what a model looks at, and how much of it a mask would cover",
    "export": "write a model as SavedModel, ONNX or LiteRT, checked against Keras",
    "masks": "draw a contact sheet of every mask style",
    "weights": "convert, inspect and list weight files",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: the words after `maskedface`; by default the process' own.

    Returns:
        The exit code: 0 done, 1 done with something wanting, as the command says (`align`: a face not
        found), 2 a user error, which is printed to stderr in one line.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] not in COMMANDS:
        return _top(words)
    from maskedface.cli.log import shown_log  # what the list of commands needs not
    from maskedface.cli.parsing import Parser
    from maskedface.quiet import hush_tensorflow

    # Before TensorFlow is imported: its start-up notes are not the user's concern.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    hush_tensorflow()
    command = importlib.import_module(f"maskedface.cli.{words[0]}")
    parser = Parser(f"maskedface {words[0]}", command.__doc__)
    command.add_arguments(parser)
    parsed = parser.parse_args(words[1:])
    # An output file "-" is standard output: what is said to people makes way.
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
    """A stream whose reader may go (`| head`): what is printed then is dropped, and the command ends as it
    would have, its files written."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """As of any text stream."""
        with self._dropping():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """As of any stream."""
        with self._dropping():
            self._stream.flush()

    @contextlib.contextmanager
    def _dropping(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            # What the stream still holds would fail again when Python ends.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _top(words: list[str]) -> int:
    parser = argparse.ArgumentParser(
        "maskedface",
        description="Recognize people who wear masks.",
        epilog="\n".join(f"  {name:<10}{line}" for name, line in COMMANDS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=maskedface.__version__)
    parser.add_argument("command", metavar="COMMAND", help="one of those below")
    if not words:
        parser.print_help()
        return 0
    word = parser.parse_args(words).command
    hint = did_you_mean(word, COMMANDS)
    parser.error(f"COMMAND must be one of {[*COMMANDS]}. Received: {shown(word)!r}{hint}")
