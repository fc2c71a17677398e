from __future__ import annotations

from decimal import Decimal as D

from hypothesis import assume, given
from hypothesis import strategies as st

from arb.model import ZERO, FeeSchedule, Instrument, InstrumentId, MarginMode, MarginTier, Side
from arb.simulation import VenueRules
from arb.simulation._account import Account
from arb.simulation._margin import MarginBook

BTC, ETH = InstrumentId("BTC-PERP.v"), InstrumentId("ETH-PERP.v")


def listed(identifier: InstrumentId, quote: str = "USDC") -> Instrument:
    return Instrument(
        id=identifier,
        symbol="",
        base="",
        quote=quote,
        tick_size=D("0.1"),
        lot_size=D("0.01"),
        fees=FeeSchedule(maker=ZERO, taker=ZERO),
        margin_tiers=(
            MarginTier(max_notional=D(1000), maintenance_rate=D("0.01"), max_leverage=D(20)),
            MarginTier(max_notional=None, maintenance_rate=D("0.05"), max_leverage=D(10)),
        ),
        funding_interval_ns=None,
    )


def book(account: Account, leverage: int = 5) -> MarginBook:
    return MarginBook(account, {each: listed(each) for each in (BTC, ETH)}, VenueRules(leverage=D(leverage)))


def test_the_tier_bounds_the_leverage_and_sets_the_maintenance() -> None:
    margin = book(Account({}), leverage=15)
    assert [margin.effective_leverage(BTC, D(1000)), margin.effective_leverage(BTC, D(1001))] == [15, 10]
    assert [margin.maintenance(BTC, D(1000)), margin.maintenance(BTC, D(1001))] == [10, D("50.05")]


def test_a_pool_adds_up_what_is_cross_and_leaves_isolated_alone() -> None:
    account = Account({"USDC": D(1000)})
    account.leverage[ETH] = (D(2), MarginMode.ISOLATED)
    account.fill(BTC, Side.BUY, D(100), D(5), None)
    account.fill(ETH, Side.SELL, D(100), D(4), D(2))
    pool = book(account).pool("USDC", {BTC: D(110), ETH: D(105)})
    assert pool.equity == 1000 + 50 - 20
    assert pool.cross_equity == 1000 + 50 - 200
    assert [pool.maintenance, pool.cross_maintenance] == [D("9.7"), D("5.5")]
    assert [pool.initial, pool.gross] == [110, 550]
    assert pool.available == 850 - 110


def test_currencies_are_pools_of_their_own() -> None:
    account = Account({"USDC": D(10), "USDT": D(20)})
    account.fill(BTC, Side.BUY, D(100), D(1), None)
    instruments = {BTC: listed(BTC, "USDC"), ETH: listed(ETH, "USDT")}
    margin = MarginBook(account, instruments, VenueRules())
    marks = {BTC: D(95)}
    assert [margin.pool("USDC", marks).equity, margin.pool("USDT", marks).equity] == [5, 20]


@given(
    st.sampled_from(list(Side)),
    st.decimals("0.1", "200", places=2),
    st.decimals("50", "150", places=1),
    st.decimals("50", "150", places=1),
    st.integers(50, 9000),
    st.sampled_from([None, D(3)]),
)
def test_at_the_liquidation_price_equity_is_the_maintenance(
    side: Side, quantity: D, entry: D, mark: D, cash: int, isolated_at: D | None
) -> None:
    account = Account({"USDC": D(cash)})
    if isolated_at is not None:
        account.leverage[BTC] = (isolated_at, MarginMode.ISOLATED)
    account.fill(BTC, side, entry, quantity, isolated_at)
    margin = book(account)
    holding = account.holdings[BTC]
    price = margin.liquidation_price(BTC, mark, margin.pool("USDC", {BTC: mark}))
    assume(price is not None)
    assert price is not None
    # The formula takes the tier of the present mark (handbook C7).
    rate = listed(BTC).margin_tier(quantity * mark).maintenance_rate
    own = holding.margin if isolated_at else D(cash)
    assert abs(own + holding.unrealized(price) - rate * quantity * price) < D("1e-15") * (1 + quantity * price)
