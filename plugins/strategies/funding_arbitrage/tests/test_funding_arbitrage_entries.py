"""What is opened: the scan and its gates, capital, cooldown and the churn brake, and the memory of them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from plugins.strategies.funding_arbitrage.tests.conftest import NOON, Desk, row_of

from arb.api import StorageError
from arb.model import (
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    Fresh,
    HedgeCost,
    HedgeStatus,
    InstrumentId,
    OpenHedge,
    Opportunity,
    PositionSide,
    Reading,
    Stale,
    Unknown,
)
from arb.testing import MemoryState

# Scan


def test_the_scan_asks_for_what_the_settings_say() -> None:
    desk = Desk({"notional_usd": "500", "horizon": "2d", "safety_factor": "1.5", "bases": ["BTC"]})
    desk.cycle()
    (wanted,) = desk.view.scans
    assert wanted.notional_usd == 500
    assert wanted.horizon_hours == 48
    assert wanted.min_capture_ratio == Decimal("2.5")
    assert wanted.max_break_even_hours == 48
    assert wanted.bases == frozenset({"BTC"})


def test_an_opportunity_is_opened_with_its_figures_as_text() -> None:
    desk = Desk()
    desk.view.rows = [row_of()]
    (intent,) = desk.cycle()
    assert isinstance(intent, OpenHedge)
    plan = intent.plan
    assert [(leg.instrument, leg.side, leg.quantity) for leg in plan.legs] == [
        ("BTC-PERP.a", PositionSide.LONG, Decimal(10)),
        ("BTC-PERP.b", PositionSide.SHORT, Decimal(10)),
    ]
    assert plan.max_slippage_bps == 10
    assert plan.reason == "36.00 bps of funding expected in 72 h, 12.00 bps for all four fills"
    assert plan.numbers["capture_bps"] == "36"
    assert plan.numbers["carry_bps_hour"] == "0.5"
    assert plan.numbers["cost_bps"] == "12"
    assert all(isinstance(text, str) for text in plan.numbers.values())


def test_the_best_come_first_and_no_more_than_allowed() -> None:
    desk = Desk({"max_hedges": 2})
    desk.view.rows = [row_of(base) for base in ("BTC", "BTC", "ETH", "SOL")]
    assert desk.opens() == [("BTC-PERP.a", "BTC-PERP.b"), ("ETH-PERP.a", "ETH-PERP.b")]


@pytest.mark.parametrize("status", [HedgeStatus.OPENING, HedgeStatus.CLOSING, HedgeStatus.HALTED])
def test_a_hedge_in_any_state_takes_its_place(status: HedgeStatus) -> None:
    desk = Desk({"max_hedges": 1, "rotate": False})
    desk.hold(status=status)
    desk.view.rows = [row_of("ETH")]
    assert desk.cycle() == []


@pytest.mark.parametrize(
    "row",
    [
        row_of(capture="23"),
        row_of(break_even_hours=Decimal(49)),
        row_of(break_even_hours=None),
        row_of(carry_bps_hour=Decimal(0)),
        row_of(basis_bps=Decimal(-201)),
        row_of(
            capture="90",
            cost=HedgeCost(fees_bps=Decimal(3), spread_bps=Decimal(12), impact_bps=Decimal("8.1")),
        ),
    ],
)
def test_a_row_that_misses_a_gate_is_not_opened(row: Opportunity) -> None:
    desk = Desk()
    desk.view.rows = [row]
    assert desk.opens() == []


def test_the_safety_factor_is_met_exactly() -> None:
    desk = Desk()
    desk.view.rows = [row_of(capture="24")]
    assert len(desk.opens()) == 1


@pytest.mark.parametrize(
    "equity", [Unknown("HTTP 503"), Stale(Decimal(10_000), "test", NOON), Fresh(Decimal(399), "test", NOON)]
)
def test_without_fresh_and_sufficient_equity_nothing_is_opened(equity: Reading[Decimal]) -> None:
    desk = Desk()
    desk.view.rows = [row_of()]
    desk.view.equity = equity
    assert desk.opens() == []


def test_open_hedges_bind_their_capital() -> None:
    desk = Desk()
    desk.hold()
    desk.view.rows = [row_of("ETH")]
    desk.view.equity = Fresh(Decimal(799), "test", NOON)
    assert desk.opens() == []
    desk.view.equity = Fresh(Decimal(800), "test", NOON)
    assert len(desk.opens()) == 1


def test_beside_a_hedge_of_unknown_capital_nothing_is_opened() -> None:
    desk = Desk()
    desk.hold(entry_numbers={})
    desk.view.rows = [row_of("ETH")]
    assert desk.opens() == []


def test_no_hedge_is_opened_on_an_instrument_that_another_holds() -> None:
    # Long a, short b is open. A venue keeps one position for an instrument, so neither a nor b is free.
    desk = Desk({"max_hedges_per_base": 3})
    desk.hold()
    a, b, c, d = (InstrumentId(f"BTC-PERP.{exchange}") for exchange in "abcd")
    sharing = [row_of(long=b, short=c), row_of(long=c, short=a), row_of(long=a, short=c)]
    desk.view.rows = [*sharing, row_of(long=c, short=d)]
    assert desk.opens() == [(c, d)]


def test_a_pair_is_held_once() -> None:
    desk = Desk({"max_hedges_per_base": 3})
    desk.hold()
    desk.view.rows = [row_of()]
    assert desk.opens() == []


# Cooldown and churn brake


def test_a_failed_entry_is_not_tried_again_before_the_cooldown() -> None:
    desk = Desk()
    desk.view.rows = [row_of()]
    assert len(desk.opens()) == 1
    assert desk.opens(MINUTE_NS) == []
    assert desk.opens(4 * HOUR_NS - MINUTE_NS - 1) == []
    assert len(desk.opens(1)) == 1


def test_a_failed_entry_consumes_the_pairs_budget() -> None:
    desk = Desk({"cooldown": "1m", "max_cost_usd_pair_day": "2.5", "max_cost_usd_day": "100"})
    desk.view.rows = [row_of()]
    opened = [len(desk.opens(2 * MINUTE_NS)) for _ in range(5)]
    assert opened == [1, 1, 0, 0, 0]
    assert len(desk.opens(DAY_NS)) == 1


def test_the_days_budget_holds_for_all_pairs_together() -> None:
    desk = Desk({"max_cost_usd_day": "2.5", "max_hedges": 3})
    desk.view.rows = [row_of(base) for base in ("BTC", "ETH", "SOL")]
    assert len(desk.opens()) == 2


def test_a_pair_cools_down_after_its_hedge_is_gone_also_when_the_legs_are_swapped() -> None:
    desk = Desk()
    desk.hold()
    desk.cycle()
    desk.view.hedges = []
    swapped = row_of(long=InstrumentId("BTC-PERP.b"), short=InstrumentId("BTC-PERP.a"))
    desk.view.rows = [swapped]
    assert desk.opens(MINUTE_NS) == []
    assert desk.opens(4 * HOUR_NS - 1) == []
    assert len(desk.opens(1)) == 1


def test_the_memory_is_durable_before_an_intent_is_returned() -> None:
    class Broken(MemoryState):
        async def put(self, key: str, value: str) -> None:
            raise StorageError("disk full")

    desk = Desk(state=Broken())
    desk.view.rows = [row_of()]
    with pytest.raises(StorageError, match="disk full"):
        desk.cycle()


def test_nothing_is_written_when_nothing_changed() -> None:
    class Counting(MemoryState):
        writes = 0

        async def put(self, key: str, value: str) -> None:
            self.writes += 1
            await super().put(key, value)

    state = Counting()
    desk = Desk(state=state)
    desk.hold()
    for _ in range(3):
        desk.cycle(MINUTE_NS)
    assert state.writes == 1


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 2}', '{"version": 1, "charges": [[1]]}'])
def test_memory_that_cannot_be_read_is_not_taken_for_empty(text: str) -> None:
    desk = Desk(state=MemoryState({"memory": text}))
    with pytest.raises(StorageError, match=r"strategy fa: .*delete it"):
        desk.cycle()
