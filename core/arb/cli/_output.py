"""One way to print tables, fields and JSON.

What a short table does not need is imported where it is used: every command starts through here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

import click

_GAP: Final = "  "
_NARROWEST: Final = 20


def print_json(document: object) -> None:
    """Print one JSON document; a Decimal as text, exact."""
    import json

    click.echo(json.dumps(document, indent=2, default=_encode))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print aligned columns; the last one wraps on a terminal. Empty columns are left out."""
    cells = [[clean(cell) for cell in row] for row in rows]
    shown = [index for index in range(len(columns)) if not cells or any(row[index] for row in cells)]
    head = [columns[index].upper() for index in shown]
    body = [[row[index] for index in shown] for row in cells]
    widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
    room = _room(sum(widths[:-1]) + len(_GAP) * (len(widths) - 1))
    click.echo(click.style(_line(head, widths), bold=True))
    for row in body:
        first, *rest = _wrap(row[-1], room)
        click.echo(_line([*row[:-1], first], widths))
        for more in rest:
            click.echo(_line([*("" for _ in row[:-1]), more], widths))


def print_fields(fields: Mapping[str, object]) -> None:
    """Print one `name: value` a line, aligned; empty values are left out."""
    shown = {name: clean(value) for name, value in fields.items() if value not in (None, "", [], ())}
    width = max(map(len, shown), default=0)
    for name, value in shown.items():
        click.echo(f"{name + ':':<{width + 1}} {value}")


def clean(value: object) -> str:
    """Return text that cannot move the cursor: control characters are shown, not sent."""
    text = "" if value is None else str(value)
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def terminal_width() -> int:
    """Return the columns of the terminal that stdout is; 0 where it is none, or does not know."""
    if not sys.stdout.isatty():
        return 0
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns
    except OSError:
        return 0


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return _GAP.join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _room(used: int) -> int:
    """Return the width left for the last column; 0 for as much as it needs."""
    columns = terminal_width()
    return max(_NARROWEST, columns - used) if columns else 0


def _wrap(text: str, room: int) -> list[str]:
    if not room or len(text) <= room:
        return [text]
    import textwrap

    return textwrap.wrap(text, room) or [""]


def _encode(value: object) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return str(value)
