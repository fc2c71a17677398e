"""The double-entry ledger in its tables: every event is booked in the transaction that stores it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from itertools import groupby
from typing import Final

from arb.api import Row, Transaction
from arb.model import (
    ZERO,
    Dust,
    ExchangeName,
    Fill,
    FundingPayment,
    HedgeId,
    InstrumentId,
    Transfer,
)

from ._account_types import exact_sums
from ._bookkeeping_types import EntryKind, LedgerEntry, LedgerLine
from ._postings import dust_entry, fill_entry, payment_entry, transfer_entry
from ._sql import KEYS_PER_QUERY, Conditions, decimal, decode, insert_sql, integer, select_sql, text, write_rows

_ENTRY: Final = ("entry_id", "ts_ns", "kind", "exchange", "instrument", "hedge_id")
_LINE: Final = ("entry_id", "line_index", "account", "currency", "amount")
_ADD_ENTRY: Final = insert_sql("ledger_entries", _ENTRY)
_ADD_LINE: Final = insert_sql("ledger_lines", _LINE)
_PAGE: Final = 20_000


async def book(transaction: Transaction, entries: Sequence[LedgerEntry]) -> None:
    """Store entries; one that is stored already is refused by the storage, since its event was not new."""
    await write_rows(
        transaction,
        _ADD_ENTRY,
        [(one.entry_id, one.ts_ns, one.kind, one.exchange, one.instrument, one.hedge_id) for one in entries],
    )
    await write_rows(
        transaction,
        _ADD_LINE,
        [
            (one.entry_id, index, line.account, line.currency, line.amount)
            for one in entries
            for index, line in enumerate(one.lines)
        ],
    )


async def book_fills(transaction: Transaction, fills: Sequence[Fill]) -> None:
    """Book new fills; those of an instrument that is not stored wait until it is (`book_waiting`)."""
    await book(transaction, await fill_entries(transaction, fills))


async def fill_entries(transaction: Transaction, fills: Sequence[Fill]) -> list[LedgerEntry]:
    """Return the entries of fills whose instrument is stored."""
    quotes = await _quotes(transaction, {fill.instrument for fill in fills})
    orders = await _orders(transaction, fills)
    entries = []
    for fill in fills:
        quote = quotes.get(fill.instrument)
        if quote is not None:
            hedge_id, arrival = orders.get((fill.client_order_id, fill.instrument), (None, None))
            entries.append(fill_entry(fill, quote, hedge_id, arrival))
    return entries


async def book_payments(transaction: Transaction, payments: Sequence[FundingPayment]) -> None:
    """Book new payments."""
    await book(transaction, [payment_entry(one) for one in payments])


async def book_transfers(transaction: Transaction, transfers: Sequence[Transfer]) -> None:
    """Book new transfers."""
    await book(transaction, [transfer_entry(one) for one in transfers])


async def book_dust(transaction: Transaction, rows: Sequence[Dust]) -> None:
    """Book the change of each leg's dust; a leg that is declared again as it was changes nothing."""
    for one in rows:
        wanted = Conditions().add("hedge_id = ?", one.hedge_id).add("kind = ?", EntryKind.DUST)
        heads = await transaction.query(select_sql("ledger_entries", ("entry_id",), wanted), wanted.values)
        ids = [text(row, "entry_id") for row in heads]
        earlier = [entry_id for entry_id in ids if entry_id.startswith(f"dust:{one.hedge_id}:{one.leg_index}:")]
        lines = [line for row in (await _lines_of(transaction, earlier)).values() for line in row]
        with exact_sums():
            before = sum((line.amount for line in lines if line.account.startswith("assets:dust:")), ZERO)
        if before != one.quantity:
            await book(transaction, [dust_entry(one, before, len(earlier))])


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryFilter:
    """Which entries; None is all.

    Attributes:
        since_ns: At or after this time.
        until_ns: Before this time.
        account: With a line on this account or on one below it.
    """

    since_ns: int | None = None
    until_ns: int | None = None
    kinds: tuple[EntryKind, ...] | None = None
    exchange: str | None = None
    hedge_id: str | None = None
    account: str | None = None

    def conditions(self) -> Conditions:
        """Return what the storage can decide."""
        wanted = Conditions().add("ts_ns >= ?", self.since_ns).add("ts_ns < ?", self.until_ns)
        wanted.among("kind", None if self.kinds is None else [kind.value for kind in self.kinds])
        return wanted.add("exchange = ?", self.exchange).add("hedge_id = ?", self.hedge_id)

    def keeps(self, entry: LedgerEntry) -> bool:
        """Return whether the entry touches the account asked for."""
        wanted = self.account
        return wanted is None or any(
            line.account == wanted or line.account.startswith(f"{wanted}:") for line in entry.lines
        )


