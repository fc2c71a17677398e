"""Expected fees on the account's own tier."""

from __future__ import annotations

from decimal import Decimal

from arb.funding import FeeCalculator
from arb.model import ExchangeName, FeeSchedule
from arb.testing import sample_instrument

FEES = FeeSchedule(maker=Decimal("-0.0001"), taker=Decimal("0.0005"))
COIN = sample_instrument("one", fees=FEES)


def test_without_a_measured_share_every_fill_takes() -> None:
    fees = FeeCalculator()
    assert (fees.entry(COIN), fees.exit(COIN), fees.round_trip(COIN)) == (FEES.taker, FEES.taker, 2 * FEES.taker)


def test_the_measured_share_rests_at_entry_and_what_resting_costs_is_counted() -> None:
    fees = FeeCalculator(maker_share={ExchangeName("one"): Decimal("0.6")}, adverse=Decimal("0.0003"))
    # 0.6 x (a rebate of 1 bp and 3 bp lost by being first) and 0.4 x 5 bp
    assert fees.entry(COIN) == Decimal("0.6") * Decimal("0.0002") + Decimal("0.4") * Decimal("0.0005")
    assert fees.exit(COIN) == FEES.taker
    assert fees.entry(sample_instrument("two", fees=FEES)) == FEES.taker
