"""Orders by the SDK of GRVT."""

from __future__ import annotations

import importlib
import json
import threading
import time
from typing import Any

from ._common import timed, version


class GrvtSdk:
    """grvt-pysdk: requests in one session, eth-account for signatures, dataclasses for answers."""

    def __init__(self, told: Any) -> None:
        self.about = version("grvt-pysdk", "coincurve")
        self._bodies = told["bodies"]
        self._types = importlib.import_module("pysdk.grvt_raw_types")
        self._sign = importlib.import_module("pysdk.grvt_raw_signing").sign_order
        base = importlib.import_module("pysdk.grvt_raw_base")
        self._base, self._config = base, importlib.import_module("dacite").Config
        self._from_dict = importlib.import_module("dacite").from_dict
        settings = told["settings"]
        self._account_id = settings["sub_account_id"]
        config = base.GrvtApiConfig(
            env=base.GrvtEnv.TESTNET,
            trading_account_id=self._account_id,
            private_key=settings["private_key"],
            api_key=settings["api_key"],
            logger=None,
        )
        self._api = importlib.import_module("pysdk.grvt_raw_sync").GrvtRawSync(config)
        self._api.md_rpc = self._api.td_rpc = told["address"]
        self._api.env.edge.rpc_endpoint = told["address"]
        found = self._api.get_all_instruments_v1(self._types.ApiGetAllInstrumentsRequest(is_active=True)).result
        self._instruments = {each.instrument: each for each in found}
        self._number = 0

    def measure(self, what: str, count: int, order: Any) -> list[float]:
        """Do something so many times."""
        if what in self._bodies:
            kind = {"answer": "ApiCreateOrderResponse", "fills": "ApiFillHistoryResponse"}.get(
                what, "ApiPositionsResponse"
            )
            body, response = self._bodies[what], getattr(self._types, kind)
            config = self._config(cast=[self._base.Enum])
            return timed(lambda _: self._from_dict(response, json.loads(body), config), count)
        if what == "prepared":
            return timed(lambda number: self._encoded(self._signed(order, number)), count)
        if what == "sign":
            made = self._order(order, 0)
            return timed(lambda _: self._sign(made, self._api.config, self._api.account, self._instruments), count)
        if what == "order":
            # The venue takes 20 orders a second, and this client does not count them.
            threading.Event().wait(1)
            return timed(lambda number: self._ordered(order, number), count)
        return []

    def _ordered(self, order: Any, number: int) -> None:
        request = self._types.ApiCreateOrderRequest(order=self._signed(order, number))
        answer = self._api.create_order_v1(request)
        assert answer.result.state.status.value == "PENDING", answer

    def _encoded(self, made: Any) -> bytes:
        request = self._types.ApiCreateOrderRequest(order=made)
        return json.dumps(request, cls=self._base.DataclassJSONEncoder).encode()

    def _signed(self, order: Any, number: int) -> Any:
        return self._sign(self._order(order, number), self._api.config, self._api.account, self._instruments)

    def _order(self, order: Any, number: int) -> Any:
        self._number += 1
        types, is_buy = self._types, number % 2 == 0
        leg = types.OrderLeg(
            instrument=order["symbol"],
            size=order["quantity"],
            is_buying_asset=is_buy,
            limit_price=order["buy" if is_buy else "sell"],
        )
        until = str(time.time_ns() + 35 * 10**9)  # noqa: TID251 - a process of its own, in real time
        return types.Order(
            sub_account_id=self._account_id,
            is_market=False,
            time_in_force=types.TimeInForce.IMMEDIATE_OR_CANCEL,
            post_only=False,
            reduce_only=False,
            legs=[leg],
            signature=types.Signature(signer="", r="", s="", v=0, expiration=until, nonce=self._number),
            metadata=types.OrderMetadata(client_order_id=str((1 << 63) + self._number)),
        )
