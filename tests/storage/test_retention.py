"""What is old is kept by the hour, and nobody misses anything newer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arb.api import Storage
from arb.model import (
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    FundingKind,
    FundingRate,
    InstrumentId,
    MarketStats,
    RateUnit,
)
from arb.storage import Journal, copy_database
from arb.storage._days import SERIES
from arb.storage._retention import prune
from arb.testing import START_NS, FakeContext, MemoryStorage

NewStorage = Callable[[], AbstractAsyncContextManager[Storage]]

IDS = [InstrumentId(f"{base}-PERP.one") for base in ("A", "B", "C")]
END_NS = 1 << 62


def rate(instrument: InstrumentId, ts_ns: int, kind: FundingKind = FundingKind.PREDICTED, raw: int = 1) -> FundingRate:
    return FundingRate(
        instrument=instrument,
        raw=Decimal(raw),
        unit=RateUnit(factor=Decimal(1), period_ns=HOUR_NS),
        interval_ns=HOUR_NS,
        kind=kind,
        ts_event_ns=ts_ns,
        ts_init_ns=ts_ns,
    )


def stats(instrument: InstrumentId, ts_ns: int) -> MarketStats:
    return MarketStats(
        instrument=instrument,
        mark_price=Decimal(ts_ns % 1000),
        index_price=None,
        volume_24h=None,
        open_interest=None,
        ts_event_ns=ts_ns,
        ts_init_ns=ts_ns,
    )


async def no_pause() -> None:
    return


async def fill(journal: Journal, facts: Sequence[tuple[int, int]]) -> None:
    """Store a predicted and a settled rate and statistics for each instrument and time."""
    async with journal.transaction() as tx:
        for kind in FundingKind:
            await tx.add_funding_rates([rate(IDS[which], ts_ns, kind) for which, ts_ns in facts])
        await tx.add_stats([stats(IDS[which], ts_ns) for which, ts_ns in facts])


async def times(journal: Journal) -> dict[str, set[tuple[int, int]]]:
    """Return what is stored: instrument and time, by series."""
    found: dict[str, set[tuple[int, int]]] = {
        kind: {
            (which, one.ts_event_ns)
            for which, key in enumerate(IDS)
            for one in await journal.funding_rates(key, kind, -END_NS, END_NS)
        }
        for kind in FundingKind
    }
    found["stats"] = {
        (IDS.index(one.instrument), one.ts_event_ns) for one in await journal.stats(None, -END_NS, END_NS)
    }
    return found


async def latest(journal: Journal) -> object:
    return [await journal.latest_funding_rates(kind) for kind in FundingKind], await journal.latest_stats()


def kept(facts: set[tuple[int, int]], before_ns: int) -> set[tuple[int, int]]:
    """Return what has to stay: what is not older than the last full hour, and the last of each hour."""
    last = {(which, ts_ns // HOUR_NS): 0 for which, ts_ns in facts}
    for which, ts_ns in facts:
        last[which, ts_ns // HOUR_NS] = max(last[which, ts_ns // HOUR_NS], ts_ns)
    border_ns = before_ns // HOUR_NS * HOUR_NS
    return {(which, ts) for which, ts in facts if ts >= border_ns or last[which, ts // HOUR_NS] == ts}


on_an_axis = st.tuples(
    st.integers(0, len(IDS) - 1),
    st.builds(
        lambda hours, minutes, shift: START_NS + hours * HOUR_NS + minutes * MINUTE_NS + shift,
        st.sampled_from([-30, -2, -1, -1, 0, 0, 1, 30]),
        st.integers(0, 59),
        st.sampled_from([0, 0, 1, MINUTE_NS - 1]),
    ),
)


@pytest.mark.timeout(240)
def test_the_last_of_each_old_hour_stays_with_everything_newer(new_storage: NewStorage, few: settings) -> None:
    @few
    @given(
        st.lists(on_an_axis, max_size=40, unique=True),
        st.lists(st.integers(-150, 150).map(lambda minutes: START_NS + minutes * MINUTE_NS), min_size=1, max_size=3),
        st.integers(1, 7),
        st.lists(on_an_axis, max_size=5, unique=True),
    )
    def check(facts: list[tuple[int, int]], cuts: list[int], batch: int, late: list[tuple[int, int]]) -> None:
        async def body() -> None:
            async with new_storage() as storage:
                journal = await Journal.open(storage)
                await fill(journal, facts)
                expected, newest = set(facts), await latest(journal)
                for before_ns in sorted(cuts):
                    deleted = await prune(storage, before_ns, no_pause, batch=batch)
                    gone = len(expected) - len(kept(expected, before_ns))
                    expected = kept(expected, before_ns)
                    assert dict(deleted) == {"predicted_funding_rates": gone, "market_stats": gone}
                    found = await times(journal)
                    assert found["predicted"] == found["stats"] == expected
                    assert found["settled"] == set(facts)
                    assert await latest(journal) == newest
                await fill(journal, late)
                newest = await latest(journal)
                await prune(storage, max(cuts), no_pause, from_oldest=True, batch=batch)
                assert (await times(journal))["predicted"] == kept(expected | set(late), max(cuts))
                assert await latest(journal) == newest

        asyncio.run(body())

    check()


def test_a_transaction_deletes_a_batch_at_most_and_is_followed_by_a_pause(new_storage: NewStorage) -> None:
    async def body() -> None:
        async with new_storage() as storage:
            journal = await Journal.open(storage)
            await fill(journal, [(0, START_NS + minute * MINUTE_NS) for minute in range(120)])
            left = []

            async def pause() -> None:
                left.append(len((await times(journal))["predicted"]))

            await prune(storage, START_NS + 2 * HOUR_NS, pause, batch=20)
            steps = [before - after for before, after in zip([120, *left], left, strict=False)]
            assert sum(steps) == 118
            assert max(steps) == 20

    asyncio.run(body())


def test_rows_that_come_late_are_found_by_who_looks_from_the_oldest(new_storage: NewStorage) -> None:
    async def body() -> None:
        async with new_storage() as storage:
            journal = await Journal.open(storage)
            first, second, last = ((0, START_NS + minute * MINUTE_NS) for minute in (1, 2, 3))
            await fill(journal, [last])
            await journal.prune(START_NS + HOUR_NS, no_pause)
            await fill(journal, [first, second])
            await journal.prune(START_NS + HOUR_NS, no_pause)
            assert (await times(journal))["stats"] == {first, second, last}
            await journal.prune(START_NS + HOUR_NS, no_pause, from_oldest=True)
            assert (await times(journal))["stats"] == {last}

    asyncio.run(body())


def test_where_it_broke_off_it_goes_on(new_storage: NewStorage) -> None:
    async def body() -> None:
        async with new_storage() as storage:
            journal = await Journal.open(storage)
            facts = {(which, START_NS + minute * MINUTE_NS) for minute in range(180) for which in (0, 1)}
            await fill(journal, sorted(facts))
            calls = 0

            async def break_off() -> None:
                nonlocal calls
                calls += 1
                if calls == 5:
                    raise ZeroDivisionError

            with pytest.raises(ZeroDivisionError):
                await prune(storage, START_NS + DAY_NS, break_off, batch=50)
            assert kept(facts, START_NS + DAY_NS) < (await times(journal))["predicted"] < facts
            await prune(storage, START_NS + DAY_NS, no_pause, batch=50)
            assert (await times(journal))["predicted"] == kept(facts, START_NS + DAY_NS)

    asyncio.run(body())


async def partitions(storage: Storage, table: str) -> list[str]:
    sql = "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = ?::text::regclass ORDER BY 1"
    async with storage.transaction() as tx:
        return [str(row["name"]) for row in await tx.query(sql, (table,))]


def with_journal(new_storage: NewStorage, body: Callable[[Storage, Journal], Awaitable[None]]) -> None:
    async def run() -> None:
        async with new_storage() as storage:
            await body(storage, await Journal.open(storage))

    asyncio.run(run())


def test_postgresql_keeps_a_partition_a_day_and_a_small_one_of_what_was_reduced(on_server: NewStorage) -> None:
    async def body(storage: Storage, journal: Journal) -> None:
        await fill(journal, [(0, START_NS + minute * MINUTE_NS) for minute in range(0, 3 * 24 * 60, 7)])
        names = {table: [f"{table}_2026010{day}" for day in (1, 2, 3)] for table in SERIES}
        for table in SERIES:
            assert await partitions(storage, table) == names[table]
        await journal.prune(START_NS + 2 * DAY_NS + HOUR_NS, no_pause)
        for table in SERIES:
            small = [f"{name}_hours" for name in names[table][:2]]
            assert await partitions(storage, table) == [*small, names[table][2]]
        before = await times(journal)
        await journal.prune(START_NS + 2 * DAY_NS + HOUR_NS, no_pause)
        await fill(journal, [(1, START_NS + DAY_NS + 1), (1, START_NS + 9 * DAY_NS)])
        assert (await times(journal))["predicted"] - before["predicted"] == {
            (1, START_NS + DAY_NS + 1),
            (1, START_NS + 9 * DAY_NS),
        }
        assert len(await partitions(storage, "market_stats")) == 4

    with_journal(on_server, body)


def test_postgresql_leaves_a_day_as_it_is_while_somebody_reads_it(
    on_server: NewStorage, request: pytest.FixtureRequest
) -> None:
    async def body(storage: Storage, journal: Journal) -> None:
        from arb_storage_postgres._settings import PostgresSettings
        from arb_storage_postgres._storage import open_storage

        await fill(journal, [(0, START_NS + minute * MINUTE_NS) for minute in range(0, 24 * 60, 7)])
        async with storage.transaction() as tx:
            (row,) = await tx.query("SELECT current_database()::text AS name")
        table = {**request.getfixturevalue("server").settings(str(row["name"])), "read_only": True}
        reader = open_storage(PostgresSettings.model_validate(table), FakeContext("reader"))
        async with reader as reading, reading.transaction() as tx:
            before = await tx.query("SELECT COUNT(*) AS n FROM predicted_funding_rates")
            began = time.monotonic()
            await journal.prune(START_NS + 2 * DAY_NS, no_pause)
            assert time.monotonic() - began < 5, "it waited for the reader"
            assert await tx.query("SELECT COUNT(*) AS n FROM predicted_funding_rates") == before
        assert await partitions(storage, "predicted_funding_rates") == ["predicted_funding_rates_20260101"]
        assert await partitions(storage, "market_stats") == ["market_stats_20260101_hours"]
        await journal.prune(START_NS + 2 * DAY_NS, no_pause)
        assert await partitions(storage, "predicted_funding_rates") == ["predicted_funding_rates_20260101_hours"]
        assert len((await times(journal))["predicted"]) == 24

    with_journal(on_server, body)


def test_a_copy_makes_the_days_it_needs(new_storage: NewStorage) -> None:
    async def body() -> None:
        async with new_storage() as target:
            source = MemoryStorage()
            journal = await Journal.open(source)
            await fill(journal, [(which, START_NS + day * DAY_NS) for day in range(-3, 4) for which in range(3)])
            await journal.prune(START_NS, no_pause)
            copied = await copy_database(source, target)
            assert copied["predicted_funding_rates"] == copied["market_stats"] == 21
            there = await Journal.open(target)
            assert await times(there) == await times(journal)
            assert await latest(there) == await latest(journal)
            source.close()

    asyncio.run(body())
