"""Units of funding that accrues, proved from what was realised."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arb.funding import Proof, Verdict, is_rated, join, prove_venues
from arb.funding._realised import shares
from arb.model import (
    HOUR_NS,
    MINUTE_NS,
    SECOND_NS,
    ClientOrderId,
    ExchangeOrderId,
    ExpectedFunding,
    Fill,
    FillId,
    FundingKind,
    FundingPayment,
    FundingRate,
    InstrumentId,
    Liquidity,
    PaymentId,
    RateUnit,
    Side,
)

COIN = InstrumentId("COIN-PERP.one")
STEP_NS = 4 * HOUR_NS
FRACTIONS = ("0.00004000", "0.00006123", "-0.00002040", "0.00005500", "0.00003071", "0.00007002")


def step(number: int, raw: str | Decimal, *, factor: str = "1", step_ns: int = STEP_NS) -> FundingRate:
    """Return what accrued in the step that ends at `number` steps."""
    return FundingRate(
        instrument=COIN,
        raw=Decimal(raw),
        unit=RateUnit(factor=Decimal(factor), period_ns=step_ns),
        interval_ns=0,
        kind=FundingKind.SETTLED,
        ts_event_ns=number * step_ns,
        ts_init_ns=number * step_ns,
    )


def steps(count: int, factor: str = "1") -> list[FundingRate]:
    return [step(number + 1, FRACTIONS[number % len(FRACTIONS)], factor=factor) for number in range(count)]


def row(ts_ns: int, *, quantity: int = -2, price: int = 50_000) -> ExpectedFunding:
    return ExpectedFunding(
        instrument=COIN,
        settled_ns=ts_ns,
        quantity=Decimal(quantity),
        price=Decimal(price),
        rate=Decimal("0.00001"),
        interval_ns=0,
        amount=Decimal(1),
        currency="USDC",
    )


def rows(start_ns: int, end_ns: int) -> list[ExpectedFunding]:
    """Return what is noted every quarter of an hour while a position is held."""
    return [row(ts_ns) for ts_ns in range(start_ns + 15 * MINUTE_NS, end_ns + 1, 15 * MINUTE_NS)]


def fill(ts_ns: int) -> Fill:
    return Fill(
        fill_id=FillId(str(ts_ns)),
        client_order_id=ClientOrderId("o"),
        exchange_order_id=ExchangeOrderId("x"),
        instrument=COIN,
        side=Side.SELL,
        price=Decimal(50_000),
        quantity=Decimal(2),
        fee=Decimal(0),
        fee_currency="USDC",
        liquidity=Liquidity.TAKER,
        ts_event_ns=ts_ns,
    )


def payment(amount: Decimal | str, ts_ns: int) -> FundingPayment:
    return FundingPayment(
        payment_id=PaymentId(str(ts_ns)),
        instrument=COIN,
        amount=Decimal(amount),
        currency="USDC",
        settled_ns=ts_ns,
    )


def realised(start_ns: int, end_ns: int) -> Decimal:
    """Return what a short of two contracts gets between two moments, on 100 000 dollars."""
    return 100_000 * (_index(end_ns) - _index(start_ns))


def _index(ts_ns: int) -> Decimal:
    """Return what a long of one dollar has paid since the beginning."""
    whole, part = divmod(ts_ns, STEP_NS)
    before = sum((Decimal(FRACTIONS[number % len(FRACTIONS)]) for number in range(whole)), Decimal(0))
    return before + Decimal(FRACTIONS[whole % len(FRACTIONS)]) * part / STEP_NS


HELD = ((5, 41), (43, 90), (95, 150), (151, 199))
"""Hours at which positions were opened and closed."""


def judged(factor: str, *, history: list[FundingRate] | None = None, paid: Any = None) -> Proof:
    held = [(begin * HOUR_NS + 7 * MINUTE_NS, end * HOUR_NS + 13 * MINUTE_NS) for begin, end in HELD]
    payments = paid or [payment(realised(begin, end), end + 300_000_000) for begin, end in held]
    (venue,) = prove_venues(
        join(
            payments,
            {COIN: steps(60, factor) if history is None else history},
            [one for begin, end in held for one in rows(begin, end)],
            [fill(ts_ns) for pair in held for ts_ns in pair],
        )
    )
    return venue.proof


def test_a_unit_is_proved_by_what_is_paid_when_positions_change() -> None:
    proof = judged("1")
    assert (proof.verdict, proof.telling, proof.settlements, proof.coarse) == (Verdict.PROVED, 4, 4, True)
    assert proof.ratio is not None
    assert abs(proof.ratio - 1) < Decimal("0.01")


@pytest.mark.parametrize(
    ("factor", "cause"),
    [("100", "percent is taken"), ("-1", "sign is turned"), ("8", "eight hours is taken"), ("0.01", "a fraction is")],
)
def test_a_unit_that_is_misread_is_named(factor: str, cause: str) -> None:
    proof = judged(factor)
    assert proof.verdict is Verdict.MISMATCH
    assert cause in proof.cause


def test_a_history_with_a_hole_tells_nothing() -> None:
    whole = steps(60)
    assert join(*_held(whole[:5] + whole[6:])) == ()
    assert len(join(*_held(whole))) == 1


def _held(
    history: list[FundingRate], *, noted: list[ExpectedFunding] | None = None, changes: tuple[int, ...] = (5,)
) -> tuple[Any, ...]:
    begin, end = 5 * HOUR_NS, 41 * HOUR_NS
    return (
        [payment(realised(begin, end), end)],
        {COIN: history},
        rows(begin, end) if noted is None else noted,
        [fill(hour * HOUR_NS) for hour in changes],
    )


def test_what_is_realised_counts_only_where_all_is_known() -> None:
    begin, end = 5 * HOUR_NS, 41 * HOUR_NS
    whole, noted = steps(60), rows(begin, end)
    assert len(join(*_held(whole))) == 1
    assert join(*_held(whole, changes=())) == (), "since when is not known"
    assert join(*_held(whole, noted=[*noted, row(20 * HOUR_NS, quantity=-3)])) == (), "the contracts were not the same"
    assert join(*_held(whole, noted=[])) == (), "nor is how many they were"
    assert join(*_held(whole, noted=noted[:50])) == (), "prices are not known to the end"


def test_a_fill_in_between_ends_the_stretch_before_it() -> None:
    """What it realised was paid then: the rest is of two hours, of which a step tells little."""
    (whole,), (found,) = join(*_held(steps(60))), join(*_held(steps(60), changes=(5, 39)))
    assert (bounds := whole.bounds()) is not None
    assert bounds.is_narrow
    bounds = found.bounds()
    assert bounds is None or not bounds.is_narrow


def test_several_payments_of_one_change_are_one() -> None:
    begin, end = 5 * HOUR_NS, 41 * HOUR_NS
    whole = realised(begin, end)
    paid = [payment(whole - 1, end), payment("0.75", end + SECOND_NS), payment("0.25", end + 2 * SECOND_NS)]
    (found,) = join(paid, {COIN: steps(60)}, rows(begin, end), [fill(begin), fill(end), fill(end + SECOND_NS)])
    assert found.amount == whole


def test_a_payment_waits_for_the_end_of_its_step() -> None:
    assert not is_rated(steps(10), 10 * STEP_NS + SECOND_NS)
    assert is_rated(steps(11), 10 * STEP_NS + SECOND_NS)
    hourly = [replace(one, interval_ns=HOUR_NS) for one in steps(11)]
    assert not is_rated(hourly, 10 * STEP_NS + HOUR_NS)


moments = st.integers(0, 20 * STEP_NS)


@given(start_ns=moments, end_ns=moments, missing=st.none() | st.integers(1, 20))
def test_shares_cover_the_stretch_or_there_are_none(start_ns: int, end_ns: int, missing: int | None) -> None:
    start_ns, end_ns = sorted((start_ns, end_ns))
    found = shares([one for one in steps(20) if one.ts_event_ns != (missing or 0) * STEP_NS], start_ns, end_ns)
    covered = sum((one.part * STEP_NS for one in found), Decimal(0))
    is_whole = missing is None or not (start_ns < missing * STEP_NS and end_ns > (missing - 1) * STEP_NS)
    assert abs(covered - (end_ns - start_ns if is_whole else 0)) < 1
    assert all(0 < one.part <= 1 for one in found)


@given(
    raws=st.lists(st.integers(-300, 300), min_size=2, max_size=40),
    times=st.lists(st.integers(0, 10**6), min_size=2, max_size=2, unique=True),
    uneven=st.lists(st.integers(0, 100), min_size=2, max_size=2),
)
def test_what_is_true_is_never_contradicted(raws: list[int], times: list[int], uneven: list[int]) -> None:
    """However unevenly funding accrued within a step, as long as it was never twice its mean."""
    history = [step(number + 1, Decimal(raw) / 1_000_000) for number, raw in enumerate(raws)]
    begin, end = (one * len(raws) * STEP_NS // 10**6 for one in sorted(times))
    parts = shares(history, begin, end)
    accrued, left = Decimal(0), list(uneven)
    for one in parts:
        least, most = max(Decimal(0), 2 * one.part - 1), min(Decimal(1), 2 * one.part)
        share = Decimal(left.pop()) / 100 if one.part < 1 and left else Decimal(0)
        accrued += one.step.raw * (least + (most - least) * share)
    paid = payment(accrued * 100_000, end)
    noted = [row(ts_ns) for ts_ns in range(begin, end, HOUR_NS)] + [row(end)]
    for found in join([paid], {COIN: history}, noted, [fill(begin)]):
        bounds = found.bounds()
        assert bounds is None or bounds.miss() < Decimal("0.0001")
