"""Orders: nothing is told of one before the venue has said it, and the venue says it late."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from arb.api import (
    AuthenticationFailed,
    BadResponse,
    BelowMinimum,
    HttpRequest,
    HttpResponse,
    InMaintenance,
    InsufficientMargin,
    NotSent,
    OutcomeUnknown,
    Rejected,
    UnknownOrder,
    WouldCross,
)
from arb.model import MILLISECOND_NS, SECOND_NS, ClientOrderId, OrderStatus, Side, TimeInForce
from arb.testing import Bench, BenchDesk, Listener, listening
from arb_exchange_paradex._signing import Signer
from arb_exchange_paradex.fake._keys import CHAIN, SUBKEY, account


def _json(body: Any, status: int = 200) -> HttpResponse:
    return HttpResponse(status=status, headers={}, body=json.dumps(body).encode())


def test_what_is_sent(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        request = await desk.resting(post_only=True)
        await desk.send(request)
        (sent,) = desk.wire.sent("POST", "/v1/orders")
        payload = json.loads(sent.body)
        assert payload.pop("signature_timestamp") == desk.clock.now_ns() // MILLISECOND_NS - 20
        r, s = json.loads(payload.pop("signature"))
        assert r.isdigit()
        assert s.isdigit()
        assert payload == {
            "market": "BTC-USD-PERP",
            "side": "BUY",
            "type": "LIMIT",
            "size": f"{request.quantity:f}",
            "price": f"{request.price:f}",
            "instruction": "POST_ONLY",
            "client_id": request.client_order_id,
            "recv_window": 5000,
            "stp": "EXPIRE_TAKER",
        }
        assert sent.headers["Authorization"].startswith("Bearer ")

    bench(body)


def test_only_limits_are_sent_and_a_close_is_reduce_only(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        await desk.send(await desk.request())
        await desk.send(await desk.request(Side.SELL, reduce_only=True))
        first, second = (json.loads(each.body) for each in desk.wire.sent("POST", "/v1/orders"))
        assert (first["type"], first["instruction"], "flags" in first) == ("LIMIT", "IOC", False)
        assert (second["type"], second["flags"]) == ("LIMIT", ["REDUCE_ONLY"])
        assert list(await desk.trading.fetch_positions()) == []

    bench(body)


def test_two_orders_of_one_moment_have_two_hashes(bench: Bench) -> None:
    async def body(desk: Any) -> None:
        one, other = await desk.resting(), await desk.resting()
        ready = [await desk.trading.prepare_order(each) for each in (one, other)]
        stamps = [json.loads(each.payload.body)["signature_timestamp"] for each in ready]
        assert stamps[1] == stamps[0] + 1
        orders = [await desk.trading.send_order(each) for each in ready]
        assert [each.status for each in orders] == [OrderStatus.OPEN] * 2

    bench(body)


def test_an_order_is_queued_and_its_outcome_waited_for(bench: Bench) -> None:
    """The answer to sending says NEW, whatever becomes of the order; what is returned is what became of it."""

    async def body(desk: BenchDesk) -> None:
        began_ns = desk.clock.now_ns()
        order = await desk.send(await desk.request())
        assert (order.status, order.filled_quantity) == (OrderStatus.FILLED, order.request.quantity)
        assert desk.clock.now_ns() - began_ns == 20 * MILLISECOND_NS
        paths = [each.url.partition("/v1")[2].partition("?")[0] for each in desk.wire.requests[-3:]]
        # Closed orders are hidden by their id: then the history is read.
        assert paths == ["/orders", f"/orders/{order.exchange_order_id}", "/orders-history"]

    bench(body)


def test_the_answer_to_sending_is_never_taken_for_the_outcome(bench: Bench) -> None:
    """An answer that is NEW for ever: neither open, nor filled, nor refused."""

    async def body(desk: BenchDesk) -> None:
        request = await desk.resting()

        def send(asked: HttpRequest, found: HttpResponse) -> HttpResponse:
            if "/orders" not in asked.url or found.status not in (200, 201):
                return found
            rows = json.loads(found.body)
            for row in rows.get("results", [rows]):
                row["status"] = "NEW"
            return replace(found, body=json.dumps(rows).encode())

        desk.wire.change = send
        began_ns = desk.clock.now_ns()
        with pytest.raises(OutcomeUnknown, match="nothing was said"):
            await desk.send(request)
        assert desk.clock.now_ns() - began_ns == 5 * SECOND_NS
        with pytest.raises(BadResponse, match="not said yet"):
            await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
        assert list(await desk.trading.fetch_open_orders()) == []
        desk.wire.change = None
        found = await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
        assert found.status is OrderStatus.OPEN

    bench(body)


@pytest.mark.parametrize("is_listening", [False, True])
def test_refusals_after_acceptance(bench: Bench, is_listening: bool) -> None:
    """Each is accepted with 201 and ended by the venue's checks; the history has it as refused."""

    async def body(desk: Any) -> None:
        listener = Listener(desk.streams.watch_account())
        if not is_listening:
            await listener.stop()
        await desk.sleep(SECOND_NS)
        cases = (
            (await desk.request(post_only=True, time_in_force=TimeInForce.GTC), WouldCross, "POST_ONLY_WOULD_CROSS"),
            (
                await desk.request(quantity=desk.instrument.lot_size * 5_000_000),
                InsufficientMargin,
                "NOT_ENOUGH_MARGIN",
            ),
            (await desk.request(reduce_only=True), Rejected, "REDUCE_ONLY_WOULD_INCREASE_POSITION"),
        )
        for request, kind, code in cases:
            with pytest.raises(Rejected) as refused:
                await desk.send(request)
            assert (type(refused.value), refused.value.code) == (kind, code)
            found = await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
            assert (found.status, found.filled_quantity, found.reason) == (OrderStatus.REJECTED, 0, code)
        statuses = {json.loads(each.body)["client_id"] for each in desk.wire.sent("POST", "/v1/orders")}
        assert len(statuses) == 3, "all of them were accepted"
        await listener.stop()

    bench(body)


