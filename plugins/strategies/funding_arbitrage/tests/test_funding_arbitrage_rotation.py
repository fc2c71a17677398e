"""A hedge is left for a clearly better use of its place, and for nothing less."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from plugins.strategies.funding_arbitrage.tests.conftest import NOON, UNKNOWN, Desk, row_of

from arb.model import HOUR_NS, MINUTE_NS, Fresh, HedgeStatus, InstrumentId


def full_desk(new_capture: str, **settings: Any) -> Desk:
    """One place, taken by a hedge that still earns 14.4 bps in three days; something else earns more."""
    desk = Desk({"max_hedges": 1, "confirm": "1h", **settings})
    desk.hold(steady="0.2")
    desk.view.rows = [row_of("ETH", capture=new_capture)]
    return desk


def test_a_hedge_is_left_for_a_clearly_better_one() -> None:
    # 14.4 + 6 for the old exit + 6 for the new entry = 26.4 bps.
    desk = full_desk("26.5")
    assert desk.closes() == []
    assert desk.closes(HOUR_NS) == [("h1", "better_use")]
    desk.view.hedges = []
    assert desk.opens(MINUTE_NS) == [("ETH-PERP.a", "ETH-PERP.b")]


def test_a_little_better_is_not_enough() -> None:
    desk = full_desk("26.4")
    assert all(desk.closes(HOUR_NS) == [] for _ in range(5))


def test_a_better_use_that_passes_starts_again() -> None:
    desk = full_desk("40")
    desk.cycle()
    rows, desk.view.rows = desk.view.rows, []
    desk.cycle(30 * MINUTE_NS)
    desk.view.rows = rows
    assert desk.closes(30 * MINUTE_NS) == []
    assert desk.closes(HOUR_NS) == [("h1", "better_use")]


def test_nothing_is_left_while_there_is_a_free_place() -> None:
    desk = full_desk("80", max_hedges=2)
    assert desk.opens() == [("ETH-PERP.a", "ETH-PERP.b")]
    assert all(desk.closes(HOUR_NS) == [] for _ in range(3))


def test_a_better_pair_of_the_same_asset_takes_the_place_of_the_old() -> None:
    desk = full_desk("80", max_hedges=3)
    better = row_of("BTC", capture="80", short=InstrumentId("BTC-PERP.c"))
    desk.view.rows = [better]
    desk.cycle()
    assert desk.closes(HOUR_NS) == [("h1", "better_use")]


def test_rotation_can_be_switched_off_and_then_a_full_desk_does_not_scan() -> None:
    desk = full_desk("80", rotate=False)
    assert desk.closes() == desk.closes(2 * HOUR_NS) == []
    assert desk.view.scans == []


def test_a_hedge_that_cannot_be_valued_is_not_left_for_another() -> None:
    desk = full_desk("80")
    desk.view.figures["h1"] = UNKNOWN
    assert desk.closes() == desk.closes(2 * HOUR_NS) == []


def test_nothing_is_left_for_what_would_not_fit_even_then() -> None:
    desk = full_desk("80", max_hedges=2)
    desk.hold("h2", "SOL", status=HedgeStatus.HALTED)
    desk.view.equity = Fresh(Decimal(799), "test", NOON)
    assert desk.closes() == desk.closes(2 * HOUR_NS) == []
    desk.view.equity = Fresh(Decimal(800), "test", NOON)
    desk.cycle()
    assert desk.closes(HOUR_NS) == [("h1", "better_use")]


def test_the_same_pair_is_no_better_use_of_itself() -> None:
    desk = full_desk("80")
    desk.view.rows = [row_of("BTC", capture="80")]
    assert desk.closes() == desk.closes(2 * HOUR_NS) == []


def test_a_pair_that_may_not_be_entered_is_no_better_use() -> None:
    desk = full_desk("80", max_cost_usd_day="1", max_cost_usd_pair_day="1")
    assert desk.closes() == desk.closes(2 * HOUR_NS) == []
