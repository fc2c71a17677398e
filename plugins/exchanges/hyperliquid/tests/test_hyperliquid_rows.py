"""One row that cannot be read, or is of a coin that the listing has left out, among many."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from arb.api import BadResponse, HttpRequest, HttpResponse, InMaintenance
from arb.model import Fill, Order, OrderStatus
from arb.testing import listening

if TYPE_CHECKING:
    from plugins.exchanges.hyperliquid.tests.conftest import Play, Stage

LEFT_OUT = {
    "coin": "GONE",
    "side": "B",
    "limitPx": "1.5",
    "sz": "5.0",
    "origSz": "5.0",
    "oid": 5,
    "timestamp": 1_767_225_600_000,
    "reduceOnly": False,
    "tif": "Gtc",
    "cloid": None,
}
UNREADABLE = {**LEFT_OUT, "coin": "ETH", "sz": "many", "oid": 6}


def silent_dex(name: str, kind: str = "frontendOpenOrders") -> Any:
    """Answer a read of one builder's dex with a failure."""
    down = HttpResponse(status=503, headers={}, body=b"null")

    def answer(request: HttpRequest) -> HttpResponse | None:
        body = json.loads(request.body)
        return down if body.get("type") == kind and body.get("dex") == name else None

    return answer


def cancels(stage: Stage) -> list[list[int]]:
    """Return the order numbers of each batch that was sent."""
    actions = [body["action"] for path, body in stage.requests if path == "/exchange"]
    return [[each["o"] for each in action["cancels"]] for action in actions if action["type"] == "cancel"]


