"""The read-only view that strategies decide on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from arb.funding import FundingBook, HedgeAccount, OpportunityFinder
from arb.marketdata import PriceProvider
from arb.model import (
    Bbo,
    ExchangeName,
    FundingRate,
    Hedge,
    HedgeOutlook,
    Instrument,
    InstrumentId,
    OpportunityFilter,
    OpportunityScan,
    Reading,
    exchange_of,
)

from ._accounts import Accounts
from ._hedge_money import HedgeMoney


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """See :class:`arb.api.StrategyView`. One is made for each decision; it holds no way to trade."""

    now_ns: int
    instruments: Mapping[InstrumentId, Instrument]
    hedges: Sequence[Hedge]
    exchanges: frozenset[str]
    accounts: Accounts
    funding_book: FundingBook
    finder: OpportunityFinder
    prices: PriceProvider
    money: HedgeMoney

    def equity_usd(self, exchange: ExchangeName) -> Reading[Decimal]:
        """Return the account's equity."""
        return self.accounts.equity_usd(exchange)

    def funding(self, instrument: InstrumentId) -> Reading[FundingRate]:
        """Return the predicted rate of the coming settlement."""
        return self.funding_book.predicted(instrument, self.now_ns)

    async def bbo(self, instrument: InstrumentId, max_age_ns: int) -> Reading[Bbo]:
        """Return the top of the book."""
        return await self.prices.read_bbo(instrument, max_age_ns)

    async def scan(self, wanted: OpportunityFilter) -> OpportunityScan:
        """Return the pairs worth opening among the strategy's own exchanges."""
        allowed = self.exchanges & wanted.exchanges if wanted.exchanges else self.exchanges
        return await self.finder.scan(replace(wanted, exchanges=allowed))

    async def outlook(self, hedge: Hedge, horizon_hours: Decimal) -> HedgeOutlook:
        """Value an open hedge now and over the horizon."""
        names = {exchange_of(leg.instrument) for leg in hedge.legs}
        account = HedgeAccount(
            funding=self.money.funding(hedge.id),
            fees=self.money.fees(hedge.id),
            positions={name: self.accounts.positions(name) for name in names},
            balances={name: self.accounts.balances(name) for name in names},
        )
        return await self.finder.outlook(hedge, horizon_hours, account)
