from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pytest

from arb.api import BadResponse, Capability, ConnectFailed
from arb.funding import (
    AssetIdentity,
    CollectionReport,
    CollectorSettings,
    FundingBook,
    FundingCollector,
    FxBook,
    StatsBook,
)
from arb.model import (
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    EventKind,
    Fresh,
    FundingRate,
    Instrument,
    InstrumentId,
    Stale,
    Unknown,
)
from arb.testing import START_NS, FakeClock, Fault, MemoryExchange, sample_instrument


@dataclass
class Bench:
    """Exchanges of one test with everything the collector fills."""

    names: tuple[str, ...] = ("a", "b")
    settings: CollectorSettings | None = None
    interval_ns: int = HOUR_NS
    clock: FakeClock = field(default_factory=FakeClock)
    funding: FundingBook = field(default_factory=FundingBook)
    stats: StatsBook = field(default_factory=StatsBook)
    identity: AssetIdentity = field(default_factory=AssetIdentity)

    def __post_init__(self) -> None:
        self.fx = FxBook(assumed={})
        self.exchanges = {name: MemoryExchange(name, clock=self.clock, prices={}) for name in self.names}
        self.instruments: dict[InstrumentId, Instrument] = {}
        for name, exchange in self.exchanges.items():
            instrument = sample_instrument(name, funding_interval_ns=self.interval_ns)
            exchange.add_instrument(instrument, 50_000)
            exchange.set_funding(instrument.id, "0.0001")
            self.instruments[instrument.id] = instrument
        self.collector = FundingCollector(
            exchanges=list(self.exchanges.values()),
            instruments=self.instruments,
            clock=self.clock,
            funding=self.funding,
            stats=self.stats,
            fx=self.fx,
            settings=self.settings,
            identity=self.identity,
        )

    async def collect(self) -> CollectionReport:
        return await self.collector.collect(self.clock.now_ns())

    def btc(self, name: str) -> InstrumentId:
        return self.exchanges[name].id_of("BTC")

    async def settle(self, name: str, hours: int = 1) -> None:
        """Let hours pass and settle after each."""
        for _ in range(hours):
            self.clock.advance(HOUR_NS)
            self.exchanges[name].settle_funding(self.btc(name), "0.0001")


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


def test_one_collection_fills_rates_statistics_and_currencies() -> None:
    async def test() -> None:
        bench = Bench()
        report = await bench.collect()
        assert {rate.instrument for rate in report.predicted} == set(bench.instruments)
        assert (report.failures, report.events, report.ts_ns) == ((), (), START_NS)
        for instrument in bench.instruments:
            assert isinstance(bench.funding.predicted(instrument, START_NS), Fresh)
            assert isinstance(bench.stats.get(instrument, START_NS), Fresh)
        assert isinstance(bench.fx.usd_rate("USDC", START_NS), Fresh)

    run(test())


def test_each_collection_notes_prices_in_dollars_for_telling_assets_apart() -> None:
    async def test() -> None:
        bench = Bench()
        bench.exchanges["b"].set_price(bench.btc("b"), 55_000)
        await bench.collect()
        found = bench.identity.compare(bench.btc("a"), bench.btc("b"))
        assert (found.ratio, found.observations, found.contradicts) == (Decimal(50) / 55, 1, True)
        for instrument in bench.instruments.values():
            bench.instruments[instrument.id] = replace(instrument, quote="EURX")
        bench.clock.advance(HOUR_NS)
        await bench.collect()
        assert bench.identity.compare(bench.btc("a"), bench.btc("b")).observations == 1

    run(test())


def test_an_exchange_that_fails_keeps_its_rate_which_ages_and_is_never_zero() -> None:
    async def test() -> None:
        bench = Bench()
        await bench.collect()
        bench.exchanges["a"].faults.always("fetch_funding_rates", Fault(error=ConnectFailed("down", exchange="a")))
        bench.clock.advance(MINUTE_NS)
        report = await bench.collect()
        assert [(failure.exchange, failure.what) for failure in report.failures] == [("a", "funding_rates")]
        assert "down" in report.failures[0].reason
        assert [rate.instrument for rate in report.predicted] == [bench.btc("b")]
        held = bench.funding.predicted(bench.btc("a"), bench.clock.now_ns())
        assert isinstance(held, Fresh)
        assert held.value.rate == Decimal("0.0001")
        assert held.observed_ns == START_NS
        assert isinstance(bench.funding.predicted(bench.btc("a"), START_NS + 59 * MINUTE_NS), Stale)

    run(test())


