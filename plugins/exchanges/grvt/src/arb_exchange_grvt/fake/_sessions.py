"""Logins of the fake venue: cookies that end."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from arb.api import Clock, HttpRequest, HttpResponse
from arb.model import DAY_NS, SECOND_NS

from ._keys import ACCOUNT_ID, API_KEY, MAIN_ACCOUNT, SUB_ACCOUNT
from ._refusal import JSON, Refusal
from ._signed import require_login

LIFE: Final = "session life"
"""In the memory of the ground: how long a cookie lasts, nanoseconds."""


class Sessions:
    """Which cookies are good; they outlive connections."""

    def __init__(self, clock: Clock, memory: dict[str, Any]) -> None:
        self._clock = clock
        self._memory = memory
        self._ends: dict[str, int] = memory.setdefault("sessions", {})

    def login(self, request: HttpRequest) -> HttpResponse:
        """Answer a login with an API key."""
        if _body_of(request).get("api_key") != API_KEY:
            return Refusal(1000).response()
        return self._begun()

    def wallet_login(self, request: HttpRequest) -> HttpResponse:
        """Answer a login with the signature of a wallet."""
        try:
            require_login(_body_of(request), self._clock.now_ns(), self._memory)
        except Refusal as refusal:
            return refusal.response()
        return self._begun()

    def require(self, headers: Mapping[str, str]) -> None:
        """Raise Refusal for a request without a good cookie."""
        if not self.is_good(headers):
            raise Refusal(1000)

    def is_good(self, headers: Mapping[str, str]) -> bool:
        """Whether a request carries a cookie that is good now, and its account."""
        lowered = {name.lower(): value for name, value in headers.items()}
        token = token_of(lowered.get("cookie", ""))
        is_ours = lowered.get("x-grvt-account-id") == ACCOUNT_ID
        return is_ours and self._clock.now_ns() < self._ends.get(token, 0)

    def end_all(self) -> None:
        """Let the venue forget every login."""
        self._ends.clear()

    def _begun(self) -> HttpResponse:
        count = self._memory["logins"] = self._memory.get("logins", 0) + 1
        token = hashlib.sha256(f"cookie {count} of a fake GRVT".encode()).hexdigest()
        life_ns = int(self._memory.get(LIFE, DAY_NS))
        ends_s = (self._clock.now_ns() + life_ns) // SECOND_NS
        self._ends[token] = ends_s * SECOND_NS
        ends = datetime.fromtimestamp(ends_s, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
        headers = {
            **JSON,
            "Set-Cookie": f"gravity={token}; Path=/; Expires={ends}; HttpOnly; Secure; SameSite=None",
            "X-Grvt-Account-Id": ACCOUNT_ID,
        }
        body = {
            "status": "success",
            "location": "",
            "sub_account_id": SUB_ACCOUNT,
            "funding_account_address": MAIN_ACCOUNT,
        }
        return HttpResponse(status=200, headers=headers, body=json.dumps(body).encode())


def token_of(cookie: str) -> str:
    """Return what a `Cookie` header holds as `gravity`."""
    parts = (part.strip().partition("=") for part in cookie.split(";"))
    return next((value for name, _, value in parts if name == "gravity"), "")


def _body_of(request: HttpRequest) -> dict[str, Any]:
    try:
        body = json.loads(request.body)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
