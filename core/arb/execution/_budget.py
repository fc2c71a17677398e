"""The budget of naked exposure: kept, or trading is halted and a person is told."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from arb.api import Clock
from arb.model import Event, EventKind, Hedge, HedgeId, Instrument, InstrumentId, Severity
from arb.risk import EVERYTHING, Halts

from ._absorbing import Absorbed
from ._exposure import NakedExposure, naked_exposure
from ._journaling import Recorder
from ._policy import ExecutionPolicy

_OVER_BUDGET = "its legs were unequal for longer than the budget of naked exposure allows"


class ExposureBudget:
    """Compares each hedge that is being worked on with its budget."""

    def __init__(
        self,
        policy: ExecutionPolicy,
        halts: Halts,
        recorder: Recorder,
        clock: Clock,
        instruments: Mapping[InstrumentId, Instrument],
    ) -> None:
        self._policy = policy
        self._halts = halts
        self._recorder = recorder
        self._clock = clock
        self._instruments = instruments
        self._seen: dict[tuple[HedgeId, int], int] = {}

    async def may_open(self, at: Absorbed) -> bool:
        """Whether a hedge's legs may be made larger; halt everything when its budget is used up.

        Reducing goes on under the halt: a leg that stands alone is not left alone because it did so for long.
        """
        hedge = at.hedge
        spent = self.spent(at)
        if spent.base_seconds > self.limit(hedge):
            await self._halt(hedge, spent)
        names = [leg.instrument for leg in hedge.legs]
        return all(self._halts.blocking(self._instruments[name].exchange) is None for name in names)

    def limit(self, hedge: Hedge) -> Decimal:
        """Return the budget in base units times seconds: a whole leg for the time that the policy allows."""
        return self._policy.max_naked_seconds * max(leg.target_quantity * leg.multiplier for leg in hedge.legs)

    def spent(self, at: Absorbed) -> NakedExposure:
        """Return the exposure of the present phase, from when a person last lifted a halt of this hedge."""
        hedge = at.hedge
        lifted_ns = self._lifted_ns(hedge.id)
        return naked_exposure(
            hedge,
            at.records,
            at.fills,
            reports=at.reports,
            since_ns=max(hedge.phase_ns, lifted_ns),
            now_ns=self._clock.now_ns(),
            negligible=self._negligible(hedge),
            earliest_ns=lifted_ns,
        )

    def _lifted_ns(self, hedge_id: HedgeId) -> int:
        """Return when a person last lifted a halt of a hedge, by the run's clock.

        `arb resume` goes by the clock on the wall. A simulated run is in another time, and what it takes for the
        future would be a budget without end: such a lift counts from when this process first saw it.
        """
        lifted_ns, now_ns = self._halts.lifted_ns(hedge_id), self._clock.now_ns()
        return lifted_ns if lifted_ns <= now_ns else self._seen.setdefault((hedge_id, lifted_ns), now_ns)

    def _negligible(self, hedge: Hedge) -> Decimal:
        """Return the imbalance that the coarsest leg cannot mend."""
        return max(
            max(self._instruments[leg.instrument].lot_size, self._instruments[leg.instrument].min_quantity)
            * leg.multiplier
            for leg in hedge.legs
        )

    async def _halt(self, hedge: Hedge, spent: NakedExposure) -> None:
        if any(halt.subject == hedge.id for halt in self._halts.active()):
            return
        # A halt file that cannot be written must not end the work that takes the leg back.
        self._halts.hold(EVERYTHING, _OVER_BUDGET, by="execution", subject=hedge.id)
        numbers = {
            "base_seconds": f"{spent.base_seconds:f}",
            "limit_base_seconds": f"{self.limit(hedge):f}",
            "imbalance": f"{spent.base:f}",
            "naked_seconds": f"{spent.seconds:f}",
        }
        text = f"{hedge.base} {hedge.status}: {_OVER_BUDGET}; nothing more is opened until a person resumes"
        await self._recorder.events(
            [
                Event(
                    ts_ns=self._clock.now_ns(),
                    kind=kind,
                    severity=Severity.ALARM,
                    subject=hedge.id,
                    message=text,
                    data=numbers,
                )
                for kind in (EventKind.EXPOSURE_OVER_BUDGET, EventKind.HALT_RAISED)
            ]
        )
