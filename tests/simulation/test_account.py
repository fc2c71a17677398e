from __future__ import annotations

from decimal import Decimal as D

from hypothesis import given
from hypothesis import strategies as st

from arb.model import ZERO, InstrumentId, Side, exact_money
from arb.simulation._account import Account, share

BTC = InstrumentId("BTC-PERP.v")

fills = st.lists(
    st.tuples(
        st.sampled_from(list(Side)),
        st.decimals("0.01", "99999", places=2),
        st.decimals("0.001", "99", places=3),
    ),
    max_size=30,
)


def test_a_partial_close_releases_a_rounded_share_and_keeps_the_rest() -> None:
    account = Account({})
    account.fill(BTC, Side.BUY, D(10), D("0.1"), None)
    account.fill(BTC, Side.BUY, D(11), D("0.2"), None)
    realized = account.fill(BTC, Side.SELL, D(12), D("0.1"), None)
    assert account.holdings[BTC].cost == D("3.2") - D("1.06666667")
    assert realized == D("1.2") - D("1.06666667")


def test_a_fill_through_zero_closes_and_opens() -> None:
    account = Account({})
    account.fill(BTC, Side.SELL, D(100), D(2), None)
    assert account.fill(BTC, Side.BUY, D(90), D(5), None) == 20
    assert [account.quantity(BTC), account.holdings[BTC].cost] == [3, 270]
    assert account.closable(BTC, Side.SELL) == 3
    assert account.closable(BTC, Side.BUY) == 0


def test_isolated_margin_comes_with_the_position_and_goes_with_it() -> None:
    account = Account({})
    account.fill(BTC, Side.BUY, D(100), D(3), D(5))
    assert account.holdings[BTC].margin == 60
    account.fill(BTC, Side.SELL, D(100), D(1), D(5))
    assert account.holdings[BTC].margin == 40
    account.add_margin(BTC, D(-1))
    assert account.holdings[BTC].margin == 39
    account.fill(BTC, Side.SELL, D(100), D(2), D(5))
    assert BTC not in account.holdings


@given(fills, st.decimals("0.01", "99999", places=2))
def test_realised_and_unrealised_are_exactly_the_cash_flows(rows: list[tuple[Side, D, D]], mark: D) -> None:
    account = Account({})
    realized = flows = quantity = ZERO
    with exact_money():
        for side, price, size in rows:
            realized += account.fill(BTC, side, price, size, None)
            flows -= side.sign * price * size
            quantity += side.sign * size
        holding = account.holdings.get(BTC)
        unrealized = holding.unrealized(mark) if holding else ZERO
        assert account.quantity(BTC) == quantity
        assert realized + unrealized == flows + quantity * mark


@given(st.decimals("-9e12", "9e12", places=8), st.decimals("0.001", "9e6", places=3), st.decimals("1", "9", places=3))
def test_a_share_is_within_half_a_unit(amount: D, part: D, times: D) -> None:
    with exact_money():
        whole = part * times
        assert abs(share(amount, part, whole) * times - amount) <= times * D("0.000000005")
