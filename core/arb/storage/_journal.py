"""The journal: everything a run has to remember, in one database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext

from arb.api import Dialect, Snapshots, Storage, Transaction
from arb.model import (
    Dust,
    EquitySample,
    Event,
    ExchangeName,
    ExpectedFunding,
    Fill,
    FundingPayment,
    FundingRate,
    Hedge,
    Instrument,
    Lease,
    MarketStats,
    Markout,
    OrderRecord,
    OrderReport,
    PositionSample,
    Transfer,
)

from . import (
    _bookkeeping,
    _events,
    _expected,
    _hedges,
    _instruments,
    _ledger,
    _memory,
    _orders,
    _rates,
    _rebooking,
    _samples,
    _stats,
    _trading,
    _transfers,
)
from ._once import add_once
from ._reader import JournalReader
from ._retention import Pause, prune
from ._schema import migrate, stored_version


class JournalTransaction(JournalReader):
    """Writes that take effect together, and reads that already see them.

    Every method raises StorageError when the storage refuses.
    """

    def __init__(self, transaction: Transaction, dialect: Dialect) -> None:
        super().__init__(lambda: nullcontext(transaction))
        self._transaction = transaction
        self._dialect = dialect

    async def put_instruments(self, instruments: Sequence[Instrument], seen_ns: int) -> tuple[Instrument, ...]:
        """Store new and changed rules, effective-dated; return those versions.

        Args:
            instruments: As fetched.
            seen_ns: Now; a change that the venue does not date holds from here.
        """
        new = await _instruments.put_instruments(self._transaction, instruments, seen_ns)
        await _rebooking.book_waiting(self._transaction, {one.id: None for one in new})
        return new

    async def put_hedge(self, hedge: Hedge) -> None:
        """Store a hedge or its new state.

        Raises:
            InvariantBroken: no path of HEDGE_TRANSITIONS leads to its status, or its legs are others.
        """
        await _hedges.put_hedge(self._transaction, hedge)

    async def put_order(self, record: OrderRecord) -> None:
        """Store an own order or its new state.

        Raises:
            InvariantBroken: no path of ORDER_TRANSITIONS leads to its status, its filled quantity
                shrinks, its request differs, or its hedge is not stored.
        """
        await _orders.put_order(self._transaction, record)

    async def add_order_reports(self, reports: Sequence[OrderReport]) -> None:
        """Append what was learnt about orders, and from which read."""
        await _trading.add_reports(self._transaction, reports)

    async def put_markouts(self, markouts: Sequence[Markout]) -> None:
        """Store mid prices after fills."""
        await _trading.put_markouts(self._transaction, markouts)

    async def put_dust(self, dust: Sequence[Dust]) -> None:
        """Declare what finished hedges left behind, and book it."""
        await _trading.put_dust(self._transaction, dust)
        await _bookkeeping.book_dust(self._transaction, dust)

    async def swap_lease(self, held: Lease | None, new: Lease) -> bool:
        """Put `new` in the place of `held`; return False, with nothing changed, when that is no longer stored."""
        return await _trading.swap_lease(self._transaction, held, new)

    async def renew_lease(self, lease: Lease) -> bool:
        """Store the new end of a lease; return False, with nothing changed, when it has another token by now."""
        return await _trading.renew_lease(self._transaction, lease)

    async def add_fills(self, fills: Sequence[Fill]) -> tuple[Fill, ...]:
        """Store fills, book and return the new ones; a repeat is ignored.

        Raises:
            InvariantBroken: a fill contradicts the stored one of the same exchange and fill id.
        """
        new = await add_once(self._transaction, _ledger.FILLS, fills)
        await _bookkeeping.book_fills(self._transaction, new)
        return new

    async def add_funding_payments(self, payments: Sequence[FundingPayment]) -> tuple[FundingPayment, ...]:
        """Store payments, book and return the new ones, and clear what was due; a repeat is ignored.

        Raises:
            InvariantBroken: a payment contradicts the stored one of the same exchange and payment id.
        """
        new = await add_once(self._transaction, _ledger.PAYMENTS, payments)
        await _bookkeeping.book_payments(self._transaction, new)
        await _expected.clear_expected(self._transaction, new)
        return new

    async def add_transfers(self, transfers: Sequence[Transfer]) -> tuple[Transfer, ...]:
        """Store transfers, book and return the new ones; a repeat is ignored.

        Raises:
            InvariantBroken: a transfer contradicts the stored one of the same exchange and transfer id.
        """
        new = await add_once(self._transaction, _transfers.TRANSFERS, transfers)
        await _bookkeeping.book_transfers(self._transaction, new)
        return new

    async def add_expected_funding(self, rows: Sequence[ExpectedFunding]) -> tuple[ExpectedFunding, ...]:
        """Store what is due, book it as receivable and return what is new; the first word on a settlement stands."""
        return await _expected.add_expected(self._transaction, rows)

    async def add_funding_rates(self, rates: Sequence[FundingRate]) -> None:
        """Store rates; of two of one instrument, kind and time the later observed is kept."""
        await _rates.add_funding_rates(self._transaction, rates, self._dialect)

    async def add_stats(self, stats: Sequence[MarketStats]) -> None:
        """Store market statistics; of two of one instrument and time the later observed is kept."""
        await _stats.add_stats(self._transaction, stats, self._dialect)

    async def add_equity(self, samples: Sequence[EquitySample]) -> None:
        """Store snapshots of equity; one of the same exchange and time is replaced, with its positions."""
        await _samples.add_equity(self._transaction, samples)

    async def add_positions(self, samples: Sequence[PositionSample]) -> None:
        """Store the positions of snapshots; an instrument without one is flat at that time.

        Raises:
            InvariantBroken: the exchange's equity of that time is not stored.
        """
        await _samples.add_positions(self._transaction, samples)

    async def add_events(self, events: Sequence[Event]) -> None:
        """Append events."""
        await _events.add_events(self._transaction, events)

    async def put_state(self, owner: str, key: str, value: str) -> None:
        """Store a text of a plugin."""
        await _memory.put_state(self._transaction, owner, key, value)

    async def put_cursor(self, exchange: ExchangeName, what: str, position: int) -> None:
        """Store how far `what` was read from an exchange."""
        await _memory.put_cursor(self._transaction, exchange, what, position)

    async def save_clock(self, ts_ns: int) -> None:
        """Store the run's time, from which a virtual clock continues."""
        await _memory.save_clock(self._transaction, ts_ns)


