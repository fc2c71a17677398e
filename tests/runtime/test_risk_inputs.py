"""What the gate is told is what the venues said, with its age; what they did not say is unknown."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from arb.api import ArbError, Capability, Clock, ConnectFailed, Exchange
from arb.execution import LeverageKeeper
from arb.funding import FxBook, StatsBook
from arb.kernel import read_config
from arb.marketdata import PriceProvider
from arb.model import (
    MINUTE_NS,
    SECOND_NS,
    ClientOrderId,
    ExchangeName,
    Fresh,
    HedgePlan,
    Instrument,
    InstrumentId,
    LegPlan,
    MarginMode,
    OrderBook,
    OrderRequest,
    PositionSide,
    Side,
    Stale,
    Unknown,
    parse_utc,
)
from arb.risk import ApprovedPlan, Halts, MarginSetting, MemoryHaltStore, PricedLeg, RefusalCode, RiskManager
from arb.runtime._accounts import Accounts
from arb.runtime._risk_inputs import RiskInputs
from arb.runtime._risk_policy import breaker_limits, risk_limits
from arb.simulation._clock import VirtualClock
from arb.simulation._loop import run_virtual
from arb.testing import START_NS, Fault, MemoryExchange

LEFT, RIGHT = ExchangeName("left"), ExchangeName("right")
EVERYTHING = frozenset(Capability) - {Capability.DEAD_MANS_SWITCH}


class BookSource:
    """Reads every book from the exchange."""

    async def fetch_order_book(self, exchange: Exchange, instrument: InstrumentId, depth: int) -> OrderBook:
        return await exchange.market.fetch_order_book(instrument, depth)


@dataclass
class Desk:
    """Two venues, and everything between them and the gate."""

    clock: Clock
    left: MemoryExchange
    right: MemoryExchange
    accounts: Accounts
    inputs: RiskInputs
    stats: StatsBook
    fx: FxBook

    @classmethod
    def on(cls, clock: Clock, configured: dict[ExchangeName, Decimal], capabilities: frozenset[Capability]) -> Desk:
        left = MemoryExchange(LEFT, clock=clock, deposit=10_000, capabilities=capabilities)
        right = MemoryExchange(RIGHT, clock=clock, deposit=20_000)
        exchanges: dict[ExchangeName, Exchange] = {LEFT: left, RIGHT: right}
        fx, stats = FxBook(assumed={"USD": Decimal(1)}, max_age_ns=MINUTE_NS), StatsBook(max_age_ns=MINUTE_NS)
        accounts = Accounts(exchanges, clock, fx, max_age_ns=10 * SECOND_NS, timeout_ns=SECOND_NS)
        instruments = {one.id: one for venue in (left, right) for one in venue._market.instruments.values()}
        inputs = RiskInputs(
            exchanges=exchanges,
            instruments=instruments,
            accounts=accounts,
            prices=PriceProvider(clock, exchanges, {}, {"books": BookSource()}),
            stats=stats,
            clock=clock,
            leverage=configured,
            max_price_age_ns=5 * SECOND_NS,
            timeout_ns=SECOND_NS,
        )
        return cls(clock, left, right, accounts, inputs, stats, fx)

    async def look(self) -> None:
        """Read rates, statistics and accounts, as a run does."""
        now_ns = self.clock.now_ns()
        for venue in (self.left, self.right):
            self.fx.observe(await venue.market.fetch_fx_rates(), venue.name, now_ns)
            self.stats.observe(await venue.market.fetch_stats(), venue.name, now_ns)
        await self.accounts.refresh()

    async def legs(self) -> Sequence[PricedLeg]:
        return await self.inputs.priced(self.plan())

    def plan(self) -> HedgePlan:
        size = Decimal("0.1")
        sides = ((self.left, PositionSide.LONG), (self.right, PositionSide.SHORT))
        return HedgePlan(
            base="BTC",
            legs=tuple(LegPlan(instrument=one.id_of("BTC"), side=side, quantity=size) for one, side in sides),
            max_slippage_bps=Decimal(10),
            reason="test",
        )

    async def buy(self, quantity: str) -> None:
        trading = self.left.trading
        assert trading is not None
        request = OrderRequest(
            client_order_id=ClientOrderId("one"),
            instrument=self.left.id_of("BTC"),
            side=Side.BUY,
            quantity=Decimal(quantity),
            price=Decimal(60_000),
        )
        await trading.send_order(await trading.prepare_order(request))


def play(
    story: Callable[[Desk], Awaitable[None]],
    *,
    configured: dict[ExchangeName, Decimal] | None = None,
    capabilities: frozenset[Capability] = EVERYTHING,
) -> None:
    async def main() -> None:
        await story(Desk.on(VirtualClock.of_running_loop(), configured or {}, capabilities))

    run_virtual(main(), start_ns=START_NS)


def test_an_account_is_told_as_the_venue_shows_it() -> None:
    async def story(desk: Desk) -> None:
        await desk.look()
        await desk.buy("0.1")
        await desk.look()
        risk = desk.inputs.risks()[LEFT]
        assert risk.positions is not None
        (held,) = risk.positions
        assert (held.instrument.id, held.position.quantity) == (desk.left.id_of("BTC"), Decimal("0.1"))
        assert held.quote_usd == 1
        assert risk.gross_notional_usd == held.notional_usd == Decimal("0.1") * held.position.mark_price
        assert isinstance(risk.equity_usd, Fresh)
        assert isinstance(risk.available_usd, Fresh)
        assert risk.available_usd.value < risk.equity_usd.value < 10_000
        assert risk.maintenance_usd is not None
        assert risk.maintenance_usd > 0
        assert desk.inputs.risks()[RIGHT].positions == ()

    play(story)


def test_an_account_that_was_not_read_is_unknown_and_one_that_ages_is_stale() -> None:
    async def story(desk: Desk) -> None:
        desk.left.faults.once("fetch_positions", Fault(error=ConnectFailed("no connection")))
        await desk.look()
        risk = desk.inputs.risks()[LEFT]
        assert (risk.positions, risk.gross_notional_usd) == (None, None)
        assert isinstance(risk.equity_usd, Unknown)
        assert isinstance(risk.available_usd, Unknown)
        await desk.look()
        assert isinstance(desk.inputs.risks()[LEFT].available_usd, Fresh)
        await desk.clock.sleep_until(desk.clock.now_ns() + 10 * SECOND_NS + 1)
        aged = desk.inputs.risks()[LEFT]
        assert isinstance(aged.equity_usd, Stale)
        assert isinstance(aged.available_usd, Stale)
        assert aged.positions == ()

    play(story)


def test_a_position_without_a_known_value_leaves_the_account_unknown() -> None:
    async def story(desk: Desk) -> None:
        await desk.look()
        await desk.buy("0.1")
        await desk.look()
        instruments = desk.inputs.instruments
        assert isinstance(instruments, dict)
        kept: Instrument = instruments.pop(desk.left.id_of("BTC"))
        assert desk.inputs.risks()[LEFT].positions is None
        instruments[kept.id] = kept
        assert desk.inputs.risks()[LEFT].positions is not None
        # The rates are too old now; nobody says what a USDC is worth.
        await desk.clock.sleep_until(desk.clock.now_ns() + MINUTE_NS + 1)
        assert desk.inputs.risks()[LEFT].positions is None

    play(story)


def test_an_exchange_without_an_account_carries_nothing() -> None:
    async def story(desk: Desk) -> None:
        await desk.look()
        assert desk.inputs.risks()[LEFT].positions == ()
        assert isinstance(desk.inputs.risks()[LEFT].equity_usd, Unknown)
        assert isinstance((await desk.legs())[0].margin, Unknown)
        total = desk.accounts.total_equity_usd()
        assert isinstance(total, Fresh)
        assert total.value == 20_000

    play(story, capabilities=EVERYTHING - {Capability.TRADING})


def test_a_leg_is_told_with_its_prices_and_what_the_venue_has_set() -> None:
    async def story(desk: Desk) -> None:
        desk.left.set_mark(desk.left.id_of("BTC"), 50_123)
        desk.left.set_fx("USDC", "0.999")
        desk.right.set_fx("USDC", "0.999")
        await desk.look()
        first, second = await desk.legs()
        assert (first.quantity, first.base_quantity, second.base_quantity) == (
            Decimal("0.1"),
            Decimal("0.1"),
            Decimal("-0.1"),
        )
        assert isinstance(first.mid_usd, Fresh)
        assert first.mid_usd.value == Decimal(50_000) * Decimal("0.999")
        assert isinstance(first.mark_usd, Fresh)
        assert first.mark_usd.value == Decimal(50_123) * Decimal("0.999")
        assert isinstance(first.quote_usd, Fresh)
        assert first.quote_usd.value == Decimal("0.999")
        assert isinstance(first.margin, Fresh)
        assert first.margin.value == MarginSetting(first.instrument.margin_tiers[0].max_leverage, MarginMode.CROSS)
        assert desk.left.faults.calls["fetch_leverage"] == 1

    play(story)


def test_what_is_not_known_of_a_leg_is_unknown() -> None:
    async def story(desk: Desk) -> None:
        desk.left.set_mark(desk.left.id_of("BTC"), None)
        await desk.look()
        desk.left.faults.once("fetch_order_book", Fault(error=ConnectFailed("no connection")))
        desk.left.faults.once("fetch_leverage", Fault(error=ConnectFailed("no connection")))
        first, second = await desk.legs()
        assert isinstance(first.mid_usd, Unknown)
        assert isinstance(first.mark_usd, Unknown)
        assert isinstance(first.margin, Unknown)
        assert isinstance(second.mark_usd, Fresh)
        await desk.clock.sleep_until(desk.clock.now_ns() + MINUTE_NS + 1)
        aged = (await desk.legs())[1]
        assert isinstance(aged.mark_usd, Unknown)
        assert isinstance(aged.quote_usd, Stale)
        assert isinstance(aged.mid_usd, Unknown)

    play(story)


def test_a_venue_that_does_not_tell_its_leverage_in_time_is_not_waited_for() -> None:
    async def story(desk: Desk) -> None:
        await desk.look()
        desk.left.faults.once("fetch_leverage", Fault(delay_ns=MINUTE_NS))
        began_ns = desk.clock.now_ns()
        first, _ = await desk.legs()
        assert isinstance(first.margin, Unknown)
        assert desk.clock.now_ns() - began_ns == SECOND_NS

    play(story)


def test_leverage_that_is_configured_is_taken_for_what_will_be_set() -> None:
    async def story(desk: Desk) -> None:
        await desk.look()
        first, _ = await desk.legs()
        assert isinstance(first.margin, Fresh)
        assert first.margin.value == MarginSetting(Decimal(2), MarginMode.CROSS)
        assert desk.left.faults.calls["fetch_leverage"] == 0

    play(story, configured={LEFT: Decimal(2)})


def test_drill_leverage_is_set_and_read_back_and_a_difference_stops_the_entry() -> None:
    async def story(desk: Desk) -> None:
        exchanges: dict[ExchangeName, Exchange] = {LEFT: desk.left, RIGHT: desk.right}
        wanted = {LEFT: Decimal(2), RIGHT: Decimal(2)}
        keeper = LeverageKeeper(exchanges, wanted, desk.clock, timeout_ns=SECOND_NS)
        await keeper.ensure(desk.right.id_of("BTC"))
        assert (desk.right.faults.calls["set_leverage"], desk.right.faults.calls["fetch_leverage"]) == (1, 1)
        with pytest.raises(ArbError, match=r"BTC-PERP\.left: the venue has leverage .* the configuration says 2"):
            await keeper.ensure(desk.left.id_of("BTC"))

    play(story, capabilities=EVERYTHING - {Capability.SET_LEVERAGE})


def test_the_equity_of_all_accounts_is_known_when_every_one_is() -> None:
    async def story(desk: Desk) -> None:
        assert isinstance(desk.accounts.total_equity_usd(), Unknown)
        await desk.look()
        total = desk.accounts.total_equity_usd()
        assert isinstance(total, Fresh)
        assert total.value == 30_000
        desk.right.faults.once("fetch_balances", Fault(error=ConnectFailed("no connection")))
        await desk.clock.sleep_until(desk.clock.now_ns() + 10 * SECOND_NS + 1)
        await desk.accounts.refresh()
        missing = desk.accounts.total_equity_usd()
        assert missing == Unknown("the equity of right is not known now")

    play(story)


def test_the_gate_decides_on_what_it_is_told(tmp_path: Path) -> None:
    file = tmp_path / "arb.toml"
    file.write_text('[storages.main]\nplugin = "sqlite"\n[exchanges.left]\nplugin = "x"\n', encoding="utf-8")

    async def story(desk: Desk) -> None:
        limits, instruments = risk_limits(read_config(file)), desk.inputs.instruments
        halts = Halts(MemoryHaltStore(), desk.clock)
        gate = RiskManager(limits, halts=halts, veto=lambda _: None, clock=desk.clock, instruments=instruments)
        await desk.look()
        decision = gate.approve(desk.plan(), await desk.legs(), desk.inputs.risks(), hedges=())
        assert isinstance(decision, ApprovedPlan)
        desk.right.set_fx("USDC", "0.98")
        await desk.look()
        decision = gate.approve(desk.plan(), await desk.legs(), desk.inputs.risks(), hedges=())
        assert not isinstance(decision, ApprovedPlan)
        assert {refusal.code for refusal in decision} == {RefusalCode.DEPEG}

    play(story)


def test_the_policy_is_what_the_configuration_says(tmp_path: Path) -> None:
    file = tmp_path / "arb.toml"
    text = '[storages.main]\nplugin = "sqlite"\n[exchanges.left]\nplugin = "x"\n'
    file.write_text(text, encoding="utf-8")
    limits, breakers = risk_limits(read_config(file)), breaker_limits(read_config(file))
    # What is absent adds no bound of its own.
    assert limits.max_instrument_notional_usd == limits.max_exchange_notional_usd
    assert limits.max_pair_notional_usd == limits.max_total_notional_usd
    assert (breakers.max_loss_usd, breakers.max_latency_ns) == (None, read_config(file).run.order_timeout // 2)
    assert parse_utc("1970-01-02T00:00:00Z") == breakers.loss_window_ns

    file.write_text(
        f"""{text}
[run]
order_timeout = "4s"
max_price_age = "3s"
[risk]
max_instrument_notional_usd = 20000
max_pair_notional_usd = 30000
max_account_age = "7s"
max_loss_usd = 123
halt_after_rejects = 7
""",
        encoding="utf-8",
    )
    limits, breakers = risk_limits(read_config(file)), breaker_limits(read_config(file))
    assert (limits.max_instrument_notional_usd, limits.max_pair_notional_usd) == (Decimal(20_000), Decimal(30_000))
    assert (limits.max_price_age_ns, limits.max_account_age_ns) == (3 * SECOND_NS, 7 * SECOND_NS)
    assert (breakers.max_loss_usd, breakers.rejects, breakers.max_latency_ns) == (Decimal(123), 7, 2 * SECOND_NS)
