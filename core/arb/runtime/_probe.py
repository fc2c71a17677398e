"""A context for looking at one plugin outside a run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from arb.model import MINUTE_NS
from arb.net import open_transports
from arb.risk import MemoryHaltStore

from ._clock import WallClock
from ._context import Ports, RandomIds, RuntimeContext, make_context
from ._holder import is_gone, own_holder


class ForgetfulState:
    """State that lasts as long as the probe."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    async def get(self, key: str) -> str | None:
        """Return what was put under `key` during this probe."""
        return self._values.get(key)

    async def put(self, key: str, value: str) -> None:
        """Keep `value` until the probe ends."""
        self._values[key] = value


@asynccontextmanager
async def probe_context(name: str) -> AsyncIterator[RuntimeContext]:
    """Lend a context with real time and network, and a memory that is not stored."""
    async with open_transports() as (http, websocket):
        ports = Ports(
            clock=WallClock(),
            ids=RandomIds(),
            http=http,
            websocket=websocket,
            seed=0,
            inline=False,
            halt_store=MemoryHaltStore(),
            holder=own_holder(),
            holder_is_gone=is_gone,
            lease_ns=MINUTE_NS,
        )
        yield make_context(ports, "probe", name, ForgetfulState())
