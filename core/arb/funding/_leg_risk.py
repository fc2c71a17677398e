"""How far one leg's price may move before the venue liquidates it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from arb.model import (
    ZERO,
    Balance,
    Fresh,
    Instrument,
    InstrumentId,
    Leg,
    MarginMode,
    Position,
    Unknown,
    liquidation_distance,
    liquidation_price,
)

from ._settings import HedgeAccount

Found = tuple[Decimal | None, tuple[str, ...]]
"""A number or None, and what was missing or old, for people."""


def leg_distance(leg: Leg, instruments: Mapping[InstrumentId, Instrument], account: HedgeAccount) -> Found:
    """Return the distance by the venue's liquidation price, or by our own where it gives none.

    The venue's position counts whole, also what other hedges hold of it.
    """
    instrument = instruments.get(leg.instrument)
    if instrument is None:
        return None, (f"{leg.instrument} is not listed any more",)
    reading = account.positions.get(instrument.exchange, Unknown("positions were not read"))
    if isinstance(reading, Unknown):
        return None, (f"{instrument.exchange}: positions unknown: {reading.reason}",)
    notes = () if isinstance(reading, Fresh) else (f"{instrument.exchange}: positions are stale",)
    position = next((each for each in reading.value if each.instrument == leg.instrument), None)
    if position is None:
        return None, (*notes, f"{leg.instrument}: the venue reports no position, the hedge holds {leg.open_quantity}")
    if position.quantity * leg.side.sign <= 0:
        return None, (*notes, f"{leg.instrument}: the venue's position {position.quantity} is not {leg.side}")
    liquidation = position.liquidation_price
    if liquidation is None or (liquidation <= 0 and leg.side.sign < 0):
        margin, missing = _margin(position, reading.value, instruments, account)
        if margin is None:
            return None, (*notes, *missing)
        notes = (*notes, *missing)
        rate = instrument.margin_tier(abs(position.quantity) * position.mark_price).maintenance_rate
        liquidation = liquidation_price(leg.side, abs(position.quantity), position.mark_price, margin, rate)
    return liquidation_distance(leg.side, position.mark_price, max(ZERO, liquidation)), notes


def _margin(
    position: Position,
    positions: Sequence[Position],
    instruments: Mapping[InstrumentId, Instrument],
    account: HedgeAccount,
) -> Found:
    """Return what stands behind a position at the mark price, quote currency."""
    if position.margin_mode is MarginMode.ISOLATED:
        if position.leverage is None or position.leverage <= 0:
            return None, (f"{position.instrument}: neither liquidation price nor leverage is known",)
        return abs(position.quantity) * position.entry_price / position.leverage + position.unrealized_pnl, ()
    instrument = instruments[position.instrument]
    reading = account.balances.get(instrument.exchange, Unknown("balances were not read"))
    if isinstance(reading, Unknown):
        return None, (f"{instrument.exchange}: balances unknown: {reading.reason}",)
    notes = () if isinstance(reading, Fresh) else (f"{instrument.exchange}: balances are stale",)
    balance = next((each for each in reading.value if each.currency == instrument.quote), None)
    if balance is None:
        return None, (*notes, f"{instrument.exchange}: no {instrument.quote} balance")
    others, missing = _margin_of_others(balance, position, positions, instruments)
    return (None if others is None else balance.equity - others), (*notes, *missing)


def _margin_of_others(
    balance: Balance,
    position: Position,
    positions: Sequence[Position],
    instruments: Mapping[InstrumentId, Instrument],
) -> Found:
    """Return the maintenance margin of every other position of the account."""
    if balance.maintenance_margin is not None:
        return balance.maintenance_margin - _maintenance(position, instruments[position.instrument]), ()
    total = ZERO
    for other in positions:
        if other.instrument == position.instrument:
            continue
        instrument = instruments.get(other.instrument)
        if instrument is None:
            return None, (f"{other.instrument}: its margin rules are not known",)
        total += _maintenance(other, instrument)
    return total, ()


def _maintenance(position: Position, instrument: Instrument) -> Decimal:
    notional = abs(position.quantity) * position.mark_price
    return notional * instrument.margin_tier(notional).maintenance_rate
