from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from arb.api import FundingService, StorageError
from arb.model import (
    HOUR_NS,
    FundingKind,
    FundingRate,
    HedgeCost,
    InstrumentId,
    Opportunity,
    OpportunityFilter,
    RateUnit,
    Unknown,
)
from arb.testing import START_NS, FakeFundingService

A, B = InstrumentId("BTC-PERP.a"), InstrumentId("BTC-PERP.b")
WANTED = OpportunityFilter(notional_usd=Decimal(1), horizon_hours=Decimal(1))
RATE = FundingRate(
    instrument=A,
    raw=Decimal("0.0001"),
    unit=RateUnit(factor=Decimal(1), period_ns=HOUR_NS),
    interval_ns=HOUR_NS,
    kind=FundingKind.SETTLED,
    ts_event_ns=START_NS,
    ts_init_ns=START_NS,
)
FOUND = Opportunity(
    base="BTC",
    long=A,
    short=B,
    long_quantity=Decimal(1),
    short_quantity=Decimal(1),
    notional_usd=Decimal(1),
    long_rate_hour=Decimal(0),
    short_rate_hour=Decimal(1),
    carry_bps_hour=Decimal(1),
    capture_bps=Decimal(1),
    cost=HedgeCost(fees_bps=Decimal(0), spread_bps=Decimal(0), impact_bps=Decimal(0)),
    break_even_hours=None,
    basis_bps=Decimal(0),
    net_usd=Decimal(1),
    capital_usd=Decimal(1),
    score=Decimal(1),
)


def test_whatever_it_is_not_told_is_unknown_or_not_there() -> None:
    async def main() -> None:
        service: FundingService = FakeFundingService()
        assert isinstance(service.funding(A), Unknown)
        assert isinstance(service.stats(A), Unknown)
        assert (service.exchanges(), service.positions(), service.hedges(), service.halts()) == ((), {}, (), ())
        assert await service.history(A, FundingKind.SETTLED, 0, START_NS) == []
        assert (await service.opportunities(WANTED)).rows == ()

    asyncio.run(main())


def test_history_is_of_one_instrument_and_kind_in_order_and_without_its_end() -> None:
    later = replace(RATE, ts_event_ns=START_NS + 1)
    stored = [later, RATE, replace(RATE, instrument=B), replace(RATE, kind=FundingKind.PREDICTED)]
    service = FakeFundingService(stored=stored)

    async def read(start_ns: int, end_ns: int) -> list[FundingRate]:
        return list(await service.history(A, FundingKind.SETTLED, start_ns, end_ns))

    assert asyncio.run(read(START_NS, START_NS + 2)) == [RATE, later]
    assert asyncio.run(read(START_NS, START_NS + 1)) == [RATE]
    service.storage_failure = StorageError("gone")
    with pytest.raises(StorageError, match="gone"):
        asyncio.run(read(0, 1))


def test_scans_keep_to_the_filter_and_are_remembered() -> None:
    service = FakeFundingService(found=[FOUND])

    def rows(wanted: OpportunityFilter) -> tuple[Opportunity, ...]:
        return asyncio.run(service.opportunities(wanted)).rows

    assert rows(WANTED) == (FOUND,)
    assert rows(replace(WANTED, exchanges=frozenset({"a", "b", "c"}))) == (FOUND,)
    for no in (
        replace(WANTED, bases=frozenset({"ETH"})),
        replace(WANTED, exchanges=frozenset({"a"})),
        replace(WANTED, limit=0),
    ):
        assert rows(no) == ()
    assert len(service.asked) == 5
