"""Units of funding that accrues, proved from what was realised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arb.funding import (
    LATEST,
    PaidSettlement,
    Prices,
    Proof,
    Verdict,
    is_rated,
    join,
    needed_since_ns,
    prove_venues,
)
from arb.funding._realised import shares
from arb.model import (
    HOUR_NS,
    MINUTE_NS,
    SECOND_NS,
    ClientOrderId,
    ExchangeOrderId,
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


def prices(end_ns: int = 60 * STEP_NS) -> dict[InstrumentId, Prices]:
    """Return what is read every quarter of an hour."""
    return {COIN: [(ts_ns, Decimal(50_000)) for ts_ns in range(0, end_ns + 1, 15 * MINUTE_NS)]}


def fill(ts_ns: int, signed: str = "-2") -> Fill:
    return Fill(
        fill_id=FillId(str(ts_ns)),
        client_order_id=ClientOrderId("o"),
        exchange_order_id=ExchangeOrderId("x"),
        instrument=COIN,
        side=Side.SELL if Decimal(signed) < 0 else Side.BUY,
        price=Decimal(50_000),
        quantity=abs(Decimal(signed)),
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
    stretches = [(begin * HOUR_NS + 7 * MINUTE_NS, end * HOUR_NS + 13 * MINUTE_NS) for begin, end in HELD]
    payments = paid or [payment(realised(begin, end), end + 300_000_000) for begin, end in stretches]
    (venue,) = prove_venues(
        join(
            payments,
            {COIN: steps(60, factor) if history is None else history},
            fills=[one for begin, end in stretches for one in (fill(begin), fill(end, "2"))],
            prices=prices(),
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


BEGIN_NS, END_NS = 5 * HOUR_NS, 41 * HOUR_NS
OPENED, CLOSED = fill(BEGIN_NS), fill(END_NS, "2")


def held(
    *fills: Fill,
    history: Sequence[FundingRate] | None = None,
    read: Mapping[InstrumentId, Prices] | None = None,
    paid: Sequence[FundingPayment] = (),
) -> tuple[PaidSettlement, ...]:
    """Return what is known of one position, by the payment at its end and others."""
    return join(
        [*paid, payment(realised(BEGIN_NS, END_NS), END_NS)],
        {COIN: steps(60) if history is None else history},
        fills=fills,
        prices=prices() if read is None else read,
    )


def test_what_is_realised_counts_only_where_all_is_known() -> None:
    whole = steps(60)
    assert len(held(OPENED, CLOSED)) == 1
    assert held(OPENED, CLOSED, history=[*whole[:5], *whole[6:]]) == (), "the history has a hole"
    assert held() == (), "since when is not known"
    assert held(fill(BEGIN_NS), fill(BEGIN_NS + HOUR_NS, "2"), CLOSED) == (), "nothing was held"
    assert held(OPENED, CLOSED, read={}) == (), "nor are prices known"
    assert held(OPENED, CLOSED, read=prices(30 * HOUR_NS)) == (), "or not to the end"


def test_a_fill_begins_a_stretch_only_where_nothing_was_left_to_realise() -> None:
    """A venue may book nothing when a position grows; the next payment is then of the time before too."""
    grown_ns = 20 * HOUR_NS
    grown = fill(grown_ns, "-0.01")
    assert held(OPENED, grown, CLOSED) == ()
    assert len(held(OPENED, grown, CLOSED, paid=[payment("1", grown_ns + SECOND_NS)])) == 2


def test_a_fill_in_between_ends_the_stretch_before_it() -> None:
    """What it realised was paid then: the rest is of two hours, of which a step tells little."""
    (whole,) = held(OPENED, CLOSED)
    assert (bounds := whole.bounds()) is not None
    assert bounds.is_narrow
    (_, rest) = held(OPENED, fill(39 * HOUR_NS, "1"), CLOSED, paid=[payment("1", 39 * HOUR_NS)])
    bounds = rest.bounds()
    assert bounds is None or not bounds.is_narrow


def test_several_payments_of_one_change_are_one() -> None:
    whole = realised(BEGIN_NS, END_NS)
    paid = [payment(whole - 1, END_NS), payment("0.75", END_NS + SECOND_NS), payment("0.25", END_NS + 2 * SECOND_NS)]
    fills = [OPENED, fill(END_NS, "1"), fill(END_NS + SECOND_NS, "1")]
    (found,) = join(paid, {COIN: steps(60)}, fills=fills, prices=prices())
    assert found.amount == whole


def test_a_venue_that_settles_since_is_proved_by_its_settlements_too() -> None:
    """It changed its rule: what it realised before, and what it settled after, are both told apart."""
    settled = [replace(step(170 + number, "0.00002", step_ns=HOUR_NS), interval_ns=HOUR_NS) for number in range(4)]
    paid = [replace(payment("2", one.ts_event_ns), quantity=Decimal(-2), price=Decimal(50_000)) for one in settled]
    found = join(
        [payment(realised(BEGIN_NS, END_NS), END_NS), *paid],
        {COIN: [*steps(40), *settled]},
        fills=[OPENED, CLOSED],
        prices=prices(),
    )
    assert [one.accrued for one in found] == [False] * 4 + [True]
    (venue,) = prove_venues(found)
    assert (venue.proof.verdict, venue.proof.telling) == (Verdict.PROVED, 5)


def test_only_the_stretches_of_the_latest_realisations_are_needed() -> None:
    hours = range(0, 60, 2)
    fills = [one for hour in hours for one in (fill(hour * HOUR_NS), fill((hour + 1) * HOUR_NS, "2"))]
    paid = [payment("1", (hour + 1) * HOUR_NS) for hour in hours]
    assert needed_since_ns(paid, fills) == (60 - 2 * LATEST) * HOUR_NS
    assert needed_since_ns([], fills) is None


def test_a_ratio_that_is_known_badly_contradicts_nothing() -> None:
    """Funding that went to and fro within a step is not told by the parts of it."""
    wavering = [step(number + 1, "0.00002" if number % 2 else "-0.00002") for number in range(60)]
    spans = [(number * STEP_NS + HOUR_NS, (number + 2) * STEP_NS + 2 * HOUR_NS) for number in range(2, 30, 4)]
    found = join(
        [payment("9", end) for _, end in spans],
        {COIN: wavering},
        fills=[one for begin, end in spans for one in (fill(begin), fill(end, "2"))],
        prices=prices(),
    )
    (venue,) = prove_venues(found)
    assert (venue.proof.verdict, venue.proof.telling) == (Verdict.UNPROVED, 0)


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
    read = prices((len(raws) + 1) * STEP_NS)
    for found in join([paid], {COIN: history}, fills=[fill(begin), fill(end, "2")], prices=read):
        bounds = found.bounds()
        assert bounds is None or bounds.miss() < Decimal("0.0001")
