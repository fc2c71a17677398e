"""What the account's socket has told of orders, for whoever waits for the outcome of one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from arb.model import ClientOrderId
from arb.net import Row


class OrderReports:
    """Hands reports of orders to those who wait for them; what nobody waits for is forgotten."""

    def __init__(self) -> None:
        self._waiting: dict[ClientOrderId, asyncio.Queue[Row]] = {}
        self._listeners = 0

    @property
    def is_live(self) -> bool:
        """Whether somebody listens to the account's socket: a report will come by itself."""
        return self._listeners > 0

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Say that reports come for the length of the block."""
        self._listeners += 1
        try:
            yield
        finally:
            self._listeners -= 1

    def tell(self, name: ClientOrderId, row: Row) -> None:
        """Take a report."""
        waiting = self._waiting.get(name)
        if waiting is not None:
            waiting.put_nowait(row)

    @contextmanager
    def awaited(self, name: ClientOrderId) -> Iterator[asyncio.Queue[Row]]:
        """Collect the reports of one order, from before it leaves."""
        found = self._waiting[name] = asyncio.Queue()
        try:
            yield found
        finally:
            del self._waiting[name]
