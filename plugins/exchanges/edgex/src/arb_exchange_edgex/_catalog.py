"""The listing as it was read last."""

from __future__ import annotations

from arb.api import Context
from arb.model import Instrument, InstrumentId
from arb.net import reading, row_of

from ._markets import AccountFees, Listing, Market, listing_of
from ._rest import VenueRest


class Catalog:
    """Reads the venue's contracts when they are asked for first, and again when they are wanted younger."""

    def __init__(self, context: Context, rest: VenueRest, *, has_key: bool) -> None:
        """Read nothing yet."""
        self._context = context
        self._rest = rest
        self._has_key = has_key
        self._listing: Listing | None = None
        self._read_ns = 0
        self._unread: tuple[str, ...] = ()

    async def read(self) -> Listing:
        """Read contracts and fees now."""
        fees = await self._fees()
        answer = await self._rest.get("/api/v2/public/meta/getMetaData")
        listing = listing_of(self._context.name, answer.data, fees, before=self._listing)
        if listing.unread and listing.unread != self._unread:
            self._context.log.warning("contracts that cannot be read are left out: %s", "; ".join(listing.unread))
        self._unread = listing.unread
        self._listing, self._read_ns = listing, self._context.clock.now_ns()
        return listing

    async def listing(self, age_ns: int | None = None) -> Listing:
        """Return what was read last, no older than `age_ns` where that is given."""
        if self._listing is None or (age_ns is not None and self._context.clock.now_ns() - self._read_ns > age_ns):
            return await self.read()
        return self._listing

    async def market(self, name: InstrumentId) -> Market:
        """Return a contract; raises Rejected for one that is not listed."""
        return (await self.listing()).market(name)

    async def instrument(self, name: InstrumentId) -> Instrument:
        """Return an instrument; raises Rejected for one that is not listed."""
        return (await self.market(name)).instrument

    async def _fees(self) -> AccountFees | None:
        if not self._has_key:
            return None
        data = await self._rest.read("/api/v2/private/account/getAccountAsset")
        with reading(self._context.name, "the account's fees"):
            return AccountFees(row_of(row_of(data)["account"]))
