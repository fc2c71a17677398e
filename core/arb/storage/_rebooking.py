"""Booking what was stored without an entry: by an earlier version, or before its instrument was known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from arb.api import Transaction
from arb.model import InstrumentId

from . import _ledger, _trading, _transfers
from ._bookkeeping import EntryFilter, book_dust, book_fills, book_payments, entry_pages, fill_entries
from ._bookkeeping_types import EntryKind
from ._once import Book
from ._postings import payment_entry, transfer_entry
from ._sql import KEYS_PER_QUERY, Conditions, decode, select_sql

_KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {"fills": "fill", "funding_payments": "funding", "transfers": "transfer"}
)


async def book_all(transaction: Transaction) -> None:
    """Book every fill, payment and piece of dust that has no entry."""
    await book_fills(transaction, await _missing(transaction, _ledger.FILLS, Conditions()))
    await book_payments(transaction, await _missing(transaction, _ledger.PAYMENTS, Conditions()))
    await book_dust(transaction, await _trading.dust(transaction))


async def book_waiting(transaction: Transaction, instruments: Iterable[InstrumentId]) -> None:
    """Book the fills that waited for these instruments to be known."""
    waiting = list(instruments)
    for start in range(0, len(waiting), KEYS_PER_QUERY):
        of_them = Conditions().among("instrument", waiting[start : start + KEYS_PER_QUERY])
        await book_fills(transaction, await _missing(transaction, _ledger.FILLS, of_them))


async def count_missing(transaction: Transaction) -> Mapping[str, int]:
    """Return how many fills, payments and transfers have no entry; anything but zero is money outside the books."""
    found = {}
    books: tuple[Book[Any], ...] = (_ledger.FILLS, _ledger.PAYMENTS, _transfers.TRANSFERS)
    for book in books:
        wanted = _without_entry(book, Conditions())
        (row,) = await transaction.query(select_sql(book.table, ("COUNT(*) AS number",), wanted), wanted.values)
        found[book.table] = int(str(row["number"]))
    return found


async def _missing(transaction: Transaction, book: Book[Any], wanted: Conditions) -> tuple[Any, ...]:
    sql = select_sql(book.table, book.columns, _without_entry(book, wanted))
    return decode(book.table, await transaction.query(sql, wanted.values), book.build)


async def _all(transaction: Transaction, book: Book[Any]) -> tuple[Any, ...]:
    return decode(book.table, await transaction.query(select_sql(book.table, book.columns)), book.build)


def _without_entry(book: Book[Any], wanted: Conditions) -> Conditions:
    kind = _KINDS[book.table]
    entry_id = f"'{kind}:' || {book.table}.exchange || ':' || {book.table}.{book.id_column}"
    return wanted.either(f"NOT EXISTS (SELECT 1 FROM ledger_entries WHERE entry_id = {entry_id})")  # noqa: S608 - names


async def wrong_entries(transaction: Transaction) -> tuple[str, ...]:
    """Return the entries of fills, payments and transfers that are not what their event makes, by id.

    Every entry is made anew and compared line by line; one that nothing stored stands behind is wrong too.
    """
    made = await fill_entries(transaction, await _all(transaction, _ledger.FILLS))
    made += map(payment_entry, await _all(transaction, _ledger.PAYMENTS))
    made += map(transfer_entry, await _all(transaction, _transfers.TRANSFERS))
    should = {one.entry_id: one.lines for one in made}
    wrong = []
    kinds = (EntryKind.FILL, EntryKind.FUNDING, EntryKind.TRANSFER)
    async for page in entry_pages(transaction, EntryFilter(kinds=kinds)):
        wrong += [one.entry_id for one in page if should.pop(one.entry_id, None) != one.lines]
    # What has no entry at all is counted elsewhere.
    return tuple(wrong)
