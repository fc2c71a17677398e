"""The third phase: choose what to open, and what to close for something better."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from arb.api import StrategyView
from arb.model import BPS, HOUR_NS, CloseHedge, HedgePlan, LegPlan, OpenHedge, Opportunity, PositionSide

from ._exits import ExitPhase, Watched, near_settlement
from ._memory import BETTER_USE, Memory, pair_of
from ._numbers import entry_numbers
from ._places import Places
from ._rules import ExitReason, should_rotate, worth_entering
from ._settings import FundingArbitrageSettings


class EntryPhase:
    """Decides on new hedges among the rows of a scan, best first."""

    def __init__(self, settings: FundingArbitrageSettings, memory: Memory) -> None:
        self._settings = settings
        self._memory = memory

    def open(self, view: StrategyView, rows: Sequence[Opportunity]) -> list[OpenHedge]:
        """Return what to open; each entry is charged to the budget at once.

        A hedge that this cycle closes keeps its place until it is gone, so that a failed exit never
        leads to one hedge too many.
        """
        places = Places(self._settings, view.hedges)
        intents: list[OpenHedge] = []
        for row in rows:
            if not self._may_enter(row) or not places.admits(view, row):
                continue
            places.take(row)
            self._memory.enter(_pair(row), _cost_usd(row), view.now_ns, self._settings.cooldown)
            intents.append(OpenHedge(plan=self._plan(row)))
        return intents

    def rotate(
        self, view: StrategyView, rows: Sequence[Opportunity], watched: Sequence[Watched], exits: ExitPhase
    ) -> CloseHedge | None:
        """Return the hedge to be closed for a better one, once that has been so for long enough.

        It is asked only of a hedge that stands in the way: without it the better one fits.
        """
        chosen = self._best_change(view, rows, watched)
        for each in watched:
            if chosen is None or each is not chosen[1]:
                self._memory.settle(each.hedge.id, BETTER_USE)
        if chosen is None:
            return None
        gain, each, row = chosen
        lasted_ns = self._memory.doubt(each.hedge.id, BETTER_USE, view.now_ns)
        if lasted_ns < self._settings.confirm:
            return None
        return exits.close(
            each.outlook,
            ExitReason.BETTER_USE,
            gain_usd=gain,
            new_capture_bps=row.capture_bps,
            new_cost_bps=row.cost.total_bps,
            new_notional_usd=row.notional_usd,
            lasted_hours=Decimal(lasted_ns) / HOUR_NS,
        )

    def _best_change(
        self, view: StrategyView, rows: Sequence[Opportunity], watched: Sequence[Watched]
    ) -> tuple[Decimal, Watched, Opportunity] | None:
        """Return the change that brings most: its gain, the hedge to leave and the pair to take."""
        all_places = Places(self._settings, view.hedges)
        best: tuple[Decimal, Watched, Opportunity] | None = None
        for row in rows:
            if not self._may_enter(row) or all_places.admits(view, row):
                continue
            for each in watched:
                if pair_of(leg.instrument for leg in each.hedge.legs) == _pair(row):
                    continue
                gain = _rotation_gain(each, row)
                if gain is None or (best is not None and gain <= best[0]) or not self._may_leave(view, each):
                    continue
                others = [hedge for hedge in view.hedges if hedge.id != each.hedge.id]
                if Places(self._settings, others).admits(view, row):
                    best = (gain, each, row)
        return best

    def _may_leave(self, view: StrategyView, each: Watched) -> bool:
        """Return whether a hedge may be left for another now; a doubt about its carry keeps its own clock."""
        return (
            each.close is None
            and each.can_be_judged
            and not self._memory.doubts_carry(each.hedge.id)
            and not near_settlement(view, each.hedge, self._settings.settlement_guard)
        )

    def _may_enter(self, row: Opportunity) -> bool:
        """Return whether gates, cooldown and cost budget allow a pair."""
        pair, cost = _pair(row), _cost_usd(row)
        return (
            worth_entering(row, self._settings)
            and not self._memory.is_blocked(pair)
            and self._memory.spent_usd(pair) + cost <= self._settings.pair_budget_usd
            and self._memory.spent_usd() + cost <= self._settings.day_budget_usd
        )

    def _plan(self, row: Opportunity) -> HedgePlan:
        hours = self._settings.horizon_hours.normalize()
        return HedgePlan(
            base=row.base,
            legs=(
                LegPlan(instrument=row.long, side=PositionSide.LONG, quantity=row.long_quantity),
                LegPlan(instrument=row.short, side=PositionSide.SHORT, quantity=row.short_quantity),
            ),
            max_slippage_bps=self._settings.max_slippage_bps,
            reason=(
                f"{row.capture_bps:.2f} bps of funding expected in {hours:f} h, "
                f"{row.cost.total_bps:.2f} bps for all four fills"
            ),
            numbers=entry_numbers(row, self._settings),
        )


def _rotation_gain(held: Watched, row: Opportunity) -> Decimal | None:
    """Return what changing to `row` is expected to bring, US dollars; None when it does not pay."""
    outlook = held.outlook
    if outlook.capture_bps is None or outlook.exit_cost_bps is None or outlook.notional_usd is None:
        return None
    new_usd = row.capture_bps * BPS * row.notional_usd
    old_usd = outlook.capture_bps * BPS * outlook.notional_usd
    exit_old_usd = outlook.exit_cost_bps * BPS * outlook.notional_usd
    # Half of the round trip: its exit is paid later, as the old hedge's would have been.
    entry_new_usd = _cost_usd(row) / 2
    if not should_rotate(new_usd=new_usd, old_usd=old_usd, exit_old_usd=exit_old_usd, entry_new_usd=entry_new_usd):
        return None
    return new_usd - old_usd - exit_old_usd - entry_new_usd


def _pair(row: Opportunity) -> str:
    return pair_of((row.long, row.short))


def _cost_usd(row: Opportunity) -> Decimal:
    return row.cost.total_bps * BPS * row.notional_usd
