"""A sick venue: what cannot be true ends in an error that says so, and nothing stays broken after it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from arb.api import BadResponse, HttpRequest, HttpResponse
from arb.model import MINUTE_NS, SECOND_NS, OrderStatus, TimeInForce

Bench = Callable[..., None]


def changing(desk: Any, path: str, change: Callable[[Any], Any]) -> None:
    """Change the venue's answers of a path from now on."""
    inner = desk.line.venue.send

    async def send(request: HttpRequest) -> HttpResponse:
        found: HttpResponse = await inner(request)
        if request.url.partition("?")[0].endswith(path) and found.status == 200:
            return replace(found, body=json.dumps(change(json.loads(found.body))).encode())
        return found

    desk.line.venue.send = send


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: [row for row in rows if row["symbol"] != "BTC_USDC_PERP"],
        lambda rows: [{**row, "filters": None} if row["symbol"] == "BTC_USDC_PERP" else row for row in rows],
        lambda rows: [{**row, "imfFunction": None} if row["symbol"] == "BTC_USDC_PERP" else row for row in rows],
    ],
)
def test_a_market_that_one_listing_lacks_can_still_be_closed(bench: Bench, change: Callable[[Any], Any]) -> None:
    async def body(desk: Any) -> None:
        assert desk.instrument.symbol == "BTC_USDC_PERP"
        resting = await desk.resting()
        await desk.send(resting)
        changing(desk, "/api/v1/markets", change)
        assert desk.instrument.id not in {one.id for one in await desk.exchange.market.fetch_instruments()}
        await desk.trading.cancel_order(desk.instrument.id, resting.client_order_id)
        found = await desk.trading.fetch_order(desk.instrument.id, resting.client_order_id)
        assert found.status is OrderStatus.CANCELLED
        assert (await desk.send(await desk.request())).status is OrderStatus.FILLED

    bench(body)


def test_no_message_ends_the_streams(bench: Bench) -> None:
    async def body(desk: Any) -> None:
        noise: list[str | bytes] = [
            '{"stream": ["depth.BTC_USDC_PERP"], "data": {}}',
            '{"stream": {}, "data": [{}]}',
            '{"stream": "depth.BTC_USDC_PERP", "data": {"U": 1e99999999999999999999}}',
            "[" * 100_000,
        ]
        desk.line.tamper = lambda message: [noise.pop(), message] if noise else [message]
        heard: list[Any] = []

        async def listen() -> None:
            async with aclosing(desk.exchange.streams.watch_order_book(desk.instrument.id)) as books:
                async for each in books:
                    heard.append(each)

        listening = asyncio.create_task(listen())
        await desk.sleep(MINUTE_NS)
        assert not noise
        assert not listening.done()
        assert len(heard) > 5
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)

    bench(body)


@pytest.mark.parametrize(
    "change", [lambda row: {**row, "clientId": 77}, lambda row: {**row, "symbol": "ETH_USDC_PERP"}]
)
def test_another_order_is_not_taken_for_ours(bench: Bench, change: Callable[[Any], Any]) -> None:
    async def body(desk: Any) -> None:
        resting = await desk.resting()
        await desk.send(resting)
        changing(desk, "/api/v1/order", change)
        with pytest.raises(BadResponse):
            await desk.trading.fetch_order(desk.instrument.id, resting.client_order_id)
        with pytest.raises(BadResponse):
            await desk.send(await desk.request(time_in_force=TimeInForce.IOC))

    bench(body)


def test_a_time_of_the_venue_that_cannot_be_true_is_not_signed_with(bench: Bench) -> None:
    async def body(desk: Any) -> None:
        await desk.send(await desk.request())
        inner = desk.line.venue.send

        async def send(request: HttpRequest) -> HttpResponse:
            found: HttpResponse = await inner(request)
            if request.url.endswith("/api/v1/time"):
                return replace(found, body=str(int(found.body) + 20 * 3_600_000).encode())
            return found

        desk.line.venue.send = send
        await desk.sleep(15 * MINUTE_NS)  # the samples so far are old
        await desk.trading.fetch_positions()
        prepared = await desk.trading.prepare_order(await desk.request())
        assert abs(int(prepared.payload.headers["X-Timestamp"]) * 1_000_000 - desk.clock.now_ns()) < MINUTE_NS
        assert prepared.expires_ns < desk.clock.now_ns() + MINUTE_NS
        assert (await desk.trading.send_order(prepared)).status is OrderStatus.FILLED

    bench(body)


def test_streams_come_when_the_venue_can_be_asked_again(bench: Bench) -> None:
    async def body(desk: Any) -> None:
        down = HttpResponse(status=503, headers={}, body=b"{}")
        desk.exchange.streams._catalog._listing = None
        desk.line.answer = lambda request: down if "/markets" in request.url else None
        heard: list[Any] = []

        async def listen() -> None:
            async with aclosing(desk.exchange.streams.watch_account()) as changes:
                async for each in changes:
                    heard.append(each)

        listening = asyncio.create_task(listen())
        await desk.sleep(10 * SECOND_NS)
        desk.line.answer = lambda request: None
        await desk.sleep(2 * MINUTE_NS)
        assert not listening.done()
        await desk.send(await desk.request())
        await desk.sleep(5 * SECOND_NS)
        assert heard
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)

    bench(body)
