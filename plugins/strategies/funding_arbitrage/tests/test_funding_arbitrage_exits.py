"""What is closed and what is held: risk at once, economics when it has lasted, and never for what is unknown."""

from __future__ import annotations

import asyncio
import logging
from decimal import Decimal

import pytest
from plugins.strategies.funding_arbitrage.tests.conftest import NOON, UNKNOWN, Desk, row_of

from arb.model import DAY_NS, HOUR_NS, MINUTE_NS, CloseHedge, HedgeStatus, OpenHedge
from arb.testing import FakeContext
from arb_strategy_funding_arbitrage._settings import FundingArbitrageSettings
from arb_strategy_funding_arbitrage._strategy import open_strategy

# Exit on risk


def test_a_hedge_near_liquidation_is_closed_at_once_with_room_for_slippage() -> None:
    desk = Desk()
    desk.hold()
    desk.view.figures["h1"] = {"liquidation_distance": Decimal("0.0799")}
    (intent,) = desk.cycle()
    assert isinstance(intent, CloseHedge)
    assert (intent.reason, intent.max_slippage_bps) == ("liquidation_near", Decimal(100))
    assert intent.numbers["liquidation_distance"] == "0.0799"


def test_the_basis_stop_is_in_executable_prices() -> None:
    desk = Desk()
    desk.hold()
    desk.view.figures["h1"] = {"price_pnl": Decimal(-15)}
    assert desk.closes() == []
    desk.view.figures["h1"] = {"price_pnl": Decimal("-15.1")}
    assert desk.closes() == [("h1", "basis_stop")]


def test_risk_closes_even_at_a_settlement_and_without_rates() -> None:
    desk = Desk()
    desk.hold()
    desk.view.due["BTC-PERP.a"] = (NOON, HOUR_NS)
    desk.view.figures["h1"] = {
        "liquidation_distance": Decimal("0.01"),
        "carry_bps_hour": None,
        "capture_bps": None,
        "exit_cost_bps": None,
    }
    assert desk.closes() == [("h1", "liquidation_near")]


# Unknown is neither good nor bad


