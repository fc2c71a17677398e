"""The listing as it was read last, with what each market asks for margin."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from arb.api import Context, Rejected
from arb.model import FeeSchedule, InstrumentId
from arb.net import reading

from ._brackets import BracketBook
from ._markets import PUBLIC_FEES, Listing, Market, fees_of, listing_of, perpetual_rows
from ._rest import NO_BODY, Pace, VenueRest

_NOT_ALLOWED: Final = "1001"


class Catalog:
    """Reads the venue's markets when they are asked for first, and again when it is told to."""

    def __init__(self, context: Context, rest: VenueRest, classes: Mapping[str, str], *, has_key: bool) -> None:
        """Read nothing yet."""
        self._context = context
        self._rest = rest
        self._classes = classes
        self._has_key = has_key
        self._listing: Listing | None = None
        self._unread: tuple[str, ...] = ()
        self._brackets = BracketBook(context, rest)
        self._reading = asyncio.Lock()
        self._tells_fees = True

    async def read(self) -> Listing:
        """Read markets, brackets and fees now."""
        name = self._context.name
        rows = perpetual_rows(name, await self._rest.market("/full/v1/all_instruments", {"is_active": True}))
        tiers = await self._brackets.of([str(row.get("instrument")) for row in rows])
        listing = listing_of(name, rows, tiers, await self._fees(), self._classes, before=self._listing)
        if listing.unread and listing.unread != self._unread:
            self._context.log.warning("markets that cannot be read are left out: %s", "; ".join(listing.unread))
        self._unread = listing.unread
        self._listing = listing
        return listing

    async def listing(self) -> Listing:
        """Return what was read last."""
        if self._listing is None:
            async with self._reading:
                if self._listing is None:
                    return await self.read()
        return self._listing

    async def market(self, name: InstrumentId) -> Market:
        """Return a market; raises Rejected for one that is not listed."""
        return (await self.listing()).of(name)

    async def symbols(self) -> Sequence[str]:
        """Return the symbols of what is listed now."""
        return [market.instrument.symbol for market in (await self.listing()).markets]

    async def _fees(self) -> FeeSchedule:
        """Return the account's tier; the call is of the funding account, which not every key may read."""
        if not self._has_key or not self._tells_fees:
            return PUBLIC_FEES
        try:
            answer = await self._rest.read("/full/v1/funding_account_summary", NO_BODY, pace=Pace.ACCOUNT)
        except Rejected as error:
            if error.code != _NOT_ALLOWED:
                raise
            self._tells_fees = False
            self._context.log.warning("the key may not read the fee tier; %s is taken: %s", PUBLIC_FEES, error)
            return PUBLIC_FEES
        with reading(self._context.name, "the account's fees"):
            fees = fees_of(answer)
        if fees is None:
            self._context.log.info("the venue tells no fee tier; %s is taken", PUBLIC_FEES)
        return fees or PUBLIC_FEES
