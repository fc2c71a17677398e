"""JSON over HTTP: paced, timed, and every failure one of the errors a caller can act on."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final, NoReturn

from arb.api import (
    BadResponse,
    Context,
    ExchangeError,
    HttpRequest,
    HttpResponse,
    InMaintenance,
    OutcomeUnknown,
    RateLimited,
)
from arb.model import DAY_NS, HOUR_NS, SECOND_NS, storable

from ._backoff import Backoff
from ._budget import RateBudget

TIMEOUT_NS: Final = 10 * SECOND_NS
_BANNED: Final = 418
"""What Binance and those who copied it answer to an address that went on after 429."""

_LONGEST_BAN_NS: Final = 3 * DAY_NS
"""By the documents of Binance. Whoever asks during a ban makes it longer."""

_TOO_MANY: Final = 429
LONGEST_PAUSE_NS: Final = 8 * SECOND_NS
"""After 429, where the venue does not say how long: its windows slide, and a leg may be waiting to be covered."""
_SHOWN: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class RestCall:
    """One request as it will leave.

    Attributes:
        target: Path and query, quoted; since venues sign it, it is sent as it is.
        writes: It may change something at the venue: an answer that cannot be understood then leaves in doubt
            what it did.
        weight: As the venue counts it.
        urgent: It reduces risk; see :meth:`arb.net.RateBudget.spend`.
    """

    method: str
    target: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    writes: bool = False
    weight: int = 1
    urgent: bool = False


def no_table(response: HttpResponse) -> ExchangeError | None:
    """Know no refusal of the venue."""
    return None


def no_other(response: HttpResponse) -> bool:
    """Know no other answer than 418 and 429 that asks to slow down."""
    return False


def no_observer(response: HttpResponse) -> None:
    """Learn nothing from answers."""


class Rest:
    """One venue's REST interface, for one account or none."""

    def __init__(
        self,
        context: Context,
        base_url: str,
        budget: RateBudget,
        *,
        refusal: Callable[[HttpResponse], ExchangeError | None] = no_table,
        also_limits: Callable[[HttpResponse], bool] = no_other,
        observer: Callable[[HttpResponse], None] = no_observer,
        timeout_ns: int = TIMEOUT_NS,
    ) -> None:
        """Send nothing yet.

        Args:
            context: The exchange plugin's.
            base_url: Scheme and host, such as `https://api.venue.test`.
            budget: Spent before every request; paused when the venue refuses one.
            refusal: The venue's table: the error for an answer whose meaning is certain, whatever its status,
                or None. It is asked before the status is judged; it may raise BadResponse.
            also_limits: Whether an answer asks to slow down that is neither 418 nor 429: nothing was done, and
                there is a pause as after 429.
            observer: Gets every answer before it is judged, such as for a count in its headers: a refusal tells
                it too.
            timeout_ns: Of a whole exchange.
        """
        self._context = context
        self._base_url = base_url
        self._budget = budget
        self._refusal = refusal
        self._also_limits = also_limits
        self._observer = observer
        self._timeout_ns = timeout_ns
        self._backoff = Backoff(context.random, first_ns=2 * SECOND_NS)
        self._short_backoff = Backoff(context.random, first_ns=2 * SECOND_NS, most_ns=LONGEST_PAUSE_NS)

    async def call(self, call: RestCall) -> Any:
        """Send, and return the answer's JSON; its fractions are Decimals.

        Raises:
            NotSent: certain, nothing happened: no connection, our budget or the venue's limit, maintenance.
            Rejected: certain, by the venue's table.
            OutcomeUnknown: it may have happened: no whole answer, or a server's failure answering a write.
            BadResponse: the answer cannot be understood.
        """
        response = await self.answer(call)
        return decoded(response.body, self._context.name)

    async def answer(self, call: RestCall) -> HttpResponse:
        """Send, and return an answer of success as it came, for one that is not JSON; raises as :meth:`call`."""
        await self._budget.spend(call.weight, urgent=call.urgent)
        request = HttpRequest(
            method=call.method,
            url=self._base_url + call.target,
            headers=call.headers,
            body=call.body,
            timeout_ns=self._timeout_ns,
        )
        response = await self._context.http.send(request)
        self._observer(response)
        refused = self._refusal(response)
        is_limit = response.status in (_TOO_MANY, _BANNED) or self._also_limits(response)
        # Some venues answer 429 to what is no matter of rate, such as too many open orders: the table knows.
        if is_limit and (refused is None or isinstance(refused, RateLimited)):
            self._limited(response)
        self._backoff.reset()
        self._short_backoff.reset()
        if refused is not None:
            raise refused
        if not 200 <= response.status < 300:
            self._failed(call, response)
        return response

    def _limited(self, response: HttpResponse) -> NoReturn:
        is_ban = response.status == _BANNED
        told_ns = retry_after_ns(response.headers, most_ns=_LONGEST_BAN_NS if is_ban else HOUR_NS)
        wait_ns = told_ns or (self._backoff if is_ban else self._short_backoff).next_ns()
        self._budget.pause(self._context.clock.now_ns() + wait_ns)
        is_rate = response.status in (_TOO_MANY, _BANNED)
        why = "the venue's rate limit is reached" if is_rate else f"the venue turns us away (HTTP {response.status})"
        raise RateLimited(
            f"{why}; nothing is sent for {wait_ns / SECOND_NS:.1f} s",
            exchange=self._context.name,
            code=str(response.status),
            retry_after_ns=wait_ns,
        )

    def _failed(self, call: RestCall, response: HttpResponse) -> NoReturn:
        name, code = self._context.name, str(response.status)
        path = call.target.partition("?")[0]
        text = f"{call.method} {path}: HTTP {response.status}: {_shown(response.body)}"
        if response.status < 500:
            raise BadResponse(text, exchange=name, code=code)
        if call.writes:
            raise OutcomeUnknown(text, exchange=name, code=code)
        raise InMaintenance(text, exchange=name, code=code, retry_after_ns=retry_after_ns(response.headers))