def test_a_report_of_the_socket_saves_the_questions(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        listener = Listener(desk.streams.watch_account())
        await desk.sleep(SECOND_NS)
        takes, waits = await desk.request(), await desk.resting()
        desk.wire.log.clear()
        order = await desk.send(takes)
        assert order.status is OrderStatus.FILLED
        assert [each.method for each in desk.wire.requests] == ["POST"]
        resting = await desk.send(waits)
        assert resting.status is OrderStatus.OPEN
        assert [each.method for each in desk.wire.requests] == ["POST", "POST"]
        await listener.stop()

    bench(body)


def test_an_unknown_end_is_final_and_no_refusal(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """A `cancel_reason` that nobody has published: nothing was filled, and that is all that is said."""

    async def body(desk: Any) -> None:
        async with listening(desk.streams.watch_account()):
            await desk.sleep(SECOND_NS)
            await desk.send(await desk.request(through="-0.02"))
            waits = await desk.resting()
            await desk.send(waits)
            await desk.trading.cancel_order(desk.instrument.id, waits.client_order_id)
            await desk.sleep(SECOND_NS)
        assert "not known" not in caplog.text, "what is published"

        def send(asked: HttpRequest, found: HttpResponse) -> HttpResponse:
            return replace(found, body=found.body.replace(b'"EXPIRED"', b'"SOMETHING_NEW"'))

        desk.wire.change = send
        for _ in range(2):
            order = await desk.send(await desk.request(through="-0.02"))
            assert (order.status, order.filled_quantity, order.reason) == (OrderStatus.CANCELLED, 0, "SOMETHING_NEW")
        assert caplog.text.count("passes for cancelled: SOMETHING_NEW") == 1

    bench(body)


def test_questions_that_fail_do_not_decide(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        failures = [500, 404, 200]

        def fail(asked: HttpRequest) -> HttpResponse | None:
            if asked.method == "GET" and "/orders/" in asked.url and failures:
                return HttpResponse(status=failures.pop(), headers={}, body=b"<html></html>")
            return None

        desk.wire.answer = fail
        assert (await desk.send(await desk.request())).status is OrderStatus.FILLED
        assert failures == []

    bench(body)


def test_a_cancel_is_a_queue(bench: Bench) -> None:
    """204 and nothing else; what became of the order a read tells, and a second one finds nothing that rests."""

    async def body(desk: BenchDesk) -> None:
        request = await desk.resting()
        await desk.send(request)
        await desk.trading.cancel_order(desk.instrument.id, request.client_order_id)
        (sent,) = [each for each in desk.wire.requests if each.method == "DELETE"]
        assert sent.url.endswith(f"{request.client_order_id}?market=BTC-USD-PERP")
        found = await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
        assert (found.status, found.reason) == (OrderStatus.CANCELLED, "USER_CANCELED")
        with pytest.raises(Rejected) as refused:
            await desk.trading.cancel_order(desk.instrument.id, request.client_order_id)
        assert not isinstance(refused.value, UnknownOrder)
        with pytest.raises(UnknownOrder):
            await desk.trading.cancel_order(desk.instrument.id, ClientOrderId("never"))

    bench(body)


def test_absence_needs_all_three_lists(bench: Bench) -> None:
    """Fills of an order that neither rests nor is in the history yet: it is there."""

    async def body(desk: BenchDesk) -> None:
        request = await desk.request()
        await desk.send(request)
        nothing = _json({"results": [], "next": None, "prev": None})
        desk.wire.answer = lambda asked: nothing if "/orders-history" in asked.url else None
        with pytest.raises(BadResponse, match="not in the history yet"):
            await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
        desk.wire.answer = None
        found = await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
        assert found.status is OrderStatus.FILLED

    bench(body)


@pytest.mark.parametrize(
    ("mode", "post_only", "code"),
    [
        ("cancel_only", False, "SYSTEM_STATUS_CANCEL_ONLY"),
        ("cancel_only", True, "SYSTEM_STATUS_CANCEL_ONLY"),
        ("post_only", False, "SYSTEM_STATUS_POST_ONLY"),
        ("post_only", True, ""),
    ],
)
def test_modes_of_a_release(bench: Bench, mode: str, post_only: bool, code: str) -> None:
    """On weekdays the venue takes cancels alone, then post-only orders, then all; nothing is listed as trading."""

    async def body(desk: BenchDesk) -> None:
        waits = await desk.resting()
        await desk.send(waits)
        desk.world.memory["mode"] = mode
        listed = await desk.exchange.market.fetch_instruments()
        assert {each.status.value for each in listed} == {"suspended"}
        request = await desk.resting(post_only=post_only)
        if code:
            with pytest.raises(InMaintenance) as refused:
                await desk.send(request)
            assert (refused.value.code, refused.value.retry_after_ns) == (code, 60 * SECOND_NS)
        else:
            assert (await desk.send(request)).status is OrderStatus.OPEN
        await desk.trading.cancel_order(desk.instrument.id, waits.client_order_id)
        desk.world.memory["mode"] = "ok"
        listed = await desk.exchange.market.fetch_instruments()
        assert {each.status.value for each in listed} == {"trading"}

    bench(body)


def test_small_orders(bench: Bench) -> None:
    """A close may be as small as the whole position; a part of it may not, and says so before anything is done."""

    async def body(desk: BenchDesk) -> None:
        lot, bbo = desk.instrument.lot_size, await desk.exchange.market.fetch_bbo(desk.instrument.id)
        least = (desk.instrument.min_notional / bbo.bid * Decimal("1.05") // lot + 1) * lot
        with pytest.raises(BelowMinimum):
            await desk.trading.prepare_order(await desk.request(quantity=least / 2 // lot * lot))
        await desk.send(await desk.request(quantity=least * 3 / 2 // lot * lot))
        with pytest.raises(BelowMinimum) as refused:
            await desk.send(await desk.request(Side.SELL, quantity=least / 2 // lot * lot, reduce_only=True))
        assert refused.value.code == "INVALID_ORDER_SIZE"
        await desk.send(await desk.request(Side.SELL, quantity=least, reduce_only=True))
        (left,) = await desk.trading.fetch_positions()
        assert left.quantity * bbo.bid < desk.instrument.min_notional
        await desk.send(await desk.request(Side.SELL, quantity=left.quantity, reduce_only=True))
        assert list(await desk.trading.fetch_positions()) == []

    bench(body)


def test_fill_or_kill_is_refused_before_it_is_sent(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        with pytest.raises(Rejected, match="fill-or-kill"):
            await desk.trading.prepare_order(await desk.request(time_in_force=TimeInForce.FOK))
        assert desk.wire.sent("POST", "/v1/orders") == []

    bench(body)


def test_an_order_that_waited_too_long_does_not_leave(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        prepared = await desk.trading.prepare_order(await desk.request())
        await desk.sleep(6 * SECOND_NS)
        with pytest.raises(NotSent, match="expired"):
            await desk.trading.send_order(prepared)
        assert desk.wire.sent("POST", "/v1/orders") == []

    bench(body)


def test_an_id_that_the_venue_has_already_is_in_doubt(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        request = await desk.resting()
        refusal = _json({"error": "DUPLICATED_CLIENT_ID", "message": "x", "data": None}, 400)
        desk.wire.answer = lambda asked: refusal if (asked.method, asked.url[-7:]) == ("POST", "/orders") else None
        with pytest.raises(BadResponse, match="DUPLICATED_CLIENT_ID"):
            await desk.send(request)

    bench(body)


def test_a_refused_time_is_asked_for_again(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        times = len(desk.wire.sent("GET", "/system/time"))

        def late(asked: HttpRequest) -> HttpResponse | None:
            if asked.method == "POST" and asked.url.endswith("/orders"):
                return _json({"error": "INVALID_TIMESTAMP", "message": "late", "data": None}, 400)
            return None

        desk.wire.answer = late
        with pytest.raises(AuthenticationFailed, match="clock"):
            await desk.send(await desk.request())
        desk.wire.answer = None
        await desk.send(await desk.request())
        assert len(desk.wire.sent("GET", "/system/time")) == times + 1

    bench(body)


def test_a_maker_fill_has_the_side_of_our_order(bench: Bench) -> None:
    """The venue's document calls the side of a fill the taker's: for our own orders we know better."""

    async def body(desk: BenchDesk) -> None:
        bbo = await desk.exchange.market.fetch_bbo(desk.instrument.id)
        request = await desk.request(price=bbo.bid, time_in_force=TimeInForce.GTC, post_only=True)
        await desk.send(request)

        def turned(asked: HttpRequest, found: HttpResponse) -> HttpResponse:
            if "/fills" in asked.url:
                found = replace(found, body=found.body.replace(b'"side": "BUY"', b'"side": "SELL"'))
            return found

        desk.wire.change = turned
        for _ in range(600):
            await desk.sleep(60 * SECOND_NS)
            fills = await desk.trading.fetch_fills(0)
            if fills:
                break
        assert {fill.side for fill in fills} == {Side.BUY}
        assert all(fill.liquidity.value == "maker" for fill in fills)
        assert sum((fill.quantity for fill in fills), Decimal(0)) > 0

    bench(body)


def test_the_fake_takes_what_this_key_signs_and_nothing_else(bench: Bench) -> None:
    async def body(desk: Any) -> None:
        request = await desk.request()
        prepared = await desk.trading.prepare_order(request)
        payload = json.loads(prepared.payload.body)
        for name, value in (("price", "1"), ("size", "1"), ("side", "SELL"), ("signature_timestamp", 1)):
            token = await desk.trading._rest.session.token()
            sent = HttpRequest(
                method="POST",
                url="http://fake.test/v1/orders",
                headers={"Authorization": f"Bearer {token}"},
                body=json.dumps({**payload, name: value}).encode(),
            )
            answer = await desk.wire.venue.send(sent)
            assert answer.status == 400
            assert json.loads(answer.body)["error"] in {
                "INVALID_ORDER_SIGNATURE",
                "INVALID_TIMESTAMP",
                "VALIDATION_ERROR",
                "INVALID_ORDER_SIZE",
            }
        assert Signer(account(), hex(SUBKEY), CHAIN).account == account()
        assert (await desk.trading.send_order(prepared)).status is OrderStatus.FILLED

    bench(body)
