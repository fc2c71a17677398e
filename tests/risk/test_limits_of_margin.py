"""Limits of leverage, margin and the distance to liquidation, broken on purpose."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from tests.risk.conftest import CROSS, LEFT, LIMITS, RIGHT, Desk, account, fresh, hedge_of, held, listed

from arb.model import Fresh, HedgeStatus, MarginMode, Reading, Stale, Unknown
from arb.risk import MarginSetting, RefusalCode
from arb.testing import START_NS

# Leverage and margin.


def test_drill_an_account_is_levered_too_far() -> None:
    desk = Desk(limits=replace(LIMITS, min_available_margin=Decimal(0)))
    desk.accounts[LEFT] = account(LEFT, equity=1666)
    refusal = desk.refusal()
    assert (refusal.code, refusal.subject, refusal.limit) == (RefusalCode.LEVERAGE, LEFT, Decimal(3))
    assert refusal.value == Decimal(5000) / 1666
    desk.accounts = {name: account(name, equity=1667) for name in (LEFT, RIGHT)}
    assert desk.codes() == set()  # 5001 is three times 1667


@pytest.mark.parametrize("equity", [0, -100])
def test_drill_an_account_without_equity_opens_nothing(equity: int) -> None:
    desk = Desk()
    desk.accounts[LEFT] = account(LEFT, equity=equity)
    assert desk.refusal().value == Decimal("Infinity")
    assert desk.refusal().code is RefusalCode.LEVERAGE


def test_drill_an_isolated_leg_is_levered_further_than_an_account_may_be() -> None:
    desk = Desk(margin=Fresh(MarginSetting(Decimal(4), MarginMode.ISOLATED), "test", START_NS))
    found = [refusal for refusal in desk.refusals() if refusal.code is RefusalCode.LEVERAGE]
    assert [refusal.subject for refusal in found] == [desk.left.id, desk.right.id]
    assert "isolated" in str(found[0])


@pytest.mark.parametrize(
    "reading",
    [
        Unknown("HTTP 503"),
        Stale(CROSS, "test", START_NS),
        Fresh(MarginSetting(Decimal(0), MarginMode.CROSS), "test", START_NS),
        Fresh(MarginSetting(Decimal("NaN"), MarginMode.CROSS), "test", START_NS),
    ],
)
def test_drill_leverage_that_cannot_be_read_back_opens_nothing(reading: Reading[MarginSetting]) -> None:
    assert [(one.code, one.subject) for one in Desk(margin=reading).refusals()] == [
        (RefusalCode.MARGIN_UNKNOWN, "BTC-PERP.left"),
        (RefusalCode.MARGIN_UNKNOWN, "BTC-PERP.right"),
    ]


def test_drill_too_little_would_stay_available() -> None:
    desk = Desk()
    # The leg ties up 1000 at 5x: 999 of 10 000 would stay.
    desk.account(available_usd=fresh(1999))
    refusal = desk.refusal()
    assert (refusal.code, refusal.subject) == (RefusalCode.AVAILABLE_MARGIN, LEFT)
    assert (refusal.value, refusal.limit) == (Decimal("0.0999"), Decimal("0.1"))
    desk.account(available_usd=fresh(2000))
    assert desk.codes() == set()


def test_the_initial_margin_follows_the_tier_where_it_allows_less_than_is_set() -> None:
    desk = Desk(margin=Fresh(MarginSetting(Decimal(50), MarginMode.CROSS), "test", START_NS))
    # At 20x, the most the tier allows, the leg ties up 250.
    desk.account(available_usd=fresh(1249))
    assert desk.codes() == {RefusalCode.AVAILABLE_MARGIN}
    desk.account(available_usd=fresh(1250))
    assert desk.codes() == set()


def test_drill_maintenance_would_take_too_much_of_the_equity() -> None:
    desk = Desk()
    # The venue says 4901 now, the leg needs 2 % of 5000 more: 5001 of 10 000.
    desk.account(maintenance_usd=Decimal(4901))
    refusal = next(one for one in desk.refusals() if one.code is RefusalCode.MAINTENANCE_RATIO)
    assert (refusal.subject, refusal.value, refusal.limit) == (LEFT, Decimal("0.5001"), Decimal("0.5"))
    desk.account(maintenance_usd=Decimal(4900))
    assert RefusalCode.MAINTENANCE_RATIO not in desk.codes()
    # What is held is in the venue's number already.
    desk.accounts[LEFT] = account(LEFT, held(listed("left", "ETH"), 5000))
    desk.account(maintenance_usd=Decimal(4900))
    assert RefusalCode.MAINTENANCE_RATIO not in desk.codes()


def test_maintenance_is_that_of_the_tier_after_growth() -> None:
    huge = Decimal(10**9)
    desk = Desk(limits=replace(LIMITS, max_hedge_notional_usd=huge, max_instrument_notional_usd=huge))
    desk.limit(max_exchange_notional_usd=huge, max_pair_notional_usd=huge, max_total_notional_usd=huge)
    desk.limit(max_leverage=Decimal(20), min_liquidation_distance=Decimal("0.0001"))
    desk.accounts[LEFT] = account(LEFT, held(desk.left, 95_001), equity=20_000)
    # Beyond 100 000 the whole position needs 10 %, not 2 %: half of the equity and a little more.
    refusal = desk.refusal()
    assert (refusal.code, refusal.value) == (RefusalCode.MAINTENANCE_RATIO, Decimal("100001") / 10 / 20_000)


def test_drill_an_entry_that_is_not_finished_counts_for_the_margin_of_its_account() -> None:
    desk, waiting = Desk(), (listed("left"), "0.1", 0)
    desk.limit(max_instrument_notional_usd=Decimal(20_000), min_available_margin=Decimal(0))
    desk.hedges = [hedge_of(HedgeStatus.OPENING, waiting, (desk.right, 0, 0))]
    desk.accounts[LEFT] = account(LEFT, equity=3333)
    assert [(one.code, one.subject) for one in desk.refusals()] == [(RefusalCode.LEVERAGE, LEFT)]
    # The 5000 awaited take a tenth as initial margin, beside the 1000 of the plan.
    desk.limit(max_leverage=Decimal(10), min_available_margin=Decimal("0.1"))
    desk.accounts[LEFT] = account(LEFT, equity=1666)
    refusal = desk.refusal()
    assert (refusal.code, refusal.value) == (RefusalCode.AVAILABLE_MARGIN, (Decimal(1666) - 500 - 1000) / 1666)
    # 2 % of both are 200 of maintenance margin, and the distance is that of 10 000.
    desk.limit(min_available_margin=Decimal(0), max_maintenance_ratio=Decimal("0.12"))
    refusal = desk.refusal()
    assert (refusal.code, refusal.value) == (RefusalCode.MAINTENANCE_RATIO, Decimal(200) / 1666)
    desk.limit(max_maintenance_ratio=Decimal("0.5"), min_liquidation_distance=Decimal("0.2"))
    refusal = desk.refusal()
    assert (refusal.code, refusal.value) == (RefusalCode.LIQUIDATION_DISTANCE, Decimal(1666 - 200) / 10_200)
    desk.hedges = []
    assert desk.codes() == set()


def test_the_tier_is_that_of_the_size_in_the_quote_currency() -> None:
    desk = Desk()
    # 100 001 of a currency that is worth a tenth of a dollar: 10 000 dollars in the second tier, at 10 % each.
    desk.accounts[LEFT] = account(LEFT, held(listed("left", "ETH"), 100_010, rate="0.1"))
    desk.limit(max_maintenance_ratio=Decimal("0.11"))
    refusal = desk.refusal()
    assert (refusal.code, refusal.value) == (RefusalCode.MAINTENANCE_RATIO, Decimal("0.11001"))
    desk.accounts[LEFT] = account(LEFT, held(listed("left", "ETH"), 100_000, rate="0.1"))
    assert desk.codes() == set()


def test_the_initial_margin_follows_the_tier_of_the_whole_position() -> None:
    huge = Decimal(10**9)
    desk = Desk(margin=Fresh(MarginSetting(Decimal(20), MarginMode.CROSS), "test", START_NS))
    desk.limit(max_instrument_notional_usd=huge, max_exchange_notional_usd=huge, max_total_notional_usd=huge)
    for size, needed in ((95_000, 250), (95_001, 1000)):
        desk.accounts[LEFT] = replace(account(LEFT, held(desk.left, size), equity=50_000), available_usd=fresh(5250))
        share = (5250 - Decimal(needed)) / 50_000
        assert [one.value for one in desk.refusals()] == ([] if share >= Decimal("0.1") else [share])
    # The tier is looked up in the quote currency: 5000 dollars are 5050 of one that is worth 0.99.
    desk.accounts[LEFT] = replace(account(LEFT, held(desk.left, 94_960), equity=50_000), available_usd=fresh(5250))
    assert desk.codes() == set()
    desk.quote = fresh("0.99")
    assert desk.codes() == {RefusalCode.AVAILABLE_MARGIN}


# Liquidation.


def thin(equity: object) -> Desk:
    desk = Desk(limits=replace(LIMITS, max_leverage=Decimal(20), min_available_margin=Decimal(0)))
    desk.limit(max_maintenance_ratio=Decimal("0.9"))
    desk.accounts[LEFT] = replace(account(LEFT, equity=equity), available_usd=fresh(5000))
    return desk


def test_drill_our_own_formula_finds_an_account_too_near_to_liquidation() -> None:
    # (E - mmr N) / (N + mmr N), the short's distance of handbook C7, with N = 5000 and mmr = 2 %.
    assert thin(610).codes() == set()
    desk = thin(600)
    refusal = desk.refusal()
    assert (refusal.code, refusal.subject) == (RefusalCode.LIQUIDATION_DISTANCE, LEFT)
    assert refusal.value == Decimal(500) / Decimal(5100)
    assert refusal.limit == Decimal("0.1")


@pytest.mark.parametrize(("size", "liquidation"), [(2000, "90.01"), (-2000, "109.99")])
def test_drill_the_venues_own_liquidation_price_is_too_near(size: int, liquidation: str) -> None:
    desk, other = Desk(), listed("left", "ETH")
    desk.accounts[LEFT] = account(LEFT, held(other, size, liquidation=liquidation))
    refusal = desk.refusal()
    assert (refusal.code, refusal.subject, refusal.value) == (
        RefusalCode.LIQUIDATION_DISTANCE,
        other.id,
        Decimal("0.0999"),
    )


def test_a_venues_liquidation_price_that_is_far_changes_nothing() -> None:
    desk, other = Desk(), listed("left", "ETH")
    for size, liquidation in ((2000, 90), (-2000, 110), (2000, 0), (2000, -5), (-2000, 0), (-2000, None)):
        desk.accounts[LEFT] = account(LEFT, held(other, size, liquidation=liquidation))
        assert desk.codes() == set(), (size, liquidation)


def test_drill_a_position_whose_liquidation_nobody_knows_is_never_skipped() -> None:
    desk, other = Desk(), listed("left", "ETH")
    for leverage in (None, 0, "NaN"):
        desk.accounts[LEFT] = account(LEFT, held(other, 1000, mode=MarginMode.ISOLATED, leverage=leverage))
        refusal = desk.refusal()
        assert (refusal.code, refusal.subject) == (RefusalCode.LIQUIDATION_UNKNOWN, other.id)
    # The venue's price alone is enough, and so is our formula alone.
    desk.accounts[LEFT] = account(LEFT, held(other, 1000, mode=MarginMode.ISOLATED, liquidation=50))
    assert desk.codes() == set()
    desk.accounts[LEFT] = account(LEFT, held(other, 1000, mode=MarginMode.ISOLATED, leverage=3))
    assert desk.codes() == set()


def test_drill_our_formula_is_asked_even_where_the_venue_gives_a_comfortable_price() -> None:
    desk, other = Desk(), listed("left", "ETH")
    # 10x isolated at 2 %: -8.2 % (handbook C7), whatever the venue says.
    position = held(other, 1000, mode=MarginMode.ISOLATED, leverage=10, liquidation=1)
    desk.accounts[LEFT] = account(LEFT, position)
    refusal = desk.refusal()
    assert (refusal.code, refusal.subject) == (RefusalCode.LIQUIDATION_DISTANCE, other.id)
    assert round(refusal.value or 0, 3) == Decimal("0.082")


def test_drill_an_isolated_leg_is_measured_by_its_own_margin() -> None:
    desk = Desk(margin=Fresh(MarginSetting(Decimal(10), MarginMode.ISOLATED), "test", START_NS))
    desk.limit(max_leverage=Decimal(10))
    found = {one.subject: round(one.value or 0, 4) for one in desk.refusals()}
    # 10x at 2 %: the long is liquidated by -8.2 %, the short by +7.8 % (handbook C7).
    assert found == {"BTC-PERP.left": Decimal("0.0816"), "BTC-PERP.right": Decimal("0.0784")}
    assert desk.codes() == {RefusalCode.LIQUIDATION_DISTANCE}


@pytest.mark.parametrize(("size", "expected"), [(1000, "0.0816"), (-1000, "0.0784")])
def test_the_margin_of_an_isolated_position_is_what_was_set_aside_and_its_profit(size: int, expected: str) -> None:
    desk, other = Desk(), listed("left", "ETH")
    position = held(other, size, mode=MarginMode.ISOLATED, leverage=5, rate="0.5")
    # 200 were set aside at 5x, and half of it is lost: what 10x would have left.
    lost = replace(position, position=replace(position.position, unrealized_pnl=Decimal(-100)))
    desk.accounts[LEFT] = account(LEFT, lost)
    assert round(desk.refusal().value or 0, 4) == Decimal(expected)


def test_the_tier_of_a_leg_counts_with_what_is_held_in_its_quote_currency() -> None:
    desk = Desk(quote=fresh("0.99"))
    huge = Decimal(10**9)
    desk.limit(max_instrument_notional_usd=huge, max_exchange_notional_usd=huge, max_total_notional_usd=huge)
    desk.limit(max_maintenance_ratio=Decimal("0.1"))
    desk.accounts[LEFT] = account(LEFT, held(desk.left, 94_960), equity=90_000)
    # 94 960 and 5050: the second tier, with 10 % of everything.
    refusal = desk.refusal()
    assert (refusal.code, refusal.value) == (RefusalCode.MAINTENANCE_RATIO, Decimal(9996) / 90_000)


def test_what_an_isolated_position_ties_up_is_not_there_for_the_others() -> None:
    desk, other = thin(1500), listed("left", "ETH")
    alone = held(other, 3000, mode=MarginMode.ISOLATED, leverage=3)
    desk.accounts[LEFT] = account(LEFT, alone, equity=1500)
    # 1000 of the 1500 belong to the isolated position: 500 stand behind the 5000 of cross margin.
    refusal = desk.refusal()
    assert (refusal.code, refusal.subject) == (RefusalCode.LIQUIDATION_DISTANCE, LEFT)
    assert refusal.value == Decimal(500 - 100) / (5000 + 100)
