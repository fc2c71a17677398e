"""The fills of an account, which the venue lists symbol by symbol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Final

from arb.api import Context, ExchangeError
from arb.model import DAY_NS, HOUR_NS, MINUTE_NS, ExchangeOrderId, Fill
from arb.net import Row, from_ms, reading, whole

from ._account import FUNDING_FEE
from ._dialect import Dialect
from ._history import AccountHistory
from ._lookup import OrderLookup
from ._orders import fill_of
from ._rest import VenueRest
from ._symbol_fills import SymbolFills
from ._symbols import perpetual
from ._symbols_used import UsedSymbols
from ._windows import Page, windows

_KEPT_NS: Final = 89 * DAY_NS
"""Trades are listed for six months, but the orders that tell whose they are for 90 days."""

_SCANNED_NS: Final = MINUTE_NS
"""How old a look for symbols that somebody else trades in this account may be."""

_OVERLAP_NS: Final = MINUTE_NS
_AT_ONCE: Final = 5
_UNKNOWN_SYMBOL: Final = frozenset({"-1121", "-4108"})


class AccountFills:
    """Reads every symbol in which anything may have happened once as far back as is asked, and then reads on.

    It looks again where something was ordered or booked in the last minutes or a position changed, and once a minute
    where not: an account with fifty positions has no time and no weight to ask for all of them at every look.
    """

    def __init__(
        self,
        context: Context,
        dialect: Dialect,
        rest: VenueRest,
        lookup: OrderLookup,
        used: UsedSymbols,
        history: AccountHistory,
        held: Callable[[], Awaitable[Mapping[str, Decimal]]],
    ) -> None:
        """Read nothing yet.

        Args:
            context: The exchange plugin's.
            dialect: The venue's.
            rest: Signs and sends.
            lookup: Knows whose orders numbers are.
            used: Symbols the account has to do with.
            history: Tells in which symbols something was booked.
            held: Asks for the sizes of positions, by symbol.
        """
        self._context = context
        self._dialect = dialect
        self._rest = rest
        self._lookup = lookup
        self._used = used
        self._history = history
        self._held = held
        self._scanned: tuple[int, int] | None = None
        self._fills: dict[str, SymbolFills] = {}
        self._gone_ns: dict[str, int] = {}

    async def since(self, since_ns: int) -> list[Fill]:
        """Return fills at or after a time, oldest first."""
        await self._find_symbols(since_ns)
        symbols = [each for each in await self._used.since(since_ns - DAY_NS) if self._may_be_told(each)]
        found: list[Fill] = []
        for first in range(0, len(symbols), _AT_ONCE):
            some = (self._fills_of(symbol, since_ns) for symbol in symbols[first : first + _AT_ONCE])
            for fills in await asyncio.gather(*some, return_exceptions=True):
                if isinstance(fills, BaseException):
                    raise fills
                found += fills
        return sorted(found, key=_place)

    async def heard(self, fill: Fill) -> None:
        """Know of a fill that a stream told: the next look is at its symbol too."""
        await self._used.touch({_place(fill)[1]: fill.ts_event_ns})

    async def _fills_of(self, symbol: str, since_ns: int) -> list[Fill]:
        known = self._fills.get(symbol)
        if known is None:
            known = self._fills[symbol] = SymbolFills(partial(self._trades, symbol), partial(self._named, symbol))
        try:
            return await known.read(since_ns, self._used.touched_ns(symbol), self._rest.time.now_ns())
        except ExchangeError as error:
            if error.code not in _UNKNOWN_SYMBOL or self._used.is_held(symbol):
                raise
            # It was delisted. The fills of all others may not be lost for what nobody can read any more.
            if symbol not in self._gone_ns:
                self._context.log.warning("%s: its fills are not told any more: %s", symbol, error)
            self._gone_ns[symbol] = self._rest.time.now_ns()
            return []

    def _may_be_told(self, symbol: str) -> bool:
        gone_ns = self._gone_ns.get(symbol)
        if gone_ns is not None and self._used.touched_ns(symbol) < gone_ns:
            return self._rest.time.now_ns() - gone_ns >= HOUR_NS
        return self._is_perpetual(symbol)

    def _trades(self, symbol: str, since_ns: int) -> AsyncIterator[Page]:
        return windows(
            self._context,
            self._rest,
            self._dialect.endpoints.user_trades,
            {"symbol": symbol},
            since_ns,
            longest_ns=_KEPT_NS,
            identity=lambda row: str(row["id"]),
        )

    async def _named(self, symbol: str, rows: Sequence[Row]) -> list[Fill]:
        with reading(self._context.name, f"the fills of {symbol}"):
            instrument = perpetual(self._context.name, symbol, self._dialect.quotes)
            numbers = {row["id"]: ExchangeOrderId(str(whole(row["orderId"]))) for row in rows}
            # The newest of each order counts, and the rows are the oldest first.
            times_ns = {numbers[row["id"]]: from_ms(row["time"]) for row in rows}
        if instrument is None or not rows:
            return []
        owners = await self._lookup.owners(symbol, times_ns)
        with reading(self._context.name, f"the fills of {symbol}"):
            return [fill_of(instrument, owners[numbers[row["id"]]], row) for row in rows]

    async def _find_symbols(self, since_ns: int) -> None:
        """Learn of symbols that were traded by hand, or by a run that this storage does not know."""
        now_ns = self._rest.time.now_ns()
        from_ns, to_ns = self._scanned or (since_ns, since_ns)
        if since_ns < from_ns:
            from_ns, to_ns = since_ns, since_ns
        elif self._scanned is not None and now_ns - to_ns < _SCANNED_NS:
            return
        await self._used.hold(await self._held(), now_ns)
        async for page in self._history.bookings(max(from_ns, to_ns - _OVERLAP_NS)):
            with reading(self._context.name, "bookings"):
                traded = self._traded(page.rows)
            await self._used.touch(traded)
            to_ns = max(to_ns, page.until_ns)
            self._scanned = from_ns, to_ns

    def _traded(self, rows: Iterable[Row]) -> dict[str, int]:
        """Return when something was booked in symbols; funding tells of no trade."""
        return {
            row["symbol"]: from_ms(row["time"])
            for row in rows
            if row["incomeType"] != FUNDING_FEE and row.get("symbol") and self._is_perpetual(row["symbol"])
        }

    def _is_perpetual(self, symbol: object) -> bool:
        return perpetual(self._context.name, symbol, self._dialect.quotes) is not None


def _place(fill: Fill) -> tuple[int, str, int]:
    """Return where a fill stands in the list: by time, then by the number of the trade in its symbol."""
    symbol, _, trade = fill.fill_id.rpartition("-")
    return fill.ts_event_ns, symbol, int(trade)
