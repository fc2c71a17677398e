"""The listing as it was read last."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from arb.api import Context
from arb.model import FeeSchedule, Instrument, InstrumentId
from arb.net import reading, text

from ._markets import Listing, Market, account_of, fees_of, listing_of
from ._rest import VenueRest

_OPEN: Final = "ok"


class Catalog:
    """Reads the venue's markets, its state and the account's fees, when they are asked for first and on demand."""

    def __init__(self, context: Context, rest: VenueRest, account: str | None) -> None:
        """Read nothing yet."""
        self._context = context
        self._rest = rest
        self._account = account
        self._listing: Listing | None = None
        self._unread: tuple[str, ...] = ()

    async def read(self) -> Listing:
        """Read everything now. While the system takes not every order, no market is listed as trading."""
        answer, state, fees = await asyncio.gather(
            self._rest.get("/markets"), self._rest.get("/system/state"), self._fees()
        )
        with reading(self._context.name, "the state of the system"):
            is_open = text(state["status"]) == _OPEN
        listing = listing_of(
            self._context.name,
            answer,
            fees,
            is_open=is_open,
            now_ns=self._rest.time.now_ns(),
            before=self._listing,
        )
        if listing.unread and listing.unread != self._unread:
            self._context.log.warning("markets that cannot be read are left out: %s", "; ".join(listing.unread))
        self._unread = listing.unread
        self._listing = listing
        return listing

    async def listing(self) -> Listing:
        """Return what was read last."""
        return self._listing or await self.read()

    async def market(self, name: InstrumentId) -> Market:
        """Return a market; raises Rejected for one that is not listed."""
        return (await self.listing()).of(name)

    async def instrument(self, name: InstrumentId) -> Instrument:
        """Return an instrument; raises Rejected for one that is not listed."""
        return (await self.market(name)).instrument

    async def account_info(self) -> Any:
        """Return this account's row of `GET /account/info`."""
        assert self._account is not None, "an account without a key"
        answer = await self._rest.read("/account/info")
        with reading(self._context.name, "the account"):
            return account_of(answer, self._account)

    async def _fees(self) -> FeeSchedule | None:
        if self._account is None:
            return None
        row = await self.account_info()
        with reading(self._context.name, "the account's fees"):
            return fees_of(row)
