"""The listing as it was read last, with what each market asks for margin."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from arb.api import BadResponse, Context, Rejected
from arb.model import HOUR_NS, FeeSchedule, InstrumentId, MarginTier

from ._fields import reading
from ._markets import PUBLIC_FEES, Listing, Market, fees_of, listing_of, perpetual_rows, tiers_of
from ._rest import NO_BODY, Pace, VenueRest

_RULES_AGE_NS: Final = 6 * HOUR_NS
"""The venue has one call for the brackets of each market, and they seldom change."""


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
        self._tiers: dict[str, tuple[int, tuple[MarginTier, ...]]] = {}
        self._reading = asyncio.Lock()
        self._tells_fees = True

    async def read(self) -> Listing:
        """Read markets, brackets and fees now."""
        name = self._context.name
        rows = perpetual_rows(name, await self._rest.market("/full/v1/all_instruments", {"is_active": True}))
        tiers = await self._all_tiers([str(row.get("instrument")) for row in rows])
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

    async def _all_tiers(self, symbols: Iterable[str]) -> dict[str, tuple[MarginTier, ...]]:
        since_ns = self._context.clock.now_ns() - _RULES_AGE_NS
        wanted = list(symbols)
        old = [each for each in wanted if each not in self._tiers or self._tiers[each][0] < since_ns]
        await asyncio.gather(*(self._read_tiers(each) for each in old))
        return {each: self._tiers[each][1] for each in wanted if each in self._tiers}

    async def _read_tiers(self, symbol: str) -> None:
        """Read the brackets of one market; one that cannot be read is left out of the listing."""
        try:
            answer = await self._rest.market("/full/v1/margin_rules", {"instrument": symbol}, pace=Pace.RULES)
            with reading(self._context.name, f"the margin brackets of {symbol}"):
                tiers = tiers_of(answer)
        except (BadResponse, Rejected) as error:
            self._context.log.warning("%s: %s", symbol, error)
            return
        self._tiers[symbol] = self._context.clock.now_ns(), tiers

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
