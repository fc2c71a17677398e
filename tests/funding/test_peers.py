"""Rates of venues beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest

from arb.funding import suspected_units
from arb.model import HOUR_NS, ExchangeName, FundingKind, FundingRate, RateUnit, instrument_id


def week(exchange: str, per_hour: str, count: int = 30) -> Sequence[FundingRate]:
    return [
        FundingRate(
            instrument=instrument_id("BTC-PERP", exchange),
            raw=Decimal(per_hour) * (1 if number % 3 else -1),
            unit=RateUnit(factor=Decimal(1), period_ns=HOUR_NS),
            interval_ns=HOUR_NS,
            kind=FundingKind.SETTLED,
            ts_event_ns=number * HOUR_NS,
            ts_init_ns=0,
        )
        for number in range(count)
    ]


@pytest.mark.parametrize("factor", ["8", "12.5", "100", "24", "0.125", "0.08", "0.01"])
def test_a_unit_error_stands_out_among_peers(factor: str) -> None:
    wrong = str(Decimal("0.0000125") * Decimal(factor) * Decimal("1.1"))
    series = {
        "a": week("a", "0.0000125"),
        "b": week("b", "0.0000140"),
        "d": week("d", "0.0000120"),
        "c": week("c", wrong),
    }
    (found,) = suspected_units({ExchangeName(name): rates for name, rates in series.items()})
    assert found.exchange == "c"
    assert abs(found.factor / Decimal(factor) - 1) < Decimal("0.001")


def test_venues_that_merely_differ_are_not_suspected() -> None:
    series = {
        "a": week("a", "0.0000125"),
        "b": week("b", "0.00003"),
        "c": week("c", "0.00005"),
        "d": week("d", "0.00002"),
    }
    assert suspected_units({ExchangeName(name): rates for name, rates in series.items()}) == ()


def test_few_rates_or_peers_say_nothing() -> None:
    few = {
        "a": week("a", "0.0000125"),
        "b": week("b", "0.0000125"),
        "d": week("d", "0.0000125"),
        "c": week("c", "0.00125", count=5),
    }
    assert suspected_units({ExchangeName(name): rates for name, rates in few.items()}) == ()
    three = {"a": week("a", "0.0000125"), "b": week("b", "0.0000125"), "c": week("c", "0.00125")}
    assert suspected_units({ExchangeName(name): rates for name, rates in three.items()}) == ()
