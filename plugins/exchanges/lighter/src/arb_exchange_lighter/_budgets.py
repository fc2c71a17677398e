"""The venue's rate limits: what a request weighs, and how much each tier may send in a rolling minute.

Weights and limits are those of the venue's page on rate limits. They hold for an address and for an account alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from arb.api import Context
from arb.model import MINUTE_NS, SECOND_NS
from arb.net import RateBudget, RateLimit

from ._settings import LighterSettings, Tier

_OTHER: Final = 300
WEIGHTS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "nextNonce": 6,
        "accountInactiveOrders": 100,
        "apikeys": 150,
        "trades": 600,
        "recentTrades": 600,
    }
)
"""Of reads by the last part of their path; every other one weighs 300. Standard accounts count requests instead."""

REQUESTS: Final[Mapping[Tier, int]] = MappingProxyType({Tier.STANDARD: 60, Tier.PREMIUM: 24_000, Tier.PLUS: 120_000})
TRANSACTIONS: Final[Mapping[Tier, int]] = MappingProxyType({Tier.PREMIUM: 4_000, Tier.PLUS: 8_000})
"""Beside the requests; those of a standard account are requests, and no more of them."""

SETTINGS_CHANGES: Final = 40
"""Transactions other than orders, of every tier."""


def weight_of(tier: Tier, path: str) -> int:
    """Return what a read weighs."""
    return 1 if tier is Tier.STANDARD else WEIGHTS.get(path, _OTHER)


@dataclass(frozen=True, slots=True)
class Budgets:
    """What may still be sent. Each keeps its own pause after the venue has said that its limit is reached.

    Attributes:
        requests: Reads.
        transactions: Orders and cancellations; on a standard account they come out of `requests`, and this is that.
        changes: Other transactions, such as leverage.
        connects: New sockets.
        messages: Messages to the venue on sockets.
    """

    tier: Tier
    requests: RateBudget
    transactions: RateBudget
    changes: RateBudget
    connects: RateBudget
    messages: RateBudget


def budgets_of(context: Context, settings: LighterSettings) -> Budgets:
    """Return the budgets that everybody in this run shares who asks the same address with the same tier."""
    tier = settings.tier

    def shared(kind: str, *limits: RateLimit) -> RateBudget:
        key = f"lighter {settings.rest_address} {tier} {kind}"
        return context.shared(RateBudget, key, lambda: RateBudget(context.clock, limits))

    requests = shared("requests", RateLimit(weight=REQUESTS[tier], per_ns=MINUTE_NS))
    limit = TRANSACTIONS.get(tier)
    return Budgets(
        tier=tier,
        requests=requests,
        transactions=requests if limit is None else shared("transactions", RateLimit(weight=limit, per_ns=MINUTE_NS)),
        changes=shared("changes", RateLimit(weight=SETTINGS_CHANGES, per_ns=MINUTE_NS)),
        connects=shared("sockets", RateLimit(weight=80, per_ns=MINUTE_NS)),
        # 200 a minute, and at most 50 that the venue has not answered yet.
        messages=shared("messages", RateLimit(weight=200, per_ns=MINUTE_NS), RateLimit(weight=40, per_ns=SECOND_NS)),
    )
