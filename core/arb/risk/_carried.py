"""One position, held or planned, as the margin of an account sees it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from arb.model import (
    ZERO,
    Instrument,
    InstrumentId,
    MarginMode,
    Position,
    PositionSide,
    liquidation_distance,
    liquidation_price,
)

from ._exposure import PlannedSize
from ._inputs import HeldPosition, MarginSetting


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """A position in US dollars.

    Attributes:
        maintenance_rate: By the tier of everything in the instrument after the entry.
        margin_usd: What stands behind it alone under isolated margin; None where that is not known,
            and under cross margin.
        venue_distance: By the venue's own liquidation price; None where it gives none.
    """

    instrument: InstrumentId
    side: PositionSide
    mode: MarginMode
    notional_usd: Decimal
    maintenance_rate: Decimal
    margin_usd: Decimal | None
    venue_distance: Decimal | None

    @property
    def is_isolated(self) -> bool:
        """Whether it has a margin of its own."""
        return self.mode is MarginMode.ISOLATED

    @property
    def maintenance_usd(self) -> Decimal:
        """Return what the position needs."""
        return self.notional_usd * self.maintenance_rate

    @property
    def tied_usd(self) -> Decimal:
        """Return what it takes from the margin of the others: the whole notional where nobody knows."""
        if not self.is_isolated:
            return ZERO
        return self.notional_usd if self.margin_usd is None else self.margin_usd

    @property
    def distances(self) -> tuple[Decimal, ...]:
        """Return the distances known of it alone: the venue's, and under isolated margin our own."""
        found = [] if self.venue_distance is None else [self.venue_distance]
        if self.margin_usd is not None:
            # The formula is homogeneous: the notional stands for contracts at a price of one.
            one = Decimal(1)
            price = liquidation_price(self.side, self.notional_usd, one, self.margin_usd, self.maintenance_rate)
            found.append(liquidation_distance(self.side, one, price))
        return tuple(found)


def carried(
    positions: Sequence[HeldPosition], planned: Sequence[tuple[PlannedSize, MarginSetting]]
) -> tuple[Carried, ...]:
    """Return what an account carries after the entry."""
    sizes: dict[InstrumentId, Decimal] = {}
    for held in positions:
        sizes[held.instrument.id] = sizes.get(held.instrument.id, ZERO) + held.notional
    for one, _ in planned:
        sizes[one.instrument] = sizes.get(one.instrument, ZERO) + one.notional_usd / one.quote_usd
    return (
        *(_held(held, _rate(held.instrument, sizes)) for held in positions),
        *(_planned(one, setting, _rate(one.leg.instrument, sizes)) for one, setting in planned),
    )


def maintenance_usd(rows: Iterable[Carried]) -> Decimal:
    """Return the maintenance margin of positions together."""
    return sum((row.maintenance_usd for row in rows), ZERO)


def pool_distance(
    rows: Sequence[Carried], awaited_usd: Decimal, equity: Decimal, maintenance: Decimal
) -> Decimal | None:
    """Return how far prices may move before the cross margin is used up; None when nothing shares it.

    As if every position lost at once: the distance of one short of the gross size, which is the
    smaller of the two sides (handbook C7).

    Args:
        rows: Everything the account carries.
        awaited_usd: What unfinished entries may still add.
        equity: Of the whole account, US dollars.
        maintenance: Of the whole account, US dollars.
    """
    gross = sum((row.notional_usd for row in rows if not row.is_isolated), awaited_usd)
    if not gross:
        return None
    free = equity - sum((row.tied_usd for row in rows), ZERO)
    needed = maintenance - maintenance_usd(row for row in rows if row.is_isolated)
    return max(ZERO, (free - needed) / (gross + needed))


def _rate(instrument: Instrument, sizes: dict[InstrumentId, Decimal]) -> Decimal:
    return instrument.margin_tier(sizes[instrument.id]).maintenance_rate


def _held(held: HeldPosition, rate: Decimal) -> Carried:
    position = held.position
    side = PositionSide.LONG if position.quantity > 0 else PositionSide.SHORT
    margin = _isolated_margin(position)
    return Carried(
        instrument=held.instrument.id,
        side=side,
        mode=position.margin_mode,
        notional_usd=held.notional_usd,
        maintenance_rate=rate,
        margin_usd=None if margin is None else margin * held.quote_usd,
        venue_distance=_venue_distance(position, side),
    )


def _planned(one: PlannedSize, setting: MarginSetting, rate: Decimal) -> Carried:
    isolated = setting.mode is MarginMode.ISOLATED
    return Carried(
        instrument=one.instrument,
        side=PositionSide.LONG if one.leg.base_quantity > 0 else PositionSide.SHORT,
        mode=setting.mode,
        notional_usd=one.notional_usd,
        maintenance_rate=rate,
        margin_usd=one.notional_usd / setting.leverage if isolated else None,
        venue_distance=None,
    )


def _isolated_margin(position: Position) -> Decimal | None:
    """Return the margin of an isolated position at the mark price, quote currency; None where nobody knows."""
    leverage = position.leverage
    if position.margin_mode is not MarginMode.ISOLATED or leverage is None:
        return None
    if not leverage.is_finite() or leverage <= 0:
        return None
    margin = abs(position.quantity) * position.entry_price / leverage + position.unrealized_pnl
    return margin if margin.is_finite() else None


def _venue_distance(position: Position, side: PositionSide) -> Decimal | None:
    price = position.liquidation_price
    # A short that no positive price liquidates has none; a long of which that is true has one of zero.
    if price is None or not price.is_finite() or (price <= 0 and side is PositionSide.SHORT):
        return None
    return liquidation_distance(side, position.mark_price, max(ZERO, price))
