"""Reads of the journal."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from decimal import Decimal

from arb.api import Transaction
from arb.model import (
    ClientOrderId,
    Dust,
    EquitySample,
    Event,
    EventKind,
    ExchangeName,
    ExpectedFunding,
    Fill,
    FundingKind,
    FundingPayment,
    FundingRate,
    Hedge,
    HedgeId,
    HedgeStatus,
    Instrument,
    InstrumentId,
    Lease,
    MarketStats,
    Markout,
    OrderRecord,
    OrderReport,
    OrderStatus,
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
    _record_of,
    _samples,
    _stats,
    _trading,
    _transfers,
)
from ._bookkeeping import EntryFilter
from ._bookkeeping_types import LedgerEntry
from ._record_of import HedgeRecord

Begin = Callable[[], AbstractAsyncContextManager[Transaction]]


class JournalReader:
    """What can be read, in a transaction of its own or in one that is open.

    Every method raises StorageError when the storage cannot be read.
    """

    def __init__(self, begin: Begin) -> None:
        self._begin = begin

    async def instruments(self, at_ns: int | None = None) -> tuple[Instrument, ...]:
        """Return each instrument's rules that held at a time, or the newest, by id."""
        async with self._begin() as transaction:
            return await _instruments.instruments(transaction, at_ns)

    async def hedges(
        self, strategy: str | None = None, statuses: Collection[HedgeStatus] | None = None
    ) -> tuple[Hedge, ...]:
        """Return hedges, oldest first."""
        async with self._begin() as transaction:
            return await _hedges.hedges(transaction, strategy, statuses)

    async def hedge(self, hedge_id: HedgeId) -> Hedge | None:
        """Return one hedge, or None."""
        async with self._begin() as transaction:
            return await _hedges.hedge_by_id(transaction, hedge_id)

    async def hedge_record(self, hedge_id: HedgeId, *, slack_ns: int = 0) -> HedgeRecord | None:
        """Return a hedge with its orders and fills as of one moment, or None.

        Args:
            hedge_id: The hedge.
            slack_ns: How long before its creation fills that are not ours may be dated.
        """
        async with self._begin() as transaction:
            return await _record_of.hedge_record(transaction, hedge_id, slack_ns)

    async def orders(
        self, hedge_id: HedgeId | None = None, statuses: Collection[OrderStatus] | None = None
    ) -> tuple[OrderRecord, ...]:
        """Return own orders, oldest first."""
        async with self._begin() as transaction:
            return await _orders.orders(transaction, hedge_id, statuses)

    async def order(self, client_order_id: ClientOrderId, instrument: InstrumentId | None = None) -> OrderRecord | None:
        """Return one order, or None; the instrument tells orders apart that venues made themselves."""
        async with self._begin() as transaction:
            return await _orders.order_by_id(transaction, client_order_id, instrument)

    async def order_reports(self, client_order_id: ClientOrderId) -> tuple[OrderReport, ...]:
        """Return what was learnt about an order, oldest first."""
        async with self._begin() as transaction:
            return await _trading.reports(transaction, client_order_id)

    async def markouts(self) -> tuple[Markout, ...]:
        """Return the mid prices after fills, by order and horizon."""
        async with self._begin() as transaction:
            return await _trading.markouts(transaction)

    async def dust(self) -> tuple[Dust, ...]:
        """Return what finished hedges left behind, oldest first."""
        async with self._begin() as transaction:
            return await _trading.dust(transaction)

    async def lease(self, account: ExchangeName) -> Lease | None:
        """Return who may trade an account; None before the first."""
        async with self._begin() as transaction:
            return await _trading.lease(transaction, account)

    async def fills(
        self,
        since_ns: int | None = None,
        hedge_id: HedgeId | None = None,
        *,
        until_ns: int | None = None,
        exchange: ExchangeName | None = None,
    ) -> tuple[Fill, ...]:
        """Return fills in [since, until), oldest first; of a hedge when asked."""
        async with self._begin() as transaction:
            return await _ledger.fills(
                transaction, since_ns=since_ns, until_ns=until_ns, exchange=exchange, hedge_id=hedge_id
            )

    async def foreign_fills(self, instrument: InstrumentId, since_ns: int) -> tuple[Fill, ...]:
        """Return fills of an instrument, at or after a time, that belong to no own order; oldest first."""
        async with self._begin() as transaction:
            return await _ledger.foreign_fills(transaction, instrument, since_ns)

    async def net_quantity(self, instrument: InstrumentId) -> Decimal:
        """Return the signed contracts that all stored fills of an instrument make."""
        async with self._begin() as transaction:
            return await _ledger.net_quantity(transaction, instrument)

    async def funding_payments(
        self,
        since_ns: int | None = None,
        *,
        until_ns: int | None = None,
        exchange: ExchangeName | None = None,
        instrument: InstrumentId | None = None,
    ) -> tuple[FundingPayment, ...]:
        """Return payments settled in [since, until), oldest first."""
        async with self._begin() as transaction:
            return await _ledger.funding_payments(
                transaction, since_ns=since_ns, until_ns=until_ns, exchange=exchange, instrument=instrument
            )

    async def transfers(
        self, since_ns: int | None = None, *, until_ns: int | None = None, exchange: ExchangeName | None = None
    ) -> tuple[Transfer, ...]:
        """Return transfers in [since, until), oldest first."""
        async with self._begin() as transaction:
            return await _transfers.transfers(transaction, since_ns=since_ns, until_ns=until_ns, exchange=exchange)

    async def expected_funding(
        self,
        since_ns: int | None = None,
        instruments: Collection[InstrumentId] | None = None,
        *,
        accrued: bool | None = None,
    ) -> tuple[ExpectedFunding, ...]:
        """Return what was or is due since a time, oldest first, whether it was paid or not.

        Args:
            since_ns: None is all.
            instruments: None is all.
            accrued: Only what accrued without settlements, or only what settlements owe; None is both.
        """
        async with self._begin() as transaction:
            return await _expected.expected(transaction, instruments=instruments, since_ns=since_ns, accrued=accrued)

    async def accrued_to(self, since_ns: int) -> Mapping[InstrumentId, int]:
        """Return until when it is booked what accrued, of each instrument where anything was since a time."""
        async with self._begin() as transaction:
            return await _expected.accrued_to(transaction, since_ns)

    async def ledger(self, wanted: EntryFilter) -> AsyncIterator[Sequence[LedgerEntry]]:
        """Yield entries by time and id, some thousands at once, as of one moment."""
        async with self._begin() as transaction:
            async for page in _bookkeeping.entry_pages(transaction, wanted):
                yield page

    async def ledger_balances(self, wanted: EntryFilter) -> Mapping[tuple[str, str], Decimal]:
        """Return the exact balance of every account and currency over the entries asked for."""
        async with self._begin() as transaction:
            return await _bookkeeping.balances(transaction, wanted)

    async def wrong_entries(self) -> tuple[str, ...]:
        """Return the ids of ledger entries that are not what their stored event makes."""
        async with self._begin() as transaction:
            return await _rebooking.wrong_entries(transaction)

    async def unbooked(self) -> Mapping[str, int]:
        """Return how many fills and payments have no entry of the ledger, by table."""
        async with self._begin() as transaction:
            return await _rebooking.count_missing(transaction)

    async def funding_rates(
        self, instrument: InstrumentId | None, kind: FundingKind, start_ns: int, end_ns: int
    ) -> tuple[FundingRate, ...]:
        """Return rates of one kind, of one instrument or of all, in [start, end), oldest first."""
        async with self._begin() as transaction:
            return await _rates.funding_rates(transaction, instrument, kind, start_ns, end_ns)

    async def latest_funding_rates(self, kind: FundingKind) -> tuple[FundingRate, ...]:
        """Return the newest rate of each instrument."""
        async with self._begin() as transaction:
            return await _rates.latest_funding_rates(transaction, kind)

    async def stats(self, instrument: InstrumentId | None, start_ns: int, end_ns: int) -> tuple[MarketStats, ...]:
        """Return market statistics of one instrument, or of all, in [start, end), oldest first."""
        async with self._begin() as transaction:
            return await _stats.stats(transaction, instrument, start_ns, end_ns)

    async def latest_stats(self) -> tuple[MarketStats, ...]:
        """Return the newest market statistics of each instrument."""
        async with self._begin() as transaction:
            return await _stats.latest_stats(transaction)

    async def equity(self, start_ns: int | None = None, end_ns: int | None = None) -> tuple[EquitySample, ...]:
        """Return equity samples in [start, end], oldest first."""
        async with self._begin() as transaction:
            return await _samples.equity(transaction, start_ns, end_ns)

    async def positions_at(self, times_ns: Collection[int]) -> tuple[PositionSample, ...]:
        """Return the positions of the snapshots taken at these times."""
        async with self._begin() as transaction:
            return await _samples.positions_at(transaction, tuple(times_ns))

    async def positions_at_last_sample(self) -> tuple[PositionSample, ...]:
        """Return the positions in each exchange's last snapshot."""
        async with self._begin() as transaction:
            return await _samples.positions_at_last_sample(transaction)

    async def events(
        self, after_id: int = 0, limit: int = 1000, kinds: Collection[EventKind] | None = None
    ) -> tuple[tuple[int, Event], ...]:
        """Return up to `limit` events after an id (limit 0: all), oldest first; ids only rise."""
        async with self._begin() as transaction:
            return await _events.events(transaction, after_id, limit, kinds)

    async def state(self, owner: str, key: str) -> str | None:
        """Return what a plugin stored under a key, or None."""
        async with self._begin() as transaction:
            return await _memory.state(transaction, owner, key)

    async def cursor(self, exchange: ExchangeName, what: str) -> int | None:
        """Return how far `what` was read from an exchange, or None."""
        async with self._begin() as transaction:
            return await _memory.cursor(transaction, exchange, what)

    async def clock(self) -> int | None:
        """Return the time last saved by the run, or None."""
        async with self._begin() as transaction:
            return await _memory.clock(transaction)
