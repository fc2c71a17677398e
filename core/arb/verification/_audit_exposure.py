"""Naked exposure: the integral of what is not hedged, in dollars times seconds, against its budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from arb.model import (
    BPS,
    SECOND_NS,
    ZERO,
    ExchangeName,
    Fill,
    Hedge,
    HedgeId,
    HedgeStatus,
    Instrument,
    ceil_to,
    exchange_of,
)
from arb.risk import EVERYTHING

from ._kinds import Code

if TYPE_CHECKING:
    from ._auditor import Auditor


@dataclass(frozen=True, slots=True, kw_only=True)
class NakedTime:
    """How long and how far one hedge was not hedged, in its whole life.

    Attributes:
        seconds: In all.
        usd_seconds: In all.
        counted: The largest share of its budget that one phase spent while a process lived, USD seconds.
        budget: Of one phase, USD seconds.
    """

    hedge_id: HedgeId
    seconds: Decimal
    usd_seconds: Decimal
    counted: Decimal
    budget: Decimal


@dataclass(slots=True)
class _Exposure:
    """One hedge by its fills at the venues.

    Attributes:
        held: Contracts of each leg, positive in the leg's direction.
        spent: USD seconds of this phase while a process lived.
        untold_ns: How long a process lived beyond the budget without a halt and an alarm.
        was_halted: A halt about it was lifted before the alarm was told: only that is still wanted.
        alarms_before: Alarms told before a person last gave it a whole budget: another breach needs another one.
        forced_ns: When a venue last reduced a leg by itself.
        forced_on: Which venue; None once the hedge was in order again.
        leaves_dust: Whether all that it held when it was over was too little for an order.
    """

    phase_ns: int
    held: dict[int, Decimal] = field(default_factory=dict)
    base: Decimal = ZERO
    naked_ns: int = 0
    usd_ns: Decimal = ZERO
    spent: Decimal = ZERO
    most: Decimal = ZERO
    untold_ns: int = 0
    was_halted: bool = False
    alarms_before: int = 0
    forced_ns: int = 0
    forced_on: ExchangeName | None = None
    leaves_dust: bool = False

    def begin_again(self) -> None:
        """Give it a whole budget."""
        self.spent, self.untold_ns, self.was_halted = ZERO, 0, False


class ExposureAudit:
    """Integrates the exposure of every hedge as time passes."""

    def __init__(self, auditor: Auditor) -> None:
        self._a = auditor
        self._exposures: dict[HedgeId, _Exposure] = {}
        self._naked: dict[HedgeId, _Exposure] = {}
        self._last_ns = auditor.start_ns
        self._counting_from: int | None = None

    def process_started(self) -> None:
        """Time counts against budgets from the end of a process's start on."""
        if len(self._a.truth.holders) == 1:
            self._counting_from = self._a.sight.now_ns() + self._a.rules.startup_ns

    def process_ended(self) -> None:
        """Without a process nobody can hedge: time does not count."""
        if not self._a.truth.holders:
            self._counting_from = None

    def hedge_changed(self, before: Hedge | None, hedge: Hedge) -> None:
        """Begin a new budget with each phase."""
        found = self._exposures.get(hedge.id)
        if found is None:
            self._exposures[hedge.id] = _Exposure(phase_ns=hedge.phase_ns)
        elif before is not None and before.phase_ns != hedge.phase_ns:
            found.phase_ns = hedge.phase_ns
            found.begin_again()
        if found is not None and hedge.status.is_final and (before is None or not before.status.is_final):
            found.leaves_dust = self._is_dust(hedge, found)

    def lifted(self, hedge_id: HedgeId) -> None:
        """A person lifts a halt of a hedge: its budget begins again, unless people still wait for the alarm."""
        exposure = self._exposures.get(hedge_id)
        if exposure is None:
            return
        if exposure.untold_ns and not self._is_alarmed(hedge_id, exposure):
            exposure.was_halted = True
        else:
            self._known(exposure)

    def filled(self, fill: Fill) -> None:
        """Count a fill of an own order."""
        record = self._a.truth.orders.get(fill.client_order_id)
        if record is not None:
            hedge = self._a.truth.hedges[record.hedge_id]
            side = hedge.legs[record.leg_index].side
            self._add(hedge, record.leg_index, fill.quantity * fill.side.sign * side.sign)

    def forced(self, fill: Fill) -> Mapping[HedgeId, Decimal]:
        """Count a reduction that a venue made by itself, oldest hedge first; return what it took of each."""
        left, parts = fill.quantity, dict[HedgeId, Decimal]()
        for hedge in self._a.truth.hedges.values():
            for index, leg in enumerate(hedge.legs):
                if leg.instrument != fill.instrument or fill.side is leg.entry_side:
                    continue
                taken = min(left, self._exposures[hedge.id].held.get(index, ZERO))
                if taken > 0:
                    left -= taken
                    parts[hedge.id] = taken
                    self._exposures[hedge.id].forced_ns = self._a.sight.now_ns()
                    self._exposures[hedge.id].forced_on = exchange_of(fill.instrument)
                    self._add(hedge, index, -taken)
        return parts

    def pass_time(self) -> None:
        """Integrate until now, and look for budgets that were over in that time without a word.

        To be called before anything changes: what ends an exposure, or tells of it, does not undo the time before.
        """
        now_ns = self._a.sight.now_ns()
        since_ns, self._last_ns = self._last_ns, now_ns
        if now_ns <= since_ns or not self._naked:
            return
        for hedge_id, exposure in self._naked.items():
            hedge = self._a.truth.hedges[hedge_id]
            usd = abs(exposure.base) * self._price(hedge)
            exposure.naked_ns += now_ns - since_ns
            exposure.usd_ns += usd * (now_ns - since_ns)
            counted_ns = self._counted(exposure, since_ns, now_ns)
            exposure.spent += usd * counted_ns / SECOND_NS
            exposure.most = max(exposure.most, exposure.spent)
            over = exposure.spent - self._budget(hedge)
            if over > 0:
                self._beyond(hedge, exposure, min(counted_ns, int(over / usd * SECOND_NS)))

    def _beyond(self, hedge: Hedge, exposure: _Exposure, over_ns: int) -> None:
        """Count time beyond the budget, unless people knew of it."""
        if self._is_told(hedge, exposure):
            exposure.untold_ns = 0
            if exposure.was_halted:
                self._known(exposure)
            return
        exposure.untold_ns += over_ns
        if exposure.untold_ns > self._a.rules.halt_ns:
            text = f"hedge {hedge.id} ({hedge.status}) is {exposure.base} {hedge.base} naked; {exposure.spent:.0f} USD "
            text += f"seconds are spent of {self._budget(hedge):.0f}, without a halt and an alarm"
            self._a.found(Code.NAKED, hedge.id, text)

    def is_balanced(self, hedge: Hedge) -> bool:
        """Whether what the venues hold of a hedge is equal, but for what no order can mend."""
        return hedge.id not in self._naked

    def leaves_dust(self, hedge: Hedge) -> bool:
        """Whether no order could have closed what a hedge held when it was over; later prices do not count."""
        exposure = self._exposures.get(hedge.id)
        return exposure is None or exposure.leaves_dust

    def _is_dust(self, hedge: Hedge, exposure: _Exposure) -> bool:
        least = self.smallest(hedge)
        return all(abs(exposure.held.get(index, ZERO)) * leg.multiplier < least for index, leg in enumerate(hedge.legs))

    def held(self, hedge: Hedge, index: int) -> Decimal:
        """Return the contracts of a leg by the venue's fills."""
        exposure = self._exposures.get(hedge.id)
        return ZERO if exposure is None else exposure.held.get(index, ZERO)

    def times(self) -> list[NakedTime]:
        """Return the exposure of every hedge."""
        self.pass_time()
        return [
            NakedTime(
                hedge_id=hedge_id,
                seconds=Decimal(one.naked_ns) / SECOND_NS,
                usd_seconds=one.usd_ns / SECOND_NS,
                counted=one.most,
                budget=self._budget(self._a.truth.hedges[hedge_id]),
            )
            for hedge_id, one in self._exposures.items()
        ]

    def smallest(self, hedge: Hedge) -> Decimal:
        """Return the smallest imbalance in base units that an order on any leg could mend."""
        return max(self._smallest_order(self._a.sight.instrument(leg.instrument)) for leg in hedge.legs)

    def _smallest_order(self, instrument: Instrument) -> Decimal:
        # A venue counts the notional by the price of the order, which may be that much below the middle.
        lowest = 1 - self._a.rules.max_band_bps * BPS
        price = self._a.sight.usd_per_base(instrument.id) * instrument.multiplier * lowest
        least = max(instrument.lot_size, instrument.min_quantity)
        if instrument.closing_min_notional:
            least = max(least, ceil_to(instrument.closing_min_notional / price, instrument.lot_size))
        return least * instrument.multiplier

    def _counted(self, exposure: _Exposure, since_ns: int, now_ns: int) -> int:
        if self._counting_from is None:
            return 0
        begin_ns = max(since_ns, self._counting_from)
        if exposure.forced_on is not None:
            # What a venue did by itself can be seen only while the venue can be read.
            readable_ns = max(exposure.forced_ns, self._a.sight.readable_since_ns(exposure.forced_on))
            begin_ns = max(begin_ns, readable_ns + self._a.rules.detection_ns)
        return max(0, now_ns - begin_ns)

    def _add(self, hedge: Hedge, index: int, quantity: Decimal) -> None:
        exposure = self._exposures[hedge.id]
        exposure.held[index] = exposure.held.get(index, ZERO) + quantity
        leg = hedge.legs[index]
        exposure.base += quantity * leg.multiplier * leg.side.sign
        if abs(exposure.base) >= self.smallest(hedge):
            self._naked[hedge.id] = exposure
        else:
            self._naked.pop(hedge.id, None)
            exposure.forced_on = None  # what comes next is another exposure

    def _price(self, hedge: Hedge) -> Decimal:
        return max(self._a.sight.usd_per_base(leg.instrument) for leg in hedge.legs)

    def _budget(self, hedge: Hedge) -> Decimal:
        leg = hedge.legs[0]
        notional = leg.target_quantity * leg.multiplier * self._price(hedge)
        return notional * self._a.rules.max_naked_seconds

    def _is_told(self, hedge: Hedge, exposure: _Exposure) -> bool:
        """Whether a durable halt, or one that a person has seen and lifted, and an alarm tell of a hedge."""
        scopes = {EVERYTHING, *(str(exchange_of(leg.instrument)) for leg in hedge.legs)}
        halted = exposure.was_halted or hedge.status is HedgeStatus.HALTED
        halted = halted or any(halt.is_active and halt.scope in scopes for halt in self._a.sight.halts())
        return halted and self._is_alarmed(hedge.id, exposure)

    def _is_alarmed(self, hedge_id: HedgeId, exposure: _Exposure) -> bool:
        return self._a.truth.alarmed(hedge_id, exposure.alarms_before)

    def _known(self, exposure: _Exposure) -> None:
        """A person knows what was spent so far."""
        exposure.begin_again()
        exposure.alarms_before = len(self._a.truth.alarms)
