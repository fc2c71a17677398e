from __future__ import annotations

from dataclasses import replace
from decimal import Decimal as D

from arb.model import (
    ClientOrderId,
    ExchangeOrderId,
    Fill,
    FillId,
    FundingPayment,
    InstrumentId,
    Liquidity,
    Order,
    OrderRequest,
    OrderStatus,
    PaymentId,
    Side,
)
from arb.simulation._codec import record_from, record_row
from arb.simulation._journal import Journal

BTC = InstrumentId("BTC-PERP.v")
ORDER = Order(
    request=OrderRequest(
        client_order_id=ClientOrderId("a"), instrument=BTC, side=Side.SELL, quantity=D("1.50"), price=D(100)
    ),
    status=OrderStatus.OPEN,
    exchange_order_id=ExchangeOrderId("1"),
)
FILL = Fill(
    fill_id=FillId("2"),
    client_order_id=ClientOrderId("a"),
    exchange_order_id=ExchangeOrderId("1"),
    instrument=BTC,
    side=Side.SELL,
    price=D("100.10"),
    quantity=D("1E-3"),
    fee=D("-0.00000001"),
    fee_currency="USDC",
    liquidity=Liquidity.MAKER,
    ts_event_ns=5,
)
PAYMENT = FundingPayment(
    payment_id=PaymentId("p"), instrument=BTC, amount=D("-0.1"), currency="USDC", settled_ns=7, quantity=D(1)
)


def test_the_latest_report_of_an_order_counts_and_every_one_is_kept() -> None:
    journal = Journal()
    filled = replace(ORDER, status=OrderStatus.FILLED, average_price=D(1) / 3)
    for record in (ORDER, FILL, filled):
        journal.add(record)
    assert journal.order(ClientOrderId("a")) == filled
    assert journal.order(ClientOrderId("b")) is None
    assert list(journal.records(0)) == [ORDER, FILL, filled]
    assert list(journal.records(1, 2)) == [FILL]
    assert len(journal) == 3


def test_fills_and_payments_are_listed_by_their_time_whenever_they_came() -> None:
    journal = Journal()
    late = replace(PAYMENT, settled_ns=3)
    for record in (PAYMENT, late, FILL, replace(FILL, ts_event_ns=6)):
        journal.add(record)
    assert list(journal.payments(0)) == [late, PAYMENT]
    assert list(journal.payments(7)) == [PAYMENT]
    assert list(journal.payments(8)) == []
    assert [fill.ts_event_ns for fill in journal.fills(5)] == [5, 6]
    assert [fill.ts_event_ns for fill in journal.fills(6)] == [6]


def test_records_come_back_from_their_rows_to_the_last_digit() -> None:
    for record in (ORDER, FILL, PAYMENT, replace(ORDER, average_price=D(1) / 3, reason="why")):
        back = record_from(record_row(record))
        assert back == record
        assert repr(back) == repr(record)
