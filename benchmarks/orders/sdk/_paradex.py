"""Orders by the SDK of Paradex."""

from __future__ import annotations

import importlib
import json
from decimal import Decimal
from typing import Any

from ._common import timed, version


class ParadexSdk:
    """paradex-py: httpx in one session, starknet-py for typed data, Rust or C++ for the curve."""

    def __init__(self, told: Any) -> None:
        self.about = version("paradex-py", "starknet-py", "starknet-crypto-py", "crypto-cpp-py")
        self._bodies = told["bodies"]
        self._kinds = importlib.import_module("paradex_py.common.order")
        self._message = importlib.import_module("paradex_py.message.order").build_order_message
        starknet = importlib.import_module("paradex_py.account.starknet")
        self._hash = starknet.typed_data_to_message_hash
        self._online, self._offline = self._client(told), self._client(told)
        httpx, http = importlib.import_module("httpx"), self._offline.api_client.client

        def unsent(**request: Any) -> Any:
            http.build_request(**request)
            return httpx.Response(204)

        http.request = unsent
        self._number = 0

    @staticmethod
    def _client(told: Any) -> Any:
        """Return a client that is logged in; its address has no setting, and it is asked when it begins."""
        settings, api = told["settings"], importlib.import_module("paradex_py.api.api_client").ParadexApiClient
        original = api.__init__

        def begun(self: Any, *args: Any, **more: Any) -> None:
            original(self, *args, **more)
            self.api_url = settings["api_url"]

        api.__init__ = begun
        try:
            made = importlib.import_module("paradex_py").ParadexSubkey(
                env=settings["network"],
                l2_private_key=settings["private_key"],
                l2_address=settings["account"],
                ws_enabled=False,
            )
            made.api_client.fetch_positions()
            return made
        finally:
            api.__init__ = original

    def measure(self, what: str, count: int, order: Any) -> list[float]:
        """Do something so many times."""
        if what in self._bodies:
            body = self._bodies[what]
            return timed(lambda _: json.loads(body), count)
        if what == "order":
            return timed(lambda number: self._ordered(order, number), count)
        if what == "prepared":
            return timed(lambda number: self._offline.api_client.submit_order(self._order(order, number)), count)
        account, made = self._offline.account, self._order(order, 0)
        works = {
            "hash": lambda _: self._hash(self._message(account.l2_chain_id, made), account.l2_address),
            "sign": lambda _: account.sign_order(made),
            "json": lambda _: json.dumps(made.dump_to_dict()).encode(),
        }
        return timed(works[what], count) if what in works else []

    def _ordered(self, order: Any, number: int) -> None:
        answer = self._online.api_client.submit_order(self._order(order, number))
        assert answer["status"] == "NEW", answer

    def _order(self, order: Any, number: int) -> Any:
        self._number += 1
        kinds, is_buy = self._kinds, number % 2 == 0
        return kinds.Order(
            market=order["symbol"],
            order_type=kinds.OrderType.Limit,
            order_side=kinds.OrderSide.Buy if is_buy else kinds.OrderSide.Sell,
            size=Decimal(order["quantity"]),
            limit_price=Decimal(order["buy" if is_buy else "sell"]),
            client_id=f"sdk-{self._number}",
            instruction="IOC",
        )
