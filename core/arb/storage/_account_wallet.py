"""The account of one wallet: one currency at one exchange.

With equity `E`, dollar rate `f` and samples 0..n, over one step
`E1*f1 - E0*f0 = (E1 - E0)*f1 + E0*(f1 - f0)`: what flowed in between two samples is valued at the
later one's rate, and the second term is the fx part (handbook C9). `E1 - E0` is, when nothing is
missing, the flows plus the change of `quantity x mark price` of what is held.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from arb.model import ZERO, EquitySample, InstrumentId

from ._account_flows import Flow
from ._account_holdings import Holding, Holdings
from ._account_inputs import Inputs, Slot, Wallet
from ._account_types import Part

Steps = dict[int, Decimal]
"""Amounts by the number of the sample that first holds them."""


class Cell(NamedTuple):
    """Where an amount belongs: leg, instrument (None for the capital), part, and the sample that first holds it."""

    slot: Slot
    instrument: InstrumentId | None
    part: Part
    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletResult:
    """What one wallet contributes.

    Attributes:
        amounts: US dollars.
        valued: Every flow that counts, with its value in dollars.
        early: Flows at or before the first sample, which holds them already.
        late: Flows after the last sample.
    """

    samples: tuple[EquitySample, ...]
    amounts: Mapping[Cell, Decimal]
    valued: Sequence[tuple[Flow, Decimal]]
    early: Sequence[Flow]
    late: Sequence[Flow]

    @property
    def equity_change(self) -> Decimal:
        """Return the change in dollars."""
        first, last = self.samples[0], self.samples[-1]
        return last.equity * last.usd_rate - first.equity * first.usd_rate

    @property
    def unexplained(self) -> Decimal:
        """Return the change no part explains."""
        return self.equity_change - sum(self.amounts.values(), ZERO)


def account_wallet(
    wallet: Wallet, samples: tuple[EquitySample, ...], flows: Sequence[Flow], inputs: Inputs, held: Holdings
) -> WalletResult:
    """Account for one wallet from its first sample to its last."""
    times = [sample.ts_ns for sample in samples]
    rates = [sample.usd_rate for sample in samples]
    amounts: defaultdict[Cell, Decimal] = defaultdict(lambda: ZERO)
    results: defaultdict[Slot, Steps] = defaultdict(lambda: defaultdict(lambda: ZERO))
    early, late, valued = [], [], []
    for flow in flows:
        step = bisect_left(times, flow.ts_ns)
        if step == 0:
            early.append(flow)
        elif step == len(times):
            late.append(flow)
        else:
            value = flow.amount * rates[step]
            valued.append((flow, value))
            amounts[Cell(flow.slot, flow.instrument, flow.part, step)] += value
            results[flow.slot][step] += flow.amount
    for instrument, slot, step, amount in _value_changes(wallet, times, inputs, held):
        amounts[Cell(slot, instrument, Part.PRICE, step)] += amount * rates[step]
        results[slot][step] += amount
    for slot, step, amount in _fx_parts(samples, results):
        amounts[Cell(slot, None, Part.FX, step)] += amount
    return WalletResult(samples=samples, amounts=dict(amounts), valued=valued, early=early, late=late)


def start_from_nothing(
    wallet: Wallet, samples: tuple[EquitySample, ...], flows: Sequence[Flow], inputs: Inputs, start_ns: int
) -> tuple[EquitySample, ...]:
    """Begin a currency that shows up later at zero, if what was booked since explains all it holds.

    A venue may list a currency only once something was booked in it. Without that proof it begins
    at its own first sample: what is not known is not taken for zero.
    """
    first = samples[0]
    if first.ts_ns <= start_ns:
        return samples
    booked = sum((flow.amount for flow in flows if start_ns < flow.ts_ns <= first.ts_ns), ZERO)
    marks = (
        sample.quantity * sample.mark_price
        for (ts_ns, instrument), sample in inputs.positions.items()
        if ts_ns == first.ts_ns and inputs.wallet_of(instrument) == wallet
    )
    if not first.equity or booked + sum(marks, ZERO) != first.equity:
        return samples
    return (replace(first, ts_ns=start_ns, equity=ZERO, cash=ZERO), *samples)


def _value_changes(
    wallet: Wallet, times: Sequence[int], inputs: Inputs, held: Holdings
) -> Iterator[tuple[InstrumentId, Slot, int, Decimal]]:
    """Yield the changes of `quantity x mark price`, by instrument, slot and step."""
    sampled = {instrument for _, instrument in inputs.positions}
    for instrument in sorted(sampled | held.keys()):
        if inputs.wallet_of(instrument) != wallet:
            continue
        slots = held.get(instrument, {})
        marks = _marks(instrument, times, inputs)
        # What the venue holds and no leg does.
        rest = [_sampled_quantity(inputs, ts_ns, instrument) for ts_ns in times]
        for slot, holding in slots.items():
            if slot is None:
                continue
            quantities = _quantities(holding, times)
            for step, quantity in quantities.items():
                rest[step] -= quantity
            yield from ((instrument, slot, *change) for change in _steps(quantities, marks))
        unowned = {step: quantity for step, quantity in enumerate(rest) if quantity}
        yield from ((instrument, None, *change) for change in _steps(unowned, marks))


def _sampled_quantity(inputs: Inputs, ts_ns: int, instrument: InstrumentId) -> Decimal:
    sample = inputs.positions.get((ts_ns, instrument))
    return ZERO if sample is None else sample.quantity


def _quantities(holding: Holding, times: Sequence[int]) -> Steps:
    first = bisect_left(times, holding.times[0])
    last = bisect_left(times, holding.times[-1]) if holding.is_flat_at_end else len(times)
    held = ((step, holding.at(times[step])) for step in range(first, last))
    return {step: quantity for step, quantity in held if quantity}


def _steps(quantities: Steps, marks: Sequence[Decimal]) -> Iterator[tuple[int, Decimal]]:
    values = {step: quantity * marks[step] for step, quantity in quantities.items()}
    for step in sorted(values.keys() | {step + 1 for step in values}):
        change = values.get(step, ZERO) - values.get(step - 1, ZERO)
        if 0 < step < len(marks) and change:
            yield step, change


def _marks(instrument: InstrumentId, times: Sequence[int], inputs: Inputs) -> Sequence[Decimal]:
    """Return the mark price at each sample; where the venue says flat, the last mark or fill before it.

    There the legs of several hedges may cancel: any price gives the same total, and the last one
    known shares it out best.
    """
    trades = [(one.booked_ns, one.fill.price) for one in inputs.fills if one.fill.instrument == instrument]
    trades.sort(key=lambda trade: trade[0])
    marks: list[Decimal] = []
    last, seen = ZERO, 0
    for ts_ns in times:
        while seen < len(trades) and trades[seen][0] <= ts_ns:
            last = trades[seen][1]
            seen += 1
        sample = inputs.positions.get((ts_ns, instrument))
        last = last if sample is None else sample.mark_price
        marks.append(last)
    return marks


def _fx_parts(samples: Sequence[EquitySample], results: Mapping[Slot, Steps]) -> Iterator[tuple[Slot, int, Decimal]]:
    """Yield each leg's fx part, on its own result until its last booking; the rest is the capital's."""
    moves = [ZERO]
    moves += [new.usd_rate - old.usd_rate for old, new in pairwise(samples)]
    rest = [ZERO, *(old.equity * move for old, move in zip(samples, moves[1:], strict=False))]
    for slot, steps in results.items():
        if slot is None:
            continue
        earned = ZERO
        for step in range(min(steps), max(steps) + 1):
            if fx := earned * moves[step]:
                yield slot, step, fx
                rest[step] -= fx
            earned += steps.get(step, ZERO)
    yield from ((None, step, amount) for step, amount in enumerate(rest) if amount)
