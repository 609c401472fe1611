"""What the library logs while a command runs, and that nothing of it stays."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from maskedface.cli import main
from maskedface.cli.log import shown_log

LOGGER = logging.getLogger("maskedface")


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A command that logs at every level; afterwards the loggers must be as before."""

    def add_arguments(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--out")
        parser.add_argument("--fail", action="store_true")

    def run(args: argparse.Namespace) -> int:
        LOGGER.debug("details")
        LOGGER.info("weights: a.dat, %s", "known")
        print("printed")
        LOGGER.warning("2 images could not be read")
        logging.getLogger("another").info("not ours")
        if args.fail:
            raise ValueError("broken")
        return 0

    found = SimpleNamespace(__doc__="", add_arguments=add_arguments, run=run)
    monkeypatch.setattr(main.importlib, "import_module", lambda name: found)
    root = logging.getLogger()
    before = [(one.level, list(one.handlers)) for one in (LOGGER, root)]
    yield
    assert [(one.level, list(one.handlers)) for one in (LOGGER, root)] == before


@pytest.mark.usefixtures("command")
def test_messages_go_to_standard_output_and_warnings_to_standard_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main.main(["weights"]) == 0
    said = capsys.readouterr()
    assert said.out == "weights: a.dat, known\nprinted\n"
    assert said.err == "2 images could not be read\n"


@pytest.mark.usefixtures("command")
def test_messages_make_way_for_an_output_on_standard_output(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main.main(["weights", "--out", "-"]) == 0
    said = capsys.readouterr()
    assert said.out == "" and "weights: a.dat, known\nprinted\n" in said.err


@pytest.mark.usefixtures("command")
def test_an_error_leaves_no_handler(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["weights", "--fail"]) == 2
    assert capsys.readouterr().err.endswith("error: broken\n")


def test_no_handler_comes_with_the_library(capsys: pytest.CaptureFixture[str]) -> None:
    assert not LOGGER.handlers and LOGGER.level == logging.NOTSET


def test_what_tensorflow_says_of_its_tracing_is_not_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = logging.getLogger("tensorflow")
    handler = logging.StreamHandler(sys.stderr)
    told.addHandler(handler)
    try:
        with shown_log():
            told.warning(
                "5 out of the last 9 calls to %s triggered tf.function retracing. ...", "f"
            )
            told.warning("something else")
    finally:
        told.removeHandler(handler)
    assert capsys.readouterr().err == "something else\n"
    assert not told.filters
