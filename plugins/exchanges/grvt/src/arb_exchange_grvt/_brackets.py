"""What each market asks for margin: told by one call a market, so it is remembered over restarts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from arb.api import BadResponse, Context, Rejected
from arb.model import DAY_NS, HOUR_NS, MarginTier
from arb.net import decoded, reading, row_of, rows_of, whole

from ._markets import tiers_of
from ._rest import Pace, VenueRest

_FRESH_NS: Final = 6 * HOUR_NS
"""They seldom change."""

_USABLE_NS: Final = 3 * DAY_NS
"""So old a process may begin with what an earlier one read; the next listing reads it again."""

_SLOW: Final = 50
"""Markets whose reading is told of: it takes the venue's limit about ten seconds."""


@dataclass(frozen=True, slots=True)
class Brackets:
    """Those of one market, and when they were read."""

    read_ns: int
    tiers: tuple[MarginTier, ...]


class BracketBook:
    """Reads the brackets of markets within the venue's limit: two hundred take most of a minute, once."""

    def __init__(self, context: Context, rest: VenueRest) -> None:
        """Read nothing yet."""
        self._context = context
        self._rest = rest
        self._known: dict[str, Brackets] = {}
        self._has_begun = False
        self._asking = asyncio.Lock()

    async def of(self, symbols: Iterable[str]) -> Mapping[str, tuple[MarginTier, ...]]:
        """Return the brackets of these markets, without those that the venue does not tell.

        Raises:
            ExchangeError: the venue cannot be asked now; what was read before that is kept.
        """
        wanted = list(symbols)
        async with self._asking:
            if not self._has_begun:
                await self._recall(wanted)
            due = self._due(wanted, _FRESH_NS if self._has_begun else _USABLE_NS)
            if len(due) > _SLOW:
                self._context.log.info("reading the margin brackets of %d markets, within the venue's limit", len(due))
            for each in due:
                await self._read(each)
            self._has_begun = True
        return {each: self._known[each].tiers for each in wanted if each in self._known}

    def _due(self, symbols: Iterable[str], age_ns: int) -> list[str]:
        now_ns = self._context.clock.now_ns()
        return [
            each
            for each in symbols
            if each not in self._known or not now_ns - age_ns <= self._known[each].read_ns <= now_ns
        ]

    async def _read(self, symbol: str) -> None:
        """Read those of one market; where they cannot be read, what was known is left."""
        try:
            answer = await self._rest.market("/full/v1/margin_rules", {"instrument": symbol}, pace=Pace.RULES)
            with reading(self._context.name, f"the margin brackets of {symbol}"):
                tiers, rows = tiers_of(answer), rows_of(row_of(answer)["risk_brackets"])
        except (BadResponse, Rejected) as error:
            self._context.log.warning("%s: %s", symbol, error)
            return
        read_ns = self._context.clock.now_ns()
        self._known[symbol] = Brackets(read_ns, tiers)
        stored = json.dumps({"read_ns": read_ns, "risk_brackets": rows}, default=str)
        await self._context.state.put(_key(symbol), stored)

    async def _recall(self, symbols: Iterable[str]) -> None:
        """Take what an earlier process read; what cannot be read is asked for anew."""
        for symbol in symbols:
            stored = await self._context.state.get(_key(symbol))
            if stored is None:
                continue
            try:
                with reading(self._context.name, f"the stored brackets of {symbol}"):
                    told = row_of(decoded(stored, self._context.name))
                    self._known[symbol] = Brackets(whole(told["read_ns"]), tiers_of(told))
            except BadResponse as error:
                self._context.log.warning("%s", error)


def _key(symbol: str) -> str:
    return f"margin_rules:{symbol}"
