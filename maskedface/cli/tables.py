"""How commands print tables and lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from maskedface.names import shown

_ENDLESS = 10_000  # columns


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], **words: Any) -> None:
    """Prints a table; a file or pipe has no width of its own, and nothing in it is wrapped or cut off.

    Args:
        columns: their names.
        rows: the cells of each, from the left: a rich `Text` keeps its style, a whole number stands to the
            right, and all text is escaped as `names.shown` does.
        words: as for `rich.table.Table`, such as title.
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
    """Prints the first lines of a list, and how many more there are, with a hint where to see them."""
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
