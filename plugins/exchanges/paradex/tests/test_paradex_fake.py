"""The fake venue by itself: what it checks, how it answers, and that two runs of it are one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest

from arb.api import HttpRequest, HttpResponse
from arb.model import MINUTE_NS, SECOND_NS, Instrument, PriceBase, Side
from arb.simulation import PROFILES, SeededMarket
from arb.testing import START_NS, Bench, BenchDesk
from arb_exchange_paradex._signing import Signer, order_message
from arb_exchange_paradex.fake import fitted
from arb_exchange_paradex.fake._keys import CHAIN, MAIN_KEY, SUBKEY, account, public_of


async def call(
    desk: Any,
    method: str,
    path: str,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    *,
    key: bool = True,
) -> tuple[int, Any, HttpResponse]:
    given = dict(headers or {})
    if key and "Authorization" not in given:
        given["Authorization"] = f"Bearer {await desk.trading._rest.session.token()}"
    raw = b"" if body is None else json.dumps(body).encode()
    answer: HttpResponse = await desk.wire.venue.send(
        HttpRequest(method=method, url=f"http://fake.test/v1{path}", headers=given, body=raw)
    )
    return answer.status, json.loads(answer.body) if answer.body else None, answer


def signed(desk: BenchDesk, key: int = SUBKEY, **changes: Any) -> dict[str, Any]:
    """Return an order as any client would send it."""
    body = {
        "market": "BTC-USD-PERP",
        "side": "BUY",
        "type": "LIMIT",
        "size": "0.01",
        "price": "50000",
        "instruction": "GTC",
        "client_id": "by-hand",
        "signature_timestamp": desk.clock.now_ns() // 1_000_000,
        **changes,
    }
    values = order_message(
        timestamp_ms=body["signature_timestamp"],
        market=body["market"],
        side=Side(body["side"].lower()),
        order_type=body["type"],
        size=Decimal(body["size"]),
        price=None if body["type"] == "MARKET" else Decimal(body["price"]),
    )
    return {**body, "signature": Signer(account(), hex(key), CHAIN).sign("Order", values)}


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({}, 201, ""),
        ({"key": MAIN_KEY}, 201, ""),
        ({"key": 77}, 400, "INVALID_ORDER_SIGNATURE"),
        ({"market": "NO-USD-PERP"}, 400, "MARKET_NOT_FOUND"),
        ({"market": "btc-usd-perp"}, 400, "MARKET_NOT_FOUND"),
        ({"price": "50000.123456"}, 400, "VALIDATION_ERROR"),
        ({"size": "0.0100001"}, 400, "INVALID_ORDER_SIZE"),
        ({"size": "100000000"}, 400, "INVALID_ORDER_SIZE"),
        ({"size": "0.0001"}, 400, "INVALID_ORDER_SIZE"),
        ({"instruction": "FOK"}, 400, "VALIDATION_ERROR"),
        ({"flags": ["HURRY"]}, 400, "VALIDATION_ERROR"),
        ({"stp": "NEVER"}, 400, "VALIDATION_ERROR"),
        ({"client_id": "x" * 65}, 400, "VALIDATION_ERROR"),
        ({"recv_window": 9}, 400, "VALIDATION_ERROR"),
        ({"recv_window": "soon"}, 400, "VALIDATION_ERROR"),
        ({"signature_timestamp": 1}, 400, "INVALID_TIMESTAMP"),
        ({"type": "MARKET", "price": "0"}, 201, ""),
        ({"type": "MARKET", "price": "0", "instruction": "POST_ONLY"}, 400, "VALIDATION_ERROR"),
    ],
)
def test_orders_by_hand(bench: Bench, changes: dict[str, Any], status: int, code: str) -> None:
    async def body(desk: BenchDesk) -> None:
        told, answer, _ = await call(desk, "POST", "/orders", signed(desk, **changes))
        assert (told, answer.get("error", "")) == (status, code)
        if status == 201:
            assert (answer["status"], answer["remaining_size"]) == ("NEW", answer["size"])

    bench(body)


def test_a_window_is_kept(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        late = signed(desk, recv_window=2000)
        await desk.sleep(2 * SECOND_NS + 1_000_000)
        assert (await call(desk, "POST", "/orders", late))[1]["error"] == "INVALID_TIMESTAMP"
        usual = signed(desk)
        await desk.sleep(299 * SECOND_NS)
        assert (await call(desk, "POST", "/orders", usual))[0] == 201

    bench(body)


def test_a_signature_works_once_and_an_id_while_its_order_rests(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        first = signed(desk)
        assert (await call(desk, "POST", "/orders", first))[0] == 201
        assert (await call(desk, "POST", "/orders", first))[1]["error"] == "INVALID_REQUEST_PARAMETER"
        await desk.sleep(SECOND_NS)
        assert (await call(desk, "POST", "/orders", signed(desk)))[1]["error"] == "DUPLICATED_CLIENT_ID"
        assert (await call(desk, "DELETE", "/orders/by_client_id/by-hand"))[0] == 204
        assert (await call(desk, "POST", "/orders", signed(desk)))[0] == 201

    bench(body)


def test_a_closed_order_is_hidden_by_its_id(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        _, placed, _ = await call(desk, "POST", "/orders", signed(desk))
        path = f"/orders/{placed['id']}"
        assert (await call(desk, "GET", path))[1]["status"] == "NEW"
        assert (await call(desk, "GET", "/orders/by_client_id/by-hand"))[1]["error"] == "CLIENT_ORDER_ID_NOT_FOUND"
        await desk.sleep(SECOND_NS)
        assert (await call(desk, "GET", path))[1]["status"] == "OPEN"
        assert (await call(desk, "GET", "/orders/by_client_id/by-hand"))[1]["id"] == placed["id"]
        assert (await call(desk, "DELETE", path))[0] == 204
        assert (await call(desk, "GET", path))[1]["error"] == "ORDER_ID_NOT_FOUND"
        _, history, _ = await call(desk, "GET", "/orders-history?client_id=by-hand")
        (row,) = history["results"]
        assert (row["status"], row["cancel_reason"]) == ("CLOSED", "USER_CANCELED")

    bench(body)


def test_batches(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        batch = [signed(desk, client_id=name, price=price) for name, price in (("a", "50000"), ("b", "0.123"))]
        status, answer, _ = await call(desk, "POST", "/orders/batch", batch)
        assert status == 201
        assert [row["client_id"] for row in answer["orders"]] == ["a"]
        assert [row["error"] for row in answer["errors"]] == ["VALIDATION_ERROR"]
        _, answer, _ = await call(desk, "DELETE", "/orders/batch", {"client_order_ids": ["a", "b"]})
        assert [row["status"] for row in answer["results"]] == ["QUEUED_FOR_CANCELLATION", "NOT_FOUND"]
        assert (await call(desk, "POST", "/orders/batch", []))[1]["error"] == "BATCH_SIZE_OUT_OF_RANGE"

    bench(body)


@pytest.mark.parametrize(
    ("path", "changes", "code"),
    [
        (f"/auth/{hex(public_of(SUBKEY))}", {}, ""),
        ("/auth", {}, "STARKNET_SIGNATURE_VERIFICATION_FAILED"),
        ("/auth/0x77", {}, "INVALID_SUBKEY"),
        ("/auth/zz", {}, "PUBLIC_KEY_INVALID"),
        (f"/auth/{hex(public_of(SUBKEY))}", {"PARADEX-STARKNET-ACCOUNT": "0x1"}, "NOT_ONBOARDED"),
        (f"/auth/{hex(public_of(SUBKEY))}", {"PARADEX-STARKNET-ACCOUNT": "me"}, "INVALID_STARKNET_ADDRESS"),
        (f"/auth/{hex(public_of(SUBKEY))}", {"PARADEX-TIMESTAMP": "1"}, "INVALID_TIMESTAMP"),
        (f"/auth/{hex(public_of(SUBKEY))}", {"PARADEX-TIMESTAMP": ""}, "INVALID_TIMESTAMP"),
        (
            f"/auth/{hex(public_of(SUBKEY))}",
            {"PARADEX-STARKNET-SIGNATURE": '["1","2"]'},
            "STARKNET_SIGNATURE_VERIFICATION_FAILED",
        ),
        (
            f"/auth/{hex(public_of(SUBKEY))}",
            {"PARADEX-STARKNET-SIGNATURE": "?"},
            "STARKNET_SIGNATURE_VERIFICATION_FAILED",
        ),
    ],
)
def test_logins(bench: Bench, path: str, changes: dict[str, str], code: str) -> None:
    async def body(desk: BenchDesk) -> None:
        signer = Signer(account(), hex(SUBKEY), CHAIN)
        headers = {**signer.login_headers(desk.clock.now_ns() // SECOND_NS), **changes}
        _, answer, _ = await call(desk, "POST", path, headers=headers, key=False)
        assert answer.get("error", "") == code
        assert ("jwt_token" in answer) is not bool(code)

    bench(body)


def test_tokens(bench: Bench) -> None:
    async def body(desk: Any) -> None:
        good = await desk.trading._rest.session.token()
        for token in ("", f"{good}x", f"x{good}", "a.b.c"):
            status, answer, _ = await call(desk, "GET", "/balance", headers={"Authorization": f"Bearer {token}"})
            assert (status, answer["error"]) == (401, "UNAUTHORIZED_ERROR")
        headers = {"Authorization": f"Bearer {good}"}
        assert (await call(desk, "GET", "/balance", headers=headers))[0] == 200
        await desk.sleep(5 * MINUTE_NS)
        assert (await call(desk, "GET", "/balance", headers=headers))[0] == 401

    bench(body)


def test_limits_of_the_address_and_the_account(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        await desk.sleep(MINUTE_NS)
        answers = [(await call(desk, "GET", "/balance"))[2] for _ in range(121)]
        assert [each.status for each in answers].count(200) == 120
        assert answers[-1].status == 429
        assert answers[-1].headers["Retry-After"] == "1"
        assert answers[0].headers["X-RateLimit-Limit"] == "600"
        assert answers[119].headers["X-RateLimit-Remaining"] == "480"
        await desk.sleep(MINUTE_NS)
        public = [(await call(desk, "GET", "/system/time", key=False))[0] for _ in range(1_501)]
        assert (public.count(200), public[-1]) == (1_500, 429)

    bench(body)


def test_pages(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        for _ in range(5):
            await desk.send(await desk.request())
        whole = (await call(desk, "GET", "/fills"))[1]["results"]
        found, cursor = [], ""
        while True:
            _, answer, _ = await call(desk, "GET", f"/fills?page_size=2&cursor={quote(cursor)}")
            found += answer["results"]
            cursor = answer["next"] or ""
            if not cursor:
                break
        assert found == whole
        assert [row["created_at"] for row in whole] == sorted((row["created_at"] for row in whole), reverse=True)
        for bad in ("page_size=0", "page_size=9999", "cursor=%21", "start_at=x"):
            assert (await call(desk, "GET", f"/fills?{bad}"))[1]["error"] == "INVALID_REQUEST_PARAMETER"

    bench(body)


def test_two_runs_of_the_fake_are_one(bench: Bench) -> None:
    heard: list[list[str]] = []

    async def body(desk: BenchDesk) -> None:
        seen: list[str] = []
        for request in (await desk.request(), await desk.resting(), await desk.request(Side.SELL)):
            await desk.send(request)
        for path in ("/orders-history", "/fills", "/positions", "/account", "/markets/summary?market=ALL"):
            seen.append(json.dumps((await call(desk, "GET", path))[1]))
        heard.append(seen)

    for _ in range(2):
        bench(body)
    assert heard[0] == heard[1]


def test_what_the_venue_can_express() -> None:
    market = SeededMarket(seed=7, exchange="pd", profile=PROFILES["hyperliquid-like"], assets=("BTC",))
    instrument: Instrument = market.instruments()[0]
    for price in ("0.0000012", "0.5", "64250", "1000000"):
        found = fitted(instrument, Decimal(price))
        assert found.tick_size >= Decimal("1e-8")
        assert found.lot_size >= Decimal("1e-8")
        assert Decimal(price) // found.tick_size > 50
        assert found.funding_interval_ns == 0
        assert found.funding_price_base is PriceBase.INDEX
    thousand = fitted(replace(instrument, multiplier=Decimal(1000)), Decimal("0.01"))
    assert (thousand.symbol, str(thousand.id)) == ("kBTC-USD-PERP", "kBTC-PERP.pd")
    assert thousand.multiplier == 1000
    assert market.next_settlement_ns(instrument.id, START_NS) is not None


def test_unknown_paths(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        for method, path in (("GET", "/nothing"), ("PUT", "/orders"), ("POST", "/balance"), ("GET", "/orders/")):
            assert (await call(desk, method, path))[1]["error"] == "NOT_FOUND"
        assert (await call(desk, "POST", "/orders"))[1]["error"] == "BINDING_ERROR"
        assert (await call(desk, "GET", "/markets?market=NO-USD-PERP"))[0] == 404
        assert (await call(desk, "GET", "/markets/summary"))[1]["error"] == "INVALID_REQUEST_PARAMETER"
        assert (await call(desk, "GET", "/orderbook/BTC-USD-PERP?depth=9999"))[1][
            "error"
        ] == "INVALID_REQUEST_PARAMETER"

    bench(body)
