"""The ports bound to their implementations, one context for each plugin."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from arb.api import Clock, HttpTransport, IdSource, StateStore, WebSocketTransport
from arb.risk import HaltStore

T = TypeVar("T")
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"


class RandomIds:
    """Identifiers of 70 random bits, unique across processes and restarts."""

    def new(self) -> str:
        """Return 14 letters and digits."""
        return "".join(_ALPHABET[byte & 31] for byte in secrets.token_bytes(14))


class SeededIds:
    """Identifiers that the same seed repeats, other ones in each session; for virtual time only."""

    def __init__(self, seed: int, session: int) -> None:
        self._prefix = f"{seed}:{session}"
        self._count = 0

    def new(self) -> str:
        """Return 14 letters and digits."""
        self._count += 1
        digest = hashlib.blake2b(f"{self._prefix}:{self._count}".encode(), digest_size=14).digest()
        return "".join(_ALPHABET[byte & 31] for byte in digest)


def seeded_random(seed: int, name: str) -> random.Random:  # noqa: TID251 - the type
    """Return a generator of its own for `name`; the same seed and name repeat it."""
    return random.Random(f"{seed}:{name}")  # noqa: S311, TID251 - the home of seeded chance


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What all plugins of one run share.

    Attributes:
        inline: Blocking work runs in line (virtual time) rather than in a thread.
        halt_store: Where halts are kept.
        holder: This process, for the leases of accounts.
        holder_is_gone: Whether another holder's process is known to have ended.
        lease_ns: How long the lease of an account holds without being renewed.
        shared: What plugins share, by kind and key.
    """

    clock: Clock
    ids: IdSource
    http: HttpTransport
    websocket: WebSocketTransport
    seed: int
    inline: bool
    halt_store: HaltStore
    holder: str
    holder_is_gone: Callable[[str], bool]
    lease_ns: int
    shared: dict[tuple[type, str], object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeContext:
    """What one plugin gets; see :class:`arb.api.Context`."""

    name: str
    ports: Ports
    random: random.Random  # noqa: TID251 - the type
    log: logging.Logger
    state: StateStore

    @property
    def seed(self) -> int:
        """Return the run's seed."""
        return self.ports.seed

    @property
    def clock(self) -> Clock:
        """Return the run's clock."""
        return self.ports.clock

    @property
    def ids(self) -> IdSource:
        """Return the run's source of identifiers."""
        return self.ports.ids

    @property
    def http(self) -> HttpTransport:
        """Return the HTTP transport."""
        return self.ports.http

    @property
    def websocket(self) -> WebSocketTransport:
        """Return the WebSocket transport."""
        return self.ports.websocket

    def shared(self, kind: type[T], key: str, make: Callable[[], T]) -> T:
        """Return the one object of this kind and key in this run."""
        made = self.ports.shared
        found = made.get((kind, key))
        if not isinstance(found, kind):
            found = made[(kind, key)] = make()
        return found

    async def run_blocking(self, work: Callable[[], T]) -> T:
        """Run blocking work: in line under virtual time, else in a thread."""
        return work() if self.ports.inline else await asyncio.to_thread(work)


def make_context(ports: Ports, family: str, name: str, state: StateStore) -> RuntimeContext:
    """Return the context of one plugin."""
    return RuntimeContext(
        name=name,
        ports=ports,
        random=seeded_random(ports.seed, f"{family}:{name}"),
        log=logging.getLogger(f"arb.{family}.{name}"),
        state=state,
    )
