"""The fake venue, asked as any client would ask it: what it checks, and the shapes of its answers."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal as D
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

import pytest

from arb.api import (
    BadResponse,
    ConnectFailed,
    ExchangeSpec,
    HttpRequest,
    HttpResponse,
    InMaintenance,
    NotSent,
    OutcomeUnknown,
    RateLimited,
)
from arb.model import MINUTE_NS, SECOND_NS
from arb.net import EvmKey, TypedData
from arb.simulation import VirtualClock, run_virtual
from arb.testing import START_NS, FakeWorld, Script
from arb_exchange_edgex.fake._keys import ACCOUNT_ID, API_KEY, PASSPHRASE, SECRET, TRADING_KEY, WALLET_KEY
from arb_exchange_edgex.fake._limits import CALLS

BTC = "30000001"
DAY_MS = 86_400_000
ORDER = "/api/v2/private/order"
ACCOUNT = "/api/v2/private/account"
PUBLIC = "/api/v2/public"
EVENTS = "/api/v1/private/ws"
DOMAIN = {
    "name": "EdgeX",
    "version": "1",
    "chainId": 3343,
    "verifyingContract": "0x1ae109ea449cfe0bed08bfe8911e968a49a919b1",
}
TYPES = {
    "OrderBase": [
        ("nonce", "uint256"),
        ("signer", "address"),
        ("accountId", "uint64"),
        ("expirationTimestamp", "uint256"),
    ],
    "LimitOrderParams": [
        ("base", "OrderBase"),
        ("amountSynthetic", "int256"),
        ("amountCollateral", "int256"),
        ("amountFee", "uint256"),
        ("assetIdSynthetic", "uint64"),
        ("assetIdCollateral", "uint64"),
        ("isBuyingSynthetic", "bool"),
        ("parentOrderHash", "bytes32"),
        ("subOrderIndex", "uint256"),
    ],
    "SetMarginPreferenceParams": [
        ("accountId", "uint64"),
        ("assetId", "uint64"),
        ("marginMode", "uint8"),
        ("nonce", "uint256"),
        ("signer", "address"),
    ],
}


def signed_text(value: Any) -> str:
    if isinstance(value, dict):
        return "&".join(f"{name}={signed_text(value[name])}" for name in sorted(value))
    if isinstance(value, list):
        return "&".join(map(signed_text, value))
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


class Client:
    """Another client of the venue, written from its documents."""

    def __init__(self, venue: Any, truth: Any) -> None:
        self.venue = venue
        self.truth = truth
        self.clock = VirtualClock.of_running_loop()
        self.count = 0

    @property
    def now_ms(self) -> int:
        return self.clock.now_ns() // 1_000_000

    async def sleep(self, duration_ns: int) -> None:
        await self.clock.sleep_until(self.clock.now_ns() + duration_ns)

    async def get(self, path: str, **query: Any) -> Any:
        return read(await self.raw(path, **query))

    async def raw(self, path: str, **query: Any) -> HttpResponse:
        tail = f"?{urlencode(query)}" if query else ""
        answer: HttpResponse = await self.venue.send(HttpRequest(method="GET", url=f"http://x{PUBLIC}{path}{tail}"))
        return answer

    def headers(self, method: str, path: str, parameters: str, **changes: Any) -> dict[str, str]:
        given = {"key": API_KEY, "passphrase": PASSPHRASE, "secret": SECRET, "ago_ms": 0, **changes}
        timestamp = self.now_ms - given["ago_ms"]
        text = f"{timestamp}{method}{path}{parameters}"
        signature = hmac.new(base64.b64encode(given["secret"].encode()), text.encode(), hashlib.sha256).hexdigest()
        return {
            "X-edgeX-Api-Key": given["key"],
            "X-edgeX-Passphrase": given["passphrase"],
            "X-edgeX-Signature": signature,
            "X-edgeX-Timestamp": str(timestamp),
        }

    def signed(self, method: str, path: str, params: Any, **changes: Any) -> HttpRequest:
        full = {"accountId": ACCOUNT_ID, **params}
        headers = self.headers(method, path, signed_text(full), **changes)
        if method == "GET":
            return HttpRequest(method=method, url=f"http://x{path}?{urlencode(full)}", headers=headers)
        return HttpRequest(method=method, url=f"http://x{path}", headers=headers, body=json.dumps(full).encode())

    async def ask(self, path: str, **params: Any) -> Any:
        return read(await self.venue.send(self.signed("GET", path, params)))

    async def tell(self, path: str, **params: Any) -> Any:
        return read(await self.venue.send(self.signed("POST", path, params)))

    async def order(self, *, key: str = TRADING_KEY, prefix: str = "", **changes: Any) -> dict[str, Any]:
        """Return the body of an order that is good but for what a test changes."""
        book = (await self.get("/quote/getDepth", contractId=BTC, level="15"))[0]
        self.count += 1
        client_id = changes.get("clientOrderId", f"theirs-{self.count}")
        given = {
            "price": book["asks"][3]["price"],
            "size": "0.01",
            "side": "BUY",
            "type": "LIMIT",
            "timeInForce": "GOOD_TIL_CANCEL",
            "contractId": BTC,
            "expireTime": str(self.now_ms + 28 * DAY_MS),
            "reduceOnly": False,
            "clientOrderId": client_id,
            "l2Nonce": str(int(hashlib.sha256(client_id.encode()).hexdigest()[:8], 16)),
            **changes,
        }
        worth = D(given["price"]) * D(given["size"])
        given = {
            "l2Value": f"{worth:f}",
            "l2Size": given["size"],
            "l2LimitFee": str(int(worth * D("0.0005")) + 1),
            "l2ExpireTime": str(int(given["expireTime"]) + 9 * DAY_MS),
            **given,
        }
        signer = EvmKey(key)
        message = {
            "base": {
                "nonce": int(given["l2Nonce"]),
                "signer": signer.address,
                "accountId": int(ACCOUNT_ID),
                "expirationTimestamp": int(given["expireTime"]) // 1000,
            },
            "amountSynthetic": int(D(given["size"]) * 10**12),
            "amountCollateral": int(D(given["l2Value"]) * 10**6),
            "amountFee": int(D(given["l2LimitFee"]) * 10**6),
            "assetIdSynthetic": int(given["contractId"]),
            "assetIdCollateral": 1000,
            "isBuyingSynthetic": given["side"] == "BUY",
            "parentOrderHash": bytes(32),
            "subOrderIndex": 0,
        }
        signature = signer.sign(TypedData(DOMAIN, "LimitOrderParams", TYPES).digest(message)).to_bytes().hex()
        return {"l2Signature": prefix + signature, **given}

    async def place(self, **changes: Any) -> tuple[int, str]:
        """Return the status and the code of the answer to an order."""
        return code_of(await self.venue.send(self.signed("POST", f"{ORDER}/createOrder", await self.order(**changes))))

    async def placed(self, **changes: Any) -> Any:
        """Place an order and return it as it is a while later."""
        body = await self.order(**changes)
        told = await self.tell(f"{ORDER}/createOrder", **body)
        await self.sleep(SECOND_NS)
        (row,) = await self.ask(f"{ORDER}/getOrderById", orderIdList=told["orderId"])
        return row


def read(response: HttpResponse) -> Any:
    assert response.status == 200, response.body
    body = json.loads(response.body)
    assert body["code"] == "SUCCESS", body
    return body["data"]


def code_of(response: HttpResponse) -> tuple[int, str]:
    return response.status, json.loads(response.body)["code"]


Play = Callable[..., None]


@pytest.fixture
def play(spec: ExchangeSpec) -> Play:
    def run(body: Callable[[Client], Awaitable[None]], *, faults: Any = None) -> None:
        async def main() -> None:
            async with FakeWorld().ground(spec, VirtualClock.of_running_loop(), faults=faults) as (truth, venue):
                await body(Client(venue, truth))

        run_virtual(main(), start_ns=START_NS)

    return run


def test_a_signature_is_over_all_that_arrives(play: Play) -> None:
    async def body(client: Client) -> None:
        path = f"{ORDER}/getOrderById"
        good = client.signed("GET", path, {"orderIdList": "5"})
        assert read(await client.venue.send(good)) == []
        for change in ({"orderIdList": "6"}, {"orderIdList": "5", "more": "1"}):
            bad = client.signed("GET", path, change)
            bad = HttpRequest(method="GET", url=bad.url, headers=good.headers)
            assert code_of(await client.venue.send(bad)) == (401, "INVALID_SIGNATURE")
        write = client.signed("POST", f"{ORDER}/cancelOrderById", {"orderIdList": ["5", "6"]})
        assert "cancelResultMap" in read(await client.venue.send(write))
        for changed in (["6", "5"], ["5"], ["5&6x"]):
            content = json.dumps({"accountId": ACCOUNT_ID, "orderIdList": changed}).encode()
            bad = HttpRequest(method="POST", url=write.url, headers=write.headers, body=content)
            assert code_of(await client.venue.send(bad)) == (401, "INVALID_SIGNATURE")

    play(body)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"key": "another"}, (401, "INVALID_API_KEY")),
        ({"passphrase": "another"}, (401, "INVALID_PASSPHRASE")),
        ({"secret": "another"}, (401, "INVALID_SIGNATURE")),
        ({"ago_ms": 59_000}, (200, "SUCCESS")),
        ({"ago_ms": 61_000}, (400, "INVALID_TIMESTAMP")),
        ({"ago_ms": -59_000}, (200, "SUCCESS")),
        ({"ago_ms": -61_000}, (400, "INVALID_TIMESTAMP")),
        # In this order: what is wrong first is told.
        ({"key": "another", "ago_ms": 61_000}, (401, "INVALID_API_KEY")),
        ({"passphrase": "another", "ago_ms": 61_000}, (400, "INVALID_TIMESTAMP")),
    ],
)
def test_keys_and_times(play: Play, change: Any, told: tuple[int, str]) -> None:
    async def body(client: Client) -> None:
        request = client.signed("GET", f"{ACCOUNT}/getAccountById", {}, **change)
        assert code_of(await client.venue.send(request)) == told

    play(body)


def test_a_header_that_is_missing_is_named(play: Play) -> None:
    async def body(client: Client) -> None:
        good = client.signed("GET", f"{ACCOUNT}/getAccountById", {})
        for name in good.headers:
            headers = {each: value for each, value in good.headers.items() if each != name}
            answer = await client.venue.send(HttpRequest(method="GET", url=good.url, headers=headers))
            assert code_of(answer) == (400, "GATEWAY_HEADER_REQUIRED")
            assert json.loads(answer.body)["errorParam"] == {"header": name}
        lowered = {name.lower(): value for name, value in good.headers.items()}
        assert read(await client.venue.send(HttpRequest(method="GET", url=good.url, headers=lowered)))

    play(body)


def test_errors_repeat_what_was_sent(play: Play) -> None:
    """As the venue does: a client that shows them shows its key."""

    async def body(client: Client) -> None:
        answer = await client.venue.send(client.signed("GET", f"{ACCOUNT}/getAccountById", {}, key="another-key"))
        assert "another-key" in json.loads(answer.body)["msg"]

    play(body)


def test_whose_account_is_checked(play: Play) -> None:
    async def body(client: Client) -> None:
        request = client.signed("GET", f"{ACCOUNT}/getAccountById", {"accountId": "5"})
        assert code_of(await client.venue.send(request)) == (400, "GATEWAY_PARAM_INVALID")

    play(body)


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


def test_what_is_unknown_is_an_empty_answer_of_success(play: Play) -> None:
    async def body(client: Client) -> None:
        assert await client.get("/quote/getDepth", contractId="5", level="15") == []
        assert await client.get("/quote/getTicker", contractId="5") == []
        assert await client.get("/quote/getTicker") == []
        assert await client.get("/funding/getLatestFundingRate") == []
        assert await client.get("/funding/getFundingRatePage", contractId="5", size="10") == {
            "dataList": [],
            "nextPageOffsetData": "",
        }
        assert code_of(await client.raw("/quote/getDepth", contractId=BTC, level="20")) == (
            400,
            "GATEWAY_PARAM_INVALID",
        )
        nowhere = await client.venue.send(HttpRequest(method="GET", url="http://x/api/v1/public/meta/getMetaData"))
        assert nowhere.status == 404

    play(body)


def test_the_published_rate_is_a_forecast_until_it_is_settled(play: Play) -> None:
    async def body(client: Client) -> None:
        meta = {row["contractId"]: row for row in (await client.get("/meta/getMetaData"))["contractList"]}
        (before,) = await client.get("/funding/getLatestFundingRate", contractId=BTC)
        interval_ms = int(before["fundingRateIntervalMin"]) * 60_000
        assert before["fundingRateIntervalMin"] == meta[BTC]["fundingRateIntervalMin"]
        due_ms = int(before["fundingTime"]) + interval_ms
        (ticker,) = await client.get("/quote/getTicker", contractId=BTC)
        assert ticker["fundingRate"] == before["forecastFundingRate"]
        await client.sleep((due_ms - client.now_ms) * 1_000_000 + 2 * MINUTE_NS)
        (after,) = await client.get("/funding/getLatestFundingRate", contractId=BTC)
        assert int(after["fundingTime"]) == due_ms
        page = await client.get(
            "/funding/getFundingRatePage", contractId=BTC, size="10", filterSettlementFundingRate="true"
        )
        last = page["dataList"][0]
        assert (last["fundingTime"], last["fundingRate"]) == (str(due_ms), after["fundingRate"])
        assert last["isSettlement"] is True

    play(body)


def test_leverage_and_margin_mode(play: Play) -> None:
    async def body(client: Client) -> None:
        price = (await client.get("/quote/getDepth", contractId=BTC, level="15"))[0]["bids"][-1]["price"]
        row = await client.placed(price=price)
        path = f"{ACCOUNT}/updateLeverageSetting"
        refused = client.signed("POST", path, {"contractId": BTC, "leverage": "3"})
        assert code_of(await client.venue.send(refused)) == (200, "ACCOUNT_UPDATE_LEVERAGE_FAILED_ORDER")
        await client.tell(f"{ORDER}/cancelOrderById", orderIdList=[row["id"]])
        await client.tell(path, contractId=BTC, leverage="3")
        account = await client.ask(f"{ACCOUNT}/getAccountById")
        assert account["contractIdToTradeSetting"][BTC]["maxLeverage"] == "3"
        key = EvmKey(TRADING_KEY)
        message = {
            "accountId": int(ACCOUNT_ID),
            "assetId": int(BTC),
            "marginMode": 1,
            "nonce": 77,
            "signer": key.address,
        }
        signature = key.sign(TypedData(DOMAIN, "SetMarginPreferenceParams", TYPES).digest(message)).to_bytes().hex()
        given = {"contractId": BTC, "marginMode": "1", "l2Nonce": "77", "l2Signature": signature}
        bad = client.signed("POST", f"{ACCOUNT}/setMarginMode", {**given, "l2Nonce": "78"})
        assert code_of(await client.venue.send(bad)) == (200, "L2_SIGNATURE_INVALID")
        bad = client.signed("POST", f"{ACCOUNT}/setMarginMode", {**given, "marginMode": "2"})
        assert code_of(await client.venue.send(bad)) == (400, "GATEWAY_PARAM_INVALID")
        await client.tell(f"{ACCOUNT}/setMarginMode", **given)
        account = await client.ask(f"{ACCOUNT}/getAccountById")
        assert account["contractIdToMarginMode"][BTC] == "1"

    play(body)


def test_an_account_adds_up(play: Play) -> None:
    async def body(client: Client) -> None:
        await client.placed(timeInForce="IMMEDIATE_OR_CANCEL")
        asset = await client.ask(f"{ACCOUNT}/getAccountAsset")
        (position,) = asset["positionList"]
        (worth,) = asset["positionAssetList"]
        assert (position["contractId"], D(position["openSize"])) == (BTC, D("0.01"))
        assert D(worth["positionValue"]) - D(position["openValue"]) == D(worth["unrealizePnl"])
        rows = (await client.ask(f"{ACCOUNT}/getCollateralTransactionPage", size="100"))["dataList"]
        flows = sum(D(row["deltaAmount"]) for row in rows)
        assert flows == D(asset["collateralList"][0]["amount"])  # the venue's amount is not cash
        total = D(asset["collateralAssetModelList"][0]["totalEquity"])
        assert total - D(worth["unrealizePnl"]) == D(asset["collateralList"][0]["legacyAmount"])
        assert await client.ask(f"{ACCOUNT}/getPositionByContractId", contractIdList=f"{BTC},5") == [position]
        assert D((await client.tell(f"{ORDER}/getMaxCreateOrderSize", contractId=BTC, price="1"))["maxBuySize"]) > 0

    play(body)


def test_too_many_calls_are_refused_and_said_how_long(play: Play) -> None:
    async def body(client: Client) -> None:
        for _ in range(CALLS):
            await client.get("/meta/getServerTime")
        answer = await client.raw("/meta/getServerTime")
        assert code_of(answer) == (429, "RATE_LIMIT_EXCEEDED")
        wait_s = int(answer.headers["Retry-After"])
        assert 0 < wait_s <= 60
        await client.sleep(wait_s * SECOND_NS)
        await client.get("/meta/getServerTime")

    play(body)


def failing(error: Exception) -> Script:
    script = Script()
    script.plan("send_order", before=error)
    return script


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (RateLimited("x", retry_after_ns=3 * SECOND_NS), (429, "RATE_LIMIT_EXCEEDED")),
        (InMaintenance("x"), (503, "GATEWAY_INTERNAL_ERROR")),
    ],
)
def test_troubles_of_the_ground_are_answers(play: Play, error: Exception, told: tuple[int, str]) -> None:
    async def body(client: Client) -> None:
        assert await client.place() == told

    play(body, faults=failing(error))


@pytest.mark.parametrize("error", [ConnectFailed("x"), OutcomeUnknown("x"), NotSent("x")])
def test_troubles_of_the_line_are_its_own(play: Play, error: Exception) -> None:
    async def body(client: Client) -> None:
        with pytest.raises((ConnectFailed, OutcomeUnknown, NotSent)):
            await client.place()

    play(body, faults=failing(error))


def test_a_broken_answer_is_no_envelope(play: Play) -> None:
    async def body(client: Client) -> None:
        request = client.signed("POST", f"{ORDER}/createOrder", await client.order())
        answer = await client.venue.send(request)
        with pytest.raises(ValueError, match="Expecting"):
            json.loads(answer.body)

    script = Script()
    script.plan("send_order", after=BadResponse("x"))
    play(body, faults=script)


class Ears:
    """A socket of a client, and what it heard."""

    def __init__(self, client: Client, url: str, headers: Mapping[str, str]) -> None:
        self.heard: list[Any] = []
        self.socket: Any = None
        self.is_closed = False
        self._task = asyncio.create_task(self._listen(client, url, headers))

    async def _listen(self, client: Client, url: str, headers: Mapping[str, str]) -> None:
        async with client.venue.connect(url, headers=headers) as socket:
            self.socket = socket
            async for message in socket.messages():
                self.heard.append(json.loads(message))
            self.is_closed = True

    async def say(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def kinds(self) -> list[str]:
        return [each["type"] for each in self.heard]


def test_the_public_socket(play: Play) -> None:
    async def body(client: Client) -> None:
        ears = Ears(client, "ws://x/api/v1/public/ws", {})
        await client.sleep(SECOND_NS)
        assert ears.kinds() == ["connected"]
        for channel in (f"depth.{BTC}.15", f"trades.{BTC}", f"ticker.{BTC}", "metadata", "fundingRate.all"):
            await ears.say(type="subscribe", channel=channel)
        await ears.say(type="subscribe", channel="depth.5.15")
        await ears.say(type="subscribe", channel=f"depth.{BTC}.20")
        await ears.say(type="nonsense")
        await ears.socket.send("no json")
        await ears.say(type="ping", time="17")
        await client.sleep(5 * SECOND_NS)
        assert ears.kinds().count("subscribed") == 5
        assert ears.kinds().count("error") == 4
        assert {"type": "pong", "time": "17"} in ears.heard
        events = [each for each in ears.heard if each["type"] == "quote-event"]
        assert {each["channel"] for each in events} == {
            f"depth.{BTC}.15",
            f"trades.{BTC}",
            f"ticker.{BTC}",
            "metadata",
            "fundingRate.all",
        }
        books = [each["content"] for each in events if each["channel"].startswith("depth")]
        assert [each["dataType"] for each in books][:2] == ["Snapshot", "changed"]
        versions = [(each["data"][0]["startVersion"], each["data"][0]["endVersion"]) for each in books[1:]]
        assert versions[0][0] == books[0]["data"][0]["endVersion"]
        assert all(after[0] == before[1] for before, after in pairwise(versions))
        await ears.say(type="unsubscribe", channel=f"depth.{BTC}.15")
        await client.sleep(SECOND_NS)
        told = len([each for each in ears.heard if each.get("channel") == f"depth.{BTC}.15"])
        await client.sleep(10 * SECOND_NS)
        assert len([each for each in ears.heard if each.get("channel") == f"depth.{BTC}.15"]) == told
        await ears.stop()

    play(body)


def test_who_answers_no_ping_is_cut_off(play: Play) -> None:
    async def body(client: Client) -> None:
        mute = Ears(client, "ws://x/api/v1/public/ws", {})
        polite = Ears(client, "ws://x/api/v1/public/ws", {})
        for _ in range(20):
            await client.sleep(5 * SECOND_NS)
            if not polite.is_closed and polite.kinds()[-1] == "ping":
                await polite.say(type="pong", time=polite.heard[-1]["time"])
        assert mute.is_closed
        assert mute.kinds().count("ping") == 5
        assert not polite.is_closed
        await mute.stop()
        await polite.stop()

    play(body)


def test_the_accounts_socket(play: Play) -> None:
    async def body(client: Client) -> None:
        def login(**changes: Any) -> Ears:
            query = f"accountId={ACCOUNT_ID}&timestamp={client.now_ms}"
            return Ears(client, f"ws://x{EVENTS}?{query}", client.headers("GET", EVENTS, query, **changes))

        refused = login(secret="another")
        late = login(ago_ms=120_000)
        good = login()
        await client.sleep(SECOND_NS)
        for ears, code in ((refused, "INVALID_SIGNATURE"), (late, "INVALID_TIMESTAMP")):
            assert ears.is_closed
            assert [each["content"]["code"] for each in ears.heard] == [code]
            await ears.stop()
        assert good.kinds() == ["connected", "trade-event"]
        assert good.heard[1]["content"]["event"] == "Snapshot"
        await client.placed(timeInForce="IMMEDIATE_OR_CANCEL")
        await good.say(type="subscribe", channel="anything")
        await client.sleep(SECOND_NS)
        events = [each["content"] for each in good.heard if each["type"] == "trade-event"]
        numbers = [int(each["version"]) for each in events]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        assert {"order", "orderFillTransaction", "position"} <= {name for each in events for name in each["data"]}
        assert good.heard[-1]["content"]["code"] == "GATEWAY_UNRECOGNIZED_MESSAGE"
        await good.stop()

    play(body)
