"""Open interest. The venue tells it of one symbol at a time, so the largest markets are asked in turn."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from arb.api import BadResponse, Context, ExchangeError, Rejected
from arb.model import MINUTE_NS
from arb.net import reading, row_of

from ._dialect import Dialect
from ._prices import interest_of
from ._rest import VenueRest

_AT_ONCE: Final = 30
_RENEWED_NS: Final = 5 * MINUTE_NS
_KEPT_NS: Final = 30 * MINUTE_NS


class OpenInterest:
    """Keeps what was told of each symbol for half an hour; what is older is not known."""

    def __init__(self, context: Context, dialect: Dialect, rest: VenueRest) -> None:
        """Ask nothing yet."""
        self._context = context
        self._endpoint = dialect.endpoints.open_interest
        self._rest = rest
        self._known: dict[str, tuple[int, Decimal]] = {}
        self._failed_ns: dict[str, int] = {}

    async def read(self, turnover: Mapping[str, Decimal]) -> dict[str, Decimal]:
        """Return what is known, in contracts by symbol, after asking for some that are due.

        One that the venue refuses to tell goes behind all others.

        Args:
            turnover: Of the symbols that are traded: the largest are asked first.
        """
        if self._endpoint is None:
            return {}
        now_ns = self._context.clock.now_ns()
        for symbol in self._due(turnover, now_ns)[:_AT_ONCE]:
            try:
                answer = await self._rest.get(self._endpoint, {"symbol": symbol})
                with reading(self._context.name, f"the open interest of {symbol}"):
                    self._known[symbol] = now_ns, interest_of(row_of(answer))
                self._failed_ns.pop(symbol, None)
            except (Rejected, BadResponse) as error:
                self._failed_ns[symbol] = now_ns
                self._context.log.debug("%s", error)
            except ExchangeError as error:
                # No connection, a limit, maintenance: it would be the same with every other one.
                self._context.log.debug("%s", error)
                break
        return {symbol: amount for symbol, (told_ns, amount) in self._known.items() if now_ns - told_ns < _KEPT_NS}

    def _due(self, turnover: Mapping[str, Decimal], now_ns: int) -> list[str]:
        asked_ns = {symbol: max(self._told_ns(symbol), self._failed_ns.get(symbol, 0)) for symbol in turnover}
        due = [symbol for symbol in turnover if now_ns - asked_ns[symbol] >= _RENEWED_NS]
        due.sort(key=lambda symbol: turnover[symbol], reverse=True)
        due.sort(key=lambda symbol: (symbol in self._failed_ns, self._told_ns(symbol) > 0))
        return due

    def _told_ns(self, symbol: str) -> int:
        return self._known.get(symbol, (0, Decimal(0)))[0]
