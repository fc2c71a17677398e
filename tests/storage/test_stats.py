"""Market statistics: a series and its newest rows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arb.api import InvariantBroken, Storage
from arb.model import DAY_NS, InstrumentId, MarketStats
from arb.storage import Journal

NewStorage = Callable[[], AbstractAsyncContextManager[Storage]]

A, B = InstrumentId("A-PERP.one"), InstrumentId("B-PERP.two")
ONE = MarketStats(
    instrument=A,
    mark_price=Decimal("63091.10"),
    index_price=Decimal("1E-18"),
    volume_24h=Decimal(123456789012345678),
    open_interest=None,
    ts_event_ns=5,
    ts_init_ns=6,
)


def test_a_series_comes_back_exactly_and_by_its_bounds(new_storage: NewStorage) -> None:
    rows = [replace(ONE, instrument=which, ts_event_ns=ts_ns) for ts_ns in (5, DAY_NS, 3 * DAY_NS) for which in (A, B)]

    async def body() -> None:
        async with new_storage() as storage:
            journal = await Journal.open(storage)
            async with journal.transaction() as tx:
                await tx.add_stats(list(reversed(rows)))
            assert list(await journal.stats(None, 0, 4 * DAY_NS)) == rows
            assert list(await journal.stats(B, 6, 3 * DAY_NS)) == [rows[3]]
            assert list(await journal.latest_stats()) == rows[4:]
            assert await journal.stats(A, 0, 5) == ()

    asyncio.run(body())


observed = st.builds(
    lambda which, ts, seen, price: replace(
        ONE, instrument=which, ts_event_ns=ts, ts_init_ns=seen, mark_price=Decimal(price)
    ),
    st.sampled_from([A, B]),
    st.integers(0, 3),
    st.integers(0, 3),
    st.integers(0, 99),
)


def test_whatever_the_order_the_newest_row_is_that_of_the_series(new_storage: NewStorage, few: settings) -> None:
    @few
    @given(st.lists(st.lists(observed, max_size=12), max_size=4))
    def check(batches: list[list[MarketStats]]) -> None:
        async def body() -> None:
            async with new_storage() as storage:
                journal = await Journal.open(storage)
                for batch in batches:
                    async with journal.transaction() as tx:
                        await tx.add_stats(batch)
                expected: dict[tuple[InstrumentId, int], MarketStats] = {}
                for one in (each for batch in batches for each in batch):
                    held = expected.get((one.instrument, one.ts_event_ns))
                    if held is None or one.ts_init_ns >= held.ts_init_ns:
                        expected[one.instrument, one.ts_event_ns] = one
                series = await journal.stats(None, 0, 9)
                assert set(series) == set(expected.values())
                newest = {one.instrument: one for one in series}
                assert {one.instrument: one for one in await journal.latest_stats()} == newest

        asyncio.run(body())

    check()


def test_a_number_that_is_none_is_refused_before_it_is_stored(new_storage: NewStorage) -> None:
    async def body() -> None:
        async with new_storage() as storage:
            journal = await Journal.open(storage)
            with pytest.raises(InvariantBroken, match="cannot be stored as a number"):
                async with journal.transaction() as tx:
                    await tx.add_stats([replace(ONE, open_interest=Decimal("NaN"))])
            assert await journal.latest_stats() == ()

    asyncio.run(body())
