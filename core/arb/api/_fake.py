"""What an exchange plugin may bring for tests and simulations: its venue, imitated down to the wire."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Protocol

from arb.model import Instrument

from ._ports import Clock, HttpRequest, HttpResponse, WebSocket


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeGround:
    """What a fake venue stands on.

    Attributes:
        exchange: The simulated market and account, with its faults: what it raises is what becomes of the
            request. Its instruments are those of :attr:`FakeSpec.fit`. `exchange.trading.fetch_orders(since_ns)`
            lists every order of the account, open and closed, and `fetch_account()` gives positions and balances of
            one moment.
        clock: The venue's time.
        memory: What the venue remembers beyond the account, such as used nonces; it outlives connections and
            clients, so everything a fake must not forget is kept here.
    """

    exchange: Any
    clock: Clock
    memory: dict[str, Any] = field(default_factory=dict)


class FakeVenue(Protocol):
    """A venue's own protocol over a simulated account.

    It is an :class:`arb.api.HttpTransport` and an :class:`arb.api.WebSocketTransport` at once, so that an
    adapter runs over it without a socket; a server on loopback lends it to other clients. It checks what the
    venue checks (signatures, nonces, windows, steps, minimums) and answers as the venue does.

    What the ground raises becomes: a :class:`arb.api.Rejected` the venue's own refusal; RateLimited and
    InMaintenance the venue's own answers; any other NotSent a ConnectFailed and OutcomeUnknown an
    OutcomeUnknown of the transport; BadResponse an answer that cannot be read.
    """

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Answer a request; only scheme and host of its URL are not looked at."""
        ...

    def connect(
        self, url: str, *, headers: Mapping[str, str] = MappingProxyType({})
    ) -> AbstractAsyncContextManager[WebSocket]:
        """Open a socket; raises ConnectFailed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeSpec:
    """How a plugin's venue is imitated.

    Attributes:
        open: Makes the venue; no I/O.
        settings: The plugin's settings for a fake at this address (`http://127.0.0.1:8700`), with the
            throw-away keys that the fake accepts; secrets are `SecretStr`.
        profile: The one of :data:`arb.simulation.PROFILES` whose market is the most like the venue's.
        fit: Returns an instrument with the rules that the venue can express for a price near the one given,
            such as ticks that are powers of ten.
    """

    open: Callable[[FakeGround], FakeVenue]
    settings: Callable[[str], Mapping[str, Any]]
    profile: str
    fit: Callable[[Instrument, Decimal], Instrument]
