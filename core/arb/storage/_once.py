"""Booking entries of a venue exactly once, however often they are read (handbook C9)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from arb.api import InvariantBroken, Row, SqlValue, Transaction
from arb.model import storable

from ._sql import KEYS_PER_QUERY, Conditions, decode, insert_sql, select_sql, upsert_sql, write_rows

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    T = TypeVar("T", bound=DataclassInstance)
else:
    T = TypeVar("T")

Key = tuple[str, str]
"""The exchange and its own id of the entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Book(Generic[T]):
    """How one kind of entry lies in its table.

    Attributes:
        what: For messages, such as `fill`.
        id_column: The venue's id; with `exchange` it is the unique key.
        optional: Fields that a venue may leave open in one report and tell in another.
    """

    what: str
    table: str
    id_column: str
    columns: tuple[str, ...]
    optional: tuple[str, ...]
    key: Callable[[T], Key]
    row: Callable[[T], Sequence[SqlValue]]
    build: Callable[[Row], T]


async def add_once(transaction: Transaction, book: Book[T], entries: Sequence[T]) -> tuple[T, ...]:
    """Store those of `entries` that are not stored and return them, in the order given.

    Raises:
        InvariantBroken: an entry contradicts the stored one of the same key.
    """
    told = [_storable(entry) for entry in entries]
    known: dict[Key, T] = dict(await _stored(transaction, book, [book.key(entry) for entry in told]))
    new: dict[Key, None] = {}
    completed: dict[Key, None] = {}
    for entry in told:
        key = book.key(entry)
        if key not in known:
            new[key] = None
            known[key] = entry
            continue
        merged = _merge(book, known[key], entry)
        if merged != known[key]:
            known[key] = merged
            completed[key] = None
    await write_rows(transaction, insert_sql(book.table, book.columns), [book.row(known[key]) for key in new])
    sql = upsert_sql(book.table, book.columns, ("exchange", book.id_column))
    await write_rows(transaction, sql, [book.row(known[key]) for key in completed if key not in new])
    return tuple(known[key] for key in new)


async def _stored(transaction: Transaction, book: Book[T], keys: Sequence[Key]) -> Mapping[Key, T]:
    found: dict[Key, T] = {}
    for exchange, group in groupby(sorted(set(keys)), key=lambda key: key[0]):
        ids = [entry_id for _, entry_id in group]
        for start in range(0, len(ids), KEYS_PER_QUERY):
            wanted = Conditions().add("exchange = ?", exchange)
            wanted.among(book.id_column, ids[start : start + KEYS_PER_QUERY])
            rows = await transaction.query(select_sql(book.table, book.columns, wanted), wanted.values)
            found.update((book.key(entry), entry) for entry in decode(book.table, rows, book.build))
    return found


def _storable(entry: T) -> T:
    """Return the entry as it can be read back: it is compared with that when it is told again."""
    texts = {field.name: getattr(entry, field.name) for field in fields(entry)}
    mended = {name: storable(text) for name, text in texts.items() if type(text) is str and storable(text) != text}
    return replace(entry, **mended) if mended else entry


def _merge(book: Book[T], old: T, new: T) -> T:
    """Return `old` with what only `new` tells."""
    learnt: dict[str, Any] = {}
    for field in fields(old):
        was, now = getattr(old, field.name), getattr(new, field.name)
        if was == now or (field.name in book.optional and now is None):
            continue
        if field.name not in book.optional or was is not None:
            exchange, entry_id = book.key(old)
            raise InvariantBroken(
                f"{book.what} {entry_id} of {exchange} was stored with {field.name} {was} "
                f"and is now reported with {now}: the venue or its plugin gave one id to two things"
            )
        learnt[field.name] = now
    return replace(old, **learnt) if learnt else old