def test_a_currency_that_nobody_prices_is_named_while_it_lasts() -> None:
    async def test() -> None:
        bench = Bench()
        for exchange in bench.exchanges.values():
            exchange.set_fx("USDC", None)
        report = await bench.collect()
        assert [(failure.exchange, failure.what) for failure in report.failures] == [
            ("a", "the value of USDC"),
            ("b", "the value of USDC"),
        ]
        assert (await bench.collect()).failures == report.failures
        bench.exchanges["b"].set_fx("USDC", 1)
        assert (await bench.collect()).failures == ()

    run(test())


def test_one_failing_read_does_not_stop_the_others_of_the_same_exchange() -> None:
    async def test() -> None:
        bench = Bench(("a",))
        bench.exchanges["a"].faults.always("fetch_stats", Fault(error=BadResponse("not JSON", exchange="a")))
        await bench.settle("a", 3)
        report = await bench.collect()
        assert [failure.what for failure in report.failures] == ["stats"]
        assert len(report.settled) == 3
        assert isinstance(bench.fx.usd_rate("USDC", bench.clock.now_ns()), Fresh)

    run(test())


def test_a_bug_in_a_plugin_is_a_failure_of_that_exchange() -> None:
    async def test() -> None:
        bench = Bench()
        bench.exchanges["a"].faults.always("fetch_funding_rates", Fault(error=KeyError("fundingRate")))
        report = await bench.collect()
        assert report.failures[0].reason == "KeyError: 'fundingRate'"
        assert isinstance(bench.funding.predicted(bench.btc("b"), START_NS), Fresh)

    run(test())


def test_an_exchange_that_hangs_is_left_after_the_timeout_and_what_came_before_counts() -> None:
    async def test() -> None:
        bench = Bench(settings=CollectorSettings(timeout_ns=50_000_000))
        bench.exchanges["a"].faults.always("fetch_stats", Fault(delay_ns=DAY_NS))
        report = await bench.collect()
        assert [(failure.exchange, failure.what) for failure in report.failures] == [("a", "exchange")]
        assert "0.05 s" in report.failures[0].reason
        assert {rate.instrument for rate in report.predicted} == set(bench.instruments)

    run(test())


def test_an_exchange_that_hangs_does_not_make_the_currencies_of_others_worthless() -> None:
    async def test() -> None:
        bench = Bench()
        bench.exchanges["b"].faults.always("fetch_funding_rates", Fault(delay_ns=HOUR_NS))
        collecting = asyncio.create_task(bench.collect())
        await bench.clock.run_for(HOUR_NS + MINUTE_NS)
        assert (await collecting).failures == ()

    run(test())


def test_what_one_exchange_brings_is_there_while_another_still_hangs() -> None:
    async def test() -> None:
        bench = Bench()
        bench.exchanges["a"].faults.always("fetch_funding_rates", Fault(delay_ns=HOUR_NS))
        collecting = asyncio.create_task(bench.collect())
        await bench.clock.run_for(MINUTE_NS)
        assert isinstance(bench.funding.predicted(bench.btc("b"), bench.clock.now_ns()), Fresh)
        assert isinstance(bench.funding.predicted(bench.btc("a"), bench.clock.now_ns()), Unknown)
        assert not collecting.done()
        await bench.clock.run_for(HOUR_NS)
        await collecting

    run(test())


def test_a_reading_is_as_old_as_its_request() -> None:
    async def test() -> None:
        bench = Bench(("a",))
        bench.exchanges["a"].faults.once("fetch_funding_rates", Fault(delay_ns=MINUTE_NS))
        collecting = asyncio.create_task(bench.collect())
        await bench.clock.run_for(2 * MINUTE_NS)
        await collecting
        held = bench.funding.predicted(bench.btc("a"), bench.clock.now_ns())
        assert isinstance(held, Fresh)
        assert held.observed_ns == START_NS

    run(test())


