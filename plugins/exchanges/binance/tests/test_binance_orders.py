"""Orders on the wire, fills and whose they are, leverage, the countdown, bookings, weights."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal as D
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, quote

import pytest

from arb.api import BadResponse, BelowMinimum, HttpRequest, HttpResponse, Rejected, UnknownOrder, WouldCross
from arb.model import (
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    SECOND_NS,
    ClientOrderId,
    MarginMode,
    OrderStatus,
    Side,
    TimeInForce,
    TransferKind,
)
from arb.testing import Bench, BenchDesk, FakeWorld

ORDER = "/fapi/v1/order"


def form_of(request: HttpRequest) -> dict[str, str]:
    return dict(parse_qsl(request.body.decode() or request.url.partition("?")[2]))


def test_an_order_is_what_was_asked(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        await desk.send(await desk.resting(post_only=True))
        await desk.send(await desk.request(Side.BUY))
        await desk.send(await desk.request(Side.SELL, reduce_only=True, quantity=desk.instrument.lot_size * 7))
        await desk.send(await desk.request(Side.SELL, time_in_force=TimeInForce.FOK))
        first, taken, closing, whole = (form_of(each) for each in desk.wire.sent("POST", ORDER))
        assert first.keys() == {
            *("symbol", "side", "type", "timeInForce", "quantity", "price", "newClientOrderId", "newOrderRespType"),
            *("selfTradePreventionMode", "recvWindow", "timestamp", "signature"),
        }
        assert (first["timeInForce"], taken["timeInForce"], whole["timeInForce"]) == ("GTX", "IOC", "FOK")
        assert (first["type"], first["newOrderRespType"], first["recvWindow"]) == ("LIMIT", "RESULT", "5000")
        assert first["selfTradePreventionMode"] == "EXPIRE_TAKER"
        assert closing["reduceOnly"] == "true"
        assert D(closing["quantity"]) == desk.instrument.lot_size * 7
        assert "reduceOnly" not in taken
        request = desk.wire.sent("POST", ORDER)[0]
        assert "?" not in request.url
        assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"

    bench(body)


def test_an_answer_without_a_price_is_completed_by_a_read(bench: Bench) -> None:
    """Since 2026-07 answers to new orders tell neither average nor cost."""

    async def body(desk: Any) -> None:
        order = await desk.send(await desk.request())
        assert len(desk.wire.sent("GET", ORDER)) == 1
        fills = await desk.trading.fetch_fills(desk.clock.now_ns() - MINUTE_NS)
        cost = sum(fill.price * fill.quantity for fill in fills)
        assert abs(order.average_price * order.filled_quantity - cost) < D("1e-9")
        await desk.send(await desk.resting())
        assert len(desk.wire.sent("GET", ORDER)) == 1  # nothing was filled, so nothing is missing

    bench(body)


def test_a_filled_order_whose_price_cannot_be_read_is_in_doubt(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        request = await desk.request()
        prepared = await desk.trading.prepare_order(request)
        down = HttpResponse(status=502, headers={}, body=b"<html>")
        desk.wire.answer = lambda sent: down if sent.method == "GET" and f"{ORDER}?" in sent.url else None
        with pytest.raises(BadResponse, match="price is not known yet"):
            await desk.trading.send_order(prepared)
        desk.wire.answer = lambda sent: None
        found = await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
        assert found.status is OrderStatus.FILLED
        assert found.average_price is not None

    bench(body)


@pytest.mark.parametrize("name", ["", "with space", "umlaut-ä", "x" * 37, "a&b", "semi;colon"])
def test_an_id_that_the_venue_does_not_take_is_refused_here(bench: Bench, name: str) -> None:
    async def body(desk: BenchDesk) -> None:
        with pytest.raises(Rejected):
            await desk.trading.prepare_order(await desk.request(client_order_id=ClientOrderId(name)))
        with pytest.raises(UnknownOrder):
            await desk.trading.fetch_order(desk.instrument.id, ClientOrderId(name))
        with pytest.raises(UnknownOrder):
            await desk.trading.cancel_order(desk.instrument.id, ClientOrderId(name))
        assert not desk.wire.sent("POST", ORDER)

    bench(body)


@pytest.mark.parametrize("name", [".A-Z:/a-z0-9_-", "x" * 36])
def test_every_id_that_the_venue_takes_comes_back(bench: Bench, name: str) -> None:
    async def body(desk: BenchDesk) -> None:
        order = await desk.send(await desk.resting(client_order_id=ClientOrderId(name)))
        assert order.request.client_order_id == name
        (listed,) = await desk.trading.fetch_open_orders()
        assert listed.request.client_order_id == name
        await desk.trading.cancel_order(desk.instrument.id, ClientOrderId(name))
        found = await desk.trading.fetch_order(desk.instrument.id, ClientOrderId(name))
        assert found.status is OrderStatus.CANCELLED

    bench(body)


def test_the_venue_takes_an_id_again_when_its_order_is_over_and_we_do_not_send_it(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        request = await desk.request()
        await desk.send(request)
        with pytest.raises(Rejected) as told:
            await desk.send(request)
        assert told.value.code == "duplicate_client_order_id"
        sent = desk.wire.sent("POST", ORDER)[0]
        again = await desk.wire.venue.send(sent)  # a second process would be taken
        assert again.status == 200
        assert len(desk.wire.sent("POST", ORDER)) == 1

    bench(body)


def test_an_order_of_long_ago_is_not_said_to_be_unknown(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        request = await desk.request()
        await desk.trading.prepare_order(request)
        with pytest.raises(UnknownOrder):
            await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
        await desk.sleep(90 * DAY_NS)
        with pytest.raises(BadResponse, match="89 days"):
            await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)

    bench(body)


def test_post_only_that_would_take_is_told_by_its_code_and_by_its_end(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        with pytest.raises(WouldCross) as told:
            await desk.send(await desk.request(time_in_force=TimeInForce.GTC, post_only=True))
        assert told.value.code == "-5022"

        def send(request: HttpRequest, found: HttpResponse) -> HttpResponse:
            if request.method != "POST" or ORDER not in request.url:
                return found
            row = {**json.loads(found.body), "status": "EXPIRED"}
            return replace(found, body=json.dumps(row).encode())

        desk.wire.change = send
        with pytest.raises(WouldCross):
            await desk.send(await desk.resting(post_only=True))

    bench(body)


def test_a_close_may_be_smaller_than_an_opening(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        await desk.send(await desk.request())
        least = desk.instrument.min_quantity
        bbo = await desk.exchange.market.fetch_bbo(desk.instrument.id)
        assert least * bbo.bid > desk.instrument.min_notional  # so the rule is tested by a cheaper price
        cheap = desk.instrument.limit_price(Side.BUY, desk.instrument.min_notional / least / 2)
        with pytest.raises(BelowMinimum):
            await desk.trading.prepare_order(await desk.resting(quantity=least, price=cheap))
        close = await desk.request(Side.SELL, quantity=least, price=cheap, reduce_only=True)
        prepared = await desk.trading.prepare_order(close)
        assert (prepared.request.quantity, prepared.request.price) == (least, cheap)

    bench(body)


def test_fills_of_orders_that_nobody_here_sent_have_their_names(bench: Bench) -> None:
    """The list of fills has no client ids: a restart asks for a few orders one by one, for many page by page."""
    world = FakeWorld()

    async def fill(desk: BenchDesk) -> None:
        for index in range(30):
            await desk.send(await desk.request(Side.SELL if index % 2 else Side.BUY))

    bench(fill, world=world)

    async def body(desk: BenchDesk) -> None:
        fills = await desk.trading.fetch_fills(desk.clock.now_ns() - HOUR_NS)
        assert {fill.client_order_id for fill in fills} == {f"mine-{number}" for number in range(1, 31)}
        assert len(desk.wire.sent("GET", "/allOrders")) == 1
        assert not desk.wire.sent("GET", ORDER)
        again = await desk.trading.fetch_fills(desk.clock.now_ns() - HOUR_NS)
        assert again == fills
        assert len(desk.wire.sent("GET", "/allOrders")) == 1

    bench(body, world=world)


def test_symbols_traded_by_hand_are_found(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        other = next(each for each in await desk.exchange.market.fetch_instruments() if each.base == "ETH")
        since_ns = desk.clock.now_ns() - MINUTE_NS
        assert await desk.trading.fetch_fills(since_ns) == []
        name = next(each.id for each in await desk.truth.market.fetch_instruments() if each.base == "ETH")
        bbo = await desk.truth.market.fetch_bbo(name)
        by_hand = await desk.request(
            client_order_id=ClientOrderId("by-hand"),
            instrument=name,
            price=other.limit_price(Side.BUY, bbo.ask * D("1.01")),
            quantity=other.lot_size * 100,
        )
        await desk.truth.trading.send_order(await desk.truth.trading.prepare_order(by_hand))
        await desk.sleep(2 * MINUTE_NS)
        fills = await desk.trading.fetch_fills(since_ns)
        assert {fill.instrument for fill in fills} == {other.id}
        assert {fill.client_order_id for fill in fills} == {"by-hand"}

    bench(body)


def test_the_countdown_covers_every_symbol_and_none_is_cancelled_by_another(bench: Bench) -> None:
    async def body(desk: Any) -> None:
        listed = {each.base: each for each in await desk.exchange.market.fetch_instruments()}
        await desk.send(await desk.resting())
        await desk.trading.arm_dead_mans_switch(MINUTE_NS)
        assert [form_of(each)["symbol"] for each in desk.wire.sent("POST", "/countdownCancelAll")] == ["BTCUSDT"]
        await desk.sleep(20 * SECOND_NS)
        eth = listed["ETH"]
        bbo = await desk.exchange.market.fetch_bbo(eth.id)
        price = eth.limit_price(Side.BUY, bbo.bid * D("0.97"))
        await desk.send(await desk.resting(instrument=eth.id, price=price))
        started = [form_of(each) for each in desk.wire.sent("POST", "/countdownCancelAll")]
        assert [row["symbol"] for row in started] == ["BTCUSDT", "ETHUSDT"]
        assert 39_000 <= int(started[1]["countdownTime"]) <= 40_000
        await desk.trading.arm_dead_mans_switch(MINUTE_NS)
        started = [form_of(each) for each in desk.wire.sent("POST", "/countdownCancelAll")]
        assert [each["symbol"] for each in started[2:]] == ["BTCUSDT", "ETHUSDT"]
        await desk.sleep(2 * MINUTE_NS)
        assert await desk.trading.fetch_open_orders() == []

    bench(body)


def test_the_fakes_countdowns_are_of_one_symbol_each(bench: Bench) -> None:
    async def body(desk: Any) -> None:
        listed = {each.base: each for each in await desk.exchange.market.fetch_instruments()}
        await desk.send(await desk.resting())
        await desk.trading.arm_dead_mans_switch(MINUTE_NS)
        desk.trading._switch._until_ns = 0  # as of an adapter that forgets about other symbols
        eth = listed["ETH"]
        bbo = await desk.exchange.market.fetch_bbo(eth.id)
        kept = await desk.send(
            await desk.resting(instrument=eth.id, price=eth.limit_price(Side.BUY, bbo.bid * D("0.97")))
        )
        await desk.sleep(2 * MINUTE_NS)
        (left,) = await desk.trading.fetch_open_orders()
        assert left.request.client_order_id == kept.request.client_order_id

    bench(body)


def test_leverage_is_a_whole_number_and_of_one_symbol(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        trading, name = desk.trading, desk.instrument.id
        with pytest.raises(Rejected, match="whole number"):
            await trading.set_leverage(name, D("2.5"), MarginMode.CROSS)
        await trading.set_leverage(name, D(3), MarginMode.ISOLATED)
        assert await trading.fetch_leverage(name) == (D(3), MarginMode.ISOLATED)
        before = len(desk.wire.sent("POST", "/leverage")) + len(desk.wire.sent("POST", "/marginType"))
        await trading.set_leverage(name, D(3), MarginMode.ISOLATED)
        assert len(desk.wire.sent("POST", "/leverage")) + len(desk.wire.sent("POST", "/marginType")) == before
        await desk.send(await desk.request())
        (held,) = await trading.fetch_positions()
        assert (held.leverage, held.margin_mode) == (D(3), MarginMode.ISOLATED)
        with pytest.raises(Rejected) as told:
            await trading.set_leverage(name, D(3), MarginMode.CROSS)
        assert told.value.code == "-4048"

    bench(body)


def test_flat_symbols_have_no_row_and_their_settings_are_still_read(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        await desk.send(await desk.resting())
        answers = []

        def send(request: HttpRequest, found: HttpResponse) -> HttpResponse:
            if "positionRisk" in request.url:
                answers.append(json.loads(found.body))
            return found

        desk.wire.change = send
        assert await desk.trading.fetch_positions() == []
        assert [row["symbol"] for row in answers[0]] == ["BTCUSDT"]  # something rests there
        assert "leverage" not in answers[0][0]
        assert (await desk.trading.fetch_leverage(desk.instrument.id))[0] == 5

    bench(body)


def test_bookings_are_read_week_by_week(bench: Bench) -> None:
    async def body(desk: Any) -> None:
        since_ns = desk.clock.now_ns()
        await desk.send(await desk.request())
        await desk.sleep(20 * DAY_NS)
        desk.wire.log.clear()
        payments = await desk.trading.fetch_funding_payments(since_ns)
        true = await desk.truth.trading.fetch_funding_payments(since_ns)
        assert [each.amount for each in payments] == [each.amount for each in true]
        assert len(payments) == 60
        windows = [form_of(each) for each in desk.wire.sent("GET", "/income")]
        assert len(windows) == 3
        for window in windows:
            assert int(window["endTime"]) - int(window["startTime"]) < 7 * DAY_NS // 1_000_000
        (deposit,) = await desk.trading.fetch_transfers(since_ns - 2 * DAY_NS)
        assert (deposit.kind, deposit.amount, deposit.currency) == (TransferKind.DEPOSIT, D(50_000), "USDT")

    bench(body)


def test_more_rows_than_an_answer_holds_are_read_whole(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several fills have one millisecond: the last one of a page is read again from its beginning."""
    monkeypatch.setattr("arb_dialect_fapi._windows.PAGE", 7)

    async def body(desk: BenchDesk) -> None:
        since_ns = desk.clock.now_ns()
        for index in range(12):
            await desk.send(await desk.request(Side.SELL if index % 2 else Side.BUY))
            await desk.sleep(SECOND_NS)
        fills = await desk.trading.fetch_fills(since_ns)
        true = desk.truth.venue.fills(since_ns)
        assert [(each.price, each.quantity) for each in fills] == [(each.price, each.quantity) for each in true]
        assert len({each.fill_id for each in fills}) == len(fills) >= 12

    bench(body)


