"""REST calls to Lighter: public reads, reads with a token, and transactions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlencode

from arb.api import AuthenticationFailed, BadResponse, Context, RateLimited
from arb.model import HOUR_NS, SECOND_NS
from arb.net import RateBudget, RateLimit, Rest, RestCall, Row, ServerTime, from_s, reading, row_of

from ._budgets import Budgets, weight_of
from ._errors import error_of, is_success, refusal_table
from ._native import SigningError
from ._settings import Tier
from ._signing import SignedTx, Signer

Params = Mapping[str, str | int]
_NO_PARAMS: Final[Params] = MappingProxyType({})
_FORM: Final = MappingProxyType({"Content-Type": "application/x-www-form-urlencoded"})
_REFUSED_NS: Final = 5 * SECOND_NS
"""How long nothing is sent after the venue said that it is too much, where it did not say for how long."""

_MOST_PAGES: Final = 1_000


class Tokens:
    """The token of an account's private reads, made anew before it expires.

    The venue takes tokens of up to 8 h (elliottech/lighter-go, types/tx_request.go).
    """

    life_ns: Final = 6 * HOUR_NS
    renewed_ns: Final = 5 * HOUR_NS

    def __init__(self, context: Context, signer: Signer) -> None:
        """Make none yet."""
        self._clock = context.clock
        self._name = context.name
        self._signer = signer
        self._token = ""
        self._made_ns = 0

    def current(self) -> str:
        """Return a token that is valid for an hour at least; raises AuthenticationFailed."""
        now_ns = self._clock.now_ns()
        if not self._token or now_ns - self._made_ns >= self.renewed_ns:
            try:
                self._token = self._signer.token((now_ns + self.life_ns) // SECOND_NS)
            except SigningError as error:
                text = f"the key cannot sign: {error}"
                raise AuthenticationFailed(text, exchange=self._name, code="not_signed") from error
            self._made_ns = now_ns
        return self._token

    def forget(self) -> None:
        """Make the next one anew: the venue has refused this one."""
        self._token = ""


class Api:
    """The venue's REST interface, for one account or for none.

    Attributes:
        time: The venue's, as far as it was asked for.
    """

    def __init__(self, context: Context, base_url: str, budgets: Budgets, tokens: Tokens | None) -> None:
        """Send nothing yet."""
        self._context = context
        self._budgets = budgets
        self._tokens = tokens
        self.time = ServerTime(context.clock)
        # Paced here, since a transaction spends two budgets: this one only keeps the pauses of a 429.
        unpaced = RateBudget(context.clock, [RateLimit(weight=1_000_000, per_ns=SECOND_NS)], reserve=Decimal(0))
        self._rest = Rest(context, base_url, unpaced, refusal=refusal_table(context.name))

    async def read(self, path: str, params: Params = _NO_PARAMS, *, urgent: bool = False) -> Row:
        """Return the answer of a public read; raises as :meth:`arb.net.Rest.call`."""
        return await self._read(path, params, MappingProxyType({}), urgent=urgent)

    async def ask_time(self) -> None:
        """Learn the venue's time, which it tells in whole seconds: the middle of one is the least wrong."""
        await self._budgets.requests.spend(weight_of(self._budgets.tier, ""))
        sent_ns = self._context.clock.now_ns()
        async with self._pausing():
            answer = await self._rest.call(RestCall(method="GET", target="/"))
        with reading(self._context.name, "status"):
            server_ns = from_s(row_of(answer)["timestamp"]) + SECOND_NS // 2
            received_ns = self._context.clock.now_ns()
            self.time.add(server_ns, sent_ns=sent_ns, received_ns=received_ns, coarse_ns=SECOND_NS)

    async def private(self, path: str, params: Params = _NO_PARAMS) -> Row:
        """Return the answer of a read with a token; a token that is refused is made anew once."""
        assert self._tokens is not None, "a private read without keys"
        for is_last in (False, True):
            try:
                return await self._read(path, params, {"Authorization": self._tokens.current()}, urgent=False)
            except AuthenticationFailed:
                self._tokens.forget()
                if is_last:
                    raise
        raise AssertionError

    async def pages(self, path: str, params: Params, rows: str) -> AsyncIterator[list[Row]]:
        """Yield the rows of every page, as the venue sorts them."""
        cursor = ""
        for _ in range(_MOST_PAGES):
            answer = await self.private(path, {**params, **({"cursor": cursor} if cursor else {})})
            found = answer.get(rows)
            if found is not None and not isinstance(found, list):
                raise BadResponse(f"{path}: no list of {rows}", exchange=self._context.name, code="bad_shape")
            yield found or []
            following = answer.get("next_cursor") or ""
            if not found or not following or following == cursor:
                return
            cursor = following
        raise BadResponse(f"{path}: more than {_MOST_PAGES} pages", exchange=self._context.name, code="endless")

    async def send_tx(self, signed: SignedTx, *, is_order: bool = True) -> Row:
        """Send a transaction: it is queued when this returns, not executed.

        Raises:
            NotSent, Rejected: certain, it is not taken.
            OutcomeUnknown, BadResponse: it may be.
        """
        body = urlencode({"tx_type": signed.kind, "tx_info": signed.info}).encode()
        call = RestCall(method="POST", target="/api/v1/sendTx", body=body, headers=_FORM, writes=True, urgent=True)
        if not is_order:
            await self._budgets.changes.spend(urgent=True)
        await self._budgets.transactions.spend(urgent=True)
        if self._budgets.tier is Tier.STANDARD:
            await self._budgets.requests.spend(urgent=True)
        async with self._pausing():
            return self._checked(await self._rest.call(call), "sendTx")

    async def _read(self, path: str, params: Params, headers: Mapping[str, str], *, urgent: bool) -> Row:
        await self._budgets.requests.spend(weight_of(self._budgets.tier, path), urgent=urgent)
        target = f"/api/v1/{path}" + (f"?{urlencode(params)}" if params else "")
        call = RestCall(method="GET", target=target, headers=headers, urgent=urgent)
        async with self._pausing():
            return self._checked(await self._rest.call(call), path)

    def _checked(self, answer: Any, path: str) -> Row:
        if is_success(answer):
            return answer  # type: ignore[no-any-return]
        if isinstance(answer, dict) and (error := error_of(self._context.name, answer)) is not None:
            raise error
        code = answer.get("code") if isinstance(answer, dict) else None
        text = f"{path}: an answer without the code of success ({code!r})"
        raise BadResponse(text, exchange=self._context.name, code="no_success")

    @asynccontextmanager
    async def _pausing(self) -> AsyncIterator[None]:
        """Let everybody rest who shares the limit that the venue says is reached."""
        try:
            yield
        except RateLimited as error:
            wait_ns = error.retry_after_ns or _REFUSED_NS
            self._budgets.pause(self._context.clock.now_ns() + wait_ns)
            raise