class Journal(JournalReader):
    """The journal over one open storage; get one from :meth:`open`.

    A transaction must not be begun inside another of the same task: use the methods of the open one.

    Attributes:
        aside: Reads for people, which may be long: where the storage has snapshots, no commit waits for them.
            Its own reads take their turn among the transactions, and so see what those before them wrote.
    """

    def __init__(self, storage: Storage) -> None:
        super().__init__(storage.transaction)
        self._storage = storage
        self.aside = JournalReader(storage.snapshot if isinstance(storage, Snapshots) else storage.transaction)

    @classmethod
    async def open(cls, storage: Storage) -> Journal:
        """Create or bring forward the tables and return the journal.

        Raises:
            StorageError: it cannot be read or written, or a newer arb wrote it.
        """
        async with storage.transaction() as transaction:
            before = await stored_version(transaction, storage.dialect)
            newest = await migrate(transaction, storage.dialect)
            if 0 < before < newest:
                # What an earlier version stored was not booked.
                await _rebooking.book_all(transaction)
        return cls(storage)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[JournalTransaction]:
        """Begin; commit durably on leaving, roll back on an exception.

        Raises:
            StorageError: it could not be begun or committed; nothing of it took effect.
        """
        async with self._storage.transaction() as transaction:
            yield JournalTransaction(transaction, self._storage.dialect)

    async def prune(self, before_ns: int, pause: Pause, *, from_oldest: bool = False) -> Mapping[str, int]:
        """Reduce old predicted rates and market statistics to one row an hour, in small transactions.

        Args:
            before_ns: Hours that ended by then are reduced.
            pause: Awaited after every transaction.
            from_oldest: Begin with the oldest row, not where the last time ended.

        Returns:
            How many rows were deleted, by table.

        Raises:
            StorageError: the storage refused; what was deleted before stays so.
        """
        return await prune(self._storage, before_ns, pause, from_oldest=from_oldest)
