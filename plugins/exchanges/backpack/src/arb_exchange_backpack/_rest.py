"""REST calls to Backpack: public ones, and signed ones within the venue's time and its rate limits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote, urlencode

from arb.api import ClockRefused, Context, HttpResponse, NotSent, RateLimited
from arb.model import MILLISECOND_NS, MINUTE_NS, SECOND_NS
from arb.net import RateBudget, RateLimit, Rest, RestCall, VenueTime, decoded, from_ms, reading

from ._errors import refusal_table
from ._settings import BackpackSettings
from ._signing import NO_PARAMS, Params, Signer

_CALLS: Final = RateLimit(weight=2_000, per_ns=MINUTE_NS)
"""Of one sub-account, or of one address without a key (support.backpack.exchange, FAQ of the API)."""

_RANGES: Final = RateLimit(weight=30, per_ns=MINUTE_NS)
_ACCOUNT_RANGES: Final = RateLimit(weight=26, per_ns=MINUTE_NS)
_TRANSFERS: Final = RateLimit(weight=4, per_ns=MINUTE_NS)
"""Routes of time ranges have 30 a minute, of a sub-account or of an address as above. Which routes these are is not
said: all are taken to be. The account's are split, so that transfers never hold up what tells of fills."""

_RANGE_PATIENCE_NS: Final = MINUTE_NS
_TIMEOUT_NS: Final = 10 * SECOND_NS
_TIME_TIMEOUT_NS: Final = 3 * SECOND_NS
"""A longer round trip would tell the time too badly for a signature that holds for seconds."""

_NONE: Final = Decimal(0)
_FOR_OUTCOMES: Final = Decimal("0.3")
"""Of the account's time ranges, for what became of an order."""


class Pace(StrEnum):
    """Which limit a call counts for besides the one of all calls."""

    CALL = "call"
    RANGE = "range"
    TRANSFERS = "transfers"


@dataclass(frozen=True, slots=True)
class Line:
    """A budget with the client that sends within it: what the venue refuses of one pauses no other."""

    budget: RateBudget
    rest: Rest


