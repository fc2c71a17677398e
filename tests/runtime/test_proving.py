"""Units proved live: a venue that does not pay what it publishes is done without, until it is proved again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal

from arb.api import Capability
from arb.execution import AccountLeases, Recorder
from arb.funding import FundingBook
from arb.model import (
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    SECOND_NS,
    ClientOrderId,
    Event,
    EventKind,
    ExchangeName,
    ExchangeOrderId,
    ExpectedFunding,
    Fill,
    FillId,
    FundingKind,
    FundingPayment,
    FundingRate,
    InstrumentId,
    Liquidity,
    MarketStats,
    PaymentId,
    RateUnit,
    Severity,
    Side,
)
from arb.runtime._proving import UnitProver
from arb.storage import Journal
from arb.testing import FakeClock, Fault, MemoryExchange, MemoryStorage

FIRST_NS = 1_000 * HOUR_NS
EVERYTHING = frozenset(Capability)
A, B = ExchangeName("a"), ExchangeName("b")
PERCENT, FRACTION = Decimal("0.01"), Decimal(1)
RAWS = ("0.0125", "0.0310", "-0.0200", "0.0088", "0.0141")
"""Percent an hour, as published; the venue pays rightly."""


class Desk:
    """Two venues whose numbers are percent: `a` is read rightly, `b` by a plugin of the test's choice."""

    interval_ns = HOUR_NS

    def __init__(self, storage: MemoryStorage) -> None:
        self.storage = storage
        self.clock = FakeClock(start_ns=FIRST_NS)
        self.told: list[Event] = []

    async def open(
        self, factor_of_b: Decimal, capabilities: frozenset[Capability] = EVERYTHING, fault: Fault | None = None
    ) -> None:
        """Begin a session: the book and the prover remember only what is stored."""
        self.journal = await Journal.open(self.storage)
        self.factors = {A: PERCENT, B: factor_of_b}
        self.exchanges = {
            one.name: one
            for one in (MemoryExchange(name, clock=self.clock, capabilities=capabilities) for name in (A, B))
        }
        async with self.journal.transaction() as tx:
            for one in self.exchanges.values():
                instruments = await one.market.fetch_instruments()
                await tx.put_instruments(
                    [replace(each, funding_interval_ns=self.interval_ns) for each in instruments], 0
                )
        self.book = FundingBook()
        for one in self.exchanges.values():
            for hour in range(self.hours_passed() + 1):
                one.add_history(self.rate(one, hour))
            self.book.add_settled(await self.journal.funding_rates(one.id_of("BTC"), FundingKind.SETTLED, 0, 2**62))
            one.faults.always("fetch_funding_history", fault)
        leases = AccountLeases(self.clock, holder="test:1:1", is_gone=lambda _: False, ttl_ns=HOUR_NS)
        self.prover = UnitProver(
            exchanges=self.exchanges,
            funding=self.book,
            recorder=Recorder(self.journal, self.clock, self.told.append, leases),
            clock=self.clock,
            timeout_ns=SECOND_NS,
        )
        await self.prover.start()

    def hours_passed(self) -> int:
        return (self.clock.now_ns() - FIRST_NS) // HOUR_NS

    def rate(self, exchange: MemoryExchange, hour: int) -> FundingRate:
        return FundingRate(
            instrument=exchange.id_of("BTC"),
            raw=Decimal(RAWS[hour % len(RAWS)]),
            unit=RateUnit(factor=self.factors[exchange.name], period_ns=HOUR_NS),
            interval_ns=self.interval_ns,
            kind=FundingKind.SETTLED,
            ts_event_ns=FIRST_NS + hour * HOUR_NS,
            ts_init_ns=self.clock.now_ns(),
        )

    async def settle(self, *names: str, bare: bool = False, really: int = 1) -> None:
        """Let an hour pass, pay it at each venue, and collect its rate."""
        self.clock.advance(HOUR_NS)
        hour = self.hours_passed()
        for name in names:
            exchange = self.exchanges[ExchangeName(name)]
            rate = self.rate(exchange, hour)
            payment = self.payment(rate, bare=bare, really=really)
            exchange.add_history(rate)
            async with self.journal.transaction() as tx:
                await tx.add_funding_payments([payment])
                await tx.add_funding_rates([rate])
                if bare:
                    await tx.add_expected_funding([self.expected(rate)])
            self.prover.add_payments([payment])
            # Its rate is published some minutes later.
            await self.prover.update()
            self.book.add_settled([rate])
        await self.prover.update()

    def payment(self, rate: FundingRate, *, bare: bool = False, really: int = 1) -> FundingPayment:
        return FundingPayment(
            payment_id=PaymentId(f"{rate.instrument}{rate.ts_event_ns}"),
            instrument=rate.instrument,
            amount=Decimal(2) * 50_000 * rate.raw * PERCENT * really,
            currency="USDC",
            settled_ns=rate.ts_event_ns,
            quantity=None if bare else Decimal(-2),
            price=None if bare else Decimal(50_000),
        )

    def expected(self, rate: FundingRate) -> ExpectedFunding:
        return ExpectedFunding(
            instrument=rate.instrument,
            settled_ns=rate.ts_event_ns,
            quantity=Decimal(-2),
            price=Decimal(51_000),
            rate=rate.rate,
            interval_ns=HOUR_NS,
            amount=2 * 51_000 * rate.rate,
            currency="USDC",
        )

    def news(self) -> list[tuple[EventKind, str, Severity]]:
        return [(one.kind, one.subject, one.severity) for one in self.told]