def test_history_is_backfilled_at_start_and_then_followed_without_a_gap() -> None:
    async def test() -> None:
        bench = Bench(("a",))
        await bench.settle("a", 30)
        first = await bench.collect()
        assert len(first.settled) == 30
        await bench.settle("a", 5)
        second = await bench.collect()
        assert [rate.ts_event_ns for rate in second.settled] == [START_NS + n * HOUR_NS for n in range(31, 36)]
        assert len(bench.funding.settled(bench.btc("a"))) == 35

    run(test())


def test_history_is_asked_for_only_when_a_settlement_is_due() -> None:
    async def test() -> None:
        bench = Bench(("a",))
        await bench.settle("a", 2)
        calls = bench.exchanges["a"].faults.calls
        for _ in range(4):
            await bench.collect()
            bench.clock.advance(14 * MINUTE_NS)
        assert calls["fetch_funding_history"] == 1
        bench.clock.advance(4 * MINUTE_NS)
        await bench.collect()
        assert calls["fetch_funding_history"] == 2

    run(test())


def test_a_settlement_that_the_venue_lists_late_is_still_found() -> None:
    async def test() -> None:
        bench = Bench(("a",))
        await bench.settle("a")
        await bench.collect()
        bench.clock.advance(HOUR_NS)
        late = await bench.collect()
        assert late.settled == ()
        bench.exchanges["a"].settle_funding(bench.btc("a"), "0.0003")
        bench.clock.advance(MINUTE_NS)
        assert len((await bench.collect()).settled) == 1

    run(test())


def test_a_long_absence_is_read_in_bounded_stretches_until_nothing_is_missing() -> None:
    async def test() -> None:
        bench = Bench(("a",), settings=CollectorSettings(backfill_ns=DAY_NS))
        await bench.settle("a")
        await bench.collect()
        await bench.settle("a", 24 * 5)
        found: list[FundingRate] = []
        for _ in range(6):
            found.extend((await bench.collect()).settled)
        assert len(found) == 24 * 5
        assert len(bench.funding.settled(bench.btc("a"))) == 24 * 5 + 1

    run(test())


def test_an_empty_stretch_of_history_does_not_stop_the_reading() -> None:
    async def test() -> None:
        bench = Bench(("a",), settings=CollectorSettings(backfill_ns=DAY_NS))
        await bench.settle("a")
        await bench.collect()
        bench.clock.advance(10 * DAY_NS)
        await bench.settle("a", 3)
        for _ in range(12):
            await bench.collect()
        assert len(bench.funding.settled(bench.btc("a"))) == 4

    run(test())


def test_requests_for_history_are_bounded_and_the_most_behind_come_first() -> None:
    async def test() -> None:
        bench = Bench(("a",), settings=CollectorSettings(history_requests=1))
        exchange = bench.exchanges["a"]
        for base in ("ETH", "SOL"):
            instrument = sample_instrument("a", base, funding_interval_ns=HOUR_NS)
            exchange.add_instrument(instrument, 100)
            bench.instruments[instrument.id] = instrument
        bench.clock.advance(HOUR_NS)
        for instrument_id in bench.instruments:
            exchange.settle_funding(instrument_id, "0.0001")
        seen = [len((await bench.collect()).settled) for _ in range(3)]
        assert seen == [1, 1, 1]

    run(test())


def test_a_slow_backfill_is_spread_over_collections_and_is_no_failure() -> None:
    async def test() -> None:
        bench = Bench(("a",))
        exchange = bench.exchanges["a"]
        for base in ("ADA", "ETH", "SOL"):
            instrument = sample_instrument("a", base, funding_interval_ns=HOUR_NS)
            exchange.add_instrument(instrument, 100)
            bench.instruments[instrument.id] = instrument
        bench.clock.advance(HOUR_NS)
        for instrument_id in bench.instruments:
            exchange.settle_funding(instrument_id, "0.0001")
        exchange.faults.always("fetch_funding_history", Fault(delay_ns=3_000_000_000))
        reports = []
        for _ in range(2):
            collecting = asyncio.create_task(bench.collect())
            await bench.clock.run_for(MINUTE_NS)
            reports.append(await collecting)
        assert [len(report.settled) for report in reports] == [2, 2]
        assert [report.failures for report in reports] == [(), ()]

    run(test())


