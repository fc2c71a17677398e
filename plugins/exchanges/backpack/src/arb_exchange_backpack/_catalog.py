"""The listing as it was read last."""

from __future__ import annotations

from arb.api import Context
from arb.model import FeeSchedule, Instrument, InstrumentId
from arb.net import reading

from ._markets import PUBLIC_FEES, Listing, fees_of, listing_of
from ._rest import VenueRest


class Catalog:
    """Reads the venue's markets when they are asked for first, and again when a symbol is not among them."""

    def __init__(self, context: Context, rest: VenueRest, *, has_key: bool) -> None:
        """Read nothing yet."""
        self._context = context
        self._rest = rest
        self._has_key = has_key
        self._listing: Listing | None = None
        self._unread: tuple[str, ...] = ()

    async def read(self) -> Listing:
        """Read markets and fees now."""
        # The markets first: while the venue wants fewer calls without a key, those with one are not made in vain.
        answer = await self._rest.get("/api/v1/markets")
        listing = listing_of(self._context.name, answer, await self._fees(), before=self._listing)
        if listing.unread and listing.unread != self._unread:
            self._context.log.warning("markets that cannot be read are left out: %s", "; ".join(listing.unread))
        self._unread = listing.unread
        self._listing = listing
        return listing

    async def listing(self) -> Listing:
        """Return what was read last."""
        return self._listing or await self.read()

    async def instrument(self, name: InstrumentId) -> Instrument:
        """Return an instrument; raises Rejected for one that is not listed."""
        return (await self.listing()).instrument(name)

    async def _fees(self) -> FeeSchedule:
        if not self._has_key:
            return PUBLIC_FEES
        answer = await self._rest.read("/api/v1/account", "accountQuery")
        with reading(self._context.name, "the account's fees"):
            return fees_of(answer)
