"""Orders at Backpack."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, ClassVar

from arb.model import ClientOrderId, OrderRequest
from arb.net import decoded
from arb_exchange_backpack._account import held_of
from arb_exchange_backpack._markets import perpetual, required
from arb_exchange_backpack._orders import fill_of, order_of, payload_of
from arb_exchange_backpack._signing import Signer
from arb_exchange_backpack._trading import BackpackTrading
from arb_exchange_backpack.fake import fake_settings

from ._ours import FILLS, Ours, Sample


class Backpack(Ours):
    """Signs when it prepares: sorted parameters and Ed25519."""

    name = "backpack"
    paths: ClassVar[Mapping[str, str]] = {
        "answer": "api/v1/order",
        "fills": "wapi/v1/history/fills",
        "positions": "api/v1/position",
    }

    async def signed(self, request: OrderRequest) -> object:
        """Prepare."""
        return await self.trading.prepare_order(request)

    async def parts(self, sample: Sample) -> Mapping[str, Callable[[], object]]:
        """Return the body's fields, the signed headers, and the body."""
        settings = fake_settings(self.address)
        keys = [settings[name].get_secret_value() for name in ("api_key", "api_secret")]
        signer, request, symbol = Signer(*keys), sample.request(0), sample.instrument.symbol
        body = payload_of(request, symbol, 1 << 31)
        return {
            "encode": lambda: payload_of(request, symbol, 1 << 31),
            "sign": lambda: signer.headers("orderExecute", body, 1_767_225_600_000, 5_000),
            "json": lambda: json.dumps(body, separators=(",", ":")).encode(),
        }

    async def bare(self, requests: list[OrderRequest]) -> list[tuple[str, Mapping[str, str], bytes]]:
        """Return the signed headers and bodies."""
        prepared: list[Any] = [await self.trading.prepare_order(each) for each in requests]
        return [("/api/v1/order", each.payload.headers, each.payload.body) for each in prepared]

    async def captured(self) -> dict[str, bytes]:
        """Return as many fills as are wanted; the venue pages them."""
        bodies = await super().captured()
        rows = json.loads(bodies["fills"])
        return {**bodies, "fills": json.dumps((rows * FILLS)[:FILLS]).encode()}

    async def parse(self, what: str, body: bytes) -> list[object]:
        """Turn an answer into values of the model."""
        answer, trading = decoded(body, self.name), self.trading
        assert isinstance(trading, BackpackTrading)
        if what == "answer":
            return [order_of(required(self.name, answer["symbol"]), ClientOrderId("bench-1"), answer)]
        if what == "positions":
            return [each.position for each in held_of(self.name, answer, 0)]
        found: list[object] = []
        for row in answer:
            instrument = perpetual(self.name, row["symbol"])
            assert instrument is not None
            found.append(fill_of(instrument, await trading._names.of(row.get("clientId"), row["orderId"]), row))
        return found

    def round(self, price: Decimal) -> Decimal:
        """Return a price with few digits; the venue bounds how far a price may be away."""
        return Decimal(f"{price:.4g}")
