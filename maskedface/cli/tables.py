"""How commands print tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

_ENDLESS = 10_000  # columns


def print_table(table: Table) -> None:
    """Prints a table; a file or pipe has no width of its own, and nothing in it is wrapped or cut off.

    Args:
        table: what to print.
    """
    from rich.console import Console

    console = Console()
    (console if console.is_terminal else Console(width=_ENDLESS)).print(table)
