"""Orders: what leaves, what the answers mean, ids and nonces, and an order over its whole life."""

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
    ClockRefused,
    HttpRequest,
    HttpResponse,
    InsufficientMargin,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    UnknownOrder,
    WouldCross,
)
from arb.model import (
    DAY_NS,
    MILLISECOND_NS,
    MINUTE_NS,
    SECOND_NS,
    ClientOrderId,
    MarginMode,
    OrderStatus,
    Side,
    TimeInForce,
)
from arb.testing import Bench, BenchDesk, FakeWorld
from arb_exchange_edgex._names import OrderNames
from arb_exchange_edgex._signing import nonce_of

CREATE = "/api/v2/private/order/createOrder"


def envelope(code: str = "SUCCESS", data: Any = None) -> bytes:
    return json.dumps({"code": code, "data": data, "msg": None}).encode()


def answering(path: str, status: int, body: bytes) -> Callable[[HttpRequest], HttpResponse | None]:
    def answer(request: HttpRequest) -> HttpResponse | None:
        is_it = request.url.partition("?")[0].endswith(path)
        return HttpResponse(status=status, headers={}, body=body) if is_it else None

    return answer


def sent_body(desk: BenchDesk, place: int = -1) -> Any:
    return json.loads(desk.wire.sent("POST", CREATE)[place].body)


