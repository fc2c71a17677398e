"""Funding that is due: booked from our own fills, cleared by the venue, alarmed when it does not pay."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal

import pytest

from arb.execution import AccountLeases, Recorder
from arb.funding import FundingBook
from arb.model import (
    HOUR_NS,
    MINUTE_NS,
    SECOND_NS,
    ClientOrderId,
    Event,
    EventKind,
    ExchangeName,
    ExchangeOrderId,
    Fill,
    FillId,
    FundingKind,
    FundingPayment,
    FundingRate,
    Instrument,
    Liquidity,
    MarketStats,
    PaymentId,
    PriceBase,
    RateUnit,
    Severity,
    Side,
)
from arb.runtime._receivables import Receivables
from arb.storage import EntryFilter, FundingState, Journal, settled_funding
from arb.testing import FakeClock, MemoryStorage, sample_instrument

SETTLED_NS = 100 * HOUR_NS


class Desk:
    """One instrument, a journal and a clock."""

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.clock = FakeClock(start_ns=SETTLED_NS - HOUR_NS)
        self.told: list[Event] = []
        self.book = FundingBook()
        self.fills = 0

    async def open(self, storage: MemoryStorage) -> None:
        self.journal = await Journal.open(storage)
        async with self.journal.transaction() as tx:
            await tx.put_instruments([self.instrument], 0)
        await self.restart()

    async def restart(self) -> None:
        leases = AccountLeases(self.clock, holder="test:1:1", is_gone=lambda _: False, ttl_ns=HOUR_NS)
        recorder = Recorder(self.journal, self.clock, self.told.append, leases)
        self.receivables = Receivables(
            instruments={self.instrument.id: self.instrument}, funding=self.book, recorder=recorder, clock=self.clock
        )
        await self.receivables.start()

    def advance_to(self, ts_ns: int) -> None:
        self.clock.advance(ts_ns - self.clock.now_ns())

    async def trade(self, signed: str, ts_ns: int) -> None:
        self.fills += 1
        fill = Fill(
            fill_id=FillId(f"f{self.fills}"),
            client_order_id=ClientOrderId("o"),
            exchange_order_id=ExchangeOrderId("x"),
            instrument=self.instrument.id,
            side=Side.BUY if Decimal(signed) > 0 else Side.SELL,
            price=Decimal(100),
            quantity=abs(Decimal(signed)),
            fee=Decimal(0),
            fee_currency="USDC",
            liquidity=Liquidity.TAKER,
            ts_event_ns=ts_ns,
        )
        async with self.journal.transaction() as tx:
            await tx.add_fills([fill])
        self.receivables.add_fills([fill], {})

    async def price(self, mark: str | None, index: str | None, ts_ns: int) -> None:
        row = MarketStats(
            instrument=self.instrument.id,
            mark_price=None if mark is None else Decimal(mark),
            index_price=None if index is None else Decimal(index),
            volume_24h=None,
            open_interest=None,
            ts_event_ns=ts_ns,
            ts_init_ns=ts_ns,
        )
        async with self.journal.transaction() as tx:
            await tx.add_stats([row])

    async def pay(self, amount: str, ts_ns: int) -> None:
        payment = FundingPayment(
            payment_id=PaymentId(f"p{ts_ns}"),
            instrument=self.instrument.id,
            amount=Decimal(amount),
            currency="USDC",
            settled_ns=ts_ns,
        )
        async with self.journal.transaction() as tx:
            await tx.add_funding_payments([payment])
        self.receivables.add_payments([payment])

    def rate(
        self, raw: str, ts_ns: int, *, kind: FundingKind = FundingKind.SETTLED, interval_ns: int = HOUR_NS
    ) -> FundingRate:
        return FundingRate(
            instrument=self.instrument.id,
            raw=Decimal(raw),
            unit=RateUnit(factor=Decimal("0.01"), period_ns=HOUR_NS),
            interval_ns=interval_ns,
            kind=kind,
            ts_event_ns=ts_ns,
            ts_init_ns=ts_ns,
        )

    def alarms(self) -> list[str]:
        return [event.message for event in self.told if event.kind is EventKind.FUNDING_UNPAID]


def at_desk(body: Callable[[Desk], Awaitable[None]], instrument: Instrument | None = None) -> None:
    async def run() -> None:
        storage = MemoryStorage()
        desk = Desk(instrument or sample_instrument("one", "COIN"))
        await desk.open(storage)
        await body(desk)
        storage.close()

    asyncio.run(run())


def test_a_settlement_owes_by_quantity_price_and_rate() -> None:
    async def body(desk: Desk) -> None:
        await desk.trade("2", SETTLED_NS - HOUR_NS)
        await desk.price("120", "119", SETTLED_NS + MINUTE_NS)
        await desk.price("500", "500", SETTLED_NS + 5 * MINUTE_NS)
        # 0.05 % an hour, written in percent; the long side pays.
        await desk.receivables.update([desk.rate("0.05", SETTLED_NS)])
        (due,) = await desk.journal.expected_funding()
        expected = (Decimal(2), Decimal(120), Decimal("0.0005"), Decimal("-0.12"))
        assert (due.quantity, due.price, due.rate, due.amount) == expected

    at_desk(body)


def test_the_price_is_the_one_the_venue_multiplies_with() -> None:
    async def body(desk: Desk) -> None:
        await desk.trade("-2", SETTLED_NS - HOUR_NS)
        await desk.price("120", "119", SETTLED_NS)
        await desk.receivables.update([desk.rate("0.05", SETTLED_NS)])
        (due,) = await desk.journal.expected_funding()
        assert due.amount == Decimal("0.119")

    at_desk(body, sample_instrument("one", "COIN", funding_price_base=PriceBase.INDEX))


def test_nothing_is_expected_where_it_cannot_be_known() -> None:
    async def body(desk: Desk) -> None:
        await desk.price("120", None, SETTLED_NS)
        await desk.receivables.update([desk.rate("0.05", SETTLED_NS)])  # nothing held
        await desk.trade("2", SETTLED_NS + HOUR_NS - 10 * SECOND_NS)
        await desk.price("120", None, SETTLED_NS + HOUR_NS)
        await desk.receivables.update([desk.rate("0.05", SETTLED_NS + HOUR_NS)])  # a fill too near to tell
        await desk.receivables.update([desk.rate("0.05", SETTLED_NS + 4 * HOUR_NS)])  # no price near it
        assert await desk.journal.expected_funding() == ()

    at_desk(body)


def test_what_is_not_paid_two_intervals_later_is_alarmed_once() -> None:
    async def body(desk: Desk) -> None:
        await desk.trade("2", SETTLED_NS - HOUR_NS)
        await desk.price("100", None, SETTLED_NS)
        desk.advance_to(SETTLED_NS + MINUTE_NS)
        await desk.receivables.update([desk.rate("0.05", SETTLED_NS)])
        desk.advance_to(SETTLED_NS + 2 * HOUR_NS)
        await desk.receivables.update([])
        assert desk.alarms() == []
        desk.advance_to(SETTLED_NS + 2 * HOUR_NS + MINUTE_NS)
        await desk.receivables.update([])
        await desk.receivables.update([])
        (message,) = desk.alarms()
        assert "about -0.10000000 USDC" in message
        assert {event.severity for event in desk.told} == {Severity.ALARM}

    at_desk(body)


def test_a_payment_before_or_after_and_some_seconds_off_is_no_alarm() -> None:
    async def body(desk: Desk) -> None:
        await desk.trade("2", SETTLED_NS - HOUR_NS)
        for number in range(2):
            await desk.price("100", None, SETTLED_NS + number * HOUR_NS)
        await desk.pay("-0.1", SETTLED_NS + 3 * SECOND_NS)
        await desk.receivables.update([desk.rate("0.05", SETTLED_NS), desk.rate("0.05", SETTLED_NS + HOUR_NS)])
        await desk.pay("-0.1", SETTLED_NS + HOUR_NS + 40 * SECOND_NS)
        desk.advance_to(SETTLED_NS + 9 * HOUR_NS)
        await desk.receivables.update([])
        assert desk.alarms() == []

    at_desk(body)


def test_a_restart_remembers_what_is_due_and_what_was_held() -> None:
    async def body(desk: Desk) -> None:
        await desk.trade("2", SETTLED_NS - HOUR_NS)
        await desk.price("100", None, SETTLED_NS)
        await desk.receivables.update([desk.rate("0.05", SETTLED_NS)])
        desk.advance_to(SETTLED_NS + 3 * HOUR_NS)
        await desk.price("100", None, SETTLED_NS + 3 * HOUR_NS)
        await desk.restart()
        await desk.receivables.update([desk.rate("0.05", SETTLED_NS + 3 * HOUR_NS)])
        assert len(await desk.journal.expected_funding()) == 2
        assert len(desk.alarms()) == 1

    at_desk(body)


@pytest.mark.parametrize("amount", ["0", "-0.2", "0.1"])
@pytest.mark.parametrize("paid_first", [True, False])
def test_a_payment_of_nothing_of_double_or_of_the_other_sign_is_an_alarm(amount: str, paid_first: bool) -> None:
    async def body(desk: Desk) -> None:
        await desk.trade("2", SETTLED_NS - HOUR_NS)
        await desk.price("100", None, SETTLED_NS)
        if paid_first:
            await desk.pay(amount, SETTLED_NS)
        await desk.receivables.update([desk.rate("0.05", SETTLED_NS)])
        if not paid_first:
            await desk.pay(amount, SETTLED_NS)
        await desk.receivables.update([])
        (event,) = [one for one in desk.told if one.kind is EventKind.FUNDING_DIFFERS]
        assert event.severity is Severity.ALARM
        assert f"should be about -0.10000000 USDC, and the venue has booked {amount}" in event.message
        desk.advance_to(SETTLED_NS + 9 * HOUR_NS)
        await desk.receivables.update([])
        assert len([one for one in desk.told if one.severity is Severity.ALARM]) == 1

    at_desk(body)


def test_what_a_dead_process_stored_and_did_not_book_is_booked_by_the_next_one() -> None:
    async def body(desk: Desk) -> None:
        await desk.trade("2", SETTLED_NS - HOUR_NS)
        await desk.price("100", None, SETTLED_NS + 40 * MINUTE_NS)
        desk.book.add_settled([desk.rate("0.05", SETTLED_NS)])
        desk.advance_to(SETTLED_NS + 2 * HOUR_NS)
        await desk.restart()
        assert [one.settled_ns for one in await desk.journal.expected_funding()] == [SETTLED_NS]

    at_desk(body)


CONTINUOUS = sample_instrument("one", "COIN", funding_interval_ns=0, funding_price_base=PriceBase.ORACLE)


async def collect(desk: Desk, ts_ns: int, price: str | None = "100", raw: str = "0.06") -> None:
    """Let fills be read at a time, then a rate an hour in percent and a price."""
    desk.advance_to(ts_ns)
    desk.receivables.add_fills([], {desk.instrument.exchange: ts_ns})
    await desk.price(None, price, ts_ns)
    desk.book.observe(desk.rate(raw, ts_ns, kind=FundingKind.PREDICTED, interval_ns=0), ts_ns)
    await desk.receivables.update([])


def test_continuous_funding_accrues_from_the_opening_and_from_one_collection_to_the_next() -> None:
    async def body(desk: Desk) -> None:
        desk.advance_to(SETTLED_NS)
        await desk.trade("2", SETTLED_NS - 10 * MINUTE_NS)
        for minutes in (0, 30):
            await collect(desk, SETTLED_NS + minutes * MINUTE_NS)
        # 0.06 % an hour on 200 dollars.
        rows = await desk.journal.expected_funding()
        assert [(one.amount, one.interval_ns) for one in rows] == [(Decimal("-0.02"), 0), (Decimal("-0.06"), 0)]

    at_desk(body, CONTINUOUS)


def test_continuous_funding_goes_on_where_an_earlier_process_or_a_missing_price_left_it() -> None:
    async def body(desk: Desk) -> None:
        await desk.trade("2", SETTLED_NS - 2 * HOUR_NS)
        await collect(desk, SETTLED_NS, "100")
        await collect(desk, SETTLED_NS + 2 * HOUR_NS, None)
        await collect(desk, SETTLED_NS + 4 * HOUR_NS, "100")
        await desk.restart()
        await desk.receivables.update([])
        assert len(await desk.journal.expected_funding()) == 2, "nobody knows yet what was traded meanwhile"
        await collect(desk, SETTLED_NS + 6 * HOUR_NS, "100")
        # Eight hours of 0.06 % an hour on 200 dollars, none of them twice.
        assert sum(one.amount for one in await desk.journal.expected_funding()) == Decimal("-0.96")

    at_desk(body, CONTINUOUS)


def test_what_accrues_is_cut_where_the_position_changes() -> None:
    async def body(desk: Desk) -> None:
        await desk.trade("2", SETTLED_NS)
        await desk.trade("1", SETTLED_NS + HOUR_NS)
        await desk.trade("-3", SETTLED_NS + 2 * HOUR_NS)
        await collect(desk, SETTLED_NS + 9 * HOUR_NS)
        rows = await desk.journal.expected_funding()
        assert [((one.settled_ns - SETTLED_NS) // HOUR_NS, one.quantity, one.amount) for one in rows] == [
            (1, Decimal(2), Decimal("-0.12")),
            (2, Decimal(3), Decimal("-0.18")),
        ]
        await collect(desk, SETTLED_NS + 10 * HOUR_NS)
        assert len(await desk.journal.expected_funding()) == 2, "nothing accrues on nothing"

    at_desk(body, CONTINUOUS)


def test_what_accrued_while_nothing_ran_is_taken_from_the_history_as_far_as_it_goes() -> None:
    async def body(desk: Desk) -> None:
        await desk.trade("2", SETTLED_NS)
        steps = [desk.rate(raw, SETTLED_NS + hours * HOUR_NS, interval_ns=0) for hours, raw in ((1, "0.5"), (2, "0.7"))]
        desk.book.add_settled(steps)
        await collect(desk, SETTLED_NS + 4 * HOUR_NS)
        (row,) = await desk.journal.expected_funding()
        # Two hours by the history, and two of 0.06 % an hour, on 200 dollars.
        assert row.amount == -Decimal(200) * (Decimal("0.005") + Decimal("0.007") + 2 * Decimal("0.0006"))

    at_desk(body, CONTINUOUS)


@pytest.mark.parametrize("paid_first", [True, False])
def test_what_had_accrued_is_cleared_to_the_last_digit_when_it_is_realised(paid_first: bool) -> None:
    async def body(desk: Desk) -> None:
        await desk.trade("2", SETTLED_NS)
        await collect(desk, SETTLED_NS + HOUR_NS)
        accrued = (f"assets:accrued:{CONTINUOUS.id}", "USDC")
        assert (await desk.journal.ledger_balances(EntryFilter()))[accrued] == Decimal("-0.12")
        await desk.trade("-2", SETTLED_NS + 2 * HOUR_NS)
        if not paid_first:
            await collect(desk, SETTLED_NS + 3 * HOUR_NS)
        await desk.pay("-0.23", SETTLED_NS + 2 * HOUR_NS + SECOND_NS)
        if paid_first:
            await collect(desk, SETTLED_NS + 3 * HOUR_NS)
        assert len(await desk.journal.expected_funding()) == 2
        found = await desk.journal.ledger_balances(EntryFilter())
        assert found[accrued] == found[f"income:expected_funding:{CONTINUOUS.id}", "USDC"] == 0
        assert found["income:funding:one", "USDC"] == Decimal("0.23")
        rows = settled_funding(await desk.journal.expected_funding(), await desk.journal.funding_payments(), 0)
        assert [(one.state, one.expected, one.paid) for one in rows] == [
            (FundingState.PAID, Decimal("-0.24"), Decimal("-0.23"))
        ]

    at_desk(body, CONTINUOUS)


def test_what_is_not_realised_an_hour_after_a_reduction_is_alarmed_once() -> None:
    async def body(desk: Desk) -> None:
        await desk.trade("2", SETTLED_NS)
        await desk.trade("-1", SETTLED_NS + 2 * HOUR_NS)
        await collect(desk, SETTLED_NS + 3 * HOUR_NS)
        assert desk.alarms() == [], "it may still come"
        for minutes in (1, 20):
            await collect(desk, SETTLED_NS + 3 * HOUR_NS + minutes * MINUTE_NS)
        (message,) = desk.alarms()
        assert "accrued until then, about -0.24000000 USDC, is not in the venue's records" in message

        await desk.trade("-1", SETTLED_NS + 5 * HOUR_NS)
        await desk.pay("-0.3", SETTLED_NS + 5 * HOUR_NS)
        await collect(desk, SETTLED_NS + 9 * HOUR_NS)
        assert len(desk.alarms()) == 1

    at_desk(body, CONTINUOUS)


def test_what_was_not_realised_is_not_told_again_by_the_next_session() -> None:
    async def body(desk: Desk) -> None:
        await desk.trade("2", SETTLED_NS)
        await desk.trade("-1", SETTLED_NS + 2 * HOUR_NS)
        await collect(desk, SETTLED_NS + 4 * HOUR_NS)
        assert len(desk.alarms()) == 1
        await desk.restart()
        await collect(desk, SETTLED_NS + 5 * HOUR_NS)
        assert len(desk.alarms()) == 1

    at_desk(body, CONTINUOUS)


def test_a_venue_that_never_realises_is_alarmed_however_often_the_position_changes() -> None:
    async def body(desk: Desk) -> None:
        await desk.trade("20", SETTLED_NS)
        for number in range(1, 9):
            await collect(desk, SETTLED_NS + number * 50 * MINUTE_NS)
            await desk.trade("-1", SETTLED_NS + number * 50 * MINUTE_NS + MINUTE_NS)
        assert len(desk.alarms()) == 1

    at_desk(body, CONTINUOUS)


def test_a_venue_may_realise_nothing_when_a_position_grows() -> None:
    async def body(desk: Desk) -> None:
        await desk.trade("2", SETTLED_NS)
        await desk.trade("1", SETTLED_NS + 2 * HOUR_NS)
        await collect(desk, SETTLED_NS + 9 * HOUR_NS)
        assert desk.alarms() == []
        await desk.trade("-4", SETTLED_NS + 10 * HOUR_NS)
        await collect(desk, SETTLED_NS + 12 * HOUR_NS)
        (message,) = desk.alarms()
        assert "about -1.68000000 USDC" in message, "two hours of two contracts and eight of three"

    at_desk(body, CONTINUOUS)


def test_nothing_accrues_beyond_what_is_known_of_the_fills_of_that_venue() -> None:
    async def body(desk: Desk) -> None:
        await desk.trade("2", SETTLED_NS)
        await collect(desk, SETTLED_NS + HOUR_NS)
        desk.advance_to(SETTLED_NS + 3 * HOUR_NS)
        desk.receivables.add_fills([], {ExchangeName("other"): SETTLED_NS + 3 * HOUR_NS})
        await desk.receivables.update([])
        await desk.trade("-2", SETTLED_NS + 2 * HOUR_NS)
        await desk.pay("-0.24", SETTLED_NS + 2 * HOUR_NS)
        await collect(desk, SETTLED_NS + 4 * HOUR_NS)
        assert sum(one.amount for one in await desk.journal.expected_funding()) == Decimal("-0.24")
        assert (await desk.journal.ledger_balances(EntryFilter()))[f"assets:accrued:{CONTINUOUS.id}", "USDC"] == 0

    at_desk(body, CONTINUOUS)


def test_what_settlements_have_paid_does_not_accrue_again() -> None:
    async def body(desk: Desk) -> None:
        await desk.trade("2", SETTLED_NS)
        await desk.pay("-0.12", SETTLED_NS + 9 * HOUR_NS)
        await collect(desk, SETTLED_NS + 10 * HOUR_NS)
        assert [one.amount for one in await desk.journal.expected_funding()] == [Decimal("-0.12")]

    at_desk(body, CONTINUOUS)


def test_each_part_is_valued_at_the_price_of_its_time_where_it_was_read() -> None:
    async def body(desk: Desk) -> None:
        await desk.trade("2", SETTLED_NS)
        await desk.price(None, "50", SETTLED_NS + HOUR_NS)
        await desk.trade("1", SETTLED_NS + HOUR_NS)
        await desk.trade("1", SETTLED_NS + 4 * HOUR_NS)
        await collect(desk, SETTLED_NS + 7 * HOUR_NS)
        rows = await desk.journal.expected_funding()
        assert {one.quantity: one.price for one in rows} == {2: 50, 3: 100, 4: 100}

    at_desk(body, CONTINUOUS)


def test_a_change_that_realises_next_to_nothing_is_no_alarm() -> None:
    async def body(desk: Desk) -> None:
        await desk.trade("2", SETTLED_NS)
        await desk.trade("-1", SETTLED_NS + MINUTE_NS)
        await collect(desk, SETTLED_NS + 3 * HOUR_NS)
        assert desk.alarms() == []

    at_desk(body, CONTINUOUS)
