"""What an account holds, by how it keeps its balances (documentation, "Account abstraction modes").

Apart (`default`, `disabled`, `dexAbstraction`): each dex has collateral of its own, and spot is none. Pooled
(`unifiedAccount`, `portfolioMargin`): one balance a currency, in spot; it holds the profit of open positions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from arb.model import ZERO, Balance
from arb.net import from_ms, maybe_number, number, whole

APART: Final = frozenset({"default", "disabled", "dexAbstraction"})
POOLED: Final = frozenset({"unifiedAccount", "portfolioMargin"})


@dataclass(frozen=True, slots=True)
class DexState:
    """A dex's `clearinghouseState` and the currency of its collateral."""

    currency: str
    state: Mapping[str, Any]

    @property
    def unrealized(self) -> Decimal:
        """Return the profit of open positions."""
        return sum((number(row["position"]["unrealizedPnl"]) for row in self.state["assetPositions"]), ZERO)

    @property
    def maintenance(self) -> Decimal | None:
        """Return the maintenance margin; None with an isolated position, whose own the venue does not tell."""
        kinds = {row["position"]["leverage"]["type"] for row in self.state["assetPositions"]}
        return number(self.state["crossMaintenanceMarginUsed"]) if kinds <= {"cross"} else None

    @property
    def ts_ns(self) -> int:
        """Return the venue's time."""
        return from_ms(self.state["time"])


def balances(mode: str, dexes: Sequence[DexState], spot: Mapping[str, Any] | None) -> list[Balance]:
    """Return one row a currency.

    Args:
        mode: Of `userAbstraction`.
        dexes: Every dex that is read.
        spot: `spotClearinghouseState`, for a pooled account.
    """
    currencies = list(dict.fromkeys(dex.currency for dex in dexes))
    rows = []
    for currency in currencies:
        its = [dex for dex in dexes if dex.currency == currency]
        rows.append(_apart(currency, its) if mode in APART else _pooled(currency, its, spot or {}))
    return rows


def _apart(currency: str, dexes: Sequence[DexState]) -> Balance:
    """Return the sum of several dexes; what is available is what the poorest of those with money can use."""
    values = [number(dex.state["marginSummary"]["accountValue"]) for dex in dexes]
    equity = sum(values, ZERO)
    free = [number(dex.state["withdrawable"]) for dex, value in zip(dexes, values, strict=True) if value]
    return _row(currency, equity, min(free, default=ZERO), dexes)


def _pooled(currency: str, dexes: Sequence[DexState], spot: Mapping[str, Any]) -> Balance:
    """Return the spot balance of a currency.

    Its `total` includes the profit of open positions, by two recordings that add up so; where the venue also
    tells what is left after maintenance margin, the smaller of the two readings is taken.
    """
    held = next((row for row in spot["balances"] if row["coin"] == currency), None)
    total = hold = ZERO
    token = None
    if held is not None:
        total = number(held["total"]) - (maybe_number(held.get("borrowed")) or ZERO)
        hold, token = number(held["hold"]), held.get("token")
    after = {whole(index): number(left) for index, left in spot.get("tokenToAvailableAfterMaintenance") or ()}
    needed = sum_or_none(dex.maintenance for dex in dexes)
    if token in after and needed is not None:
        total = min(total, after[token] + needed)
    return _row(currency, total, total - hold, dexes)


def _row(currency: str, equity: Decimal, available: Decimal, dexes: Sequence[DexState]) -> Balance:
    unrealized = sum((dex.unrealized for dex in dexes), ZERO)
    return Balance(
        currency=currency,
        cash=equity - unrealized,
        equity=equity,
        available=max(ZERO, min(available, equity)),
        maintenance_margin=sum_or_none(dex.maintenance for dex in dexes),
        ts_event_ns=max(dex.ts_ns for dex in dexes),
    )


def sum_or_none(values: Iterable[Decimal | None]) -> Decimal | None:
    """Return the sum; None when a part is not known."""
    known = list(values)
    return None if None in known else sum((value for value in known if value is not None), ZERO)
