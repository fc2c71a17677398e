"""What a pair's own past says of its carry: the usual rates, and how long a deviation lasts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import median
from typing import Final

from arb.model import HOUR_NS, FundingRate, hours

from ._runs import SpreadRuns, spread_runs

MIN_CELLS: Final = 12
MIN_CELL_NS: Final = 4 * HOUR_NS
_LN2: Final = math.log(2)
_MAD_TO_DEVIATION: Final = 1.4826
_OUTLIER: Final = 3
"""Deviations beyond which an observation counts as that much only: one crash must not make the long run."""
_SPIKE: Final = 5
"""Deviations beyond which a spread now is not believed to last."""
_STANDSTILL: Final = 1e-10
"""A millionth of a basis point an hour: less than any venue publishes is rounding, not movement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairHistory:
    """Statistics of a pair's settled rates.

    Attributes:
        long_mean_hour: Long-run rate of the long leg, fraction per hour.
        short_mean_hour: Long-run rate of the short leg; the difference is shrunk towards zero by
            how few independent observations there are.
        half_life_hours: Of a deviation of the spread; None when the spread never moved.
        spread_range_hour: What the spread is believed to be able to last at; beyond it is a spike
            that is over before it pays. None when the spread never moved.
        cells: Observations used.
        runs: How long the spread stayed on the side of the short leg.
    """

    long_mean_hour: Decimal
    short_mean_hour: Decimal
    half_life_hours: Decimal | None
    spread_range_hour: tuple[Decimal, Decimal] | None
    cells: int
    runs: SpreadRuns


def pair_history(
    long: Sequence[FundingRate], short: Sequence[FundingRate], longest_interval_ns: int
) -> PairHistory | None:
    """Return the statistics of two series of settled rates; None when they overlap too little.

    Both are averaged over cells of at least the longer interval and four hours, so that a rate paid
    every eight hours is not taken for a spread that lasts eight hours. The half-life is that of an
    exponential decay with the same integral as the autocorrelation of the spread up to its first
    zero: the integral is what a hold collects, and single noisy settlements do not distort it.
    """
    cell_ns = max(longest_interval_ns, MIN_CELL_NS)
    long_cells, short_cells = _cell_means(long, cell_ns), _cell_means(short, cell_ns)
    common = sorted(long_cells.keys() & short_cells.keys())
    if len(common) < MIN_CELLS:
        return None
    spread = {cell: short_cells[cell] - long_cells[cell] for cell in common}
    centre, scale = _robust(spread.values())
    usual = _limited(spread, centre, _OUTLIER * scale)
    mean = _mean(usual.values())
    lasting_cells = _integral_scale(usual, mean)
    independent = len(common) / (2 * lasting_cells) if lasting_cells else float(len(common))
    middle = median([(long_cells[cell] + short_cells[cell]) / 2 for cell in common])
    half_spread = mean / 2 * independent / (independent + 1)
    return PairHistory(
        long_mean_hour=_rate(middle - half_spread),
        short_mean_hour=_rate(middle + half_spread),
        half_life_hours=_half_life(lasting_cells, cell_ns),
        spread_range_hour=(_rate(centre - _SPIKE * scale), _rate(centre + _SPIKE * scale)) if scale else None,
        cells=len(common),
        runs=spread_runs(spread, cell_ns),
    )


def _robust(values: Iterable[float]) -> tuple[float, float]:
    """Return the median and the spread around it: of the median deviation, else the standard deviation."""
    held = list(values)
    centre = median(held)
    scale = _MAD_TO_DEVIATION * median([abs(value - centre) for value in held])
    scale = scale or math.sqrt(_mean((value - centre) ** 2 for value in held))
    return centre, scale if scale > _STANDSTILL else 0.0


def _limited(spread: Mapping[int, float], centre: float, reach: float) -> dict[int, float]:
    return {cell: max(centre - reach, min(centre + reach, value)) for cell, value in spread.items()}


def _cell_means(rates: Iterable[FundingRate], cell_ns: int) -> dict[int, float]:
    cells: dict[int, list[float]] = {}
    for rate in rates:
        # A rate paid on the boundary belongs to the cell that ends there; venues stamp a little late.
        cell = (rate.ts_event_ns - HOUR_NS // 2) // cell_ns
        cells.setdefault(cell, []).append(float(rate.per_hour))
    return {cell: _mean(values) for cell, values in cells.items()}


def _mean(values: Iterable[float]) -> float:
    held = list(values)
    return math.fsum(held) / len(held)


def _integral_scale(spread: Mapping[int, float], mean: float) -> float | None:
    """Return the integral of the autocorrelation in cells; None when the spread is constant."""
    deviation = {cell: value - mean for cell, value in spread.items()}
    variance = _mean(value * value for value in deviation.values())
    if variance <= _STANDSTILL**2:
        return None
    scale = 0.5
    for lag in range(1, len(deviation) // 2):
        products = [value * deviation[cell + lag] for cell, value in deviation.items() if cell + lag in deviation]
        correlation = _mean(products) / variance if products else 0.0
        if correlation <= 0:
            break
        scale += correlation
    return scale


def _half_life(lasting_cells: float | None, cell_ns: int) -> Decimal | None:
    if lasting_cells is None:
        return None
    return Decimal(f"{lasting_cells * _LN2 * float(hours(cell_ns)):.2f}")


def _rate(value: float) -> Decimal:
    return Decimal(f"{value:.12f}")