ALARM = (EventKind.FUNDING_QUARANTINED, "b", Severity.ALARM)
RELEASE = (EventKind.FUNDING_RELEASED, "b", Severity.INFO)


def at_desk(body: Callable[[Desk], Awaitable[None]]) -> None:
    async def run() -> None:
        storage = MemoryStorage()
        await body(Desk(storage))
        storage.close()

    asyncio.run(run())


def quarantined(desk: Desk) -> set[str]:
    return set(desk.book.quarantines)


def test_three_settlements_that_do_not_fit_are_an_alarm_once_and_the_other_venue_goes_on() -> None:
    async def body(desk: Desk) -> None:
        await desk.open(FRACTION)
        for _ in range(2):
            await desk.settle("a", "b")
        assert quarantined(desk) == set()
        for _ in range(4):
            await desk.settle("a", "b")
        assert quarantined(desk) == {"b"}
        assert desk.news() == [ALARM]
        (alarm,) = desk.told
        assert "a number in percent is taken for a fraction" in alarm.message
        assert alarm.data["ratio"] == "0.01"
        # What strategies are told does not change with each settlement.
        assert desk.book.quarantined(B) == alarm.data["reason"]

    at_desk(body)


def test_it_survives_a_restart_without_a_second_alarm_and_a_mended_plugin_ends_it() -> None:
    async def body(desk: Desk) -> None:
        await desk.open(FRACTION)
        for _ in range(4):
            await desk.settle("a", "b")
        await desk.open(FRACTION)
        assert quarantined(desk) == {"b"}
        assert "percent" in desk.book.quarantined(B)
        await desk.open(PERCENT)
        assert quarantined(desk) == set()
        assert desk.news() == [ALARM, RELEASE]
        # What was stored as it was misread is replaced, and the rest of that history is read anew.
        instrument = desk.exchanges[B].id_of("BTC")
        stored = await desk.journal.funding_rates(instrument, FundingKind.SETTLED, 0, 2**62)
        assert {rate.unit.factor for rate in stored} == {PERCENT}
        assert desk.book.last_settled_ns(instrument) is None
        await desk.open(PERCENT)
        assert desk.news() == [ALARM, RELEASE]

    at_desk(body)


def test_that_nothing_was_paid_for_long_ends_no_quarantine() -> None:
    async def body(desk: Desk) -> None:
        await desk.open(FRACTION)
        for _ in range(4):
            await desk.settle("b")
        desk.clock.advance(40 * DAY_NS)
        await desk.open(FRACTION)
        assert quarantined(desk) == {"b"}
        await desk.open(PERCENT)
        assert quarantined(desk) == set()
        assert desk.news() == [ALARM, RELEASE]

    at_desk(body)


def test_a_plugin_that_an_update_broke_is_caught_at_the_start() -> None:
    async def body(desk: Desk) -> None:
        await desk.open(PERCENT)
        for _ in range(4):
            await desk.settle("a", "b")
        assert desk.news() == []
        await desk.open(FRACTION)
        assert quarantined(desk) == {"b"}
        assert desk.news() == [ALARM]

    at_desk(body)


