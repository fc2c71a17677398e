"""Joining the parts of a run that are ours, once the plugins are open."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from arb._version import __version__
from arb.api import Exchange, Strategy
from arb.execution import (
    AccountSync,
    AtomicMultiOrderExecutor,
    ExecutionServices,
    LeverageKeeper,
    MarkoutRecorder,
    Recorder,
)
from arb.funding import FeeCalculator, FundingCollector
from arb.kernel import Composition, Config
from arb.marketdata import PriceProvider
from arb.model import HOUR_NS, SECOND_NS, ExchangeName, Instrument, InstrumentId
from arb.risk import Breakers, Halts, RiskManager

from ._accounts import Accounts
from ._book_feed import BookFeed
from ._books import finder_of, stored_books
from ._collecting import Collecting
from ._context import Ports
from ._engine import EngineParts
from ._halt_watch import HaltWatch
from ._hedge_money import HedgeMoney
from ._hints import AccountHints
from ._keeper import Keeper
from ._markouts import Markouts
from ._measured_fees import measured_fees
from ._policies import execution_policy
from ._proving import UnitProver
from ._pruning import Pruning
from ._receivables import Receivables
from ._risk_inputs import RiskInputs
from ._risk_policy import breaker_limits, risk_limits
from ._trader import RunningStrategy, Trader

LONG_ANSWER_NS = 60 * SECOND_NS
"""What a long listing or a decision may take, where `[run] order_timeout` is shorter."""


async def wired(
    composition: Composition,
    ports: Ports,
    recorder: Recorder,
    exchanges: Mapping[ExchangeName, Exchange],
    strategies: Mapping[str, Strategy],
    prices: PriceProvider,
    book_feed: BookFeed,
    halts: Halts,
) -> EngineParts:
    """Build everything between the plugins and the engine."""
    config, clock = composition.config, ports.clock
    instruments: dict[InstrumentId, Instrument] = {one.id: one for one in await recorder.journal.instruments()}
    books = await stored_books(config, recorder.journal, instruments, clock.now_ns())
    # Without resting entries nothing rests, so there is nothing to measure.
    rests = config.execution.entry_mode != "market"
    fees = await measured_fees(recorder.journal) if rests else FeeCalculator()
    accounts = Accounts(
        exchanges, clock, books.fx, max_age_ns=config.risk.max_account_age, timeout_ns=config.run.order_timeout
    )
    answer_timeout = max(config.run.order_timeout, LONG_ANSWER_NS)
    sync = AccountSync(
        exchanges,
        recorder,
        clock,
        fills_timeout_ns=config.run.order_timeout,
        payments_timeout_ns=answer_timeout,
    )
    breakers = Breakers(breaker_limits(config), halts=halts, clock=clock)
    risk = RiskManager(
        risk_limits(config), halts=halts, veto=composition.registry.veto_order, clock=clock, instruments=instruments
    )
    leverage = {ExchangeName(name): use.leverage for name, use in config.exchanges.items() if use.leverage is not None}
    executor = AtomicMultiOrderExecutor(
        ExecutionServices(
            exchanges=exchanges,
            instruments=instruments,
            prices=prices,
            recorder=recorder,
            sync=sync,
            leverage=LeverageKeeper(exchanges, leverage, clock, timeout_ns=config.run.order_timeout),
            risk=risk,
            halts=halts,
            observer=breakers,
            clock=clock,
            ids=ports.ids,
            usd_rate=accounts.usd_rate,
            max_price_age_ns=config.run.max_price_age,
            order_timeout_ns=config.run.order_timeout,
            policy=execution_policy(config.execution),
        )
    )
    money = HedgeMoney(accounts.usd_rate, instruments)
    prover = UnitProver(
        exchanges=exchanges, funding=books.funding, recorder=recorder, clock=clock, timeout_ns=answer_timeout
    )
    receivables = Receivables(instruments=instruments, funding=books.funding, recorder=recorder, clock=clock)
    keeper = Keeper(
        exchanges=exchanges,
        accounts=accounts,
        sync=sync,
        executor=executor,
        recorder=recorder,
        money=money,
        receivables=receivables,
        prover=prover,
        clock=clock,
        halts=halts,
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
                identity=books.identity,
            ),
            recorder=recorder,
            clock=clock,
            timeout_ns=answer_timeout,
        ),
        funding_book=books.funding,
        stats_book=books.stats,
        finder=finder_of(config, ports, exchanges, instruments, books, prices, fees),
        visitors_finder=finder_of(config, ports, exchanges, instruments, books, prices, fees),
        prices=prices,
        book_feed=book_feed,
        accounts=accounts,
        keeper=keeper,
        trader=Trader(
            instruments=instruments,
            keeper=keeper,
            inputs=RiskInputs(
                exchanges=exchanges,
                instruments=instruments,
                accounts=accounts,
                prices=prices,
                stats=books.stats,
                clock=clock,
                leverage=leverage,
                max_price_age_ns=config.run.max_price_age,
                timeout_ns=config.run.order_timeout,
            ),
            risk=risk,
            executor=executor,
            recorder=recorder,
        ),
        money=money,
        receivables=receivables,
        prover=prover,
        executor=executor,
        hints=AccountHints(exchanges.values(), clock, executor.wake),
        markouts=Markouts(executor, MarkoutRecorder(prices, recorder.journal, clock), recorder.journal, clock),
        pruning=Pruning(recorder.journal, clock, keep_ns=config.run.keep_fine),
        halt_watch=HaltWatch(halts, recorder),
        breakers=breakers,
        about={"version": __version__, "config": _digest(config)},
        watch_every_ns=config.run.watch_every,
        rest_ns=config.run.close_timeout,
        collect_every_ns=config.run.collect_every,
        sample_every_ns=config.run.sample_every,
        instruments_every_ns=HOUR_NS,
        decision_timeout_ns=answer_timeout,
    )


def _digest(config: Config) -> str:
    """Return what tells one configuration from another; secrets in it are references."""
    return hashlib.sha256(config.model_dump_json().encode()).hexdigest()[:16]
