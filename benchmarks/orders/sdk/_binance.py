"""Orders by the connector of Binance."""

from __future__ import annotations

import importlib
import json
from typing import Any

from ._common import timed, version


class BinanceSdk:
    """The official connector: requests in one session, every parameter in the query, answers as pydantic models."""

    def __init__(self, told: Any) -> None:
        self.about = version("binance-sdk-derivatives-trading-usds-futures", "binance-common")
        self._bodies = told["bodies"]
        self._models = importlib.import_module("binance_sdk_derivatives_trading_usds_futures.rest_api.models")
        self._utils = importlib.import_module("binance_common.utils")
        self._settings = told["settings"]
        self._online, self._offline = self._client(told["address"]), self._client(told["address"])
        self._offline._session.request = self._left
        self._number = 0

    def measure(self, what: str, count: int, order: Any) -> list[float]:
        """Do something so many times."""
        if what == "answer":
            model = self._models.NewOrderResponse
            return timed(lambda _: model.from_dict(json.loads(self._bodies[what])), count)
        if what in self._bodies:
            name = {"fills": "AccountTradeListResponseInner", "positions": "PositionInformationV3ResponseInner"}[what]
            model = getattr(self._models, name)
            return timed(lambda _: [model.from_dict(row) for row in json.loads(self._bodies[what])], count)
        if what == "order":
            return timed(lambda number: self._ordered(order, number), count)
        if what == "prepared":
            return timed(lambda number: self._prepared(order, number), count)
        if what == "sign":
            form = "symbol=ETHUSDT&side=BUY&type=LIMIT&timeInForce=IOC&quantity=0.1&price=1600&timestamp=1767225600123"
            config = self._online.configuration
            return timed(lambda _: self._utils.get_signature(config, form, None), count)
        return []

    def _client(self, address: str) -> Any:
        config = importlib.import_module("binance_common.configuration").ConfigurationRestAPI(
            api_key=self._settings["api_key"],
            api_secret=self._settings["api_secret"],
            base_path=address,
            timeout=10_000,
            retries=0,
        )
        name = "binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures"
        return importlib.import_module(name).DerivativesTradingUsdsFutures(config_rest_api=config).rest_api

    def _ordered(self, order: Any, number: int) -> None:
        answer = self._request(self._online, order, number).data()
        assert answer.status == "FILLED", answer

    def _prepared(self, order: Any, number: int) -> None:
        try:
            self._request(self._offline, order, number)
        except _LeftError:
            return
        raise AssertionError("the request was not made")

    @staticmethod
    def _left(**request: Any) -> None:
        raise _LeftError

    def _request(self, rest: Any, order: Any, number: int) -> Any:
        self._number += 1
        is_buy = number % 2 == 0
        return rest.new_order(
            symbol=order["symbol"],
            side="BUY" if is_buy else "SELL",
            type="LIMIT",
            time_in_force="IOC",
            quantity=float(order["quantity"]),
            price=float(order["buy" if is_buy else "sell"]),
            new_client_order_id=f"sdk-{self._number}",
            new_order_resp_type="RESULT",
        )


class _LeftError(Exception):
    """A request that would have left."""
