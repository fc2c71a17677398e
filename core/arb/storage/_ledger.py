"""What venues booked: fills and funding payments."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from arb.api import Row, SqlValue, Transaction
from arb.model import (
    ZERO,
    ClientOrderId,
    ExchangeName,
    ExchangeOrderId,
    Fill,
    FillId,
    FundingPayment,
    HedgeId,
    InstrumentId,
    Liquidity,
    PaymentId,
    Side,
    exchange_of,
)

from ._account_types import exact_sums
from ._once import Book
from ._sql import Conditions, decimal, decimal_or_none, decode, integer, select_sql, text

# Another exchange may know an order of the same id that is not ours: the instrument has to agree.
_OF_HEDGE: Final = (
    "(client_order_id, instrument) IN (SELECT client_order_id, instrument FROM orders WHERE hedge_id = ?)"
)


async def fills(
    transaction: Transaction,
    *,
    since_ns: int | None,
    until_ns: int | None,
    exchange: ExchangeName | None,
    hedge_id: HedgeId | None,
) -> tuple[Fill, ...]:
    """Return fills in [since, until), oldest first."""
    conditions = Conditions().add("ts_event_ns >= ?", since_ns).add("ts_event_ns < ?", until_ns)
    conditions.add("exchange = ?", exchange).add(_OF_HEDGE, hedge_id)
    sql = select_sql("fills", FILLS.columns, conditions, order_by="ts_event_ns, exchange, fill_id")
    return decode("fills", await transaction.query(sql, conditions.values), _fill)


async def foreign_fills(transaction: Transaction, instrument: InstrumentId, since_ns: int) -> tuple[Fill, ...]:
    """Return fills of an instrument, at or after a time, that belong to no own order; oldest first."""
    conditions = Conditions().add("instrument = ?", instrument).add("ts_event_ns >= ?", since_ns)
    sql = select_sql("fills", FILLS.columns, conditions)
    sql += " AND client_order_id NOT IN (SELECT client_order_id FROM orders WHERE instrument = fills.instrument)"
    sql += " ORDER BY ts_event_ns, fill_id"
    return decode("fills", await transaction.query(sql, conditions.values), _fill)


async def net_quantity(transaction: Transaction, instrument: InstrumentId) -> Decimal:
    """Return the signed contracts that all stored fills of an instrument make."""
    rows = await transaction.query("SELECT side, quantity FROM fills WHERE instrument = ?", (instrument,))
    with exact_sums():
        signed = decode("fills", rows, lambda row: decimal(row, "quantity") * Side(text(row, "side")).sign)
        return sum(signed, ZERO)


async def funding_payments(
    transaction: Transaction,
    *,
    since_ns: int | None,
    until_ns: int | None,
    exchange: ExchangeName | None,
    instrument: InstrumentId | None,
) -> tuple[FundingPayment, ...]:
    """Return payments settled in [since, until), oldest first."""
    conditions = Conditions().add("settled_ns >= ?", since_ns).add("settled_ns < ?", until_ns)
    conditions.add("exchange = ?", exchange).add("instrument = ?", instrument)
    sql = select_sql("funding_payments", PAYMENTS.columns, conditions, order_by="settled_ns, exchange, payment_id")
    return decode("funding_payments", await transaction.query(sql, conditions.values), _payment)


def _fill_row(fill: Fill) -> Sequence[SqlValue]:
    return (
        exchange_of(fill.instrument),
        fill.fill_id,
        fill.client_order_id,
        fill.exchange_order_id,
        fill.instrument,
        fill.side,
        fill.price,
        fill.quantity,
        fill.fee,
        fill.fee_currency,
        fill.liquidity,
        fill.ts_event_ns,
        fill.realized_pnl,
    )


def _fill(row: Row) -> Fill:
    return Fill(
        fill_id=FillId(text(row, "fill_id")),
        client_order_id=ClientOrderId(text(row, "client_order_id")),
        exchange_order_id=ExchangeOrderId(text(row, "exchange_order_id")),
        instrument=InstrumentId(text(row, "instrument")),
        side=Side(text(row, "side")),
        price=decimal(row, "price"),
        quantity=decimal(row, "quantity"),
        fee=decimal(row, "fee"),
        fee_currency=text(row, "fee_currency"),
        liquidity=Liquidity(text(row, "liquidity")),
        ts_event_ns=integer(row, "ts_event_ns"),
        realized_pnl=decimal_or_none(row, "realized_pnl"),
    )


def _payment_row(payment: FundingPayment) -> Sequence[SqlValue]:
    return (
        exchange_of(payment.instrument),
        payment.payment_id,
        payment.instrument,
        payment.amount,
        payment.currency,
        payment.settled_ns,
        payment.quantity,
        payment.price,
        payment.rate,
    )


def _payment(row: Row) -> FundingPayment:
    return FundingPayment(
        payment_id=PaymentId(text(row, "payment_id")),
        instrument=InstrumentId(text(row, "instrument")),
        amount=decimal(row, "amount"),
        currency=text(row, "currency"),
        settled_ns=integer(row, "settled_ns"),
        quantity=decimal_or_none(row, "quantity"),
        price=decimal_or_none(row, "price"),
        rate=decimal_or_none(row, "rate"),
    )


FILLS: Final[Book[Fill]] = Book(
    what="fill",
    table="fills",
    id_column="fill_id",
    columns=(
        "exchange",
        "fill_id",
        "client_order_id",
        "exchange_order_id",
        "instrument",
        "side",
        "price",
        "quantity",
        "fee",
        "fee_currency",
        "liquidity",
        "ts_event_ns",
        "realized_pnl",
    ),
    optional=("realized_pnl",),
    key=lambda fill: (exchange_of(fill.instrument), fill.fill_id),
    row=_fill_row,
    build=_fill,
)

PAYMENTS: Final[Book[FundingPayment]] = Book(
    what="funding payment",
    table="funding_payments",
    id_column="payment_id",
    columns=(
        "exchange",
        "payment_id",
        "instrument",
        "amount",
        "currency",
        "settled_ns",
        "quantity",
        "price",
        "rate",
    ),
    optional=("quantity", "price", "rate"),
    key=lambda payment: (exchange_of(payment.instrument), payment.payment_id),
    row=_payment_row,
    build=_payment,
)
