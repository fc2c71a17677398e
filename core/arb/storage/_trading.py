"""What execution keeps beside orders: reports, markouts, dust, leases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from arb.api import Row, Transaction
from arb.model import (
    ZERO,
    ClientOrderId,
    Dust,
    ExchangeName,
    HedgeId,
    InstrumentId,
    Lease,
    Markout,
    OrderReport,
    OrderStatus,
)

from ._sql import (
    KEYS_PER_QUERY,
    Conditions,
    decimal,
    decimal_or_none,
    decode,
    insert_sql,
    integer,
    select_sql,
    text,
    upsert_sql,
    write_rows,
)

_REPORT: Final = ("client_order_id", "ts_ns", "status", "filled_quantity", "average_price", "source", "reason")
_MARKOUT: Final = ("client_order_id", "horizon_ns", "mid_price", "ts_ns")
_DUST: Final = ("hedge_id", "leg_index", "instrument", "quantity", "price", "declared_ns")
_LEASE: Final = ("account", "holder", "token", "expires_ns")
_ADD_REPORT: Final = insert_sql("order_reports", _REPORT)
_PUT_MARKOUT: Final = upsert_sql("markouts", _MARKOUT, ("client_order_id", "horizon_ns"))
_PUT_DUST: Final = upsert_sql("dust", _DUST, ("hedge_id", "leg_index"))
_FIRST_LEASE: Final = f"{insert_sql('leases', _LEASE)} ON CONFLICT (account) DO NOTHING"
_SWAP_LEASE: Final = (
    "UPDATE leases SET holder = ?, token = ?, expires_ns = ? WHERE account = ? AND token = ? AND expires_ns = ?"
)
_RENEW_LEASE: Final = "UPDATE leases SET expires_ns = ? WHERE account = ? AND token = ?"


async def add_reports(transaction: Transaction, reports: Sequence[OrderReport]) -> None:
    """Append what was learnt about orders."""
    rows = [
        (one.client_order_id, one.ts_ns, one.status, one.filled_quantity, one.average_price, one.source, one.reason)
        for one in reports
    ]
    await write_rows(transaction, _ADD_REPORT, rows)


async def reports(transaction: Transaction, client_order_id: ClientOrderId) -> tuple[OrderReport, ...]:
    """Return what was learnt about an order, oldest first."""
    wanted = Conditions().add("client_order_id = ?", client_order_id)
    sql = select_sql("order_reports", _REPORT, wanted, order_by="report_id")
    return decode("order_reports", await transaction.query(sql, wanted.values), _report)


async def reports_of_fills(
    transaction: Transaction, client_order_ids: Sequence[ClientOrderId]
) -> tuple[OrderReport, ...]:
    """Return what was learnt of several orders of which something was filled by then, oldest first."""
    found: list[OrderReport] = []
    for start in range(0, len(client_order_ids), KEYS_PER_QUERY):
        wanted = Conditions().among("client_order_id", client_order_ids[start : start + KEYS_PER_QUERY])
        sql = select_sql("order_reports", _REPORT, wanted.add("filled_quantity <> ?", ZERO), order_by="report_id")
        found += decode("order_reports", await transaction.query(sql, wanted.values), _report)
    return tuple(found)


async def put_markouts(transaction: Transaction, markouts: Sequence[Markout]) -> None:
    """Store mid prices after fills."""
    rows = [(one.client_order_id, one.horizon_ns, one.mid_price, one.ts_ns) for one in markouts]
    await write_rows(transaction, _PUT_MARKOUT, rows)


async def markouts(transaction: Transaction) -> tuple[Markout, ...]:
    """Return every markout, by order and horizon."""
    sql = select_sql("markouts", _MARKOUT, order_by="client_order_id, horizon_ns")
    return decode("markouts", await transaction.query(sql), _markout)


async def put_dust(transaction: Transaction, rows: Sequence[Dust]) -> None:
    """Declare what finished hedges left behind; a leg declared again takes the new quantity."""
    values = [(one.hedge_id, one.leg_index, one.instrument, one.quantity, one.price, one.declared_ns) for one in rows]
    await write_rows(transaction, _PUT_DUST, values)


async def dust(transaction: Transaction) -> tuple[Dust, ...]:
    """Return the dust that is still there, oldest first."""
    sql = select_sql("dust", _DUST, order_by="declared_ns, hedge_id, leg_index")
    return tuple(one for one in decode("dust", await transaction.query(sql), _dust) if one.quantity)


async def lease(transaction: Transaction, account: ExchangeName) -> Lease | None:
    """Return who may trade an account; None before the first."""
    wanted = Conditions().add("account = ?", account)
    found = decode("leases", await transaction.query(select_sql("leases", _LEASE, wanted), wanted.values), _lease)
    return found[0] if found else None


async def swap_lease(transaction: Transaction, held: Lease | None, new: Lease) -> bool:
    """Put `new` in the place of `held`; return False, with nothing changed, when that is no longer stored."""
    if held is None:
        return await transaction.execute(_FIRST_LEASE, (new.account, new.holder, new.token, new.expires_ns)) == 1
    values = (new.holder, new.token, new.expires_ns, new.account, held.token, held.expires_ns)
    return await transaction.execute(_SWAP_LEASE, values) == 1


async def renew_lease(transaction: Transaction, lease: Lease) -> bool:
    """Store the new end of a lease; return False, with nothing changed, when it has another token by now."""
    return await transaction.execute(_RENEW_LEASE, (lease.expires_ns, lease.account, lease.token)) == 1


def _report(row: Row) -> OrderReport:
    return OrderReport(
        client_order_id=ClientOrderId(text(row, "client_order_id")),
        ts_ns=integer(row, "ts_ns"),
        status=OrderStatus(text(row, "status")),
        filled_quantity=decimal(row, "filled_quantity"),
        average_price=decimal_or_none(row, "average_price"),
        source=text(row, "source"),
        reason=text(row, "reason"),
    )


def _markout(row: Row) -> Markout:
    return Markout(
        client_order_id=ClientOrderId(text(row, "client_order_id")),
        horizon_ns=integer(row, "horizon_ns"),
        mid_price=decimal(row, "mid_price"),
        ts_ns=integer(row, "ts_ns"),
    )


def _dust(row: Row) -> Dust:
    return Dust(
        hedge_id=HedgeId(text(row, "hedge_id")),
        leg_index=integer(row, "leg_index"),
        instrument=InstrumentId(text(row, "instrument")),
        quantity=decimal(row, "quantity"),
        price=decimal(row, "price"),
        declared_ns=integer(row, "declared_ns"),
    )


def _lease(row: Row) -> Lease:
    return Lease(
        account=ExchangeName(text(row, "account")),
        holder=text(row, "holder"),
        token=integer(row, "token"),
        expires_ns=integer(row, "expires_ns"),
    )