def test_a_venue_that_gives_no_history_is_judged_by_what_is_stored() -> None:
    async def body(desk: Desk) -> None:
        await desk.open(FRACTION)
        for _ in range(4):
            await desk.settle("b")
        await desk.open(PERCENT, EVERYTHING - {Capability.FUNDING_HISTORY})
        assert quarantined(desk) == {"b"}

    at_desk(body)


def test_a_history_that_cannot_be_read_is_asked_for_once_and_changes_nothing() -> None:
    async def body(desk: Desk) -> None:
        await desk.open(FRACTION)
        for _ in range(4):
            await desk.settle("b")
        async with desk.journal.transaction() as tx:
            other = replace(desk.rate(desk.exchanges[B], 4), instrument=InstrumentId("ETH-PERP.b"))
            await tx.add_funding_payments([desk.payment(other)])
        await desk.open(PERCENT, fault=Fault.not_sent())
        assert quarantined(desk) == {"b"}
        assert desk.news() == [ALARM]
        assert desk.exchanges[B].faults.calls["fetch_funding_history"] == 1

    at_desk(body)


def test_a_venue_is_released_by_what_it_pays_from_then_on() -> None:
    async def body(desk: Desk) -> None:
        await desk.open(PERCENT)
        for _ in range(4):
            await desk.settle("b", really=8)
        assert quarantined(desk) == {"b"}
        for _ in range(12):
            await desk.settle("b")
        assert quarantined(desk) == set()
        assert desk.news() == [ALARM, RELEASE]

    at_desk(body)


def test_where_the_venue_names_neither_quantity_nor_price_ours_tell_a_wrong_unit() -> None:
    async def body(desk: Desk) -> None:
        await desk.open(FRACTION)
        for _ in range(4):
            await desk.settle("a", "b", bare=True)
        assert quarantined(desk) == {"b"}

    at_desk(body)


class AccruingDesk(Desk):
    """The same venues, whose funding accrues: a short of two contracts is paid when it is closed."""

    interval_ns = 0

    async def hold(self, name: str, hours: int, *, really: int = 1) -> None:
        """Open, hold and close a position; what it was paid is told before the rates of the last two hours."""
        exchange = self.exchanges[ExchangeName(name)]
        opened_ns, first = self.clock.now_ns(), self.hours_passed() + 1
        rates = [self.rate(exchange, hour) for hour in range(first, first + hours)]
        self.clock.advance(hours * HOUR_NS)
        for rate in rates:
            exchange.add_history(rate)
        paid = sum((self.payment(rate).amount for rate in rates), Decimal(0)) * really
        payment = replace(self.payment(rates[-1], bare=True), amount=paid)
        fills = [self.fill(payment.instrument, Side.SELL, opened_ns), self.fill(payment.instrument, Side.BUY)]
        async with self.journal.transaction() as tx:
            await tx.add_fills(fills)
            await tx.add_stats([self.stats(rate) for rate in rates])
            await tx.add_funding_payments([payment])
            await tx.add_funding_rates(rates)
        self.prover.add_payments([payment])
        self.book.add_settled(rates[:-2])
        await self.prover.update()
        self.book.add_settled(rates)
        await self.prover.update()
        await self.wait(1)

    async def wait(self, hours: int, *, predicted: int | None = None) -> None:
        """Let hours pass in which nothing is held, and collect what is predicted and what accrues.

        Args:
            hours: How many.
            predicted: The factor by which the plugin of `b` misreads predictions; None reads none.
        """
        for _ in range(hours):
            self.clock.advance(HOUR_NS)
            rates = [self.rate(one, self.hours_passed()) for one in self.exchanges.values()]
            for one, rate in zip(self.exchanges.values(), rates, strict=True):
                one.add_history(rate)
            async with self.journal.transaction() as tx:
                if predicted is not None:
                    await tx.add_funding_rates([one for rate in rates for one in self.readings(rate, predicted)])
                await tx.add_funding_rates(rates)
            self.book.add_settled(rates)
            await self.prover.update()

    def readings(self, accrued: FundingRate, factor: int) -> list[FundingRate]:
        """Return what was read during an hour of what came to be."""
        raw = accrued.raw * (factor if accrued.instrument.endswith(".b") else 1)
        times = [accrued.ts_event_ns - minutes * MINUTE_NS for minutes in (59, 45, 30, 15, 0)]
        one = replace(accrued, kind=FundingKind.PREDICTED, raw=raw)
        return [replace(one, ts_event_ns=ts_ns, ts_init_ns=ts_ns) for ts_ns in times]

    def stats(self, rate: FundingRate) -> MarketStats:
        return MarketStats(
            instrument=rate.instrument,
            mark_price=Decimal(51_000),
            index_price=Decimal(51_000),
            volume_24h=None,
            open_interest=None,
            ts_event_ns=rate.ts_event_ns,
            ts_init_ns=rate.ts_event_ns,
        )

    def fill(self, instrument: InstrumentId, side: Side, ts_ns: int | None = None) -> Fill:
        ts_ns = self.clock.now_ns() if ts_ns is None else ts_ns
        return Fill(
            fill_id=FillId(str(ts_ns)),
            client_order_id=ClientOrderId("o"),
            exchange_order_id=ExchangeOrderId("x"),
            instrument=instrument,
            side=side,
            price=Decimal(50_000),
            quantity=Decimal(2),
            fee=Decimal(0),
            fee_currency="USDC",
            liquidity=Liquidity.TAKER,
            ts_event_ns=ts_ns,
        )


