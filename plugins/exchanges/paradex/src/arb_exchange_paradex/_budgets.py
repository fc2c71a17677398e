"""Paradex's rate limits: of the address for all calls, of the account for its own reads and its orders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from arb.api import Context
from arb.model import HOUR_NS, MINUTE_NS, SECOND_NS
from arb.net import RateBudget, RateLimit

ADDRESS: Final = (RateLimit(weight=1_500, per_ns=MINUTE_NS),)
"""Of every call from one IP address, private ones included (docs.paradex.trade, "Rate Limits")."""

HISTORY: Final = (RateLimit(weight=300, per_ns=MINUTE_NS),)
"""Ours, of the address's: a history takes a call for each step, and leaves the rest to what trading reads."""

LOGINS: Final = (RateLimit(weight=600, per_ns=MINUTE_NS),)
READS: Final = (RateLimit(weight=120, per_ns=SECOND_NS), RateLimit(weight=600, per_ns=MINUTE_NS))
WRITES: Final = (RateLimit(weight=800, per_ns=SECOND_NS), RateLimit(weight=17_250, per_ns=MINUTE_NS))
"""Of one account; orders over a socket would count here too."""

CONNECTS: Final = (RateLimit(weight=20, per_ns=SECOND_NS), RateLimit(weight=600, per_ns=MINUTE_NS))
SENDS: Final = (RateLimit(weight=20, per_ns=SECOND_NS),)
"""The venue publishes no limit for messages; this is ours."""

_UNSAID_NS: Final = 4 * SECOND_NS
"""After a refusal that does not say how long."""

_UNNAMED_NS: Final = 8 * SECOND_NS
"""The longest pause of the address where the venue does not say which limit it was: orders count there too."""


@dataclass(frozen=True, slots=True)
class Budgets:
    """What this machine and this account may still send; shared by all plugins of this process that count together.

    Attributes:
        address: Of every call.
        public: Of calls without a token besides the address: it keeps their own pauses.
        history: Of public calls for past funding.
        logins: Of the address.
        reads: Of the account.
        writes: Of the account.
        connects: Of sockets.
        sends: Of messages.
    """

    address: RateBudget
    public: RateBudget
    history: RateBudget
    logins: RateBudget
    reads: RateBudget
    writes: RateBudget
    connects: RateBudget
    sends: RateBudget

    def observe(self, headers: Mapping[str, str], own: RateBudget) -> None:
        """Take the venue's word on how far a limit is used up: other processes share the address and the account.

        Args:
            headers: Of an answer.
            own: What the call was counted for besides the address.
        """
        remaining, named = _told(headers, "x-ratelimit-remaining"), self._named(headers, own)
        if named is not None and remaining is not None:
            budget, limit = named
            budget.observe(limit.per_ns, max(0, limit.weight - remaining))

    def refused(self, headers: Mapping[str, str], own: RateBudget, now_ns: int) -> int:
        """Pause what the venue has refused a call for, and return for how long, nanoseconds.

        A limit of the account's reads keeps no order, and the other way round. Where the venue does not say which
        limit it was, the call's own waits as long as it asks and the address a few seconds.

        Args:
            headers: Of the refusal.
            own: What the call was counted for besides the address.
            now_ns: By the clock of the budgets.
        """
        said_s = _told(headers, "retry-after")
        wait_ns = min(said_s * SECOND_NS, HOUR_NS) if said_s else _UNSAID_NS
        named = self._named(headers, own)
        if named is not None:
            named[0].pause(now_ns + wait_ns)
        else:
            own.pause(now_ns + wait_ns)
            self.address.pause(now_ns + min(wait_ns, _UNNAMED_NS))
        return wait_ns

    def _named(self, headers: Mapping[str, str], own: RateBudget) -> tuple[RateBudget, RateLimit] | None:
        """Return the limit that the headers of a call are of; None where they fit none.

        They do not name it: it is the one with this number and this window. `X-RateLimit-Window` is taken to be
        seconds.
        """
        weight, window_s = _told(headers, "x-ratelimit-limit"), _told(headers, "x-ratelimit-window")
        pairs = ((self.address, ADDRESS), (self.logins, LOGINS), (self.reads, READS), (self.writes, WRITES))
        for budget, limits in pairs:
            if budget is self.address or budget is own:
                for limit in limits:
                    if window_s is not None and (limit.weight, limit.per_ns) == (weight, window_s * SECOND_NS):
                        return budget, limit
        return None


def budgets_of(context: Context, url: str, account: str | None) -> Budgets:
    """Return the budgets of an address and an account."""

    def shared(name: str, limits: tuple[RateLimit, ...], **reserve: Decimal) -> RateBudget:
        key = f"paradex {url} {name}"
        return context.shared(RateBudget, key, lambda: RateBudget(context.clock, limits, **reserve))

    return Budgets(
        address=shared("address", ADDRESS),
        public=shared("public", ADDRESS),
        # No history is urgent: its part holds nothing back.
        history=shared("history", HISTORY, reserve=Decimal(0)),
        logins=shared("logins", LOGINS),
        reads=shared(f"reads {account}", READS),
        writes=shared(f"writes {account}", WRITES),
        connects=shared("connects", CONNECTS),
        sends=RateBudget(context.clock, SENDS),
    )


def _told(headers: Mapping[str, str], name: str) -> int | None:
    """Return a header that is a whole number; None where it is absent or anything else."""
    value = next((value for each, value in headers.items() if each.lower() == name), "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else None
