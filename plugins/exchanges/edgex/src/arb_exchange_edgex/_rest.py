"""REST calls to EdgeX: public ones, and signed ones by the venue's clock, within our own rate limit."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode

from arb.api import BadResponse, ClockRefused, Context, NotSent, RateLimited
from arb.model import MILLISECOND_NS, MINUTE_NS, SECOND_NS
from arb.net import RateBudget, RateLimit, Rest, RestCall, VenueTime, decoded, from_ms, reading, row_of

from ._errors import PAUSE_NS, SUCCESS, code_of, refusal_table
from ._settings import EdgexSettings
from ._signing import NO_PARAMS, Body, Params, RequestSigner, flattened

WINDOW_NS: Final = MINUTE_NS
"""How far a request's time may be from the venue's clock (measured by others; the venue does not say)."""

_JSON: Final = "application/json"
_NO_RESERVE: Final = Decimal(0)


class Answer(NamedTuple):
    """What the venue answered, and when by its own clock; None where it did not say."""

    data: Any
    told_ns: int | None


class SignedBody(NamedTuple):
    """A private request that is ready to leave; its text shows nothing."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    timestamp_ms: int

    def __repr__(self) -> str:
        return f"SignedBody({self.path})"


class VenueRest:
    """The venue's REST interface, for one account or for none."""

    def __init__(self, context: Context, settings: EdgexSettings, signer: RequestSigner | None) -> None:
        """Send nothing yet."""
        self._context = context
        self._clock = context.clock
        self._signer = signer
        self.account_id: Final = settings.account_id or ""
        self.time = VenueTime(context, self._ask_time)
        url, limit = settings.addresses.api, RateLimit(weight=settings.calls_per_minute, per_ns=MINUTE_NS)
        # The venue counts by address: every account of this machine spends from the same budget.
        self._budget = context.shared(
            RateBudget, f"edgex {url} {settings.calls_per_minute}", lambda: RateBudget(context.clock, [limit])
        )
        unpaced = RateBudget(context.clock, [RateLimit(weight=1_000_000, per_ns=SECOND_NS)], reserve=_NO_RESERVE)
        self._reads = Rest(context, url, unpaced, refusal=refusal_table(context.name, writes=False))
        self._writes = Rest(context, url, unpaced, refusal=refusal_table(context.name, writes=True))

    async def get(self, path: str, params: Params = NO_PARAMS) -> Answer:
        """Return the answer to a public call; raises as :meth:`arb.net.Rest.call`."""
        return await self._answer(RestCall(method="GET", target=_target(path, params)))

    async def read(self, path: str, params: Params = NO_PARAMS, *, urgent: bool = False) -> Any:
        """Return the data of a private call that changes nothing; tries once more after its time was refused."""
        try:
            return await self._read(path, params, urgent=urgent)
        except ClockRefused:
            return await self._read(path, params, urgent=urgent)

    async def write(self, path: str, body: Body) -> Any:
        """Send a private call that changes something, and return its data; it is urgent.

        Raises:
            NotSent, Rejected: certain, nothing was changed.
            OutcomeUnknown, BadResponse: it may have been.
        """
        await self.time.required()
        return await self.write_signed(lambda: self.signed(path, body))

    async def write_signed(self, make: Callable[[], SignedBody]) -> Any:
        """Send what `make` signs or has signed when its turn comes; it is urgent. Raises as `write`."""
        await self._budget.spend(urgent=True)
        signed = make()
        headers = {**signed.headers, "Content-Type": _JSON}
        call = RestCall(method="POST", target=signed.path, body=signed.body, headers=headers, writes=True, urgent=True)
        return (await self._sent(self._writes, call)).data

    def signed(self, path: str, body: Body) -> SignedBody:
        """Sign a body for now."""
        timestamp_ms = self.time.now_ns() // MILLISECOND_NS
        headers = self._required().headers("POST", path, flattened(body), timestamp_ms)
        return SignedBody(path, headers, json.dumps(body, separators=(",", ":")).encode(), timestamp_ms)

    def socket_request(self, path: str) -> tuple[str, Mapping[str, str]]:
        """Return path with query, and headers, of a request that opens the account's socket now."""
        timestamp_ms = self.time.now_ns() // MILLISECOND_NS
        query = flattened({"accountId": self.account_id, "timestamp": str(timestamp_ms)})
        return f"{path}?{query}", self._required().headers("GET", path, query, timestamp_ms)

    async def close(self) -> None:
        """End what is asked for in the background."""
        await self.time.close()

    async def _ask_time(self) -> None:
        await self._budget.spend(urgent=True)
        sent_ns = self._clock.now_ns()
        call = RestCall(method="GET", target="/api/v2/public/meta/getServerTime", urgent=True)
        answer = await self._sent(self._reads, call)
        with reading(self._context.name, "the venue's time"):
            server_ns = from_ms(row_of(answer.data)["timeMillis"])
        self.time.told(server_ns, sent_ns=sent_ns)

    async def _read(self, path: str, params: Params, *, urgent: bool) -> Any:
        await self.time.ready()
        await self._budget.spend(urgent=urgent)
        full = {"accountId": self.account_id, **params}
        headers = self._required().headers("GET", path, flattened(full), self.time.now_ns() // MILLISECOND_NS)
        call = RestCall(method="GET", target=_target(path, full), headers=headers, urgent=urgent)
        return (await self._sent(self._reads, call)).data

    async def _answer(self, call: RestCall) -> Answer:
        await self._budget.spend()
        return await self._sent(self._reads, call)

    async def _sent(self, rest: Rest, call: RestCall) -> Answer:
        try:
            response = await rest.answer(call)
        except ClockRefused:
            self.time.doubt()
            raise
        except RateLimited as error:
            self._budget.pause(self._clock.now_ns() + (error.retry_after_ns or PAUSE_NS))
            raise
        answer = decoded(response.body, self._context.name)
        if code_of(answer) != SUCCESS:
            path = call.target.partition("?")[0]
            raise BadResponse(f"{path}: no answer of the venue", exchange=self._context.name, code="no_envelope")
        told = answer.get("responseTime")
        return Answer(answer.get("data"), self._moment(told))

    def _moment(self, value: Any) -> int | None:
        try:
            return from_ms(value)
        except ValueError:
            return None

    def _required(self) -> RequestSigner:
        if self._signer is None:
            raise NotSent("there is no key", exchange=self._context.name, code="no_key")
        return self._signer


def _target(path: str, params: Params) -> str:
    return f"{path}?{urlencode(params, quote_via=quote, safe=',')}" if params else path
