"""An account's trades, read on from where the last look ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from arb.api import BadResponse
from arb.model import MINUTE_NS, Fill
from arb.net import Row, reading, row_of, whole

from ._fields import changed_at
from ._rest import MOST_PAGES

Page = tuple[list[Row], str]
"""Rows, newest first, and the cursor of what is older; empty after the last."""

_SLACK_NS: Final = MINUTE_NS
"""Rows are in the order of their times, and listed after they happened, give or take this."""

_KEPT: Final = 5_000
_STRETCHES: Final = 8

_FROM_THE_NEWEST: Final = ""
"""The cursor of the first page."""


@dataclass(slots=True)
class _Stretch:
    """Trades that were read without a gap.

    Attributes:
        looked_ns: When its newest page was asked for, by the venue's clock.
        until_ns: How far down it goes; 0 for the end of the list.
        cursor: Of what is older.
    """

    looked_ns: int
    until_ns: int
    cursor: str

    def reaches(self, since_ns: int) -> bool:
        return self.until_ns == 0 or self.until_ns < since_ns - _SLACK_NS


class OwnTrades:
    """Keeps what was read, page by page: whoever gives up waiting leaves the next one less to read.

    A trade that was told once is told in the same words ever after. All times are the venue's.
    """

    def __init__(
        self,
        exchange: str,
        page: Callable[[str], Awaitable[Page]],
        fills_of: Callable[[Row], Awaitable[list[Fill]]],
        now_ns: Callable[[], int],
    ) -> None:
        """Read nothing yet.

        Args:
            exchange: Whose answers they are, for errors.
            page: Reads the page of a cursor, the newest one for an empty cursor.
            fills_of: Reads a trade as the account's fills.
            now_ns: The venue's time.
        """
        self._exchange = exchange
        self._page = page
        self._fills_of = fills_of
        self._now_ns = now_ns
        self._turn = asyncio.Lock()
        self._rows: dict[int, tuple[int, Row]] = {}
        self._fills: dict[int, Sequence[Fill]] = {}
        self._stretches: list[_Stretch] = []

    async def since(self, since_ns: int) -> list[Fill]:
        """Return the fills at or after a time, oldest first; asks for what may be new and for what is missing.

        Raises:
            ExchangeError: a page cannot be had, or a trade of that time cannot be read; what was read stays.
        """
        async with self._turn:
            await self._read_to(since_ns)
            # What is older is not even read as a fill: it may be of a market that nobody knows any more.
            wanted = sorted((ts_ns, number) for number, (ts_ns, _) in self._rows.items() if ts_ns >= since_ns)
            for _, number in wanted:
                if number not in self._fills:
                    self._fills[number] = await self._fills_of(self._rows[number][1])
            found = [fill for _, number in wanted for fill in self._fills[number]]
            self._forget(since_ns)
            return found

    async def _read_to(self, since_ns: int) -> None:
        """Read from the newest trade to what is known already, and on to where the list is whole down to a time."""
        looked_ns = self._now_ns()
        rows, cursor = await self._page(_FROM_THE_NEWEST)
        self._stretches.insert(0, _Stretch(looked_ns, self._keep(rows, cursor), cursor))
        self._join()
        told = {_FROM_THE_NEWEST, cursor}
        for _ in range(MOST_PAGES):
            first = self._stretches[0]
            if first.reaches(since_ns):
                return
            try:
                rows, cursor = await self._page(first.cursor)
                if rows or first.cursor in told:
                    first.until_ns, first.cursor = min(first.until_ns, self._keep(rows, cursor)), cursor
                    told.add(cursor)
                    self._join()
                else:
                    # A cursor of an earlier look that nothing follows may have expired: that proves no end.
                    first.cursor = _FROM_THE_NEWEST
            except BadResponse:
                first.cursor = _FROM_THE_NEWEST
                raise
        raise BadResponse(f"trades: more than {MOST_PAGES} pages", exchange=self._exchange, code="endless")

    def _keep(self, rows: Sequence[Row], cursor: str) -> int:
        """Take a page in and return how far down it goes; 0 for the last one."""
        with reading(self._exchange, "trades"):
            found = {whole(row_of(row)["trade_id"]): (changed_at(row), row) for row in rows}
        for number, trade in found.items():
            self._rows.setdefault(number, trade)
        return min(ts_ns for ts_ns, _ in found.values()) if cursor else 0

    def _join(self) -> None:
        """Go on where an earlier look ended, once one is past its beginning: what was older was listed by then."""
        first, *others = self._stretches
        while others and first.until_ns < others[0].looked_ns - _SLACK_NS:
            earlier = others.pop(0)
            if earlier.until_ns < first.until_ns:
                first.until_ns, first.cursor = earlier.until_ns, earlier.cursor
        self._stretches = [first, *others[: _STRETCHES - 1]]

    def _forget(self, since_ns: int) -> None:
        """Forget what is older than anybody asked for, when there is too much of it."""
        if len(self._rows) <= _KEPT:
            return
        kept = {number: trade for number, trade in self._rows.items() if trade[0] >= since_ns}
        if len(kept) < len(self._rows):
            self._rows = kept
            self._fills = {number: fills for number, fills in self._fills.items() if number in kept}
            looked_ns = self._stretches[0].looked_ns
            self._stretches = [_Stretch(looked_ns, since_ns - _SLACK_NS - 1, _FROM_THE_NEWEST)]
