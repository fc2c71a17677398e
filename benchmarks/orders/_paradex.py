"""Orders at Paradex."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, ClassVar

from arb.model import OrderRequest, Side
from arb.net import decoded
from arb_exchange_paradex._account import held_of
from arb_exchange_paradex._fields import results
from arb_exchange_paradex._markets import required
from arb_exchange_paradex._orders import order_of, payload_of
from arb_exchange_paradex._signing import Signer, order_message
from arb_exchange_paradex._trading import ParadexTrading
from arb_exchange_paradex.fake import fake_settings
from arb_exchange_paradex.fake._keys import CHAIN

from ._ours import FILLS, Ours, Sample

_TIME_MS = 1_767_225_600_000


class Paradex(Ours):
    """Signs when it prepares: typed data of Starknet. The answer to an order says nothing: the history tells."""

    name = "paradex"
    paths: ClassVar[Mapping[str, str]] = {
        "answer": "v1/orders-history",
        "fills": "v1/fills",
        "positions": "v1/positions",
    }

    async def signed(self, request: OrderRequest) -> object:
        """Prepare."""
        return await self.trading.prepare_order(request)

    async def parts(self, sample: Sample) -> Mapping[str, Callable[[], object]]:
        """Return the hash of an order, its hash and signature, and the body."""
        settings, request, symbol = fake_settings(self.address), sample.request(0), sample.instrument.symbol
        signer = Signer(settings["account"], settings["private_key"].get_secret_value(), CHAIN)
        message = order_message(
            timestamp_ms=_TIME_MS,
            market=symbol,
            side=Side.BUY,
            order_type="LIMIT",
            size=request.quantity,
            price=request.price,
        )
        signature = signer.sign("Order", message)
        body = payload_of(request, symbol, timestamp_ms=_TIME_MS, window_ms=5_000, signature=signature)
        return {
            "hash": lambda: signer.message_hash("Order", message),
            "sign": lambda: signer.sign("Order", message),
            "json": lambda: json.dumps(body, separators=(",", ":")).encode(),
        }

    async def bare(self, requests: list[OrderRequest]) -> list[tuple[str, Mapping[str, str], bytes]]:
        """Return the token and bodies."""
        trading = self.trading
        assert isinstance(trading, ParadexTrading)
        token = await trading._rest.session.token()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        prepared: list[Any] = [await trading.prepare_order(each) for each in requests]
        return [("/v1/orders", headers, each.payload.body) for each in prepared]

    async def captured(self) -> dict[str, bytes]:
        """Return as many fills as are wanted, and of the history the last order."""
        bodies = await super().captured()
        fills, past = json.loads(bodies["fills"]), json.loads(bodies["answer"])
        fills["results"] = (fills["results"] * FILLS)[:FILLS]
        past["results"] = past["results"][:1]
        return {**bodies, "fills": json.dumps(fills).encode(), "answer": json.dumps(past).encode()}

    async def parse(self, what: str, body: bytes) -> list[object]:
        """Turn an answer into values of the model."""
        answer, trading = decoded(body, self.name), self.trading
        assert isinstance(trading, ParadexTrading)
        if what == "positions":
            return [each.position for each in held_of(self.name, answer, 0)]
        if what == "answer":
            return [order_of(required(self.name, row["market"]), row) for row in results(answer)]
        return [await trading.fill(row) for row in results(answer)]

    def round(self, price: Decimal) -> Decimal:
        """Return a price with few digits; the venue bounds how far a price may be away."""
        return Decimal(f"{price:.4g}")
