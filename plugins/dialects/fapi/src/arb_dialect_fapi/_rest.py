"""REST calls: public ones, and signed ones within the venue's time and its rate limits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote, urlencode

from arb.api import ClockRefused, Context, ExchangeError, HttpResponse, NotSent, OutcomeUnknown, RateLimited
from arb.model import HOUR_NS, MINUTE_NS, SECOND_NS
from arb.net import RateBudget, RateLimit, Rest, RestCall, VenueTime, decoded, from_ms, reading

from ._caution import Caution
from ._dialect import NO_PARAMS, Dialect, Endpoint, Params, Signer
from ._errors import is_walled_off, refusal_table

_NONE: Final = Decimal(0)
_RESERVE: Final = Decimal("0.3")
"""Of the weight: for what reduces risk."""

_MENDS: Final = Decimal("0.2")
"""Of what snapshots may use up: for books that were lost, while those that begin wait."""

_UNPACED: Final = RateLimit(weight=1_000_000, per_ns=SECOND_NS)
_FORM: Final = "application/x-www-form-urlencoded"
_USED: Final = "x-mbx-used-weight-1m"
_RETRY_AFTER: Final = "retry-after"
_LIMITED: Final = frozenset({403, 418, 429})
"""Answers after which there is a pause."""

_LIMITED_CODES: Final = frozenset(map(str, _LIMITED))
_IN_BODY: Final = frozenset({"POST", "PUT"})
BeforeSigning = Callable[[int], Awaitable[None]]


async def no_preparation(now_ns: int) -> None:
    """Do nothing before a request is signed."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed form, and when it becomes void by our clock; its text shows no signature."""

    form: str
    expires_ns: int

    def __repr__(self) -> str:
        return f"Signed(expires_ns={self.expires_ns})"


