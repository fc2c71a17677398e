"""A sick venue: what cannot be true ends in an error that says so, and nothing stays broken after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from arb.api import BadResponse, HttpResponse
from arb.model import MINUTE_NS, SECOND_NS, OrderStatus, TimeInForce
from arb.testing import Bench, BenchDesk, Listener


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: [row for row in rows if row["symbol"] != "BTC_USDC_PERP"],
        lambda rows: [{**row, "filters": None} if row["symbol"] == "BTC_USDC_PERP" else row for row in rows],
        lambda rows: [{**row, "imfFunction": None} if row["symbol"] == "BTC_USDC_PERP" else row for row in rows],
    ],
)
def test_a_market_that_one_listing_lacks_can_still_be_closed(bench: Bench, change: Callable[[Any], Any]) -> None:
    async def body(desk: BenchDesk) -> None:
        assert desk.instrument.symbol == "BTC_USDC_PERP"
        await desk.check_unlisted(lambda: desk.wire.change_json("/api/v1/markets", change))

    bench(body)


def test_no_message_ends_the_streams(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        noise: list[str | bytes] = [
            '{"stream": ["depth.BTC_USDC_PERP"], "data": {}}',
            '{"stream": {}, "data": [{}]}',
            '{"stream": "depth.BTC_USDC_PERP", "data": {"U": 1e99999999999999999999}}',
            "[" * 100_000,
        ]
        desk.wire.tamper = lambda message: [noise.pop(), message] if noise else [message]
        listener = Listener(desk.streams.watch_order_book(desk.instrument.id))
        await desk.sleep(MINUTE_NS)
        assert not noise
        assert not listener.is_over
        assert len(listener.heard) > 5
        await listener.stop()

    bench(body)


@pytest.mark.parametrize(
    "change", [lambda row: {**row, "clientId": 77}, lambda row: {**row, "symbol": "ETH_USDC_PERP"}]
)
def test_another_order_is_not_taken_for_ours(bench: Bench, change: Callable[[Any], Any]) -> None:
    async def body(desk: BenchDesk) -> None:
        resting = await desk.resting()
        await desk.send(resting)
        desk.wire.change_json("/api/v1/order", change)
        with pytest.raises(BadResponse):
            await desk.trading.fetch_order(desk.instrument.id, resting.client_order_id)
        with pytest.raises(BadResponse):
            await desk.send(await desk.request(time_in_force=TimeInForce.IOC))

    bench(body)


def test_a_time_of_the_venue_that_cannot_be_true_is_not_signed_with(bench: Bench) -> None:
    async def body(desk: Any) -> None:
        await desk.send(await desk.request())
        desk.wire.change_json("/api/v1/time", lambda now_ms: now_ms + 20 * 3_600_000)
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
        desk.streams._catalog._listing = None
        desk.wire.answer = lambda request: down if "/markets" in request.url else None
        listener = Listener(desk.streams.watch_account())
        await desk.sleep(10 * SECOND_NS)
        desk.wire.answer = None
        await desk.sleep(2 * MINUTE_NS)
        assert not listener.is_over
        await desk.send(await desk.request())
        await desk.sleep(5 * SECOND_NS)
        assert listener.heard
        await listener.stop()

    bench(body)