def test_a_hedge_whose_rates_are_unknown_is_held_and_it_says_so(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()
    desk.hold()
    desk.view.figures["h1"] = UNKNOWN
    with caplog.at_level(logging.INFO, "arb"):
        assert desk.closes() == []
    assert "the predicted funding rate is stale" in caplog.text
    assert desk.closes(30 * DAY_NS) == []


def test_what_is_unknown_for_long_becomes_a_warning_once(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()
    desk.hold()
    desk.view.figures["h1"] = UNKNOWN

    async def watch() -> None:
        async with open_strategy(FundingArbitrageSettings(), FakeContext("fa")) as strategy:
            for _ in range(60):
                await strategy.decide(desk.view)
                desk.view.now_ns += MINUTE_NS

    with caplog.at_level(logging.INFO, "arb"):
        asyncio.run(watch())
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING"]
    assert "only risk closes it" in caplog.records[1].message


def test_an_unknown_liquidation_distance_is_said_and_does_not_stop_other_exits(
    caplog: pytest.LogCaptureFixture,
) -> None:
    desk = Desk()
    desk.hold()
    desk.view.figures["h1"] = {"liquidation_distance": None, "stale": ("a: positions unknown: HTTP 503",)}
    with caplog.at_level(logging.WARNING, "arb"):
        assert desk.closes() == []
    assert "HTTP 503" in caplog.text
    assert desk.closes(14 * DAY_NS) == [("h1", "time_limit")]


def test_unknown_inputs_do_not_end_a_doubt() -> None:
    desk = Desk()
    desk.hold()
    desk.weaken("-0.1")
    assert desk.closes() == []
    desk.weaken("-0.1", **UNKNOWN)
    assert desk.closes(2 * HOUR_NS) == []
    desk.weaken("-0.1")
    assert desk.closes(MINUTE_NS) == [("h1", "funding_flip")]


# Exit on economics


def test_a_healthy_hedge_is_held() -> None:
    desk = Desk()
    desk.hold()
    assert all(desk.cycle(HOUR_NS) == [] for _ in range(24))


def test_the_time_limit_closes() -> None:
    desk = Desk()
    desk.hold()
    assert desk.closes(14 * DAY_NS - HOUR_NS - 1) == []
    assert desk.closes(1) == [("h1", "time_limit")]


def test_a_flip_closes_when_it_has_lasted() -> None:
    desk = Desk()
    desk.hold()
    desk.weaken("-0.05")
    assert desk.closes() == []
    assert desk.closes(HOUR_NS - 1) == []
    assert desk.closes(1) == [("h1", "funding_flip")]


def test_a_flip_that_passes_starts_again() -> None:
    desk = Desk()
    desk.hold()
    desk.weaken("-0.05")
    desk.cycle()
    desk.weaken("0.5")
    desk.cycle(50 * MINUTE_NS)
    desk.weaken("-0.05")
    assert desk.closes(50 * MINUTE_NS) == []
    assert desk.closes(HOUR_NS) == [("h1", "funding_flip")]


def test_it_does_not_close_right_after_the_payment_because_the_rate_begins_anew() -> None:
    # hummingbot#4191: closed at a loss right after each payment, entry cost ignored.
    desk = Desk()
    desk.hold(steady=None)
    desk.view.payments["h1"] = [(NOON + n * 8 * HOUR_NS, Decimal(4)) for n in range(30)]
    desk.view.figures["h1"] = {"carry_bps_hour": Decimal("-0.01")}
    assert all(desk.closes(HOUR_NS // 2) == [] for _ in range(40))


def test_what_the_entry_cost_does_not_matter_any_more() -> None:
    # Far from having earned its cost, but what is to come is positive: leaving now would only lose that.
    desk = Desk()
    desk.hold()
    desk.weaken("0.3", funding=Decimal(0), fees=Decimal(5), price_pnl=Decimal(-5))
    assert all(desk.closes(HOUR_NS) == [] for _ in range(10))


def test_erosion_closes_only_what_no_longer_earns_its_risk_charge() -> None:
    desk = Desk()
    desk.hold()
    desk.weaken("0.05")
    assert all(desk.closes(HOUR_NS) == [] for _ in range(3))
    desk.weaken("0.04")
    desk.cycle()
    assert desk.closes(HOUR_NS) == [("h1", "profit_erosion")]


def test_a_hedge_is_not_left_just_before_the_slow_leg_pays() -> None:
    # Hourly instalments against one payment every eight hours, which is due in 30 minutes.
    desk = Desk()
    desk.hold(steady=None)
    due = NOON + 30 * MINUTE_NS
    desk.view.due = {"BTC-PERP.a": (due, HOUR_NS), "BTC-PERP.b": (due, 8 * HOUR_NS)}
    desk.view.payments["h1"] = [(due, Decimal(3)), *((due + n * HOUR_NS, Decimal("-0.5")) for n in range(1, 100))]
    desk.view.figures["h1"] = {"carry_bps_hour": Decimal("-0.5")}
    assert all(desk.closes(5 * MINUTE_NS) == [] for _ in range(5))
    desk.cycle(10 * MINUTE_NS)
    assert desk.closes(HOUR_NS) == [("h1", "funding_flip")]


def test_a_payment_that_costs_more_than_the_exit_is_not_waited_for() -> None:
    desk = Desk()
    desk.hold(steady=None)
    due = NOON + 30 * MINUTE_NS
    desk.view.due = {"BTC-PERP.b": (due, 8 * HOUR_NS)}
    desk.view.payments["h1"] = [(due, Decimal(-7))]
    desk.view.figures["h1"] = {"carry_bps_hour": Decimal("-0.9")}
    assert desk.closes() == [("h1", "funding_flip")]


def test_no_exit_but_for_risk_inside_the_guard_of_a_settlement() -> None:
    desk = Desk()
    desk.hold()
    desk.weaken("-0.05")
    desk.cycle()
    desk.view.due = {"BTC-PERP.a": (NOON + 2 * HOUR_NS, HOUR_NS)}
    assert desk.closes(2 * HOUR_NS - 59_000_000_000) == []
    assert desk.closes(59_000_000_000) == []
    assert desk.closes(59_000_000_000) == []
    assert desk.closes(1_000_000_000) == [("h1", "funding_flip")]


def test_the_figures_of_an_exit_are_kept() -> None:
    desk = Desk({"confirm": "0s"})
    desk.hold()
    desk.weaken("-0.05")
    (intent,) = desk.cycle()
    assert isinstance(intent, CloseHedge)
    assert intent.numbers["carry_bps_hour"] == "-0.05"
    assert intent.numbers["entry_carry_bps_hour"] == "0.5"
    assert intent.numbers["exit_cost_bps"] == "6"
    assert intent.max_slippage_bps == 10


def test_only_open_hedges_are_judged() -> None:
    desk = Desk()
    for index, status in enumerate((HedgeStatus.OPENING, HedgeStatus.CLOSING, HedgeStatus.HALTED)):
        name = f"h{index}"
        desk.hold(name, status=status)
        desk.view.figures[name] = {"liquidation_distance": Decimal(0)}
    assert desk.cycle() == []


def test_exits_come_before_entries() -> None:
    desk = Desk()
    desk.hold()
    desk.view.figures["h1"] = {"liquidation_distance": Decimal(0)}
    desk.view.rows = [row_of("ETH")]
    assert [type(intent) for intent in desk.cycle()] == [CloseHedge, OpenHedge]
