"""Orders that leave over the fake: ids, signatures, outcomes that come later, refusals, doubts, time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest
from plugins.exchanges.grvt.tests.conftest import CREATE, ORDER, answering, bodies, error

from arb.api import (
    AuthenticationFailed,
    BadResponse,
    BelowMinimum,
    ClockRefused,
    ConnectFailed,
    HttpRequest,
    HttpResponse,
    InsufficientMargin,
    NotSent,
    OutcomeUnknown,
    PreparedOrder,
    Rejected,
    WouldCross,
)
from arb.model import MILLISECOND_NS, MINUTE_NS, SECOND_NS, ClientOrderId, Fill, Order, OrderStatus, Side, TimeInForce
from arb.testing import Bench, BenchDesk, Listener
from arb_exchange_grvt._names import API_IDS
from arb_exchange_grvt._orders import status_of
from arb_exchange_grvt._signing import Signer
from arb_exchange_grvt.fake._keys import CHAIN_ID, PRIVATE_KEY, SUB_ACCOUNT


def test_an_order_is_known_by_our_number_until_it_has_an_id(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        request = await desk.resting()
        order = await desk.send(request)
        (sent,) = bodies(desk, CREATE)
        number = int(sent["order"]["metadata"]["client_order_id"])
        # The upper half is for clients of the API, the lower one for the venue's own pages.
        assert API_IDS < number < 1 << 64
        assert "client_order_id" not in json.dumps(sent["order"]["legs"])
        assert all(each == {"sub_account_id": SUB_ACCOUNT, "client_order_id": str(number)} for each in asked(desk))
        assert asked(desk)
        # The answer had the placeholder; the id came with the outcome.
        assert order.exchange_order_id not in (None, "0x00")
        assert order.status is OrderStatus.OPEN

    def asked(desk: BenchDesk) -> list[Any]:
        return bodies(desk, ORDER)

    bench(body)


def test_what_leaves_is_what_was_signed(bench: Bench) -> None:
    async def body(desk: Any) -> None:
        request = await desk.request(side=Side.SELL, reduce_only=False, quantity=D("0.00137"), price=D("72000.0"))
        prepared = await desk.trading.prepare_order(request)
        assert not desk.wire.sent("POST", CREATE)
        await desk.trading.send_order(prepared)
        order = bodies(desk, CREATE)[0]["order"]
        assert order["legs"] == [
            {"instrument": "BTC_USDT_Perp", "size": "0.00137", "limit_price": "72000.0", "is_buying_asset": False}
        ]
        assert (order["time_in_force"], order["is_market"]) == ("IMMEDIATE_OR_CANCEL", False)
        assert "builder" not in order  # nobody else earns by it
        signature = order["signature"]
        signer = Signer(PRIVATE_KEY, SUB_ACCOUNT, CHAIN_ID)
        assert signature["signer"] == signer.address
        assert signature["chain_id"] == str(CHAIN_ID)
        assert 0 <= signature["nonce"] < 1 << 32
        left_ns = int(signature["expiration"]) - desk.clock.now_ns()
        assert abs(left_ns - 35 * SECOND_NS) < SECOND_NS
        assert abs(prepared.expires_ns - int(signature["expiration"])) <= MILLISECOND_NS  # the venue tells milliseconds

    bench(body)


def test_the_outcome_comes_by_the_stream_where_somebody_listens(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        listener = Listener(desk.streams.watch_account())
        await desk.sleep(5 * SECOND_NS)
        began_ns = desk.clock.now_ns()
        order = await desk.send(await desk.request())
        assert order.status is OrderStatus.FILLED
        assert not desk.wire.sent("POST", ORDER)
        assert desk.clock.now_ns() - began_ns < SECOND_NS // 10
        await desk.sleep(SECOND_NS)
        assert [each for each in listener.heard if isinstance(each, Fill)]
        await listener.stop()

    bench(body)


def test_an_order_that_stays_pending_is_open_for_now(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        desk.wire.answer = answering(ORDER, 404, error(1004, 404))
        began_ns = desk.clock.now_ns()
        order = await desk.send(await desk.request())
        assert (order.status, order.exchange_order_id, order.filled_quantity) == (OrderStatus.OPEN, None, D(0))
        assert desk.clock.now_ns() - began_ns <= 2 * SECOND_NS + SECOND_NS // 2
        desk.wire.answer = None
        found = await desk.trading.fetch_order(desk.instrument.id, order.request.client_order_id)
        assert found.status is OrderStatus.FILLED

    bench(body)


def test_an_order_that_may_not_rest_is_waited_for_until_it_has_ended(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        open_for = [2]

        def slow(row: Any) -> Any:
            if open_for[0]:
                open_for[0] -= 1
                row["result"]["state"] |= {"status": "OPEN", "traded_size": ["0.0"], "avg_fill_price": ["0.0"]}
            return row

        desk.wire.change_json(ORDER, slow)
        assert (await desk.send(await desk.request())).status is OrderStatus.FILLED
        open_for[0] = 1
        assert (await desk.send(await desk.resting())).status is OrderStatus.OPEN

    bench(body)


def test_a_question_that_fails_tells_nothing_of_the_order(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        desk.wire.answer = answering(ORDER, 500, error(1002, 500), times=1)
        assert (await desk.send(await desk.request())).status is OrderStatus.FILLED

    bench(body)


def test_a_post_only_order_that_would_take_is_refused_after_it_was_taken(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        request = await desk.request(through="0.01", time_in_force=TimeInForce.GTC, post_only=True)
        with pytest.raises(WouldCross) as caught:
            await desk.send(request)
        assert caught.value.code == "FAIL_POST_ONLY"
        assert desk.wire.sent("POST", CREATE)
        order = await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
        assert (order.status, order.reason) == (OrderStatus.REJECTED, "FAIL_POST_ONLY")

    bench(body)


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("BELOW_MARGIN", InsufficientMargin),
        ("FAIL_REDUCE_ONLY", Rejected),
        ("NO_TRADE_PERMISSION", AuthenticationFailed),
        ("A_REASON_OF_NEXT_YEAR", BadResponse),
        ("OVERLAPPING_CLIENT_ORDER_ID", BadResponse),
    ],
)
def test_reasons_of_a_later_refusal(bench: Bench, reason: str, kind: type[Exception]) -> None:
    async def body(desk: BenchDesk) -> None:
        await _with_state(desk, {"status": "REJECTED", "reject_reason": reason})
        with pytest.raises(kind) as caught:
            await desk.send(await desk.resting())
        assert type(caught.value) is kind

    bench(body)


def test_an_order_that_ended_with_a_part_filled_keeps_it() -> None:
    assert status_of("CANCELLED", "IOC_CANCEL", D(1), D(3)) is OrderStatus.CANCELLED
    assert status_of("CANCELLED", "EXPIRED", D(1), D(3)) is OrderStatus.EXPIRED
    assert status_of("REJECTED", "BELOW_MARGIN", D(0), D(3)) is OrderStatus.REJECTED
    assert status_of("REJECTED", "BELOW_MARGIN", D(1), D(3)) is OrderStatus.CANCELLED
    assert status_of("CANCELLED", "CLIENT_CANCEL", D(3), D(3)) is OrderStatus.FILLED
    assert status_of("PENDING", "UNSPECIFIED", D(0), D(3)) is OrderStatus.OPEN
    assert status_of("OPEN", "UNSPECIFIED", D(1), D(3)) is OrderStatus.PARTIALLY_FILLED
    with pytest.raises(ValueError, match="filled with"):
        status_of("FILLED", "UNSPECIFIED", D(1), D(3))
    with pytest.raises(ValueError, match="HALTED"):
        status_of("HALTED", "UNSPECIFIED", D(0), D(3))


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        (2064, 400, Rejected),
        (2066, 400, BelowMinimum),
        (2080, 400, InsufficientMargin),
        (2000, 403, AuthenticationFailed),
        (2001, 403, ClockRefused),
        (2090, 429, Rejected),
        (2012, 400, BadResponse),
        (9999, 400, BadResponse),
        (1002, 500, OutcomeUnknown),
        (1009, 503, OutcomeUnknown),
        (2080, 500, OutcomeUnknown),
    ],
)
def test_a_refusal_is_certain_by_the_table_alone(bench: Bench, code: int, status: int, kind: type[Exception]) -> None:
    async def body(desk: BenchDesk) -> None:
        desk.wire.answer = answering(CREATE, status, error(code, status))
        with pytest.raises(kind) as caught:
            await desk.send(await desk.request())
        assert type(caught.value) is kind
        assert len(desk.wire.sent("POST", CREATE)) == 1

    bench(body)


def test_too_many_open_orders_are_no_matter_of_rate(bench: Bench) -> None:
    """The venue answers 429 to it: what has to be cancelled then may not wait."""

    async def body(desk: BenchDesk) -> None:
        resting = await desk.resting()
        await desk.send(resting)
        desk.wire.answer = answering(CREATE, 429, error(2090, 429), times=1)
        with pytest.raises(Rejected, match="2090"):
            await desk.send(await desk.resting())
        began_ns = desk.clock.now_ns()
        await desk.trading.cancel_order(desk.instrument.id, resting.client_order_id)
        await desk.send(await desk.resting())
        assert desk.clock.now_ns() - began_ns < SECOND_NS

    bench(body)


def test_a_rate_limit_of_orders_does_not_hold_cancels_up(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        resting = await desk.resting()
        await desk.send(resting)
        desk.wire.answer = answering(CREATE, 429, error(1006, 429), times=1)
        with pytest.raises(NotSent):
            await desk.send(await desk.resting())
        began_ns = desk.clock.now_ns()
        await desk.trading.cancel_order(desk.instrument.id, resting.client_order_id)
        assert desk.clock.now_ns() == began_ns

    bench(body)


def test_an_answer_about_another_order_is_no_answer(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        await desk.send(await desk.resting())
        other = json.loads((await desk.wire.venue.send(desk.wire.requests[-1])).body)
        desk.wire.answer = answering(CREATE, 200, other)
        with pytest.raises(BadResponse, match="another order"):
            await desk.send(await desk.resting())

    bench(body)


def test_a_client_id_leaves_once(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        request = await desk.request()
        prepared = await desk.trading.prepare_order(request)
        await desk.trading.send_order(prepared)
        with pytest.raises(Rejected, match="used before"):
            await desk.trading.send_order(prepared)
        with pytest.raises(Rejected, match="used before"):
            await desk.trading.prepare_order(request)
        assert len(desk.wire.sent("POST", CREATE)) == 1

    bench(body)


def test_an_order_is_not_sent_after_its_time(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        prepared = await desk.trading.prepare_order(await desk.request())
        await desk.sleep(36 * SECOND_NS)
        with pytest.raises(NotSent, match="expired"):
            await desk.trading.send_order(prepared)
        assert not desk.wire.sent("POST", CREATE)

    bench(body)


def test_what_rests_ends_with_its_signature(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        request = await desk.resting()
        await desk.send(request)
        await desk.sleep(30 * SECOND_NS)
        assert len(await desk.trading.fetch_open_orders()) == 1
        await desk.sleep(6 * SECOND_NS)
        assert await desk.trading.fetch_open_orders() == []
        order = await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
        assert (order.status, order.reason) == (OrderStatus.EXPIRED, "EXPIRED")

    bench(body)


def test_an_order_may_rest_as_long_as_the_settings_say(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        assert desk.exchange.traits.order_validity_ns == 302 * SECOND_NS
        await desk.send(await desk.resting())
        await desk.sleep(4 * MINUTE_NS)
        assert len(await desk.trading.fetch_open_orders()) == 1

    bench(body, settings={"order_validity": "5m"})


def test_orders_of_the_same_terms_have_signatures_of_their_own(bench: Bench) -> None:
    """The venue drops what comes twice with one signature, and our id is not part of it."""

    async def body(desk: Any) -> None:
        first = await desk.resting()
        prepared = [await desk.trading.prepare_order(first)]
        desk.exchange.trading._desk._context.random.seed(7)
        prepared.append(await desk.trading.prepare_order(await desk.resting()))
        desk.exchange.trading._desk._context.random.seed(7)
        prepared.append(await desk.trading.prepare_order(await desk.resting()))
        marks = {json.loads(each.payload.body)["order"]["signature"]["r"] for each in prepared}
        assert len(marks) == 3
        for each in prepared:
            await desk.trading.send_order(each)
        assert len(await desk.trading.fetch_open_orders()) == 3

    bench(body)


def test_a_reduce_only_order_below_the_minimum_is_refused_before_it_is_sent(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        assert desk.instrument.closing_min_notional == desk.instrument.min_notional == 20
        request = await desk.request(quantity=desk.instrument.lot_size, reduce_only=True)
        with pytest.raises(BelowMinimum):
            await desk.trading.prepare_order(request)

    bench(body)


def test_something_that_was_not_prepared_here_is_not_sent(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        with pytest.raises(Rejected, match="somebody else"):
            await desk.trading.send_order(PreparedOrder(request=await desk.request(), payload={"order": 1}))

    bench(body)


def test_an_order_whose_line_breaks_is_in_doubt_and_found(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        request = await desk.request()
        prepared = await desk.trading.prepare_order(request)

        def lose(asked: HttpRequest, answer: HttpResponse) -> HttpResponse:
            if asked.url.endswith(CREATE):
                raise OutcomeUnknown("no answer came back")
            return answer

        desk.wire.change = lose
        with pytest.raises(OutcomeUnknown):
            await desk.trading.send_order(prepared)
        desk.wire.change = None
        found: Order = await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
        assert (found.status, found.filled_quantity) == (OrderStatus.FILLED, request.quantity)

        def refuse(asked: HttpRequest) -> HttpResponse | None:
            raise ConnectFailed("no connection")

        other = await desk.trading.prepare_order(replace(request, client_order_id=ClientOrderId("another")))
        desk.wire.answer = refuse
        with pytest.raises(ConnectFailed):
            await desk.trading.send_order(other)

    bench(body)


async def _with_state(desk: BenchDesk, state: Mapping[str, Any]) -> None:
    """Let the venue tell this state of every order."""

    def changed(content: Any) -> Any:
        order = content["result"]
        return {**content, "result": {**order, "state": {**order["state"], **state}}}

    desk.wire.change_json(ORDER, changed)
