"""Every order that opens risk passes the gate at the moment it leaves; one that reduces always does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from arb.api import Halted, OrderIntent, Veto, hookimpl
from arb.kernel import Registry
from arb.model import (
    ClientOrderId,
    Hedge,
    HedgeId,
    HedgePlan,
    HedgeStatus,
    Instrument,
    InstrumentId,
    InstrumentStatus,
    Leg,
    OrderRequest,
    PositionSide,
    Side,
)
from arb.risk import (
    EVERYTHING,
    ORDER_TOLERANCE,
    ApprovedPlan,
    ClearedOrder,
    Halts,
    MemoryHaltStore,
    RefusalCode,
    RiskLimits,
    RiskManager,
    RiskRefused,
)
from arb.testing import START_NS, FakeClock, sample_instrument

BTC = sample_instrument("venue", "BTC")
CAP = Decimal(10_000)
LIMITS = RiskLimits(
    max_hedge_notional_usd=CAP,
    max_instrument_notional_usd=CAP,
    max_exchange_notional_usd=CAP,
    max_pair_notional_usd=CAP,
    max_total_notional_usd=CAP,
    max_hedges=1,
    max_leverage=Decimal(3),
    min_liquidation_distance=Decimal("0.1"),
    min_available_margin=Decimal("0.1"),
    max_maintenance_ratio=Decimal("0.5"),
    max_mark_divergence_bps=Decimal(100),
    max_depeg_bps=Decimal(100),
    max_price_age_ns=1,
    max_account_age_ns=1,
)
HEDGE = Hedge(
    id=HedgeId("h"),
    strategy="test",
    base="BTC",
    legs=(
        Leg(
            instrument=BTC.id,
            side=PositionSide.LONG,
            target_quantity=Decimal("0.2"),
            multiplier=Decimal(1),
            entry_quantity=Decimal("0.1"),
        ),
        Leg(
            instrument=InstrumentId("BTC-PERP.other"),
            side=PositionSide.SHORT,
            target_quantity=Decimal("0.2"),
            multiplier=Decimal(1),
        ),
    ),
    status=HedgeStatus.OPENING,
    created_ns=START_NS,
    max_slippage_bps=Decimal(10),
    entry_reason="test",
)


def order(quantity: str = "0.1", *, side: Side = Side.BUY, reduce_only: bool = False) -> OrderRequest:
    return OrderRequest(
        client_order_id=ClientOrderId("c"),
        instrument=BTC.id,
        side=side,
        quantity=Decimal(quantity),
        price=Decimal(50_000),
        reduce_only=reduce_only,
    )


class Gate:
    """A gate whose veto counts how often it was asked."""

    def __init__(self, answer: Callable[[OrderIntent], Veto | None] = lambda _: None) -> None:
        self.asked: list[OrderIntent] = []
        self.answer = answer
        self.instruments: dict[InstrumentId, Instrument] = {BTC.id: BTC}
        self.halts = Halts(MemoryHaltStore(), FakeClock())
        self.manager = RiskManager(
            LIMITS, halts=self.halts, veto=self._veto, clock=FakeClock(), instruments=self.instruments
        )

    def _veto(self, intent: OrderIntent) -> Veto | None:
        self.asked.append(intent)
        return self.answer(intent)

    def clear(self, request: OrderRequest | None = None, hedge: Hedge = HEDGE, notional: object = 5000) -> ClearedOrder:
        notional_usd = None if notional is None else Decimal(str(notional))
        return self.manager.clear_opening(request or order(), hedge, notional_usd=notional_usd)

    def refusal(
        self, request: OrderRequest | None = None, hedge: Hedge = HEDGE, notional: object = 5000
    ) -> RefusalCode:
        with pytest.raises(RiskRefused) as caught:
            self.clear(request, hedge, notional)
        assert BTC.id in str(caught.value)
        return caught.value.refusal.code


def test_an_order_inside_every_limit_is_cleared_as_it_is() -> None:
    gate, request = Gate(), order()
    assert gate.clear(request).request is request
    assert [(one.order, one.hedge, one.notional_usd) for one in gate.asked] == [(request, HEDGE, Decimal(5000))]


@pytest.mark.parametrize("scope", [EVERYTHING, "venue"])
def test_drill_no_opening_order_passes_a_halt(scope: str) -> None:
    gate = Gate()
    gate.halts.halt(scope, "the test says so", by="test")
    with pytest.raises(Halted, match=r"BTC-PERP.venue: halt 1 .*the test says so"):
        gate.clear()
    assert gate.asked == []
    gate.halts.lift(by="a person", reason="looked")
    gate.halts.halt("other", "the test says so", by="test")
    gate.clear()


def test_drill_a_leg_is_never_filled_beyond_its_target() -> None:
    gate = Gate()
    assert gate.refusal(order("0.100001")) is RefusalCode.LEG_TARGET
    half_closed = replace(HEDGE, legs=(replace(HEDGE.legs[0], exit_quantity=Decimal("0.1")), HEDGE.legs[1]))
    assert gate.refusal(order("0.100001"), half_closed) is RefusalCode.LEG_TARGET
    assert gate.asked == []


def test_drill_a_leg_in_pieces_is_held_to_the_cap_as_a_whole() -> None:
    gate = Gate()
    # Half of the leg is filled: an order of half the cap and a little is the whole cap and a little.
    most = CAP / 2 * (1 + ORDER_TOLERANCE)
    gate.clear(notional=most)
    assert gate.refusal(notional=most + Decimal("0.01")) is RefusalCode.HEDGE_NOTIONAL


@pytest.mark.parametrize("notional", [None, "NaN", "Infinity", "0", "-1"])
def test_drill_an_order_of_unknown_value_is_refused(notional: str | None) -> None:
    assert Gate().refusal(notional=notional) is RefusalCode.QUOTE_UNKNOWN


@pytest.mark.parametrize("status", [one for one in InstrumentStatus if one is not InstrumentStatus.TRADING])
def test_drill_an_instrument_stopped_trading_since_the_plan(status: InstrumentStatus) -> None:
    gate = Gate()
    gate.instruments[BTC.id] = replace(BTC, status=status)
    assert gate.refusal() is RefusalCode.NOT_TRADING
    del gate.instruments[BTC.id]
    assert gate.refusal() is RefusalCode.NOT_TRADING


@pytest.mark.parametrize("status", [one for one in HedgeStatus if one is not HedgeStatus.OPENING])
def test_drill_a_hedge_that_is_not_being_opened_grows_no_more(status: HedgeStatus) -> None:
    assert Gate().refusal(hedge=replace(HEDGE, status=status)) is RefusalCode.NOT_ITS_LEG


def test_drill_an_order_that_belongs_to_no_leg_is_refused() -> None:
    gate = Gate()
    assert gate.refusal(order(side=Side.SELL)) is RefusalCode.NOT_ITS_LEG
    elsewhere = replace(HEDGE, legs=HEDGE.legs[1:])
    assert gate.refusal(hedge=elsewhere) is RefusalCode.NOT_ITS_LEG
    assert gate.refusal(order(side=Side.SELL), elsewhere) is RefusalCode.NOT_ITS_LEG


# Vetoes of plugins.


class Guardian:
    """A plugin that answers, or breaks."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    @hookimpl
    def arb_veto_order(self, intent: OrderIntent) -> object:
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Veto("too late in the day"), "strict: too late in the day"),
        (RuntimeError("no network"), "strict failed: RuntimeError: no network"),
        (SystemExit(1), "strict failed: it tried to exit the process"),
        (True, "strict answered a bool, neither a Veto nor None"),
    ],
)
def test_drill_a_veto_stops_the_order_and_a_guard_that_breaks_is_a_veto(answer: object, reason: str) -> None:
    registry = Registry()
    registry.attach("calm", Guardian(None))
    gate = Gate(registry.veto_order)
    gate.clear()
    registry.attach("strict", Guardian(answer))
    with pytest.raises(RiskRefused, match="vetoed") as caught:
        gate.clear()
    assert caught.value.refusal.code is RefusalCode.VETOED
    assert caught.value.refusal.note.startswith(reason)


