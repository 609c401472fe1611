"""Progress bars: where somebody can see them, and nowhere else."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from maskedface import progress
from maskedface.progress import Bar, track


def test_a_file_or_pipe_gets_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    assert [*track([1, 2], "reading", shown=True)] == [1, 2]
    assert capfd.readouterr() == ("", "")


def test_a_terminal_gets_a_bar_unless_nobody_wants_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert [*track(iter("abc"), "reading", 3, shown=False)] == ["a", "b", "c"]
    assert capsys.readouterr().err == ""
    assert [*track(iter("abc"), "reading", 3, shown=True)] == ["a", "b", "c"]
    out, err = capsys.readouterr()
    assert out == "" and "reading" in err and "100%" in err


def test_a_notebook_gets_html_that_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures: list[str] = []

    def display(picture: str, display_id: bool) -> Any:
        pictures.append(picture)
        return SimpleNamespace(update=pictures.append)

    shell = type("ZMQInteractiveShell", (), {})()
    notebook = SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", notebook)
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(HTML=str, display=display))
    monkeypatch.setattr(progress, "_PAUSE", -1.0)
    assert progress.in_notebook() and progress.is_interactive()
    with pytest.raises(ZeroDivisionError), Bar("<reading>", 3, shown=True) as bar:
        bar.advance(2)
        raise ZeroDivisionError
    assert [one.split("> ")[-1] for one in pictures] == ["0 / 3", "2 / 3", "2 / 3"]
    assert pictures[0].startswith("&lt;reading&gt; <progress value='0' max='3'>")
    before = len(pictures)
    with Bar("x", 3, shown=False) as bar:
        bar.advance()
    assert len(pictures) == before
