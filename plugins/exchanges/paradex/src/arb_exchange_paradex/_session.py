"""The token of Paradex's private calls: it lives five minutes, and is renewed before its end."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

from arb.api import Context, ExchangeError
from arb.model import SECOND_NS
from arb.net import reading, text

LIFE_NS: Final = 300 * SECOND_NS
"""Of a token that does not tell."""

_AHEAD_NS: Final = 120 * SECOND_NS
"""Before its end another one is asked for, beside the calls that go on with it."""

_LAST_NS: Final = 15 * SECOND_NS
"""So near its end it is used no more: a request may still be on its way."""

_LONGEST_NS: Final = 24 * 3600 * SECOND_NS
_AGAIN_NS: Final = 5 * SECOND_NS


class Session:
    """Lends the token that is valid now; at most one login is under way."""

    def __init__(self, context: Context, login: Callable[[], Awaitable[Any]]) -> None:
        """Log in nowhere yet.

        Args:
            context: The exchange plugin's.
            login: Asks the venue, and returns its answer.
        """
        self._context = context
        self._clock = context.clock
        self._login = login
        self._token = ""
        self._ends_ns = 0
        self._failed_ns: int | None = None
        self._turn = asyncio.Lock()
        self._ahead: asyncio.Task[None] | None = None

    async def token(self) -> str:
        """Return a token that is valid for a while; raises what a login raises."""
        left_ns = self._ends_ns - self._clock.now_ns()
        if left_ns <= _LAST_NS:
            return await self._renewed(self._token)
        if left_ns <= _AHEAD_NS:
            self._renew_ahead()
        return self._token

    async def after_refusal(self, refused: str) -> str:
        """Return another token than the one that the venue has refused."""
        return await self._renewed(refused)

    def distrust(self) -> None:
        """Let the next call log in first."""
        self._ends_ns = 0

    async def close(self) -> None:
        """End a login that is under way."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            ahead.cancel()
            await asyncio.gather(ahead, return_exceptions=True)

    async def _renewed(self, old: str) -> str:
        async with self._turn:
            # Whoever waited meanwhile finds the one that was fetched.
            if self._token == old or self._ends_ns - self._clock.now_ns() <= _LAST_NS:
                await self._fetch()
            return self._token

    def _renew_ahead(self) -> None:
        is_early = self._failed_ns is not None and self._clock.now_ns() - self._failed_ns < _AGAIN_NS
        if is_early or (self._ahead is not None and not self._ahead.done()):
            return
        self._ahead = asyncio.create_task(self._try_ahead(self._token))

    async def _try_ahead(self, old: str) -> None:
        try:
            await self._renewed(old)
        except ExchangeError as error:
            self._failed_ns = self._clock.now_ns()
            self._context.log.warning("the token could not be renewed yet: %s", error)

    async def _fetch(self) -> None:
        asked_ns = self._clock.now_ns()
        answer = await self._login()
        with reading(self._context.name, "the answer to the login"):
            token = text(answer["jwt_token"])
        self._token, self._ends_ns, self._failed_ns = token, asked_ns + life_ns(token), None

    def __repr__(self) -> str:
        return "Session()"


def life_ns(token: str) -> int:
    """Return how long a token lives by its own `iat` and `exp`, whatever the two clocks say; 5 minutes if unsaid."""
    try:
        part = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        found_ns = (int(claims["exp"]) - int(claims["iat"])) * SECOND_NS
    except (IndexError, KeyError, TypeError, ValueError, RecursionError, binascii.Error):
        return LIFE_NS
    return found_ns if 0 < found_ns <= _LONGEST_NS else LIFE_NS
