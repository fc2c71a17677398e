"""Joining the parts of a run that are ours, once the plugins are open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from arb.api import Exchange, Strategy
from arb.execution import AccountSync, AtomicMultiOrderExecutor, ExecutionServices, LeverageKeeper, Recorder
from arb.funding import FinderSettings, FundingBook, FundingCollector, FxBook, OpportunityFinder, StatsBook
from arb.kernel import Composition, Config
from arb.marketdata import PriceProvider
from arb.model import DAY_NS, HOUR_NS, SECOND_NS, ExchangeName, FundingKind, Instrument, InstrumentId
from arb.risk import RiskLimits, RiskManager

from ._accounts import Accounts
from ._collecting import Collecting
from ._context import Ports
from ._engine import EngineParts
from ._hedge_money import HedgeMoney
from ._keeper import Keeper
from ._trader import RunningStrategy, Trader

_HISTORY_NS = 14 * DAY_NS
LONG_ANSWER_NS = 60 * SECOND_NS
"""What a long listing or a decision may take, where `[run] order_timeout` is shorter."""


@dataclass(frozen=True, slots=True)
class _Books:
    """What is known of the venues, kept in memory."""

    funding: FundingBook
    stats: StatsBook
    fx: FxBook


async def wired(
    composition: Composition,
    ports: Ports,
    recorder: Recorder,
    exchanges: Mapping[ExchangeName, Exchange],
    strategies: Mapping[str, Strategy],
    prices: PriceProvider,
) -> EngineParts:
    """Build everything between the plugins and the engine."""
    config, clock = composition.config, ports.clock
    instruments: dict[InstrumentId, Instrument] = {one.id: one for one in await recorder.journal.instruments()}
    books = await _books(config, recorder, instruments, clock.now_ns())
    accounts = Accounts(
        exchanges, clock, books.fx, max_age_ns=config.run.max_price_age, timeout_ns=config.run.order_timeout
    )
    answer_timeout = max(config.run.order_timeout, LONG_ANSWER_NS)
    sync = AccountSync(exchanges, recorder, clock, timeout_ns=answer_timeout)
    services = _services(composition, ports, recorder, exchanges, instruments, prices, accounts, sync)
    executor = AtomicMultiOrderExecutor(services)
    money = HedgeMoney(accounts.usd_rate)
    keeper = Keeper(
        exchanges=exchanges,
        accounts=accounts,
        sync=sync,
        executor=executor,
        recorder=recorder,
        money=money,
        clock=clock,
    )
    return EngineParts(
        clock=clock,
        exchanges=exchanges,
        instruments=instruments,
        strategies=[
            RunningStrategy(name=name, strategy=one, exchanges=frozenset(config.strategies[name].exchanges))
            for name, one in strategies.items()
        ],
        recorder=recorder,
        collecting=Collecting(
            exchanges=exchanges,
            instruments=instruments,
            collector=FundingCollector(
                exchanges=list(exchanges.values()),
                instruments=instruments,
                clock=clock,
                funding=books.funding,
                stats=books.stats,
                fx=books.fx,
            ),
            recorder=recorder,
            clock=clock,
            timeout_ns=answer_timeout,
        ),
        funding_book=books.funding,
        finder=_finder(config, ports, instruments, books, prices),
        prices=prices,
        accounts=accounts,
        keeper=keeper,
        trader=Trader(
            instruments=instruments,
            accounts=accounts,
            keeper=keeper,
            prices=prices,
            risk=RiskManager(_limits(config)),
            executor=executor,
            recorder=recorder,
            max_price_age_ns=config.run.max_price_age,
        ),
        money=money,
        collect_every_ns=config.run.collect_every,
        sample_every_ns=config.run.sample_every,
        instruments_every_ns=HOUR_NS,
        decision_timeout_ns=answer_timeout,
    )


async def _books(
    config: Config, recorder: Recorder, instruments: Mapping[InstrumentId, Instrument], now_ns: int
) -> _Books:
    """Make the books and fill in the settled rates that an earlier session stored."""
    max_age = max(2 * config.run.collect_every, config.run.max_price_age)
    funding = FundingBook(max_age_ns=max_age)
    for instrument in instruments:
        stored = await recorder.journal.funding_rates(instrument, FundingKind.SETTLED, now_ns - _HISTORY_NS, now_ns)
        funding.add_settled(stored)
    return _Books(funding, StatsBook(max_age_ns=max_age), FxBook(assumed=config.run.fx, max_age_ns=max_age))


def _services(
    composition: Composition,
    ports: Ports,
    recorder: Recorder,
    exchanges: Mapping[ExchangeName, Exchange],
    instruments: Mapping[InstrumentId, Instrument],
    prices: PriceProvider,
    accounts: Accounts,
    sync: AccountSync,
) -> ExecutionServices:
    config = composition.config
    leverage = {ExchangeName(name): use.leverage for name, use in config.exchanges.items() if use.leverage is not None}
    return ExecutionServices(
        exchanges=exchanges,
        instruments=instruments,
        prices=prices,
        recorder=recorder,
        sync=sync,
        leverage=LeverageKeeper(exchanges, leverage, ports.clock, timeout_ns=config.run.order_timeout),
        clock=ports.clock,
        ids=ports.ids,
        veto=composition.registry.veto_order,
        usd_rate=accounts.usd_rate,
        max_price_age_ns=config.run.max_price_age,
        order_timeout_ns=config.run.order_timeout,
    )


def _finder(
    config: Config,
    ports: Ports,
    instruments: Mapping[InstrumentId, Instrument],
    books: _Books,
    prices: PriceProvider,
) -> OpportunityFinder:
    return OpportunityFinder(
        instruments=instruments,
        funding=books.funding,
        stats=books.stats,
        fx=books.fx,
        prices=prices,
        clock=ports.clock,
        settings=FinderSettings(max_price_age_ns=config.run.max_price_age, max_leverage=config.risk.max_leverage),
    )


def _limits(config: Config) -> RiskLimits:
    return RiskLimits(
        max_hedge_notional_usd=config.risk.max_hedge_notional_usd,
        max_exchange_notional_usd=config.risk.max_exchange_notional_usd,
        max_total_notional_usd=config.risk.max_total_notional_usd,
        max_hedges=config.risk.max_hedges,
        max_leverage=config.risk.max_leverage,
        min_liquidation_distance=config.risk.min_liquidation_distance,
        max_mark_divergence_bps=config.risk.max_mark_divergence_bps,
    )