def at_accruing_desk(body: Callable[[AccruingDesk], Awaitable[None]]) -> None:
    async def run() -> None:
        storage = MemoryStorage()
        await body(AccruingDesk(storage))
        storage.close()

    asyncio.run(run())


def test_what_is_realised_at_changes_of_a_position_proves_too_and_is_judged_anew_at_a_start() -> None:
    async def body(desk: AccruingDesk) -> None:
        await desk.open(FRACTION)
        for hours in (10, 15):
            await desk.hold("b", hours)
            await desk.hold("a", hours)
        assert desk.news() == []
        await desk.hold("b", 20)
        assert quarantined(desk) == {"b"}
        assert desk.news() == [ALARM]
        assert "a number in percent is taken for a fraction" in desk.told[0].message
        # A session that begins with the plugin mended reads the whole stretches anew, a day at a time.
        await desk.open(PERCENT)
        assert quarantined(desk) == set()
        assert desk.news() == [ALARM, RELEASE]
        assert desk.exchanges[B].faults.calls["fetch_funding_history"] == 5

    at_accruing_desk(body)


def test_where_funding_accrues_a_quarantine_is_ended_by_what_is_paid_in_it() -> None:
    async def body(desk: AccruingDesk) -> None:
        await desk.open(PERCENT)
        for _ in range(3):
            await desk.hold("b", 10, really=8)
        assert quarantined(desk) == {"b"}
        for _ in range(9):
            await desk.hold("b", 10)
        assert quarantined(desk) == set()
        assert desk.news() == [ALARM, RELEASE]

    at_accruing_desk(body)


def test_predictions_that_are_misread_are_found_though_the_history_is_right() -> None:
    async def body(desk: AccruingDesk) -> None:
        await desk.open(PERCENT)
        for _ in range(3):
            await desk.hold("b", 10)
        await desk.wait(6, predicted=8)
        assert quarantined(desk) == {"b"}
        assert desk.news() == [ALARM]
        (alarm,) = desk.told
        assert "what accrued over what was predicted is 0.125" in alarm.message
        assert "a rate of eight hours is taken for one of an hour" in alarm.message
        # The history is as right as it was: that, and what it pays, releases nothing.
        await desk.open(PERCENT)
        await desk.hold("b", 10)
        await desk.wait(6, predicted=8)
        assert quarantined(desk) == {"b"}

    at_accruing_desk(body)


def test_predictions_that_are_mended_end_their_quarantine_though_nothing_is_held_in_it() -> None:
    async def body(desk: AccruingDesk) -> None:
        await desk.open(PERCENT)
        await desk.hold("b", 10)
        await desk.wait(6, predicted=8)
        assert quarantined(desk) == {"b"}
        desk.clock.advance(30 * DAY_NS)
        await desk.open(PERCENT)
        await desk.wait(6, predicted=1)
        assert quarantined(desk) == set()
        assert desk.news() == [ALARM, RELEASE]
        await desk.open(PERCENT)
        await desk.wait(6, predicted=1)
        assert desk.news() == [ALARM, RELEASE]

    at_accruing_desk(body)
