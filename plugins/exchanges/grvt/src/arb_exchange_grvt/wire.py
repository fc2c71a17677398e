"""The venue's wire: signing, pacing, its clock, and the table of its refusals."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlencode

from arb.api import (
    AuthenticationFailed,
    BadResponse,
    BelowMinimum,
    Context,
    ExchangeError,
    HttpResponse,
    InMaintenance,
    InsufficientMargin,
    Rejected,
    UnknownOrder,
    WouldCross,
)
from arb.model import MILLISECOND_NS, MINUTE_NS, SECOND_NS
from arb.net import RateBudget, RateLimit, Rest, RestCall, ServerTime, decoded

from .plugin import NAME
from .settings import ExchangeSettings

WINDOW_NS: Final = 5 * SECOND_NS
"""How old a signed request may be when it arrives: after that no order comes any more."""

LIMITS: Final = (RateLimit(weight=50, per_ns=SECOND_NS),)
_SYNC_NS: Final = 5 * MINUTE_NS

REFUSALS: Final[Mapping[str, type[ExchangeError]]] = MappingProxyType(
    {
        "bad_signature": AuthenticationFailed,
        "bad_time": AuthenticationFailed,
        "duplicate_id": Rejected,
        "insufficient_margin": InsufficientMargin,
        "invalid_order": Rejected,
        "maintenance": InMaintenance,
        "not_open": Rejected,
        "too_small": BelowMinimum,
        "unknown_instrument": Rejected,
        "unknown_order": UnknownOrder,
        "would_cross": WouldCross,
    }
)
"""Every code the venue documents. What is not here is not certain, so it is BadResponse."""


def signature(secret: str, time_ms: str, method: str, target: str, body: bytes) -> str:
    """Return what proves that a request is ours and new."""
    text = f"{time_ms}{method}{target}".encode() + body
    return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


class VenueWire:
    """Requests to the venue, for one account or none."""

    def __init__(self, settings: ExchangeSettings, context: Context) -> None:
        self._context = context
        self._settings = settings
        # Every account of this machine shares the venue's limit of its address.
        budget = context.shared(RateBudget, f"{NAME}/address", lambda: RateBudget(context.clock, LIMITS))
        self._rest = Rest(context, settings.url, budget, refusal=self._refusal)
        self._time = ServerTime(context.clock)
        self._synchronised_ns = 0

    @property
    def has_key(self) -> bool:
        """Return whether requests can be signed."""
        return self._settings.key is not None and self._settings.secret is not None

    @property
    def stream_url(self) -> str:
        """Return where sockets are opened."""
        return self._settings.stream_url

    async def synchronise(self) -> None:
        """Learn the venue's time: it refuses requests whose time is not near its own."""
        sent_ns = self._context.clock.now_ns()
        answer = await self._rest.call(RestCall(method="GET", target="/time"))
        received_ns = self._context.clock.now_ns()
        self._time.add(taken(answer, "time", int) * MILLISECOND_NS, sent_ns=sent_ns, received_ns=received_ns)
        self._synchronised_ns = received_ns

    async def get(self, path: str, *, signed: bool = False, **query: object) -> Any:
        """Read."""
        target = f"{path}?{urlencode(query)}" if query else path
        headers = await self._signed("GET", target) if signed else {}
        return await self._rest.call(RestCall(method="GET", target=target, headers=headers))

    async def get_rows(self, path: str, *, signed: bool = False, **query: object) -> list[Any]:
        """Read every page of a list."""
        rows: list[Any] = []
        page: dict[str, object] = {}
        while True:
            answer = await self.get(path, signed=signed, **query, **page)
            rows += taken(answer, "rows", list)
            page = {"cursor": answer.get("next")}
            if page["cursor"] is None:
                return rows

    async def write(self, method: str, path: str, body: Mapping[str, object], *, urgent: bool = False) -> Any:
        """Change something; `urgent` is for what reduces risk."""
        raw = json.dumps(body).encode()
        headers = await self._signed(method, path, raw)
        call = RestCall(method=method, target=path, body=raw, headers=headers, writes=True, urgent=urgent)
        return await self._rest.call(call)

    def credentials(self, method: str, target: str, body: bytes = b"") -> dict[str, str]:
        """Return key, time and signature; each is good for a few seconds."""
        key, secret = self._settings.key, self._settings.secret
        if key is None or secret is None:
            raise AuthenticationFailed("no key is configured", exchange=self._context.name, code="no_key")
        time_ms = str(self._time.now_ns() // MILLISECOND_NS)
        signed = signature(secret.get_secret_value(), time_ms, method, target, body)
        return {"X-Key": key.get_secret_value(), "X-Time": time_ms, "X-Signature": signed}

    async def _signed(self, method: str, target: str, body: bytes = b"") -> dict[str, str]:
        if self._context.clock.now_ns() - self._synchronised_ns > _SYNC_NS:
            await self.synchronise()
        return self.credentials(method, target, body)

    def _refusal(self, response: HttpResponse) -> ExchangeError | None:
        if response.status not in (400, 401, 503):
            return None
        try:
            answer = decoded(response.body, self._context.name)
        except BadResponse:
            return None
        code = answer.get("code") if isinstance(answer, dict) else None
        kind = REFUSALS.get(code) if isinstance(code, str) else None
        if kind is None:
            return None
        return kind(f"{answer.get('message', 'refused')}", exchange=self._context.name, code=str(code))


def taken(answer: Any, key: str, kind: type[Any]) -> Any:
    """Return a field of an answer; raises BadResponse when it is missing or of another kind."""
    value = answer.get(key) if isinstance(answer, dict) else None
    if not isinstance(value, kind):
        raise BadResponse(f"the answer has no {key}", code="field")
    return value


def each(answer: Any, key: str) -> Sequence[Any]:
    """Return a list in an answer; raises BadResponse."""
    rows: list[Any] = taken(answer, key, list)
    return rows
