"""Orders by the SDK of Hyperliquid."""

from __future__ import annotations

import importlib
import json
from typing import Any

from ._common import timed, version


class HyperliquidSdk:
    """hyperliquid-python-sdk: requests in one session, eth-account for signatures."""

    def __init__(self, told: Any) -> None:
        self.about = version("hyperliquid-python-sdk", "coincurve")
        self._bodies = told["bodies"]
        self._signing = importlib.import_module("hyperliquid.utils.signing")
        self._cloid = importlib.import_module("hyperliquid.utils.types").Cloid
        exchange = importlib.import_module("hyperliquid.exchange").Exchange
        account = importlib.import_module("eth_account").Account
        self._wallet = account.from_key(told["settings"]["key"])
        more = {"base_url": told["address"], "account_address": told["settings"]["account"]}
        self._online, self._offline = exchange(self._wallet, **more), exchange(self._wallet, **more)
        self._offline.post = lambda _path, payload: json.dumps(payload).encode()
        self._number = 0

    def measure(self, what: str, count: int, order: Any) -> list[float]:
        """Do something so many times."""
        if what in self._bodies:
            body = self._bodies[what]
            return timed(lambda _: json.loads(body), count)
        if what in ("prepared", "order"):
            exchange = self._online if what == "order" else self._offline
            return timed(lambda number: self._ordered(exchange, order, number), count)
        signing, wire = self._signing, self._wire(order)
        action = signing.order_wires_to_order_action([wire])
        digest = signing.action_hash(action, None, 1, None)
        agent = signing.construct_phantom_agent(digest, False)
        payload = {"action": action, "nonce": 1, "signature": {"r": hex(1 << 255), "s": hex(1 << 255), "v": 27}}
        works = {
            "encode": lambda _: signing.order_wires_to_order_action([self._wire(order)]),
            "hash": lambda _: signing.action_hash(action, None, 1, None),
            "sign": lambda _: signing.sign_inner(self._wallet, signing.l1_payload(agent)),
            "json": lambda _: json.dumps(payload).encode(),
        }
        return timed(works[what], count) if what in works else []

    def _ordered(self, exchange: Any, order: Any, number: int) -> None:
        self._number += 1
        is_buy = number % 2 == 0
        answer = exchange.order(
            order["symbol"],
            is_buy,
            float(order["quantity"]),
            float(order["buy" if is_buy else "sell"]),
            {"limit": {"tif": "Ioc"}},
            cloid=self._cloid.from_int(self._number),
        )
        if isinstance(answer, dict):
            assert "filled" in answer["response"]["data"]["statuses"][0], answer

    def _wire(self, order: Any) -> Any:
        request = {
            "coin": order["symbol"],
            "is_buy": True,
            "sz": float(order["quantity"]),
            "limit_px": float(order["buy"]),
            "order_type": {"limit": {"tif": "Ioc"}},
            "reduce_only": False,
            "cloid": self._cloid.from_int(1),
        }
        return self._signing.order_request_to_order_wire(request, 1)
