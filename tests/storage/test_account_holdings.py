"""Who gets what was realised when a position changed."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arb.model import (
    HOUR_NS,
    MINUTE_NS,
    SECOND_NS,
    ZERO,
    ClientOrderId,
    ExchangeOrderId,
    Fill,
    FillId,
    FundingPayment,
    HedgeId,
    InstrumentId,
    Liquidity,
    PaymentId,
    Side,
)
from arb.storage._account_holdings import holdings_of, share_payment
from arb.storage._account_inputs import BookedFill, Slot

COIN = InstrumentId("COIN-PERP.one")
NOON_NS = 12 * HOUR_NS
FIRST: Slot = (HedgeId("h1"), 0)
SECOND: Slot = (HedgeId("h2"), 0)
Trade = tuple[int, int, Slot]


def shared(trades: Sequence[Trade], amount: str = "6", *, at_ns: int = NOON_NS) -> dict[Slot, Decimal]:
    fills = [
        BookedFill(
            fill=Fill(
                fill_id=FillId(str(number)),
                client_order_id=ClientOrderId(f"o{number}"),
                exchange_order_id=ExchangeOrderId(f"x{number}"),
                instrument=COIN,
                side=Side.BUY if signed > 0 else Side.SELL,
                price=Decimal(100),
                quantity=Decimal(abs(signed)),
                fee=ZERO,
                fee_currency="USDC",
                liquidity=Liquidity.TAKER,
                ts_event_ns=ts_ns,
            ),
            slot=slot,
            arrival_price=None,
            booked_ns=ts_ns,
        )
        for number, (ts_ns, signed, slot) in enumerate(trades)
    ]
    payment = FundingPayment(
        payment_id=PaymentId("p"), instrument=COIN, amount=Decimal(amount), currency="USDC", settled_ns=at_ns
    )
    split = share_payment(payment, holdings_of(fills), accrues=True)
    return {slot: amount for slot, _, amount in split}


@pytest.mark.parametrize("late_ns", [-SECOND_NS, 0, SECOND_NS])
def test_what_a_close_realises_is_of_who_held_until_then(late_ns: int) -> None:
    opened, closed = (NOON_NS - HOUR_NS, -2, FIRST), (NOON_NS, 2, FIRST)
    assert shared([opened, closed], at_ns=NOON_NS + late_ns) == {FIRST: 6}
    in_parts = [(NOON_NS, 1, FIRST), (NOON_NS + SECOND_NS, 1, FIRST)]
    assert shared([opened, *in_parts], at_ns=NOON_NS + late_ns) == {FIRST: 6}


def test_what_an_opening_realises_is_not_its_own() -> None:
    opened = [(NOON_NS - HOUR_NS, -2, FIRST), (NOON_NS, -4, SECOND)]
    assert shared(opened) == {FIRST: 6}
    assert shared(opened, at_ns=NOON_NS + HOUR_NS) == {FIRST: 2, SECOND: 4}


def test_what_is_opened_and_closed_within_a_minute_is_shared_by_what_is_left() -> None:
    assert shared([(NOON_NS - 30 * SECOND_NS, -3, FIRST), (NOON_NS, 1, FIRST)]) == {FIRST: 6}
    assert shared([(NOON_NS - 30 * SECOND_NS, -3, FIRST), (NOON_NS, 3, FIRST)]) == {None: 6}


def test_what_is_stamped_long_after_the_close_is_of_who_held_until_then() -> None:
    opened = [(NOON_NS - 3 * HOUR_NS, -1, FIRST), (NOON_NS - 3 * HOUR_NS, -2, SECOND)]
    closed = [(NOON_NS, 1, FIRST), (NOON_NS + SECOND_NS, 2, SECOND)]
    assert shared(opened + closed, at_ns=NOON_NS + 5 * MINUTE_NS) == {FIRST: 2, SECOND: 4}
    assert shared(opened, at_ns=NOON_NS - 4 * HOUR_NS) == {None: 6}


trades = st.lists(
    st.tuples(
        st.integers(-5, 5).map(lambda step: NOON_NS + step * MINUTE_NS // 2),
        st.integers(-3, 3).filter(bool),
        st.sampled_from([FIRST, SECOND, None]),
    ),
    max_size=8,
)


@given(trades=trades, amount=st.decimals("-9", "9", places=8))
def test_nothing_is_lost_and_nothing_is_made(trades: list[Trade], amount: Decimal) -> None:
    assert sum(shared(trades, str(amount)).values(), ZERO) == amount
