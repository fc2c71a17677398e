"""What was due beside what was booked."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from arb.model import HOUR_NS, SECOND_NS, ExpectedFunding, FundingPayment, InstrumentId, PaymentId
from arb.storage import FundingState, differs, settled_funding

COIN = InstrumentId("COIN-PERP.one")
OTHER = InstrumentId("OTHER-PERP.one")


def due(amount: str, settled_ns: int, instrument: InstrumentId = COIN, interval_ns: int = HOUR_NS) -> ExpectedFunding:
    return ExpectedFunding(
        instrument=instrument,
        settled_ns=settled_ns,
        quantity=Decimal(1),
        price=Decimal(100),
        rate=Decimal("0.01"),
        interval_ns=interval_ns,
        amount=Decimal(amount),
        currency="USDC",
    )


def paid(number: int, amount: str, settled_ns: int, instrument: InstrumentId = COIN) -> FundingPayment:
    return FundingPayment(
        payment_id=PaymentId(str(number)),
        instrument=instrument,
        amount=Decimal(amount),
        currency="USDC",
        settled_ns=settled_ns,
    )


def test_every_settlement_has_its_state() -> None:
    rows = settled_funding(
        [due("1", HOUR_NS), due("1", 2 * HOUR_NS), due("1", 5 * HOUR_NS)],
        [paid(1, "0.9", HOUR_NS + 5 * SECOND_NS), paid(2, "0.3", 3 * HOUR_NS)],
        now_ns=5 * HOUR_NS,
    )
    assert [(row.settled_ns // HOUR_NS, row.state, row.expected, row.paid, row.difference) for row in rows] == [
        (1, FundingState.PAID, Decimal(1), Decimal("0.9"), Decimal("-0.1")),
        (2, FundingState.OVERDUE, Decimal(1), None, None),
        (3, FundingState.NOT_EXPECTED, None, Decimal("0.3"), None),
        (5, FundingState.DUE, Decimal(1), None, None),
    ]


def test_a_payment_in_two_parts_counts_as_one_and_for_one_settlement_only() -> None:
    rows = settled_funding(
        [due("1", HOUR_NS), due("1", HOUR_NS, OTHER)],
        [paid(1, "0.6", HOUR_NS), paid(2, "0.4", HOUR_NS + SECOND_NS)],
        now_ns=9 * HOUR_NS,
    )
    assert {(row.instrument, row.state, row.paid) for row in rows} == {
        (COIN, FundingState.PAID, Decimal("1.0")),
        (OTHER, FundingState.OVERDUE, None),
    }


def test_continuous_funding_is_a_row_for_each_realisation_and_one_for_what_is_not_realised_yet() -> None:
    accrued = [due("0.5", number * HOUR_NS, interval_ns=0) for number in range(1, 6)]
    booked = [
        paid(1, "0.3", 2 * HOUR_NS + 7 * SECOND_NS),
        paid(2, "0.6", 2 * HOUR_NS + 9 * SECOND_NS),  # of another fill of the same change
        paid(3, "5", 4 * HOUR_NS - 7 * SECOND_NS),
        paid(4, "0.1", 4 * HOUR_NS + 30 * 60 * SECOND_NS),
    ]
    rows = settled_funding(accrued, booked, now_ns=9 * HOUR_NS)
    assert [(row.state, row.expected, row.paid) for row in rows] == [
        (FundingState.PAID, Decimal("1.0"), Decimal("0.9")),
        (FundingState.DIFFERS, Decimal("1.0"), Decimal(5)),
        (FundingState.NOT_EXPECTED, None, Decimal("0.1")),
        (FundingState.ACCRUED, Decimal("0.5"), None),
    ]
    assert (rows[0].rate, rows[0].settled_ns) == (Decimal("0.02"), 2 * HOUR_NS + 9 * SECOND_NS)


def test_a_venue_that_changed_its_rule_has_settlements_and_realisations() -> None:
    accrued = [due("0.5", number * HOUR_NS, interval_ns=0) for number in (1, 2)]
    settled = [due("1", number * HOUR_NS) for number in (4, 5)]
    booked = [paid(1, "1.1", 2 * HOUR_NS), paid(2, "0.9", 4 * HOUR_NS)]
    for switched in (accrued + settled, settled + accrued):
        rows = settled_funding(switched, booked, now_ns=9 * HOUR_NS)
        assert [(row.state, row.expected, row.paid) for row in rows] == [
            (FundingState.PAID, Decimal("1.0"), Decimal("1.1")),
            (FundingState.PAID, Decimal(1), Decimal("0.9")),
            (FundingState.OVERDUE, Decimal(1), None),
        ]


def test_what_accrued_back_and_forth_is_known_to_a_part_of_all_that_moved() -> None:
    accrued = [due("5", HOUR_NS, interval_ns=0), due("-5", 2 * HOUR_NS, interval_ns=0)]
    for amount, state in (("1.9", FundingState.PAID), ("-2.1", FundingState.DIFFERS)):
        (row,) = settled_funding(accrued, [paid(1, amount, 2 * HOUR_NS)], now_ns=9 * HOUR_NS)
        assert (row.state, row.expected) == (state, Decimal(0))


def test_a_payment_of_something_else_differs_and_one_in_another_currency_is_another() -> None:
    foreign = replace(paid(2, "1", 2 * HOUR_NS), currency="JPY")
    rows = settled_funding(
        [due("1", HOUR_NS), due("1", 2 * HOUR_NS)], [paid(1, "2", HOUR_NS), foreign], now_ns=2 * HOUR_NS
    )
    assert [(row.state, row.expected, row.paid) for row in rows] == [
        (FundingState.DIFFERS, Decimal(1), Decimal(2)),
        (FundingState.DUE, Decimal(1), None),
        (FundingState.NOT_EXPECTED, None, Decimal(1)),
    ]


def test_some_cents_are_no_difference() -> None:
    assert not differs(Decimal("0.001"), Decimal("0.02"))
    assert not differs(Decimal(10), Decimal("8.1"))
    assert differs(Decimal(10), Decimal("7.9"))
    assert differs(Decimal("-0.1"), Decimal("0.1"))
