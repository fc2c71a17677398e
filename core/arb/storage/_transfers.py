"""Deposits, withdrawals, interest and conversions, each once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from arb.api import Row, SqlValue, Transaction
from arb.model import ExchangeName, Transfer, TransferId, TransferKind

from ._once import Book
from ._sql import Conditions, decimal, decode, integer, select_sql, text


async def transfers(
    transaction: Transaction, *, since_ns: int | None, until_ns: int | None, exchange: ExchangeName | None
) -> tuple[Transfer, ...]:
    """Return transfers in [since, until), oldest first."""
    conditions = Conditions().add("ts_event_ns >= ?", since_ns).add("ts_event_ns < ?", until_ns)
    conditions.add("exchange = ?", exchange)
    sql = select_sql("transfers", TRANSFERS.columns, conditions, order_by="ts_event_ns, exchange, transfer_id")
    return decode("transfers", await transaction.query(sql, conditions.values), _transfer)


def _row(one: Transfer) -> Sequence[SqlValue]:
    return (one.exchange, one.transfer_id, one.kind, one.currency, one.amount, one.ts_event_ns)


def _transfer(row: Row) -> Transfer:
    return Transfer(
        transfer_id=TransferId(text(row, "transfer_id")),
        exchange=ExchangeName(text(row, "exchange")),
        kind=TransferKind(text(row, "kind")),
        currency=text(row, "currency"),
        amount=decimal(row, "amount"),
        ts_event_ns=integer(row, "ts_event_ns"),
    )


TRANSFERS: Final[Book[Transfer]] = Book(
    what="transfer",
    table="transfers",
    id_column="transfer_id",
    columns=("exchange", "transfer_id", "kind", "currency", "amount", "ts_event_ns"),
    optional=(),
    key=lambda one: (one.exchange, one.transfer_id),
    row=_row,
    build=_transfer,
)