def test_an_order_asks_for_nothing_but_what_was_meant(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        request = await desk.resting(post_only=True)
        await desk.send(request)
        sent = sent_body(desk)
        assert len(sent) == 27  # those of the venue's own client
        assert (sent["side"], sent["type"], sent["timeInForce"]) == ("BUY", "LIMIT", "POST_ONLY")
        assert (sent["contractId"], sent["clientOrderId"]) == ("30000001", request.client_order_id)
        assert sent["l2Nonce"] == str(nonce_of(request.client_order_id))
        assert not any(
            sent[name] for name in ("reduceOnly", "isPositionTpsl", "isSetOpenTp", "isSetOpenSl", "sourceKey")
        )
        assert all(isinstance(value, str | bool | None) for value in sent.values())  # numbers are texts

    bench(body)


@pytest.mark.parametrize(
    ("changes", "force"),
    [
        ({"time_in_force": TimeInForce.IOC}, "IMMEDIATE_OR_CANCEL"),
        ({"time_in_force": TimeInForce.FOK}, "FILL_OR_KILL"),
        ({"time_in_force": TimeInForce.GTC}, "GOOD_TIL_CANCEL"),
    ],
)
def test_each_way_to_rest(bench: Bench, changes: Any, force: str) -> None:
    async def body(desk: BenchDesk) -> None:
        await desk.send(await desk.request(**changes))
        assert sent_body(desk)["timeInForce"] == force

    bench(body)


def test_a_price_has_no_exponent(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        await desk.send(replace(await desk.resting(), price=D("6E+4"), quantity=D("1E-3")))
        sent = sent_body(desk)
        assert (sent["price"], sent["size"], D(sent["l2Value"])) == ("60000.0", "0.00100", D(60))
        assert sent["l2LimitFee"] == "1"  # whole USDC

    bench(body)


def test_an_order_that_does_not_rest_is_void_in_seconds(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        await desk.trading.prepare_order(await desk.request())  # the clock is known from here on
        now_ns = desk.clock.now_ns()
        await desk.send(await desk.request())
        await desk.send(await desk.resting())
        ioc, gtc = (int(sent_body(desk, place)["expireTime"]) * MILLISECOND_NS for place in (0, 1))
        assert 10 * SECOND_NS <= ioc - now_ns <= 11 * SECOND_NS
        assert ioc % SECOND_NS == 0  # the chain cuts fractions off: nothing is lost
        assert DAY_NS <= gtc - now_ns <= DAY_NS + 2 * SECOND_NS

    bench(body)


def test_a_resting_order_ends_by_itself(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        request = await desk.resting()
        await desk.send(request)
        await desk.sleep(5 * MINUTE_NS)
        order = await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
        assert (order.status, order.reason) == (OrderStatus.EXPIRED, "EXPIRE_CANCELED")

    bench(body, settings={"resting_life": "2m"})


def test_the_answer_is_an_id_and_what_became_of_the_order_is_read(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        before = desk.clock.now_ns()
        order = await desk.send(await desk.request())
        assert order.status is OrderStatus.FILLED
        looks = desk.wire.sent("GET", "getOrderById")
        assert len(looks) > 1  # at first it is pending
        assert desk.clock.now_ns() - before < SECOND_NS
        resting = await desk.send(await desk.resting())
        assert resting.status is OrderStatus.OPEN

    bench(body)


def test_an_order_that_was_taken_and_cannot_be_read_is_in_doubt(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        for answer in (
            HttpResponse(status=502, headers={}, body=b"<html>"),
            HttpResponse(status=200, headers={}, body=envelope(data=[])),
            HttpResponse(status=200, headers={}, body=envelope("A_NEW_CODE")),
        ):
            request = await desk.request()
            desk.wire.answer = lambda one, found=answer: found if "getOrderById" in one.url else None
            with pytest.raises(OutcomeUnknown):
                await desk.send(request)
            desk.wire.answer = lambda one: None
            await desk.sleep(SECOND_NS)
            found = await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
            assert found.status is OrderStatus.FILLED

    bench(body)


def test_an_order_that_is_matched_late_is_told_as_it_is(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        request = await desk.request()
        order = await desk.send(request)
        (row,) = await by_client_id(desk, request)
        late = {**row, "status": "PENDING", "cumFillSize": "0", "cumFillValue": "0", "cumMatchSize": "0"}
        other = await desk.request()
        late |= {"clientOrderId": other.client_order_id, "id": "9"}
        desk.wire.answer = both(
            answering(CREATE, 200, envelope(data={"orderId": "9"})),
            answering("getOrderById", 200, envelope(data=[late])),
        )
        before = desk.clock.now_ns()
        told = await desk.send(other)
        assert (told.status, told.filled_quantity) == (OrderStatus.OPEN, D(0))
        assert desk.clock.now_ns() - before < 5 * SECOND_NS
        assert order.status is OrderStatus.FILLED

    bench(body)


async def by_client_id(desk: Any, request: Any) -> Any:
    rest = desk.exchange.trading._rest
    params = {"clientOrderIdList": request.client_order_id}
    return await rest.read("/api/v2/private/order/getOrderByClientOrderId", params)


def both(*answers: Any) -> Callable[[HttpRequest], HttpResponse | None]:
    return lambda request: next((found for each in answers if (found := each(request)) is not None), None)


def test_post_only_that_would_cross_is_taken_and_cancelled(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        request = await desk.request(time_in_force=TimeInForce.GTC, post_only=True)
        with pytest.raises(WouldCross) as caught:
            await desk.send(request)
        assert caught.value.code == "COULD_NOT_FILL"
        found = await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
        assert (found.status, found.filled_quantity) == (OrderStatus.EXPIRED, D(0))
        # A part of it that was filled is a fill, whatever it is called.
        (row,) = await by_client_id(desk, request)
        other = await desk.request(time_in_force=TimeInForce.GTC, post_only=True)
        filled = str(desk.instrument.lot_size)
        part = {
            **row,
            "id": "9",
            "clientOrderId": other.client_order_id,
            "cumFillSize": filled,
            "cumMatchSize": filled,
            "cumFillValue": "67",
        }
        desk.wire.answer = both(
            answering(CREATE, 200, envelope(data={"orderId": "9"})),
            answering("getOrderById", 200, envelope(data=[part])),
        )
        assert (await desk.send(other)).filled_quantity == D(filled)

    bench(body)


@pytest.mark.parametrize(
    ("reason", "kind"), [("REDUCE_ONLY_CANCELED", Rejected), ("MARGIN_NOT_ENOUGH", InsufficientMargin)]
)
def test_an_order_that_ends_at_once_unfilled_is_refused(bench: Bench, reason: str, kind: type[Exception]) -> None:
    async def body(desk: BenchDesk) -> None:
        request = await desk.request(Side.SELL, reduce_only=True)
        with pytest.raises(Rejected) as caught:
            await desk.send(request)
        assert caught.value.code == "REDUCE_ONLY_CANCELED"
        (row,) = await by_client_id(desk, request)
        other = await desk.request(Side.SELL, reduce_only=True)
        ended = {**row, "id": "9", "clientOrderId": other.client_order_id, "cancelReason": reason}
        desk.wire.answer = both(
            answering(CREATE, 200, envelope(data={"orderId": "9"})),
            answering("getOrderById", 200, envelope(data=[ended])),
        )
        with pytest.raises(kind) as again:
            await desk.send(other)
        assert type(again.value) is kind

    bench(body)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (200, "GATEWAY_PARAM_INVALID", Rejected),
        (400, "GATEWAY_PARAM_INVALID", Rejected),
        (200, "INSUFFICIENT_AVAILABLE_BALANCE", InsufficientMargin),
        (200, "ORDER_SIZE_LESS_THAN_MIN", BelowMinimum),
        (200, "L2_SIGNATURE_INVALID", AuthenticationFailed),
        (200, "INVALID_TIMESTAMP", ClockRefused),
        (200, "INVALID_L2_NONCE", BadResponse),
        (200, "A_NEW_CODE", BadResponse),
        (400, "A_NEW_CODE", BadResponse),
        (200, "", BadResponse),
        (500, "GATEWAY_INTERNAL_ERROR", OutcomeUnknown),
        (503, "INSUFFICIENT_AVAILABLE_BALANCE", OutcomeUnknown),
        (429, "RATE_LIMIT_EXCEEDED", RateLimited),
        (200, "RATE_LIMIT_EXCEEDED", RateLimited),
    ],
)
def test_what_an_error_says_of_an_order(bench: Bench, status: int, code: str, kind: type[Exception]) -> None:
    async def body(desk: BenchDesk) -> None:
        prepared = await desk.trading.prepare_order(await desk.request())
        desk.wire.answer = answering(CREATE, status, envelope(code, {"orderId": "5"}))
        with pytest.raises(kind) as caught:
            await desk.trading.send_order(prepared)
        assert type(caught.value) is kind

    bench(body)


def test_after_a_rate_limit_in_http_200_nothing_is_sent_for_a_while(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        limited = [HttpResponse(status=200, headers={}, body=envelope("RATE_LIMIT_EXCEEDED"))]
        desk.wire.answer = lambda one: limited.pop() if limited else None
        with pytest.raises(RateLimited):
            await desk.exchange.market.fetch_instruments()
        sent, before = len(desk.wire.requests), desk.clock.now_ns()
        await desk.exchange.market.fetch_order_book(desk.instrument.id, 5)
        assert desk.clock.now_ns() - before >= 5 * SECOND_NS
        assert len(desk.wire.requests) == sent + 1

    bench(body)


def test_an_answer_of_success_without_an_order_is_in_doubt(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        answers: list[Any] = [None, {}, {"orderId": ""}, {"orderId": 7}, [], "5"]
        for data in answers:
            desk.wire.answer = answering(CREATE, 200, envelope(data=data))
            with pytest.raises(BadResponse):
                await desk.send(await desk.request())

    bench(body)


def test_an_answer_to_another_order_is_no_answer(bench: Bench) -> None:
    async def body(desk: Any) -> None:
        request = await desk.request()
        await desk.send(request)
        (row,) = await by_client_id(desk, request)
        for change in (
            {"side": "SELL"},
            {"contractId": "30000002"},
            {"contractId": "5"},
            {"clientOrderId": "another"},
            {"cumFillSize": "999", "cumMatchSize": "999"},
            {"status": "ODD"},
            {"size": None},
        ):
            other = await desk.request()
            told = {**row, "id": "9", "clientOrderId": f"{other.client_order_id}", **change}
            desk.wire.answer = both(
                answering(CREATE, 200, envelope(data={"orderId": "9"})),
                answering("getOrderById", 200, envelope(data=[told])),
            )
            desk.exchange.trading._names._owners.clear()
            with pytest.raises((BadResponse, OutcomeUnknown)):
                await desk.send(other)

    bench(body)


def test_an_order_whose_signature_expired_does_not_leave(bench: Bench) -> None:
    async def body(desk: Any) -> None:
        ioc = await desk.trading.prepare_order(await desk.request())
        gtc = await desk.trading.prepare_order(await desk.resting())
        assert ioc.expires_ns <= desk.clock.now_ns() + 11 * SECOND_NS
        assert gtc.expires_ns <= desk.clock.now_ns() + MINUTE_NS  # by the time of its request, not by its life
        await desk.sleep(12 * SECOND_NS)
        with pytest.raises(NotSent):
            await desk.trading.send_order(ioc)
        assert desk.wire.sent("POST", CREATE) == []
        assert (await desk.trading.send_order(gtc)).status is OrderStatus.OPEN
        late = await desk.trading.prepare_order(await desk.resting())
        await desk.sleep(MINUTE_NS)
        with pytest.raises(NotSent):
            await desk.trading.send_order(late)

    bench(body)


def test_a_prepared_order_shows_no_signature(bench: Bench) -> None:
    async def body(desk: Any) -> None:
        prepared = await desk.trading.prepare_order(await desk.request())
        assert "ignature" not in repr(prepared)
        assert prepared.payload.signed.headers["X-edgeX-Signature"] not in f"{prepared!r} {prepared.payload.signed!r}"

    bench(body)


def test_what_breaks_a_rule_is_refused_before_anything_is_sent(bench: Bench) -> None:
    async def body(desk: Any) -> None:
        good = await desk.request()
        for change, kind in (
            ({"quantity": desk.instrument.lot_size / 2}, BelowMinimum),
            ({"quantity": D("Infinity")}, Rejected),
            ({"quantity": desk.instrument.max_quantity * 2}, Rejected),
            ({"client_order_id": ClientOrderId("x" * 33)}, Rejected),
            ({"client_order_id": ClientOrderId("ordér")}, Rejected),
        ):
            with pytest.raises(kind):
                await desk.trading.prepare_order(replace(good, **change))
        assert not desk.wire.sent("POST", CREATE)

    bench(body)


@pytest.mark.parametrize("after", [False, True])
def test_a_lost_answer_is_resolved_by_reads(bench: Bench, after: bool) -> None:
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
        else:
            with pytest.raises(UnknownOrder):
                await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
            names = [each.url.partition("?")[0].rpartition("/")[2] for each in desk.wire.requests[-3:]]
            assert names == ["getOrderByClientOrderId", "getActiveOrderPage", "getHistoryOrderPage"]

    bench(body)


def test_a_resting_order_may_come_for_a_minute(bench: Bench) -> None:
    """What keeps it from coming later is the time of its request, which the venue takes for a minute."""

    async def body(desk: BenchDesk) -> None:
        desk.script.plan("send_order", before=OutcomeUnknown("scripted"))
        request = await desk.resting()
        with pytest.raises(OutcomeUnknown):
            await desk.send(request)
        await desk.sleep(desk.exchange.traits.order_validity_ns + desk.exchange.traits.read_after_write_ns)
        with pytest.raises(BadResponse, match="not void yet"):
            await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
        await desk.sleep(MINUTE_NS)
        with pytest.raises(UnknownOrder):
            await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)

    bench(body)


def test_a_resting_order_that_was_refused_will_not_come(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        request = await desk.resting(quantity=desk.instrument.lot_size * 10_000_000)
        with pytest.raises(InsufficientMargin):
            await desk.send(request)
        with pytest.raises(UnknownOrder):
            await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)

    bench(body)


def test_an_id_leaves_once_over_a_restart_too(bench: Bench) -> None:
    world, names = FakeWorld(), []

    async def first(desk: BenchDesk) -> None:
        request = await desk.request()
        names.append(request)
        await desk.send(request)
        with pytest.raises(Rejected) as caught:
            await desk.send(request)
        assert caught.value.code == "duplicate_client_order_id"

    async def second(desk: BenchDesk) -> None:
        with pytest.raises(Rejected):
            await desk.send(names[0])
        assert desk.wire.sent("POST", CREATE) == []
        await desk.sleep(SECOND_NS)
        order = await desk.trading.fetch_order(desk.instrument.id, names[0].client_order_id)
        assert order.status is OrderStatus.FILLED

    bench(first, world=world)
    bench(second, world=world)


def test_two_ids_of_one_nonce_leave_under_two_nonces(bench: Bench) -> None:
    world, names = FakeWorld(), []

    async def first(desk: Any) -> None:
        request = await desk.resting()
        names.append(request)
        # As if an order of another id with the same nonce had been prepared before.
        await desk.exchange.trading._names._state.put(f"nonce:{nonce_of(request.client_order_id)}", "somebody-else")
        await desk.send(request)
        sent = sent_body(desk)
        assert sent["clientOrderId"] == f"{request.client_order_id}~1"
        assert sent["l2Nonce"] == str(nonce_of(sent["clientOrderId"])) != str(nonce_of(request.client_order_id))
        (open_order,) = await desk.trading.fetch_open_orders()
        assert open_order.request.client_order_id == request.client_order_id

    async def second(desk: BenchDesk) -> None:
        await desk.sleep(SECOND_NS)
        (open_order,) = await desk.trading.fetch_open_orders()
        name = names[0].client_order_id
        assert open_order.request.client_order_id == name
        assert (await desk.trading.fetch_order(desk.instrument.id, name)).status is OrderStatus.OPEN
        await desk.trading.cancel_order(desk.instrument.id, name)
        assert (await desk.trading.fetch_order(desk.instrument.id, name)).status is OrderStatus.CANCELLED

    bench(first, world=world)
    bench(second, world=world)


def test_orders_of_a_person_and_of_the_venue_get_names_of_their_own(bench: Bench) -> None:
    async def body(desk: Any) -> None:
        names: OrderNames = desk.exchange.trading._names
        row = {"id": "7", "clientOrderId": "21163368294502694", "isLiquidate": False, "isDeleverage": False}
        assert await names.of(row) == "21163368294502694"
        assert await names.of({**row, "id": "8", "isLiquidate": True}) == "liquidation-8"
        assert await names.of({**row, "id": "9", "isDeleverage": True}) == "adl-9"
        assert await names.of({**row, "id": "10", "clientOrderId": ""}) == "foreign-10"
        assert await names.of({"id": "11", "clientOrderId": "a~1"}) == "a~1"  # no alias of ours
        with pytest.raises(ValueError, match="no text"):
            await names.of({"id": 7})

    bench(body)


@pytest.mark.parametrize(
    ("result", "kind"),
    [
        ("SUCCESS", None),
        ("SUCCESS_ORDER_CANCELING", None),
        ("SUCCESS_ORDER_CANCELED", Rejected),
        ("FAILED_ORDER_NOT_FOUND", Rejected),
        ("FAILED_ORDER_FILLED", Rejected),
        ("FAILED_ORDER_UNKNOWN_STATUS", BadResponse),
        ("UNKNOWN_ORDER_CANCEL_RESULT", BadResponse),
        ("A_RESULT_OF_NEXT_YEAR", BadResponse),
    ],
)
def test_a_cancellation_is_read_order_by_order(bench: Bench, result: str, kind: type[Exception] | None) -> None:
    """`code` is SUCCESS whatever became of it."""

    async def body(desk: BenchDesk) -> None:
        request = await desk.resting()
        await desk.send(request)
        data = {"cancelResultMap": {request.client_order_id: result}}
        desk.wire.answer = answering("cancelOrderByClientOrderId", 200, envelope(data=data))
        if kind is None:
            await desk.trading.cancel_order(desk.instrument.id, request.client_order_id)
        else:
            with pytest.raises(kind) as caught:
                await desk.trading.cancel_order(desk.instrument.id, request.client_order_id)
            assert type(caught.value) is kind
        desk.wire.answer = answering("cancelAllOrder", 200, envelope(data=data))
        if kind is BadResponse:
            with pytest.raises(BadResponse, match="1 of 1"):
                await desk.trading.cancel_all()
        else:
            await desk.trading.cancel_all()

    bench(body)


def test_a_cancellation_for_the_wrong_instrument_does_not_leave(bench: Bench) -> None:
    """The venue cancels by id alone: it would take the order."""

    async def body(desk: BenchDesk) -> None:
        request = await desk.resting()
        await desk.send(request)
        other = (await desk.exchange.market.fetch_instruments())[1]
        with pytest.raises(UnknownOrder):
            await desk.trading.cancel_order(other.id, request.client_order_id)
        with pytest.raises(UnknownOrder):
            await desk.trading.fetch_order(other.id, request.client_order_id)
        assert desk.wire.sent("POST", "cancelOrder") == []

    bench(body)


def test_leverage_is_refused_while_orders_rest_and_says_why(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        request = await desk.resting()
        await desk.send(request)
        with pytest.raises(Rejected, match="cancel them first"):
            await desk.trading.set_leverage(desk.instrument.id, D(3), MarginMode.CROSS)
        await desk.trading.cancel_all()
        await desk.trading.set_leverage(desk.instrument.id, D(3), MarginMode.CROSS)
        assert await desk.trading.fetch_leverage(desk.instrument.id) == (D(3), MarginMode.CROSS)
        writes = len(desk.wire.sent("POST", "updateLeverageSetting"))
        await desk.trading.set_leverage(desk.instrument.id, D(3), MarginMode.CROSS)
        assert len(desk.wire.sent("POST", "updateLeverageSetting")) == writes  # it is set already
        with pytest.raises(Rejected, match="whole number"):
            await desk.trading.set_leverage(desk.instrument.id, D("2.5"), MarginMode.CROSS)

    bench(body)


def test_the_margin_mode_is_signed_and_read_back(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        await desk.trading.set_leverage(desk.instrument.id, D(2), MarginMode.ISOLATED)
        (sent,) = desk.wire.sent("POST", "setMarginMode")
        assert json.loads(sent.body)["marginMode"] == "1"
        assert await desk.trading.fetch_leverage(desk.instrument.id) == (D(2), MarginMode.ISOLATED)
        desk.wire.answer = answering("updateLeverageSetting", 200, envelope())
        with pytest.raises(BadResponse, match="reads 2"):  # SUCCESS, and nothing was set
            await desk.trading.set_leverage(desk.instrument.id, D(3), MarginMode.ISOLATED)

    bench(body)
