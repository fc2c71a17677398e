"""The login of an API key: a cookie that ends, kept for every plugin of the process that has the key."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from arb.api import (
    AuthenticationFailed,
    BadResponse,
    Context,
    ExchangeError,
    HttpResponse,
    NotSent,
    OutcomeUnknown,
)
from arb.model import HOUR_NS, MINUTE_NS, SECOND_NS, ZERO
from arb.net import RateBudget, RateLimit, Rest, RestCall, VenueTime, decoded, from_http_date

from ._errors import KEY_ADVICE

LOGIN: Final = "/auth/api_key/login"
ACCOUNT_HEADER: Final = "X-Grvt-Account-Id"
EARLY_NS: Final = 5 * MINUTE_NS
"""So long before its end a cookie is replaced, or a tenth of its life where that is less."""

_UNTOLD_NS: Final = HOUR_NS
"""The life of a cookie of which the venue tells no end."""

_AGAIN_NS: Final = 10 * SECOND_NS
_COOKIE: Final = re.compile(r"(?:^|[;,\s])gravity=([^;,\s]+)")
_ENDS: Final = re.compile(r";\s*expires=([^;]+)", re.IGNORECASE)
_LASTS: Final = re.compile(r";\s*max-age=(\d{1,9})", re.IGNORECASE)
_LIMIT: Final = RateLimit(weight=1, per_ns=11 * SECOND_NS // 10)
_DENIED: Final = frozenset({400, 401, 403})


@dataclass(frozen=True, slots=True)
class Cookie:
    """One login.

    Attributes:
        headers: What every private call and socket carries; they are secret.
        made_ns: When it was got, by the venue's clock.
        ends_ns: When it becomes void, by the venue's clock.
    """

    headers: Mapping[str, str]
    made_ns: int
    ends_ns: int

    @property
    def stale_ns(self) -> int:
        """Return from when on a new one is wanted."""
        return self.ends_ns - min(EARLY_NS, (self.ends_ns - self.made_ns) // 10)

    @property
    def token(self) -> str:
        """Return what is secret of it."""
        return self.headers["Cookie"].removeprefix("gravity=")

    def __repr__(self) -> str:
        return f"Cookie(ends_ns={self.ends_ns})"


class Session:
    """What the process knows of one key's login; one login is under way at a time."""

    def __init__(self) -> None:
        self.cookie: Cookie | None = None
        self.is_doubted = False
        """The cookie may have ended: another is wanted."""

        self.turn = asyncio.Lock()
        self.again_ns = 0
        """Until then a login that is not needed yet is not tried again."""


