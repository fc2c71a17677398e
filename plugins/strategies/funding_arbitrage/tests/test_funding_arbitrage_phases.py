"""What the strategy does, cycle by cycle, on a view that the test scripts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pytest

from arb.api import StorageError
from arb.model import (
    BPS,
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    Bbo,
    CloseHedge,
    ExchangeName,
    Fresh,
    FundingKind,
    FundingRate,
    Hedge,
    HedgeCost,
    HedgeId,
    HedgeOutlook,
    HedgeStatus,
    Instrument,
    InstrumentId,
    Intent,
    Leg,
    OpenHedge,
    Opportunity,
    OpportunityFilter,
    OpportunityScan,
    PositionSide,
    RateUnit,
    Reading,
    Stale,
    Unknown,
)
from arb.testing import START_NS, FakeContext, MemoryState
from arb_strategy_funding_arbitrage._settings import FundingArbitrageSettings
from arb_strategy_funding_arbitrage._strategy import open_strategy

NOON = START_NS + 12 * HOUR_NS + 30 * MINUTE_NS


@dataclass
class ScriptedView:
    """A StrategyView whose expected capture is the sum of the payments the test lists.

    Attributes:
        payments: For each hedge, (time, basis points) of the settlements to come.
        steady_bps_hour: For each hedge, what it is expected to earn each hour on top.
        figures: For each hedge, fields of the outlook that differ from a healthy one.
        due: For each instrument, when it settles next and at which interval.
    """

    now_ns: int = NOON
    instruments: dict[InstrumentId, Instrument] = field(default_factory=dict)
    hedges: list[Hedge] = field(default_factory=list)
    rows: list[Opportunity] = field(default_factory=list)
    payments: dict[str, list[tuple[int, Decimal]]] = field(default_factory=dict)
    steady_bps_hour: dict[str, Decimal] = field(default_factory=dict)
    figures: dict[str, dict[str, Any]] = field(default_factory=dict)
    due: dict[str, tuple[int, int]] = field(default_factory=dict)
    equity: Reading[Decimal] = field(default_factory=lambda: Fresh(Decimal(10_000), "test", NOON))
    scans: list[OpportunityFilter] = field(default_factory=list)

    def equity_usd(self, exchange: ExchangeName) -> Reading[Decimal]:
        return self.equity

    def funding(self, instrument: InstrumentId) -> Reading[FundingRate]:
        if instrument not in self.due:
            return Unknown("not scripted")
        next_ns, interval_ns = self.due[instrument]
        while next_ns <= self.now_ns:
            next_ns += interval_ns
        rate = FundingRate(
            instrument=instrument,
            raw=Decimal(0),
            unit=RateUnit(factor=Decimal(1), period_ns=HOUR_NS),
            interval_ns=interval_ns,
            kind=FundingKind.PREDICTED,
            ts_event_ns=self.now_ns,
            ts_init_ns=self.now_ns,
            next_funding_ns=next_ns,
        )
        return Fresh(rate, "test", self.now_ns)

    async def bbo(self, instrument: InstrumentId, max_age_ns: int) -> Reading[Bbo]:
        return Unknown("not scripted")

    async def scan(self, wanted: OpportunityFilter) -> OpportunityScan:
        self.scans.append(wanted)
        return OpportunityScan(ts_ns=self.now_ns, rows=tuple(self.rows), skipped=())

    async def outlook(self, hedge: Hedge, horizon_hours: Decimal) -> HedgeOutlook:
        until = self.now_ns + int(horizon_hours * HOUR_NS)
        listed = self.payments.get(hedge.id, [])
        capture = sum((bps for at, bps in listed if self.now_ns < at <= until), Decimal(0))
        capture += self.steady_bps_hour.get(hedge.id, Decimal(0)) * horizon_hours
        healthy = HedgeOutlook(
            hedge=hedge,
            ts_ns=self.now_ns,
            horizon_hours=horizon_hours,
            notional_usd=Decimal(1_000),
            carry_bps_hour=self.steady_bps_hour.get(hedge.id, Decimal("0.5")),
            capture_bps=capture,
            exit_cost_bps=Decimal(6),
            funding=Decimal(1),
            fees=Decimal("0.4"),
            price_pnl=Decimal(-1),
            liquidation_distance=Decimal("0.3"),
        )
        return replace(healthy, **self.figures.get(hedge.id, {}))


@dataclass
class Desk:
    """A strategy with its view and memory; `cycle` is one decision."""

    settings: dict[str, Any] = field(default_factory=dict)
    view: ScriptedView = field(default_factory=ScriptedView)
    state: MemoryState = field(default_factory=MemoryState)

    def cycle(self, after_ns: int = 0) -> Sequence[Intent]:
        """Decide once, later by `after_ns`; each decision is made by a strategy opened anew."""
        self.view.now_ns += after_ns
        if isinstance(self.view.equity, Fresh):
            self.view.equity = replace(self.view.equity, observed_ns=self.view.now_ns)

        async def decide() -> Sequence[Intent]:
            context = FakeContext("fa", state=self.state)
            settings = FundingArbitrageSettings.model_validate(self.settings)
            async with open_strategy(settings, context) as strategy:
                return await strategy.decide(self.view)

        return asyncio.run(decide())

    def closes(self, after_ns: int = 0) -> list[tuple[str, str]]:
        return [(each.hedge_id, each.reason) for each in self.cycle(after_ns) if isinstance(each, CloseHedge)]

    def opens(self, after_ns: int = 0) -> list[tuple[str, str]]:
        plans = [each.plan for each in self.cycle(after_ns) if isinstance(each, OpenHedge)]
        return [(plan.legs[0].instrument, plan.legs[1].instrument) for plan in plans]

    def hold(self, name: str = "h1", base: str = "BTC", *, steady: str | None = "0.5", **changes: Any) -> Hedge:
        """Let a hedge be open that entered at 0.5 bps an hour."""
        hedge = replace(hedge_of(name, base), **changes)
        self.view.hedges.append(hedge)
        if steady is not None:
            self.view.steady_bps_hour[name] = Decimal(steady)
        return hedge

    def weaken(self, carry: str, **figures: Any) -> None:
        """Let the carry of h1 be so, now and as far as can be seen."""
        self.view.steady_bps_hour["h1"] = Decimal(carry)
        self.view.figures["h1"] = figures


def hedge_of(name: str, base: str) -> Hedge:
    legs = tuple(
        Leg(
            instrument=InstrumentId(f"{base}-PERP.{exchange}"),
            side=side,
            target_quantity=Decimal(10),
            multiplier=Decimal(1),
            entry_quantity=Decimal(10),
            entry_price=Decimal(100),
        )
        for exchange, side in (("a", PositionSide.LONG), ("b", PositionSide.SHORT))
    )
    return Hedge(
        id=HedgeId(name),
        strategy="fa",
        base=base,
        legs=legs,
        status=HedgeStatus.OPEN,
        created_ns=NOON - HOUR_NS,
        opened_ns=NOON - HOUR_NS,
        max_slippage_bps=Decimal(10),
        entry_reason="test",
        entry_numbers={"carry_bps_hour": "0.5", "capital_usd": "800"},
    )


def row_of(base: str = "BTC", capture: str = "36", **changes: Any) -> Opportunity:
    total, notional = Decimal(12), Decimal(1_000)
    row = Opportunity(
        base=base,
        long=InstrumentId(f"{base}-PERP.a"),
        short=InstrumentId(f"{base}-PERP.b"),
        long_quantity=Decimal(10),
        short_quantity=Decimal(10),
        notional_usd=notional,
        long_rate_hour=Decimal("0.00001"),
        short_rate_hour=Decimal("0.00006"),
        carry_bps_hour=Decimal(capture) / 72,
        capture_bps=Decimal(capture),
        cost=HedgeCost(fees_bps=total - 2, spread_bps=Decimal(1), impact_bps=Decimal(1)),
        break_even_hours=total / (Decimal(capture) / 72),
        basis_bps=Decimal(3),
        net_usd=(Decimal(capture) - total) * BPS * notional,
        capital_usd=Decimal(800),
        score=Decimal("0.00001"),
    )
    return replace(row, **changes)


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


UNKNOWN = {"carry_bps_hour": None, "capture_bps": None, "stale": ("the predicted funding rate is stale",)}


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


# Rotation


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


def test_exits_come_before_entries() -> None:
    desk = Desk()
    desk.hold()
    desk.view.figures["h1"] = {"liquidation_distance": Decimal(0)}
    desk.view.rows = [row_of("ETH")]
    assert [type(intent) for intent in desk.cycle()] == [CloseHedge, OpenHedge]
