"""Many rows in one statement: an INSERT of values becomes an INSERT from arrays.

What is sent one row at a time costs a round of the server's machinery for each. An array for each
column costs one for all, and everything after `VALUES (..)` keeps its meaning. So does the order: the
server takes the rows as they stand in the arrays, and where two of them have one key it is told of the
second in a statement of its own, as PostgreSQL changes no row twice in one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from arb.api import SqlValue

from ._statements import bound, numbered

if TYPE_CHECKING:
    from asyncpg import Type
    from asyncpg.pool import PoolConnectionProxy

_FEW: Final = 8
"""So few rows are sent one by one: asking for the types of the columns would cost more."""
_MANY: Final = 300
"""The most rows of one statement. To encode them holds Python's lock, and with it the caller's loop."""

_INSERT: Final = re.compile(
    r"\s*INSERT\s+INTO\s+(?P<table>\w+)\s*\((?P<columns>\w+(?:\s*,\s*\w+)*)\)"
    r"\s*VALUES\s*\((?P<marks>\s*\?(?:\s*,\s*\?)*\s*)\)\s*(?P<tail>[^?'\"$]*)",
    re.IGNORECASE,
)
_CONFLICT: Final = re.compile(
    r"ON\s+CONFLICT\s*\((?P<key>\w+(?:\s*,\s*\w+)*)\)\s*DO\s+(?:NOTHING|UPDATE)\b(?!.*\bRETURNING\b)",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Bulk:
    """An INSERT that can take arrays.

    Attributes:
        key: Where in a row the columns stand that may be there already; none where the tail says nothing.
    """

    head: str
    tail: str
    key: tuple[int, ...]

    def sql(self, types: Sequence[str]) -> str:
        """Return the statement over one array for each column."""
        arrays = ", ".join(f"${number}::{name}[]" for number, name in enumerate(types, 1))
        return f"{self.head} SELECT * FROM unnest({arrays}) {self.tail}"  # noqa: S608 - all of it is arb's own statement


@lru_cache(maxsize=1024)
def bulk(sql: str) -> Bulk | None:
    """Return a statement as one over arrays; None for one that has to be run row by row."""
    found = _INSERT.fullmatch(sql)
    if found is None:
        return None
    columns = [name.strip().lower() for name in found["columns"].split(",")]
    if len(columns) != found["marks"].count("?"):
        return None
    head = f"INSERT INTO {found['table']} ({', '.join(columns)})"
    if not found["tail"]:
        return Bulk(head, "", ())
    conflict = _CONFLICT.match(found["tail"])
    names = [] if conflict is None else [name.strip().lower() for name in conflict["key"].split(",")]
    if not names or not set(names) <= set(columns):
        return None
    return Bulk(head, found["tail"], tuple(columns.index(name) for name in names))


async def execute_many(connection: PoolConnectionProxy, sql: str, rows: Sequence[Sequence[SqlValue]]) -> None:
    """Run one statement for each row, by as few as possible."""
    many = bulk(sql) if len(rows) > _FEW else None
    types = None if many is None else _names((await connection.prepare(numbered(sql))).get_parameters())
    if many is None or types is None:
        await connection.executemany(numbered(sql), [bound(row) for row in rows])
        return
    statement = many.sql(types)
    for part in _parts(rows, many.key):
        await connection.execute(statement, *map(bound, zip(*part, strict=True)))


def _names(types: Sequence[Type]) -> Sequence[str] | None:
    """Return the types for a statement; None where one is an array itself, which unnest would take apart."""
    if any(one.kind == "array" for one in types):
        return None
    return [f'"{one.schema}"."{one.name}"' for one in types]


def _parts(rows: Sequence[Sequence[SqlValue]], key: Sequence[int]) -> Iterator[Sequence[Sequence[SqlValue]]]:
    """Yield the rows in order, in parts that hold no key twice."""
    begin, seen = 0, set[tuple[SqlValue, ...]]()
    for number, row in enumerate(rows):
        one = tuple(bound([row[place] for place in key]))
        if number - begin == _MANY or (key and one in seen):
            yield rows[begin:number]
            begin, seen = number, set()
        seen.add(one)
    yield rows[begin:]
