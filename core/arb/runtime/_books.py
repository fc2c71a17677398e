"""What is known of the venues, kept in memory, and the finder that looks for pairs in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from arb.api import Exchange
from arb.funding import AssetIdentity, FeeCalculator, FinderSettings, FundingBook, FxBook, OpportunityFinder, StatsBook
from arb.kernel import Config
from arb.marketdata import PriceProvider
from arb.model import DAY_NS, ExchangeName, FundingKind, Instrument, InstrumentId
from arb.storage import JournalReader

from ._context import Ports

_HISTORY_NS: Final = 14 * DAY_NS


@dataclass(frozen=True, slots=True)
class Books:
    """Rates, statistics and currencies as last read, and what a day of prices says of who is who."""

    funding: FundingBook
    stats: StatsBook
    fx: FxBook
    identity: AssetIdentity


async def stored_books(
    config: Config, journal: JournalReader | None, instruments: Mapping[InstrumentId, Instrument], now_ns: int
) -> Books:
    """Make the books and fill in the settled rates that an earlier session stored."""
    max_age = max(2 * config.run.collect_every, config.run.max_price_age)
    funding = FundingBook(max_age_ns=max_age)
    if journal is not None:
        for instrument in instruments:
            stored = await journal.funding_rates(instrument, FundingKind.SETTLED, now_ns - _HISTORY_NS, now_ns)
            funding.add_settled(stored)
    fx = FxBook(assumed=config.run.fx, max_age_ns=max_age)
    return Books(funding, StatsBook(max_age_ns=max_age), fx, AssetIdentity())


def finder_of(
    config: Config,
    ports: Ports,
    exchanges: Mapping[ExchangeName, Exchange],
    instruments: Mapping[InstrumentId, Instrument],
    books: Books,
    prices: PriceProvider,
    fees: FeeCalculator,
) -> OpportunityFinder:
    averaging = {name: found for name, one in exchanges.items() if (found := one.traits.averaging) is not None}
    return OpportunityFinder(
        instruments=instruments,
        funding=books.funding,
        stats=books.stats,
        fx=books.fx,
        prices=prices,
        clock=ports.clock,
        settings=FinderSettings(
            max_price_age_ns=config.run.max_price_age, max_leverage=config.risk.max_leverage, fees=fees
        ),
        averaging=averaging,
        identity=books.identity,
    )
