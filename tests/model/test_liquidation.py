from __future__ import annotations

from decimal import Decimal

import pytest

from arb.model import PositionSide, liquidation_distance, liquidation_price


@pytest.mark.parametrize(
    ("leverage", "maintenance", "long", "short"),
    [
        (3, "0.02", "-32.0", "30.7"),
        (5, "0.02", "-18.4", "17.6"),
        (10, "0.01", "-9.1", "8.9"),
        (20, "0.005", "-4.5", "4.5"),
    ],
)
def test_the_handbooks_table(leverage: int, maintenance: str, long: str, short: str) -> None:
    price, margin = Decimal(100), Decimal(100) / leverage
    for side, expected in ((PositionSide.LONG, long), (PositionSide.SHORT, short)):
        liquidation = liquidation_price(side, Decimal(1), price, margin, Decimal(maintenance))
        assert round(liquidation - price, 1) == Decimal(expected)
        assert round(liquidation_distance(side, price, liquidation) * 100, 1) == abs(Decimal(expected))


def test_mark_and_equity_give_the_same_price_as_entry_and_margin() -> None:
    quantity, entry, mark, margin = Decimal(2), Decimal(100), Decimal(90), Decimal(50)
    for side in PositionSide:
        gained = (mark - entry) * quantity * side.sign
        at_entry = liquidation_price(side, quantity, entry, margin, Decimal("0.01"))
        at_mark = liquidation_price(side, quantity, mark, margin + gained, Decimal("0.01"))
        assert at_entry == at_mark


def test_a_long_position_with_more_margin_than_notional_cannot_be_liquidated() -> None:
    liquidation = liquidation_price(PositionSide.LONG, Decimal(1), Decimal(100), Decimal(150), Decimal("0.02"))
    assert liquidation == 0
    assert liquidation_distance(PositionSide.LONG, Decimal(100), liquidation) == 1


def test_a_price_beyond_the_liquidation_leaves_no_distance() -> None:
    assert liquidation_distance(PositionSide.LONG, Decimal(90), Decimal(95)) == 0
    assert liquidation_distance(PositionSide.SHORT, Decimal(100), Decimal(95)) == 0
