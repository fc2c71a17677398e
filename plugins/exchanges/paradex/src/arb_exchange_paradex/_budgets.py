"""Paradex's rate limits: of the address for all calls, of the account for its own reads and its orders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from arb.api import Context
from arb.model import MINUTE_NS, SECOND_NS
from arb.net import RateBudget, RateLimit

ADDRESS: Final = (RateLimit(weight=1_500, per_ns=MINUTE_NS),)
"""Of every call from one IP address, private ones included (docs.paradex.trade, "Rate Limits")."""

LOGINS: Final = (RateLimit(weight=600, per_ns=MINUTE_NS),)
READS: Final = (RateLimit(weight=120, per_ns=SECOND_NS), RateLimit(weight=600, per_ns=MINUTE_NS))
WRITES: Final = (RateLimit(weight=800, per_ns=SECOND_NS), RateLimit(weight=17_250, per_ns=MINUTE_NS))
"""Of one account; orders over a socket would count here too."""

CONNECTS: Final = (RateLimit(weight=20, per_ns=SECOND_NS), RateLimit(weight=600, per_ns=MINUTE_NS))
SENDS: Final = (RateLimit(weight=20, per_ns=SECOND_NS),)
"""The venue publishes no limit for messages; this is ours."""


@dataclass(frozen=True, slots=True)
class Budgets:
    """What this machine and this account may still send; shared by all plugins of this process that count together."""

    address: RateBudget
    logins: RateBudget
    reads: RateBudget
    writes: RateBudget
    connects: RateBudget
    sends: RateBudget

    def observe(self, headers: Mapping[str, str], own: RateBudget) -> None:
        """Take the venue's word on how far a limit is used up: other processes share the address and the account.

        `X-RateLimit-Window` is taken to be seconds. The headers do not name the limit they are of: it is the one
        with this number and this window, and headers that fit none are left alone.

        Args:
            headers: Of an answer.
            own: What the call was counted for besides the address.
        """
        lowered = {name.lower(): value for name, value in headers.items()}
        told = [lowered.get(f"x-ratelimit-{name}", "") for name in ("limit", "remaining", "window")]
        if not all(value.isascii() and value.isdigit() and len(value) < 10 for value in told):
            return
        limit, remaining, window_s = map(int, told)
        pairs = ((self.address, ADDRESS), (self.logins, LOGINS), (self.reads, READS), (self.writes, WRITES))
        for budget, limits in pairs:
            is_counted = budget is self.address or budget is own
            if is_counted and any((each.weight, each.per_ns) == (limit, window_s * SECOND_NS) for each in limits):
                budget.observe(window_s * SECOND_NS, max(0, limit - remaining))
                return


def budgets_of(context: Context, url: str, account: str | None) -> Budgets:
    """Return the budgets of an address and an account."""

    def shared(name: str, limits: tuple[RateLimit, ...]) -> RateBudget:
        return context.shared(RateBudget, f"paradex {url} {name}", lambda: RateBudget(context.clock, limits))

    return Budgets(
        address=shared("address", ADDRESS),
        logins=shared("logins", LOGINS),
        reads=shared(f"reads {account}", READS),
        writes=shared(f"writes {account}", WRITES),
        connects=shared("connects", CONNECTS),
        sends=RateBudget(context.clock, SENDS),
    )
