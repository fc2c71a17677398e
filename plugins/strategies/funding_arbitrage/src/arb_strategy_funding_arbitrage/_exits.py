"""The first two phases: value every open hedge and decide which to close."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from arb.api import StrategyView
from arb.model import (
    HOUR_NS,
    SECOND_NS,
    CloseHedge,
    Hedge,
    HedgeOutlook,
    Stale,
    Unknown,
)

from ._memory import CARRY, Memory
from ._numbers import entry_carry, exit_numbers
from ._rules import ExitReason, Window, risk_exit, weakened, worth_holding
from ._settings import FundingArbitrageSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """An open hedge in this cycle.

    Attributes:
        close: The intent to close it; None while it is held.
        note: What a person should know of why it is held; empty when all is well.
    """

    outlook: HedgeOutlook
    close: CloseHedge | None = None
    note: str = ""

    @property
    def hedge(self) -> Hedge:
        """Return the hedge."""
        return self.outlook.hedge

    @property
    def can_be_judged(self) -> bool:
        """Whether every figure of an economic decision is known."""
        return is_valued(self.outlook)


def is_valued(outlook: HedgeOutlook) -> bool:
    """Return whether carry, capture and the cost of leaving are all known."""
    return None not in (outlook.carry_bps_hour, outlook.capture_bps, outlook.exit_cost_bps)


class ExitPhase:
    """Decides for one hedge at a time; the order is risk, time, economics."""

    def __init__(self, settings: FundingArbitrageSettings, memory: Memory) -> None:
        self._settings = settings
        self._memory = memory

    async def watch(self, view: StrategyView, hedge: Hedge) -> Watched:
        """Value a hedge and decide."""
        settings = self._settings
        outlook = await view.outlook(hedge, settings.horizon_hours)
        risk = risk_exit(outlook, settings)
        if risk is not None:
            return Watched(outlook=outlook, close=self.close(outlook, risk))
        note = "; ".join(outlook.stale)
        if not is_valued(outlook):
            # Unknown is neither good nor bad news: the doubt stays as it was, and nothing is decided.
            return Watched(outlook=outlook, note=note or "it cannot be valued")
        if near_settlement(view, hedge, settings.settlement_guard):
            return Watched(outlook=outlook, note=note)
        close = await self._economic(view, outlook)
        return Watched(outlook=outlook, close=close, note=note)

    def close(self, outlook: HedgeOutlook, reason: ExitReason, **more: Decimal | None) -> CloseHedge:
        """Return the intent to close a hedge with its figures."""
        settings = self._settings
        return CloseHedge(
            hedge_id=outlook.hedge.id,
            max_slippage_bps=settings.max_risk_slippage_bps if reason.is_risk else settings.max_slippage_bps,
            reason=reason,
            numbers=exit_numbers(outlook, **more),
        )

    async def _economic(self, view: StrategyView, outlook: HedgeOutlook) -> CloseHedge | None:
        settings, hedge = self._settings, outlook.hedge
        held_ns = view.now_ns - (hedge.opened_ns if hedge.opened_ns is not None else hedge.created_ns)
        if held_ns >= settings.max_hold:
            return self.close(outlook, ExitReason.TIME_LIMIT, held_hours=Decimal(held_ns) / HOUR_NS)
        if outlook.carry_bps_hour is None or outlook.capture_bps is None or outlook.exit_cost_bps is None:
            return None
        reason = weakened(outlook.carry_bps_hour, entry_carry(hedge), settings)
        if reason is None:
            self._memory.settle(hedge.id, CARRY)
            return None
        charge = settings.risk_charge_bps_day if reason is ExitReason.PROFIT_EROSION else Decimal(0)
        windows = [Window(hours=settings.horizon_hours, capture_bps=outlook.capture_bps)]
        if not worth_holding(windows, charge):
            windows += await self._windows_to_settlements(view, hedge)
        if worth_holding(windows, charge):
            self._memory.settle(hedge.id, CARRY)
            return None
        lasted_ns = self._memory.doubt(hedge.id, CARRY, view.now_ns)
        if lasted_ns < settings.confirm and not await self._waiting_costs_more(view, outlook, lasted_ns):
            return None
        best = max(window.capture_bps for window in windows)
        return self.close(
            outlook, reason, best_window_bps=best, charge_bps_day=charge, lasted_hours=Decimal(lasted_ns) / HOUR_NS
        )

    async def _windows_to_settlements(self, view: StrategyView, hedge: Hedge) -> list[Window]:
        """Return the windows that end right at the next settlement of each leg."""
        windows: list[Window] = []
        for leg in hedge.legs:
            reading = view.funding(leg.instrument)
            if isinstance(reading, Unknown | Stale):
                continue
            due_ns = reading.value.next_funding_ns
            if due_ns is None or due_ns <= view.now_ns:
                continue
            # A second more, so that rounding to hours cannot leave the settlement out.
            hours = Decimal(due_ns - view.now_ns + SECOND_NS) / HOUR_NS
            outlook = await view.outlook(hedge, hours)
            if outlook.capture_bps is not None:
                windows.append(Window(hours=hours, capture_bps=outlook.capture_bps))
        return windows

    async def _waiting_costs_more(self, view: StrategyView, outlook: HedgeOutlook, lasted_ns: int) -> bool:
        """Return whether holding until the doubt is confirmed would lose more than leaving costs."""
        left = Decimal(self._settings.confirm - lasted_ns) / HOUR_NS
        until_confirmed = await view.outlook(outlook.hedge, left)
        if until_confirmed.capture_bps is None or outlook.exit_cost_bps is None:
            return False
        return until_confirmed.capture_bps < -outlook.exit_cost_bps


def near_settlement(view: StrategyView, hedge: Hedge, guard_ns: int) -> bool:
    """Return whether a settlement of a leg is so near that it is undetermined who takes part (handbook C2)."""
    for leg in hedge.legs:
        reading = view.funding(leg.instrument)
        if isinstance(reading, Unknown):
            continue
        due_ns, interval_ns = reading.value.next_funding_ns, reading.value.interval_ns
        if due_ns is None or interval_ns <= 0:
            continue
        until_ns = (due_ns - view.now_ns) % interval_ns
        if min(until_ns, interval_ns - until_ns) < guard_ns:
            return True
    return False
