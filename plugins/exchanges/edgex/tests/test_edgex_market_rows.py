"""Lists of the market: a row that cannot be read spoils no other, and a market that is closed is suspended."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from arb.api import BadResponse
from arb.model import SECOND_NS, InstrumentStatus
from arb.testing import Bench, BenchDesk

RATES = "getLatestFundingRate"
TICKERS = "ticker.all.1s"
FIRST, SECOND = "30000001", "30000002"


def tickers(change: Callable[[Any], Any]) -> Callable[[str | bytes], list[str | bytes]]:
    """Return what changes each row of the tickers of all contracts."""

    def tamper(message: str | bytes) -> list[str | bytes]:
        told = json.loads(message)
        if told.get("channel") == TICKERS and "content" in told:
            told["content"]["data"] = [change(row) for row in told["content"]["data"]]
        return [json.dumps(told)]

    return tamper


def of(number: str, **changes: Any) -> Callable[[Any], Any]:
    return lambda row: {**row, **changes} if row["contractId"] == number else row


def of_data(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda body: {**body, "data": [change(row) for row in body["data"]]}


@pytest.mark.parametrize("harm", [{"fundingRateIntervalMin": ""}, {"forecastFundingRate": "x"}, {"fundingTime": None}])
def test_a_rate_that_cannot_be_read_is_left_out_and_said_once(bench: Bench, caplog: Any, harm: dict[str, Any]) -> None:
    async def body(desk: BenchDesk) -> None:
        every = {each.instrument for each in await desk.exchange.market.fetch_funding_rates()}
        desk.wire.change_json(RATES, of_data(of(FIRST, **harm)))
        for _ in range(3):
            told = {each.instrument for each in await desk.exchange.market.fetch_funding_rates()}
            assert told == every - {desk.instrument.id}
        assert caplog.text.count(f"funding rates of contract {FIRST} cannot be read") == 1
        desk.wire.change = None
        await desk.exchange.market.fetch_funding_rates()
        desk.wire.change_json(RATES, of_data(of(FIRST, **harm)))
        await desk.exchange.market.fetch_funding_rates()
        assert caplog.text.count(f"funding rates of contract {FIRST} cannot be read") == 2

    bench(body)


@pytest.mark.parametrize("rows", [[], [{}], [{"contractId": FIRST, "forecastFundingRate": "x"}]])
def test_rates_of_which_none_can_be_read_are_an_error(bench: Bench, rows: list[Any]) -> None:
    async def body(desk: BenchDesk) -> None:
        desk.wire.change_json(RATES, lambda body: {**body, "data": rows})
        with pytest.raises(BadResponse):
            await desk.exchange.market.fetch_funding_rates()

    bench(body)


@pytest.mark.parametrize("harm", [{"markPrice": "x"}, {"openInterest": "NaN"}, {"value": []}])
def test_statistics_that_cannot_be_read_are_left_out_and_said_once(
    bench: Bench, caplog: Any, harm: dict[str, Any]
) -> None:
    async def body(desk: BenchDesk) -> None:
        every = {each.instrument for each in await desk.exchange.market.fetch_stats()}
        desk.wire.tamper = tickers(of(FIRST, **harm))
        for _ in range(3):
            await desk.sleep(2 * SECOND_NS)
            told = {each.instrument for each in await desk.exchange.market.fetch_stats()}
            assert told == every - {desk.instrument.id}
        assert caplog.text.count("tickers of BTC-PERP.check cannot be read") == 1
        desk.wire.tamper = tickers(lambda row: {**row, **harm})
        await desk.sleep(2 * SECOND_NS)
        with pytest.raises(BadResponse):
            await desk.exchange.market.fetch_stats()

    bench(body)


def test_a_ticker_of_nothing_spoils_no_other(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        desk.wire.tamper = tickers(lambda row: {} if row["contractId"] == SECOND else row)
        found = {each.instrument: each.mark_price for each in await desk.exchange.market.fetch_stats()}
        assert found[desk.instrument.id] is not None
        assert list(found.values()).count(None) == 1

    bench(body)


async def status(desk: BenchDesk) -> list[InstrumentStatus]:
    return [each.status for each in await desk.exchange.market.fetch_instruments()]


def test_a_market_is_suspended_while_its_last_ticker_says_that_it_is_closed(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        for is_open, now in (
            (False, InstrumentStatus.SUSPENDED),
            (True, InstrumentStatus.TRADING),
            (None, InstrumentStatus.TRADING),
        ):
            desk.wire.tamper = tickers(of(SECOND, marketOpen=is_open))
            await desk.sleep(2 * SECOND_NS)
            await desk.exchange.market.fetch_stats()
            assert await status(desk) == [InstrumentStatus.TRADING, now, InstrumentStatus.TRADING]

    bench(body)


def stock(number: str) -> Callable[[Any], Any]:
    """Return the change of a listing that makes a contract one of a stock."""

    def change(body: Any) -> Any:
        rows = [of(number, isStock=True)(row) for row in body["data"]["contractList"]]
        return {**body, "data": {**body["data"], "contractList": rows}}

    return change


def test_whether_stock_markets_are_open_is_heard_with_the_listing(bench: Bench) -> None:
    """Nobody has asked for statistics yet: what the plugin lists first is what trades first."""

    async def body(desk: BenchDesk) -> None:
        desk.wire.change_json("getMetaData", stock(SECOND))
        desk.wire.tamper = tickers(of(SECOND, marketOpen=False))
        async with desk.open() as again:
            assert (await status(again))[1] is InstrumentStatus.SUSPENDED
            desk.wire.tamper = None
            await desk.sleep(2 * SECOND_NS)
            assert (await status(again))[1] is InstrumentStatus.TRADING

    bench(body)


def test_a_listing_is_told_without_tickers_too(bench: Bench, caplog: Any) -> None:
    async def body(desk: BenchDesk) -> None:
        desk.wire.change_json("getMetaData", stock(SECOND))
        desk.wire.has_sockets = False
        assert await status(desk) == [InstrumentStatus.TRADING] * 3
        assert "which markets are open could not be learnt" in caplog.text

    bench(body)
