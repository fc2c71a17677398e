"""Orders at Lighter."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from urllib.parse import urlencode

from arb.model import ClientOrderId, OrderRequest
from arb.net import decoded
from arb_exchange_lighter._account import position_of
from arb_exchange_lighter._orders import fields_of, order_of
from arb_exchange_lighter._reports import order_rows
from arb_exchange_lighter._trading import LighterTrading

from ._ours import FILLS, Ours, Sample

_FORM: Mapping[str, str] = {"Content-Type": "application/x-www-form-urlencoded"}


class Lighter(Ours):
    """Signs when an order leaves, with the venue's own library; the venue tells on a socket what became of it."""

    name = "lighter"
    paths: ClassVar[Mapping[str, str]] = {
        "answer": "api/v1/sendTx",
        "fills": "api/v1/trades",
        "positions": "api/v1/account",
    }

    @property
    def desk(self) -> LighterTrading:
        """Return the plugin's own side of trading."""
        assert isinstance(self.trading, LighterTrading)
        return self.trading

    async def signed(self, request: OrderRequest) -> object:
        """Prepare, and sign with a nonce that nothing is sent with."""
        prepared: Any = await self.trading.prepare_order(request)
        return self.desk._signer.order(prepared.payload, 1)

    async def parts(self, sample: Sample) -> Mapping[str, Callable[[], object]]:
        """Return the order in whole numbers and its signature."""
        market, request = await self.desk._listing.of(sample.instrument.id), sample.request(0)
        fields = fields_of(request, market, 1, 0)
        return {
            "encode": lambda: fields_of(request, market, 1, 0),
            "sign": lambda: self.desk._signer.order(fields, 1),
        }

    async def bare(self, requests: list[OrderRequest]) -> list[tuple[str, Mapping[str, str], bytes]]:
        """Return transactions with the nonces that come next, which the plugin then goes on from."""
        line, found = self.desk._line, []
        nonce = await line._known()
        for number, request in enumerate(requests):
            prepared: Any = await self.trading.prepare_order(request)
            signed = self.desk._signer.order(prepared.payload, nonce + number)
            body = urlencode({"tx_type": signed.kind, "tx_info": signed.info}).encode()
            found.append(("/api/v1/sendTx", _FORM, body))
        line._next = nonce + len(requests)
        return found

    async def captured(self) -> dict[str, bytes]:
        """Return also what the socket reports of an order."""
        bodies = await super().captured()
        trades = json.loads(bodies["fills"])
        trades["trades"] = (trades["trades"] * FILLS)[:FILLS]
        number, row = next(reversed(self.desk._reports._rows.items()))
        self._reported = json.dumps({"type": "update/account_all_orders", "orders": {"1": [row]}}, default=str)
        self._market = await self.desk._listing.numbered(int(row["market_index"]))
        assert number
        return {**bodies, "fills": json.dumps(trades).encode()}

    async def parse(self, what: str, body: bytes) -> list[object]:
        """Turn an answer into values of the model; what became of an order is in the socket's report."""
        answer, reads = decoded(body, self.name), self.desk._reads
        if what == "answer":
            assert self._market is not None
            (row,) = order_rows(decoded(self._reported, self.name))
            return [order_of(row, self._market.instrument.id, ClientOrderId("bench-1"))]
        if what == "fills":
            return [fill for row in answer["trades"] for fill in await reads.known_fills(row)]
        found: list[object] = []
        for row in answer["accounts"][0]["positions"]:
            market = await self.desk._listing.numbered(int(row["market_id"]))
            assert market is not None
            found.append(position_of(row, market, 0))
        return found

    def sdk_order(self, sample: Sample) -> Mapping[str, Any]:
        """Return the order in the venue's whole numbers."""
        tick, lot = sample.instrument.tick_size, sample.instrument.lot_size
        return {
            "market": int(sample.instrument.symbol) if sample.instrument.symbol.isdigit() else self._number_of(sample),
            "amount": int(sample.quantity / lot),
            "buy_ticks": int(sample.buy / tick),
            "sell_ticks": int(sample.sell / tick),
        }

    def _number_of(self, sample: Sample) -> int:
        assert self._market is not None
        assert self._market.instrument.id == sample.instrument.id
        return self._market.market_id
