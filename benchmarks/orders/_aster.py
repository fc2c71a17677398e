"""Orders at Aster."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from arb.model import OrderRequest
from arb.net import EvmKey, decoded
from arb_dialect_fapi._account import positions_of, settings_of
from arb_dialect_fapi._orders import fields_of, fill_of, order_of, owner_of
from arb_dialect_fapi._rest import _form_of
from arb_dialect_fapi._symbols import required
from arb_exchange_aster._dialect import ASTER
from arb_exchange_aster._nonces import NonceLine
from arb_exchange_aster._signing import CHAIN_IDS, AgentSigner
from arb_exchange_aster.fake import fake_settings

from ._ours import FILLS, Ours, Sample

_NOW_NS = 1_767_225_600_000_000_000


class Aster(Ours):
    """Signs when it prepares: an url-encoded form as EIP-712, with a nonce."""

    name = "aster"
    paths: ClassVar[Mapping[str, str]] = {
        "answer": "fapi/v3/order",
        "fills": "fapi/v3/userTrades",
        "positions": "fapi/v3/positionRisk",
    }

    async def signed(self, request: OrderRequest) -> object:
        """Prepare."""
        return await self.trading.prepare_order(request)

    async def parts(self, sample: Sample) -> Mapping[str, Callable[[], object]]:
        """Return the fields of the form, the form, and the signature over it."""
        settings = fake_settings(self.address)
        key, symbol = EvmKey(settings["agent_key"].get_secret_value()), sample.instrument.symbol
        signer = AgentSigner(settings["user"], key, CHAIN_IDS["mainnet"], NonceLine())
        request = sample.request(0)
        fields = fields_of(request, symbol, ASTER.order_fields)
        form = _form_of(fields)
        return {
            "encode": lambda: fields_of(request, symbol, ASTER.order_fields),
            "form": lambda: _form_of(fields),
            "sign": lambda: signer.signed(form, _NOW_NS),
        }

    async def bare(self, requests: list[OrderRequest]) -> list[tuple[str, Mapping[str, str], bytes]]:
        """Return the signed forms."""
        prepared: list[Any] = [await self.trading.prepare_order(each) for each in requests]
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return [("/fapi/v3/order", headers, each.payload.signed.form.encode()) for each in prepared]

    async def captured(self) -> dict[str, bytes]:
        """Return as many fills as are wanted, of one symbol."""
        bodies = await super().captured()
        rows = json.loads(bodies["fills"])
        return {**bodies, "fills": json.dumps((rows * FILLS)[:FILLS]).encode()}

    async def parse(self, what: str, body: bytes) -> list[object]:
        """Turn an answer into values of the model."""
        answer, quotes = decoded(body, self.name), ASTER.quotes
        if what == "answer":
            return [order_of(required(self.name, answer["symbol"], quotes), answer)]
        if what == "positions":
            return list(positions_of(self.name, quotes, answer, settings_of(answer), 0))
        return [
            fill_of(required(self.name, row["symbol"], quotes), owner_of("", row["orderId"]), row) for row in answer
        ]
