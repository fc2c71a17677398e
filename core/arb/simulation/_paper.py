"""Paper trading: another exchange's public data around a simulated account."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Final

from arb.api import Capability, Context, Exchange, ExchangeTraits, Rejected, Streams
from arb.model import (
    DAY_NS,
    SECOND_NS,
    BookUpdate,
    ExchangeName,
    Fill,
    FundingPayment,
    InstrumentId,
    Order,
    Trade,
)

from ._access import VenueAccess
from ._desk import Desk
from ._exchange import account_traits
from ._exchange_streams import SimulatedStreams
from ._exchange_trading import SimulatedTrading
from ._latency import Latency
from ._paper_feed import PaperFeed, PaperMarketData
from ._paper_listing import PaperListing
from ._paper_market import LiveMarket
from ._rules import VenueRules
from ._venue import SimulatedVenue

_PUBLIC: Final = frozenset(
    {
        Capability.PREDICTED_FUNDING,
        Capability.FUNDING_HISTORY,
        Capability.BOOK_STREAM,
        Capability.TRADE_STREAM,
    }
)
_PRIVATE: Final = frozenset(
    {
        Capability.TRADING,
        Capability.POST_ONLY,
        Capability.FILL_OR_KILL,
        Capability.FUNDING_PAYMENTS,
        Capability.SET_LEVERAGE,
        Capability.ACCOUNT_STREAM,
        Capability.DEAD_MANS_SWITCH,
        Capability.SIMULATED,
    }
)
_LATE_FUNDING_NS: Final = 7 * DAY_NS
PAPER_RULES: Final = VenueRules(check_ns=SECOND_NS, realises=True)
"""Resting orders are looked at each second, since an observed book is good for five."""


class PaperExchange:
    """An exchange whose public data are another's and whose account is simulated.

    Orders meet the other exchange's book as it is when they arrive. Funding is settled when that
    exchange says, at the rate in its own history; until the rate shows there, a payment is not
    known and not booked. Where funding accrues at every moment it is paid when the position changes.
    The other exchange's `trading` is never touched.
    """

    def __init__(self, feed: PaperFeed, access: VenueAccess) -> None:
        self._inner = feed.inner
        self._venue = access.venue
        self._market = PaperMarketData(feed)
        self._trading = SimulatedTrading(access)
        self._streams = PaperStreams(feed.inner.streams, SimulatedStreams(access), feed.inner.name)

    @property
    def name(self) -> ExchangeName:
        """Return the inner exchange's name."""
        return self._inner.name

    @property
    def capabilities(self) -> frozenset[Capability]:
        """Return the inner exchange's public ones and those of a simulated account."""
        return (self._inner.capabilities & _PUBLIC) | _PRIVATE

    @property
    def traits(self) -> ExchangeTraits:
        """Return the traits of the simulated account, and how the inner exchange averages its funding."""
        return replace(account_traits(self._venue), averaging=self._inner.traits.averaging)

    @property
    def market(self) -> PaperMarketData:
        """Return the inner exchange's public data."""
        return self._market

    @property
    def trading(self) -> SimulatedTrading:
        """Return the simulated account."""
        return self._trading

    @property
    def streams(self) -> PaperStreams:
        """Return the inner exchange's books and trades, and the simulated account's changes."""
        return self._streams


class PaperStreams:
    """Books and trades of the inner exchange, changes of the simulated account."""

    def __init__(self, public: Streams | None, account: SimulatedStreams, name: ExchangeName) -> None:
        self._public = public
        self._account = account
        self._name = name

    def watch_order_book(self, instrument: InstrumentId) -> AsyncIterator[BookUpdate]:
        """Yield the inner exchange's book; raises Rejected where it streams none."""
        return self._require().watch_order_book(instrument)

    def watch_trades(self, instrument: InstrumentId) -> AsyncIterator[Trade]:
        """Yield the inner exchange's trades; raises Rejected where it streams none."""
        return self._require().watch_trades(instrument)

    def watch_account(self) -> AsyncIterator[Order | Fill | FundingPayment]:
        """Yield changes of the simulated account."""
        return self._account.watch_account()

    def _require(self) -> Streams:
        if self._public is None:
            raise Rejected("this exchange streams no public data", exchange=self._name, code="no_stream")
        return self._public


@asynccontextmanager
async def open_paper_exchange(
    inner: Exchange,
    context: Context,
    *,
    deposits: Mapping[str, Decimal],
    rules: VenueRules = PAPER_RULES,
    latency: Latency | None = None,
    read_timeout_ns: int = 5 * SECOND_NS,
) -> AsyncIterator[PaperExchange]:
    """Open paper trading on `inner`, with the account kept in `context.state`.

    Args:
        deposits: Cash by currency of a new account.
        read_timeout_ns: How long a call of the account may wait for the public data it needs.

    Raises:
        ExchangeError: the instruments cannot be read.
        ConfigError: the stored account is no paper account.
        StorageError: the stored account cannot be read.
    """
    listing = PaperListing(context.state, inner.name)
    await listing.load()
    live = LiveMarket(listing.with_kept(await inner.market.fetch_instruments()))
    start_ns = context.clock.now_ns()
    venue = SimulatedVenue(live, rules, name=inner.name, deposits=deposits, start_ns=start_ns)
    feed = PaperFeed(inner, live, venue, listing, context.clock, context.log, timeout_ns=read_timeout_ns)
    desk = Desk(venue, context, latency=latency, faults=feed)
    if await desk.open("paper"):
        for instrument in sorted(venue.involved()):
            # Settlements before the stop too: their rate may have been unknown until then.
            live.watch(instrument, venue.now_ns - _LATE_FUNDING_NS)
        for position in venue.positions():
            live.add_entry(position.instrument, position.entry_price, start_ns)
    try:
        yield PaperExchange(feed, desk)
    finally:
        await desk.close()
