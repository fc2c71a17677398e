"""Tickers: there is no call for all of them, so a stream keeps them, and calls stay within the budget."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from arb.model import HOUR_NS, MINUTE_NS, SECOND_NS
from arb.testing import START_NS, Bench, BenchDesk, FakeWorld
from arb_exchange_grvt._rest import Pace

TICKER = "/full/v1/ticker"


def test_prices_and_rates_come_from_the_stream_once_it_runs(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        market, count = desk.exchange.market, len(await desk.exchange.market.fetch_instruments())
        await market.fetch_stats()
        assert len(desk.wire.sent("POST", TICKER)) == count  # the first time: one call for each
        await desk.sleep(10 * SECOND_NS)
        for _ in range(5):
            stats, rates = await asyncio.gather(market.fetch_stats(), market.fetch_funding_rates())
            assert len(stats) == len(rates) == count
            await desk.sleep(7 * SECOND_NS)
        assert len(desk.wire.sent("POST", TICKER)) == count
        asked = [json.loads(each)["params"] for each in desk.wire.sockets[0].sent]
        assert {"stream": "v1.ticker.s", "selectors": ["BTC_USDT_Perp@1000"]} in asked

    bench(body)


def test_a_stream_that_falls_behind_is_not_believed(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        market, count = desk.exchange.market, len(await desk.exchange.market.fetch_instruments())
        await market.fetch_stats()
        await desk.sleep(10 * SECOND_NS)
        desk.wire.tamper = lambda message: []
        await desk.sleep(4 * SECOND_NS)
        await market.fetch_stats()
        assert len(desk.wire.sent("POST", TICKER)) == 2 * count

    bench(body)


def test_a_ticker_that_cannot_be_read_is_asked_for(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        market, count = desk.exchange.market, len(await desk.exchange.market.fetch_instruments())
        await market.fetch_stats()
        await desk.sleep(5 * SECOND_NS)

        def spoil(message: str | bytes) -> list[str | bytes]:
            told = json.loads(message)
            if told.get("stream") == "v1.ticker.s" and told["selector"].startswith("BTC"):
                told["feed"]["instrument"] = "ETH_USDT_Perp"
            return [json.dumps(told)]

        desk.wire.tamper = spoil
        await desk.sleep(5 * SECOND_NS)
        await market.fetch_stats()
        assert len(desk.wire.sent("POST", TICKER)) == count + 1
        assert json.loads(desk.wire.sent("POST", TICKER)[-1].body) == {"instrument": "BTC_USDT_Perp"}

    bench(body)


def test_nobody_asks_and_the_stream_ends(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        await desk.exchange.market.fetch_stats()
        await desk.sleep(5 * SECOND_NS)
        assert len(desk.wire.sockets) == 1
        await desk.sleep(HOUR_NS)
        sent = len(desk.wire.sockets[0].sent)
        await desk.sleep(10 * MINUTE_NS)
        assert len(desk.wire.sockets[0].sent) == sent

    bench(body)


def test_without_the_stream_every_read_is_a_call_for_each(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        market, count = desk.exchange.market, len(await desk.exchange.market.fetch_instruments())
        for _ in range(3):
            await market.fetch_stats()
            await desk.sleep(SECOND_NS)
        assert len(desk.wire.sent("POST", TICKER)) == 3 * count
        assert not desk.wire.sockets

    bench(body, settings={"live_tickers": False})


def test_a_hundred_calls_at_once_stay_within_the_venues_limit(bench: Bench) -> None:
    async def body(desk: Any) -> None:
        rest = desk.exchange.market._rest
        times: list[int] = []

        async def one() -> None:
            await rest.market(TICKER, {"instrument": "BTC_USDT_Perp"})
            times.append(desk.clock.now_ns())

        await asyncio.gather(*(one() for _ in range(100)))
        for begin in times:
            assert sum(begin <= each < begin + SECOND_NS for each in times) <= 25
        assert max(times) - min(times) < 10 * SECOND_NS
        # Orders and cancels have budgets of their own.
        assert rest._private[Pace.CREATE].budget is not rest._private[Pace.CANCEL].budget

    bench(body, settings={"live_tickers": False})


def test_margin_rules_are_asked_for_once_in_hours(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        count = len(await desk.exchange.market.fetch_instruments())
        for _ in range(3):
            await desk.sleep(HOUR_NS)
            await desk.exchange.market.fetch_instruments()
        assert len(desk.wire.sent("POST", "/margin_rules")) == count
        await desk.sleep(6 * HOUR_NS)
        await desk.exchange.market.fetch_instruments()
        assert len(desk.wire.sent("POST", "/margin_rules")) == 2 * count

    bench(body)


def test_margin_rules_are_remembered_over_a_restart_and_read_again_by_the_next_listing(bench: Bench) -> None:
    world = FakeWorld()

    async def first(desk: BenchDesk) -> None:
        assert len(desk.wire.sent("POST", "/margin_rules")) == len(await desk.exchange.market.fetch_instruments())

    async def later(desk: BenchDesk) -> None:
        assert not desk.wire.sent("POST", "/margin_rules")
        count = len(await desk.exchange.market.fetch_instruments())
        assert not desk.wire.sent("POST", "/margin_rules")
        await desk.sleep(7 * HOUR_NS)
        await desk.exchange.market.fetch_instruments()
        assert len(desk.wire.sent("POST", "/margin_rules")) == count

    bench(first, world=world)
    bench(later, world=world)


@pytest.mark.parametrize("stored", ["", "[]", '{"read_ns": 1}', '{"read_ns": "x", "risk_brackets": []}', "{"])
def test_stored_margin_rules_that_cannot_be_read_are_asked_for_anew(bench: Bench, stored: str) -> None:
    world = FakeWorld()

    async def nothing(desk: BenchDesk) -> None:
        await world.client_state.put("margin_rules:BTC_USDT_Perp", stored)

    async def again(desk: BenchDesk) -> None:
        (asked,) = desk.wire.sent("POST", "/margin_rules")
        assert json.loads(asked.body)["instrument"] == "BTC_USDT_Perp"
        assert "BTC_USDT_Perp" in [each.symbol for each in await desk.exchange.market.fetch_instruments()]

    bench(nothing, world=world)
    bench(again, world=world)


def test_a_first_listing_of_two_hundred_markets_waits_for_the_venues_limit(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        listed = await desk.exchange.market.fetch_instruments()
        assert len(listed) == 200
        assert desk.clock.now_ns() - START_NS < 60 * SECOND_NS

    bench(body, world=FakeWorld(assets=tuple(f"SOL{number}" for number in range(200))))


def test_a_rate_outside_the_bounds_of_its_market_is_left_out(bench: Bench, caplog: Any) -> None:
    async def body(desk: BenchDesk) -> None:
        def in_centibeeps(content: Any) -> Any:
            if "BTC" in content["result"]["instrument"]:
                content["result"]["funding_rate"] = "100"  # 0.01 %
            return content

        desk.wire.change_json(TICKER, in_centibeeps)
        rates = await desk.exchange.market.fetch_funding_rates()
        assert desk.instrument.id not in [each.instrument for each in rates]
        assert rates

    bench(body, settings={"live_tickers": False})
    assert "outside the bounds" in caplog.text
