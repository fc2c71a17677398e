"""Keeping our record and the venues' in step."""

from __future__ import annotations

import asyncio
from collections.abc import Container, Mapping, Sequence
from decimal import Decimal
from typing import Final

from arb.api import Clock, Exchange, ExchangeError, Rejected
from arb.execution import AccountSync, AtomicMultiOrderExecutor, Recorder
from arb.model import (
    MINUTE_NS,
    SECOND_NS,
    ZERO,
    Dust,
    Event,
    EventKind,
    ExchangeName,
    Fresh,
    FundingPayment,
    Hedge,
    HedgeStatus,
    InstrumentId,
    PositionSide,
    Severity,
    exchange_of,
)
from arb.risk import Halts

from ._accounts import Accounts
from ._attended import LIVE
from ._hedge_money import HedgeMoney
from ._proving import UnitProver
from ._receivables import Receivables
from ._stillness import Stillness

_LATE_FILLS_NS: Final = 20 * SECOND_NS
_UNSEEN_NS: Final = 3 * MINUTE_NS


class Keeper:
    """Reads accounts, fills and payments; continues interrupted hedges; compares the books.

    Attributes:
        hedges: Every hedge that is not final, as stored.
        differences: What the last comparison found, by instrument; while there is one nothing opens.
        stillness: When accounts were still enough for a sample.
    """

    def __init__(
        self,
        *,
        exchanges: Mapping[ExchangeName, Exchange],
        accounts: Accounts,
        sync: AccountSync,
        executor: AtomicMultiOrderExecutor,
        recorder: Recorder,
        money: HedgeMoney,
        receivables: Receivables,
        prover: UnitProver,
        clock: Clock,
        halts: Halts,
    ) -> None:
        self._exchanges = exchanges
        self._accounts = accounts
        self._sync = sync
        self._executor = executor
        self._recorder = recorder
        self._money = money
        self._receivables = receivables
        self._prover = prover
        self._clock = clock
        self._halts = halts
        self._failing: dict[ExchangeName, str] = {}
        self._unseen_since: dict[ExchangeName, int] = {}
        self._alarmed: set[ExchangeName] = set()
        self._fills_known_ns: dict[ExchangeName, int] = {}
        self.stillness = Stillness(exchanges)
        self._differs_since: dict[InstrumentId, int] = {}
        self._changed_ns: dict[InstrumentId, int] = {}
        self.hedges: Sequence[Hedge] = ()
        self.differences: Mapping[InstrumentId, str] = {}

    async def start(self) -> None:
        """Take over what an earlier run left."""
        await self._sync.start(self._clock.now_ns())
        await self._receivables.start()
        self.hedges = await self._recorder.journal.hedges(statuses=LIVE)
        self._executor.take_up([*self.hedges, *await self._dusty()])

    async def load_money(self) -> None:
        """Value what the hedges have earned and paid; the currencies' dollars have to be known."""
        await self._money.load(self._recorder.journal, self.hedges)

    async def update(self) -> None:
        """Bring everything up to date; a venue that cannot be read is reported and keeps its old state."""
        failures = dict(await self._accounts.refresh())
        names = [name for name, exchange in self._exchanges.items() if exchange.trading is not None]
        pulled = await asyncio.gather(*(self._pull(name) for name in names))
        for name, result in zip(names, pulled, strict=True):
            if isinstance(result, ExchangeError):
                failures.setdefault(name, result)
            else:
                self._share(result)
        await self._report(failures)
        fills = self._sync.take_fills()
        self.stillness.add_fills(fills)
        self._receivables.add_fills(fills, self._fills_known_ns)
        filled = frozenset(fill.instrument for fill in fills)
        await self.reload()
        self._executor.take_up(hedge for hedge in self.hedges if _needs_work(hedge, filled))
        if filled:
            self._executor.take_up(await self._dusty(filled))
        await self._compare()
        # What is new is not always news to us: a process that lost its lease may have stored the fill.
        self._executor.take_up(hedge for hedge in self.hedges if _is_on(hedge, self.differences))

    def expect_transfers(self) -> None:
        """Let the next update ask for transfers: the books are about to be closed."""
        self._sync.expect_transfers()

    async def reload(self) -> None:
        """Read the hedges again, after one was opened or closed."""
        before = {hedge.id: hedge for hedge in self.hedges}
        self.hedges = await self._recorder.journal.hedges(statuses=LIVE)
        for hedge in self.hedges:
            if before.get(hedge.id) != hedge:
                self._changed_ns.update((leg.instrument, self._clock.now_ns()) for leg in hedge.legs)
                self._money.set_fills(hedge, await self._recorder.journal.fills(hedge_id=hedge.id))
        live = {hedge.id for hedge in self.hedges}
        for hedge in before.values():
            # What its last fills realise comes when it is not live any more.
            if hedge.id not in live and self._money.accrues_on(hedge):
                self._money.set_fills(hedge, await self._recorder.journal.fills(hedge_id=hedge.id))

    async def _pull(self, name: ExchangeName) -> Sequence[FundingPayment] | ExchangeError:
        began_ns = self._clock.now_ns()
        try:
            await self._sync.pull_fills(name)
            self._fills_known_ns[name] = began_ns
            await self._sync.pull_transfers(name)
            return await self._sync.pull_payments(name)
        except ExchangeError as error:
            return error

    def _share(self, payments: Sequence[FundingPayment]) -> None:
        self._receivables.add_payments(payments)
        self._prover.add_payments(payments)
        for payment in payments:
            holders = [hedge for hedge in self.hedges if hedge.created_ns < payment.settled_ns]
            self._money.add_payment(payment, holders)

    async def _report(self, failures: Mapping[ExchangeName, ExchangeError]) -> None:
        events = [
            self._event(EventKind.EXCHANGE_FAILED, name, str(error), Severity.WARNING)
            for name, error in failures.items()
            if self._failing.get(name) != _kind(error)
        ]
        events += [
            self._event(EventKind.EXCHANGE_RECOVERED, name, f"{name} can be read again", Severity.INFO)
            for name in self._failing
            if name not in failures
        ]
        self._failing = {name: _kind(error) for name, error in failures.items()}
        events += self._unseen(failures)
        if events:
            await self._recorder.events(events)

    def _unseen(self, failures: Mapping[ExchangeName, ExchangeError]) -> list[Event]:
        """Return alarms for venues that hold a leg and have not been readable for long; once as long as it lasts."""
        now_ns = self._clock.now_ns()
        self._unseen_since = {name: self._unseen_since.get(name, now_ns) for name in failures}
        self._alarmed &= failures.keys()
        holding = {exchange_of(leg.instrument) for hedge in self.hedges for leg in hedge.legs if leg.open_quantity}
        late = [name for name, since_ns in self._unseen_since.items() if now_ns - since_ns > _UNSEEN_NS]
        new = [name for name in late if name in holding and name not in self._alarmed]
        self._alarmed |= set(new)
        text = "it holds legs of hedges and has not been readable for minutes: nobody knows what becomes of them"
        return [self._event(EventKind.EXCHANGE_FAILED, name, f"{name}: {text}", Severity.ALARM) for name in new]

    async def _compare(self) -> None:
        """Compare the venues' positions with our hedges and dust where neither is moving."""
        found: dict[InstrumentId, str] = {}
        dust: dict[InstrumentId, Decimal] = {}
        for one in await self._recorder.journal.dust():
            dust[one.instrument] = dust.get(one.instrument, ZERO) + one.quantity
        for name in self._exchanges:
            reading = self._accounts.state(name)
            if not isinstance(reading, Fresh):
                # Not to see a difference is not to see that there is none.
                found.update((key, text) for key, text in self.differences.items() if exchange_of(key) == name)
                continue
            # Positions that were read before a hedge changed are no news of it.
            newer = {key for key, changed_ns in self._changed_ns.items() if changed_ns > reading.observed_ns}
            found.update((key, text) for key, text in self.differences.items() if key in newer)
            held = {position.instrument: position.quantity for position in reading.value.positions}
            ours, moving = _expected(self.hedges, name)
            for instrument in held.keys() | ours.keys() | {key for key in dust if exchange_of(key) == name}:
                venue = held.get(instrument, ZERO)
                record = ours.get(instrument, ZERO) + dust.get(instrument, ZERO)
                if venue != record and instrument not in moving | newer:
                    found[instrument] = f"{instrument}: the venue holds {venue}, our hedges hold {record}"
        news = [text for instrument, text in found.items() if self.differences.get(instrument) != text]
        self.differences = found
        if news:
            await self._recorder.events(
                [self._event(EventKind.BOOKS_DIFFER, text.split(":")[0], text, Severity.ALARM) for text in news]
            )
        self._halt_lasting(found)

    async def _dusty(self, filled: frozenset[InstrumentId] | None = None) -> list[Hedge]:
        """Return the finished hedges with dust that somebody may have closed, of those with new fills.

        Where a live hedge holds the same side of an instrument, what was closed is that hedge's.
        """
        held = {(leg.instrument, leg.side) for hedge in self.hedges for leg in hedge.legs}
        rows = await self._recorder.journal.dust()
        ids = [
            one.hedge_id
            for one in rows
            if (one.instrument, _side_of(one)) not in held and (filled is None or one.instrument in filled)
        ]
        found = [await self._recorder.journal.hedge(hedge_id) for hedge_id in dict.fromkeys(ids)]
        return [hedge for hedge in found if hedge is not None]

    def _halt_lasting(self, found: Mapping[InstrumentId, str]) -> None:
        """Halt an exchange whose positions go on differing: no fill explains it, so a person has to."""
        now_ns = self._clock.now_ns()
        for instrument, text in found.items():
            # By how much may change at every look: a position that grows is no smaller a difference.
            since_ns = self._differs_since.setdefault(instrument, now_ns)
            name = exchange_of(instrument)
            # Reads may lag, fills may come late: only what outlasts both is a difference of its own.
            patience_ns = 2 * self._exchanges[name].traits.read_after_write_ns + _LATE_FILLS_NS
            if now_ns - since_ns > patience_ns and self._halts.blocking(name) is None:
                self._halts.hold(name, text, by="books")
        self._differs_since = {key: value for key, value in self._differs_since.items() if key in found}

    def _event(self, kind: EventKind, subject: str, message: str, severity: Severity) -> Event:
        return Event(ts_ns=self._clock.now_ns(), kind=kind, subject=subject, message=message, severity=severity)


