"""Orders by the SDK of edgeX."""

from __future__ import annotations

import asyncio
import importlib
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from ._common import timed, version

_PATH = "/api/v2/private/order/createOrder"


class EdgexSdk:
    """edgex-python-sdk: aiohttp in one session, eth-account for the order's typed data, HMAC for the request."""

    def __init__(self, told: Any) -> None:
        self.about = version("edgex-python-sdk", "eth-account", "coincurve")
        self._bodies = told["bodies"]
        self._settings = told["settings"]
        self._types = importlib.import_module("edgex_sdk.order.types")
        self._auth = importlib.import_module("edgex_sdk.internal.auth")
        self._loop = asyncio.new_event_loop()
        self._unsent = _Unsent()
        self._online, self._offline = self._loop.run_until_complete(self._clients(told))
        self._number = 0

    async def _clients(self, told: Any) -> Any:
        settings = self._settings
        keys = {name: settings[name] for name in ("api_key", "api_passphrase", "api_secret", "account_id")}
        keys["trading_private_key"] = settings["trading_key"]

        def client() -> Any:
            return importlib.import_module("edgex_sdk").Client(base_url=told["address"], **keys)

        online, offline = client(), client()
        await online.get_metadata()
        await offline.get_metadata()
        await offline.close()
        offline.async_client._session = self._unsent
        return online, offline

    def measure(self, what: str, count: int, order: Any) -> list[float]:
        """Do something so many times."""
        if what in self._bodies:
            body = self._bodies[what]
            return timed(lambda _: json.loads(body), count)
        if what in ("prepared", "order"):
            return self._loop.run_until_complete(self._ordered(what, count, order))
        if what == "sign":
            self._loop.run_until_complete(self._ordered("prepared", 1, order))
            return timed(lambda _: self._signed(self._unsent.body), count)
        return timed(lambda _: json.dumps(self._unsent.body).encode(), count) if what == "json" else []

    async def _ordered(self, what: str, count: int, order: Any) -> list[float]:
        client, found = self._online if what == "order" else self._offline, []
        for number in range(count):
            request = self._request(order, number)
            began = time.perf_counter_ns()
            answer = await client.create_order(request)
            found.append((time.perf_counter_ns() - began) / 1e3)
            assert answer["code"] == "SUCCESS", answer
        return found

    def _signed(self, body: Any) -> Any:
        """Return the headers of a request."""
        auth, settings = self._auth, self._settings
        return auth.build_hmac_headers(
            api_key=settings["api_key"],
            api_passphrase=settings["api_passphrase"],
            api_secret=settings["api_secret"],
            timestamp="1767225600000",
            method="POST",
            request_uri=_PATH,
            body=auth.get_value(body),
        )

    def _request(self, order: Any, number: int) -> Any:
        self._number += 1
        types, is_buy = self._types, number % 2 == 0
        return types.CreateOrderParams(
            contract_id=order["contract_id"],
            price=order["buy" if is_buy else "sell"],
            size=order["quantity"],
            type=types.OrderType.LIMIT,
            side=types.OrderSide.BUY if is_buy else types.OrderSide.SELL,
            time_in_force=types.TimeInForce.IMMEDIATE_OR_CANCEL,
            client_order_id=f"sdk-{self._number}",
        )


class _Unsent:
    """A session that encodes a request as aiohttp's does, sends nothing, and has its own answer."""

    closed = False
    status = 200
    body: Any = None

    @asynccontextmanager
    async def request(self, **request: Any) -> AsyncIterator[Any]:
        self.body = request["json"]
        json.dumps(self.body).encode()
        yield self

    async def json(self) -> Any:
        return {"code": "SUCCESS"}
