"""Margin tiers out of leverage brackets."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from arb.model import MarginTier
from arb.net import Row, maybe_number, positive, rows_of

_ONE: Final = Decimal(1)
_PERCENT: Final = Decimal("0.01")
BEYOND: Final = MarginTier(max_notional=None, maintenance_rate=Decimal("0.999999"), max_leverage=_ONE)
"""Above the last bracket the venue lets nobody hold anything."""


def tiers_by_symbol(answer: Any) -> dict[str, tuple[MarginTier, ...]]:
    """Read `leverageBracket` of all symbols; raises ValueError or KeyError."""
    return {row["symbol"]: tiers_of(row) for row in rows_of(answer)}


def tiers_of(row: Row) -> tuple[MarginTier, ...]:
    """Read the brackets of one symbol.

    `notionalCoef` multiplies the caps of this account's brackets; the venue does not say whether the caps it tells
    are multiplied already. The smaller ones are taken.
    """
    coefficient = min(_ONE, maybe_number(row.get("notionalCoef")) or _ONE)
    brackets = sorted(rows_of(row["brackets"]), key=lambda each: positive(each["notionalCap"]))
    if not brackets:
        raise ValueError("a symbol without brackets")
    tiers = tuple(
        MarginTier(
            max_notional=positive(each["notionalCap"]) * coefficient,
            maintenance_rate=positive(each["maintMarginRatio"]),
            max_leverage=positive(each["initialLeverage"]),
        )
        for each in brackets
    )
    return (*tiers, BEYOND)


def tiers_without_key(row: Row) -> tuple[MarginTier, ...]:
    """Return one tier of what `exchangeInfo` tells to everybody: percent, and coarser than the brackets."""
    maintenance, initial = positive(row["maintMarginPercent"]), positive(row["requiredMarginPercent"])
    return (
        MarginTier(
            max_notional=None,
            maintenance_rate=maintenance * _PERCENT,
            max_leverage=max(_ONE, 100 / initial),
        ),
    )
