"""Unhedged exposure over time, from fills."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from decimal import Decimal, localcontext
from itertools import groupby

from arb.model import ZERO, InstrumentId

from ._account_inputs import BookedFill, Inputs

UsdRate = Callable[[InstrumentId, int], Decimal]
"""Dollars per unit of the currency an instrument is booked in, at a time."""


def max_abs_delta_usd(
    fills: Iterable[BookedFill], inputs: Inputs, usd_rate: UsdRate, start_ns: int, end_ns: int
) -> Decimal:
    """Return the largest unhedged exposure in [start, end], in dollars.

    It is taken after each distinct time of a fill, all fills of one nanosecond together: for each
    base asset |sum of signed contracts x multiplier| x the highest of the prices per base unit at
    which each of its instruments was last filled, summed over the assets. Fills before `start_ns`
    build the exposure that stands then; those without an own order count, since they are what
    breaks a hedge. Between fills the exposure in base units does not change.
    """
    exposure: defaultdict[str, Decimal] = defaultdict(lambda: ZERO)
    prices: defaultdict[str, dict[InstrumentId, Decimal]] = defaultdict(dict)
    largest = ZERO
    with localcontext() as context:
        context.prec = 60
        context.clear_traps()
        for ts_ns, together in groupby(sorted(fills, key=_time), key=_time):
            if ts_ns > end_ns:
                break
            for booked in together:
                instrument = inputs.instruments[booked.fill.instrument]
                exposure[instrument.base] += booked.signed_quantity * instrument.multiplier
                price = booked.fill.price * usd_rate(instrument.id, ts_ns)
                prices[instrument.base][instrument.id] = price / instrument.multiplier
            if ts_ns >= start_ns:
                value = sum((abs(base) * max(prices[name].values()) for name, base in exposure.items()), ZERO)
                largest = max(largest, value)
        return largest.quantize(Decimal("1E-8"))


def _time(booked: BookedFill) -> int:
    return booked.fill.ts_event_ns
