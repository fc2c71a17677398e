from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
from collections.abc import Awaitable, Callable
from decimal import Decimal as D
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from arb.api import ExchangeSpec, HttpRequest, HttpResponse
from arb.model import SECOND_NS
from arb.net import EvmKey, TypedData
from arb.simulation import VirtualClock, run_virtual
from arb.testing import START_NS, Bench, FakeWorld, recorded_data
from arb_exchange_edgex import plugin
from arb_exchange_edgex.fake._keys import ACCOUNT_ID, API_KEY, PASSPHRASE, SECRET, TRADING_KEY

DATA = Path(os.environ.get("ARB_REAL_DATA", Path(__file__).parents[4] / "../shared/data"))
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


@pytest.fixture
def wire_data() -> Path:
    """Return the folder of recorded payloads."""
    return recorded_data(DATA / "wire")


@pytest.fixture
def vector_data() -> Path:
    """Return the file of signing vectors."""
    return recorded_data(DATA.parent / "venues/vectors/edgex.json")


@pytest.fixture
def spec() -> ExchangeSpec:
    (found,) = plugin.arb_exchanges()
    return found


@pytest.fixture
def bench(spec: ExchangeSpec) -> Bench:
    """Return what runs a body on the plugin over its fake, in virtual time."""
    return Bench(spec)


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
