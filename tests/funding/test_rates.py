from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from arb.funding import clamp_native
from arb.model import HOUR_NS, FundingKind, FundingRate, InstrumentId, RateUnit

# A venue that publishes percent an hour and settles every eight hours.
RATE = FundingRate(
    instrument=InstrumentId("BTC-PERP.x"),
    raw=Decimal(3),
    unit=RateUnit(factor=Decimal("0.01"), period_ns=HOUR_NS),
    interval_ns=8 * HOUR_NS,
    kind=FundingKind.PREDICTED,
    ts_event_ns=0,
    ts_init_ns=0,
)


def test_the_cap_cuts_before_the_conversion() -> None:
    cut = clamp_native(RATE, Decimal("0.01"))
    assert cut.raw == 1
    assert cut.per_hour == Decimal("0.01")
    assert cut.rate == Decimal("0.08")


def test_both_signs_are_cut_and_what_is_within_stays() -> None:
    assert clamp_native(replace(RATE, raw=Decimal(-3)), Decimal("0.01")).raw == -1
    assert clamp_native(RATE, Decimal("0.03")) is RATE
