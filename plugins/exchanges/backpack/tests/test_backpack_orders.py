"""Orders: what leaves, what the answers mean, and an order over its whole life."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest

from arb.api import (
    AuthenticationFailed,
    BadResponse,
    BelowMinimum,
    ConnectFailed,
    HttpRequest,
    HttpResponse,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    UnknownOrder,
    WouldCross,
)
from arb.model import (
    MINUTE_NS,
    SECOND_NS,
    MarginMode,
    OrderStatus,
    Side,
    TimeInForce,
)
from arb.testing import Bench, BenchDesk, FakeWorld
from arb_exchange_backpack._orders import foreign_id


def answering(method: str, path: str, status: int, body: object) -> Callable[[HttpRequest], HttpResponse | None]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()

    def answer(request: HttpRequest) -> HttpResponse | None:
        is_it = request.method == method and request.url.partition("?")[0].endswith(path)
        return HttpResponse(status=status, headers={}, body=raw) if is_it else None

    return answer


def test_an_order_asks_for_nothing_but_what_was_meant(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        await desk.send(await desk.resting(post_only=True, reduce_only=False))
        (request,) = desk.wire.sent("POST", "/api/v1/order")
        sent = json.loads(request.body)
        assert sent.keys() == {
            "clientId",
            "orderType",
            "postOnly",
            "price",
            "quantity",
            "selfTradePrevention",
            "side",
            "symbol",
            "timeInForce",
        }
        assert (sent["side"], sent["orderType"], sent["timeInForce"]) == ("Bid", "Limit", "GTC")
        assert sent["selfTradePrevention"] == "RejectTaker"
        assert 1 <= sent["clientId"] < 2**32
        assert not [name for name in request.headers if "broker" in name.lower()]

    bench(body)


def test_a_price_has_no_exponent(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        request = replace(await desk.resting(), price=D("6E+4"), quantity=D("1E-3"))
        await desk.send(request)
        sent = json.loads(desk.wire.sent("POST", "/api/v1/order")[0].body)
        assert (sent["price"], sent["quantity"]) == ("60000.0", "0.00100")

    bench(body)


def test_a_part_filled_order_that_expired_keeps_its_fill(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        book = await desk.exchange.market.fetch_order_book(desk.instrument.id, 5)
        touch = book.asks[0]
        request = await desk.request(price=touch.price, quantity=touch.size + desk.instrument.lot_size * 10)
        order = await desk.send(request)
        assert (order.status, order.filled_quantity) == (OrderStatus.EXPIRED, touch.size)
        found = await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
        assert (found.status, found.filled_quantity) == (OrderStatus.EXPIRED, touch.size)
        assert found.average_price == touch.price
        assert found.reason == "ImmediateOrCancel"

    bench(body)


@pytest.mark.parametrize("executed", ["0", "0.001"])
def test_post_only_that_would_cross_comes_in_two_shapes(bench: Bench, executed: str) -> None:
    async def body(desk: BenchDesk) -> None:
        request = await desk.request(time_in_force=TimeInForce.GTC, post_only=True)
        with pytest.raises(WouldCross):
            await desk.send(request)
        row = {
            "id": "1",
            "clientId": None,
            "symbol": "BTC_USDC_PERP",
            "side": "Bid",
            "orderType": "Limit",
            "quantity": "0.001",
            "price": "60000",
            "executedQuantity": executed,
            "executedQuoteQuantity": str(D(executed) * 60000),
            "status": "Expired",
            "expiryReason": "PostOnlyTaker",
            "timeInForce": "GTC",
            "postOnly": True,
            "createdAt": 1767225600000,
        }
        desk.wire.answer = answering("POST", "/api/v1/order", 200, row)
        request = await desk.request(time_in_force=TimeInForce.GTC, post_only=True)
        if executed == "0":
            with pytest.raises(WouldCross):
                await desk.send(request)
        else:
            assert (await desk.send(request)).filled_quantity == D(executed)

    bench(body)


def test_an_answer_to_another_order_is_no_answer(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        first = await desk.request()
        await desk.send(first)
        answered = await desk.trading.fetch_order(desk.instrument.id, first.client_order_id)
        assert answered.request.side is Side.BUY
        row = {
            "id": "1",
            "symbol": "BTC_USDC_PERP",
            "side": "Bid",
            "quantity": "1",
            "price": "60000",
            "executedQuantity": "0",
            "executedQuoteQuantity": "0",
            "status": "New",
            "timeInForce": "IOC",
            "createdAt": 1767225600000,
        }
        for change in ({"side": "Ask"}, {"symbol": "ETH_USDC_PERP"}, {"executedQuantity": "999"}, {"status": "Odd"}):
            desk.wire.answer = answering("POST", "/api/v1/order", 200, {**row, **change})
            with pytest.raises(BadResponse):
                await desk.send(await desk.request())

    bench(body)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "INVALID_ORDER", Rejected),
        (400, "A_NEW_CODE", BadResponse),
        (400, "TRADING_PAUSED", BadResponse),
        (503, "MAINTENANCE", OutcomeUnknown),
        (500, "SERVER_ERROR", OutcomeUnknown),
        (504, "TIMEOUT", OutcomeUnknown),
        (429, "TOO_MANY_REQUESTS", RateLimited),
    ],
)
def test_what_an_error_says_of_an_order(bench: Bench, status: int, code: str, kind: type[Exception]) -> None:
    async def body(desk: BenchDesk) -> None:
        prepared = await desk.trading.prepare_order(await desk.request())
        desk.wire.answer = answering("POST", "/api/v1/order", status, {"code": code, "message": "text"})
        with pytest.raises(kind) as caught:
            await desk.trading.send_order(prepared)
        assert type(caught.value) is kind

    bench(body)


def test_an_order_whose_signature_expired_does_not_leave(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        prepared = await desk.trading.prepare_order(await desk.request())
        assert prepared.expires_ns == desk.clock.now_ns() + 5 * SECOND_NS
        await desk.sleep(5 * SECOND_NS)
        with pytest.raises(NotSent):
            await desk.trading.send_order(prepared)
        assert desk.wire.sent("POST", "/api/v1/order") == []

    bench(body)


def test_a_prepared_order_shows_no_signature(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        prepared = await desk.trading.prepare_order(await desk.request())
        assert "Signature" not in repr(prepared)

    bench(body)


def test_too_small_and_unknown_are_refused_before_anything_is_sent(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        sent = len(desk.wire.requests)
        small = await desk.request(quantity=desk.instrument.lot_size / 2)
        with pytest.raises(BelowMinimum):
            await desk.trading.prepare_order(small)
        with pytest.raises(Rejected, match="finite"):
            await desk.trading.prepare_order(replace(small, quantity=D("Infinity")))
        assert [each.method for each in desk.wire.requests[sent:]] == ["GET"]  # the price of the request above

    bench(body)


@pytest.mark.parametrize("after", [False, True])
def test_a_lost_answer_is_resolved_by_the_history(bench: Bench, after: bool) -> None:
    async def body(desk: BenchDesk) -> None:
        lost = OutcomeUnknown("scripted")
        desk.script.plan("send_order", **{"after" if after else "before": lost})
        request = await desk.request()
        with pytest.raises(OutcomeUnknown):
            await desk.send(request)
        await desk.sleep(desk.exchange.traits.order_validity_ns + desk.exchange.traits.read_after_write_ns)
        if after:
            order = await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
            assert (order.status, order.filled_quantity) == (OrderStatus.FILLED, request.quantity)
            assert len(await desk.trading.fetch_fills(0)) >= 1
        else:
            with pytest.raises(UnknownOrder):
                await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
            paths = [each.url.partition("?")[0] for each in desk.wire.requests[-3:]]
            assert [path.rpartition("/")[2] for path in paths] == ["order", "orders", "fills"]

    bench(body)


def test_a_restart_finds_the_order_of_the_process_before(bench: Bench) -> None:
    world, names = FakeWorld(), []

    async def first(desk: BenchDesk) -> None:
        request = await desk.request()
        await desk.send(request)
        names.append(request.client_order_id)

    async def second(desk: BenchDesk) -> None:
        order = await desk.trading.fetch_order(desk.instrument.id, names[0])
        assert order.status is OrderStatus.FILLED
        assert order.request.client_order_id == names[0]
        with pytest.raises(Rejected, match="used before"):
            await desk.trading.prepare_order(await desk.request(client_order_id=names[0]))

    bench(first, world=world)
    bench(second, world=world)


def history(rows: list[dict[str, Any]]) -> Callable[[HttpRequest], HttpResponse | None]:
    """Answer the order history by pages, newest first, with everything else left to the fake."""

    def answer(request: HttpRequest) -> HttpResponse | None:
        path, _, query = request.url.partition("?")
        if not path.endswith("/wapi/v1/history/orders") or "orderId" in query:
            return None
        params = dict(pair.split("=") for pair in query.split("&"))
        begin = int(params["offset"])
        page = rows[begin : begin + int(params["limit"])]
        return HttpResponse(status=200, headers={}, body=json.dumps(page).encode())

    return answer


def foreign(created: str, number: int = 7) -> dict[str, Any]:
    return {"id": str(number), "clientId": number, "createdAt": created, "status": "Filled"}


def test_a_history_that_does_not_reach_back_proves_nothing(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        prepared = await desk.trading.prepare_order(await desk.request())
        name = prepared.request.client_order_id
        desk.wire.answer = history([foreign("2026-01-01T00:30:00")] * 11_000)
        with pytest.raises(BadResponse, match="more than 10000"):
            await desk.trading.fetch_order(desk.instrument.id, name)
        # It does reach back: the last row of the first page is older than the order's number.
        desk.wire.answer = history([foreign("2026-01-01T00:30:00")] * 999 + [foreign("2025-12-31T23:00:00")] * 5_000)
        asked = len(desk.wire.sent("GET", "history/orders"))
        with pytest.raises(UnknownOrder):
            await desk.trading.fetch_order(desk.instrument.id, name)
        assert len(desk.wire.sent("GET", "history/orders")) == asked + 1

    bench(body)


def test_the_same_number_from_before_is_not_our_order(bench: Bench) -> None:
    async def body(desk: Any) -> None:
        prepared = await desk.trading.prepare_order(await desk.request())
        number = json.loads(prepared.payload.body)["clientId"]
        desk.wire.answer = history([foreign("2025-12-31T12:00:00", number)])
        with pytest.raises(UnknownOrder):
            await desk.trading.fetch_order(desk.instrument.id, prepared.request.client_order_id)

    bench(body)


def test_fills_without_an_order_are_a_doubt(bench: Bench) -> None:
    world, names = FakeWorld(), []

    async def first(desk: BenchDesk) -> None:
        request = await desk.request()
        await desk.send(request)
        names.append(request.client_order_id)

    async def second(desk: BenchDesk) -> None:
        desk.wire.answer = history([])
        with pytest.raises(BadResponse, match="not in the history yet"):
            await desk.trading.fetch_order(desk.instrument.id, names[0])

    bench(first, world=world)
    bench(second, world=world)


def test_an_order_at_work_that_does_not_rest_is_a_doubt(bench: Bench) -> None:
    async def body(desk: Any) -> None:
        prepared = await desk.trading.prepare_order(await desk.request())
        row = {
            **foreign("2026-01-01T00:00:01", json.loads(prepared.payload.body)["clientId"]),
            "symbol": "BTC_USDC_PERP",
            "side": "Bid",
            "quantity": "1",
            "price": "60000",
            "executedQuantity": "0",
            "executedQuoteQuantity": "0",
            "status": "New",
            "timeInForce": "GTC",
        }
        desk.wire.answer = history([row])
        with pytest.raises(BadResponse, match="ask again"):
            await desk.trading.fetch_order(desk.instrument.id, prepared.request.client_order_id)

    bench(body)


def test_a_cancel_that_was_only_taken_is_no_error(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        request = await desk.resting()
        await desk.send(request)
        desk.wire.answer = answering("DELETE", "/api/v1/order", 202, b"")
        await desk.trading.cancel_order(desk.instrument.id, request.client_order_id)
        desk.wire.answer = answering("DELETE", "/api/v1/orders", 202, b"")
        await desk.trading.cancel_all()
        order = await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
        assert order.status is OrderStatus.OPEN

    bench(body)


def test_a_cancel_of_a_final_order_is_refused_and_not_unknown(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        request = await desk.request()
        await desk.send(request)
        with pytest.raises(Rejected) as caught:
            await desk.trading.cancel_order(desk.instrument.id, request.client_order_id)
        assert not isinstance(caught.value, UnknownOrder)

    bench(body)


def test_cancel_all_goes_from_market_to_market(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        others = [each for each in await desk.exchange.market.fetch_instruments() if each != desk.instrument]
        await desk.send(await desk.resting())
        bbo = await desk.exchange.market.fetch_bbo(others[0].id)
        price = others[0].limit_price(Side.BUY, bbo.bid * D("0.98"))
        await desk.send(await desk.resting(instrument=others[0].id, price=price, quantity=others[0].lot_size * 10))
        await desk.trading.cancel_all()
        assert await desk.trading.fetch_open_orders() == []
        bodies = [json.loads(each.body) for each in desk.wire.sent("DELETE", "/api/v1/orders")]
        assert {each["symbol"] for each in bodies} == {desk.instrument.symbol, others[0].symbol}

    bench(body)


def test_a_market_that_refuses_keeps_no_other_from_being_cancelled(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        others = [each for each in await desk.exchange.market.fetch_instruments() if each != desk.instrument]
        await desk.send(await desk.resting())
        bbo = await desk.exchange.market.fetch_bbo(others[0].id)
        price = others[0].limit_price(Side.BUY, bbo.bid * D("0.98"))
        await desk.send(await desk.resting(instrument=others[0].id, price=price, quantity=others[0].lot_size * 10))
        first = min(desk.instrument.symbol, others[0].symbol)
        refusal = json.dumps({"code": "INVALID_MARKET", "message": "scripted"}).encode()

        def refuse(request: HttpRequest) -> HttpResponse | None:
            is_it = request.method == "DELETE" and json.loads(request.body)["symbol"] == first
            return HttpResponse(status=400, headers={}, body=refusal) if is_it else None

        desk.wire.answer = refuse
        with pytest.raises(Rejected, match="INVALID_MARKET"):
            await desk.trading.cancel_all()
        (left,) = await desk.trading.fetch_open_orders()
        assert left.request.instrument in {desk.instrument.id, others[0].id}
        assert len(desk.wire.sent("DELETE", "/api/v1/orders")) == 2

    bench(body)


def test_orders_of_others_are_listed_under_names_of_their_own(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        mine = await desk.resting()
        await desk.send(mine)
        theirs = await desk.resting(client_order_id="by-hand")
        await desk.truth.trading.send_order(await desk.truth.trading.prepare_order(theirs))
        names = [order.request.client_order_id for order in await desk.trading.fetch_open_orders()]
        assert names[0] == mine.client_order_id
        assert names[1].startswith("foreign-")
        taken = await desk.request(client_order_id="by-hand-2")
        await desk.truth.trading.send_order(await desk.truth.trading.prepare_order(taken))
        fills = await desk.trading.fetch_fills(0)
        assert {fill.client_order_id.partition("-")[0] for fill in fills} == {"foreign"}

    bench(body)


def test_leverage_is_the_accounts_and_stays_while_another_position_is_open(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        trading, instrument = desk.trading, desk.instrument.id
        other = (await desk.exchange.market.fetch_instruments())[1]
        await trading.set_leverage(instrument, D(4), MarginMode.CROSS)
        assert await trading.fetch_leverage(other.id) == (D(4), MarginMode.CROSS)
        writes = len(desk.wire.sent("PATCH", "/api/v1/account"))
        await desk.send(await desk.request())
        await trading.set_leverage(other.id, D(4), MarginMode.CROSS)  # as it is: nothing is sent
        assert len(desk.wire.sent("PATCH", "/api/v1/account")) == writes
        for wanted in (D(3), D(5)):
            with pytest.raises(Rejected, match="whole account"):
                await trading.set_leverage(other.id, wanted, MarginMode.CROSS)
        await trading.set_leverage(instrument, D(5), MarginMode.CROSS)
        assert await trading.fetch_leverage(other.id) == (D(5), MarginMode.CROSS)
        with pytest.raises(Rejected, match="isolated"):
            await trading.set_leverage(instrument, D(5), MarginMode.ISOLATED)

    bench(body)


def test_a_leverage_that_did_not_take_is_an_error(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        desk.wire.answer = answering("PATCH", "/api/v1/account", 200, b"")
        with pytest.raises(BadResponse, match="reads 5"):
            await desk.trading.set_leverage(desk.instrument.id, D(3), MarginMode.CROSS)

    bench(body)


def test_a_clock_that_is_wrong_is_asked_for_and_a_read_tries_again(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        refusals = [{"code": "INVALID_CLIENT_REQUEST", "message": "Request has expired"}]

        def once(request: HttpRequest) -> HttpResponse | None:
            if "/api/v1/position" in request.url and refusals:
                return HttpResponse(status=400, headers={}, body=json.dumps(refusals.pop()).encode())
            return None

        desk.wire.answer = once
        asked = len(desk.wire.sent("GET", "/api/v1/time"))
        assert await desk.trading.fetch_positions() == []
        assert len(desk.wire.sent("GET", "/api/v1/time")) == asked + 1
        refused = {"code": "INVALID_CLIENT_REQUEST", "message": "Invalid timestamp"}
        desk.wire.answer = answering("GET", "/api/v1/position", 400, refused)
        with pytest.raises(AuthenticationFailed, match="clock"):
            await desk.trading.fetch_positions()

    bench(body)


def test_the_history_has_a_budget_of_its_own(bench: Bench) -> None:
    async def body(desk: Any) -> None:
        began_ns = desk.clock.now_ns()
        for _ in range(18):
            await desk.trading.fetch_funding_payments(0)
        for _ in range(8):  # fills say whether a leg is covered
            await desk.trading.fetch_fills(0)
        await desk.trading.fetch_transfers(0)  # not held up by them
        await desk.trading.fetch_positions()
        assert desk.clock.now_ns() == began_ns
        with pytest.raises(RateLimited):
            await desk.trading.fetch_fills(0)
        await desk.trading.fetch_funding_payments(0)
        assert desk.clock.now_ns() >= began_ns + MINUTE_NS

    bench(body)


def test_what_became_of_an_order_has_a_part_of_the_history_for_itself(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        desk.script.plan("send_order", before=OutcomeUnknown("scripted"))
        request = await desk.request()
        with pytest.raises(OutcomeUnknown):
            await desk.send(request)
        for _ in range(18):
            await desk.trading.fetch_funding_payments(0)
        began_ns = desk.clock.now_ns()
        for _ in range(4):  # each reads orders and fills
            with pytest.raises(UnknownOrder):
                await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
        assert desk.clock.now_ns() == began_ns
        with pytest.raises(RateLimited):
            await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
        assert desk.clock.now_ns() <= began_ns + 2 * SECOND_NS

    bench(body)


def test_no_connection_is_certain(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        prepared = await desk.trading.prepare_order(await desk.request())

        def fail(request: HttpRequest) -> HttpResponse | None:
            raise ConnectFailed("scripted")

        desk.wire.answer = fail
        with pytest.raises(NotSent):
            await desk.trading.send_order(prepared)

    bench(body)


def test_a_limited_time_range_stops_time_ranges_alone(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        def limited(request: HttpRequest) -> HttpResponse | None:
            if "/wapi/v1/history/fills" not in request.url:
                return None
            refusal = {"code": "TOO_MANY_REQUESTS", "message": "Too many requests"}
            return HttpResponse(status=429, headers={"Retry-After": "30"}, body=json.dumps(refusal).encode())

        desk.wire.answer = limited
        began_ns = desk.clock.now_ns()
        with pytest.raises(RateLimited) as caught:
            await desk.trading.fetch_fills(0)
        assert caught.value.retry_after_ns == 30 * SECOND_NS
        desk.wire.answer = None
        await desk.send(await desk.request())
        assert desk.clock.now_ns() == began_ns
        await desk.trading.fetch_funding_payments(0)
        assert desk.clock.now_ns() == began_ns + 30 * SECOND_NS

    bench(body)


def limited(path: str) -> Callable[[HttpRequest], HttpResponse | None]:
    return answering("GET", path, 429, {"code": "TOO_MANY_REQUESTS", "message": "Too many requests"})


def test_a_limited_public_read_does_not_stop_orders(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        prepared = await desk.trading.prepare_order(await desk.request())
        resting = await desk.resting()
        await desk.send(resting)
        desk.wire.answer = limited("/api/v1/depth")
        with pytest.raises(RateLimited):
            await desk.exchange.market.fetch_bbo(desk.instrument.id)
        began_ns = desk.clock.now_ns()
        await desk.trading.send_order(prepared)
        await desk.trading.cancel_order(desk.instrument.id, resting.client_order_id)
        assert desk.clock.now_ns() == began_ns
        desk.wire.answer = None
        await desk.exchange.market.fetch_bbo(desk.instrument.id)
        assert desk.clock.now_ns() > began_ns  # what was refused waits

    bench(body)


def test_a_limited_signed_read_stops_orders_and_says_so(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        prepared = await desk.trading.prepare_order(await desk.request())
        refusal = {"code": "TOO_MANY_REQUESTS", "message": "Too many requests"}
        raw = HttpResponse(status=429, headers={"Retry-After": "4"}, body=json.dumps(refusal).encode())
        desk.wire.answer = lambda request: raw if "/api/v1/position" in request.url else None
        with pytest.raises(RateLimited):
            await desk.trading.fetch_positions()
        began_ns = desk.clock.now_ns()
        with pytest.raises(RateLimited):
            await desk.trading.send_order(prepared)
        assert desk.clock.now_ns() <= began_ns + 2 * SECOND_NS
        assert desk.wire.sent("POST", "/api/v1/order") == []

    bench(body)


def test_what_is_filled_whole_is_not_asked_for_again(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        request = await desk.request()
        sent = await desk.send(request)
        asked = len(desk.wire.requests)
        assert await desk.trading.fetch_order(desk.instrument.id, request.client_order_id) == sent
        assert len(desk.wire.requests) == asked
        away = await desk.request(through="-0.02")
        assert (await desk.send(away)).status is OrderStatus.EXPIRED
        asked = len(desk.wire.requests)
        await desk.trading.fetch_order(desk.instrument.id, away.client_order_id)
        assert len(desk.wire.requests) == asked + 2  # it does not rest; its row in the history

    bench(body)


def test_orders_of_the_venue_say_what_they_were(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        await desk.send(await desk.request())
        desk.truth.venue.deleverage(desk.instrument.id, D("0.0005"), desk.clock.now_ns())
        desk.truth.venue.liquidate(desk.instrument.id, desk.clock.now_ns())
        names = [fill.client_order_id for fill in await desk.trading.fetch_fills(0)]
        assert [name.partition("-")[0] for name in names[-2:]] == ["adl", "liquidation"]

    bench(body)


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        (None, "foreign"),
        ("LiquidatePositionOnBook", "liquidation"),
        ("LiquidatePositionOnBackstop", "liquidation"),
        ("LIQUIDATION_AUTOCLOSE", "liquidation"),
        ("LiquidatePositionOnAdl", "adl"),
        ("ADL_AUTOCLOSE", "adl"),
        ("CollateralConversion", "venue"),
        ("SETTLEMENT_AUTOCLOSE", "venue"),
    ],
)
def test_names_for_orders_that_are_not_ours(word: str | None, kind: str) -> None:
    assert foreign_id("17", word) == f"{kind}-17"
