"""A ticker that cannot be had or read costs its own market alone, and is told of once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from arb.api import BadResponse, ExchangeError, HttpRequest, HttpResponse, InMaintenance, OutcomeUnknown
from arb.model import SECOND_NS
from arb.testing import Bench, BenchDesk, FakeWorld

TICKER = "/full/v1/ticker"
CALLS = {"live_tickers": False}
"""Settings under which every read is a call for each market."""


def spoilt(*only: str, **changes: Any) -> Callable[[Any], Any]:
    def change(content: Any) -> Any:
        if not only or content["result"]["instrument"].partition("_")[0] in only:
            content["result"] |= changes
        return content

    return change


def failing(answer: HttpResponse | ExchangeError, only: bytes = b"") -> Callable[[HttpRequest], HttpResponse | None]:
    def choose(request: HttpRequest) -> HttpResponse | None:
        if not request.url.endswith(TICKER) or only not in request.body:
            return None
        if isinstance(answer, ExchangeError):
            raise answer
        return answer

    return choose


def refused(code: int, status: int) -> HttpResponse:
    return HttpResponse(
        status=status, headers={}, body=json.dumps({"code": code, "message": "no", "status": status}).encode()
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"mark_price": "NaN", "funding_rate": "x"},
        {"event_time": None},
        {"instrument": "ETH_USDT_Perp"},
        {"open_interest": [], "next_funding_time": "soon"},
    ],
)
def test_one_bad_row_costs_its_own_market_alone(
    bench: Bench, changes: Mapping[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    async def body(desk: BenchDesk) -> None:
        market, count = desk.exchange.market, len(await desk.exchange.market.fetch_instruments())
        desk.wire.change_json(TICKER, spoilt("BTC", **changes))
        for _ in range(3):
            for found in (await market.fetch_stats(), await market.fetch_funding_rates()):
                assert len(found) == count - 1
                assert desk.instrument.id not in [each.instrument for each in found]
        told = caplog.text.count("are left out: BTC_USDT_Perp")
        assert told == (1 if "instrument" in changes else 2)  # of the ticker, or of statistics and of rates
        desk.wire.change = None
        assert len(await market.fetch_stats()) == len(await market.fetch_funding_rates()) == count
        desk.wire.change_json(TICKER, spoilt("BTC", **changes))
        await market.fetch_stats()
        assert caplog.text.count("are left out: BTC_USDT_Perp") == told + 1  # it is news again

    bench(body, settings=CALLS)


@pytest.mark.parametrize(
    "answer",
    [
        refused(3000, 400),  # delisted
        refused(4711, 400),
        HttpResponse(status=502, headers={}, body=b"<html>"),
        OutcomeUnknown("no answer came back"),
    ],
)
def test_one_call_that_fails_costs_its_own_market_alone(
    bench: Bench, answer: HttpResponse | ExchangeError, caplog: pytest.LogCaptureFixture
) -> None:
    async def body(desk: BenchDesk) -> None:
        market, count = desk.exchange.market, len(await desk.exchange.market.fetch_instruments())
        desk.wire.answer = failing(answer, b"BTC")
        for _ in range(3):
            assert len(await market.fetch_stats()) == len(await market.fetch_funding_rates()) == count - 1
        assert caplog.text.count("are left out") == 1

    bench(body, settings=CALLS)


def test_where_every_row_is_bad_there_is_no_answer(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        market = desk.exchange.market
        desk.wire.change_json(TICKER, spoilt(mark_price="NaN", funding_rate="100"))
        with pytest.raises(BadResponse, match="statistics of"):
            await market.fetch_stats()
        with pytest.raises(BadResponse, match="outside the bounds"):
            await market.fetch_funding_rates()
        desk.wire.answer = failing(HttpResponse(status=503, headers={}, body=b""))
        with pytest.raises(InMaintenance):
            await market.fetch_stats()

    bench(body, settings=CALLS)


def test_a_bad_row_of_the_stream_is_asked_for_and_told_of_once(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    def spoil(message: str | bytes) -> list[str | bytes]:
        told = json.loads(message)
        if told.get("stream") == "v1.ticker.s" and told["selector"].startswith("BTC"):
            told["feed"]["instrument"] = "ETH_USDT_Perp"
        return [json.dumps(told)]

    async def body(desk: BenchDesk) -> None:
        count = len(await desk.exchange.market.fetch_instruments())
        desk.wire.tamper = spoil
        await desk.exchange.market.fetch_stats()
        await desk.sleep(20 * SECOND_NS)
        assert len(await desk.exchange.market.fetch_stats()) == count
        assert caplog.text.count("the ticker of BTC_USDT_Perp cannot be read") == 1

    bench(body)


def test_no_call_is_left_running_when_the_caller_has_its_error(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        desk.wire.answer = failing(HttpResponse(status=503, headers={}, body=b""))
        before = len(asyncio.all_tasks())
        with pytest.raises(InMaintenance):
            await desk.exchange.market.fetch_stats()
        sent = len(desk.wire.requests)
        assert len(asyncio.all_tasks()) == before
        await desk.sleep(60 * SECOND_NS)
        assert len(desk.wire.requests) == sent

    bench(body, settings=CALLS, world=FakeWorld(assets=tuple(f"SOL{number}" for number in range(60))))


def test_no_call_is_left_running_when_the_caller_gives_up(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        reading = asyncio.ensure_future(desk.exchange.market.fetch_stats())
        await desk.sleep(SECOND_NS)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        sent = len(desk.wire.requests)
        await desk.sleep(60 * SECOND_NS)
        assert len(desk.wire.requests) == sent

    bench(body, settings=CALLS, world=FakeWorld(assets=tuple(f"SOL{number}" for number in range(60))))
