"""What a venue lists of an account is checked before any of it is stored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from arb.execution._account_rows import fills_of, payments_of, transfers_of
from arb.model import (
    ClientOrderId,
    ExchangeName,
    ExchangeOrderId,
    Fill,
    FillId,
    FundingPayment,
    InstrumentId,
    Liquidity,
    PaymentId,
    Side,
    Transfer,
    TransferId,
    TransferKind,
)

ONE = ExchangeName("one")
COIN = InstrumentId("COIN-PERP.one")
FILL = Fill(
    fill_id=FillId("f"),
    client_order_id=ClientOrderId("o"),
    exchange_order_id=ExchangeOrderId("x"),
    instrument=COIN,
    side=Side.BUY,
    price=Decimal(100),
    quantity=Decimal(1),
    fee=Decimal("0.1"),
    fee_currency="USDC",
    liquidity=Liquidity.TAKER,
    ts_event_ns=1,
)
PAYMENT = FundingPayment(
    payment_id=PaymentId("p"), instrument=COIN, amount=Decimal("-0.5"), currency="USDC", settled_ns=1
)
TRANSFER = Transfer(
    transfer_id=TransferId("t"),
    exchange=ONE,
    kind=TransferKind.DEPOSIT,
    currency="USDC",
    amount=Decimal(5),
    ts_event_ns=1,
)
Check = Callable[[ExchangeName, object], tuple[Any, ...]]


@pytest.mark.parametrize(("check", "row"), [(fills_of, FILL), (payments_of, PAYMENT), (transfers_of, TRANSFER)])
def test_a_row_that_can_be_booked_passes(check: Check, row: object) -> None:
    assert check(ONE, [row]) == (row,)


@pytest.mark.parametrize(
    ("check", "row", "change"),
    [
        (fills_of, FILL, {"price": Decimal("1E+6000")}),
        (fills_of, FILL, {"fee": Decimal("NaN")}),
        (fills_of, FILL, {"ts_event_ns": 1 << 63}),
        (fills_of, FILL, {"ts_event_ns": -1}),
        (fills_of, FILL, {"fee_currency": ""}),
        (fills_of, FILL, {"quantity": Decimal(-1)}),
        (fills_of, FILL, {"instrument": InstrumentId("COIN-PERP.two")}),
        (payments_of, PAYMENT, {"amount": Decimal("1E-6000")}),
        (payments_of, PAYMENT, {"amount": 0.5}),
        (payments_of, PAYMENT, {"amount": Decimal("1" * 70)}),
        (payments_of, PAYMENT, {"currency": None}),
        (payments_of, PAYMENT, {"currency": "\ud800"}),
        (payments_of, PAYMENT, {"settled_ns": 1 << 70}),
        (transfers_of, TRANSFER, {"amount": Decimal("Infinity")}),
        (transfers_of, TRANSFER, {"exchange": ExchangeName("two")}),
    ],
)
def test_a_row_that_would_end_the_run_is_the_venues_failure(check: Check, row: Any, change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"fill|payment|transfer"):
        check(ONE, [row, replace(row, **change)])
