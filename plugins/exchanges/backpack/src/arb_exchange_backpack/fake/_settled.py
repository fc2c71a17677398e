"""Profit of open positions that the venue has paid out already: all of it, every ten seconds."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from arb.model import SECOND_NS, ZERO, InstrumentId, Position

_EVERY_NS: Final = 10 * SECOND_NS


class SettledProfit:
    """Remembers what was paid out of each open position."""

    def __init__(self, memory: dict[str, Any]) -> None:
        self._memory: dict[str, Any] = memory.setdefault("settled", {"slot": -1, "paid": {}})

    def of(self, positions: list[Position], now_ns: int) -> dict[InstrumentId, Decimal]:
        """Return what was paid out of the positions that are open now."""
        paid: dict[InstrumentId, Decimal] = self._memory["paid"]
        slot = now_ns // _EVERY_NS
        if slot != self._memory["slot"]:
            self._memory["slot"] = slot
            self._memory["paid"] = {each.instrument: _to_unit(each.unrealized_pnl) for each in positions}
        else:
            # A position that was closed took what was paid out of it along: it is realised now.
            self._memory["paid"] = {each.instrument: paid.get(each.instrument, ZERO) for each in positions}
        found: dict[InstrumentId, Decimal] = self._memory["paid"]
        return found


def _to_unit(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.000001"))
