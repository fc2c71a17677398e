"""How the fake takes, refuses, ends, cancels and lists orders, asked as any client would ask it."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import pytest
from plugins.exchanges.edgex.tests.conftest import BTC, DAY_MS, ORDER, Client, Play, code_of, read

from arb.model import MINUTE_NS, SECOND_NS
from arb_exchange_edgex.fake._keys import WALLET_KEY


def test_an_order_lives_from_pending_to_its_end(play: Play) -> None:
    async def body(client: Client) -> None:
        order = await client.order(timeInForce="IMMEDIATE_OR_CANCEL")
        told = await client.tell(f"{ORDER}/createOrder", **order)
        assert set(told) == {"orderId"}
        (at_once,) = await client.ask(f"{ORDER}/getOrderById", orderIdList=told["orderId"])
        assert (at_once["status"], at_once["cumFillSize"]) == ("PENDING", "0")
        await client.sleep(SECOND_NS)
        (later,) = await client.ask(f"{ORDER}/getOrderByClientOrderId", clientOrderIdList=order["clientOrderId"])
        assert (later["id"], later["status"], D(later["cumFillSize"])) == (told["orderId"], "FILLED", D("0.01"))
        page = await client.ask(f"{ORDER}/getHistoryOrderFillTransactionPage", size="10")
        (fill,) = page["dataList"]
        assert (fill["orderId"], D(fill["fillSize"])) == (told["orderId"], D("0.01"))
        assert "clientOrderId" not in fill

    play(body)


@pytest.mark.parametrize("prefix", ["", "0x"])
def test_a_signature_of_the_chain_may_have_0x_before_it(play: Play, prefix: str) -> None:
    async def body(client: Client) -> None:
        assert (await client.placed(prefix=prefix, timeInForce="IMMEDIATE_OR_CANCEL"))["status"] == "FILLED"

    play(body)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"key": WALLET_KEY}, (200, "L2_SIGNATURE_INVALID")),
        ({"l2Signature": "00" * 65}, (200, "L2_SIGNATURE_INVALID")),
        ({"l2Signature": "no signature"}, (200, "L2_SIGNATURE_INVALID")),
        ({"l2Signature": ""}, (200, "L2_SIGNATURE_INVALID")),
        ({"l2Nonce": "5"}, (400, "GATEWAY_PARAM_INVALID")),
        ({"l2Size": "0.02"}, (400, "GATEWAY_PARAM_INVALID")),
        ({"l2Value": "1"}, (400, "GATEWAY_PARAM_INVALID")),
        ({"l2LimitFee": "0.01"}, (400, "GATEWAY_PARAM_INVALID")),
        ({"side": "LONG"}, (400, "GATEWAY_PARAM_INVALID")),
        ({"type": "STOP"}, (400, "GATEWAY_PARAM_INVALID")),
        ({"timeInForce": "GTC"}, (400, "GATEWAY_PARAM_INVALID")),
        ({"clientOrderId": ""}, (400, "GATEWAY_PARAM_INVALID")),
        ({"clientOrderId": "x" * 65}, (400, "GATEWAY_PARAM_INVALID")),
        ({"contractId": "5"}, (200, "GATEWAY_PARAM_INVALID")),
        ({"size": "0.000015", "l2LimitFee": "1"}, (200, "GATEWAY_PARAM_INVALID")),
        ({"size": "0.000001", "l2LimitFee": "1"}, (200, "ORDER_SIZE_LESS_THAN_MIN")),
        ({"size": "900"}, (200, "INSUFFICIENT_AVAILABLE_BALANCE")),
        ({"size": "9900"}, (200, "GATEWAY_PARAM_INVALID")),
        ({"size": "-1"}, (400, "GATEWAY_PARAM_INVALID")),
        ({"size": "NaN"}, (400, "GATEWAY_PARAM_INVALID")),
    ],
)
def test_what_an_order_is_refused_for(play: Play, change: dict[str, Any], told: tuple[int, str]) -> None:
    async def body(client: Client) -> None:
        good = await client.order()
        signable = change.get("size") not in ("-1", "NaN")
        order = await client.order(**change) if signable else {**good, **change}
        answer = await client.venue.send(client.signed("POST", f"{ORDER}/createOrder", order))
        assert code_of(answer) == told, answer.body
        page = await client.ask(f"{ORDER}/getActiveOrderPage", size="200")
        assert page["dataList"] == []
        assert (await client.ask(f"{ORDER}/getHistoryOrderPage", size="100"))["dataList"] == []

    play(body)


def test_prices_have_ticks_and_a_band(play: Play) -> None:
    async def body(client: Client) -> None:
        ticker = (await client.get("/quote/getTicker", contractId=BTC))[0]
        mark = D(ticker["oraclePrice"]).quantize(D(1))
        assert await client.place(price=f"{mark * D('1.2'):.0f}") == (200, "GATEWAY_PARAM_INVALID")
        assert await client.place(price=f"{mark * D('0.8'):.0f}", side="SELL") == (200, "GATEWAY_PARAM_INVALID")
        assert await client.place(price=f"{mark}.00000001") == (200, "GATEWAY_PARAM_INVALID")
        assert await client.place(price=f"{mark * D('0.95'):.0f}") == (200, "SUCCESS")

    play(body)


def test_times_of_an_order(play: Play) -> None:
    async def body(client: Client) -> None:
        now = client.now_ms
        assert await client.place(expireTime=str(now - 1)) == (200, "ORDER_EXPIRE_TIME_INVALID")
        early = str(now + 60_000 + 8 * DAY_MS - 1)
        assert await client.place(expireTime=str(now + 60_000), l2ExpireTime=early) == (400, "GATEWAY_PARAM_INVALID")
        assert await client.place(expireTime=str(now + 60_000), l2ExpireTime=str(int(early) + 1)) == (200, "SUCCESS")

    play(body)


def test_a_nonce_is_used_once(play: Play) -> None:
    async def body(client: Client) -> None:
        assert await client.place(clientOrderId="one") == (200, "SUCCESS")
        assert await client.place(clientOrderId="one") == (200, "INVALID_L2_NONCE")
        # An order that was refused has not used its own.
        assert (await client.place(clientOrderId="two", size="900"))[1] == "INSUFFICIENT_AVAILABLE_BALANCE"
        assert await client.place(clientOrderId="two") == (200, "SUCCESS")

    play(body)


def test_orders_that_end_at_once_were_taken(play: Play) -> None:
    async def body(client: Client) -> None:
        crossing = await client.placed(timeInForce="POST_ONLY")
        assert (crossing["status"], crossing["cancelReason"]) == ("CANCELED", "COULD_NOT_FILL")
        assert (crossing["timeInForce"], crossing["cumFillSize"]) == ("POST_ONLY", "0")
        reducing = await client.placed(side="SELL", reduceOnly=True, timeInForce="IMMEDIATE_OR_CANCEL")
        assert (reducing["status"], reducing["cancelReason"]) == ("CANCELED", "REDUCE_ONLY_CANCELED")
        page = await client.ask(f"{ORDER}/getHistoryOrderPage", size="100")
        assert {row["id"] for row in page["dataList"]} == {crossing["id"], reducing["id"]}
        price = (await client.get("/quote/getDepth", contractId=BTC, level="15"))[0]["bids"][-1]["price"]
        resting = await client.placed(timeInForce="POST_ONLY", price=price)
        assert resting["status"] == "OPEN"
        ioc = await client.placed(timeInForce="IMMEDIATE_OR_CANCEL", price=price)
        assert (ioc["status"], ioc["cancelReason"]) == ("CANCELED", "COULD_NOT_FILL")

    play(body)


def test_an_order_expires(play: Play) -> None:
    async def body(client: Client) -> None:
        price = (await client.get("/quote/getDepth", contractId=BTC, level="15"))[0]["bids"][-1]["price"]
        row = await client.placed(price=price, expireTime=str(client.now_ms + 60_000))
        assert row["status"] == "OPEN"
        await client.sleep(MINUTE_NS)
        (ended,) = await client.ask(f"{ORDER}/getOrderById", orderIdList=row["id"])
        assert (ended["status"], ended["cancelReason"]) == ("CANCELED", "EXPIRE_CANCELED")

    play(body)


def test_a_market_order_takes_what_was_signed(play: Play) -> None:
    async def body(client: Client) -> None:
        ask = (await client.get("/quote/getDepth", contractId=BTC, level="15"))[0]["asks"][0]["price"]
        worst = D(ask) * D("1.1") * D("0.01")
        market: dict[str, Any] = {"type": "MARKET", "timeInForce": "IMMEDIATE_OR_CANCEL", "price": "0"}
        market |= {"l2Value": f"{worst:f}", "l2LimitFee": "5"}
        row = await client.placed(**market)
        assert (row["type"], row["status"]) == ("MARKET", "FILLED")
        wrong = {**market, "timeInForce": "GOOD_TIL_CANCEL"}
        assert await client.place(**wrong) == (400, "GATEWAY_PARAM_INVALID")

    play(body)


def test_cancellations_tell_of_each_order(play: Play) -> None:
    async def body(client: Client) -> None:
        price = (await client.get("/quote/getDepth", contractId=BTC, level="15"))[0]["bids"][-1]["price"]
        one, two = await client.placed(price=price), await client.placed(price=price)
        filled = await client.placed(timeInForce="IMMEDIATE_OR_CANCEL")
        ids = [one["id"], "5", filled["id"]]
        results = (await client.tell(f"{ORDER}/cancelOrderById", orderIdList=ids))["cancelResultMap"]
        assert results == {one["id"]: "SUCCESS", "5": "FAILED_ORDER_NOT_FOUND", filled["id"]: "FAILED_ORDER_FILLED"}
        again = (await client.tell(f"{ORDER}/cancelOrderById", orderIdList=[one["id"]]))["cancelResultMap"]
        assert again == {one["id"]: "SUCCESS_ORDER_CANCELED"}
        name = two["clientOrderId"]
        path = f"{ORDER}/cancelOrderByClientOrderId"
        assert (await client.tell(path, clientOrderIdList=[name, "x"]))["cancelResultMap"] == {
            name: "SUCCESS",
            "x": "FAILED_ORDER_NOT_FOUND",
        }
        three = await client.placed(price=price)
        everything = f"{ORDER}/cancelAllOrder"
        assert (await client.tell(everything, filterContractIdList=["30000002"]))["cancelResultMap"] == {}
        assert (await client.tell(everything, filterContractIdList=[BTC]))["cancelResultMap"] == {
            three["id"]: "SUCCESS"
        }
        bad = client.signed("POST", f"{ORDER}/cancelOrderById", {"orderIdList": one["id"]})  # no list
        assert code_of(await client.venue.send(bad)) == (400, "GATEWAY_PARAM_INVALID")

    play(body)


def test_pages_continue_where_the_last_ended(play: Play) -> None:
    async def body(client: Client) -> None:
        placed = []
        for _ in range(5):
            placed.append((await client.placed(timeInForce="IMMEDIATE_OR_CANCEL"))["id"])
        told: list[str] = []
        offset = ""
        for _ in range(9):
            page = await client.ask(f"{ORDER}/getHistoryOrderPage", size="2", offsetData=offset)
            told.extend(row["id"] for row in page["dataList"])
            offset = page["nextPageOffsetData"]
            if not offset:
                break
        assert told == placed[::-1]
        for size in ("0", "101", "x"):
            request = client.signed("GET", f"{ORDER}/getHistoryOrderPage", {"size": size})
            assert code_of(await client.venue.send(request)) == (400, "INVALID_GET_PAGE_SIZE")
        read(await client.venue.send(client.signed("GET", f"{ORDER}/getActiveOrderPage", {"size": "200"})))
        bad = client.signed("GET", f"{ORDER}/getHistoryOrderPage", {"size": "2", "offsetData": "zz"})
        assert code_of(await client.venue.send(bad)) == (400, "GATEWAY_PARAM_INVALID")

    play(body)
