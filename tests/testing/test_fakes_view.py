from __future__ import annotations

import asyncio
from decimal import Decimal

from arb.api import StrategyView
from arb.model import ExchangeName, Fresh, InstrumentId, OpportunityFilter, Stale, Unknown
from arb.testing import FakeView
from arb.testing._kit_strategy import informed_view, open_hedge

WANTED = OpportunityFilter(notional_usd=Decimal(1), horizon_hours=Decimal(1))


def test_whatever_it_is_not_told_is_unknown() -> None:
    async def main() -> None:
        view: StrategyView = FakeView()
        assert isinstance(view.equity_usd(ExchangeName("a")), Unknown)
        assert isinstance(view.funding(InstrumentId("BTC-PERP.a")), Unknown)
        assert isinstance(await view.bbo(InstrumentId("BTC-PERP.a"), 1), Unknown)
        outlook = await view.outlook(open_hedge("s", 0), Decimal(1))
        assert outlook.carry_bps_hour is outlook.price_pnl is None
        assert outlook.stale
        assert (await view.scan(WANTED)).rows == ()

    asyncio.run(main())


def test_quotes_age_and_scans_keep_to_the_filter() -> None:
    async def main() -> None:
        view = informed_view(1_000)
        name = next(iter(view.quotes))
        assert isinstance(await view.bbo(name, 0), Fresh)
        view.now_ns += 6
        assert isinstance(await view.bbo(name, 6), Fresh)
        assert isinstance(await view.bbo(name, 5), Stale)
        assert len((await view.scan(WANTED)).rows) == 1
        for no in ({"bases": frozenset({"ETH"})}, {"exchanges": frozenset({"venue-a"})}, {"limit": 0}):
            wanted = OpportunityFilter(notional_usd=Decimal(1), horizon_hours=Decimal(1), **no)
            assert (await view.scan(wanted)).rows == ()
        assert len(view.scans) == 4

    asyncio.run(main())
