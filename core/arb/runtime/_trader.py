"""From a strategy's intent through the risk gate to execution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from arb.api import ArbError, ExchangeError, InvariantBroken, LeaseLost, StorageError, Strategy
from arb.execution import AtomicMultiOrderExecutor, Recorder
from arb.model import (
    CloseHedge,
    EventKind,
    HedgePlan,
    HedgeStatus,
    Instrument,
    InstrumentId,
    Intent,
    OpenHedge,
    Severity,
    exchange_of,
)
from arb.risk import ApprovedPlan, RiskManager

from ._intents import taken
from ._keeper import Keeper
from ._risk_inputs import RiskInputs


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningStrategy:
    """A strategy and the exchanges it may use."""

    name: str
    strategy: Strategy
    exchanges: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trader:
    """Carries out one intent at a time. What is refused is said in an event, with the reason."""

    instruments: Mapping[InstrumentId, Instrument]
    keeper: Keeper
    inputs: RiskInputs
    risk: RiskManager
    executor: AtomicMultiOrderExecutor
    recorder: Recorder

    async def carry_out(self, running: RunningStrategy, intent: Intent) -> None:
        """Open or close; raises StorageError, InvariantBroken and LeaseLost, after which nothing may be traded."""
        try:
            if isinstance(intent, CloseHedge):
                await self._close(running, intent)
            else:
                await self._open(running, intent)
        except (StorageError, InvariantBroken, LeaseLost):
            raise
        except ExchangeError as error:
            subject = error.exchange or running.name
            await self.recorder.event(EventKind.EXCHANGE_FAILED, subject, str(error), Severity.WARNING)
        except ArbError as error:
            await self._refuse(running.name, str(error))

    async def _close(self, running: RunningStrategy, intent: CloseHedge) -> None:
        owned = {hedge.id: hedge for hedge in self.keeper.hedges if hedge.strategy == running.name}
        hedge = owned.get(intent.hedge_id)
        if hedge is None:
            await self._refuse(running.name, f"hedge {intent.hedge_id} is not a live hedge of {running.name}")
            return
        if hedge.status is not HedgeStatus.OPEN:
            await self._refuse(running.name, f"hedge {hedge.id} is {hedge.status}, so it cannot be closed now")
            return
        await self.executor.close(intent)

    async def _open(self, running: RunningStrategy, intent: OpenHedge) -> None:
        plan = intent.plan
        objection = self._objection(running, plan)
        if objection is not None:
            await self._refuse(plan.base, objection)
            return
        legs = await self.inputs.priced(plan)
        approved = self.risk.approve(plan, legs, self.inputs.risks(), hedges=self.keeper.hedges)
        if not isinstance(approved, ApprovedPlan):
            await self._refuse(plan.base, "; ".join(str(refusal) for refusal in approved))
            return
        await self.executor.open(approved, strategy=running.name)

    def _objection(self, running: RunningStrategy, plan: HedgePlan) -> str | None:
        """Return why a plan is not even priced, or None."""
        if self.keeper.differences:
            return "our books and the venues' differ: " + "; ".join(self.keeper.differences.values())
        if any(leg.instrument not in self.instruments for leg in plan.legs):
            return "the plan names an instrument that is not listed"
        if any(exchange_of(leg.instrument) not in running.exchanges for leg in plan.legs):
            return f"the plan names an exchange that {running.name} may not use"
        opening = [hedge.id for hedge in self.keeper.hedges if hedge.status is HedgeStatus.OPENING]
        if opening:
            return f"hedge {opening[0]} is still being opened, and what it will hold is not counted yet"
        return taken(plan, self.keeper.hedges)

    async def _refuse(self, subject: str, why: str) -> None:
        await self.recorder.event(EventKind.ORDER_VETOED, subject, f"not carried out: {why}", Severity.WARNING)
