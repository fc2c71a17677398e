"""The official SDKs, driven line by line over standard input; run by an interpreter that has one of them and no arb."""

from __future__ import annotations

import asyncio
import importlib
import importlib.metadata
import json
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any, Final


def timed(work: Any, count: int) -> list[float]:
    """Return the microseconds of each call of `work(number)`."""
    found = []
    for number in range(count):
        began = time.perf_counter_ns()
        work(number)
        found.append((time.perf_counter_ns() - began) / 1e3)
    return found


def version(*names: str) -> str:
    """Return names with their versions, those that are not installed left out."""
    found = []
    for name in names:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            found.append(f"no {name}")
    return ", ".join(found)


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


_KINDS: Final[Mapping[str, Any]] = {
    "backpack": BackpackSdk,
    "binance": BinanceSdk,
    "grvt": GrvtSdk,
    "hyperliquid": HyperliquidSdk,
    "lighter": LighterSdk,
}


def main() -> None:
    """Answer each line of standard input with one line."""
    kind: Any = _KINDS[sys.argv[1]]
    answers, sys.stdout = sys.stdout, sys.stderr  # an SDK may print
    sdk = kind(json.loads(sys.stdin.readline()))
    print(json.dumps(f"{sdk.about}, Python {sys.version.split()[0]}"), file=answers, flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(sdk.measure(asked["what"], asked["count"], asked["order"])), file=answers, flush=True)


if __name__ == "__main__":
    main()
