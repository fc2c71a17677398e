"""Everything the journal holds of one hedge, read at one moment."""

from __future__ import annotations

from dataclasses import dataclass

from arb.api import Transaction
from arb.model import Fill, Hedge, HedgeId, OrderRecord, OrderReport

from . import _hedges, _ledger, _orders, _trading


@dataclass(frozen=True, slots=True, kw_only=True)
class HedgeRecord:
    """A hedge with its orders and fills.

    Attributes:
        foreign: Fills on its instruments that belong to no own order, oldest first.
        reports: What was learnt of its orders once something of them was filled, oldest first.
    """

    hedge: Hedge
    orders: tuple[OrderRecord, ...]
    fills: tuple[Fill, ...]
    foreign: tuple[Fill, ...]
    reports: tuple[OrderReport, ...] = ()


async def hedge_record(transaction: Transaction, hedge_id: HedgeId, slack_ns: int) -> HedgeRecord | None:
    """Return the record of a hedge, or None; foreign fills count from `slack_ns` before it was created."""
    hedge = await _hedges.hedge_by_id(transaction, hedge_id)
    if hedge is None:
        return None
    since_ns = hedge.created_ns - slack_ns
    foreign = [await _ledger.foreign_fills(transaction, leg.instrument, since_ns) for leg in hedge.legs]
    orders = await _orders.orders(transaction, hedge_id, None)
    names = [record.order.request.client_order_id for record in orders if record.order.filled_quantity]
    return HedgeRecord(
        hedge=hedge,
        orders=orders,
        fills=await _ledger.fills(transaction, since_ns=None, until_ns=None, exchange=None, hedge_id=hedge_id),
        foreign=tuple(fill for found in foreign for fill in found),
        reports=await _trading.reports_of_fills(transaction, names),
    )
