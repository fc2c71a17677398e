"""REST calls to GRVT: public ones, and private ones with the cookie of the login, within the venue's rate limits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

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
from arb.model import MILLISECOND_NS, SECOND_NS, ZERO
from arb.net import RateBudget, RateLimit, Rest, RestCall, VenueTime, decoded, from_ns, reading, row_of, whole

from ._errors import NOT_LOGGED_IN, UNCLEAR, refusal_table
from ._session import Cookie, Login, without
from ._settings import GrvtSettings

_NANOSECONDS: Final = 10**17
"""A time that is larger counts nanoseconds, a smaller one milliseconds."""

_TIMEOUT_NS: Final = 10 * SECOND_NS
_TIME_PATIENCE_NS: Final = 3 * SECOND_NS
"""How long the question for the time waits for its turn, and for its answer: a later one would tell little."""

_JSON: Final[Mapping[str, str]] = MappingProxyType({"Content-Type": "application/json"})
Body = Mapping[str, Any] | bytes
"""The content of a call: its fields, or the JSON that was made of them before."""

NO_BODY: Final[Body] = MappingProxyType({})


class Pace(StrEnum):
    """Which of the venue's limits a call counts for."""

    MARKETS = "markets"
    BOOKS = "books"
    RULES = "rules"
    TIME = "time"
    CREATE = "create"
    CANCEL = "cancel"
    CANCEL_ALL = "cancel_all"
    QUERY = "query"
    ACCOUNT = "account"
    TRANSFERS = "transfers"


_WINDOW_NS: Final = 11 * SECOND_NS // 10
"""A second of the venue, and a tenth: calls that left a second apart may arrive closer together."""

_PUBLIC: Final[Mapping[Pace, RateLimit]] = MappingProxyType(
    {
        Pace.MARKETS: RateLimit(weight=25, per_ns=_WINDOW_NS),
        Pace.BOOKS: RateLimit(weight=8, per_ns=_WINDOW_NS),
        Pace.RULES: RateLimit(weight=8, per_ns=_WINDOW_NS),
        Pace.TIME: RateLimit(weight=5, per_ns=_WINDOW_NS),
    }
)
_PRIVATE: Final[Mapping[Pace, RateLimit]] = MappingProxyType(
    {
        Pace.CREATE: RateLimit(weight=20, per_ns=_WINDOW_NS),
        Pace.CANCEL: RateLimit(weight=20, per_ns=_WINDOW_NS),
        Pace.CANCEL_ALL: RateLimit(weight=2, per_ns=_WINDOW_NS),
        Pace.QUERY: RateLimit(weight=5, per_ns=_WINDOW_NS),
        Pace.ACCOUNT: RateLimit(weight=10, per_ns=4 * _WINDOW_NS),
        Pace.TRANSFERS: RateLimit(weight=2, per_ns=2 * _WINDOW_NS),
    }
)
"""The venue's own table is not public; these are the weights of ccxt 4.5.90 (`grvt.py`)."""

_OWN_TIME: Final = frozenset({Pace.CREATE, Pace.CANCEL, Pace.CANCEL_ALL})
"""What changes orders waits for refusals of its own kind alone."""


@dataclass(frozen=True, slots=True)
class Line:
    """A budget with the client that sends within it."""

    budget: RateBudget
    rest: Rest