def decoded(body: bytes | str, exchange: str) -> Any:
    """Return JSON with its fractions as Decimals, exactly as written.

    What JSON can escape and no storage keeps, half of a surrogate pair and the zero character, becomes U+FFFD: a
    venue's text ends up in the journal, and may not keep it from telling what became of an order.

    Raises:
        BadResponse: it is none; NaN, the infinities and what no Decimal can hold are none either.
    """
    try:
        found = json.loads(body, parse_float=Decimal, parse_constant=_refuse_constant)
        is_escaped = (b"\\u" if isinstance(body, bytes) else "\\u") in body  # type: ignore[operator]
        return _storable(found) if is_escaped else found
    except (ValueError, RecursionError, ArithmeticError) as error:
        raw = body if isinstance(body, bytes) else body.encode()
        raise BadResponse(f"not JSON: {_shown(raw)}", exchange=exchange, code="not_json") from error


def retry_after_ns(headers: Mapping[str, str], *, most_ns: int = HOUR_NS) -> int | None:
    """Return what `Retry-After` says in seconds, `most_ns` at most; None where it is absent, or a date."""
    value = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    seconds = int(value) * SECOND_NS if value.isascii() and value.isdigit() and len(value) < 10 else None
    return None if seconds is None else min(seconds, most_ns)


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [_storable(each) for each in value]
    if isinstance(value, dict):
        return {_storable(name): _storable(each) for name, each in value.items()}
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _shown(body: bytes) -> str:
    """Return the beginning of a body on one line; marks that would move a terminal are left out."""
    text = body[:_SHOWN].decode("utf-8", "replace")
    line = "".join(mark if mark.isprintable() else " " for mark in text).strip()
    return f"{line or '(empty)'}{'...' if len(body) > _SHOWN else ''}"