async def entry_pages(transaction: Transaction, wanted: EntryFilter) -> AsyncIterator[Sequence[LedgerEntry]]:
    """Yield entries by time and id, some thousands at once; the transaction must stay open."""
    after: tuple[int, str] | None = None
    while True:
        page = wanted.conditions()
        if after is not None:
            page.either("(ts_ns > ? OR (ts_ns = ? AND entry_id > ?))", after[0], after[0], after[1])
        sql = select_sql("ledger_entries", _ENTRY, page, order_by="ts_ns, entry_id", limit=_PAGE)
        heads = await transaction.query(sql, page.values)
        if not heads:
            return
        lines = await _lines_of(transaction, [text(row, "entry_id") for row in heads])
        found = decode("ledger_entries", heads, partial(_entry, lines=lines))
        yield [entry for entry in found if wanted.keeps(entry)]
        after = integer(heads[-1], "ts_ns"), text(heads[-1], "entry_id")


async def balances(transaction: Transaction, wanted: EntryFilter) -> Mapping[tuple[str, str], Decimal]:
    """Return the exact balance of every account and currency over the entries asked for, zeros included."""
    sums: defaultdict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
    async for page in entry_pages(transaction, wanted):
        with exact_sums():
            for entry in page:
                for line in entry.lines:
                    sums[line.account, line.currency] += line.amount
    return dict(sorted(sums.items()))


async def _lines_of(transaction: Transaction, ids: Sequence[str]) -> Mapping[str, tuple[LedgerLine, ...]]:
    found: dict[str, tuple[LedgerLine, ...]] = {}
    for start in range(0, len(ids), KEYS_PER_QUERY):
        among = Conditions().among("entry_id", ids[start : start + KEYS_PER_QUERY])
        sql = select_sql("ledger_lines", _LINE, among, order_by="entry_id, line_index")
        rows = decode("ledger_lines", await transaction.query(sql, among.values), _line)
        for entry_id, group in groupby(rows, key=lambda row: row[0]):
            found[entry_id] = tuple(line for _, line in group)
    return found


async def _quotes(transaction: Transaction, instruments: Iterable[InstrumentId]) -> Mapping[str, str]:
    quotes: dict[str, str] = {}
    wanted = sorted(set(instruments))
    for start in range(0, len(wanted), KEYS_PER_QUERY):
        among = Conditions().among("instrument", wanted[start : start + KEYS_PER_QUERY])
        sql = select_sql("instruments", ("instrument", "quote"), among, order_by="effective_from_ns")
        quotes.update(
            {text(row, "instrument"): text(row, "quote") for row in await transaction.query(sql, among.values)}
        )
    return quotes


async def _orders(
    transaction: Transaction, fills: Sequence[Fill]
) -> Mapping[tuple[str, str], tuple[HedgeId | None, Decimal | None]]:
    """Return hedge and arrival price of the own orders that fills belong to."""
    found: dict[tuple[str, str], tuple[HedgeId | None, Decimal | None]] = {}
    ids = sorted({fill.client_order_id for fill in fills})
    columns = ("client_order_id", "instrument", "hedge_id", "arrival_price")
    for start in range(0, len(ids), KEYS_PER_QUERY):
        among = Conditions().among("client_order_id", ids[start : start + KEYS_PER_QUERY])
        for row in await transaction.query(select_sql("orders", columns, among), among.values):
            key = text(row, "client_order_id"), text(row, "instrument")
            found[key] = HedgeId(text(row, "hedge_id")), decimal(row, "arrival_price")
    return found


def _line(row: Row) -> tuple[str, LedgerLine]:
    line = LedgerLine(account=text(row, "account"), currency=text(row, "currency"), amount=decimal(row, "amount"))
    return text(row, "entry_id"), line


def _entry(row: Row, lines: Mapping[str, tuple[LedgerLine, ...]]) -> LedgerEntry:
    entry_id = text(row, "entry_id")
    return LedgerEntry(
        entry_id=entry_id,
        ts_ns=integer(row, "ts_ns"),
        kind=EntryKind(text(row, "kind")),
        exchange=ExchangeName(text(row, "exchange")),
        instrument=text(row, "instrument"),
        hedge_id=text(row, "hedge_id"),
        lines=lines.get(entry_id, ()),
    )
