"""Orders by the SDK of Backpack."""

from __future__ import annotations

import importlib
import json
from typing import Any

from ._common import timed, version


class BackpackSdk:
    """bpx-py: requests without a session, cryptography for signatures."""

    def __init__(self, told: Any) -> None:
        self.about = version("bpx-py", "cryptography")
        self._bodies = told["bodies"]
        self._account = importlib.import_module("bpx.account").Account(
            told["settings"]["api_key"], told["settings"]["api_secret"]
        )
        self._account.BPX_API_URL = told["address"] + "/"
        self._base = importlib.import_module("bpx.base.base_account").BaseAccount
        self._number = 0

    def measure(self, what: str, count: int, order: Any) -> list[float]:
        """Do something so many times."""
        if what in self._bodies:
            body = self._bodies[what]
            return timed(lambda _: json.loads(body), count)
        if what == "order":
            return timed(lambda number: self._ordered(order, number), count)
        if what == "prepared":
            return timed(lambda number: json.dumps(self._request(self._base, order, number).data).encode(), count)
        if what == "sign":
            params = self._request(self._base, order, 0).data
            return timed(lambda _: self._account._headers(params, "orderExecute", None), count)
        return []

    def _ordered(self, order: Any, number: int) -> None:
        answer = self._request(type(self._account), order, number)
        assert answer["status"] == "Filled", answer

    def _request(self, kind: Any, order: Any, number: int) -> Any:
        self._number += 1
        is_buy = number % 2 == 0
        return kind.execute_order(
            self._account,
            symbol=order["symbol"],
            side="Bid" if is_buy else "Ask",
            order_type="Limit",
            time_in_force="IOC",
            quantity=order["quantity"],
            price=order["buy" if is_buy else "sell"],
            self_trade_prevention="RejectTaker",
            client_id=self._number,
        )
