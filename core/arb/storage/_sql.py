"""Small builders of SQL text and typed reading of rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Final, TypeVar

from arb.api import InvariantBroken, Row, SqlValue, StorageError, Transaction
from arb.model import storable

T = TypeVar("T")

KEYS_PER_QUERY: Final = 400
"""Every SQLite takes at least 999 placeholders in one statement."""


def insert_sql(table: str, columns: Sequence[str]) -> str:
    """Return a plain INSERT."""
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({_marks(columns)})"  # noqa: S608 - names are ours


def upsert_sql(table: str, columns: Sequence[str], key: Sequence[str], *, unless_newer: Sequence[str] = ()) -> str:
    """Return an INSERT that replaces the row of the same key.

    Args:
        table: Its name.
        columns: All columns written.
        key: Those of the unique key.
        unless_newer: Columns, the weightiest first; a stored row that holds more in them is kept.
    """
    changes = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in key)
    action = f"UPDATE SET {changes}" if changes else "NOTHING"
    new, old = (", ".join(f"{row}.{name}" for name in unless_newer) for row in ("excluded", table))
    guard = f" WHERE ({new}) >= ({old})" if unless_newer else ""
    return f"{insert_sql(table, columns)} ON CONFLICT ({', '.join(key)}) DO {action}{guard}"


def select_sql(
    table: str, columns: Sequence[str], conditions: Conditions | None = None, *, order_by: str = "", limit: int = 0
) -> str:
    """Return a SELECT; `limit` 0 is no limit."""
    tail = f" ORDER BY {order_by}" if order_by else ""
    tail += f" LIMIT {limit}" if limit else ""
    where = conditions.sql if conditions else ""
    return f"SELECT {', '.join(columns)} FROM {table}{where}{tail}"  # noqa: S608 - names are ours, values are bound


def delete_sql(table: str, conditions: Conditions) -> str:
    """Return a DELETE."""
    return f"DELETE FROM {table}{conditions.sql}"  # noqa: S608 - names are ours, values are bound


class Conditions:
    """Conditions joined by AND, and their bound values. A value of None adds no condition."""

    def __init__(self) -> None:
        self.values: list[SqlValue] = []
        self._terms: list[str] = []

    def add(self, term: str, value: SqlValue) -> Conditions:
        """Add `term`, such as `ts_ns >= ?`."""
        if value is not None:
            self._terms.append(term)
            self.values.append(_kept(value))
        return self

    def among(self, column: str, values: Collection[str] | Collection[int] | None) -> Conditions:
        """Ask that `column` is one of `values`; none at all match nothing."""
        if values is not None:
            self._terms.append(f"{column} IN ({_marks(values)})" if values else "1 = 0")
            self.values.extend(map(_kept, values))
        return self

    def either(self, term: str, *values: SqlValue) -> Conditions:
        """Add a term of several values, such as `(a > ? OR b > ?)`."""
        self._terms.append(term)
        self.values.extend(values)
        return self

    @property
    def sql(self) -> str:
        """Return the WHERE clause, empty when nothing was asked."""
        return f" WHERE {' AND '.join(self._terms)}" if self._terms else ""


def _marks(items: Collection[object]) -> str:
    return ", ".join("?" * len(items))


async def write_rows(transaction: Transaction, sql: str, rows: Sequence[Sequence[SqlValue]]) -> None:
    """Run `sql` for each row; texts are made storable, whichever plugin they are of.

    Raises:
        InvariantBroken: a number is not finite; nothing was written.
    """
    for row in rows:
        for value in row:
            if isinstance(value, Decimal) and not value.is_finite():
                raise InvariantBroken(f"{value!r} cannot be stored as a number; the row is {tuple(row)}")
    if rows:
        await transaction.execute_many(sql, [[_kept(value) for value in row] for row in rows])


def _kept(value: SqlValue) -> SqlValue:
    # Enumerations of text are ours, and stay what they are.
    return storable(value) if type(value) is str else value


def decode(table: str, rows: Iterable[Row], build: Callable[[Row], T]) -> tuple[T, ...]:
    """Build a value from each row.

    Raises:
        StorageError: a row holds what this version cannot read.
    """
    try:
        return tuple(build(row) for row in rows)
    except (ArithmeticError, KeyError, TypeError, ValueError) as error:
        raise StorageError(
            f"table {table} holds a row this version cannot read ({type(error).__name__}: {error}); "
            "it was damaged or written by another version of arb"
        ) from error


def text(row: Row, name: str) -> str:
    """Return a text."""
    value = row[name]
    if not isinstance(value, str):
        raise TypeError(f"{name} is {value!r}, not a text")
    return value


def text_or_none(row: Row, name: str) -> str | None:
    """Return a text or None."""
    return None if row[name] is None else text(row, name)


def integer(row: Row, name: str) -> int:
    """Return a whole number."""
    value = row[name]
    if not isinstance(value, int):
        raise TypeError(f"{name} is {value!r}, not a whole number")
    return value


def integer_or_none(row: Row, name: str) -> int | None:
    """Return a whole number or None."""
    return None if row[name] is None else integer(row, name)


def decimal(row: Row, name: str) -> Decimal:
    """Return a Decimal; a storage may hand it over as text."""
    value = row[name]
    if not isinstance(value, (str, int, Decimal)):
        raise TypeError(f"{name} is {value!r}, not a decimal")
    return Decimal(value)


def decimal_or_none(row: Row, name: str) -> Decimal | None:
    """Return a Decimal or None."""
    return None if row[name] is None else decimal(row, name)


def pack(values: Mapping[str, str]) -> str:
    """Write named texts as JSON, in the order they have."""
    return json.dumps({storable(name): storable(value) for name, value in values.items()})


def unpack(row: Row, name: str) -> Mapping[str, str]:
    """Read what :func:`pack` wrote."""
    return MappingProxyType(dict(json.loads(text(row, name))))
