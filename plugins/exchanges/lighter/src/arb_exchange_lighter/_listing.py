"""Which markets there are: read from the venue, and kept to find one by its id or number."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from arb.api import BadResponse, Context, ExchangeError, Rejected
from arb.model import MINUTE_NS, FeeSchedule, InstrumentId
from arb.net import reading

from ._markets import Market, account_fees, markets_of, name_of, perpetual_rows
from ._rest import Api

_UNKNOWN_NS: Final = MINUTE_NS
"""How often at most the list is read again for a market that is not in it."""

_LAST_PERPETUAL: Final = 254
"""Spot markets begin at 2048 (elliottech/lighter-go, types/txtypes/constants.go)."""


class Listing:
    """The markets as they were read last."""

    def __init__(self, context: Context, api: Api, asset_classes: Mapping[str, str], account_index: int | None) -> None:
        """Read nothing yet."""
        self._context = context
        self._api = api
        self._classes = asset_classes
        self._account_index = account_index
        self._markets: dict[InstrumentId, Market] = {}
        self._by_number: dict[int, Market] = {}
        self._names: dict[int, InstrumentId] = {}
        self._read_ns: int | None = None
        self._fees: FeeSchedule | None = None
        self._turn = asyncio.Lock()
        self._told: set[str] = set()

    async def refresh(self) -> Sequence[Market]:
        """Read the markets, with the account's fees where there is one; raises ExchangeError."""
        if self._account_index is not None:
            self._fees = await self._account_fees(self._account_index)
        answer = await self._api.read("orderBookDetails", {"filter": "perp"})
        with reading(self._context.name, "orderBookDetails"):
            found = markets_of(
                answer,
                self._context.name,
                account_fees=self._fees,
                asset_classes=self._classes,
                unreadable=self._left_out,
            )
            if not found:
                raise ValueError("no market")
            for row in perpetual_rows(answer):
                # A market that cannot be read has a name all the same.
                self.learn(row.get("market_id"), row.get("symbol"))
        # What is no longer listed is kept: positions and fills of it are still to be read.
        self._markets.update((market.instrument.id, market) for market in found)
        self._by_number.update((market.market_id, market) for market in found)
        self._names.update((market.market_id, market.instrument.id) for market in found)
        self._read_ns = self._context.clock.now_ns()
        return found

    async def of(self, instrument: InstrumentId) -> Market:
        """Return a market by its id; raises Rejected when the venue does not list it."""
        market = self._markets.get(instrument)
        if market is None:
            await self._reread()
            market = self._markets.get(instrument)
        if market is None:
            text = f"{instrument} is not listed"
            raise Rejected(text, exchange=self._context.name, code="unknown_instrument")
        return market

    async def numbered(self, market_id: int) -> Market | None:
        """Return a market by its number; None for one that is no perpetual.

        Raises:
            BadResponse: it is one, and the venue does not list it: what is held there must not pass for nothing.
        """
        market = self._by_number.get(market_id)
        if market is None and market_id <= _LAST_PERPETUAL:
            await self._reread()
            market = self._by_number.get(market_id)
            if market is None:
                raise self._unlisted(market_id)
        return market

    def learn(self, market_id: Any, symbol: Any) -> None:
        """Take in what a market is called, wherever that was told; what is no number or no text teaches nothing."""
        if isinstance(market_id, int) and isinstance(symbol, str) and symbol:
            self._names.setdefault(market_id, name_of(symbol, self._context.name))

    def is_named(self, market_id: int) -> bool:
        """Return whether the name of a market is known, or it needs none since it is no perpetual."""
        return market_id in self._names or market_id > _LAST_PERPETUAL

    async def name_of(self, market_id: int) -> InstrumentId | None:
        """Return our id of a market, even of one that is not listed any more; None for one that is no perpetual.

        Raises:
            BadResponse: neither the venue's list nor anything else told how it is called.
        """
        if not self.is_named(market_id):
            await self._reread()
        if not self.is_named(market_id):
            raise self._unlisted(market_id)
        return None if market_id > _LAST_PERPETUAL else self._names[market_id]

    @property
    def known(self) -> Mapping[int, Market]:
        """Return what was read, by number."""
        return self._by_number

    def _left_out(self, symbol: str, error: Exception) -> None:
        """Log a market that cannot be read, once: what is held there is an error of its own."""
        if symbol not in self._told:
            self._told.add(symbol)
            self._context.log.warning("the market %s cannot be read and is left out: %r", symbol, error)

    def _unlisted(self, market_id: int) -> BadResponse:
        return BadResponse(f"market {market_id} is not listed", exchange=self._context.name, code="unknown_market")

    async def _reread(self) -> None:
        """Read again unless that was done a moment ago."""
        async with self._turn:
            now_ns = self._context.clock.now_ns()
            if self._read_ns is None or now_ns - self._read_ns >= _UNKNOWN_NS:
                await self.refresh()

    async def _account_fees(self, account_index: int) -> FeeSchedule | None:
        try:
            limits = await self._api.private("accountLimits", {"account_index": account_index})
        except ExchangeError as error:
            if self._fees is None:
                raise
            self._context.log.warning("the account's fees could not be read, the last ones hold: %s", error)
            return self._fees
        with reading(self._context.name, "accountLimits"):
            return account_fees(limits)