class VenueRest:
    """The venue's REST interface, for one account or for none. Every call is a POST with a JSON body."""

    def __init__(self, context: Context, settings: GrvtSettings) -> None:
        """Send nothing yet."""
        self._context = context
        self._clock = context.clock
        self.time = VenueTime(context, self._ask_time)
        where = settings.where
        self._public = _lines(context, where.market_url, "public", _PUBLIC)
        self._private = _lines(context, where.trades_url, f"account {settings.sub_account_id}", _PRIVATE)
        self._login: Login | None = None
        if settings.api_key is not None:
            self._login = Login(context, where.edge_url, settings.api_key.get_secret_value(), self.time)

    async def market(self, path: str, body: Body = NO_BODY, *, pace: Pace = Pace.MARKETS) -> Any:
        """Return the JSON of a public call; raises as :meth:`arb.net.Rest.call`."""
        if self._login is not None:
            self.time.refresh()
        return await self._call(self._public, pace, _call(path, body, {}))

    async def read(self, path: str, body: Body, *, pace: Pace = Pace.QUERY, urgent: bool = False) -> Any:
        """Return the JSON of a private call that changes nothing."""
        return await self._authenticated(path, body, pace, writes=False, urgent=urgent, expires_ns=None)

    async def write(self, path: str, body: Body, *, pace: Pace, expires_ns: int | None = None) -> Any:
        """Send a private call that changes something, and return the JSON of its answer; it is urgent.

        Args:
            path: Of the call.
            body: Its content.
            pace: Which limit it counts for.
            expires_ns: When, by our clock, its signature becomes void; it is not sent later.

        Raises:
            NotSent, Rejected: certain, nothing was changed.
            OutcomeUnknown, BadResponse: it may have been.
        """
        try:
            return await self._authenticated(path, body, pace, writes=True, urgent=True, expires_ns=expires_ns)
        except ClockRefused:
            self.time.doubt()
            raise

    async def cookie(self, void: Cookie | None = None) -> Cookie:
        """Return a cookie that is good now; see :meth:`Login.cookie`."""
        return await self._required_login.cookie(void)

    def require_valid(self, expires_ns: int | None) -> None:
        """Raise NotSent for a signature that has become void."""
        if expires_ns is not None and expires_ns <= self._clock.now_ns():
            raise NotSent("not sent: its signature has expired", exchange=self._context.name, code="expired")

    async def close(self) -> None:
        """End what runs in the background."""
        await self.time.close()

    async def _ask_time(self) -> None:
        await self._public[Pace.TIME].budget.spend(patience_ns=_TIME_PATIENCE_NS)
        sent_ns = self._clock.now_ns()
        response = await self._answer(self._public, Pace.TIME, RestCall(method="GET", target="/time"))
        with reading(self._context.name, "the venue's time"):
            told = whole(row_of(decoded(response.body, self._context.name))["server_time"])
            coarse_ns = 0 if told > _NANOSECONDS else MILLISECOND_NS
            server_ns = from_ns(told * (coarse_ns or 1)) + coarse_ns // 2
        self.time.told(server_ns, sent_ns=sent_ns, coarse_ns=coarse_ns)

    async def _authenticated(
        self, path: str, body: Body, pace: Pace, *, writes: bool, urgent: bool, expires_ns: int | None
    ) -> Any:
        self.time.refresh()
        cookie = await self.cookie()
        try:
            return await self._with(cookie, path, body, pace, writes=writes, urgent=urgent, expires_ns=expires_ns)
        except (AuthenticationFailed, BadResponse) as error:
            if error.code not in (NOT_LOGGED_IN, UNCLEAR):
                raise
            refused = error
        # Outside of the handler, so that what is raised does not carry what it came from.
        cookie = await self._renewed(cookie, refused, writes=writes)
        try:
            return await self._with(cookie, path, body, pace, writes=writes, urgent=urgent, expires_ns=expires_ns)
        except BadResponse as error:
            if error.code != UNCLEAR:
                raise
            refused = error
        self._required_login.put_off()
        raise self._in_doubt(refused) if writes else refused

    async def _renewed(self, cookie: Cookie, refused: ExchangeError, *, writes: bool) -> Cookie:
        """Return another cookie after a 401; raises for a call that may not be sent again, or not to any purpose."""
        if refused.code == NOT_LOGGED_IN:
            # The venue let nothing of it in: a cookie ends when it wants, and after a login the same call may be sent.
            return await self.cookie(void=cookie)
        self._required_login.doubt(cookie)
        if writes:
            raise self._in_doubt(refused)
        renewed = await self.cookie()
        if renewed is cookie:
            raise refused
        return renewed

    def _in_doubt(self, refused: ExchangeError) -> OutcomeUnknown:
        return OutcomeUnknown(f"it may have been done: {refused}", exchange=self._context.name, code=UNCLEAR)

    @property
    def _required_login(self) -> Login:
        assert self._login is not None, "a private call without a key"
        return self._login

    async def _with(
        self, cookie: Cookie, path: str, body: Body, pace: Pace, *, writes: bool, urgent: bool, expires_ns: int | None
    ) -> Any:
        call = _call(path, body, cookie.headers, writes=writes, urgent=urgent)
        await self._private[pace].budget.spend(urgent=urgent)
        self.require_valid(expires_ns)
        try:
            return decoded((await self._answer(self._private, pace, call)).body, self._context.name)
        except ExchangeError as error:
            failed = without(error, cookie.token)
        # Outside of the handler, so that what is raised does not carry what it came from.
        raise failed

    async def _call(self, lines: Mapping[Pace, Line], pace: Pace, call: RestCall) -> Any:
        await lines[pace].budget.spend()
        return decoded((await self._answer(lines, pace, call)).body, self._context.name)

    async def _answer(self, lines: Mapping[Pace, Line], pace: Pace, call: RestCall) -> HttpResponse:
        sent_ns = self._clock.now_ns()
        try:
            response = await lines[pace].rest.answer(call)
        except RateLimited as error:
            if error.retry_after_ns is not None:
                until_ns = self._clock.now_ns() + error.retry_after_ns
                for each, line in lines.items():
                    if each is pace or not {each, pace} & _OWN_TIME:
                        line.budget.pause(until_ns)
            raise
        self.time.dated(response.headers, sent_ns)
        return response


def encoded(body: Mapping[str, Any]) -> bytes:
    """Return fields as they leave."""
    return json.dumps(dict(body), separators=(",", ":")).encode()


def _call(path: str, body: Body, headers: Mapping[str, str], *, writes: bool = False, urgent: bool = False) -> RestCall:
    content = body if isinstance(body, bytes) else encoded(body)
    return RestCall(
        method="POST", target=path, body=content, headers={**_JSON, **headers}, writes=writes, urgent=urgent
    )


def _lines(context: Context, url: str, whose: str, limits: Mapping[Pace, RateLimit]) -> Mapping[Pace, Line]:
    def line(pace: Pace, limit: RateLimit) -> Line:
        key = f"grvt {url} {whose} {pace}"
        budget = context.shared(RateBudget, key, lambda: RateBudget(context.clock, [limit]))
        # Paced by the budget above: this one only keeps the pauses that the venue asks for.
        unpaced = RateBudget(context.clock, [RateLimit(weight=1_000_000, per_ns=SECOND_NS)], reserve=ZERO)
        timeout_ns = _TIME_PATIENCE_NS if pace is Pace.TIME else _TIMEOUT_NS
        return Line(budget, Rest(context, url, unpaced, refusal=refusal_table(context.name), timeout_ns=timeout_ns))

    return MappingProxyType({pace: line(pace, limit) for pace, limit in limits.items()})
