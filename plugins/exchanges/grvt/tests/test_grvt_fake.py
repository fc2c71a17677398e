"""The fake venue: what it checks, and that it says so in the venue's own words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal as D
from typing import Any

import pytest

from arb.api import ConnectFailed, HttpRequest, HttpResponse
from arb.model import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, Side
from arb.testing import Bench, BenchDesk
from arb_exchange_grvt._markets import asset_of
from arb_exchange_grvt._orders import payload_of
from arb_exchange_grvt._signing import CROSS, OrderTerms, Signer
from arb_exchange_grvt.fake import FakeGrvt, fitted
from arb_exchange_grvt.fake._keys import API_KEY, CHAIN_ID, PRIVATE_KEY, SUB_ACCOUNT

HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
ORDER_OF_CURVE = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


class Client:
    """Asks the fake without the plugin."""

    def __init__(self, desk: Any) -> None:
        self.desk = desk
        self.venue: FakeGrvt = desk.wire.venue
        self.headers: dict[str, str] = {"Content-Type": "application/json"}
        self.signer = Signer(PRIVATE_KEY, SUB_ACCOUNT, CHAIN_ID)

    async def raw(self, path: str, body: bytes, headers: Mapping[str, str] | None = None) -> HttpResponse:
        given = self.headers if headers is None else headers
        return await self.venue.send(HttpRequest(method="POST", url=f"http://x{path}", headers=given, body=body))

    async def ask(self, path: str, body: Any) -> tuple[int, Any]:
        answer = await self.raw(path, json.dumps(body).encode())
        return answer.status, json.loads(answer.body)

    async def login(self) -> None:
        answer = await self.raw("/auth/api_key/login", json.dumps({"api_key": API_KEY}).encode())
        cookie = answer.headers["Set-Cookie"].partition(";")[0]
        self.headers |= {"Cookie": cookie, "X-Grvt-Account-Id": answer.headers["X-Grvt-Account-Id"]}

    async def order(self, number: int = 1 << 63, lives_ns: int = MINUTE_NS, **changes: Any) -> dict[str, Any]:
        bbo = await self.desk.exchange.market.fetch_bbo(self.desk.instrument.id)
        given: dict[str, Any] = {
            "asset_id": "0x030501",
            "base_decimals": 9,
            "size": D("0.001"),
            "price": self.desk.instrument.limit_price(Side.BUY, bbo.bid * D("0.95")),
            "is_buy": True,
            "time_in_force": "GOOD_TILL_TIME",
        }
        terms = OrderTerms(**{**given, **changes})
        signature = self.signer.order(terms, nonce=number % 1000, expiration_ns=self.desk.clock.now_ns() + lives_ns)
        return payload_of(terms, "BTC_USDT_Perp", SUB_ACCOUNT, number, signature)

    async def code(self, body: Any, path: str = "/full/v1/create_order") -> int:
        _, answer = await self.ask(path, body)
        return int(answer.get("code", 0))


def test_signatures_are_checked(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        client = Client(desk)
        assert await client.code(await client.order()) == 1000
        await client.login()
        good = await client.order(1 << 63)
        assert await client.code(good) == 0

        def spoiled(number: int, **changes: Any) -> Any:
            async def make() -> Any:
                order = await client.order((1 << 63) + number)
                order["order"]["signature"] |= changes
                return order

            return make()

        other = "0x" + "1" * 40
        high = hex(ORDER_OF_CURVE - int(good["order"]["signature"]["s"], 16))
        for number, changes, code in (
            (1, {"v": 29}, 2005),
            (2, {"r": "0x12"}, 2006),
            (3, {"s": high}, 2007),
            (4, {"chain_id": "325"}, 1012),
            (5, {"signer": other}, 2000),
            (6, {"nonce": 1}, 2002),
            (7, {"expiration": str(desk.clock.now_ns())}, 2001),
            (8, {"expiration": str(desk.clock.now_ns() + 31 * DAY_NS)}, 2008),
            (9, {"nonce": None}, 1003),
        ):
            assert await client.code(await spoiled(number, **changes)) == code, changes
        assert int(high, 16) > HALF_ORDER
        # The chain may be left out, and 0 stands for the venue's.
        assert await client.code(await spoiled(10, chain_id="0")) == 0

    bench(body)


def test_every_signed_field_is_checked(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        client = Client(desk)
        await client.login()
        for change in ({"size": "0.002"}, {"limit_price": "70000.0"}, {"is_buying_asset": False}):
            order = await client.order()
            order["order"]["legs"][0] |= change
            assert await client.code(order) == 2002, change
        for name, value in (("reduce_only", True), ("post_only", True), ("time_in_force", "FILL_OR_KILL")):
            order = await client.order()
            order["order"][name] = value
            assert await client.code(order) == 2002, name
        order = await client.order()
        order["order"]["sub_account_id"] = "1"
        assert await client.code(order) == 2003
        # What is not signed may be anything.
        order = await client.order()
        order["order"]["metadata"]["client_order_id"] = "5"
        assert await client.code(order) == 0

    bench(body)


def test_the_rules_of_an_order(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        client = Client(desk)
        await client.login()
        price = (await client.order())["order"]["legs"][0]["limit_price"]
        cases: tuple[tuple[dict[str, Any], int], ...] = (
            ({"size": D("0.0000001")}, 2062),
            ({"size": D("0.0010005")}, 2065),
            ({"size": D("0.00001")}, 2066),
            ({"size": D("0.00001"), "reduce_only": True}, 2067),
            ({"price": D(price) + D("0.01")}, 2064),
            ({"price": D(0)}, 2021),
            ({"is_market": True, "time_in_force": "IMMEDIATE_OR_CANCEL"}, 2020),
            ({"time_in_force": "ALL_OR_NONE"}, 2030),
            ({"time_in_force": "FILL_OR_KILL", "post_only": True}, 2032),
            ({"size": D(100)}, 2080),
            ({"reduce_only": True}, 2400),
        )
        for number, (changes, code) in enumerate(cases):
            assert await client.code(await client.order((1 << 63) + number, **changes)) == code, changes
        others: tuple[tuple[dict[str, Any], int], ...] = (
            ({"metadata": {}}, 2011),
            ({"legs": []}, 2040),
            ({"legs": [{}, {}]}, 2042),
            ({"legs": [{"instrument": "X_USDT_Perp"}]}, 2061),
            ({"order_id": "0x12"}, 2010),
        )
        for change, code in others:
            order = await client.order()
            order["order"] |= change
            assert await client.code(order) == code, change
        assert await client.code({"order": 1}) == 1003

    bench(body)


def test_a_copy_is_dropped_and_an_id_that_works_is_refused(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        client = Client(desk)
        await client.login()
        order = await client.order()
        first, second = (
            await client.ask("/full/v1/create_order", order),
            await client.ask("/full/v1/create_order", order),
        )
        assert first[1]["result"]["order_id"] == second[1]["result"]["order_id"] == "0x00"
        assert first[1]["result"]["state"]["status"] == "PENDING"
        assert len(desk.truth.venue.orders(0)) == 1
        other = await client.order((1 << 63) + 1)
        other["order"]["metadata"] = order["order"]["metadata"]
        assert await client.code(other) == 2012
        # When the order is over its id is good again.
        await client.ask("/full/v1/cancel_all_orders", {"sub_account_id": SUB_ACCOUNT})
        assert await client.code(other) == 0
        assert len(desk.truth.venue.orders(0)) == 2

    bench(body)


def test_requests_have_a_form(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        client = Client(desk)
        for content, headers in ((b"", client.headers), (b"[]", client.headers), (b"{}", {}), (b"{", client.headers)):
            answer = await client.raw("/full/v1/ticker", content, headers)
            assert (answer.status, json.loads(answer.body)["code"]) == (400, 1003)
        assert (await client.ask("/full/v1/nothing", {}))[0] == 404
        assert await client.code({"instrument": "X"}, "/full/v1/ticker") == 3000
        assert await client.code({"instrument": "BTC_USDT_Perp", "depth": 11}, "/full/v1/book") == 3031
        await client.login()
        for path in ("positions", "account_summary", "open_orders", "cancel_all_orders"):
            assert await client.code({}, f"/full/v1/{path}") == 3020
            assert await client.code({"sub_account_id": "7"}, f"/full/v1/{path}") == 1001
            await desk.sleep(SECOND_NS)
        assert await client.code({"sub_account_id": SUB_ACCOUNT}, "/full/v1/order") == 3021
        wrong = {"sub_account_id": SUB_ACCOUNT, "client_order_id": "3"}
        assert await client.code(wrong, "/full/v1/order") == 1004
        assert await client.code({**wrong, "time_to_live_ms": "6000"}, "/full/v1/cancel_order") == 2301
        assert await client.code({**wrong, "countdown_time": "300001"}, "/full/v1/cancel_on_disconnect") == 6000

    bench(body)


def test_limits_are_kept(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        client = Client(desk)
        await desk.sleep(SECOND_NS)
        codes = [await client.code({"instrument": "BTC_USDT_Perp", "depth": 10}, "/full/v1/book") for _ in range(10)]
        assert codes == [0] * 8 + [1006] * 2
        await desk.sleep(SECOND_NS)
        assert await client.code({"instrument": "BTC_USDT_Perp", "depth": 10}, "/full/v1/book") == 0

    bench(body)


def test_lists_go_back_page_by_page(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        client = Client(desk)
        await client.login()
        for _ in range(5):
            await desk.send(await desk.request())
        body = {"sub_account_id": SUB_ACCOUNT, "limit": 2}
        times: list[int] = []
        cursor = ""
        while True:
            await desk.sleep(SECOND_NS)
            _, page = await client.ask("/full/v1/fill_history", {**body, "cursor": cursor})
            times += [int(row["event_time"]) for row in page["result"]]
            cursor = page["next"]
            if not cursor:
                break
        assert len(times) == len(desk.truth.venue.fills(0)) >= 5
        assert times == sorted(times, reverse=True)
        assert await client.code({**body, "limit": 1001}, "/full/v1/fill_history") == 1003

    bench(body)


def test_a_cancel_waits_for_its_order(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        client = Client(desk)
        await client.login()
        wish = {"sub_account_id": SUB_ACCOUNT, "client_order_id": str(1 << 63), "time_to_live_ms": "2000"}
        assert (await client.ask("/full/v1/cancel_order", wish))[1] == {"result": {"ack": True}}
        await desk.sleep(SECOND_NS)
        assert await client.code(await client.order()) == 0
        assert desk.truth.venue.orders(0) == []
        order = (await client.ask("/full/v1/order", {**wish}))[1]["result"]
        assert order["state"]["status"] == "CANCELLED"
        await client.ask("/full/v1/cancel_order", {**wish, "client_order_id": "9223372036854775809"})
        await desk.sleep(3 * SECOND_NS)
        assert await client.code(await client.order((1 << 63) + 1)) == 0
        assert len(desk.truth.venue.orders(0)) == 1

    bench(body)


def test_a_position_config_is_signed(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        client = Client(desk)
        await client.login()
        until_ns = desk.clock.now_ns() + MINUTE_NS
        signature = client.signer.position_config("0x030501", CROSS, D(9), nonce=1, expiration_ns=until_ns)
        body = {
            "sub_account_id": SUB_ACCOUNT,
            "instrument": "BTC_USDT_Perp",
            "margin_type": "CROSS",
            "leverage": "9",
            "signature": signature,
        }
        path = "/full/v1/set_position_config"
        assert await client.ask(path, body) == (200, {"ack": True})
        assert await client.code({**body, "leverage": "8"}, path) == 2002
        assert await client.code({**body, "margin_type": "ISOLATED"}, path) == 2002
        too_much = client.signer.position_config("0x030501", CROSS, D(999), nonce=2, expiration_ns=until_ns)
        assert await client.code({**body, "leverage": "999", "signature": too_much}, path) == 2108

    bench(body)


def test_sockets_speak_json_rpc(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        client = Client(desk)
        await client.login()
        async with client.venue.connect("ws://x/ws/full", headers=client.headers) as socket:
            messages = socket.messages()

            async def ask(method: str, params: Any, number: int) -> Any:
                await socket.send(json.dumps({"jsonrpc": "2.0", "method": method, "params": params, "id": number}))
                while True:
                    told = json.loads(await anext(messages))
                    if told.get("id") == number:
                        return told

            ack = await ask("subscribe", {"stream": "v1.book.d", "selectors": ["BTC_USDT_Perp@50"]}, 1)
            (latest,), (first,) = ack["result"]["latest_sequence_number"], ack["result"]["first_sequence_number"]
            assert int(first) == int(latest) + 1
            snapshot, change = json.loads(await anext(messages)), json.loads(await anext(messages))
            assert (snapshot["sequence_number"], change["prev_sequence_number"]) == ("0", latest)
            assert (await ask("subscribe", {"stream": "v1.book.d", "selectors": ["X@50"]}, 2))["error"]["code"] == 3000
            wrong = await ask("subscribe", {"stream": "v1.book.d", "selectors": ["BTC_USDT_Perp@7"]}, 3)
            assert wrong["error"]["code"] == 1101
            placed = await ask("v1/create_order", await client.order(), 4)
            assert placed["result"]["order_id"] == "0x00"
            listed = await ask("v1/open_orders", {"sub_account_id": SUB_ACCOUNT}, 5)
            assert len(listed["result"]) == 1
            assert (await ask("v1/order", {"sub_account_id": SUB_ACCOUNT}, 6))["error"]["code"] == 3021
        async with client.venue.connect("ws://x/ws/full") as public:
            params = {"stream": "v1.order", "selectors": [SUB_ACCOUNT]}
            await public.send(json.dumps({"method": "subscribe", "params": params, "id": 1}))
            stream = public.messages()
            assert json.loads(await anext(stream))["error"]["code"] == 1000
        await desk.sleep(2 * DAY_NS)
        with pytest.raises(ConnectFailed):
            client.venue.connect("ws://x/ws/full", headers=client.headers)

    bench(body)


def test_a_wallet_logs_in_once_with_each_nonce(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        client = Client(desk)

        def login(nonce: int, lives_ns: int) -> dict[str, Any]:
            until_ns = desk.clock.now_ns() + lives_ns
            signer = client.signer
            signature = signer.sign("WalletLogin", {"signer": signer.address}, nonce=nonce, expiration_ns=until_ns)
            return {"address": signer.address, "signature": signature}

        path = "/auth/wallet/login"
        first = login(1, MINUTE_NS)
        assert (await client.ask(path, first))[0] == 200
        assert await client.code(first, path) == 2002
        assert await client.code(login(2, HOUR_NS), path) == 2008
        assert await client.code(login(3, -1), path) == 2001

    bench(body)


def test_it_is_the_same_each_time(bench: Bench) -> None:
    runs: list[list[bytes]] = []

    async def body(desk: BenchDesk) -> None:
        client, told = Client(desk), []
        await client.login()
        told.append((await client.raw("/full/v1/create_order", json.dumps(await client.order()).encode())).body)
        for path in ("ticker", "book", "funding", "margin_rules"):
            told.append((await client.raw(f"/full/v1/{path}", b'{"instrument": "BTC_USDT_Perp"}')).body)
        runs.append(told)

    for _ in range(2):
        bench(body)
    assert runs[0] == runs[1]


def test_rules_are_what_the_venue_can_express(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        for each in await desk.truth.market.fetch_instruments():
            assert fitted(each, D("12.5")).tick_size == D("0.0001")
            kilo = fitted(each.__class__(**{**_fields(each), "base": "PEPE", "multiplier": D(1000)}), D("0.01"))
            assert (kilo.symbol, asset_of("KPEPE")) == ("KPEPE_USDT_Perp", ("PEPE", D(1000)))

    bench(body)


def _fields(instrument: Any) -> dict[str, Any]:
    return {name: getattr(instrument, name) for name in instrument.__dataclass_fields__}
