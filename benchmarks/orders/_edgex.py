"""Orders at edgeX."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, ClassVar, Self

from arb.model import MINUTE_NS, ClientOrderId, OrderRequest
from arb.net import RateBudget, RateLimit, decoded
from arb.runtime import WallClock
from arb_exchange_edgex._account import positions_of
from arb_exchange_edgex._orders import order_body, order_of, terms_of
from arb_exchange_edgex._signing import RequestSigner, TypedSigner, flattened
from arb_exchange_edgex._trading import EdgexTrading
from arb_exchange_edgex.fake import fake_settings
from arb_exchange_edgex.fake._limits import CALLS

from ._ours import FILLS, Ours, Sample

_PATH = "/api/v2/private/order/createOrder"
_TIME_MS = 1_767_225_600_000


class Edgex(Ours):
    """Signs twice when it prepares: typed data of the order (secp256k1), then the request that carries it (HMAC).

    The venue answers an order with its number alone, so `order` and `send` hold the reads that tell what became of
    it. The fake has an order pending for 50 ms, as a chain's sequencer would.
    """

    name = "edgex"
    paths: ClassVar[Mapping[str, str]] = {
        "answer": "api/v2/private/order/getOrderById",
        "fills": "api/v2/private/order/getHistoryOrderFillTransactionPage",
        "positions": "api/v2/private/account/getAccountAsset",
    }

    @classmethod
    @asynccontextmanager
    async def open(cls, fake: Mapping[str, Any]) -> AsyncIterator[Self]:
        """Open with as many calls a minute as the fake takes: each order needs some reads."""
        async with super().open(fake) as ours:
            assert isinstance(ours.trading, EdgexTrading)
            limit = RateLimit(weight=CALLS, per_ns=MINUTE_NS)
            ours.trading._rest._budget = RateBudget(WallClock(), [limit])
            yield ours

    async def signed(self, request: OrderRequest) -> object:
        """Prepare."""
        return await self.trading.prepare_order(request)

    async def parts(self, sample: Sample) -> Mapping[str, Callable[[], object]]:
        """Return the body with the order's own signature, the signed headers, and the body as bytes."""
        trading = self.trading
        assert isinstance(trading, EdgexTrading)
        settings = fake_settings(self.address)
        account_id = settings["account_id"]
        key, passphrase, secret, trading_key = (
            settings[name].get_secret_value() for name in ("api_key", "api_passphrase", "api_secret", "trading_key")
        )
        requests, orders = RequestSigner(key, passphrase, secret), TypedSigner(trading_key, account_id)
        listing = await trading._catalog.listing()
        market, terms = listing.market(sample.instrument.id), terms_of(sample.request(0), "bench-0", _TIME_MS)
        body = order_body(market, listing.chain, account_id, orders, terms)
        return {
            "encode": lambda: order_body(market, listing.chain, account_id, orders, terms),
            "sign": lambda: requests.headers("POST", _PATH, flattened(body), _TIME_MS),
            "json": lambda: json.dumps(body, separators=(",", ":")).encode(),
        }

    async def bare(self, requests: list[OrderRequest]) -> list[tuple[str, Mapping[str, str], bytes]]:
        """Return the signed headers and bodies."""
        prepared: list[Any] = [await self.trading.prepare_order(each) for each in requests]
        signed = [each.payload.signed for each in prepared]
        json_type = {"Content-Type": "application/json"}
        return [(each.path, {**each.headers, **json_type}, each.body) for each in signed]

    def sdk_order(self, sample: Sample) -> Mapping[str, Any]:
        """Return the same order with the venue's number for the contract, by which the SDK names it."""
        trading = self.trading
        assert isinstance(trading, EdgexTrading)
        listing = trading._catalog._listing
        assert listing is not None
        return {**super().sdk_order(sample), "contract_id": listing.market(sample.instrument.id).contract_id}

    async def captured(self) -> dict[str, bytes]:
        """Return as many fills as are wanted; the venue pages them."""
        bodies = await super().captured()
        answer = json.loads(bodies["fills"])
        answer["data"]["dataList"] = (answer["data"]["dataList"] * FILLS)[:FILLS]
        return {**bodies, "fills": json.dumps(answer).encode()}

    async def parse(self, what: str, body: bytes) -> list[object]:
        """Turn an answer into values of the model."""
        data, trading = decoded(body, self.name)["data"], self.trading
        assert isinstance(trading, EdgexTrading)
        listing = await trading._catalog.listing()
        if what == "answer":
            contract = listing.contract(data[0]["contractId"])
            return [order_of(contract.id, ClientOrderId("bench-1"), data[0])]
        if what == "positions":
            return [*positions_of(listing, data, 0)]
        return [*await trading.fills_of(data["dataList"])]

    def round(self, price: Decimal) -> Decimal:
        """Return a price with few digits; the venue bounds how far a price may be away."""
        return Decimal(f"{price:.4g}")