class VenueRest:
    """The venue's REST interface, for one account or for none.

    A call waits for its budget before it is signed, so that the wait does not use up the signature's window.
    """

    def __init__(self, context: Context, settings: BackpackSettings, signer: Signer | None) -> None:
        """Send nothing yet."""
        self._context = context
        self._clock = context.clock
        self._window_ms = settings.window // MILLISECOND_NS
        self._signer = signer
        self.time = VenueTime(context, self._ask_time)
        key = "" if signer is None else signer.api_key
        self._public = _lines(context, settings.api_url, "public", _RANGES)
        self._private = _lines(context, settings.api_url, f"key {key}", _ACCOUNT_RANGES)
        self._timing = Line(
            self._public[Pace.CALL].budget, _unpaced(context, settings.api_url, timeout_ns=_TIME_TIMEOUT_NS)
        )

    @property
    def window_ns(self) -> int:
        """Return how long a signed request stays valid."""
        return self._window_ms * MILLISECOND_NS

    async def get(self, path: str, params: Params = NO_PARAMS, *, pace: Pace = Pace.CALL) -> Any:
        """Return the JSON of a public call; raises as :meth:`arb.net.Rest.call`."""
        await self._spend(self._public, pace)
        response = await self._answer(self._public[pace], RestCall(method="GET", target=_target(path, params)))
        return decoded(response.body, self._context.name)

    async def read(
        self,
        path: str,
        instruction: str,
        params: Params = NO_PARAMS,
        *,
        pace: Pace = Pace.CALL,
        urgent: bool = False,
    ) -> Any:
        """Return the JSON of a signed call that changes nothing; tries once more after its time was refused.

        Args:
            path: Of the route.
            instruction: The name that is signed.
            params: Of the query.
            pace: Which limit it counts for.
            urgent: It tells what became of an order, or what is to be cancelled: it may use the reserve, and waits
                2 s at most.
        """
        try:
            return await self._read(path, instruction, params, pace=pace, urgent=urgent)
        except ClockRefused:
            return await self._read(path, instruction, params, pace=pace, urgent=urgent)

    async def write(self, method: str, path: str, instruction: str, body: Params) -> HttpResponse:
        """Send a signed call that changes something, and return its answer; it is urgent.

        Raises:
            NotSent, Rejected: certain, nothing was changed.
            OutcomeUnknown, BadResponse: it may have been.
        """
        await self.ready_to_sign()
        await self._spend(self._private, Pace.CALL, urgent=True)
        headers, _ = self.sign(instruction, body)
        return await self._send(method, path, headers, json.dumps(body, separators=(",", ":")).encode())

    async def write_signed(
        self, path: str, headers: Mapping[str, str], body: bytes, *, expires_ns: int | None
    ) -> HttpResponse:
        """Send what was signed before, unless it has become void while it waited; it is urgent. Raises as `write`."""
        await self._spend(self._private, Pace.CALL, urgent=True)
        self.require_valid(expires_ns)
        return await self._send("POST", path, headers, body)

    def require_valid(self, expires_ns: int | None) -> None:
        """Raise NotSent for a signature that has become void."""
        if expires_ns is not None and expires_ns <= self._clock.now_ns():
            raise NotSent("not sent: its signature has expired", exchange=self._context.name, code="expired")

    async def _send(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> HttpResponse:
        call = RestCall(method=method, target=path, body=body, headers=headers, writes=True, urgent=True)
        return await self._answer(self._private[Pace.CALL], call)

    def sign(self, instruction: str, params: Params) -> tuple[Mapping[str, str], int]:
        """Return the headers of a call that is signed now, and when they become void by our clock."""
        assert self._signer is not None, "a signed call without a key"
        timestamp_ms = self.time.now_ns() // MILLISECOND_NS
        headers = self._signer.headers(instruction, params, timestamp_ms, self._window_ms)
        return headers, timestamp_ms * MILLISECOND_NS + self.window_ns - self.time.offset_ns

    def subscription(self) -> list[str]:
        """Return the signature of a subscription that leaves now."""
        assert self._signer is not None, "a private stream without a key"
        return self._signer.subscription(self.time.now_ns() // MILLISECOND_NS, self._window_ms)

    async def ready_to_sign(self) -> None:
        """Return when something can be signed that changes something; raises as :meth:`VenueTime.required`."""
        await self.time.required()

    async def close(self) -> None:
        """End what is asked for in the background."""
        await self.time.close()

    async def _ask_time(self) -> None:
        await self._timing.budget.spend(urgent=True)
        sent_ns = self._clock.now_ns()
        answer = await self._answer(self._timing, RestCall(method="GET", target="/api/v1/time", urgent=True))
        with reading(self._context.name, "the venue's time"):
            server_ns = from_ms(answer.body.decode().strip())
        self.time.told(server_ns, sent_ns=sent_ns)

    async def _read(self, path: str, instruction: str, params: Params, *, pace: Pace, urgent: bool) -> Any:
        await self.time.ready()
        await self._spend(self._private, pace, urgent=urgent)
        headers, _ = self.sign(instruction, params)
        call = RestCall(method="GET", target=_target(path, params), headers=headers, urgent=urgent)
        return decoded((await self._answer(self._private[pace], call)).body, self._context.name)

    async def _spend(self, lines: Mapping[Pace, Line], pace: Pace, *, urgent: bool = False) -> None:
        if pace is not Pace.CALL:
            patience_ns = None if urgent else _RANGE_PATIENCE_NS
            await lines[pace].budget.spend(urgent=urgent, patience_ns=patience_ns)
        await lines[Pace.CALL].budget.spend(urgent=urgent)

    async def _answer(self, line: Line, call: RestCall) -> HttpResponse:
        try:
            return await line.rest.answer(call)
        except ClockRefused:
            self.time.doubt()
            raise
        except RateLimited as error:
            if error.retry_after_ns is not None:
                # Calls with a key are counted for it, those without one for the address: neither stops the other.
                line.budget.pause(self._clock.now_ns() + error.retry_after_ns)
            raise


def _lines(context: Context, url: str, whose: str, ranges: RateLimit) -> Mapping[Pace, Line]:
    def line(pace: Pace, limit: RateLimit, **reserve: Decimal) -> Line:
        key = f"backpack {url} {whose} {pace}"
        budget = context.shared(RateBudget, key, lambda: RateBudget(context.clock, [limit], **reserve))
        return Line(budget, _unpaced(context, url))

    return MappingProxyType(
        {
            Pace.CALL: line(Pace.CALL, _CALLS),
            Pace.RANGE: line(Pace.RANGE, ranges, reserve=_NONE if ranges is _RANGES else _FOR_OUTCOMES),
            Pace.TRANSFERS: line(Pace.TRANSFERS, _TRANSFERS, reserve=_NONE),
        }
    )


def _unpaced(context: Context, url: str, *, timeout_ns: int = _TIMEOUT_NS) -> Rest:
    """Return a client that is paced by the budget of its line; its own only keeps the pauses the venue asks for."""
    budget = RateBudget(context.clock, [RateLimit(weight=1_000_000, per_ns=SECOND_NS)], reserve=_NONE)
    return Rest(context, url, budget, refusal=refusal_table(context.name), timeout_ns=timeout_ns)


def _target(path: str, params: Params) -> str:
    if not params:
        return path
    texts = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in params.items()}
    return f"{path}?{urlencode(texts, quote_via=quote)}"
