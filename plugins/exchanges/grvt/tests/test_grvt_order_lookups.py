"""Orders that were sent are cancelled, found and listed, and absence is proved before it is told."""

from __future__ import annotations

import json
from copy import deepcopy
from decimal import Decimal as D
from typing import Any

import pytest
from plugins.exchanges.grvt.tests.conftest import CREATE, ORDER, answering, bodies, error

from arb.api import BadResponse, HttpRequest, UnknownOrder
from arb.model import MINUTE_NS, SECOND_NS, ClientOrderId, OrderStatus, Side
from arb.testing import Bench, BenchDesk
from arb_exchange_grvt._names import API_IDS
from arb_exchange_grvt._orders import payload_of
from arb_exchange_grvt._signing import OrderTerms, Signer
from arb_exchange_grvt.fake._keys import CHAIN_ID, PRIVATE_KEY, SUB_ACCOUNT


def test_cancelling_is_a_wish_that_is_acknowledged(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        request = await desk.resting()
        await desk.send(request)
        await desk.trading.cancel_order(desk.instrument.id, request.client_order_id)
        await desk.trading.cancel_order(desk.instrument.id, request.client_order_id)  # quiet: there is none any more
        first, _ = bodies(desk, "/cancel_order")
        assert set(first) == {"sub_account_id", "client_order_id", "time_to_live_ms"}
        order = await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
        assert (order.status, order.reason) == (OrderStatus.CANCELLED, "CLIENT_CANCEL")
        desk.wire.answer = answering("/cancel_order", 200, {"result": {"ack": False}})
        with pytest.raises(BadResponse, match="acknowledged"):
            await desk.trading.cancel_order(desk.instrument.id, request.client_order_id)
        desk.wire.answer = answering("/cancel_order", 200, {"result": {"ack": "true"}})
        await desk.trading.cancel_order(desk.instrument.id, request.client_order_id)
        with pytest.raises(UnknownOrder):
            await desk.trading.cancel_order(desk.instrument.id, ClientOrderId("never"))

    bench(body)


def test_a_cancel_that_is_faster_than_its_order_meets_it(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        request = await desk.resting()
        prepared = await desk.trading.prepare_order(request)
        await desk.trading.cancel_order(desk.instrument.id, request.client_order_id)
        order = await desk.trading.send_order(prepared)
        assert (order.status, order.filled_quantity) == (OrderStatus.CANCELLED, D(0))
        assert await desk.trading.fetch_open_orders() == []

    bench(body)


def test_cancelling_all_names_the_market_by_base_and_quote(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        others = [each for each in await desk.exchange.market.fetch_instruments() if each.id != desk.instrument.id]
        first = await desk.resting()
        await desk.send(first)
        price = others[0].limit_price(Side.BUY, (await desk.exchange.market.fetch_bbo(others[0].id)).bid * D("0.95"))
        quantity = others[0].lot_size * 200
        await desk.send(await desk.resting(instrument=others[0].id, price=price, quantity=quantity))
        await desk.trading.cancel_all(desk.instrument.id)
        assert bodies(desk, "/cancel_all_orders") == [
            {"sub_account_id": SUB_ACCOUNT, "kind": ["PERPETUAL"], "base": ["BTC"], "quote": ["USDT"]}
        ]
        assert [each.request.instrument for each in await desk.trading.fetch_open_orders()] == [others[0].id]
        await desk.trading.cancel_all()
        assert await desk.trading.fetch_open_orders() == []

    bench(body)


def test_absence_needs_the_order_the_history_and_the_fills(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        prepared = await desk.trading.prepare_order(await desk.request())
        name = prepared.request.client_order_id
        with pytest.raises(UnknownOrder):
            await desk.trading.fetch_order(desk.instrument.id, name)
        assert len(desk.wire.sent("POST", "/order_history")) == len(desk.wire.sent("POST", "/fill_history")) == 1
        since = int(bodies(desk, "/order_history")[0]["start_time"])
        assert desk.clock.now_ns() - MINUTE_NS < since < desk.clock.now_ns()
        # A list that cannot be read proves nothing.
        for path in ("/order_history", "/fill_history"):
            desk.wire.answer = answering(path, 200, {"result": {}})
            with pytest.raises(BadResponse):
                await desk.trading.fetch_order(desk.instrument.id, name)
            await desk.sleep(2 * SECOND_NS)

    bench(body)


def test_an_order_that_the_call_has_forgotten_is_found_in_the_history(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        request = await desk.resting()
        await desk.send(request)
        await desk.trading.cancel_order(desk.instrument.id, request.client_order_id)
        desk.wire.answer = answering(ORDER, 404, error(1004, 404))
        order = await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
        assert order.status is OrderStatus.CANCELLED

    bench(body)


def test_fills_without_an_order_are_a_contradiction_for_now(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        desk.wire.answer = answering(ORDER, 404, error(1004, 404))
        order = await desk.send(await desk.request())
        forgotten, empty = answering(ORDER, 404, error(1004, 404)), answering("/order_history", 200, {"result": []})
        desk.wire.answer = lambda request: forgotten(request) or empty(request)
        with pytest.raises(BadResponse, match="has fills"):
            await desk.trading.fetch_order(desk.instrument.id, order.request.client_order_id)

    bench(body)


def test_orders_of_others_have_their_venue_ids(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        bbo = await desk.exchange.market.fetch_bbo(desk.instrument.id)
        terms = OrderTerms(
            asset_id="0x030501",
            base_decimals=9,
            size=D("0.001"),
            price=desk.instrument.limit_price(Side.BUY, bbo.bid * D("0.95")),
            is_buy=True,
            time_in_force="GOOD_TILL_TIME",
        )
        signer = Signer(PRIVATE_KEY, SUB_ACCOUNT, CHAIN_ID)
        for number in (5, API_IDS + 77):  # a person at the venue's page, another program
            signature = signer.order(terms, nonce=number % 97, expiration_ns=desk.clock.now_ns() + MINUTE_NS)
            body = payload_of(terms, "BTC_USDT_Perp", SUB_ACCOUNT, number, signature)
            headers = dict(desk.wire.sent("POST", "/account_summary")[-1].headers)
            request = HttpRequest(
                method="POST", url=f"http://x{CREATE}", headers=headers, body=json.dumps(body).encode()
            )
            assert (await desk.wire.venue.send(request)).status == 200
        mine = await desk.resting()
        await desk.send(mine)
        names = [each.request.client_order_id for each in await desk.trading.fetch_open_orders()]
        assert names.count(mine.client_order_id) == 1
        assert sum(each.startswith("foreign-0x0101") for each in names) == 2

    bench(body)


def test_orders_that_wait_for_a_trigger_are_not_in_the_book(bench: Bench) -> None:
    """A person's stop at the venue's page: it has neither a price nor a place, and breaks no read."""

    async def body(desk: BenchDesk) -> None:
        mine = await desk.resting()
        await desk.send(mine)

        def with_stop(content: Any) -> Any:
            stop = deepcopy(content["result"][0])
            stop["is_market"], stop["legs"][0]["limit_price"] = True, "0.0"
            market = deepcopy(stop)
            stop["metadata"]["trigger"]["trigger_type"] = "STOP_LOSS"
            return {**content, "result": [*content["result"], stop, market]}

        desk.wire.change_json("/open_orders", with_stop)
        assert [each.request.client_order_id for each in await desk.trading.fetch_open_orders()] == [
            mine.client_order_id
        ]

    bench(body)
