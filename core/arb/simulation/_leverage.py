"""Leverage and margin mode of an account, by instrument."""

from __future__ import annotations

from decimal import Decimal

from arb.api import InsufficientMargin, Rejected
from arb.model import Instrument, InstrumentId, MarginMode

from ._floor import Floor


def leverage(floor: Floor, instrument: InstrumentId) -> tuple[Decimal, MarginMode]:
    """Return what is set; raises Rejected for an instrument that is not listed."""
    _listed(floor, instrument)
    return floor.margin.leverage(instrument)


def set_leverage(floor: Floor, instrument: InstrumentId, wanted: Decimal, mode: MarginMode) -> None:
    """Set leverage and margin mode; raises what `SimulatedVenue.set_leverage` says."""
    listed = _listed(floor, instrument)
    highest = listed.margin_tiers[0].max_leverage
    if not 1 <= wanted <= highest:
        text = f"leverage of {instrument} must be between 1 and {highest}, not {wanted}"
        raise Rejected(text, exchange=floor.name, code="leverage")
    account, before = floor.state.account, floor.margin.leverage(instrument)
    held = instrument in account.holdings
    if held and before != (wanted, mode) and MarginMode.ISOLATED in (before[1], mode):
        text = f"{instrument}: close the position before changing its margin mode or isolated leverage"
        raise Rejected(text, exchange=floor.name, code="leverage")
    account.leverage[instrument] = (wanted, mode)
    if held and floor.margin.pool(listed.quote, floor.marks(), floor.working(listed.quote)).available < 0:
        account.leverage[instrument] = before
        text = f"{instrument}: open positions need more margin at leverage {wanted} than there is"
        raise InsufficientMargin(text, exchange=floor.name, code="insufficient_margin")
    floor.state.version += 1


def _listed(floor: Floor, instrument: InstrumentId) -> Instrument:
    listed = floor.instruments.get(instrument)
    if listed is None:
        raise Rejected(f"{instrument} is not listed", exchange=floor.name, code="unknown_instrument")
    return listed
