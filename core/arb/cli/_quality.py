"""The quality scale of exchange plugins: what each tier asks of a report of the conformance kit.

The one table of rules; `docs/reference/quality-scale.md` is written from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

KIT_VERSION: Final = 3
"""Of the cases and of these rules; a test holds it to the list of cases. Reports of another one show no tier."""

FAKE: Final = "fake"
VENUE_FACTS: Final = frozenset(
    {
        "dead_mans_switch",
        "fill_or_kill",
        "post_only",
        "set_leverage",
        "simulated",
        "trade_stream",
        "transfers",
    }
)
"""Capabilities that a venue may lack, whoever writes its plugin."""


class Tier(NamedTuple):
    """One step of the scale; each asks for everything below it as well.

    Attributes:
        groups: In each of them a case passed, or the venue has nothing of the kind; none failed.
        behind_the_wire: No case of the groups so far is skipped for the want of a fake venue.
        whole: No case of the kit failed, and none is skipped but for what a venue itself may lack.
        typed: The package is marked as typed (`py.typed`).
        about: What a user may rely on.
    """

    name: str
    groups: tuple[str, ...]
    behind_the_wire: bool
    whole: bool
    typed: bool
    about: str


TIERS: Final = (
    Tier(
        "bronze",
        ("contract", "metadata", "symbols", "books", "prices", "funding"),
        behind_the_wire=False,
        whole=False,
        typed=False,
        about="Its data can be relied on: instruments, books, prices and funding rates.",
    ),
    Tier(
        "silver",
        (
            "payments",
            "orders",
            "precision",
            "ambiguous",
            "client_ids",
            "reduce_only",
            "cancels",
            "errors",
            "accounting",
            "leverage",
            "secrets",
            "closing",
        ),
        behind_the_wire=True,
        whole=False,
        typed=False,
        about="It can trade: orders, doubts, cancels and accounts were compared with what is true at the venue.",
    ),
    Tier(
        "gold",
        ("book_stream", "account_stream", "rate_budget", "clock", "switch"),
        behind_the_wire=True,
        whole=False,
        typed=False,
        about="It lives through a bad day: broken and silent sockets, rate limits, clocks that disagree.",
    ),
    Tier(
        "platinum",
        (),
        behind_the_wire=True,
        whole=True,
        typed=True,
        about="Every case ran, but for what the venue itself does not have; its code is typed.",
    ),
)


def tier_of(report: Mapping[str, Any]) -> str:
    """Return the highest tier that a report reaches; empty for none."""
    reached = ""
    for tier in TIERS:
        if shortfalls(report, tier):
            break
        reached = tier.name
    return reached


def next_tier(report: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Return the lowest tier that a report misses, and everything it lacks; two empties at the top."""
    for tier in TIERS:
        lacking = shortfalls(report, tier)
        if lacking:
            return tier.name, lacking
    return "", []


def shortfalls(report: Mapping[str, Any], tier: Tier) -> list[str]:
    """Return what keeps a report from a tier, apart from the tiers below it."""
    groups: Mapping[str, Mapping[str, Any]] = report.get("groups", {})
    lacking = []
    for name in tier.groups:
        group = groups.get(name, {})
        if group.get("failed"):
            lacking.append(f"{name}: {group['failed']} failed")
        elif not group.get("passed") and not VENUE_FACTS.issuperset(group.get("skipped", {"": 1})):
            lacking.append(f"{name}: no case ran")
        elif tier.behind_the_wire and group.get("skipped", {}).get(FAKE):
            lacking.append(f"{name}: {group['skipped'][FAKE]} cases need a fake of the venue")
    if tier.behind_the_wire:
        below = [name for each in TIERS[: TIERS.index(tier)] for name in each.groups]
        behind = sum(groups.get(name, {}).get("skipped", {}).get(FAKE, 0) for name in below)
        lacking += [f"{behind} cases of the tiers below need a fake of the venue"] if behind else []
    if tier.whole:
        lacking += _gaps(groups)
    if tier.typed and not report.get("typed"):
        lacking.append("the package has no py.typed")
    return lacking


def _gaps(groups: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lacking = []
    for name, group in groups.items():
        if group.get("failed"):
            lacking.append(f"{name}: {group['failed']} failed")
        missing = sorted(set(group.get("skipped", {})) - VENUE_FACTS)
        if missing:
            lacking.append(f"{name}: cases are skipped for {', '.join(missing)}")
    return lacking
