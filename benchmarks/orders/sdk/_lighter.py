"""Orders by the SDK of Lighter."""

from __future__ import annotations

import asyncio
import importlib
import time
from typing import Any

from ._common import timed, version


class LighterSdk:
    """lighter-sdk: aiohttp in one session, the venue's own library for signatures."""

    def __init__(self, told: Any) -> None:
        self.about = version("lighter-sdk", "pydantic")
        self._bodies = told["bodies"]
        self._loop = asyncio.new_event_loop()
        self._key = told["settings"]["api_key_index"]
        self._lighter = importlib.import_module("lighter")
        self._online, self._offline = self._loop.run_until_complete(self._clients(told))
        self._number = 0

    async def _clients(self, told: Any) -> Any:
        settings = told["settings"]

        def client() -> Any:
            keys = {self._key: settings["private_key"]}
            return self._lighter.SignerClient(
                url=told["address"], account_index=settings["account_index"], api_private_keys=keys
            )

        online, offline = client(), client()

        async def unsent(**_more: Any) -> Any:
            return None

        offline.send_tx = unsent
        return online, offline

    def measure(self, what: str, count: int, order: Any) -> list[float]:
        """Do something so many times."""
        kinds = {"answer": "RespSendTx", "fills": "Trades", "positions": "DetailedAccounts"}
        if what in self._bodies:
            body, client = self._bodies[what], self._online.api_client
            return timed(lambda _: client.deserialize(body, kinds[what], "application/json"), count)
        if what == "sign":
            fields = self._fields(order, 0)
            return timed(lambda _: self._offline.sign_create_order(**fields, nonce=1, api_key_index=self._key), count)
        if what in ("prepared", "order"):
            return self._loop.run_until_complete(self._ordered(what, count, order))
        return []

    async def _ordered(self, what: str, count: int, order: Any) -> list[float]:
        found = []
        for number in range(count):
            fields = self._fields(order, number)
            began = time.perf_counter_ns()
            if what == "order":
                _, answer, error = await self._online.create_order(**fields)
                assert error is None, error
                assert answer.code == 200, answer
            else:
                await self._offline.create_order(**fields, nonce=1, api_key_index=self._key)
            found.append((time.perf_counter_ns() - began) / 1e3)
        return found

    def _fields(self, order: Any, number: int) -> dict[str, Any]:
        self._number += 1
        is_buy = number % 2 == 0
        return {
            "market_index": order["market"],
            "client_order_index": self._number,
            "base_amount": order["amount"],
            "price": order["buy_ticks" if is_buy else "sell_ticks"],
            "is_ask": not is_buy,
            "order_type": 0,
            "time_in_force": 0,
            "order_expiry": 0,
        }