def _kind(error: ExchangeError) -> str:
    """Return what makes a failure another one; a venue in trouble answers now with this code, now with that."""
    return "refused" if isinstance(error, Rejected) else "unreachable"


def _side_of(dust: Dust) -> PositionSide:
    return PositionSide.LONG if dust.quantity > 0 else PositionSide.SHORT


def _needs_work(hedge: Hedge, filled: frozenset[InstrumentId]) -> bool:
    """Whether execution should look at a hedge: it moves, waits for a person, or something of it was traded."""
    waits = hedge.status is HedgeStatus.HALTED
    return hedge.status.is_moving or waits or _is_on(hedge, filled)


def _is_on(hedge: Hedge, instruments: Container[InstrumentId]) -> bool:
    return any(leg.instrument in instruments for leg in hedge.legs)


def _expected(hedges: Sequence[Hedge], exchange: ExchangeName) -> tuple[dict[InstrumentId, Decimal], set[InstrumentId]]:
    """Return the signed contracts our hedges hold on an exchange, and which of them are being traded."""
    held: dict[InstrumentId, Decimal] = {}
    moving: set[InstrumentId] = set()
    for hedge in hedges:
        for leg in hedge.legs:
            if exchange_of(leg.instrument) != exchange:
                continue
            held[leg.instrument] = held.get(leg.instrument, ZERO) + leg.open_quantity * leg.side.sign
            if hedge.status.is_moving:
                moving.add(leg.instrument)
    return held, moving
