"""The listing as it was read last."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Final

from arb.api import Context
from arb.model import SECOND_NS, InstrumentId
from arb.net import reading, row_of

from ._contracts import ContractBook
from ._listing import Listing, listing_of
from ._markets import AccountFees, Market
from ._rest import VenueRest

_NEWS_NS: Final = 4 * SECOND_NS
"""A number that is not known is looked for in a listing no older than this."""


class Catalog:
    """Reads the venue's contracts when they are asked for first, and again when they are wanted younger."""

    def __init__(self, context: Context, rest: VenueRest, *, has_key: bool) -> None:
        """Read nothing yet."""
        self._context = context
        self._rest = rest
        self._has_key = has_key
        self._book = ContractBook(context.state)
        self._listing: Listing | None = None
        self._read_ns = 0
        self._unread: tuple[str, ...] = ()
        self._changing = asyncio.Lock()

    async def read(self) -> Listing:
        """Read contracts and fees now."""
        fees = await self._fees()
        answer = await self._rest.get("/api/v2/public/meta/getMetaData")
        async with self._changing:
            known = await self._book.read() if self._has_key and self._listing is None else {}
            listing = listing_of(self._context.name, answer.data, fees, known=known, before=self._listing)
            if listing.unread and listing.unread != self._unread:
                self._context.log.warning("contracts are left out: %s", "; ".join(listing.unread))
            self._unread = listing.unread
            await self._take(listing)
            self._read_ns = self._context.clock.now_ns()
        return listing

    async def listing(self, age_ns: int | None = None) -> Listing:
        """Return what was read last, no older than `age_ns` where that is given."""
        if self._listing is None or (age_ns is not None and self._context.clock.now_ns() - self._read_ns > age_ns):
            return await self.read()
        return self._listing

    async def naming(self, contract_ids: Iterable[Any]) -> Listing:
        """Return the listing with a name for each of these contracts, in which the account has something.

        One that the venue does not list, and of which nothing was kept, is called by its number from then on: what is
        held there must not pass for nothing, and must not hide the rest of the account.
        """
        wanted = {str(each) for each in contract_ids if str(each).isdigit()}
        listing = await self.listing()
        if not wanted <= listing.contracts.keys():
            listing = await self.listing(_NEWS_NS)
        async with self._changing:
            listing = self._listing or listing
            unknown = sorted(wanted - listing.contracts.keys())
            if unknown:
                text = "the account has something in contracts that the venue does not list, called by number: %s"
                self._context.log.warning(text, ", ".join(unknown))
                listing = listing.naming(unknown)
                await self._take(listing)
            return listing

    async def market(self, name: InstrumentId) -> Market:
        """Return a contract; raises Rejected for one that is not listed."""
        return (await self.listing()).market(name)

    async def _take(self, listing: Listing) -> None:
        """Let a listing be known; the names that it gives are durable before anything is told under them."""
        if self._has_key:
            await self._book.keep(listing.contracts)
        self._listing = listing

    async def _fees(self) -> AccountFees | None:
        if not self._has_key:
            return None
        data = await self._rest.read("/api/v2/private/account/getAccountAsset")
        with reading(self._context.name, "the account's fees"):
            return AccountFees(row_of(row_of(data)["account"]))
