"""Books of the seeded market: depth whose walk costs what was measured."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, NamedTuple

from arb.model import BookLevel

from ._seeded_noise import uniforms
from ._seeded_profiles import Listing

_NOTIONALS: Final = (1e3, 1e4, 1e5, 1e6)
_BEYOND: Final = 5e6
_STEPS: Final = 2
_LEAST: Final = 500.0
"""Notional at the best price where even the smallest tier reaches beyond it."""
_BPS: Final = 0.0001


class Touch(NamedTuple):
    """Best bid and ask in ticks, and how deep the book is at the moment (1 is the usual depth)."""

    bid: int
    ask: int
    bid_depth: float
    ask_depth: float


class DepthShape:
    """The depth of one listing: distances from the best price and the notional offered there."""

    def __init__(self, listing: Listing, price: float) -> None:
        self._tick = listing.tick
        self._lot = listing.lot
        self._tick_size = float(listing.tick)
        self._lot_size = float(listing.lot)
        self._spread = listing.spread * _BPS
        self._steps = _steps(listing, price)

    @property
    def touch_notional(self) -> float:
        """Return the usual notional at the best price."""
        return self._steps[0][1]

    def touch(self, key: str, mid: float) -> Touch:
        """Return the best prices around `mid`; the spread varies from 0.6 to 1.4 of the usual one."""
        width, bid_depth, ask_depth = uniforms(key, 3)
        middle = mid / self._tick_size
        ticks = max(1, round(middle * self._spread * (0.6 + 0.8 * width)))
        bid = int(middle - ticks / 2 + 0.5)
        return Touch(bid, bid + ticks, _depth(bid_depth), _depth(ask_depth))

    def price(self, ticks: int) -> Decimal:
        """Return a price of so many ticks."""
        return self._tick * ticks

    def quantity(self, notional: float, mid: float) -> Decimal:
        """Return contracts worth `notional`, at least one lot."""
        return self._lot * max(1, int(notional / mid / self._lot_size))

    def levels(self, touch: Touch, mid: float) -> tuple[tuple[BookLevel, ...], tuple[BookLevel, ...]]:
        """Return bids and asks, best first."""
        return (
            self._side(touch.bid, -1, touch.bid_depth, mid),
            self._side(touch.ask, 1, touch.ask_depth, mid),
        )

    def _side(self, best: int, sign: int, depth: float, mid: float) -> tuple[BookLevel, ...]:
        lots_a_usd = depth / (mid * self._lot_size)
        ticks_a_unit = sign * mid / self._tick_size
        tick, lot = self._tick, self._lot
        rows: dict[int, int] = {}
        for offset, notional in self._steps:
            ticks = best + round(ticks_a_unit * offset)
            if ticks > 0:
                rows[ticks] = rows.get(ticks, 0) + int(notional * lots_a_usd)
        rows[best] = rows[best] or 1
        return tuple(BookLevel(tick * ticks, lot * lots) for ticks, lots in rows.items() if lots)


def _depth(draw: float) -> float:
    """Return a depth whose median is 1, from 0.6 to 1.6."""
    return 0.6 + 0.8 * draw if draw < 0.5 else 0.4 + 1.2 * draw


def _steps(listing: Listing, price: float) -> list[tuple[float, float]]:
    """Return (distance from the best price, notional) outwards; what is within half a tick is at the best.

    The average price of each tier's own part follows from two neighbouring slippages; the part is
    spread evenly from the end of the last one so that its average is that price.
    """
    tick = float(listing.tick) / price / _BPS
    half = max(listing.spread, tick) / 2
    best, reached, cost, end = 0.0, 0.0, 0.0, half
    steps: list[tuple[float, float]] = []
    for notional, slip in (*zip(_NOTIONALS, listing.slips, strict=True), (_BEYOND, listing.slips[-1] * 3)):
        part = notional - reached
        average = (notional * slip - cost) / part
        reached, cost = notional, notional * slip
        if average - half <= tick / 2:
            best += part
            continue
        start = min(end, average)
        end = 2 * average - start
        for step in range(_STEPS):
            offset = start + (end - start) * (step + 0.5) / _STEPS
            steps.append(((offset - half) * _BPS, part / _STEPS))
    return [(0.0, max(best, _LEAST)), *sorted(steps)]