def test_a_page_of_one_millisecond_is_no_list(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arb_dialect_fapi._windows.PAGE", 1)

    async def body(desk: BenchDesk) -> None:
        for _ in range(2):
            await desk.send(await desk.request())
        with pytest.raises(BadResponse, match="no end"):
            await desk.trading.fetch_fills(desk.clock.now_ns())

    bench(body)


def test_weights_are_counted_as_the_venue_counts_them(bench: Bench) -> None:
    """What our budget has spent in a minute is what the venue says that we have used, after each call."""

    async def body(desk: Any) -> None:
        await desk.sleep(MINUTE_NS)
        used: list[int] = []

        def note(request: HttpRequest, answer: HttpResponse) -> HttpResponse:
            used.append(int(answer.headers["X-MBX-USED-WEIGHT-1M"]))
            return answer

        desk.wire.change = note
        market, trading, name = desk.exchange.market, desk.trading, desk.instrument.id
        order, now_ns = await desk.send(await desk.resting()), desk.clock.now_ns()
        for call in (
            *(partial(market.fetch_order_book, name, depth) for depth in (5, 50, 100, 500, 1000)),
            market.fetch_stats,
            market.fetch_funding_rates,
            market.fetch_fx_rates,
            partial(market.fetch_funding_history, name, now_ns - DAY_NS, now_ns),
            partial(trading.fetch_order, name, order.request.client_order_id),
            trading.fetch_open_orders,
            trading.fetch_positions,
            trading.fetch_balances,
            partial(trading.fetch_leverage, name),
            partial(trading.arm_dead_mans_switch, MINUTE_NS),
            partial(trading.cancel_all, name),
            partial(trading.fetch_fills, now_ns - MINUTE_NS),
            partial(trading.fetch_transfers, now_ns - MINUTE_NS),
        ):
            before = len(used)
            await call()
            assert len(used) > before
            assert used[-1] == market._rest._weight._windows[0]._used, call
        assert len(used) > 20

    bench(body)


def test_a_symbol_that_is_not_ascii_is_quoted_and_signed(bench: Bench) -> None:
    symbol = "币安人生USDT"

    async def body(desk: BenchDesk) -> None:
        def send(request: HttpRequest, found: HttpResponse) -> HttpResponse:
            if "exchangeInfo" in request.url or "leverageBracket" in request.url:
                text = found.body.decode().replace('"ETHUSDT"', f'"{symbol}"').replace('"ETH"', '"币安人生"')
                return replace(found, body=text.encode())
            return found

        desk.wire.change = send
        listed = {each.symbol: each for each in await desk.exchange.market.fetch_instruments()}
        coin = listed[symbol]
        assert (coin.id, coin.base) == ("币安人生-PERP.check", "币安人生")
        for call in (
            desk.exchange.market.fetch_order_book(coin.id, 5),
            desk.trading.fetch_order(coin.id, ClientOrderId("x")),
            desk.trading.cancel_all(coin.id),
        ):
            with pytest.raises(Rejected) as told:
                await call
            assert told.value.code in ("-1121", "unknown_order")  # past the signature: the fake has no such symbol
        request = await desk.request(
            instrument=coin.id, quantity=coin.lot_size * 100, price=coin.limit_price(Side.BUY, D(2_000))
        )
        with pytest.raises(Rejected) as told:
            await desk.send(request)
        assert told.value.code == "-1121"
        quoted = quote(symbol)
        asked = [each for each in desk.wire.requests if quoted in each.url or quoted.encode() in each.body]
        assert {each.method for each in asked} == {"GET", "DELETE", "POST"}
        assert all(each.url.isascii() and each.body.isascii() for each in desk.wire.requests)

    bench(body)
