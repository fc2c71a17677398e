"""What the venue tells of the account's orders on its socket: kept for whoever waits for one."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from typing import Final

from arb.api import BadResponse, Context
from arb.model import SECOND_NS
from arb.net import Connected, Row, reading, text, whole

from ._channels import Channels, Heard
from ._fields import maybe_rows
from ._waiting import first_of, for_ever, stopped

_REMEMBERED: Final = 5_000
_FRESH_NS: Final = 45 * SECOND_NS
LIVE: Final = frozenset({"open", "pending", "in-progress"})


class OrderReports:
    """The last report of every order that the socket told of, by client order index.

    Attributes:
        channel: Of the account's orders in every market.
    """

    def __init__(self, context: Context, channels: Channels, account_index: int) -> None:
        """Hear nothing yet."""
        self._context = context
        self._channels = channels
        self.channel = f"account_all_orders/{account_index}"
        self._rows: OrderedDict[int, Row] = OrderedDict()
        self._waiting: dict[int, asyncio.Event] = {}
        self._live_on: int | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def is_live(self) -> bool:
        """Return whether the socket would tell of an order now."""
        return self._live_on == self._channels.socket_number and self._channels.is_fresh(_FRESH_NS)

    def start(self) -> None:
        """Begin to listen."""
        self._task = asyncio.create_task(for_ever(self._context, self.channel, self._listen, self._lose))

    async def close(self) -> None:
        """End listening."""
        await stopped(self._task)

    def final(self, number: int) -> Row | None:
        """Return the report of an order that has ended, which nothing changes any more; None without one."""
        row = self._rows.get(number)
        return None if row is None or row["status"] in LIVE else row

    @contextmanager
    def awaited(self, number: int) -> Iterator[asyncio.Event]:
        """Lend an event that every report of an order sets."""
        event = self._waiting.setdefault(number, asyncio.Event())
        try:
            yield event
        finally:
            self._waiting.pop(number, None)

    async def settled(self, number: int, event: asyncio.Event, until_ns: int, *, rests: bool) -> Row | None:
        """Return the report that tells what became of an order, or the last one there is when the time has come.

        Args:
            number: Its client order index.
            event: From :meth:`awaited`.
            until_ns: When the wait ends.
            rests: Whether an order that rests has arrived where it should.
        """
        clock = self._context.clock
        while True:
            row = self._rows.get(number)
            if row is not None and (row["status"] not in LIVE or (rests and row["status"] == "open")):
                return row
            if clock.now_ns() >= until_ns:
                return row
            event.clear()
            await first_of(clock, event.wait(), until_ns)

    async def _listen(self) -> None:
        async with aclosing(self._channels.listen(self.channel)) as heard:
            async for message in heard:
                try:
                    with reading(self._context.name, self.channel):
                        self._take(message)
                except BadResponse as error:
                    self._lose()
                    self._channels.restart(str(error))

    def _lose(self) -> None:
        self._live_on = None

    def _take(self, message: Heard) -> None:
        if isinstance(message, Connected):
            self._lose()
            return
        if text(message["type"]).startswith("subscribed/"):
            self._live_on = self._channels.socket_number
        for row in order_rows(message):
            number = whole(row["client_order_index"])
            if not number:
                continue
            text(row["status"])
            self._rows[number] = row
            self._rows.move_to_end(number)
            if (event := self._waiting.get(number)) is not None:
                event.set()
        while len(self._rows) > _REMEMBERED:
            self._rows.popitem(last=False)


def order_rows(message: Row) -> list[Row]:
    """Return the orders of a message, whatever market they are of."""
    return [row for rows in (message.get("orders") or {}).values() for row in maybe_rows(rows)]
