"""The fake venue, asked as any client would ask it: what it checks, and the shapes of its answers."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal as D
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

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
from arb.simulation import VirtualClock, run_virtual
from arb.testing import START_NS, FakeWorld, Script
from arb_exchange_backpack.fake._keys import SEED

KEY = Ed25519PrivateKey.from_private_bytes(SEED)
API_KEY = base64.b64encode(KEY.public_key().public_bytes_raw()).decode()
SYMBOL = "BTC_USDC_PERP"


def lowered(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


class Client:
    """Another client of the venue, written from its documentation."""

    def __init__(self, venue: Any) -> None:
        self.venue = venue
        self.clock = VirtualClock.of_running_loop()

    async def get(self, path: str, **query: Any) -> Any:
        return read(await self.raw("GET", path, query))

    async def raw(self, method: str, path: str, query: Mapping[str, Any]) -> HttpResponse:
        tail = f"?{urlencode(query)}" if query else ""
        answer: HttpResponse = await self.venue.send(HttpRequest(method=method, url=f"http://x{path}{tail}"))
        return answer

    def signed(
        self, method: str, path: str, instruction: str, params: Any, *, window: int | None = 5000, ago_ms: int = 0
    ) -> HttpRequest:
        now = self.clock.now_ns() // 1_000_000 - ago_ms
        parts = [
            "&".join([f"instruction={instruction}", *(f"{key}={lowered(each[key])}" for key in sorted(each))])
            for each in (params if isinstance(params, list) else [params])
        ]
        text = f"{'&'.join(parts)}&timestamp={now}&window={window or 5000}"
        headers = {
            "x-api-key": API_KEY,
            "x-signature": base64.b64encode(KEY.sign(text.encode())).decode(),
            "x-timestamp": str(now),
            **({} if window is None else {"x-window": str(window)}),
        }
        if method == "GET":
            tail = f"?{urlencode(params)}" if params else ""
            return HttpRequest(method=method, url=f"http://x{path}{tail}", headers=headers)
        return HttpRequest(method=method, url=f"http://x{path}", headers=headers, body=json.dumps(params).encode())

    async def call(self, method: str, path: str, instruction: str, **params: Any) -> Any:
        return read(await self.venue.send(self.signed(method, path, instruction, params)))

    async def order(self, **changes: Any) -> Any:
        price = (await self.get("/api/v1/depth", symbol=SYMBOL, limit="5"))["asks"][0][0]
        given = {"symbol": SYMBOL, "side": "Bid", "orderType": "Limit", "quantity": "0.001", "price": price}
        return await self.call("POST", "/api/v1/order", "orderExecute", **{**given, **changes})


def read(response: HttpResponse) -> Any:
    assert response.status == 200, response.body
    return json.loads(response.body) if response.body else None


def code_of(response: HttpResponse) -> tuple[int, str]:
    return response.status, json.loads(response.body)["code"]


Play = Callable[..., None]


@pytest.fixture
def play(spec: ExchangeSpec) -> Play:
    def run(body: Callable[[Client], Awaitable[None]], *, faults: Any = None) -> None:
        async def main() -> None:
            async with FakeWorld().ground(spec, VirtualClock.of_running_loop(), faults=faults) as (_, venue):
                await body(Client(venue))

        run_virtual(main(), start_ns=START_NS)

    return run


def test_signatures_are_checked_over_what_arrives(play: Play) -> None:
    async def body(client: Client) -> None:
        params = {"symbol": SYMBOL, "clientId": 7, "postOnly": True}
        good = client.signed("DELETE", "/api/v1/order", "orderCancel", params)
        assert code_of(await client.venue.send(good)) == (404, "RESOURCE_NOT_FOUND")
        for changed in (
            {**params, "clientId": 8},
            {**params, "postOnly": False},
            {"symbol": SYMBOL, "clientId": 7},
            {**params, "more": "1"},
        ):
            bad = HttpRequest(method="DELETE", url=good.url, headers=good.headers, body=json.dumps(changed).encode())
            assert code_of(await client.venue.send(bad)) == (400, "INVALID_SIGNATURE")
        moved = HttpRequest(method="DELETE", url="http://x/api/v1/orders", headers=good.headers, body=good.body)
        assert code_of(await client.venue.send(moved)) == (400, "INVALID_SIGNATURE")

    play(body)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"x-api-key": ""}, (401, "UNAUTHORIZED")),
        ({"x-api-key": base64.b64encode(bytes(32)).decode()}, (401, "UNAUTHORIZED")),
        ({"x-signature": "no base64!"}, (400, "INVALID_SIGNATURE")),
        ({"x-signature": base64.b64encode(bytes(64)).decode()}, (400, "INVALID_SIGNATURE")),
        ({"x-timestamp": "soon"}, (400, "INVALID_CLIENT_REQUEST")),
        ({"x-window": "60001"}, (400, "INVALID_CLIENT_REQUEST")),
        ({"x-window": "4999"}, (400, "INVALID_SIGNATURE")),
    ],
)
def test_headers_are_checked(play: Play, changes: dict[str, str], expected: tuple[int, str]) -> None:
    async def body(client: Client) -> None:
        good = client.signed("GET", "/api/v1/account", "accountQuery", {})
        bad = HttpRequest(method="GET", url=good.url, headers={**good.headers, **changes})
        assert code_of(await client.venue.send(bad)) == expected

    play(body)


def test_a_request_lives_as_long_as_its_window(play: Play) -> None:
    async def body(client: Client) -> None:
        for window, ago, is_taken in (
            (5000, 5000, True),
            (5000, 5001, False),
            (60000, 59000, True),
            (None, 5000, True),
        ):
            request = client.signed("GET", "/api/v1/account", "accountQuery", {}, window=window, ago_ms=ago)
            response = await client.venue.send(request)
            assert (response.status == 200) is is_taken, (window, ago)
        early = client.signed("GET", "/api/v1/account", "accountQuery", {}, ago_ms=-2000)
        assert code_of(await client.venue.send(early)) == (400, "INVALID_CLIENT_REQUEST")

    play(body)


def test_plain_answers_are_plain(play: Play) -> None:
    async def body(client: Client) -> None:
        assert (await client.raw("GET", "/api/v1/time", {})).body == str(START_NS // 1_000_000).encode()
        assert (await client.raw("GET", "/api/v1/ping", {})).body == b"pong"
        assert await client.get("/api/v1/status") == {"status": "Ok", "message": None}
        assert (await client.raw("GET", "/api/v1/nothing", {})).status == 404

    play(body)


def test_public_shapes(play: Play) -> None:
    async def body(client: Client) -> None:
        book = await client.get("/api/v1/depth", symbol=SYMBOL, limit="5")
        bids, asks = ([D(price) for price, _ in book[side]] for side in ("bids", "asks"))
        assert bids == sorted(bids)
        assert asks == sorted(asks)
        assert bids[-1] < asks[0]
        assert book["timestamp"] > 10**15
        market = (await client.get("/api/v1/markets"))[0]
        assert (market["marketType"], market["fundingInterval"], market["visible"]) == ("PERP", 3_600_000, True)
        assert market == await client.get("/api/v1/market", symbol=market["symbol"])
        assert await client.get("/api/v1/securities") == []
        (mark,) = await client.get("/api/v1/markPrices", symbol=SYMBOL)
        assert mark["nextFundingTimestamp"] % 3_600_000 == 0
        rows = await client.get("/api/v1/fundingRates", symbol=SYMBOL, limit=3, offset=1)
        stamps = [row["intervalEndTimestamp"] for row in rows]
        assert stamps == sorted(stamps, reverse=True)
        assert len(stamps[0]) == len("2026-01-01T00:00:00")
        assert await client.get("/api/v1/fundingRates", symbol="NO_SUCH_PERP") == []
        unknown = await client.raw("GET", "/api/v1/depth", {"symbol": "btc_usdc_perp"})
        assert code_of(unknown) == (400, "INVALID_MARKET")
        assert code_of(await client.raw("GET", "/api/v1/depth", {"symbol": SYMBOL, "limit": "7"}))[0] == 400

    play(body)


def test_a_client_id_comes_as_often_as_it_is_sent(play: Play) -> None:
    async def body(client: Client) -> None:
        first, second = [await client.order(clientId=7, timeInForce="IOC") for _ in range(2)]
        assert (first["status"], second["status"]) == ("Filled", "Filled")
        assert first["clientId"] == second["clientId"] == 7
        assert first["id"] != second["id"]
        fills = await client.call("GET", "/wapi/v1/history/fills", "fillHistoryQueryAll")
        assert {fill["clientId"] for fill in fills} == {"7"}
        unnamed = await client.order(timeInForce="IOC")
        assert unnamed["clientId"] is None
        assert D(unnamed["executedQuoteQuantity"]) / D(unnamed["executedQuantity"]) <= D(unnamed["price"])

    play(body)


def test_orders_in_all_their_lists(play: Play) -> None:
    async def body(client: Client) -> None:
        book = await client.get("/api/v1/depth", symbol=SYMBOL, limit="5")
        price = book["bids"][0][0]
        order = await client.order(price=price, clientId=9, postOnly=True)
        assert order["status"] == "New"
        assert isinstance(order["createdAt"], int)
        by_id = await client.call("GET", "/api/v1/order", "orderQuery", symbol=SYMBOL, orderId=order["id"])
        by_client_id = await client.call("GET", "/api/v1/order", "orderQuery", symbol=SYMBOL, clientId="9")
        assert by_id == by_client_id == order
        assert await client.call("GET", "/api/v1/orders", "orderQueryAll", marketType="PERP") == [order]
        (listed,) = await client.call("GET", "/wapi/v1/history/orders", "orderHistoryQueryAll", symbol=SYMBOL)
        assert isinstance(listed["createdAt"], str)
        both = client.signed(
            "DELETE", "/api/v1/order", "orderCancel", {"symbol": SYMBOL, "orderId": order["id"], "clientId": 9}
        )
        assert code_of(await client.venue.send(both)) == (400, "INVALID_SIGNATURE")
        cancelled = await client.call("DELETE", "/api/v1/order", "orderCancel", symbol=SYMBOL, orderId=order["id"])
        assert (cancelled["id"], cancelled["status"]) == (order["id"], "Cancelled")
        gone = client.signed("GET", "/api/v1/order", "orderQuery", {"symbol": SYMBOL, "orderId": order["id"]})
        assert code_of(await client.venue.send(gone)) == (404, "RESOURCE_NOT_FOUND")

    play(body)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"symbol": "NO_USDC_PERP"}, "INVALID_MARKET"),
        ({"side": "Buy"}, "INVALID_CLIENT_REQUEST"),
        ({"orderType": "Stop"}, "INVALID_CLIENT_REQUEST"),
        ({"timeInForce": "GTX"}, "INVALID_CLIENT_REQUEST"),
        ({"clientId": 2**32}, "INVALID_CLIENT_REQUEST"),
        ({"clientId": "x1"}, "INVALID_CLIENT_REQUEST"),
        ({"price": "0.03"}, "INVALID_PRICE"),
        ({"price": "-1"}, "INVALID_PRICE"),
        ({"quantity": "0.0000001"}, "INVALID_QUANTITY"),
        ({"quantity": "0"}, "INVALID_QUANTITY"),
        ({"quantity": "1000"}, "INSUFFICIENT_MARGIN"),
        ({"reduceOnly": True}, "INVALID_ORDER"),
        ({"postOnly": True}, "INVALID_ORDER"),
        ({"postOnly": True, "timeInForce": "IOC"}, "INVALID_CLIENT_REQUEST"),
    ],
)
def test_orders_are_refused_in_the_venues_words(play: Play, changes: dict[str, Any], code: str) -> None:
    async def body(client: Client) -> None:
        price = (await client.get("/api/v1/depth", symbol=SYMBOL, limit="5"))["asks"][0][0]
        given = {"symbol": SYMBOL, "side": "Bid", "orderType": "Limit", "quantity": "0.001", "price": price}
        request = client.signed("POST", "/api/v1/order", "orderExecute", {**given, **changes})
        assert code_of(await client.venue.send(request)) == (400, code)

    play(body)


def test_market_orders_by_size_and_by_sum(play: Play) -> None:
    async def body(client: Client) -> None:
        given = {"symbol": SYMBOL, "side": "Bid", "orderType": "Market"}
        sized = await client.call("POST", "/api/v1/order", "orderExecute", **given, quantity="0.01")
        assert (sized["status"], D(sized["executedQuantity"])) == ("Filled", D("0.01"))
        assert "price" not in sized
        summed = await client.call("POST", "/api/v1/order", "orderExecute", **given, quoteQuantity="1000")
        assert D("990") < D(summed["executedQuoteQuantity"]) <= D("1001")

    play(body)


def test_a_batch_has_one_signature_and_an_answer_for_each(play: Play) -> None:
    async def body(client: Client) -> None:
        book = await client.get("/api/v1/depth", symbol=SYMBOL, limit="5")
        order = {
            "symbol": SYMBOL,
            "side": "Bid",
            "orderType": "Limit",
            "quantity": "0.001",
            "price": book["bids"][0][0],
        }
        batch = [order, {**order, "quantity": "1000"}]
        answers = read(await client.venue.send(client.signed("POST", "/api/v1/orders", "orderExecute", batch)))
        assert answers[0]["status"] == "New"
        assert answers[1]["code"] == "INSUFFICIENT_MARGIN"
        broken = client.signed("POST", "/api/v1/orders", "orderExecute", [order, {**order, "side": "Up"}])
        assert code_of(await client.venue.send(broken)) == (400, "INVALID_CLIENT_REQUEST")
        assert len(await client.call("GET", "/api/v1/orders", "orderQueryAll")) == 1

    play(body)


def test_the_account_as_a_whole(play: Play) -> None:
    async def body(client: Client) -> None:
        await client.order(quantity="0.1", timeInForce="IOC")
        account = await client.call("GET", "/api/v1/account", "accountQuery")
        assert (account["futuresTakerFee"], account["futuresMakerFee"]) == ("4.5", "1.5")
        (position,) = await client.call("GET", "/api/v1/position", "positionQuery")
        assert D(position["netQuantity"]) == D("0.1")
        total = D(position["pnlRealized"]) + D(position["pnlUnrealized"])
        moved = D("0.1") * (D(position["markPrice"]) - D(position["entryPrice"]))
        assert abs(total - moved) < D("0.00001")
        collateral = await client.call("GET", "/api/v1/capital/collateral", "collateralQuery")
        owned = D(collateral["collateral"][0]["totalQuantity"])
        assert abs(owned + D(collateral["pnlUnrealized"]) - D(collateral["netEquity"])) < D("0.00001")
        assert D(collateral["netEquityAvailable"]) + D(collateral["netEquityLocked"]) == D(collateral["netEquity"])
        capital = await client.call("GET", "/api/v1/capital", "balanceQuery")
        assert D(capital["USDC"]["available"]) == owned
        limit = await client.call("GET", "/api/v1/account/limits/order", "maxOrderQuantity", symbol=SYMBOL, side="Bid")
        assert D(limit["maxOrderQuantity"]) > 0
        response = await client.venue.send(
            client.signed("PATCH", "/api/v1/account", "accountUpdate", {"leverageLimit": "3"})
        )
        assert (response.status, response.body) == (200, b"")
        assert (await client.call("GET", "/api/v1/account", "accountQuery"))["leverageLimit"] == "3"

    play(body)


def test_beyond_the_limits_there_is_429(play: Play) -> None:
    async def body(client: Client) -> None:
        history = client.signed("GET", "/wapi/v1/history/fills", "fillHistoryQueryAll", {})
        statuses = [(await client.venue.send(history)).status for _ in range(31)]
        assert statuses == [200] * 30 + [429]
        plain = [(await client.raw("GET", "/api/v1/time", {})).status for _ in range(2001)]
        assert plain == [200] * 2000 + [429]
        refused = await client.raw("GET", "/api/v1/time", {})
        assert 0 < int(refused.headers["Retry-After"]) <= 60
        await client.clock.sleep_until(client.clock.now_ns() + MINUTE_NS)
        assert (await client.raw("GET", "/api/v1/time", {})).status == 200

    play(body)


def failing(error: Exception) -> Script:
    script = Script()
    script.plan("fetch_positions", before=error)
    return script


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RateLimited("x", retry_after_ns=3 * SECOND_NS), (429, "TOO_MANY_REQUESTS")),
        (InMaintenance("x"), (503, "MAINTENANCE")),
        (NotSent("x"), ConnectFailed),
        (OutcomeUnknown("x"), OutcomeUnknown),
        (BadResponse("x"), None),
    ],
)
def test_what_the_ground_raises_becomes_an_answer_or_a_failure(play: Play, error: Exception, expected: Any) -> None:
    async def body(client: Client) -> None:
        request = client.signed("GET", "/api/v1/position", "positionQuery", {})
        if isinstance(expected, type):
            with pytest.raises(expected):
                await client.venue.send(request)
            return
        response = await client.venue.send(request)
        if expected is None:
            with pytest.raises(ValueError, match="Expecting"):
                json.loads(response.body)
        else:
            assert code_of(response) == expected

    play(body, faults=failing(error))


def test_the_socket_tells_what_it_is_asked_for(play: Play) -> None:
    async def body(client: Client) -> None:
        async with client.venue.connect("ws://x") as socket:
            messages = socket.messages()

            async def ask(*topics: str, **more: Any) -> None:
                await socket.send(json.dumps({"method": "SUBSCRIBE", "params": list(topics), **more}))

            async def heard(stream: str) -> Any:
                async for message in messages:
                    found = json.loads(message)
                    if found.get("stream") == stream or "error" in found:
                        return found.get("data", found.get("error"))

            await ask(f"bookTicker.{SYMBOL}")
            top = await heard(f"bookTicker.{SYMBOL}")
            assert D(top["b"]) < D(top["a"])
            assert top["T"] > 10**15
            await ask(f"depth.200ms.{SYMBOL}")
            first, second = [await heard(f"depth.200ms.{SYMBOL}") for _ in range(2)]
            assert second["U"] == first["u"] + 1
            await ask(f"markPrice.{SYMBOL}")
            assert (await heard(f"markPrice.{SYMBOL}"))["n"] % 3_600_000 == 0
            await socket.send(json.dumps({"method": "UNSUBSCRIBE", "params": [f"depth.200ms.{SYMBOL}"]}))
            await ask("depth.NO_SUCH_PERP")
            assert (await heard("-"))["code"] == 4005
            await ask("nonsense.BTC")
            assert (await heard("-"))["code"] == 4006
            await ask("account.orderUpdate")
            assert (await heard("-"))["message"] == "Invalid signature"
            now = client.clock.now_ns() // 1_000_000
            text = f"instruction=subscribe&timestamp={now}&window=5000"
            signature = [API_KEY, base64.b64encode(KEY.sign(text.encode())).decode(), str(now), "5000"]
            await ask("account.orderUpdate", "account.positionUpdate", signature=signature)
            await client.clock.sleep_until(client.clock.now_ns() + SECOND_NS)
            await client.order(clientId=5, timeInForce="IOC")
            event = await heard("account.orderUpdate")
            assert (event["e"], event["c"], event["X"], D(event["l"])) == ("orderFill", 5, "Filled", D("0.001"))
            position = await heard("account.positionUpdate")
            assert (position["e"], D(position["q"])) == ("positionOpened", D("0.001"))

    play(body)
