"""Hedges and their legs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Final

from arb.api import InvariantBroken, Row, SqlValue, Transaction
from arb.model import (
    HEDGE_TRANSITIONS,
    EntryPolicy,
    Hedge,
    HedgeId,
    HedgeStatus,
    InstrumentId,
    Leg,
    LegOrder,
    OrderMode,
    PositionSide,
)

from ._reach import reachable
from ._sql import (
    KEYS_PER_QUERY,
    Conditions,
    decimal,
    decimal_or_none,
    decode,
    integer,
    integer_or_none,
    pack,
    select_sql,
    text,
    unpack,
    upsert_sql,
    write_rows,
)

_HEDGE: Final = (
    "hedge_id",
    "strategy",
    "base",
    "status",
    "created_ns",
    "max_slippage_bps",
    "entry_reason",
    "entry_numbers",
    "opened_ns",
    "closing_ns",
    "closed_ns",
    "exit_reason",
    "exit_numbers",
    "repairing_ns",
    "entry_mode",
    "leg_order",
    "rest_ns",
)
_LEG: Final = (
    "hedge_id",
    "leg_index",
    "instrument",
    "side",
    "target_quantity",
    "multiplier",
    "entry_quantity",
    "entry_price",
    "exit_quantity",
    "exit_price",
)
_PUT_HEDGE: Final = upsert_sql("hedges", _HEDGE, ("hedge_id",))
_PUT_LEG: Final = upsert_sql("legs", _LEG, ("hedge_id", "leg_index"))
_REACHABLE: Final = reachable((old, new) for old, news in HEDGE_TRANSITIONS.items() for new in news)


async def put_hedge(transaction: Transaction, hedge: Hedge) -> None:
    """Store a hedge or its new state."""
    stored = await hedge_by_id(transaction, hedge.id)
    if stored is not None:
        _check_change(stored, hedge)
    await write_rows(transaction, _PUT_HEDGE, [_hedge_row(hedge)])
    await write_rows(transaction, _PUT_LEG, [_leg_row(hedge.id, index, leg) for index, leg in enumerate(hedge.legs)])


async def hedge_by_id(transaction: Transaction, hedge_id: HedgeId) -> Hedge | None:
    """Return one hedge or None."""
    found = await _read(transaction, Conditions().add("hedge_id = ?", hedge_id))
    return found[0] if found else None


async def hedges(
    transaction: Transaction, strategy: str | None, statuses: Collection[HedgeStatus] | None
) -> tuple[Hedge, ...]:
    """Return hedges, oldest first."""
    return await _read(transaction, Conditions().add("strategy = ?", strategy).among("status", statuses))


def _check_change(old: Hedge, new: Hedge) -> None:
    if new.status is not old.status and new.status not in _REACHABLE[old.status]:
        raise InvariantBroken(f"hedge {old.id} is {old.status} and cannot become {new.status}")
    if [(leg.instrument, leg.side) for leg in old.legs] != [(leg.instrument, leg.side) for leg in new.legs]:
        raise InvariantBroken(f"hedge {old.id}: instruments and sides of its legs cannot change")


def _hedge_row(hedge: Hedge) -> Sequence[SqlValue]:
    return (
        hedge.id,
        hedge.strategy,
        hedge.base,
        hedge.status,
        hedge.created_ns,
        hedge.max_slippage_bps,
        hedge.entry_reason,
        pack(hedge.entry_numbers),
        hedge.opened_ns,
        hedge.closing_ns,
        hedge.closed_ns,
        hedge.exit_reason,
        pack(hedge.exit_numbers),
        hedge.repairing_ns,
        hedge.entry.mode,
        hedge.entry.leg_order,
        hedge.entry.rest_ns,
    )


def _leg_row(hedge_id: HedgeId, index: int, leg: Leg) -> Sequence[SqlValue]:
    return (
        hedge_id,
        index,
        leg.instrument,
        leg.side,
        leg.target_quantity,
        leg.multiplier,
        leg.entry_quantity,
        leg.entry_price,
        leg.exit_quantity,
        leg.exit_price,
    )


async def _read(transaction: Transaction, conditions: Conditions) -> tuple[Hedge, ...]:
    sql = select_sql("hedges", _HEDGE, conditions, order_by="created_ns, hedge_id")
    rows = await transaction.query(sql, conditions.values)
    legs = await _read_legs(transaction, [text(row, "hedge_id") for row in rows])
    return decode("hedges", rows, lambda row: _hedge(row, legs.get(text(row, "hedge_id"), [])))


async def _read_legs(transaction: Transaction, hedge_ids: Sequence[str]) -> dict[str, list[Leg]]:
    legs: defaultdict[str, list[Leg]] = defaultdict(list)
    for start in range(0, len(hedge_ids), KEYS_PER_QUERY):
        wanted = Conditions().among("hedge_id", hedge_ids[start : start + KEYS_PER_QUERY])
        rows = await transaction.query(select_sql("legs", _LEG, wanted, order_by="hedge_id, leg_index"), wanted.values)
        for hedge_id, leg in decode("legs", rows, lambda row: (text(row, "hedge_id"), _leg(row))):
            legs[hedge_id].append(leg)
    return legs


def _hedge(row: Row, legs: Sequence[Leg]) -> Hedge:
    return Hedge(
        id=HedgeId(text(row, "hedge_id")),
        strategy=text(row, "strategy"),
        base=text(row, "base"),
        legs=tuple(legs),
        status=HedgeStatus(text(row, "status")),
        created_ns=integer(row, "created_ns"),
        max_slippage_bps=decimal(row, "max_slippage_bps"),
        entry_reason=text(row, "entry_reason"),
        entry_numbers=unpack(row, "entry_numbers"),
        opened_ns=integer_or_none(row, "opened_ns"),
        closing_ns=integer_or_none(row, "closing_ns"),
        closed_ns=integer_or_none(row, "closed_ns"),
        exit_reason=text(row, "exit_reason"),
        exit_numbers=unpack(row, "exit_numbers"),
        repairing_ns=integer_or_none(row, "repairing_ns"),
        entry=EntryPolicy(
            mode=OrderMode(text(row, "entry_mode")),
            leg_order=LegOrder(text(row, "leg_order")),
            rest_ns=integer(row, "rest_ns"),
        ),
    )


def _leg(row: Row) -> Leg:
    return Leg(
        instrument=InstrumentId(text(row, "instrument")),
        side=PositionSide(text(row, "side")),
        target_quantity=decimal(row, "target_quantity"),
        multiplier=decimal(row, "multiplier"),
        entry_quantity=decimal(row, "entry_quantity"),
        entry_price=decimal_or_none(row, "entry_price"),
        exit_quantity=decimal(row, "exit_quantity"),
        exit_price=decimal_or_none(row, "exit_price"),
    )