def test_an_order_that_cannot_be_cancelled_keeps_no_other_from_it(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        async with stage.client() as exchange:
            trading = stage.trading(exchange)
            mine = await stage.sent(exchange, "mine", away=True)
            stage.edit["frontendOpenOrders"] = lambda rows: [LEFT_OUT, None, UNREADABLE, *rows]
            with pytest.raises(BadResponse):
                await trading.cancel_all()
            assert list(await stage.truth.trading.fetch_open_orders()) == []
            # Of an order its coin and its number are enough.
            assert cancels(stage) == [[6, int(mine.exchange_order_id or 0)]]
            await stage.sent(exchange, "again", away=True)
            stage.edit["frontendOpenOrders"] = lambda rows: [LEFT_OUT, *rows]
            await trading.cancel_all(mine.request.instrument)  # what is of another coin is none of its business
            assert list(await stage.truth.trading.fetch_open_orders()) == []

    play(scene)


def test_a_dex_that_does_not_answer_keeps_the_others_from_nothing(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        async with stage.client({"dexes": ("xyz",)}) as exchange:
            trading = stage.trading(exchange)
            mine = await stage.sent(exchange, "mine", away=True)
            stage.wire.answer = silent_dex("xyz")
            with pytest.raises(InMaintenance):
                await trading.cancel_all()
            assert list(await stage.truth.trading.fetch_open_orders()) == []
            await stage.sent(exchange, "again", away=True)
            await trading.cancel_all(mine.request.instrument)
            assert list(await stage.truth.trading.fetch_open_orders()) == []
            with pytest.raises(InMaintenance):
                await trading.fetch_open_orders()  # the list would not be whole

    play(scene, memory={"dex_of": {"SOL": "xyz"}})


def test_an_odd_answer_does_not_stop_later_batches(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        async with stage.client() as exchange:
            await stage.sent(exchange, "mine", away=True)
            stage.edit["frontendOpenOrders"] = lambda rows: [{**rows[0], "oid": 10**6 + n} for n in range(450)]

            def answer(request: HttpRequest) -> HttpResponse | None:
                body = json.loads(request.body)
                if body.get("action", {}).get("type") != "cancel":
                    return None
                data = {"statuses": [{"error": "?"}] * len(body["action"]["cancels"])}
                odd = {"status": "ok", "response": {"type": "cancel", "data": data}}
                return HttpResponse(status=200, headers={}, body=json.dumps(odd).encode())

            stage.wire.answer = answer
            with pytest.raises(BadResponse, match="not known"):
                await stage.trading(exchange).cancel_all()
            assert [len(batch) for batch in cancels(stage)] == [200, 200, 50]

    play(scene)


def test_an_open_order_of_a_coin_that_is_left_out_has_its_name(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        async with stage.client() as exchange:
            await stage.sent(exchange, "mine", away=True)
            stage.edit["frontendOpenOrders"] = lambda rows: [LEFT_OUT, *rows]
            orders = await stage.trading(exchange).fetch_open_orders()
            assert {order.request.instrument for order in orders} == {"GONE-PERP.check", "ETH-PERP.check"}
            stage.edit["frontendOpenOrders"] = lambda rows: [UNREADABLE, *rows]
            with pytest.raises(BadResponse):
                await stage.trading(exchange).fetch_open_orders()

    play(scene)


def test_fills_and_payments_of_a_coin_that_is_left_out_have_its_name(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        async with stage.client() as exchange:
            await stage.sent(exchange, "mine")
            stage.edit["userFillsByTime"] = lambda rows: [*rows, {**rows[0], "coin": "GONE", "tid": 77}]
            fills = await stage.trading(exchange).fetch_fills(0)
            assert {fill.instrument for fill in fills} == {"GONE-PERP.check", "ETH-PERP.check"}
            delta = {"type": "funding", "coin": "GONE", "usdc": "0.5", "szi": "1", "fundingRate": "0.0001"}
            stage.edit["userFunding"] = lambda rows: [*rows, {"time": stage.now_ms, "delta": delta}]
            (payment,) = await stage.trading(exchange).fetch_funding_payments(0)
            assert (payment.instrument, payment.currency) == ("GONE-PERP.check", "USDC")
            # Spot is none of ours.
            stage.edit["userFillsByTime"] = lambda rows: [*rows, {**rows[0], "coin": "@107", "tid": 78}]
            assert len(await stage.trading(exchange).fetch_fills(0)) == 1

    play(scene)


def test_a_position_in_a_coin_that_is_left_out_hides_no_other(play: Play) -> None:
    """Somebody has to close it, and whatever else is held is not closed by whoever cannot read the account."""

    async def scene(stage: Stage) -> None:
        def also(answer: Any) -> Any:
            (held,) = answer["assetPositions"]
            gone = {**held, "position": {**held["position"], "coin": "GONE"}}
            return {**answer, "assetPositions": [gone, held]}

        async with stage.client() as exchange:
            await stage.sent(exchange, "mine")
            stage.edit["clearinghouseState"] = also
            told = await stage.trading(exchange).fetch_positions()
            assert {position.instrument for position in told} == {"GONE-PERP.check", "ETH-PERP.check"}

    play(scene)


def test_a_state_that_cannot_be_read_is_left_out_and_told_once(play: Play, caplog: pytest.LogCaptureFixture) -> None:
    async def scene(stage: Stage) -> None:
        def broken(answer: Any) -> Any:
            return [answer[0], [{**answer[1][0], "openInterest": "NaN", "funding": []}, *answer[1][1:]]]

        async with stage.client() as exchange:
            count = len(await exchange.market.fetch_instruments())
            stage.edit["metaAndAssetCtxs"] = broken
            for _ in range(2):
                await stage.sleep(5)
                assert len(await exchange.market.fetch_stats()) == count - 1
                assert len(await exchange.market.fetch_funding_rates()) == count - 1

    play(scene)
    assert caplog.text.count("statistics are left out: BTC") == 1
    assert caplog.text.count("funding rates are left out: BTC") == 1


def test_an_account_row_that_cannot_be_read_ends_no_stream(play: Play, caplog: pytest.LogCaptureFixture) -> None:
    async def scene(stage: Stage) -> None:
        def spoiled(message: str | bytes) -> list[str | bytes]:
            item = json.loads(message)
            if item.get("channel") == "orderUpdates":
                item["data"] = [None, {"order": UNREADABLE, "status": "open", "statusTimestamp": 1}, *item["data"]]
            if item.get("channel") == "userFills":
                item["data"]["fills"] = [{"coin": "ETH"}, *item["data"]["fills"]]
            return [json.dumps(item)]

        stage.wire.tamper = spoiled
        stage.edit["frontendOpenOrders"] = lambda rows: [UNREADABLE, *rows]
        async with stage.client() as exchange:
            assert exchange.streams is not None
            eth = await stage.instrument(exchange)
            resting = await stage.sent(exchange, "resting", away=True)
            async with (
                listening(exchange.streams.watch_order_book(eth.id)) as books,
                listening(exchange.streams.watch_account()) as heard,
            ):
                await stage.sleep(60)
                await stage.sent(exchange, "taken")
                await stage.trading(exchange).cancel_order(eth.id, resting.request.client_order_id)
                await stage.sleep(60)
            assert len(stage.wire.sockets) == 1
            assert len(books) > 15
            assert [one.client_order_id for one in heard if isinstance(one, Fill)] == ["taken"]
            told = [(one.request.client_order_id, one.status) for one in heard if isinstance(one, Order)]
            assert told[0] == ("resting", OrderStatus.OPEN)
            assert {("taken", OrderStatus.FILLED), ("resting", OrderStatus.CANCELLED)} <= set(told)

    play(scene)
    assert caplog.text.count("passed over: an open order of the account") == 1


def test_a_venue_that_does_not_tell_what_rests_ends_no_stream(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        async with stage.client({"dexes": ("xyz",)}) as exchange:
            assert exchange.streams is not None
            await stage.sent(exchange, "resting", away=True)
            stage.wire.answer = silent_dex("xyz")
            eth = await stage.instrument(exchange)
            async with (
                listening(exchange.streams.watch_order_book(eth.id)) as books,
                listening(exchange.streams.watch_account()) as heard,
            ):
                await stage.sleep(60)
                assert heard == []
                stage.wire.answer = None
                await stage.sleep(60)
            assert len(stage.wire.sockets) == 1
            assert len(books) > 15
            assert {one.request.client_order_id for one in heard if isinstance(one, Order)} == {"resting"}

    play(scene, memory={"dex_of": {"SOL": "xyz"}})


def test_an_order_of_a_coin_that_is_left_out_may_end_while_no_socket_is_open(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        stage.edit["frontendOpenOrders"] = lambda rows: [LEFT_OUT, *rows]
        async with stage.client() as exchange:
            assert exchange.streams is not None
            async with listening(exchange.streams.watch_account()) as heard:
                await stage.sleep(5)
                del stage.edit["frontendOpenOrders"]
                stage.wire.lose_sockets()
                stage.wire.has_sockets = True
                await stage.sleep(30)
                await stage.sent(exchange, "taken")
                await stage.sleep(5)
            names = [one.request.client_order_id for one in heard if isinstance(one, Order)]
            assert names[0] == "foreign-5"
            assert "taken" in names

    play(scene)
