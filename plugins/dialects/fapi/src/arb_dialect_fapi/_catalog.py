"""The listing as it was read last, with the account's terms."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from arb.api import Context, Rejected
from arb.model import HOUR_NS, FeeSchedule, Instrument, InstrumentId, MarginTier
from arb.net import reading, row_of, rows_of

from ._dialect import Dialect
from ._listing import Listing, Terms, fees_of, intervals_of, listing_of
from ._rest import VenueRest
from ._tiers import tiers_by_symbol

_FEES_AGE_NS: Final = HOUR_NS
"""Rates of an account change once a day; asking for them is dear."""

_LEADER: Final = "BTC"


class Catalog:
    """Reads what is listed when it is asked for first, and again whenever instruments are asked for."""

    def __init__(self, context: Context, dialect: Dialect, rest: VenueRest, *, has_key: bool) -> None:
        """Read nothing yet."""
        self._context = context
        self.dialect = dialect
        self._rest = rest
        self._has_key = has_key
        self._listing: Listing | None = None
        self._unread: tuple[str, ...] = ()
        self._fees: dict[str, FeeSchedule] = {}
        self._fees_ns: int | None = None

    async def read(self) -> Listing:
        """Read instruments, intervals, brackets and fees now."""
        answer, intervals, tiers = await asyncio.gather(
            self._rest.get(self.dialect.endpoints.exchange_info), self.intervals(), self._tiers()
        )
        terms = Terms(intervals_ns=intervals, fees=await self._known_fees(answer), tiers=tiers)
        listing = listing_of(self._context.name, self.dialect, answer, terms, before=self._listing)
        if listing.unread and listing.unread != self._unread:
            self._context.log.warning("instruments that cannot be read are left out: %s", "; ".join(listing.unread))
        self._unread = listing.unread
        self._listing = listing
        return listing

    async def listing(self) -> Listing:
        """Return what was read last."""
        return self._listing or await self.read()

    async def instrument(self, name: InstrumentId) -> Instrument:
        """Return an instrument; raises Rejected for one that is not listed."""
        return (await self.listing()).instrument(name)

    async def intervals(self) -> Mapping[str, int]:
        """Ask for the intervals of settlement that differ from the usual one; they change at short notice."""
        answer = await self._rest.funding(self.dialect.endpoints.funding_info)
        with reading(self._context.name, "funding intervals"):
            return intervals_of(answer)

    async def pulse(self) -> str:
        """Return the symbol of a market in which something always happens."""
        listed = (await self.listing()).instruments
        leader = next((each for each in listed if each.base == _LEADER and each.quote == self.dialect.quotes[0]), None)
        return (leader or listed[0]).symbol

    async def _tiers(self) -> Mapping[str, tuple[MarginTier, ...]] | None:
        if not self._has_key:
            return None
        answer = await self._rest.read(self.dialect.endpoints.brackets)
        with reading(self._context.name, "leverage brackets"):
            return tiers_by_symbol(answer)

    async def _known_fees(self, listed: Any) -> Mapping[str, FeeSchedule]:
        """Ask for the account's rates of one market of each group that has its own."""
        now_ns = self._context.clock.now_ns()
        if not self._has_key or (self._fees_ns is not None and now_ns - self._fees_ns < _FEES_AGE_NS):
            return self._fees
        with reading(self._context.name, "the list of instruments"):
            examples = _examples(self.dialect, listed)
        for group, symbol in examples.items():
            try:
                answer = await self._rest.read(self.dialect.endpoints.commission_rate, {"symbol": symbol})
            except Rejected as error:
                if group == self.dialect.quotes[0]:
                    raise
                self._context.log.warning("fees in %s are not known: %s", group, error)
                continue
            with reading(self._context.name, "the account's fees"):
                self._fees[group] = fees_of(row_of(answer))
        self._fees_ns = now_ns
        return self._fees


def _examples(dialect: Dialect, listed: Any) -> dict[str, str]:
    """Return a symbol of each group of fees."""
    found: dict[str, str] = {}
    for row in rows_of(row_of(listed)["symbols"]):
        if row.get("status") == "TRADING" and dialect.asset_class(row) is not None:
            group = dialect.fee_group(row)
            if group not in found or row["baseAsset"] == _LEADER:
                found[group] = row["symbol"]
    return found
