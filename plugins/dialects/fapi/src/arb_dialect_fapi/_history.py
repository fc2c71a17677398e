"""What an account was booked: funding payments, transfers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from arb.api import Context
from arb.model import DAY_NS, FundingPayment, Transfer
from arb.net import reading

from ._account import FUNDING_FEE, income_id, payment_of, transfer_of
from ._dialect import NO_PARAMS, Dialect, Params
from ._rest import VenueRest
from ._symbols import perpetual
from ._windows import Page, windows

_KEPT_NS: Final = 90 * DAY_NS


class AccountHistory:
    """Reads lists whole."""

    def __init__(self, context: Context, dialect: Dialect, rest: VenueRest) -> None:
        self._context = context
        self._dialect = dialect
        self._rest = rest

    async def payments(self, since_ns: int) -> list[FundingPayment]:
        """Return funding payments settled at or after a time, oldest first."""
        name, quotes = self._context.name, self._dialect.quotes
        found = []
        async for page in self.bookings(since_ns, {"incomeType": FUNDING_FEE}):
            with reading(name, "funding payments"):
                rows = [row for row in page.rows if perpetual(name, row["symbol"], quotes) is not None]
                found += [payment_of(name, quotes, row) for row in rows]
        return sorted(found, key=lambda payment: (payment.settled_ns, payment.payment_id))

    async def transfers(self, since_ns: int) -> list[Transfer]:
        """Return bookings of all other kinds at or after a time, oldest first."""
        found = []
        async for page in self.bookings(since_ns):
            with reading(self._context.name, "bookings"):
                transfers = [transfer_of(self._context.name, row) for row in page.rows]
            found += [each for each in transfers if each is not None]
        return sorted(found, key=lambda transfer: (transfer.ts_event_ns, transfer.transfer_id))

    def bookings(self, since_ns: int, params: Params = NO_PARAMS) -> AsyncIterator[Page]:
        """Yield rows at or after a time, page by page, oldest first."""
        return windows(
            self._context,
            self._rest,
            self._dialect.endpoints.income,
            params,
            since_ns,
            longest_ns=_KEPT_NS,
            identity=income_id,
        )
