"""What an account did: fills, funding payments, transfers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Final

from arb.api import Context
from arb.model import DAY_NS, MINUTE_NS, ExchangeOrderId, Fill, FundingPayment, Transfer
from arb.net import Row, reading, whole

from ._account import FUNDING_FEE, income_id, payment_of, transfer_of
from ._catalog import Catalog
from ._dialect import NO_PARAMS, Dialect, Params
from ._lookup import OrderLookup
from ._orders import fill_of
from ._rest import VenueRest
from ._symbols import perpetual
from ._symbols_used import UsedSymbols
from ._windows import windows

_TRADES_KEPT_NS: Final = 180 * DAY_NS
_INCOME_KEPT_NS: Final = 90 * DAY_NS
_SCANNED_NS: Final = MINUTE_NS
"""How old a look for symbols that somebody else trades in this account may be."""

_OVERLAP_NS: Final = MINUTE_NS


class AccountHistory:
    """Reads lists whole."""

    def __init__(
        self,
        context: Context,
        dialect: Dialect,
        rest: VenueRest,
        catalog: Catalog,
        lookup: OrderLookup,
        used: UsedSymbols,
        held: Callable[[], Awaitable[Iterable[str]]],
    ) -> None:
        """Read nothing yet.

        Args:
            context: The exchange plugin's.
            dialect: The venue's.
            rest: Signs and sends.
            catalog: Knows what is listed.
            lookup: Knows whose orders numbers are.
            used: Symbols the account has to do with.
            held: Asks in which symbols there are positions.
        """
        self._context = context
        self._dialect = dialect
        self._rest = rest
        self._catalog = catalog
        self._lookup = lookup
        self._used = used
        self._held = held
        self._scanned: tuple[int, int] | None = None

    async def fills(self, since_ns: int) -> list[Fill]:
        """Return fills at or after a time, oldest first: of every symbol that this account has to do with."""
        await self._find_symbols(since_ns)
        found: list[Fill] = []
        for symbol in sorted(await self._used.all()):
            found += await self._fills_of(symbol, since_ns)
        return sorted(found, key=_place)

    async def payments(self, since_ns: int) -> list[FundingPayment]:
        """Return funding payments settled at or after a time, oldest first."""
        found = []
        async for row in self._income(since_ns, {"incomeType": FUNDING_FEE}):
            with reading(self._context.name, "funding payments"):
                if perpetual(self._context.name, row["symbol"], self._dialect.quotes) is not None:
                    found.append(payment_of(self._context.name, self._dialect.quotes, row))
        return sorted(found, key=lambda payment: (payment.settled_ns, payment.payment_id))

    async def transfers(self, since_ns: int) -> list[Transfer]:
        """Return every other booking at or after a time, oldest first."""
        found = []
        async for row in self._income(since_ns, NO_PARAMS):
            with reading(self._context.name, "bookings"):
                transfer = transfer_of(self._context.name, row)
            if transfer is not None:
                found.append(transfer)
        return sorted(found, key=lambda transfer: (transfer.ts_event_ns, transfer.transfer_id))

    async def _fills_of(self, symbol: str, since_ns: int) -> list[Fill]:
        rows = [
            row
            async for row in windows(
                self._context,
                self._rest,
                self._dialect.endpoints.user_trades,
                {"symbol": symbol},
                since_ns,
                longest_ns=_TRADES_KEPT_NS,
                identity=lambda row: str(row["id"]),
            )
        ]
        with reading(self._context.name, f"the fills of {symbol}"):
            instrument = perpetual(self._context.name, symbol, self._dialect.quotes)
            numbers = {row["id"]: ExchangeOrderId(str(whole(row["orderId"]))) for row in rows}
        if instrument is None or not rows:
            return []
        owners = await self._lookup.owners(symbol, numbers.values())
        with reading(self._context.name, f"the fills of {symbol}"):
            return [fill_of(instrument, owners[numbers[row["id"]]], row) for row in rows]

    async def _find_symbols(self, since_ns: int) -> None:
        """Learn of symbols that were traded by hand, or by a run that this storage does not know."""
        now_ns = self._rest.time.now_ns()
        begin_ns = since_ns
        if self._scanned is not None:
            from_ns, at_ns = self._scanned
            if since_ns >= from_ns:
                if now_ns - at_ns < _SCANNED_NS:
                    return
                begin_ns = max(since_ns, at_ns - _OVERLAP_NS)
        symbols = set(await self._held())
        async for row in self._income(begin_ns, NO_PARAMS):
            if row.get("symbol") and isinstance(row["symbol"], str):
                symbols.add(row["symbol"])
        await self._used.add(
            symbol for symbol in symbols if perpetual(self._context.name, symbol, self._dialect.quotes) is not None
        )
        from_ns = since_ns if self._scanned is None else min(since_ns, self._scanned[0])
        self._scanned = from_ns, now_ns

    def _income(self, since_ns: int, params: Params) -> AsyncIterator[Row]:
        return windows(
            self._context,
            self._rest,
            self._dialect.endpoints.income,
            params,
            since_ns,
            longest_ns=_INCOME_KEPT_NS,
            identity=income_id,
        )


def _place(fill: Fill) -> tuple[int, str, int]:
    """Return where a fill stands in the list: by time, then by the number of the trade in its symbol."""
    symbol, _, trade = fill.fill_id.rpartition("-")
    return fill.ts_event_ns, symbol, int(trade)
