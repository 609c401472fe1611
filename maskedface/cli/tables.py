"""How commands print tables and lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from maskedface.names import shown

_ENDLESS = 10_000  # columns


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], **words: Any) -> None:
    """Prints a table. In a file or pipe nothing is wrapped or truncated.

    Args:
        columns: the column names.
        rows: the cells of each row, from the left: a rich `Text` keeps its style, an int is aligned
            to the right, and all text is escaped as `names.shown` does.
        words: arguments of `rich.table.Table`, such as title.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    def cell(value: object) -> Text:
        if isinstance(value, Text):
            return value
        return Text(shown(str(value)), justify="right" if isinstance(value, int) else None)

    table = Table(**words)
    for name in columns:
        table.add_column(cell(name))
    for row in rows:
        table.add_row(*map(cell, row))
    console = Console()
    (console if console.is_terminal else Console(width=_ENDLESS)).print(table)


def print_some(lines: Sequence[str], most: int, hint: str = "") -> None:
    """Prints the first lines of a list, and the number of the others with a hint."""
    for line in lines[:most]:
        print(f"    {shown(line)}")
    if len(lines) > most:
        print(f"    ... and {len(lines) - most} more{hint}")


def figure(found: Mapping[str, float]) -> str:
    """A figure with its 95 % interval: "value", "low", "high"."""
    return f"{found['value']:.3f} [{found['low']:.3f}, {found['high']:.3f}]"


def change(found: Mapping[str, float]) -> str:
    """A paired difference with its 95 % interval: "difference", "low", "high"."""
    return f"{found['difference']:+.3f} [{found['low']:+.3f}, {found['high']:+.3f}]"