class Login:
    """Logs in with an API key, early enough that no call meets a cookie that has ended."""

    def __init__(self, context: Context, edge_url: str, api_key: str, time: VenueTime) -> None:
        """Send nothing yet; `time` is the venue's."""
        self._context = context
        self._time = time
        self._api_key = api_key
        mark = f"grvt login {edge_url} {hashlib.sha256(api_key.encode()).hexdigest()[:16]}"
        self._session = context.shared(Session, mark, Session)
        budget = context.shared(RateBudget, mark, lambda: RateBudget(context.clock, [_LIMIT], reserve=ZERO))
        self._rest = Rest(context, edge_url, budget, refusal=self._refusal)

    async def cookie(self, void: Cookie | None = None) -> Cookie:
        """Return a cookie that is good now; whoever asks during a login waits for that one.

        Args:
            void: One that the venue has refused: it is not returned again.

        Raises:
            AuthenticationFailed: the venue refuses the key.
            NotSent: the venue could not be asked, so whatever needs the cookie was not sent.
        """
        session = self._session
        if (known := self._fresh(void)) is not None:
            return known
        async with session.turn:
            if (known := self._fresh(void)) is not None:
                return known
            held = session.cookie if session.cookie is not void else None
            is_good = held is not None and self._time.now_ns() < held.ends_ns
            if held is not None and is_good and self._context.clock.now_ns() < session.again_ns:
                return held
            try:
                session.cookie, session.is_doubted = await self._logged_in(), False
            except NotSent as error:
                if held is None or not is_good:
                    raise
                # It still lasts a while: the next call tries again.
                session.again_ns = self._context.clock.now_ns() + _AGAIN_NS
                self._context.log.warning("a new login failed, the old one is used on: %s", error)
                return held
            return session.cookie

    def doubt(self, cookie: Cookie) -> None:
        """Have the next call log in anew, since the venue seems to take this cookie no more; another is not touched."""
        session = self._session
        if session.cookie is cookie and self._context.clock.now_ns() >= session.again_ns:
            session.is_doubted = True

    def put_off(self) -> None:
        """Doubt no cookie for a while: a new login did not help."""
        self._session.again_ns = self._context.clock.now_ns() + _AGAIN_NS

    def _fresh(self, void: Cookie | None) -> Cookie | None:
        known = self._session.cookie
        if known is None or known is void or self._session.is_doubted or self._time.now_ns() >= known.stale_ns:
            return None
        return known

    async def _logged_in(self) -> Cookie:
        body = json.dumps({"api_key": self._api_key}).encode()
        headers = {"Content-Type": "application/json", "Cookie": "rm=true;"}
        sent_ns = self._context.clock.now_ns()
        try:
            response = await self._rest.answer(RestCall(method="POST", target=LOGIN, body=body, headers=headers))
        except ExchangeError as error:
            failed = without(error, self._api_key)
        else:
            self._time.dated(response.headers, sent_ns)
            return self._cookie_of(response)
        # Outside of the handlers, so that what is raised does not carry what it came from.
        if isinstance(failed, OutcomeUnknown | BadResponse):
            text = f"not sent: the login has no answer: {failed}"
            failed = NotSent(text, exchange=self._context.name, code="login")
        raise failed

    def _cookie_of(self, response: HttpResponse) -> Cookie:
        now_ns = self._time.now_ns()
        account = next((value for name, value in _pairs(response) if name == ACCOUNT_HEADER.lower()), "")
        for name, value in _pairs(response):
            found = _COOKIE.search(value) if name == "set-cookie" else None
            if found is not None and account:
                headers = {"Cookie": f"gravity={found[1]}", ACCOUNT_HEADER: account}
                return Cookie(headers, now_ns, ends_ns(value, now_ns))
        if _status_of(response, self._context.name) == "failure":
            raise self._denied("the venue refuses the login")
        text = "not sent: the login was answered without a cookie or an account"
        raise NotSent(text, exchange=self._context.name, code="login")

    def _refusal(self, response: HttpResponse) -> ExchangeError | None:
        # Whatever the edge calls it: a login that it answers so was not let in.
        is_denied = response.status in _DENIED and _is_object(response, self._context.name)
        return self._denied(f"the venue refuses the login with HTTP {response.status}") if is_denied else None

    def _denied(self, why: str) -> AuthenticationFailed:
        return AuthenticationFailed(f"{why} ({KEY_ADVICE})", exchange=self._context.name, code="login")


def without(error: ExchangeError, secret: str) -> ExchangeError:
    """Return an error whose text does not hold a secret: a proxy may answer with what it was sent."""
    if secret not in str(error):
        return error
    told = type(error)(str(error).replace(secret, "***"), code=error.code, retry_after_ns=error.retry_after_ns)
    told.exchange = error.exchange
    return told


def ends_ns(cookie: str, now_ns: int) -> int:
    """Return when a `Set-Cookie` says that it ends; an hour from now where it does not say so."""
    lasts, ends = _LASTS.search(cookie), _ENDS.search(cookie)
    if lasts is not None:
        return now_ns + int(lasts[1]) * SECOND_NS
    if ends is not None:
        try:
            return from_http_date(ends[1])
        except ValueError:
            return now_ns + _UNTOLD_NS
    return now_ns + _UNTOLD_NS


def _pairs(response: HttpResponse) -> Iterator[tuple[str, str]]:
    for name, value in response.headers.items():
        yield name.lower(), value


def _status_of(response: HttpResponse, exchange: str) -> object:
    try:
        answer = decoded(response.body, exchange)
    except BadResponse:
        return None
    return answer.get("status") if isinstance(answer, dict) else None


def _is_object(response: HttpResponse, exchange: str) -> bool:
    try:
        return isinstance(decoded(response.body, exchange), dict)
    except BadResponse:
        return False
