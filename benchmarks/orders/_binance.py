"""Orders at Binance."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, ClassVar, Final
from urllib.parse import quote, urlencode

from arb.model import OrderRequest
from arb.net import decoded
from arb_dialect_fapi._account import positions_of
from arb_dialect_fapi._orders import fields_of, fill_of, order_of, owner_of
from arb_dialect_fapi._symbols import required
from arb_dialect_fapi._trading import FapiTrading
from arb_exchange_binance._dialect import BINANCE
from arb_exchange_binance._signing import BinanceSigner
from arb_exchange_binance.fake import fake_settings

from ._ours import Ours, Sample

_WINDOW_NS: Final = 5_000_000_000
_NOW_NS: Final = 1_767_225_600_000_000_000


class Binance(Ours):
    """Signs when it prepares: a form and HMAC-SHA256.

    Answers to new orders tell no price since July 2026, so an order that fills is read once more before it is told:
    that is a second trip in `order` and `send`.
    """

    name = "binance"
    paths: ClassVar[Mapping[str, str]] = {
        "answer": "fapi/v1/order",
        "fills": "fapi/v1/userTrades",
        "positions": "fapi/v3/positionRisk",
    }

    async def signed(self, request: OrderRequest) -> object:
        """Prepare."""
        return await self.trading.prepare_order(request)

    async def parts(self, sample: Sample) -> Mapping[str, Callable[[], object]]:
        """Return the parameters, the form, and the signed form."""
        settings = fake_settings(self.address)
        key, secret = (settings[name].get_secret_value() for name in ("api_key", "api_secret"))
        signer, request, symbol = BinanceSigner(key, secret, _WINDOW_NS), sample.request(0), sample.instrument.symbol
        fields = fields_of(request, symbol, BINANCE.order_fields)
        form = urlencode(fields, quote_via=quote)
        return {
            "encode": lambda: fields_of(request, symbol, BINANCE.order_fields),
            "form": lambda: urlencode(fields, quote_via=quote),
            "sign": lambda: signer.signed(form, _NOW_NS),
        }

    async def bare(self, requests: list[OrderRequest]) -> list[tuple[str, Mapping[str, str], bytes]]:
        """Return the signed forms."""
        prepared: list[Any] = [await self.trading.prepare_order(each) for each in requests]
        key = fake_settings(self.address)["api_key"].get_secret_value()
        headers = {"X-MBX-APIKEY": key, "Content-Type": "application/x-www-form-urlencoded"}
        return [("/fapi/v1/order", headers, each.payload.signed.form.encode()) for each in prepared]

    async def captured(self) -> dict[str, bytes]:
        """Return the fills of the symbol that has many: the venue lists them symbol by symbol."""
        bodies = await super().captured()
        assert isinstance(self.trading, FapiTrading)
        symbol = (await self.sample()).instrument.symbol
        async for _ in self.trading._fills._trades(symbol, self._began_ns):
            pass
        return {**bodies, "fills": self.keeping.bodies[self.paths["fills"]]}

    async def parse(self, what: str, body: bytes) -> list[object]:
        """Turn an answer into values of the model."""
        answer, quotes = decoded(body, self.name), BINANCE.quotes
        if what == "answer":
            return [order_of(required(self.name, answer["symbol"], quotes), answer)]
        if what == "positions":
            return list(positions_of(self.name, quotes, answer, {}, 0))
        return [
            fill_of(required(self.name, row["symbol"], quotes), owner_of("bench-1", row["orderId"]), row)
            for row in answer
        ]

    @property
    def _began_ns(self) -> int:
        assert isinstance(self.trading, FapiTrading)
        return self.trading._rest.time.now_ns() - 3_600_000_000_000

    def round(self, price: Decimal) -> Decimal:
        """Return a price with few digits."""
        return Decimal(f"{price:.4g}")
