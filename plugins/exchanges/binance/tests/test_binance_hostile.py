"""A sick venue: what cannot be true ends in an error that says so, and nothing stays broken after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from arb.api import BadResponse, ExchangeError, HttpResponse
from arb.model import DAY_NS, MINUTE_NS, SECOND_NS, BookGap, OrderStatus, Side
from arb.testing import Bench, BenchDesk, Listener


def without(name: str) -> Callable[[Any], Any]:
    def change(answer: Any) -> Any:
        return {
            **answer,
            "symbols": [{**row, name: None} if row["symbol"] == "BTCUSDT" else row for row in answer["symbols"]],
        }

    return change


@pytest.mark.parametrize(
    "change",
    [
        lambda answer: {**answer, "symbols": [row for row in answer["symbols"] if row["symbol"] != "BTCUSDT"]},
        without("filters"),
        without("baseAsset"),
        without("marginAsset"),
    ],
)
def test_an_instrument_that_one_listing_lacks_can_still_be_closed(bench: Bench, change: Callable[[Any], Any]) -> None:
    async def body(desk: BenchDesk) -> None:
        assert desk.instrument.symbol == "BTCUSDT"
        await desk.check_unlisted(lambda: desk.wire.change_json("/exchangeInfo", change))

    bench(body)


@pytest.mark.parametrize(
    "change", [lambda answer: {**answer, "symbols": []}, lambda answer: {**answer, "symbols": None}, lambda answer: []]
)
def test_a_listing_of_nothing_is_an_error(bench: Bench, change: Callable[[Any], Any]) -> None:
    async def body(desk: BenchDesk) -> None:
        desk.wire.change_json("/exchangeInfo", change)
        with pytest.raises(BadResponse):
            await desk.exchange.market.fetch_instruments()

    bench(body)


@pytest.mark.parametrize("hours", [0, -8, 25, "x", None, True])
def test_an_interval_that_cannot_be_is_an_error(bench: Bench, hours: Any) -> None:
    async def body(desk: BenchDesk) -> None:
        desk.wire.change_json("/fundingInfo", lambda rows: [{"symbol": "BTCUSDT", "fundingIntervalHours": hours}])
        with pytest.raises(BadResponse):
            await desk.exchange.market.fetch_funding_rates()
        with pytest.raises(BadResponse):
            await desk.exchange.market.fetch_instruments()

    bench(body)


def test_an_interval_that_changed_counts_at_once(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        desk.wire.change_json("/fundingInfo", lambda rows: [{"symbol": "BTCUSDT", "fundingIntervalHours": 1}])
        rates = {each.instrument: each for each in await desk.exchange.market.fetch_funding_rates()}
        rate = rates[desk.instrument.id]
        assert rate.per_hour == rate.raw
        assert {each.per_hour * 8 == each.raw for each in rates.values() if each is not rate} == {True}

    bench(body)


def test_no_message_ends_the_streams(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        noise: list[str | bytes] = [
            '{"stream": ["btcusdt@depth@100ms"], "data": {}}',
            '{"stream": {}, "data": [{}]}',
            '{"stream": "btcusdt@depth@100ms", "data": {"U": 1e99999999999999999999}}',
            '{"stream": "btcusdt@depth@100ms", "data": {"U": 1, "u": 2, "pu": 0, "E": 1, "b": [["x"]], "a": []}}',
            '{"stream": "btcusdt@depth@100ms", "data": {"U": 1, "u": 2, "pu": 0, "E": 1, "b": [["1", "-1"]], "a": []}}',
            '{"error": {"code": 2, "msg": "Invalid request"}}',
            "[" * 100_000,
        ]
        count = len(noise)
        desk.wire.tamper = lambda message: [noise.pop(), message] if noise else [message]
        listener = Listener(desk.streams.watch_order_book(desk.instrument.id))
        await desk.sleep(2 * MINUTE_NS)
        assert not noise
        assert count == 7
        assert not listener.is_over
        assert len(listener.heard) > 5
        assert not isinstance(listener.heard[-1], BookGap)
        await listener.stop()

    bench(body)


@pytest.mark.parametrize(
    "change",
    [
        lambda row: {**row, "clientOrderId": "another"},
        lambda row: {**row, "symbol": "ETHUSDT"},
        lambda row: {**row, "side": "SELL"},
        lambda row: {**row, "executedQty": "1000000", "origQty": "1000000"},
        lambda row: {**row, "status": "NEW_KIND"},
        lambda row: {name: value for name, value in row.items() if name != "executedQty"},
    ],
)
def test_another_order_is_not_taken_for_ours(bench: Bench, change: Callable[[Any], Any]) -> None:
    async def body(desk: BenchDesk) -> None:
        desk.wire.change_json("/order", change)
        with pytest.raises(BadResponse):
            await desk.send(await desk.resting())

    bench(body)


def test_a_time_of_the_venue_that_cannot_be_true_is_not_signed_with(bench: Bench) -> None:
    async def body(desk: Any) -> None:
        await desk.send(await desk.request())
        desk.wire.change_json("/time", lambda answer: {"serverTime": answer["serverTime"] + 20 * 3_600_000})
        await desk.sleep(15 * MINUTE_NS)  # the samples so far are old
        await desk.trading.fetch_positions()
        prepared = await desk.trading.prepare_order(await desk.request())
        assert prepared.expires_ns < desk.clock.now_ns() + MINUTE_NS
        assert (await desk.trading.send_order(prepared)).status is OrderStatus.FILLED

    bench(body)


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: list(reversed(rows)),
        lambda rows: [{**row, "time": None} for row in rows],
        lambda rows: {"rows": rows},
    ],
)
def test_a_list_of_fills_in_another_order_is_no_list(bench: Bench, change: Callable[[Any], Any]) -> None:
    async def body(desk: BenchDesk) -> None:
        for side in (Side.BUY, Side.SELL):
            await desk.send(await desk.request(side))
            await desk.sleep(SECOND_NS)
        desk.wire.change_json("/userTrades", change)
        with pytest.raises(BadResponse):
            await desk.trading.fetch_fills(desk.clock.now_ns() - DAY_NS)

    bench(body)


@pytest.mark.parametrize("answer", [{}, {"code": 0, "msg": "x"}, {"symbol": "ETHUSDT", "countdownTime": "60000"}, []])
def test_a_countdown_that_was_not_confirmed_is_not_armed(bench: Bench, answer: Any) -> None:
    async def body(desk: Any) -> None:
        await desk.send(await desk.resting())
        desk.wire.change_json("/countdownCancelAll", lambda _: answer)
        with pytest.raises(ExchangeError):
            await desk.trading.arm_dead_mans_switch(MINUTE_NS)

    bench(body)


def test_a_leverage_that_was_not_set_is_told(bench: Bench) -> None:
    from decimal import Decimal

    from arb.model import MarginMode

    async def body(desk: BenchDesk) -> None:
        desk.wire.change_json("/symbolConfig", lambda rows: [{**row, "leverage": 7} for row in rows])
        with pytest.raises(BadResponse, match="reads 7"):
            await desk.trading.set_leverage(desk.instrument.id, Decimal(3), MarginMode.CROSS)

    bench(body)


def test_streams_come_when_the_venue_can_be_asked_again(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        down = HttpResponse(status=503, headers={}, body=b"{}")
        desk.wire.answer = lambda request: down if "listenKey" in request.url else None
        listener = Listener(desk.streams.watch_account())
        await desk.sleep(10 * SECOND_NS)
        refused = HttpResponse(status=401, headers={}, body=b'{"code": -2015, "msg": "Invalid API-key"}')
        desk.wire.answer = lambda request: refused if "listenKey" in request.url else None
        await desk.sleep(MINUTE_NS)
        desk.wire.answer = None
        await desk.sleep(2 * MINUTE_NS)
        assert not listener.is_over
        await desk.send(await desk.request())
        await desk.sleep(5 * SECOND_NS)
        assert listener.heard
        await listener.stop()

    bench(body)
