"""Orders at Aster, which has no SDK of its own, by ccxt."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from typing import Any

from ._common import timed, version


class AsterClient:
    """ccxt: requests in one session, its own typed data, coincurve for signatures where it is there; floats."""

    def __init__(self, told: Any) -> None:
        self.about = version("ccxt", "coincurve")
        self._bodies = told["bodies"]
        self._client = client = self._made(told)
        client.load_markets()
        client.load_leverage_brackets()
        self._market = client.market("ETH/USDT:USDT")
        self._number = 0

    @staticmethod
    def _made(told: Any) -> Any:
        """Return a client that signs as the account's agent, of which it knows nothing by itself."""
        settings = told["settings"]
        client = importlib.import_module("ccxt").aster({"privateKey": f"0x{settings['agent_key']}"})
        client.enableRateLimit = False
        client.options |= {
            "defaultType": "swap",
            "builderFee": False,  # its builder's fee is approved with the first order otherwise
            "signerAddress": client.eth_get_address_from_private_key(client.privateKey),
            "cachedWalletAddress": settings["user"],
            "privateKeyHashForCachedWalletAddress": client.hash(client.encode(client.privateKey), "keccak", "hex"),
        }
        for name in ("fapiPublic", "fapiPrivate"):
            client.urls["api"][name] = f"{told['address']}/fapi"
        client.sapiPublicGetV3ExchangeInfo = lambda params=None: {"symbols": []}
        # Its nonces are milliseconds, and two requests within one would have the same.
        now_ms: Callable[[], int] = client.milliseconds
        last_ms = 0

        def rising() -> int:
            nonlocal last_ms
            last_ms = max(last_ms + 1, now_ms())
            return last_ms

        client.milliseconds = rising
        return client

    def measure(self, what: str, count: int, order: Any) -> list[float]:
        """Do something so many times."""
        client = self._client
        if what in self._bodies:
            body, work = self._bodies[what], getattr(self, f"_{what}")
            return timed(lambda _: work(json.loads(body)), count)
        if what == "order":
            return timed(lambda number: self._ordered(order, number), count)
        if what == "prepared":
            return timed(lambda number: self._signed(client.create_order_request(*self._terms(order, number))), count)
        if what == "encode":
            return timed(lambda number: client.create_order_request(*self._terms(order, number)), count)
        if what == "sign":
            request = client.create_order_request(*self._terms(order, 0))
            return timed(lambda _: self._signed(request), count)
        return []

    def _signed(self, request: Any) -> Any:
        return self._client.sign("v3/order", ["fapiPrivate"], "POST", request)

    def _ordered(self, order: Any, number: int) -> None:
        answer = self._client.create_order(*self._terms(order, number))
        assert answer["filled"], answer

    def _answer(self, row: Any) -> Any:
        return self._client.parse_order(row, self._market)

    def _fills(self, rows: Any) -> Any:
        return self._client.parse_trades(rows, self._market)

    def _positions(self, rows: Any) -> Any:
        return [self._client.parse_position_risk(row) for row in rows]

    def _terms(self, order: Any, number: int) -> Any:
        self._number += 1
        is_buy = number % 2 == 0
        price = float(order["buy" if is_buy else "sell"])
        more = {"timeInForce": "IOC", "clientOrderId": f"sdk-{self._number}", "newOrderRespType": "RESULT"}
        return self._market["symbol"], "limit", "buy" if is_buy else "sell", float(order["quantity"]), price, more