# Reducing.


def test_drill_nothing_stands_in_the_way_of_an_order_that_only_reduces() -> None:
    gate = Gate(lambda _: Veto("never"))
    gate.halts.halt(EVERYTHING, "the test says so", by="test")
    gate.instruments.clear()
    closing, closed = order("9", side=Side.SELL, reduce_only=True), replace(HEDGE, status=HedgeStatus.HALTED)
    assert gate.manager.clear_closing(closing).request is closing
    assert gate.clear(closing, closed, None).request is closing
    assert gate.asked == []


def test_drill_an_order_that_opens_is_not_cleared_as_one_that_closes() -> None:
    with pytest.raises(ValueError, match="not reduce-only, so it opens risk"):
        Gate().manager.clear_closing(order())


# The types.


def test_drill_only_the_gate_makes_what_execution_takes() -> None:
    plan = HedgePlan(base="BTC", legs=(), max_slippage_bps=Decimal(1), reason="test")
    with pytest.raises(TypeError, match="only RiskManager approves"):
        ApprovedPlan(plan, object())
    with pytest.raises(TypeError, match="only RiskManager clears"):
        ClearedOrder(order(), object())
    with pytest.raises(TypeError):
        ApprovedPlan(plan)  # type: ignore[call-arg]


def test_drill_a_clearance_cannot_be_turned_into_another_one() -> None:
    cleared = Gate().clear()
    with pytest.raises(ValueError, match="gate"):
        replace(cleared, request=order("9"))  # type: ignore[call-arg]
    with pytest.raises(AttributeError):
        cleared.request = order("9")  # type: ignore[misc]
    assert not hasattr(cleared, "gate")
