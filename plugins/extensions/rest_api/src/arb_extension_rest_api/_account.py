"""GET /positions: what concerns own money, so it asks for the token."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from arb.model import (
    ExchangeName,
    Hedge,
    HedgeStatus,
    Leg,
    MarginMode,
    Position,
    PositionSide,
    Reading,
    Unknown,
    exchange_of,
)

from ._desk import Desk
from ._values import Answer, Moment, Number, Params, Status, finite, moment, status_of


class PositionRow(Answer):
    """A position as the exchange reports it. What is not known is null."""

    instrument: str
    side: PositionSide
    quantity: Number = Field(description="Signed contracts, positive is long.")
    entry_price: Number | None
    mark_price: Number | None
    unrealized_pnl: Number | None = Field(description="At the mark price, quote currency.")
    liquidation_price: Number | None
    leverage: Number | None
    margin_mode: MarginMode


class AccountRow(Answer):
    """The positions of one account."""

    exchange: str
    status: Status = Field(description="An unknown account is not an empty one.")
    reason: str | None = Field(description="Why it is unknown.")
    observed_at: Moment | None
    observed_ns: int | None
    positions: tuple[PositionRow, ...]


class LegRow(Answer):
    """One side of a hedge, as filled so far."""

    exchange: str
    instrument: str
    side: PositionSide
    target_quantity: Number
    open_quantity: Number = Field(description="Contracts still held.")
    entry_price: Number | None = Field(description="Average of the fills; null before the first.")


class HedgeRow(Answer):
    """Positions that belong together."""

    id: str
    strategy: str
    base: str
    status: HedgeStatus
    created_at: Moment | None
    created_ns: int
    imbalance: Number = Field(description="Base units; zero when neutral.")
    entry_reason: str
    legs: tuple[LegRow, ...]


class Positions(Answer):
    """What the run holds."""

    now_at: Moment | None
    now_ns: int
    accounts: tuple[AccountRow, ...]
    hedges: tuple[HedgeRow, ...] = Field(description="Every hedge that is not final.")
    halts: tuple[str, ...] = Field(description="What forbids opening risk now, one line each.")


async def positions(desk: Desk, params: Params) -> Positions:
    """List the open positions of every account, and the hedges they belong to."""
    service = desk.service
    return Positions(
        now_at=moment(service.now_ns),
        now_ns=service.now_ns,
        accounts=tuple(_account(name, reading) for name, reading in service.positions().items()),
        hedges=tuple(_hedge(each) for each in service.hedges()),
        halts=tuple(service.halts()),
    )


def _account(name: ExchangeName, reading: Reading[Sequence[Position]]) -> AccountRow:
    known = None if isinstance(reading, Unknown) else reading
    observed_ns = known.observed_ns if known else None
    return AccountRow(
        exchange=name,
        status=status_of(reading),
        reason=reading.reason if isinstance(reading, Unknown) else None,
        observed_at=moment(observed_ns),
        observed_ns=observed_ns,
        positions=tuple(_position(each) for each in known.value) if known else (),
    )


def _position(position: Position) -> PositionRow:
    return PositionRow(
        instrument=position.instrument,
        side=PositionSide.LONG if position.quantity > 0 else PositionSide.SHORT,
        quantity=position.quantity,
        entry_price=finite(position.entry_price),
        mark_price=finite(position.mark_price),
        unrealized_pnl=finite(position.unrealized_pnl),
        liquidation_price=finite(position.liquidation_price),
        leverage=finite(position.leverage),
        margin_mode=position.margin_mode,
    )


def _hedge(hedge: Hedge) -> HedgeRow:
    return HedgeRow(
        id=hedge.id,
        strategy=hedge.strategy,
        base=hedge.base,
        status=hedge.status,
        created_at=moment(hedge.created_ns),
        created_ns=hedge.created_ns,
        imbalance=hedge.imbalance,
        entry_reason=hedge.entry_reason,
        legs=tuple(_leg(each) for each in hedge.legs),
    )


def _leg(leg: Leg) -> LegRow:
    return LegRow(
        exchange=exchange_of(leg.instrument),
        instrument=leg.instrument,
        side=leg.side,
        target_quantity=leg.target_quantity,
        open_quantity=leg.open_quantity,
        entry_price=leg.entry_price,
    )