def test_history_loaded_from_storage_is_not_asked_for_again() -> None:
    async def test() -> None:
        bench = Bench(("a",))
        await bench.settle("a", 10)
        exchange = bench.exchanges["a"]
        stored: Sequence[FundingRate] = await exchange.market.fetch_funding_history(
            bench.btc("a"), START_NS, bench.clock.now_ns() + 1
        )
        bench.funding.add_settled(stored)
        await bench.settle("a", 2)
        assert len((await bench.collect()).settled) == 2

    run(test())


def test_an_exchange_is_not_asked_for_what_it_cannot_do() -> None:
    async def test() -> None:
        clock = FakeClock()
        exchange = MemoryExchange("a", clock=clock, capabilities=frozenset({Capability.TRADING}))
        instruments = {each.id: each for each in await exchange.market.fetch_instruments()}
        collector = FundingCollector(
            exchanges=[exchange],
            instruments=instruments,
            clock=clock,
            funding=FundingBook(),
            stats=StatsBook(),
            fx=FxBook(assumed={}),
        )
        report = await collector.collect(START_NS)
        assert report.failures == ()
        assert exchange.faults.calls["fetch_funding_rates"] == exchange.faults.calls["fetch_funding_history"] == 0

    run(test())


def test_a_changed_interval_becomes_an_event() -> None:
    async def test() -> None:
        bench = Bench(("a",), interval_ns=8 * HOUR_NS)
        await bench.collect()
        exchange = bench.exchanges["a"]
        exchange.add_instrument(sample_instrument("a", funding_interval_ns=HOUR_NS))
        bench.clock.advance(MINUTE_NS)
        exchange.set_funding(bench.btc("a"), "0.0001")
        report = await bench.collect()
        assert [event.kind for event in report.events] == [EventKind.FUNDING_INTERVAL_CHANGED]

    run(test())


def test_two_collections_at_once_bring_each_rate_once() -> None:
    async def test() -> None:
        bench = Bench(("a",))
        await bench.settle("a", 3)
        one, other = await asyncio.gather(bench.collect(), bench.collect())
        assert len(one.settled) + len(other.settled) == 3

    run(test())


def test_a_cancelled_collection_leaves_the_collector_usable() -> None:
    async def test() -> None:
        bench = Bench(("a",))
        bench.exchanges["a"].faults.once("fetch_stats", Fault(delay_ns=HOUR_NS))
        collecting = asyncio.create_task(bench.collect())
        await bench.clock.run_for(MINUTE_NS)
        collecting.cancel()
        await asyncio.gather(collecting, return_exceptions=True)
        assert (await bench.collect()).failures == ()

    run(test())


def test_a_rate_of_another_exchange_is_refused() -> None:
    async def test() -> None:
        bench = Bench()
        foreign = FundingBook()
        stranger = MemoryExchange("z", clock=bench.clock)
        stranger.set_funding(stranger.id_of("BTC"), "0.5")
        collector = FundingCollector(
            exchanges=[_Renamed(stranger)],
            instruments={},
            clock=bench.clock,
            funding=foreign,
            stats=StatsBook(),
            fx=FxBook(assumed={}),
        )
        report = await collector.collect(START_NS)
        assert report.predicted == ()
        assert "not its own" in report.failures[0].reason
        assert isinstance(foreign.predicted(stranger.id_of("BTC"), START_NS), Unknown)

    run(test())


class _Renamed(MemoryExchange):
    """An exchange that delivers the rates of another."""

    def __init__(self, inner: MemoryExchange) -> None:
        super().__init__("a", clock=inner.clock, prices={})
        self.market = inner.market


@pytest.mark.parametrize("price", ["NaN", "Infinity", "1E+6000"])
def test_statistics_that_are_no_numbers_are_one_failure_and_nothing_that_is_stored(price: str) -> None:
    bench = Bench()
    broken = bench.exchanges["a"]
    broken.set_mark(broken.id_of("BTC"), Decimal(price))
    report = asyncio.run(bench.collect())
    assert [row.instrument for row in report.stats] == [bench.exchanges["b"].id_of("BTC")]
    assert any("statistics of BTC-PERP.a" in failure.what for failure in report.failures)
