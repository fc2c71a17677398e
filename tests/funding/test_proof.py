"""Units proved from what was paid."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arb.funding import PaidSettlement, Verdict, join, prove, prove_venues
from arb.funding._evidence import quantum_of
from arb.model import (
    HOUR_NS,
    ExpectedFunding,
    FundingKind,
    FundingPayment,
    FundingRate,
    InstrumentId,
    PaymentId,
    RateUnit,
    to_cash,
)

COIN = InstrumentId("COIN-PERP.one")
CENT = Decimal("0.00000001")


def paid(
    published: str, *, really: Decimal = Decimal(1), quantity: str = "-2", price: str = "100", at: int = 1
) -> PaidSettlement:
    """Return a settlement whose venue pays `really` times what it publishes."""
    rate = Decimal(published)
    return PaidSettlement(
        instrument=COIN,
        settled_ns=at * HOUR_NS,
        amount=to_cash(-Decimal(quantity) * Decimal(price) * rate * really),
        quantity=Decimal(quantity),
        price=Decimal(price),
        rate=rate,
        amount_quantum=CENT,
        rate_quantum=quantum_of([rate]),
    )


RIGHT = [paid("0.000125"), paid("-0.00031", at=2), paid("0.00200", quantity="7", at=3), paid("0.000088", at=4)]


def test_payments_that_fit_prove_the_unit() -> None:
    proof = prove(RIGHT)
    assert (proof.verdict, proof.telling, proof.worst, proof.cause) == (Verdict.PROVED, 4, Decimal(0), "")


@pytest.mark.parametrize(
    ("factor", "cause"),
    [
        (Decimal("0.01"), "a number in percent is taken for a fraction"),
        (Decimal(100), "a fraction is taken for a number in percent"),
        (Decimal(8), "the period is 8 h"),
        (Decimal("0.125"), "a rate of eight hours is taken for one of an hour"),
        (Decimal("0.08"), "a number in percent an hour is taken for a fraction of eight hours"),
        (Decimal("12.5"), "a fraction of eight hours is taken for percent an hour"),
        (Decimal(-1), "the sign is turned"),
        (Decimal("1.04"), "the price is not the one the venue multiplies with"),
        (Decimal("3.3"), "no usual error explains it"),
    ],
)
def test_a_wrong_unit_is_named(factor: Decimal, cause: str) -> None:
    proof = prove([replace(one, amount=to_cash(one.amount * factor)) for one in RIGHT])
    assert proof.verdict is Verdict.MISMATCH
    assert cause in proof.cause


def test_a_price_of_another_base_is_told_and_no_mismatch() -> None:
    other = [replace(one, price=one.price * Decimal("1.004")) for one in RIGHT]
    proof = prove([replace(one, rate_quantum=CENT) for one in other])
    assert (proof.verdict, proof.cause) == (Verdict.PROVED, "the price may be of another base")
    # Rates written with fewer digits explain as much.
    assert prove(other).cause == ""


def test_one_payment_that_does_not_fit_is_told_and_no_mismatch() -> None:
    proof = prove([*RIGHT, *RIGHT, replace(RIGHT[0], amount=RIGHT[0].amount * 3)])
    assert (proof.verdict, proof.cause) == (Verdict.PROVED, "1 of 9 payments do not fit")


def test_payments_that_contradict_each_other_prove_nothing() -> None:
    half = [replace(one, amount=one.amount * 8) for one in RIGHT]
    assert prove([*RIGHT, *half]).verdict is Verdict.UNPROVED


def test_few_payments_prove_nothing_but_say_what_is_suspected() -> None:
    proof = prove([replace(one, amount=one.amount * 100) for one in RIGHT[:2]])
    assert proof.verdict is Verdict.UNPROVED
    assert proof.cause == "only 2 of 3 payments; suspected: a fraction is taken for a number in percent"
    assert prove([]).cause == "no payment yet"


def test_what_is_rounded_away_proves_nothing() -> None:
    # A cent more or less is all there is.
    tiny = [paid("0.000125", quantity="-0.0000016", at=number) for number in range(4)]
    proof = prove(tiny)
    assert (proof.verdict, proof.telling) == (Verdict.UNPROVED, 0)
    assert proof.cause == "every payment is too small for its rounding"
    # A rate published with one digit fits whatever lies within that digit.
    coarse = [replace(one, rate=Decimal("0.0012"), rate_quantum=Decimal("0.0001")) for one in RIGHT]
    fits = [replace(one, amount=to_cash(-one.quantity * one.price * Decimal("0.00124"))) for one in coarse]
    assert prove(fits).verdict is Verdict.PROVED
    # A venue that cuts its digits instead of rounding them has published less than it pays.
    cut = [replace(one, amount=to_cash(-one.quantity * one.price * Decimal("0.00129"))) for one in coarse]
    assert prove(cut).verdict is Verdict.PROVED


def test_a_payment_too_small_to_prove_can_contradict() -> None:
    # Cents: 0.02 where the published rate makes 2.50. It is anything from 1 to 3 hundredths, but never all of it.
    wrong = [
        replace(one, amount=Decimal("0.02"), rate=Decimal("0.0125"), amount_quantum=Decimal("0.01")) for one in RIGHT
    ]
    proof = prove(wrong)
    assert proof.verdict is Verdict.MISMATCH
    assert proof.cause == "a number in percent is taken for a fraction"
    # So much rounding leaves two errors possible.
    either = prove([replace(one, rate=Decimal("0.001")) for one in wrong])
    assert either.cause == (
        "a rate of eight hours is taken for one of an hour, or "
        "a number in percent an hour is taken for a fraction of eight hours"
    )
    # Few of them among many that are too small to tell are no mismatch: those that fit would not have been seen.
    small = [replace(one, amount=Decimal("0.02"), amount_quantum=Decimal("0.02")) for one in RIGHT] * 2
    assert prove([*wrong, *small]).verdict is Verdict.UNPROVED


def test_where_the_price_is_not_the_venues_own_only_a_wrong_unit_is_seen() -> None:
    near = [replace(one, price=one.price * Decimal("1.03"), coarse=True) for one in RIGHT]
    assert (prove(near).verdict, prove(near).coarse) == (Verdict.PROVED, True)
    wrong = [replace(one, amount=one.amount * 8) for one in near]
    assert "the period is 8 h" in prove(wrong).cause
    # A quantity of our own that is not all that was held is no error of the venue's.
    doubled = prove([replace(one, amount=one.amount * 2) for one in near])
    assert doubled.verdict is Verdict.UNPROVED
    assert "the quantity or the price we took may be wrong" in doubled.cause


@given(
    rates=st.lists(
        st.decimals("-0.01", "0.01", places=7).filter(lambda rate: abs(rate) > Decimal("0.00001")), min_size=4
    ),
    quantity=st.decimals("-1000", "1000", places=3).filter(lambda quantity: abs(quantity) > 1),
    price=st.decimals("1", "100000", places=2),
)
def test_whatever_was_held_a_right_unit_is_never_a_mismatch_and_percent_always_is(
    rates: list[Decimal], quantity: Decimal, price: Decimal
) -> None:
    rows = [paid(str(rate), quantity=str(quantity), price=str(price), at=number) for number, rate in enumerate(rates)]
    assert prove(rows).verdict is not Verdict.MISMATCH
    assert prove(rows).cause in ("", "every payment is too small for its rounding") or prove(rows).telling < 3
    percent = prove([replace(one, rate=one.rate * 100, rate_quantum=one.rate_quantum * 100) for one in rows])
    assert percent.verdict is Verdict.MISMATCH or percent.telling < 3


def payment(number: int, amount: str, *, quantity: str | None = "-2", price: str | None = "100") -> FundingPayment:
    return FundingPayment(
        payment_id=PaymentId(f"p{number}"),
        instrument=COIN,
        amount=Decimal(amount),
        currency="USDC",
        settled_ns=number * HOUR_NS + 5_000_000,
        quantity=None if quantity is None else Decimal(quantity),
        price=None if price is None else Decimal(price),
    )


def settled(number: int, raw: str, factor: str = "0.01") -> FundingRate:
    return FundingRate(
        instrument=COIN,
        raw=Decimal(raw),
        unit=RateUnit(factor=Decimal(factor), period_ns=HOUR_NS),
        interval_ns=HOUR_NS,
        kind=FundingKind.SETTLED,
        ts_event_ns=number * HOUR_NS,
        ts_init_ns=number * HOUR_NS,
    )


def test_payments_are_joined_with_the_rate_of_their_settlement() -> None:
    payments = [payment(1, "0.0250"), payment(2, "0.0600"), payment(3, "-0.1234"), payment(9, "1")]
    rates = [settled(1, "0.0125"), settled(2, "0.0300"), settled(3, "-0.0617")]
    joined = join(payments, {COIN: rates})
    assert [(one.rate, one.rate_quantum, one.amount_quantum) for one in joined] == [
        (Decimal("0.000125"), Decimal("0.000001"), Decimal("0.0001")),
        (Decimal("0.000300"), Decimal("0.000001"), Decimal("0.0001")),
        (Decimal("-0.000617"), Decimal("0.000001"), Decimal("0.0001")),
    ]
    (venue,) = prove_venues(joined)
    assert (venue.exchange, venue.proof.verdict) == ("one", Verdict.PROVED)
    # The same numbers taken for fractions: Lighter's trap.
    (venue,) = prove_venues(
        join(
            payments,
            {COIN: [settled(number, raw, "1") for number, raw in ((1, "0.0125"), (2, "0.0300"), (3, "-0.0617"))]},
        )
    )
    assert venue.proof.verdict is Verdict.MISMATCH
    assert venue.proof.cause == "a number in percent is taken for a fraction"


def test_where_the_venue_tells_no_quantity_ours_stands_in() -> None:
    expected = ExpectedFunding(
        instrument=COIN,
        settled_ns=HOUR_NS,
        quantity=Decimal(-2),
        price=Decimal(101),
        rate=Decimal("0.000125"),
        interval_ns=HOUR_NS,
        amount=Decimal("0.02525"),
        currency="USDC",
    )
    bare = payment(1, "0.0250", quantity=None, price=None)
    assert join([bare], {COIN: [settled(1, "0.0125")]}) == ()
    (one,) = join([bare], {COIN: [settled(1, "0.0125")]}, [expected])
    assert (one.quantity, one.price, one.coarse) == (Decimal(-2), Decimal(101), True)


def test_a_venue_is_wrong_when_one_of_its_instruments_is() -> None:
    other = [replace(one, instrument=InstrumentId("KILO-PERP.one"), amount=one.amount * 1000) for one in RIGHT]
    (venue,) = prove_venues([*RIGHT, *RIGHT, *RIGHT, *other])
    assert venue.proof.verdict is Verdict.MISMATCH
    assert venue.proof.cause == "the contracts are a thousand of the asset"
    assert venue.instruments[COIN].verdict is Verdict.PROVED


def test_only_the_latest_settlements_count() -> None:
    old = [replace(one, amount=one.amount * 100) for one in RIGHT]
    new = [replace(RIGHT[number % 4], settled_ns=(10 + number) * HOUR_NS) for number in range(12)]
    (venue,) = prove_venues([*old, *new])
    assert venue.proof.verdict is Verdict.PROVED
