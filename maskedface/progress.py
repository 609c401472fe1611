"""Progress bars for terminals and notebooks; output to files and pipes has none."""

from __future__ import annotations

import html
import importlib
import sys
import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Protocol, TypeVar

from rich.console import Console
from rich.progress import Progress

_Item = TypeVar("_Item")

_PAUSE = 0.2  # seconds between two pictures of a notebook's bar


def in_notebook() -> bool:
    """Whether the code runs in a notebook (Jupyter, VS Code, Colab)."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return type(shell).__name__ in ("ZMQInteractiveShell", "Shell")  # the second is Colab's


def is_interactive() -> bool:
    """Whether the output can show a progress bar: a terminal or a notebook."""
    return in_notebook() or bool(sys.stderr is not None and sys.stderr.isatty())


def write_line(text: str) -> None:
    """Writes a progress line to standard output, where a progress bar cannot be shown."""
    if sys.stdout is not None:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


class Bar:
    """A progress bar on stderr, or in a notebook's cell output, where it needs no widget.

    Args:
        label: str, the text next to it.
        total: int >= 0, the total number of steps.
        shown: whether to show it; it is never shown if the output is not interactive.

    >>> from maskedface.progress import Bar
    >>> with Bar("reading", 3, shown=True) as bar:  # no terminal: nothing is drawn
    ...     bar.advance(3)
    """

    def __init__(self, label: str, total: int, *, shown: bool) -> None:
        self._drawn: _Drawn | None = None
        if shown and in_notebook():
            self._drawn = _NotebookBar(label, total)
        elif shown and is_interactive():
            self._drawn = _TerminalBar(label, total)

    def __enter__(self) -> Bar:
        return self

    def advance(self, count: int = 1) -> None:
        """Advances the bar by a number of steps."""
        if self._drawn is not None:
            self._drawn.advance(count)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._drawn is not None:
            self._drawn.close()


def track(
    items: Iterable[_Item], label: str, total: int | None = None, *, shown: bool
) -> Iterator[_Item]:
    """Iterates over items with a progress bar.

    Args:
        items: the items.
        label, shown: as for `Bar`.
        total: int, the number of items; by default `len(items)`.
    """
    count = len(items) if total is None else total  # type: ignore[arg-type]
    with Bar(label, count, shown=shown) as bar:
        for item in items:
            yield item
            bar.advance()


class _Drawn(Protocol):
    def advance(self, count: int) -> None: ...

    def close(self) -> None: ...


class _TerminalBar:
    def __init__(self, label: str, total: int) -> None:
        self._progress = Progress(console=Console(stderr=True))
        self._task = self._progress.add_task(label, total=total)
        self._progress.start()

    def advance(self, count: int) -> None:
        self._progress.advance(self._task, count)

    def close(self) -> None:
        self._progress.stop()


class _NotebookBar:
    """An HTML bar, updated in place. (rich's bar needs ipywidgets, and warns without them.)"""

    def __init__(self, label: str, total: int) -> None:
        display: Any = importlib.import_module("IPython.display")
        self._label, self._total, self._done, self._drawn = html.escape(label), total, 0, 0.0
        self._html = display.HTML
        self._handle = display.display(self._picture(), display_id=True)

    def advance(self, count: int) -> None:
        self._done += count
        if time.monotonic() > self._drawn + _PAUSE:
            self.close()

    def close(self) -> None:
        self._drawn = time.monotonic()
        self._handle.update(self._picture())

    def _picture(self) -> Any:
        return self._html(
            f"{self._label} <progress value='{self._done}' max='{max(1, self._total)}'></progress> "
            f"{self._done} / {self._total}"
        )
