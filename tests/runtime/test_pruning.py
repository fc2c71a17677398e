"""A run reduces its history by itself, on its own clock."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from arb.model import DAY_NS, HOUR_NS, MINUTE_NS, FundingKind, FundingRate, InstrumentId, RateUnit
from arb.runtime._pruning import Pruning
from arb.storage import Journal
from arb.testing import START_NS, FakeClock, MemoryStorage

COIN = InstrumentId("COIN-PERP.one")


def rate(ts_ns: int) -> FundingRate:
    return FundingRate(
        instrument=COIN,
        raw=Decimal(1),
        unit=RateUnit(factor=Decimal(1), period_ns=HOUR_NS),
        interval_ns=HOUR_NS,
        kind=FundingKind.PREDICTED,
        ts_event_ns=ts_ns,
        ts_init_ns=ts_ns,
    )


def test_it_begins_at_the_next_hour_and_keeps_up() -> None:
    async def main() -> None:
        storage, clock = MemoryStorage(), FakeClock(START_NS + 10 * MINUTE_NS)
        journal = await Journal.open(storage)
        async with journal.transaction() as tx:
            await tx.add_funding_rates([rate(START_NS + minute * MINUTE_NS) for minute in range(0, 240, 10)])

        async def left() -> int:
            return len(await journal.funding_rates(COIN, FundingKind.PREDICTED, 0, 2 * START_NS))

        running = asyncio.create_task(Pruning(journal, clock, keep_ns=DAY_NS).run())
        await clock.run_for(DAY_NS + 40 * MINUTE_NS)
        assert await left() == 24, "no hour is a day old"
        await clock.run_for(10 * MINUTE_NS + 10_000_000_000)
        assert await left() == 24 - 5
        await clock.run_for(HOUR_NS)
        assert await left() == 24 - 10
        await clock.run_for(DAY_NS)
        assert await left() == 4
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        storage.close()

    asyncio.run(main())
