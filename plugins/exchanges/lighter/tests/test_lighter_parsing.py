"""What the parsers make of texts that are not in any recording."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arb.api import (
    AuthenticationFailed,
    BadResponse,
    BelowMinimum,
    HttpResponse,
    InsufficientMargin,
    NotSent,
    OutcomeUnknown,
    Rejected,
)
from arb.model import (
    HOUR_NS,
    ClientOrderId,
    InstrumentId,
    InstrumentStatus,
    OrderRequest,
    OrderStatus,
    Side,
    TimeInForce,
)
from arb.net import reading
from arb_exchange_lighter._account import fraction_for, fraction_of, leverage_of, payment_of
from arb_exchange_lighter._errors import refusal_table
from arb_exchange_lighter._markets import Market, asset_class_of, base_of, markets_of
from arb_exchange_lighter._orders import fields_of, order_of, refusal_of, rounded, status_of
from arb_exchange_lighter._prices import next_hour, resting_orders

ETH = InstrumentId("ETH-PERP.lt")


@pytest.mark.parametrize(
    ("symbol", "base", "multiplier"),
    [
        ("BTC", "BTC", 1),
        ("1000PEPE", "PEPE", 1000),
        ("1000000MOG", "MOG", 1_000_000),
        ("kBONK", "BONK", 1000),
        ("2Z", "2Z", 1),
        ("S", "S", 1),
        ("1INCH", "1INCH", 1),
        ("100X", "100X", 1),
        ("10000", "10000", 1),
        ("KAITO", "KAITO", 1),
    ],
)
def test_only_denominations_are_taken_off_a_symbol(symbol: str, base: str, multiplier: int) -> None:
    assert base_of(symbol) == (base, Decimal(multiplier))


def test_what_is_no_crypto_is_not_mixed_with_it() -> None:
    classes = {symbol: asset_class_of(symbol, {}, {}) for symbol in ("BTC", "EURUSD", "XAU", "NVDA", "SPX", "SPX6900")}
    assert classes == {
        "BTC": "crypto",
        "EURUSD": "fx",
        "XAU": "commodity",
        "NVDA": "stock",
        "SPX": "index",
        "SPX6900": "crypto",
    }
    assert asset_class_of("NEWSTOCK", {"trading_hours": "09:30-16:00"}, {}) == "other"
    assert asset_class_of("SPX", {}, {"SPX": "crypto"}) == "crypto", "the settings go first"


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, InstrumentStatus.TRADING),
        ({"status": "inactive"}, InstrumentStatus.SUSPENDED),
        ({"status": "settled"}, InstrumentStatus.DELISTED),
        ({"status": "something-new"}, InstrumentStatus.SUSPENDED),
        ({"market_config": {"force_reduce_only": True}}, InstrumentStatus.REDUCE_ONLY),
        ({"market_config": {"hidden": True}}, InstrumentStatus.REDUCE_ONLY),
    ],
)
def test_only_an_open_market_is_traded(eth: Market, changes: dict[str, Any], status: InstrumentStatus) -> None:
    answer = {"order_book_details": [{**eth.details, **changes}]}
    (market,) = markets_of(answer, "lt", account_fees=None, asset_classes={})
    assert market.instrument.status is status


def test_spot_markets_are_no_perpetuals(eth: Market) -> None:
    answer = {"order_book_details": [{**eth.details, "market_type": "spot"}]}
    assert markets_of(answer, "lt", account_fees=None, asset_classes={}) == []


def test_a_published_fee_is_percent_and_an_accounts_a_millionth(eth: Market) -> None:
    """0.028 % as published is 280 ticks; a market without fees charges none."""
    row = {**eth.details, "maker_fee": "0.0040", "taker_fee": "0.0280", "is_maker_fee_enabled": False}
    (market,) = markets_of({"order_book_details": [row]}, "lt", account_fees=None, asset_classes={})
    assert (market.instrument.fees.maker, market.instrument.fees.taker) == (Decimal(0), Decimal("0.00028"))


@pytest.mark.parametrize(
    ("word", "filled", "status"),
    [
        ("in-progress", 0, OrderStatus.SUBMITTED),
        ("pending", 0, OrderStatus.OPEN),
        ("open", 0, OrderStatus.OPEN),
        ("open", 2, OrderStatus.PARTIALLY_FILLED),
        ("filled", 5, OrderStatus.FILLED),
        ("canceled", 0, OrderStatus.CANCELLED),
        ("canceled", 2, OrderStatus.CANCELLED),
        ("canceled", 5, OrderStatus.FILLED),
        ("canceled-expired", 0, OrderStatus.EXPIRED),
        ("canceled-post-only", 0, OrderStatus.REJECTED),
        ("canceled-margin-not-allowed", 0, OrderStatus.REJECTED),
        ("canceled-margin-not-allowed", 2, OrderStatus.CANCELLED),
        ("canceled-not-enough-liquidity", 2, OrderStatus.CANCELLED),
        ("canceled-reduce-only", 0, OrderStatus.CANCELLED),
    ],
)
def test_what_is_filled_decides_what_a_cancellation_is(word: str, filled: int, status: OrderStatus) -> None:
    assert status_of(word, Decimal(filled), Decimal(5)) is status


def test_a_word_that_is_not_known_is_no_status() -> None:
    with pytest.raises(ValueError, match="vanished"):
        status_of("vanished", Decimal(0), Decimal(5))


def test_a_margin_refusal_is_one_of_margin(eth: Market) -> None:
    row = {
        "order_index": 1 << 48,
        "time_in_force": "immediate-or-cancel",
        "filled_base_amount": "0.0000",
        "filled_quote_amount": "0.000000",
        "initial_base_amount": "0.0050",
        "price": "2000.00",
        "is_ask": False,
        "reduce_only": False,
        "status": "canceled-margin-not-allowed",
        "timestamp": 1_777_941_383_576,
    }
    order = order_of(row, eth.instrument.id, ClientOrderId("c"))
    assert isinstance(refusal_of(order, "lt"), InsufficientMargin)
    assert refusal_of(order_of({**row, "status": "canceled"}, eth.instrument.id, ClientOrderId("c")), "lt") is None


@pytest.mark.parametrize("leverage", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 20, 25, 33, 40, 50])
def test_a_leverage_survives_its_whole_number(leverage: int) -> None:
    """The fraction never allows more than was asked for, and reads back as what was."""
    fraction = fraction_for(Decimal(leverage))
    assert fraction * leverage >= 10_000
    assert leverage_of(fraction) == leverage
    assert leverage_of(10_000 // leverage) == leverage, "as the venue's apps write it"


def test_an_ambiguous_margin_is_not_guessed(eth: Market) -> None:
    """Where 100x is allowed, "1.00" may be 1 % or 100 %."""
    assert fraction_of({"initial_margin_fraction": "1.00"}, eth) == 10_000, "50x at most: it is the whole"
    (wide,) = markets_of(
        {"order_book_details": [{**eth.details, "min_initial_margin_fraction": 100}]},
        "lt",
        account_fees=None,
        asset_classes={},
    )
    assert fraction_of({"initial_margin_fraction": "1.00"}, wide) is None


@pytest.mark.parametrize(
    ("side", "change", "rate"), [("long", "-1", "0.01"), ("short", "1", "0.01"), ("long", "1", "-0.01")]
)
def test_the_sign_of_a_paid_rate_is_who_paid(side: str, change: str, rate: str) -> None:
    row = {
        "timestamp": 1_783_947_600,
        "market_id": 0,
        "funding_id": 7,
        "change": change,
        "rate": "0.01",
        "position_size": "100",
        "position_side": side,
    }
    payment = payment_of(row, ETH)
    assert payment.rate == Decimal(rate)
    assert payment.quantity == (100 if side == "long" else -100)


def test_a_book_that_was_cut_off_inside_a_level_ends_before_it() -> None:
    rows = [{"price": price, "remaining_base_amount": "1"} for price in ("10", "11", "11", "12")]
    answer = {"asks": rows, "bids": []}
    whole = resting_orders(answer, ETH, 5, told_ns=1, now_ns=1)
    assert [str(level.price) for level in whole.asks] == ["10", "11", "12"]
    assert [str(level.size) for level in whole.asks] == ["1", "2", "1"]
    cut = resting_orders(answer, ETH, 4, told_ns=1, now_ns=1)
    assert [level.price for level in cut.asks] == [10, 11]


def test_the_next_settlement_is_after_now() -> None:
    assert next_hour(7 * HOUR_NS) == 8 * HOUR_NS
    assert next_hour(7 * HOUR_NS - 1) == 7 * HOUR_NS


@given(
    quantity=st.decimals("0.0001", "100000", places=9),
    price=st.decimals("0.01", "1000000", places=9),
    side=st.sampled_from(Side),
)
def test_rounding_never_worsens_an_order(quantity: Decimal, price: Decimal, side: Side) -> None:
    """And the whole numbers that are signed are exactly the rounded order."""
    row = {
        "symbol": "ETH",
        "market_id": 0,
        "status": "active",
        "taker_fee": "0",
        "maker_fee": "0",
        "min_base_amount": "0.0050",
        "min_quote_amount": "10",
        "size_decimals": 4,
        "price_decimals": 2,
        "default_initial_margin_fraction": 500,
        "min_initial_margin_fraction": 200,
        "maintenance_margin_fraction": 120,
    }
    (market,) = markets_of({"order_book_details": [row]}, "lt", account_fees=None, asset_classes={})
    asked = OrderRequest(client_order_id=ClientOrderId("c"), instrument=ETH, side=side, quantity=quantity, price=price)
    try:
        ready = rounded(asked, market)
    except BelowMinimum:
        assert quantity < Decimal("0.0051") or quantity * (price - Decimal("0.01")) < Decimal(12)
        return
    assert ready.quantity <= quantity
    assert (asked.price - ready.price) * side.sign >= 0
    fields = fields_of(ready, market, 5, 0)
    assert Decimal(fields.base_amount) / 10_000 == ready.quantity
    assert Decimal(fields.price) / 100 == ready.price


def test_numbers_beyond_the_venues_are_refused(eth: Market) -> None:
    def ask(quantity: str, price: str, **changes: Any) -> OrderRequest:
        request = OrderRequest(
            client_order_id=ClientOrderId("c"),
            instrument=ETH,
            side=Side.BUY,
            quantity=Decimal(quantity),
            price=Decimal(price),
            **changes,
        )
        return rounded(request, eth)

    assert ask("1", "42949672.95").price == Decimal("42949672.95")
    for quantity, price, changes in (
        ("1", "42949672.96", {}),
        ("28147497671.1", "1", {}),
        ("281474976", "2", {}),
        ("1", "2000", {"time_in_force": TimeInForce.FOK}),
    ):
        with pytest.raises(Rejected) as refused:
            ask(quantity, price, **changes)
        assert not isinstance(refused.value, BelowMinimum)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (21739, InsufficientMargin),
        (21706, BelowMinimum),
        (21120, AuthenticationFailed),
        (21506, NotSent),
        (21728, OutcomeUnknown),
        (21733, Rejected),
    ],
)
def test_refusals_are_told_by_their_code(code: int, kind: type[Exception]) -> None:
    answer = HttpResponse(status=400, headers={}, body=f'{{"code":{code},"message":"no"}}'.encode())
    found = refusal_table("lt")(answer)
    assert type(found) is kind
    assert found.code == str(code)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"code":200}', b'{"code":99999}', b"<html>", b"null"])
def test_what_the_table_does_not_name_is_no_refusal(body: bytes) -> None:
    assert refusal_table("lt")(HttpResponse(status=400, headers={}, body=body)) is None


def test_a_field_that_is_missing_is_an_answer_that_cannot_be_read() -> None:
    with pytest.raises(BadResponse, match="fundings"), reading("lt", "fundings"):
        next(row["rate"] for row in [dict[str, str]()])
