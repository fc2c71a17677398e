"""An exchange plugin as a third party would write it: public data over HTTP, and an account that must not be touched.

A test copies this file into a folder of its own as the module of a distribution; nothing imports it here.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, NoReturn

from arb.api import (
    BadResponse,
    Capability,
    Context,
    ExchangeSpec,
    ExchangeTraits,
    HttpRequest,
    Secret,
    Settings,
    hookimpl,
)
from arb.model import (
    HOUR_NS,
    SECOND_NS,
    Bbo,
    BookLevel,
    ExchangeName,
    FeeSchedule,
    FundingKind,
    FundingRate,
    Instrument,
    InstrumentId,
    MarginTier,
    MarketStats,
    OrderBook,
    RateUnit,
    instrument_id,
)

PLUGIN_API = 1
CAPABILITIES = frozenset({Capability.PREDICTED_FUNDING, Capability.FUNDING_HISTORY, Capability.TRADING})
UNIT = RateUnit(factor=Decimal(1), period_ns=HOUR_NS)


class VenueSettings(Settings):
    """Settings of the exchange."""

    url: str
    key: Secret


class Untouchable:
    """Trading that nobody may look at in a paper run."""

    def __getattribute__(self, name: str) -> NoReturn:
        raise SystemError(f"the real account was touched: {name}")


class Venue:
    """Implements `arb.api.Exchange` and `arb.api.MarketData`."""

    def __init__(self, settings: VenueSettings, context: Context) -> None:
        self.name = ExchangeName(context.name)
        self.capabilities = CAPABILITIES
        self.traits = ExchangeTraits(read_after_write_ns=0)
        self.market = self
        self.trading: Any = Untouchable()
        self.streams = None
        self._settings = settings
        self._context = context
        self._btc = instrument_id("BTC-PERP", context.name)

    async def _ask(self, path: str) -> Any:
        key = self._settings.key.get_secret_value()
        request = HttpRequest(method="GET", url=f"{self._settings.url}/{path}?key={key}", headers={"X-Key": key})
        answer = await self._context.http.send(request)
        if answer.status != 200:
            raise BadResponse(f"{path}: status {answer.status}", exchange=self.name)
        return json.loads(answer.body, parse_float=Decimal)

    async def fetch_instruments(self) -> Sequence[Instrument]:
        fee = Decimal((await self._ask("instruments"))["fee"])
        return [
            Instrument(
                id=self._btc,
                symbol="BTC",
                base="BTC",
                quote="USDC",
                tick_size=Decimal("0.1"),
                lot_size=Decimal("0.001"),
                fees=FeeSchedule(maker=fee, taker=fee),
                margin_tiers=(
                    MarginTier(max_notional=None, maintenance_rate=Decimal("0.01"), max_leverage=Decimal(9)),
                ),
                funding_interval_ns=HOUR_NS,
                min_notional=Decimal(10),
            )
        ]

    async def fetch_order_book(self, instrument: InstrumentId, depth: int) -> OrderBook:
        sides = {
            side: tuple(BookLevel(Decimal(price), Decimal(size)) for price, size in levels)
            for side, levels in (await self._ask("book")).items()
        }
        now_ns = self._context.clock.now_ns()
        return OrderBook(
            instrument=instrument,
            bids=sides["bids"],
            asks=sides["asks"],
            sequence=0,
            ts_event_ns=now_ns,
            ts_init_ns=now_ns,
        )

    async def fetch_bbo(self, instrument: InstrumentId) -> Bbo:
        bbo = (await self.fetch_order_book(instrument, 1)).bbo()
        if bbo is None:
            raise BadResponse("a side is empty", exchange=self.name)
        return bbo

    async def fetch_stats(self) -> Sequence[MarketStats]:
        mark, now_ns = Decimal((await self._ask("stats"))["mark"]), self._context.clock.now_ns()
        return [
            MarketStats(
                instrument=self._btc,
                mark_price=mark,
                index_price=mark,
                volume_24h=None,
                open_interest=None,
                ts_event_ns=now_ns,
                ts_init_ns=now_ns,
            )
        ]

    async def fetch_fx_rates(self) -> Mapping[str, Decimal]:
        return {"USDC": Decimal(1)}

    async def fetch_funding_rates(self) -> Sequence[FundingRate]:
        answer, now_ns = await self._ask("funding"), self._context.clock.now_ns()
        return [
            FundingRate(
                instrument=self._btc,
                raw=Decimal(answer["rate"]),
                unit=UNIT,
                interval_ns=HOUR_NS,
                kind=FundingKind.PREDICTED,
                ts_event_ns=now_ns,
                ts_init_ns=now_ns,
                next_funding_ns=answer["next"] * SECOND_NS,
            )
        ]

    async def fetch_funding_history(
        self, instrument: InstrumentId, start_ns: int, end_ns: int
    ) -> Sequence[FundingRate]:
        return []


@asynccontextmanager
async def open_venue(settings: VenueSettings, context: Context) -> AsyncIterator[Venue]:
    yield Venue(settings, context)


@hookimpl
def arb_exchanges() -> Iterable[ExchangeSpec]:
    return [ExchangeSpec(name="http_venue", settings=VenueSettings, open=open_venue, capabilities=CAPABILITIES)]
