"""Orders at GRVT."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any, ClassVar, Final, Self

from arb.model import SECOND_NS, ClientOrderId, OrderRequest
from arb.net import decoded
from arb.runtime import WallClock
from arb_exchange_grvt._account import positions_of
from arb_exchange_grvt._markets import required
from arb_exchange_grvt._order_desk import SignedOrder
from arb_exchange_grvt._orders import order_of, payload_of, symbol_of, terms_of
from arb_exchange_grvt._rest import encoded
from arb_exchange_grvt._signing import Signer
from arb_exchange_grvt._trading import GrvtTrading
from arb_exchange_grvt.fake import fake_settings

from ._ours import FILLS, Ours, Sample

_CLIENT_ID: Final = (1 << 63) + 1
_EXPIRES_NS: Final = 1_767_225_600 * SECOND_NS


class Grvt(Ours):
    """Signs when it prepares: EIP-712 and secp256k1. The venue tells on a socket what became of an order."""

    name = "grvt"
    paths: ClassVar[Mapping[str, str]] = {
        "answer": "full/v1/create_order",
        "fills": "full/v1/fill_history",
        "positions": "full/v1/positions",
    }

    @classmethod
    @asynccontextmanager
    async def open(cls, fake: Mapping[str, Any]) -> AsyncIterator[Self]:
        """Open the plugin, and listen to its account as a run does: an order is then told of and not asked for."""
        async with super().open(fake) as ours:
            listening = asyncio.create_task(ours._listen())
            try:
                await ours._pause()
                yield ours
            finally:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)

    @property
    def desk(self) -> GrvtTrading:
        """Return the plugin's own side of trading."""
        assert isinstance(self.trading, GrvtTrading)
        return self.trading

    async def signed(self, request: OrderRequest) -> object:
        """Prepare."""
        return await self.trading.prepare_order(request)

    async def parts(self, sample: Sample) -> Mapping[str, Callable[[], object]]:
        """Return what is signed of an order, its signature, and the body."""
        settings = fake_settings(self.address)
        account = settings["sub_account_id"]
        signer = Signer(settings["private_key"].get_secret_value(), account, 326)
        market, request = await self.desk._lookup._catalog.market(sample.instrument.id), sample.request(0)
        terms, symbol = terms_of(request, market), sample.instrument.symbol
        signature = signer.order(terms, nonce=1, expiration_ns=_EXPIRES_NS)
        body = payload_of(terms, symbol, account, _CLIENT_ID, signature)
        return {
            "encode": lambda: payload_of(terms_of(request, market), symbol, account, _CLIENT_ID, signature),
            "sign": lambda: signer.order(terms, nonce=1, expiration_ns=_EXPIRES_NS),
            "json": lambda: encoded(body),
        }

    async def bare(self, requests: list[OrderRequest]) -> list[tuple[str, Mapping[str, str], bytes]]:
        """Return the cookie and the signed bodies; the fake takes 20 orders a second as the venue does."""
        await self._pause()
        cookie = await self.desk._rest.cookie()
        headers = {"Content-Type": "application/json", **cookie.headers}
        found: list[tuple[str, Mapping[str, str], bytes]] = []
        for each in requests:
            signed = (await self.trading.prepare_order(each)).payload
            assert isinstance(signed, SignedOrder)
            found.append(("/full/v1/create_order", headers, signed.body))
        return found

    async def captured(self) -> dict[str, bytes]:
        """Return as many fills as are wanted; the venue pages them."""
        bodies = await super().captured()
        answer = json.loads(bodies["fills"])
        return {**bodies, "fills": json.dumps({**answer, "result": (answer["result"] * FILLS)[:FILLS]}).encode()}

    async def parse(self, what: str, body: bytes) -> list[object]:
        """Turn an answer into values of the model."""
        answer = decoded(body, self.name)["result"]
        if what == "answer":
            return [order_of(required(self.name, symbol_of(answer)), ClientOrderId("bench-1"), answer)]
        if what == "positions":
            return list(positions_of(self.name, answer, 0))
        return [await self.desk.fill(row) for row in answer]

    async def _listen(self) -> None:
        assert self.exchange.streams is not None
        async with aclosing(self.exchange.streams.watch_account()) as changes:  # type: ignore[type-var]
            async for _ in changes:
                pass

    async def _pause(self) -> None:
        clock = WallClock()
        await clock.sleep_until(clock.now_ns() + SECOND_NS)
