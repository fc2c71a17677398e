"""Orders at Hyperliquid."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from arb.model import OrderRequest
from arb.net import EvmKey, TypedData, decoded
from arb_exchange_hyperliquid import _account_rows
from arb_exchange_hyperliquid._order_rows import order_wire, sent_order
from arb_exchange_hyperliquid._signing import AGENT_DOMAIN, AGENT_TYPES, JSON_SEPARATORS, action_hash
from arb_exchange_hyperliquid._trading import HyperliquidTrading
from arb_exchange_hyperliquid.fake import AGENT_SECRET

from ._ours import FILLS, Ours, Sample


class Hyperliquid(Ours):
    """Signs when it prepares: MessagePack, keccak, EIP-712 and secp256k1."""

    name = "hyperliquid"
    paths: ClassVar[Mapping[str, str]] = {
        "answer": "exchange order",
        "fills": "info userFillsByTime",
        "positions": "info clearinghouseState",
    }

    async def signed(self, request: OrderRequest) -> object:
        """Prepare."""
        return await self.trading.prepare_order(request)

    async def parts(self, sample: Sample) -> Mapping[str, Callable[[], object]]:
        """Return the wire form, the hash of the action, its signature, and the body."""
        request, key = sample.request(0), EvmKey(AGENT_SECRET)
        typed = TypedData(AGENT_DOMAIN, "Agent", AGENT_TYPES)
        action = {"type": "order", "orders": [order_wire(request, 1, 1 << 100)], "grouping": "na"}
        digest = action_hash(action, 1, None, 1)
        payload = {"action": action, "nonce": 1, "signature": {"r": hex(1 << 255), "s": hex(1 << 255), "v": 27}}
        return {
            "encode": lambda: {"type": "order", "orders": [order_wire(request, 1, 1 << 100)], "grouping": "na"},
            "hash": lambda: action_hash(action, 1, None, 1),
            "sign": lambda: key.sign(typed.digest({"source": "b", "connectionId": digest})),
            "json": lambda: json.dumps(payload, separators=JSON_SEPARATORS).encode(),
        }

    async def bare(self, requests: list[OrderRequest]) -> list[tuple[str, Mapping[str, str], bytes]]:
        """Return the signed bodies."""
        prepared: list[Any] = [await self.trading.prepare_order(each) for each in requests]
        return [("/exchange", {"Content-Type": "application/json"}, each.payload.signed.body) for each in prepared]

    async def captured(self) -> dict[str, bytes]:
        """Return no more fills than are wanted."""
        bodies = await super().captured()
        return {**bodies, "fills": json.dumps(json.loads(bodies["fills"])[:FILLS]).encode()}

    async def parse(self, what: str, body: bytes) -> list[object]:
        """Turn an answer into values of the model."""
        answer, trading = decoded(body, self.name), self.trading
        assert isinstance(trading, HyperliquidTrading)
        if what == "answer":
            return [sent_order(answer["response"], self._asked, 0, self.name)]
        if what == "fills":
            return [await trading.fill(row) for row in answer]
        found: list[object] = []
        for row in answer["assetPositions"]:
            market = await trading._market.market_of_coin(row["position"]["coin"])
            assert market is not None
            found.append(_account_rows.position(row, market.instrument.id, 0))
        return found

    async def sample(self, base: str = "ETH") -> Sample:
        """Keep what an answer is an answer to."""
        sample = await super().sample(base)
        self._asked = sample.request(0)
        return sample
