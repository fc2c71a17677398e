"""Public data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, Final, TypeVar

from arb.api import BadResponse, ConfigError, Context
from arb.model import (
    MILLISECOND_NS,
    MINUTE_NS,
    SECOND_NS,
    Bbo,
    FeeSchedule,
    FundingRate,
    Instrument,
    InstrumentId,
    MarketStats,
    OrderBook,
)
from arb.net import LeftOut, reading

from . import _listing, _market_rows
from ._client import Client
from ._listing import BASE_FEES, USDC, Coin, Dex, Listing, Market
from ._paging import whole_list
from ._settings import HyperliquidSettings
from ._shared_read import SharedRead

T = TypeVar("T")

HISTORY_ROWS: Final = 500
MAIN_DEX: Final = ""
FEES_NS: Final = 10 * MINUTE_NS
STATES_NS: Final = SECOND_NS
"""Listing, prices and rates are parts of one answer, and asked for one after the other."""

_ONE: Final = Decimal(1)


class HyperliquidMarket:
    """Implements :class:`arb.api.MarketData` for the main dex and the builders' dexes of the settings."""

    def __init__(self, client: Client, settings: HyperliquidSettings, context: Context) -> None:
        self._client = client
        self._account = settings.account
        self._dex_names = settings.dexes
        self._context = context
        self._listing: Listing | None = None
        self._unread: list[str] = []
        self._without_stats = LeftOut(context, "statistics")
        self._without_rates = LeftOut(context, "funding rates")
        self._fees = SharedRead(context.clock, self._read_fees, for_ns=FEES_NS)
        self._answers = {
            name: SharedRead(context.clock, partial(self._read_states, name), for_ns=STATES_NS)
            for name in self.dex_names
        }

    async def fetch_instruments(self) -> Sequence[Instrument]:
        """Return every perpetual of the dexes that are read; ticks are those of the price now.

        Raises:
            ConfigError: a dex of the settings does not exist.
        """
        return [market.instrument for market in await self.refresh()]

    async def refresh(self) -> Listing:
        """Read what is listed anew.

        Raises:
            BadResponse: it cannot be read, or a market has another number in orders than before.
        """
        fees = BASE_FEES
        if self._account is not None:
            fees = await self._fees.get()
        markets: list[Market] = []
        unread: list[str] = []
        for dex, answer in await self._states():
            with reading(self._client.name, f"the markets of dex {dex.name!r}"):
                read, left_out = _listing.markets(answer, dex, fees, self._client.name)
            markets += read
            unread += left_out
        if unread and unread != self._unread:
            self._context.log.warning("coins that cannot be read are left out: %s", "; ".join(unread))
        self._unread = unread
        with reading(self._client.name, "the list of markets"):
            self._listing = Listing(markets, self._client.name, before=self._listing)
        return self._listing

    async def listing(self) -> Listing:
        """Return what is listed, as read last."""
        return self._listing or await self.refresh()

    async def heartbeat(self) -> str:
        """Return a coin whose state comes about every second; raises BadResponse when no market is open."""
        coin = next((one.coin for one in await self.listing() if one.is_open), None)
        if coin is None:
            text = "the venue lists no market that is open"
            raise BadResponse(text, exchange=self._client.name, code="no_market")
        return coin

    async def market_of(self, instrument: InstrumentId) -> Market:
        """Return a market; raises Rejected when it is not listed."""
        return (await self.listing()).of_id(instrument)

    async def market_of_coin(self, coin: Any) -> Market | None:
        """Return the market of the venue's name; None for what is not read, such as spot.

        Raises:
            BadResponse: it should be listed and is not, not even anew.
        """
        listing = await self.listing()
        if listing.needs(coin, self._dex_names):
            listing = await self.refresh()
            if listing.needs(coin, self._dex_names):
                raise BadResponse(f"{coin!r} is not listed", exchange=self._client.name, code="unknown_coin")
        return listing.of_coin(coin)

    async def named(self, coin: Any) -> Coin | None:
        """Return what is sure of a coin, also while the listing leaves it out: for what was, not for what is sent.

        None for what is not read, such as spot.

        Raises:
            BadResponse: it is no coin, or it should be listed and nothing of its dex is.
        """
        listing = await self.listing()
        if listing.needs(coin, self._dex_names) and (quote := listing.quote_beside(coin)) is not None:
            with reading(self._client.name, f"the coin {coin!r}"):
                return Coin(_listing.id_of(coin, self._client.name), coin, quote)
        market = await self.market_of_coin(coin)
        return None if market is None else Coin(market.instrument.id, market.coin, market.instrument.quote)

    @property
    def dex_names(self) -> tuple[str, ...]:
        """Return the dexes that are read, the main one first."""
        return (MAIN_DEX, *self._dex_names)

    async def fetch_order_book(self, instrument: InstrumentId, depth: int) -> OrderBook:
        """Return the book; the venue shows twenty levels a side."""
        market = await self.open_market(instrument)
        answer = await self._client.info("l2Book", coin=market.coin)
        with reading(self._client.name, f"the book of {instrument}"):
            return _market_rows.order_book(answer, instrument, self._context.clock.now_ns())

    async def fetch_bbo(self, instrument: InstrumentId) -> Bbo:
        """Return the top of the book; raises BadResponse when a side is empty."""
        bbo = (await self.fetch_order_book(instrument, 1)).bbo()
        if bbo is None:
            raise BadResponse(f"a side of {instrument} is empty", exchange=self._client.name, code="empty_book")
        return bbo

    async def open_market(self, instrument: InstrumentId) -> Market:
        """Return a market that has a book; raises Rejected for another: to ask for it breaks the venue's socket."""
        market = await self.market_of(instrument)
        if not market.is_open:
            raise BadResponse(f"{instrument} is delisted", exchange=self._client.name, code="delisted")
        return market

    async def fetch_stats(self) -> Sequence[MarketStats]:
        """Return prices and activity of every market that is open and whose state can be read."""
        return await self._of_each(self._without_stats, _market_rows.stats)

    async def fetch_funding_rates(self) -> Sequence[FundingRate]:
        """Return the rate of the running hour of every market that is open and whose state can be read."""
        rows = await self._of_each(self._without_rates, _market_rows.predicted_rate)
        return [row for row in rows if row is not None]

    async def fetch_funding_history(
        self, instrument: InstrumentId, start_ns: int, end_ns: int
    ) -> Sequence[FundingRate]:
        """Return settled rates in [start, end), oldest first, whole."""
        market = await self.market_of(instrument)
        if start_ns >= end_ns:
            return []

        async def ask(first_ms: int, last_ms: int) -> Any:
            return await self._client.info("fundingHistory", coin=market.coin, startTime=first_ms, endTime=last_ms)

        what = f"the funding history of {instrument}"
        window = (max(0, start_ns) // MILLISECOND_NS, (end_ns - 1) // MILLISECOND_NS)
        rows = await whole_list(ask, *window, most=HISTORY_ROWS, what=what, exchange=self._client.name)
        with reading(self._client.name, what):
            rates = [_market_rows.settled_rate(row, instrument, self._context.clock.now_ns()) for row in rows]
        by_time = {rate.ts_event_ns: rate for rate in rates if start_ns <= rate.ts_event_ns < end_ns}
        return [by_time[ts_ns] for ts_ns in sorted(by_time)]

    async def fetch_fx_rates(self) -> Mapping[str, Decimal]:
        """Return 1 for USDC, which the venue takes for dollars in every rule; others at their mid price in USDC."""
        listing = await self.listing()
        others = {market.instrument.quote for market in listing} - {USDC}
        if not others:
            return {USDC: _ONE}
        answer = await self._client.info("spotMetaAndAssetCtxs")
        with reading(self._client.name, "the spot prices"):
            tokens = {row["name"]: row["index"] for row in answer[0]["tokens"] if row["name"] in others}
            return {**_market_rows.usd_prices(answer, tokens), USDC: _ONE}

    @property
    def _venue_ns(self) -> int:
        return self._client.venue_time.now_ns()

    async def _of_each(
        self, left_out: LeftOut, read: Callable[[Mapping[str, Any], InstrumentId, int, int], T]
    ) -> list[T]:
        """Read the state of each open market; one that cannot be read is left out, and raised if all are such."""
        states = await self._open_states()
        venue_ns, now_ns = self._venue_ns, self._context.clock.now_ns()
        return left_out.read(
            (market.coin, partial(read, state, market.instrument.id, venue_ns, now_ns)) for market, state in states
        )

    async def _open_states(self) -> list[tuple[Market, Mapping[str, Any]]]:
        """Return each open market with its state now; coins that were listed meanwhile come with the next listing."""
        listing = await self.listing()
        found: list[tuple[Market, Mapping[str, Any]]] = []
        for dex in self.dex_names:
            answer = await self._answers[dex].get()
            with reading(self._client.name, f"the state of dex {dex!r}"):
                meta, states = answer
                for row, state in zip(meta["universe"], states, strict=True):
                    # What is no coin was left out of the listing, and told there.
                    name = row.get("name") if isinstance(row, Mapping) else None
                    market = listing.of_coin(name) if isinstance(name, str) else None
                    if market is not None and market.is_open and not row.get("isDelisted"):
                        found.append((market, state))
        return found

    async def _read_fees(self) -> FeeSchedule:
        answer = await self._client.info("userFees", user=self._account)
        with reading(self._client.name, "the account's fees"):
            return _listing.account_fees(answer)

    async def _read_states(self, dex: str) -> tuple[Mapping[str, Any], list[Any]]:
        """Return what a dex lists, and the state of each market in the same order."""
        answer = await self._client.info("metaAndAssetCtxs", dex=dex or None)
        with reading(self._client.name, f"the markets of dex {dex!r}"):
            meta, states = answer
            if len(meta["universe"]) != len(states):
                raise ValueError("states and markets are not as many")
            return meta, states

    async def _states(self) -> list[tuple[Dex, Any]]:
        """Return each dex that is read with its answer."""
        numbers = {MAIN_DEX: 0}
        if self._dex_names:
            answer = await self._client.info("perpDexs")
            with reading(self._client.name, "the list of dexes"):
                numbers |= _listing.dex_numbers(answer)
        missing = [name for name in self._dex_names if name not in numbers]
        if missing:
            raise ConfigError(f"{self._client.name}: `dexes` names {', '.join(missing)}, which the venue does not have")
        answers = {name: await self._answers[name].get() for name in self.dex_names}
        return [(await self._dex(name, numbers[name], answer), answer) for name, answer in answers.items()]

    async def _dex(self, name: str, first_asset: int, answer: Any) -> Dex:
        with reading(self._client.name, f"the markets of dex {name!r}"):
            token = answer[0].get("collateralToken", 0)
        spot = await self._client.info("spotMeta") if token else None
        with reading(self._client.name, f"the collateral of dex {name!r}"):
            return Dex(name, first_asset, _listing.collateral_name(token, spot))
