"""REST calls to Paradex: public ones, and private ones with a token, within the venue's rate limits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote, urlencode

from arb.api import (
    AuthenticationFailed,
    BadResponse,
    ClockRefused,
    Context,
    ExchangeError,
    HttpResponse,
    NotSent,
    OutcomeUnknown,
    RateLimited,
)
from arb.model import MINUTE_NS, SECOND_NS
from arb.net import RateBudget, RateLimit, Rest, RestCall, VenueTime, decoded, from_ms, reading

from ._budgets import Budgets
from ._errors import UNAUTHORIZED, error_of, refusal_table
from ._session import Session
from ._signing import Signer

Params = Mapping[str, str | int]
NO_PARAMS: Final[Params] = {}
_PATIENCE_NS: Final = 30 * SECOND_NS
_HISTORY_PATIENCE_NS: Final = 10 * MINUTE_NS
"""A history asks once for every step, and waits in turn."""

_TOO_MANY: Final = 429
_JSON: Final = {"Content-Type": "application/json"}


class TokenRefused(ExchangeError):
    """The venue takes the token no more: nothing was done. It never leaves this module."""


class TooMany(ExchangeError):
    """The venue has refused a call for a rate limit: nothing was done. It never leaves this module.

    Attributes:
        headers: Of the refusal; they tell which limit it was.
    """

    def __init__(self, exchange: str, headers: Mapping[str, str]) -> None:
        super().__init__("too many calls", exchange=exchange, code=str(_TOO_MANY))
        self.headers = headers


class VenueRest:
    """The venue's REST interface, for one account or for none."""

    def __init__(self, context: Context, url: str, budgets: Budgets, signer: Signer | None) -> None:
        """Send nothing yet."""
        self._context = context
        self._clock = context.clock
        self._budgets = budgets
        self._signer = signer
        self.time = VenueTime(context, self._ask_time)
        self.session = Session(context, self._login)
        # Paced and paused by the budgets, of which each knows its own limit.
        unpaced = RateBudget(context.clock, [RateLimit(weight=1_000_000, per_ns=SECOND_NS)], reserve=Decimal(0))
        table = refusal_table(context.name)

        def refusal(response: HttpResponse) -> ExchangeError | None:
            if response.status == UNAUTHORIZED:
                code, text = error_of(_json(response.body))
                return TokenRefused(f"{code}: {text}", exchange=context.name, code=code or str(UNAUTHORIZED))
            refused = table(response)
            if refused is None and response.status == _TOO_MANY:
                return TooMany(context.name, response.headers)
            return refused

        self._rest = Rest(context, url, unpaced, refusal=refusal)

    async def get(self, path: str, params: Params = NO_PARAMS) -> Any:
        """Return the JSON of a public call; raises as :meth:`arb.net.Rest.call`."""
        return await self._got(path, params, self._budgets.public, _PATIENCE_NS)

    async def get_past(self, path: str, params: Params) -> Any:
        """Return the JSON of a public call of a history, when its turn has come; raises as :meth:`get`."""
        return await self._got(path, params, self._budgets.history, _HISTORY_PATIENCE_NS)

    async def read(self, path: str, params: Params = NO_PARAMS, *, urgent: bool = False) -> Any:
        """Return the JSON of a private call that changes nothing."""
        await self._budgets.reads.spend(urgent=urgent)
        await self._budgets.address.spend(urgent=urgent)
        call = RestCall(method="GET", target=_target(path, params), urgent=urgent)
        response = await self._private(call, await self.session.token(), self._budgets.reads)
        return decoded(response.body, self._context.name)

    async def ready_to_write(self) -> str:
        """Wait until a call that changes something may leave, and return its token; it is urgent.

        Raises:
            NotSent, Rejected: certain, nothing left.
        """
        await self._budgets.writes.spend(urgent=True)
        await self._budgets.address.spend(urgent=True)
        try:
            return await self.session.token()
        except (OutcomeUnknown, BadResponse) as error:
            # It was only the login that failed.
            raise NotSent(f"not sent: {error}", exchange=self._context.name, code=error.code) from error

    async def write(
        self, method: str, path: str, *, token: str, params: Params = NO_PARAMS, body: bytes = b""
    ) -> HttpResponse:
        """Send a call that changes something, and return its answer.

        Raises:
            NotSent, Rejected: certain, nothing was changed.
            OutcomeUnknown, BadResponse: it may have been.
        """
        call = RestCall(method=method, target=_target(path, params), body=body, writes=True, urgent=True)
        return await self._private(call, token, self._budgets.writes)

    async def change(self, method: str, path: str, params: Params = NO_PARAMS, body: Any = None) -> HttpResponse:
        """Wait and send; raises as :meth:`write`."""
        token = await self.ready_to_write()
        raw = b"" if body is None else json.dumps(body, separators=(",", ":")).encode()
        return await self.write(method, path, token=token, params=params, body=raw)

    async def close(self) -> None:
        """End what is asked for in the background."""
        await self.session.close()
        await self.time.close()

    async def _ask_time(self) -> None:
        """Ask `GET /system/time`, which tells milliseconds as text.

        Logins need it, and orders those: it does not wait for a pause of the other public calls.
        """
        await self._budgets.address.spend(urgent=True)
        sent_ns = self._clock.now_ns()
        call = RestCall(method="GET", target="/system/time", urgent=True)
        response = await self._public(call, self._budgets.public)
        with reading(self._context.name, "the venue's time"):
            server_ns = from_ms(decoded(response.body, self._context.name)["server_time"])
        self.time.told(server_ns, sent_ns=sent_ns)

    async def _login(self) -> Any:
        assert self._signer is not None, "a login without a key"
        await self.time.ready()
        try:
            return await self._try_login(self._signer)
        except ClockRefused:
            await self.time.ready()
            return await self._try_login(self._signer)

    async def _try_login(self, signer: Signer) -> Any:
        await self._budgets.logins.spend(urgent=True)
        await self._budgets.address.spend(urgent=True)
        headers = {**_JSON, **signer.login_headers(self.time.now_ns() // SECOND_NS)}
        call = RestCall(method="POST", target=f"/auth/{hex(signer.public_key)}", headers=headers, urgent=True)
        try:
            response = await self._answer(call, self._budgets.logins)
        except TokenRefused as error:
            raise self._unauthorized(error) from error
        return decoded(response.body, self._context.name)

    async def _got(self, path: str, params: Params, own: RateBudget, patience_ns: int) -> Any:
        await own.spend(patience_ns=patience_ns)
        await self._budgets.address.spend(patience_ns=patience_ns)
        call = RestCall(method="GET", target=_target(path, params))
        return decoded((await self._public(call, own)).body, self._context.name)

    async def _public(self, call: RestCall, own: RateBudget) -> HttpResponse:
        try:
            return await self._answer(call, own)
        except TokenRefused as error:
            raise self._unauthorized(error) from error

    async def _private(self, call: RestCall, token: str, budget: RateBudget) -> HttpResponse:
        """Send with the token; with another one once more where the venue has refused it, and so done nothing."""
        try:
            return await self._answer(_bearing(call, token), budget)
        except TokenRefused:
            try:
                renewed = await self.session.after_refusal(token)
            except (OutcomeUnknown, BadResponse) as error:
                raise NotSent(f"not done: {error}", exchange=self._context.name, code=error.code) from error
        try:
            return await self._answer(_bearing(call, renewed), budget)
        except TokenRefused as error:
            raise self._unauthorized(error) from error

    async def _answer(self, call: RestCall, own: RateBudget) -> HttpResponse:
        try:
            response = await self._rest.answer(call)
        except ClockRefused:
            self.time.doubt()
            raise
        except TooMany as error:
            wait_ns = self._budgets.refused(error.headers, own, self._clock.now_ns())
            raise RateLimited(
                f"the venue's rate limit is reached; such calls wait for {wait_ns / SECOND_NS:.1f} s",
                exchange=self._context.name,
                code=error.code,
                retry_after_ns=wait_ns,
            ) from error
        self._budgets.observe(response.headers, own)
        return response

    def _unauthorized(self, error: ExchangeError) -> AuthenticationFailed:
        self.session.distrust()
        text = f"{error}".removeprefix(f"{self._context.name}: ")
        return AuthenticationFailed(f"refused: {text}", exchange=self._context.name, code=error.code)


def _bearing(call: RestCall, token: str) -> RestCall:
    headers = {**_JSON, "Authorization": f"Bearer {token}"}
    return RestCall(
        method=call.method,
        target=call.target,
        body=call.body,
        headers=headers,
        writes=call.writes,
        weight=call.weight,
        urgent=call.urgent,
    )


def _target(path: str, params: Params) -> str:
    if not params:
        return path
    return f"{path}?{urlencode({name: str(value) for name, value in params.items()}, quote_via=quote)}"


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
