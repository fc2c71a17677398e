"""REST calls to Lighter: public reads, reads with a token, and transactions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlencode

from arb.api import AuthenticationFailed, BadResponse, Context
from arb.model import HOUR_NS, SECOND_NS
from arb.net import RateBudget, Rest, RestCall, Row, ServerTime, from_s, reading, row_of

from ._budgets import Budgets, weight_of
from ._errors import error_of, is_success, limit_table, refusal_table
from ._native import SigningError
from ._signing import SignedTx, Signer

Params = Mapping[str, str | int]
_NO_PARAMS: Final[Params] = MappingProxyType({})
_FORM: Final = MappingProxyType({"Content-Type": "application/x-www-form-urlencoded"})

MOST_PAGES: Final = 1_000
"""Of one list: a venue that gives more goes round in a circle."""


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

        def over(budget: RateBudget) -> Rest:
            name = context.name
            return Rest(context, base_url, budget, refusal=refusal_table(name), also_limits=limit_table(name))

        # Apart, as the venue's limits are: one that reads have reached must not hold an order or a cancel back.
        self._reads = over(budgets.requests)
        self._writes = over(budgets.transactions)

    async def read(self, path: str, params: Params = _NO_PARAMS, *, urgent: bool = False) -> Row:
        """Return the answer of a public read; raises as :meth:`arb.net.Rest.call`."""
        return await self._read(path, params, MappingProxyType({}), urgent=urgent)

    async def ask_time(self) -> None:
        """Learn the venue's time, which it tells in whole seconds: the middle of one is the least wrong."""
        # Waits here, so that the call below leaves at once: a wait would pass for time on the way.
        await self._budgets.requests.spend(weight_of(self._budgets.tier, ""))
        sent_ns = self._context.clock.now_ns()
        answer = await self._reads.call(RestCall(method="GET", target="/", urgent=True))
        with reading(self._context.name, "status"):
            server_ns = from_s(row_of(answer)["timestamp"]) + SECOND_NS // 2
            received_ns = self._context.clock.now_ns()
            self.time.add(server_ns, sent_ns=sent_ns, received_ns=received_ns, coarse_ns=SECOND_NS)

    async def private(self, path: str, params: Params = _NO_PARAMS, *, urgent: bool = False) -> Row:
        """Return the answer of a read with a token; a token that is refused is made anew once."""
        assert self._tokens is not None, "a private read without keys"
        for is_last in (False, True):
            try:
                return await self._read(path, params, {"Authorization": self._tokens.current()}, urgent=urgent)
            except AuthenticationFailed:
                self._tokens.forget()
                if is_last:
                    raise
        raise AssertionError

    async def page(
        self, path: str, params: Params, rows: str, cursor: str, *, urgent: bool = False
    ) -> tuple[list[Row], str]:
        """Return the rows of one page, and the cursor of the next one; empty after the last."""
        answer = await self.private(path, {**params, **({"cursor": cursor} if cursor else {})}, urgent=urgent)
        found = answer.get(rows)
        if found is not None and not isinstance(found, list):
            raise BadResponse(f"{path}: no list of {rows}", exchange=self._context.name, code="bad_shape")
        following = str(answer.get("next_cursor") or "")
        return found or [], following if found and following != cursor else ""

    async def pages(self, path: str, params: Params, rows: str, *, urgent: bool = False) -> AsyncIterator[list[Row]]:
        """Yield the rows of every page, as the venue sorts them."""
        cursor = ""
        for _ in range(MOST_PAGES):
            found, cursor = await self.page(path, params, rows, cursor, urgent=urgent)
            yield found
            if not cursor:
                return
        raise BadResponse(f"{path}: more than {MOST_PAGES} pages", exchange=self._context.name, code="endless")

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
        return self._checked(await self._writes.call(call), "sendTx")

    async def _read(self, path: str, params: Params, headers: Mapping[str, str], *, urgent: bool) -> Row:
        weight = weight_of(self._budgets.tier, path)
        target = f"/api/v1/{path}" + (f"?{urlencode(params)}" if params else "")
        call = RestCall(method="GET", target=target, headers=headers, weight=weight, urgent=urgent)
        return self._checked(await self._reads.call(call), path)

    def _checked(self, answer: Any, path: str) -> Row:
        if is_success(answer):
            return answer  # type: ignore[no-any-return]
        if isinstance(answer, dict) and (error := error_of(self._context.name, answer)) is not None:
            raise error
        code = answer.get("code") if isinstance(answer, dict) else None
        text = f"{path}: an answer without the code of success ({code!r})"
        raise BadResponse(text, exchange=self._context.name, code="no_success")
