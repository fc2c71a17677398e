"""How the sides of a simulated exchange reach their venue: the door at which another wire can stand."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from arb.api import Clock

from ._venue import SimulatedVenue


class VenueAccess(Protocol):
    """What market data, trading and streams need. `Desk` is the plain implementation.

    Another one may lose, delay or repeat calls and answers. It owes two things: calls reach the
    venue one after the other, and what was answered is durable.
    """

    @property
    def venue(self) -> SimulatedVenue:
        """Return the venue behind it; outside of `call` it is only read."""
        ...

    @property
    def clock(self) -> Clock:
        """Return the clock that streams wait on."""
        ...

    @property
    def changed(self) -> asyncio.Event:
        """Return an event that is set at the next change of the account."""
        ...

    @property
    def acknowledged(self) -> int:
        """Return how many records of the history are durable: only these may be told to anybody."""
        ...

    def call(self, operation: str, subject: object = None) -> AbstractAsyncContextManager[int]:
        """Enter with the venue's time on arrival, alone with the account; leave when the answer is back.

        Args:
            operation: The name of the method of the exchange, such as `send_order`.
            subject: What it is about: a request, an id or an instrument.

        Raises:
            ExchangeError: on entering, the call had no effect; on leaving, its answer is lost.
            StorageError: the effect could not be made durable.
        """
        ...

    def public(self, operation: str, subject: object = None) -> AbstractAsyncContextManager[int]:
        """Enter with the time at which public data are read; the account is not touched."""
        ...