class VenueRest:
    """The venue's REST interface, for one account or for none.

    A call waits for its budget before it is signed, so that the wait does not use up the signature's validity.
    Reading waits in order and leaves a reserve; what changes something is urgent. Once the venue has refused a call
    for its rate, one goes at a time until it takes one.
    """

    def __init__(
        self,
        context: Context,
        dialect: Dialect,
        url: str,
        signer: Signer | None,
        *,
        time: VenueTime | None = None,
        before_signing: BeforeSigning = no_preparation,
    ) -> None:
        """Send nothing yet.

        Args:
            context: The exchange plugin's.
            dialect: The venue's.
            url: Scheme and host.
            signer: None without a key.
            time: The venue's, for another host of it.
            before_signing: Awaited before each signature, with the venue's time, such as to store a nonce.
        """
        self._context = context
        self._clock = context.clock
        self._dialect = dialect
        self._signer = signer
        self._before_signing = before_signing
        self.time = VenueTime(context, self._ask_time) if time is None else time
        where = f"{dialect.venue} {url}"
        self._weight = _budget(context, f"{where} weight", [dialect.weight_limit], reserve=_RESERVE)
        account = "" if signer is None else signer.account
        self._orders = _budget(context, f"{where} orders {account}", dialect.order_limits)
        # Nothing urgent is ever asked in this one, so nothing of it is held back.
        self._funding: RateBudget | None = None
        if dialect.funding_limit is not None:
            self._funding = _budget(context, f"{where} funding", [dialect.funding_limit], reserve=_NONE)
        self._snapshots = _budget(context, f"{where} snapshots", [dialect.snapshot_limit], reserve=_MENDS)
        # Paced by the budgets above: this one only keeps the pauses that the venue asks for.
        self._pauses = _budget(context, f"{where} pauses", [_UNPACED], reserve=_NONE)
        self._caution = context.shared(Caution, where, Caution)
        self._rest = Rest(
            context,
            url,
            self._pauses,
            refusal=refusal_table(context.name, dialect),
            also_limits=is_walled_off,
            observer=self._observe,
        )

    @property
    def validity_ns(self) -> int:
        """Return how long a signed request may still be taken."""
        assert self._signer is not None, "a signed call without a key"
        return self._signer.validity_ns

    async def get(self, endpoint: Endpoint, params: Params = NO_PARAMS) -> Any:
        """Return the JSON of a public call; raises as :meth:`arb.net.Rest.call`."""
        async with self._leaving(endpoint.weight):
            return self._decoded(await self._answer(_call("GET", endpoint.path, _form_of(params), {})))

    async def funding(self, endpoint: Endpoint, params: Params = NO_PARAMS) -> Any:
        """Return the JSON of a public call about funding, which may have a limit of its own."""
        if self._funding is not None:
            await self._funding.spend(patience_ns=5 * MINUTE_NS)
        return await self.get(endpoint, params)

    async def book(self, symbol: str, limit: int) -> Any:
        """Return the JSON of a book."""
        weight = self._dialect.depth_weights[limit]
        path = self._dialect.endpoints.depth.path
        return await self.get(Endpoint(path, weight), {"symbol": symbol, "limit": str(limit)})

    async def snapshot(self, symbol: str, limit: int, *, mends: bool) -> Any:
        """Return the JSON of a book that a stream is joined to.

        It waits for its turn among all streams of this address: when hundreds of books begin at once, what they
        ask for leaves the weight that orders and other reads need.

        Args:
            symbol: Of the venue.
            limit: Levels a side, one of the dialect's `depth_weights`.
            mends: The stream had a book and lost it; it passes those that begin.
        """
        await self._snapshots.spend(self._dialect.depth_weights[limit], urgent=mends, patience_ns=HOUR_NS)
        return await self.book(symbol, limit)

    async def read(self, endpoint: Endpoint, params: Params = NO_PARAMS, *, urgent: bool = False) -> Any:
        """Return the JSON of a signed call that changes nothing; tries once more after its time was refused."""
        try:
            return await self._read(endpoint, params, urgent=urgent)
        except ClockRefused:
            return await self._read(endpoint, params, urgent=urgent)

    async def write(self, method: str, endpoint: Endpoint, params: Params) -> Any:
        """Send a signed call that changes something, and return its JSON; it is urgent.

        Raises:
            NotSent, Rejected: certain, nothing was changed.
            OutcomeUnknown, BadResponse: it may have been.
        """
        await self.time.required()
        async with self._leaving(endpoint.weight, urgent=True):
            return await self._write(method, endpoint.path, (await self.sign(params)).form)

    async def place(self, signed: Signed) -> Any:
        """Send an order that was signed before, unless it has become void while it waited; raises as `write`."""
        endpoint = self._dialect.endpoints.place
        await self._orders.spend(urgent=True)
        async with self._leaving(endpoint.weight, urgent=True):
            self.require_valid(signed)
            return await self._write("POST", endpoint.path, signed.form)

    async def listen_key(self, method: str) -> Any:
        """Send a call about the listen key of the account's stream; it changes nothing of the account."""
        assert self._signer is not None, "a private stream without a key"
        endpoint = self._dialect.endpoints.listen_key
        await self.time.ready()
        async with self._leaving(endpoint.weight, urgent=True):
            await self._before_signing(self.time.now_ns())
            form = self._signer.listen_form(self.time.now_ns())
            call = _call(method, endpoint.path, form, self._signer.headers())
            return self._decoded(await self._answer(call))

    def beside(self, url: str) -> VenueRest:
        """Return the interface of another host of the venue, for the same account by the same time."""
        return VenueRest(
            self._context, self._dialect, url, self._signer, time=self.time, before_signing=self._before_signing
        )

    async def sign(self, params: Params) -> Signed:
        """Return a form that is signed now."""
        assert self._signer is not None, "a signed call without a key"
        await self._before_signing(self.time.now_ns())
        now_ns = self.time.now_ns()
        form = self._signer.signed(_form_of(params), now_ns)
        return Signed(form, now_ns + self._signer.validity_ns - self.time.offset_ns)

    def require_valid(self, signed: Signed) -> None:
        """Raise NotSent for a signature that has become void."""
        if signed.expires_ns <= self._clock.now_ns():
            raise NotSent("not sent: its signature has expired", exchange=self._context.name, code="expired")

    async def close(self) -> None:
        """End what is asked for in the background."""
        await self.time.close()

    async def _ask_time(self) -> None:
        endpoint = self._dialect.endpoints.time
        async with self._leaving(endpoint.weight, urgent=True):
            sent_ns = self._clock.now_ns()
            answer = self._decoded(await self._answer(_call("GET", endpoint.path, "", {})))
        with reading(self._context.name, "the venue's time"):
            server_ns = from_ms(answer["serverTime"])
        self.time.told(server_ns, sent_ns=sent_ns)

    async def _read(self, endpoint: Endpoint, params: Params, *, urgent: bool) -> Any:
        assert self._signer is not None, "a signed call without a key"
        await self.time.ready()
        async with self._leaving(endpoint.weight, urgent=urgent):
            call = _call("GET", endpoint.path, (await self.sign(params)).form, self._signer.headers())
            return self._decoded(await self._answer(call))

    async def _write(self, method: str, path: str, form: str) -> Any:
        assert self._signer is not None, "a signed call without a key"
        try:
            response = await self._answer(_call(method, path, form, self._signer.headers(), writes=True))
        except ExchangeError as error:
            if error.code in self._dialect.doubtful_writes:
                raise OutcomeUnknown(str(error), exchange=self._context.name, code=error.code) from error
            raise
        return self._decoded(response)

    @asynccontextmanager
    async def _leaving(self, weight: int, *, urgent: bool = False) -> AsyncIterator[None]:
        """Wait until a call may leave; the block signs and sends it."""
        if weight:
            await self._weight.spend(weight, urgent=urgent)
        async with self._caution.turn(urgent=urgent):
            await self._pauses.spend(urgent=urgent)
            yield

    async def _answer(self, call: RestCall) -> HttpResponse:
        try:
            return await self._rest.answer(call)
        except ClockRefused:
            self.time.doubt()
            raise
        except RateLimited as error:
            if error.code in _LIMITED_CODES:
                self._caution.refused()
            if error.retry_after_ns is not None:
                self._weight.pause(self._clock.now_ns() + error.retry_after_ns)
            raise

    def _observe(self, response: HttpResponse) -> None:
        """Take the venue's word on the weight that this address has used; of a refusal it keeps reads away.

        What reduces risk is not held back by a refusal for longer than the pause: whether there is room again only
        a try tells, and a leg may be waiting to be covered. Where the venue says itself when it takes requests
        again, that holds.
        """
        used, limit = _count(response, _USED), self._dialect.weight_limit
        is_refused = response.status in _LIMITED
        if used is None or (is_refused and _count(response, _RETRY_AFTER)):
            return
        most = int(limit.weight * (1 - _RESERVE)) if is_refused else used
        self._weight.observe(limit.per_ns, min(used, most))

    def _decoded(self, response: HttpResponse) -> Any:
        return decoded(response.body, self._context.name)


def _budget(context: Context, key: str, limits: Iterable[RateLimit], **reserve: Decimal) -> RateBudget:
    return context.shared(RateBudget, key, lambda: RateBudget(context.clock, list(limits), **reserve))


def _count(response: HttpResponse, header: str) -> int | None:
    """Return the whole number that a header tells; None where it is absent, or tells something else."""
    value = next((value for name, value in response.headers.items() if name.lower() == header), "")
    return int(value) if value.isascii() and value.isdigit() else None


def _form_of(params: Params) -> str:
    return urlencode(params, quote_via=quote)


def _call(method: str, path: str, form: str, headers: Any, *, writes: bool = False) -> RestCall:
    """Return a call whose form is in the body where the method has one, else in the query."""
    if method in _IN_BODY:
        typed = {**headers, "Content-Type": _FORM}
        return RestCall(method=method, target=path, body=form.encode(), headers=typed, writes=writes, urgent=writes)
    target = f"{path}?{form}" if form else path
    return RestCall(method=method, target=target, headers=headers, writes=writes, urgent=writes)
