"""Short representations of objects for prompts and notebooks."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Iterable, Mapping, Sequence, Sized
from typing import Any

_LONGEST = 60  # characters of a value


def short_repr(value: Any) -> str:
    """A dataclass in one line: arrays by their shape, lists by their length, other values in full.

    >>> import dataclasses
    >>> from maskedface.reprs import short_repr
    >>> @dataclasses.dataclass
    ... class Found:
    ...     people: list
    ...     share: float
    ...     __repr__ = short_repr
    >>> Found(["ada"] * 1000, 0.5)
    <Found: 1000 people, share=0.5>

    Args:
        value: the object.
    """
    told = (_field(one.name, getattr(value, one.name)) for one in dataclasses.fields(value))
    return f"<{type(value).__name__}: {', '.join(told)}>"


def html_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, caption: str = ""
) -> str:
    """A table for a notebook's `_repr_html_`, with escaped contents.

    Args:
        columns: the column names; () for none.
        rows: the cells of each row.
        caption: str, the caption above the table.
    """

    def line(cells: Sequence[object], kind: str) -> str:
        return (
            f"<tr>{''.join(f'<{kind}>{html.escape(_cell(cell))}</{kind}>' for cell in cells)}</tr>"
        )

    head = f"<thead>{line(columns, 'th')}</thead>" if columns else ""
    body = "".join(line(row, "td") for row in rows)
    above = f"<caption>{html.escape(caption)}</caption>" if caption else ""
    return f"<table>{above}{head}<tbody>{body}</tbody></table>"


class Report(dict[str, Any]):
    """A dict of named results, shown as a table in a notebook."""

    def _repr_html_(self) -> str:
        return html_table(("figure", "value"), _lines(self, ()))


def _lines(values: Mapping[Any, Any], above: tuple[str, ...]) -> Iterable[tuple[str, str]]:
    """(dotted name, value) of each result; a value and its interval are one line."""
    if {"value", "low", "high"} <= {*values}:
        figure = f"{_cell(values['value'])} [{_cell(values['low'])}, {_cell(values['high'])}]"
        yield ".".join(above), figure
        values = {name: of for name, of in values.items() if name not in ("value", "low", "high")}
    for name, value in values.items():
        path = (*above, str(name))
        if isinstance(value, Mapping):
            yield from _lines(value, path)
        else:
            yield ".".join(path), _cell(value)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    text = str(value) if isinstance(value, str) or not isinstance(value, Sized) else repr(value)
    if len(text) > _LONGEST and isinstance(value, Sized) and not isinstance(value, str):
        return f"{len(value)} values"
    return text


def _field(name: str, value: Any) -> str:
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{name} {value.dtype}{list(value.shape)}"
    if isinstance(value, str | int | float | None):
        told = repr(value)
        return f"{name}={told if len(told) <= _LONGEST else told[:_LONGEST] + '...'}"
    if isinstance(value, Sized):
        told = repr(value) if len(value) <= 3 else ""
        return f"{name}={told}" if 0 < len(told) <= _LONGEST else f"{len(value)} {name}"
    return f"{name}={type(value).__name__}"
