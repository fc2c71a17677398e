"""Funding that is due: booked from our own fills, cleared by the venue, alarmed when it does not pay."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from itertools import accumulate, pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arb.execution import AccountLeases, Recorder
from arb.funding import FundingBook
from arb.model import (
    HOUR_NS,
    MINUTE_NS,
    SECOND_NS,
    ZERO,
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


ACCRUED = (f"assets:accrued:{CONTINUOUS.id}", "USDC")
EXPECTED = (f"income:expected_funding:{CONTINUOUS.id}", "USDC")


async def accrued(desk: Desk) -> Decimal:
    """Return what the books say has accrued and was not realised."""
    found = await desk.journal.ledger_balances(EntryFilter())
    assert found.get(ACCRUED, ZERO) == -found.get(EXPECTED, ZERO)
    assert await desk.journal.wrong_entries() == ()
    return found.get(ACCRUED, ZERO)


async def rows_until(desk: Desk) -> list[tuple[int, Decimal]]:
    """Return the minute at which each row ends, and its amount."""
    return [((one.settled_ns - SETTLED_NS) // MINUTE_NS, one.amount) for one in await desk.journal.expected_funding()]


def test_continuous_funding_accrues_from_the_opening_and_by_the_hour() -> None:
    async def body(desk: Desk) -> None:
        desk.advance_to(SETTLED_NS)
        await desk.trade("2", SETTLED_NS - 10 * MINUTE_NS)
        # 0.06 % an hour on 200 dollars, then twice that. The first is booked at once: the next process begins there.
        for minutes in (0, 20, 40):
            await collect(desk, SETTLED_NS + minutes * MINUTE_NS)
        assert await rows_until(desk) == [(0, Decimal("-0.02"))]
        await collect(desk, SETTLED_NS + HOUR_NS, raw="0.12")
        assert await rows_until(desk) == [(0, Decimal("-0.02")), (60, Decimal("-0.16"))]
        *_, hour = await desk.journal.expected_funding()
        assert (hour.interval_ns, hour.rate) == (0, Decimal("0.0008"))
        assert (hour.quantity, hour.price) == (Decimal(2), Decimal(100))

    at_desk(body, CONTINUOUS)


def test_a_day_is_some_rows_and_the_end_of_the_run_books_what_is_left() -> None:
    async def body(desk: Desk) -> None:
        await desk.trade("2", SETTLED_NS)
        for minutes in range(4, 24 * 60, 4):
            await collect(desk, SETTLED_NS + minutes * MINUTE_NS)
        booked = await desk.journal.expected_funding()
        assert len(booked) <= 25
        assert await accrued(desk) == sum(one.amount for one in booked)
        desk.advance_to(SETTLED_NS + 24 * HOUR_NS)
        desk.receivables.add_fills([], {CONTINUOUS.exchange: SETTLED_NS + 24 * HOUR_NS})
        await desk.receivables.close()
        assert await accrued(desk) == Decimal("-2.88"), "0.06 % an hour on 200 dollars"
        await desk.receivables.close()
        assert await accrued(desk) == Decimal("-2.88")

    at_desk(body, CONTINUOUS)


def test_a_process_that_is_killed_loses_nothing_that_the_next_one_does_not_read_again() -> None:
    async def body(desk: Desk) -> None:
        await desk.trade("2", SETTLED_NS)
        for minutes in (10, 50, 69, 80, 120):
            await collect(desk, SETTLED_NS + minutes * MINUTE_NS)
            if minutes != 69:
                await desk.restart()
        # 0.06 % an hour on 200 dollars: each time the next process goes on from the last row.
        assert await rows_until(desk) == [(10, Decimal("-0.02")), (80, Decimal("-0.14"))]
        await collect(desk, SETTLED_NS + 130 * MINUTE_NS)
        await desk.receivables.close()
        assert await accrued(desk) == Decimal("-0.26")

    at_desk(body, CONTINUOUS)


@pytest.mark.parametrize("with_a_fill", [True, False])
def test_what_is_realised_after_a_kill_clears_what_the_next_process_reads_again(with_a_fill: bool) -> None:
    async def body(desk: Desk) -> None:
        await desk.trade("2", SETTLED_NS)
        for minutes in (1, 20, 40):
            await collect(desk, SETTLED_NS + minutes * MINUTE_NS)
        if with_a_fill:
            await desk.trade("-1", SETTLED_NS + 45 * MINUTE_NS)
        await desk.pay("-0.09", SETTLED_NS + 45 * MINUTE_NS)
        assert await accrued(desk) == 0, "a row of a minute was booked, and is realised"
        await desk.restart()
        await collect(desk, SETTLED_NS + 55 * MINUTE_NS)
        assert await rows_until(desk) == [(1, Decimal("-0.002")), (45, Decimal("-0.088"))]
        assert await accrued(desk) == 0
        await desk.receivables.close()
        assert await accrued(desk) == Decimal("-0.01" if with_a_fill else "-0.02"), "what accrued since"

    at_desk(body, CONTINUOUS)


def test_a_fill_books_what_had_accrued_and_what_is_realised_leaves_nothing() -> None:
    async def body(desk: Desk) -> None:
        await desk.trade("2", SETTLED_NS)
        for minutes in range(1, 30):
            await collect(desk, SETTLED_NS + minutes * MINUTE_NS)
        assert len(await desk.journal.expected_funding()) == 1
        closed_ns = SETTLED_NS + 29 * MINUTE_NS + 30 * SECOND_NS
        await desk.trade("-2", closed_ns)
        await collect(desk, SETTLED_NS + 30 * MINUTE_NS)
        assert await accrued(desk) == Decimal("-0.059")
        assert [one.settled_ns for one in await desk.journal.expected_funding()][1:] == [closed_ns]
        await desk.pay("-0.06", closed_ns)
        await collect(desk, SETTLED_NS + 31 * MINUTE_NS)
        assert await accrued(desk) == 0
        assert len(await desk.journal.expected_funding()) == 2

    at_desk(body, CONTINUOUS)


def test_the_same_contracts_closed_and_opened_again_are_rows_of_their_own() -> None:
    async def body(desk: Desk) -> None:
        await desk.trade("2", SETTLED_NS)
        await collect(desk, SETTLED_NS + MINUTE_NS)
        await desk.trade("-2", SETTLED_NS + 10 * MINUTE_NS)
        await desk.trade("2", SETTLED_NS + 15 * MINUTE_NS)
        for minutes in (16, 17, 18):
            await collect(desk, SETTLED_NS + minutes * MINUTE_NS)
        assert await rows_until(desk) == [(1, Decimal("-0.002")), (10, Decimal("-0.018"))]
        await desk.pay("-0.02", SETTLED_NS + 10 * MINUTE_NS)
        await desk.receivables.close()
        assert await rows_until(desk) == [(1, Decimal("-0.002")), (10, Decimal("-0.018")), (18, Decimal("-0.006"))]
        assert await accrued(desk) == Decimal("-0.006")

    at_desk(body, CONTINUOUS)


def test_what_is_realised_without_a_fill_is_booked_and_cleared_with_the_next_collection() -> None:
    async def body(desk: Desk) -> None:
        await desk.trade("2", SETTLED_NS)
        for minutes in (1, 20):
            await collect(desk, SETTLED_NS + minutes * MINUTE_NS)
        await desk.pay("-0.04", SETTLED_NS + 20 * MINUTE_NS + 30 * SECOND_NS)
        await collect(desk, SETTLED_NS + 21 * MINUTE_NS)
        assert await rows_until(desk) == [(1, Decimal("-0.002")), (21, Decimal("-0.04"))]
        assert await accrued(desk) == 0
        for minutes in (22, 23):
            await collect(desk, SETTLED_NS + minutes * MINUTE_NS)
        assert len(await desk.journal.expected_funding()) == 2

    at_desk(body, CONTINUOUS)


def test_a_fill_that_is_told_late_cuts_what_was_taken_for_accrued() -> None:
    async def body(desk: Desk) -> None:
        await desk.trade("2", SETTLED_NS)
        for minutes in range(1, 41):
            await collect(desk, SETTLED_NS + minutes * MINUTE_NS)
        closed_ns = SETTLED_NS + 35 * MINUTE_NS + 30 * SECOND_NS
        await desk.trade("-2", closed_ns)
        await desk.pay("-0.071", closed_ns)
        await collect(desk, SETTLED_NS + 41 * MINUTE_NS)
        rows = await desk.journal.expected_funding()
        assert [one.settled_ns for one in rows] == [SETTLED_NS + MINUTE_NS, closed_ns]
        assert sum(one.amount for one in rows) == Decimal("-0.071")
        assert await accrued(desk) == 0

    at_desk(body, CONTINUOUS)


def test_while_nobody_knows_the_rate_what_had_accrued_is_booked_all_the_same() -> None:
    async def body(desk: Desk) -> None:
        await desk.trade("2", SETTLED_NS)
        for minutes in (1, 30):
            await collect(desk, SETTLED_NS + minutes * MINUTE_NS)
        desk.advance_to(SETTLED_NS + 4 * HOUR_NS)
        desk.receivables.add_fills([], {CONTINUOUS.exchange: SETTLED_NS + 4 * HOUR_NS})
        await desk.receivables.update([])
        assert await rows_until(desk) == [(1, Decimal("-0.002")), (30, Decimal("-0.058"))]

    at_desk(body, CONTINUOUS)


steps = st.lists(
    st.tuples(st.sampled_from(["collect", "collect", "collect", "trade", "pay", "kill", "close"]), st.integers(1, 45)),
    max_size=25,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=steps)
def test_whatever_happens_what_accrued_is_booked_once_and_cleared_when_it_is_realised(
    steps: list[tuple[str, int]],
) -> None:
    async def body(desk: Desk) -> None:
        minute, held, since, owed = 0, 2, 0, ZERO
        await desk.trade("2", SETTLED_NS)
        await collect(desk, SETTLED_NS + MINUTE_NS)
        for what, minutes in [*steps, ("collect", 2), ("close", 2)]:
            minute += 1 + minutes
            now_ns = SETTLED_NS + minute * MINUTE_NS
            if what == "trade":
                # 0.06 % an hour on 100 dollars, for each contract.
                owed, since = owed - held * (minute - since) * Decimal("0.001"), minute
                held = 4 if held == 2 else 2
                await desk.trade("2" if held == 4 else "-2", now_ns)
            elif what == "pay":
                desk.advance_to(now_ns)
                await desk.pay("-1", now_ns)
                owed, since = ZERO, minute
            elif what == "kill":
                await desk.restart()
            else:
                await collect(desk, now_ns)
                if what == "close":
                    await desk.receivables.close()
        # Of the minute after something was realised its own part may be cleared with it.
        left = owed - held * (minute - since) * Decimal("0.001")
        assert abs(await accrued(desk) - left) <= Decimal("0.004")
        total = sum(one.amount for one in await desk.journal.expected_funding())
        assert total == sum((one for one in await owed_in_all(desk, minute)), ZERO)
        await desk.trade(str(-held), SETTLED_NS + (minute + 1) * MINUTE_NS)
        await desk.pay("-1", SETTLED_NS + (minute + 1) * MINUTE_NS)
        await collect(desk, SETTLED_NS + (minute + 2) * MINUTE_NS)
        assert await accrued(desk) == 0

    at_desk(body, CONTINUOUS)


async def owed_in_all(desk: Desk, until: int) -> list[Decimal]:
    """Return what each stretch between two fills accrued, until a minute."""
    fills = await desk.journal.fills()
    times = [*((one.ts_event_ns - SETTLED_NS) // MINUTE_NS for one in fills), until]
    held = accumulate(one.quantity * one.side.sign for one in fills)
    return [-many * (end - begin) * Decimal("0.001") for many, (begin, end) in zip(held, pairwise(times), strict=True)]


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
