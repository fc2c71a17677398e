"""Orders over the fake: what is particular to this venue."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from arb.api import BadResponse, BelowMinimum, DeadMansSwitch, NotSent, OutcomeUnknown, Rejected, UnknownOrder
from arb.model import SECOND_NS, ClientOrderId, OrderStatus, Side, TimeInForce
from arb.testing import Script

if TYPE_CHECKING:
    from plugins.exchanges.hyperliquid.tests.conftest import Play, Stage


def test_what_is_signed_expires_with_the_order_and_the_trait_says_when(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        async with stage.client() as exchange:
            ready = await stage.trading(exchange).prepare_order(await stage.order(exchange, "a"))
            assert ready.expires_ns == stage.clock.now_ns() + 5 * SECOND_NS
            assert exchange.traits.order_validity_ns >= 5 * SECOND_NS
            await stage.sleep(6)
            with pytest.raises(NotSent, match="expired"):
                await stage.trading(exchange).send_order(ready)
            assert "/exchange" not in [path for path, _ in stage.requests]
            with pytest.raises(UnknownOrder):
                await stage.trading(exchange).fetch_order(ready.request.instrument, ready.request.client_order_id)

    play(scene)


def test_an_order_whose_answer_is_lost_is_found_by_its_cloid_and_not_sent_again(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        async with stage.client() as exchange:
            trading = stage.trading(exchange)
            ready = await trading.prepare_order(await stage.order(exchange, "a"))
            with pytest.raises(OutcomeUnknown):
                await trading.send_order(ready)
            for again in (ready, None):
                with pytest.raises(Rejected, match="used before"):
                    await trading.send_order(again or await trading.prepare_order(ready.request))
        async with stage.client() as exchange:
            found = await stage.trading(exchange).fetch_order(ready.request.instrument, ready.request.client_order_id)
            assert (found.status, found.filled_quantity) == (OrderStatus.FILLED, ready.request.quantity)
            (fill,) = await stage.trading(exchange).fetch_fills(0)
            assert (fill.client_order_id, fill.price) == ("a", found.average_price), "our id comes back after a restart"
        assert len(await stage.truth.trading.fetch_orders(0)) == 1

    script = Script()
    script.plan("send_order", after=OutcomeUnknown("lost", code="lost"))
    play(scene, faults=script)


def test_the_same_bytes_sent_twice_are_done_once(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        async with stage.client() as exchange:
            await stage.sent(exchange, "a")
            path, body = stage.requests[-1]
            assert path == "/exchange"
            _, answer = await stage.post(path, body)
            assert answer == {"status": "err", "response": f"Invalid nonce: duplicate nonce {body['nonce']}"}
        assert len(await stage.truth.trading.fetch_orders(0)) == 1

    play(scene)


def test_nonces_go_on_after_a_restart(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        for name in "abc":
            stage.made.clear()
            async with stage.client() as exchange:
                assert (await stage.sent(exchange, name)).status is OrderStatus.FILLED
        nonces = [body["nonce"] for path, body in stage.requests if path == "/exchange"]
        assert nonces == sorted(set(nonces)), "in one millisecond of virtual time"

    play(scene)


def test_an_order_at_once_that_finds_nothing_is_over_not_refused(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        async with stage.client() as exchange:
            sent = await stage.sent(exchange, "a", away=True, time_in_force=TimeInForce.IOC)
            found = await stage.trading(exchange).fetch_order(sent.request.instrument, sent.request.client_order_id)
            for order in (sent, found):
                assert (order.status, order.filled_quantity) == (OrderStatus.CANCELLED, Decimal(0))
            assert "could not immediately match" in sent.reason
            assert found.reason == "iocCancelRejected"

    play(scene)


def test_fill_or_kill_is_not_offered(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        async with stage.client() as exchange:
            with pytest.raises(Rejected, match="no fill-or-kill"):
                await stage.sent(exchange, "a", time_in_force=TimeInForce.FOK)

    play(scene)


def test_prices_follow_the_rule_of_five_figures_not_the_tick_of_now(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        async with stage.client() as exchange:
            trading, eth = stage.trading(exchange), await stage.instrument(exchange)
            assert eth.tick_size == Decimal("0.1")
            for side, asked, wanted in (
                (Side.BUY, "987.6543", "987.65"),
                (Side.SELL, "987.6543", "987.66"),
                (Side.BUY, "12345.678", "12345"),
                (Side.SELL, "123456.78", "123457"),
            ):
                request = await stage.order(exchange, f"p{side}{wanted}", side, price=Decimal(asked))
                assert (await trading.prepare_order(request)).request.price == Decimal(wanted)
            with pytest.raises(BelowMinimum):
                await trading.prepare_order(await stage.order(exchange, "x", price=Decimal("0.0001")))

    play(scene)


def test_the_smallest_value_holds_for_opening_and_for_a_part_but_not_for_the_whole(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        async with stage.client() as exchange:
            with pytest.raises(BelowMinimum):
                await stage.sent(exchange, "a", quantity=Decimal("0.001"))
            await stage.sent(exchange, "b", quantity=Decimal("0.0100"))
            with pytest.raises(BelowMinimum, match="minimum value"):
                await stage.sent(exchange, "c", Side.SELL, quantity=Decimal("0.0010"), reduce_only=True)
            await stage.sent(exchange, "d", Side.SELL, quantity=Decimal("0.0080"), reduce_only=True)
            last = await stage.sent(exchange, "e", Side.SELL, quantity=Decimal("0.0020"), reduce_only=True)
            assert last.status is OrderStatus.FILLED
            assert list(await stage.trading(exchange).fetch_positions()) == []

    play(scene)


def order_wire(asset: int, price: Decimal, **changes: Any) -> dict[str, Any]:
    wire = {"a": asset, "b": True, "p": f"{price:f}", "s": "0.05", "r": False, "t": {"limit": {"tif": "Gtc"}}}
    return {"type": "order", "orders": [{**wire, **changes}], "grouping": "na"}


def test_orders_of_somebody_else_are_told_apart_and_cancelled_with_all(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        async with stage.client() as exchange:
            trading = stage.trading(exchange)
            eth = await stage.instrument(exchange)
            price = eth.limit_price(Side.BUY, (await exchange.market.fetch_bbo(eth.id)).bid * Decimal("0.97"))
            answer = await stage.act(order_wire(1, price))
            oid = answer["response"]["data"]["statuses"][0]["resting"]["oid"]
            cloid = "0x" + "9c" * 16
            await stage.act(order_wire(1, price, c=cloid), nonce=stage.now_ms + 1)
            await stage.sleep(1)
            mine = await stage.sent(exchange, "mine", away=True)
            assert mine.status is OrderStatus.OPEN
            names = {order.request.client_order_id for order in await trading.fetch_open_orders()}
            assert names == {f"foreign-{oid}", f"foreign-{int(cloid, 16)}", "mine"}
            await trading.cancel_all()
            assert list(await trading.fetch_open_orders()) == []
            assert list(await stage.truth.trading.fetch_open_orders()) == []

    play(scene)


def test_cancelling_what_is_over_is_told_apart_from_what_never_was(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        async with stage.client() as exchange:
            trading = stage.trading(exchange)
            sent = await stage.sent(exchange, "a")
            with pytest.raises(Rejected) as caught:
                await trading.cancel_order(sent.request.instrument, ClientOrderId("a"))
            assert not isinstance(caught.value, UnknownOrder)
            prepared = await trading.prepare_order(await stage.order(exchange, "b"))
            for name in ("b", "never"):
                with pytest.raises(UnknownOrder):
                    await trading.cancel_order(prepared.request.instrument, ClientOrderId(name))

    play(scene)


def test_the_switch_has_the_venues_shortest_time_and_tells_its_refusal(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        async with stage.client() as exchange:
            trading = stage.trading(exchange)
            assert isinstance(trading, DeadMansSwitch)
            with pytest.raises(Rejected, match="five seconds"):
                await trading.arm_dead_mans_switch(4 * SECOND_NS)
            await stage.sent(exchange, "a", away=True)
            await trading.arm_dead_mans_switch(5 * SECOND_NS)
            assert stage.requests[-1][1]["action"] == {"type": "scheduleCancel", "time": stage.now_ms + 5_000}
            await stage.sleep(6)
            order = await trading.fetch_order((await stage.instrument(exchange)).id, ClientOrderId("a"))
            assert (order.status, order.reason) == (OrderStatus.CANCELLED, "scheduledCancel")
            await trading.arm_dead_mans_switch(0)
            assert stage.requests[-1][1]["action"] == {"type": "scheduleCancel"}

    play(scene)


def test_the_key_is_in_no_request(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        from arb_exchange_hyperliquid.fake import AGENT_SECRET

        async with stage.client() as exchange:
            await stage.sent(exchange, "a")
        assert AGENT_SECRET[2:] not in json.dumps(stage.requests)

    play(scene)


STOP = {
    "coin": "ETH",
    "side": "A",
    "limitPx": "1500.0",
    "sz": "0.0",
    "origSz": "0.0",
    "oid": 5,
    "timestamp": 1_767_225_600_000,
    "isTrigger": True,
    "isPositionTpsl": True,
    "reduceOnly": True,
    "tif": None,
    "cloid": None,
}


def test_a_stop_for_a_position_and_spot_orders_are_no_resting_orders_of_ours(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        async with stage.client() as exchange:
            spot = [{**STOP, "coin": coin, "sz": "5.0", "origSz": "5.0"} for coin in ("@107", "PURR/USDC", "#12")]
            stage.edit["frontendOpenOrders"] = lambda rows: [*rows, STOP, *spot]
            await stage.sent(exchange, "mine", away=True)
            (order,) = await stage.trading(exchange).fetch_open_orders()
            assert order.request.client_order_id == "mine"
            await stage.trading(exchange).cancel_all()
            assert len(stage.requests[-1][1]["action"]["cancels"]) == 1

    play(scene)


@pytest.mark.parametrize(
    "change",
    [
        lambda told: {**told, "order": {**told["order"], "status": "somethingNew"}},
        lambda told: {**told, "status": "somethingNew"},
        lambda told: {**told, "order": {**told["order"], "order": {**told["order"]["order"], "sz": "0.06"}}},
        lambda told: {**told, "order": {**told["order"], "order": {**told["order"]["order"], "sz": "-1"}}},
        lambda told: {**told, "order": {**told["order"], "order": {**told["order"]["order"], "sz": None}}},
    ],
)
def test_an_order_that_cannot_be_read_is_not_guessed(play: Play, change: Any) -> None:
    async def scene(stage: Stage) -> None:
        async with stage.client() as exchange:
            sent = await stage.sent(exchange, "a")
            stage.edit["orderStatus"] = change
            with pytest.raises(BadResponse):
                await stage.trading(exchange).fetch_order(sent.request.instrument, sent.request.client_order_id)

    play(scene)


def test_an_order_is_as_filled_as_its_fills_say(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        async with stage.client() as exchange:
            sent = await stage.sent(exchange, "a")
            instrument, name = sent.request.instrument, sent.request.client_order_id
            stage.edit["userFillsByTime"] = lambda rows: rows[1:]
            with pytest.raises(BadResponse, match="its fills are"):
                await stage.trading(exchange).fetch_order(instrument, name)
            del stage.edit["userFillsByTime"]
            # Called cancelled, with nothing filled: the money says otherwise.
            row = {"sz": "0.05", "origSz": "0.05"}
            stage.edit["orderStatus"] = lambda told: {
                **told,
                "order": {**told["order"], "status": "canceled", "order": {**told["order"]["order"], **row}},
            }
            order = await stage.trading(exchange).fetch_order(instrument, name)
            assert (order.status, order.filled_quantity) == (OrderStatus.CANCELLED, Decimal("0.05"))
            assert order.average_price == sent.average_price

    play(scene)


def test_a_list_of_fills_that_may_be_cut_is_an_error(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        async with stage.client() as exchange:
            await stage.sent(exchange, "a")
            start = stage.now_ms

            def many(rows: list[Any]) -> list[Any]:
                return [{**rows[0], "tid": 1 + number, "time": start} for number in range(10_000)]

            await stage.sleep(1)
            stage.edit["userFillsByTime"] = many
            with pytest.raises(BadResponse):
                await stage.trading(exchange).fetch_fills(0)

    play(scene)
