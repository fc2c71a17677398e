from __future__ import annotations

from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arb.api import BelowMinimum, Rejected
from arb.model import ClientOrderId, Instrument, OrderRequest, Side
from arb.net import rounded_order
from arb.testing import sample_instrument

BTC = sample_instrument("hl", max_quantity=D(5), closing_min_notional=D(2))


def request(quantity: D, price: D = D(100), side: Side = Side.BUY, *, reduce_only: bool = False) -> OrderRequest:
    return OrderRequest(
        client_order_id=ClientOrderId("a"),
        instrument=BTC.id,
        side=side,
        quantity=quantity,
        price=price,
        reduce_only=reduce_only,
    )


def refusal(asked: OrderRequest, instrument: Instrument = BTC) -> Rejected:
    with pytest.raises(Rejected, match=r"order a \(BTC-PERP\.hl\)") as refused:
        rounded_order(asked, instrument)
    assert refused.value.exchange == "hl"
    assert (type(refused.value) is BelowMinimum) == (refused.value.code == "below_minimum")
    return refused.value


@given(st.decimals("0.2", 4, places=9), st.decimals("60", "900", places=9), st.sampled_from(Side), st.booleans())
def test_an_order_gets_whole_steps_and_nothing_worse(quantity: D, price: D, side: Side, reduce_only: bool) -> None:
    asked = request(quantity, price, side, reduce_only=reduce_only)
    order = rounded_order(asked, BTC)

    assert order.quantity % BTC.lot_size == 0 == order.price % BTC.tick_size
    assert 0 <= asked.quantity - order.quantity < BTC.lot_size
    assert 0 <= (asked.price - order.price) * side.sign < BTC.tick_size
    assert rounded_order(order, BTC) == order


def test_too_little_is_refused_and_told_in_whole_steps() -> None:
    assert "0.0009 at 100 is 0.000 at 100.00 in whole steps, the least is 0.001" in str(refusal(request(D("0.0009"))))
    assert "the least is 10 USDC" in str(refusal(request(D("0.0999"))))
    assert rounded_order(request(D("0.1")), BTC).quantity == D("0.1")
    coarse = sample_instrument("hl", min_quantity=D("0.5"))
    assert refusal(request(D("0.4999")), coarse).code == "below_minimum"
    assert refusal(request(D(1), D("0.0099"))).code == "below_minimum"


def test_what_closes_has_a_minimum_of_its_own() -> None:
    assert rounded_order(request(D("0.02"), reduce_only=True), BTC).quantity == D("0.02")
    assert "the least is 2 USDC" in str(refusal(request(D("0.0199"), reduce_only=True)))


def test_too_much_is_refused_and_never_cut() -> None:
    assert rounded_order(request(D("5.0009")), BTC).quantity == D(5)
    assert refusal(request(D("5.001"))).code == "max_quantity"
    assert rounded_order(request(D("5.001")), sample_instrument("hl")).quantity == D("5.001")


@pytest.mark.parametrize("odd", [D("Infinity"), D("1e40")])
def test_numbers_that_no_steps_count(odd: D) -> None:
    assert refusal(request(odd)).code == "out_of_range"
    assert refusal(request(D(1), odd)).code == "out_of_range"


def test_a_venue_may_have_steps_of_its_own_for_prices() -> None:
    asked = request(D(1), D("123.456"), Side.SELL)
    order = rounded_order(asked, BTC, limit_price=lambda side, price: price // 1 + (side is Side.SELL))
    assert order.price == D(124)
