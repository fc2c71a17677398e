"""Public data of a simulated exchange."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from arb.api import BadResponse, Rejected
from arb.model import (
    DAY_NS,
    Bbo,
    FundingKind,
    FundingRate,
    Instrument,
    InstrumentId,
    MarketStats,
    OrderBook,
    RateUnit,
)

from ._access import VenueAccess
from ._market import Market

_ONE: Final = Decimal(1)
_HISTORY_NS: Final = 400 * DAY_NS
"""How far back settled rates are kept."""


class SimulatedMarketData:
    """Reads a market through its access. Rates are published as fractions per settlement interval."""

    def __init__(self, access: VenueAccess) -> None:
        self._access = access

    async def fetch_instruments(self) -> Sequence[Instrument]:
        """Return what is listed, with the account's fees."""
        async with self._access.public("fetch_instruments"):
            return tuple(self._market.instruments())

    async def fetch_order_book(self, instrument: InstrumentId, depth: int) -> OrderBook:
        """Return the whole book, at least `depth` levels where it has them; raises BadResponse."""
        async with self._access.public("fetch_order_book", instrument) as now_ns:
            self._listed(instrument)
            book = self._access.venue.book(instrument, now_ns)
            if book is None:
                raise BadResponse(f"no book of {instrument} now", exchange=self._access.venue.name, code="no_market")
            return book

    async def fetch_bbo(self, instrument: InstrumentId) -> Bbo:
        """Return the top of the book; raises BadResponse when there is no book or a side is empty."""
        book = await self.fetch_order_book(instrument, 1)
        bbo = book.bbo()
        if bbo is None:
            text = f"a side of the book of {instrument} is empty"
            raise BadResponse(text, exchange=self._access.venue.name, code="empty_book")
        return bbo

    async def fetch_stats(self) -> Sequence[MarketStats]:
        """Return prices and activity of every instrument that has them now."""
        async with self._access.public("fetch_stats") as now_ns:
            rows = (self._market.stats(instrument.id, now_ns) for instrument in self._market.instruments())
            return [row for row in rows if row is not None]

    async def fetch_fx_rates(self) -> Mapping[str, Decimal]:
        """Return US dollars per unit of each quote currency that has a rate now."""
        async with self._access.public("fetch_fx_rates") as now_ns:
            currencies = sorted({instrument.quote for instrument in self._market.instruments()})
            rates = ((currency, self._market.usd_rate(currency, now_ns)) for currency in currencies)
            return {currency: rate for currency, rate in rates if rate is not None}

    async def fetch_funding_rates(self) -> Sequence[FundingRate]:
        """Return the rate shown for the coming settlement of every instrument that has one."""
        async with self._access.public("fetch_funding_rates") as now_ns:
            rows = (self._predicted(instrument, now_ns) for instrument in self._market.instruments())
            return [row for row in rows if row is not None]

    async def fetch_funding_history(
        self, instrument: InstrumentId, start_ns: int, end_ns: int
    ) -> Sequence[FundingRate]:
        """Return settled rates in [start, end) that are not in the future, oldest first; the venue keeps 400 days."""
        async with self._access.public("fetch_funding_history", instrument) as now_ns:
            listed = self._listed(instrument)
            if listed.funding_interval_ns is None:
                return []
            start_ns, end_ns = max(start_ns, now_ns - _HISTORY_NS), min(end_ns, now_ns + 1)
            return self._settled(listed.id, listed.funding_interval_ns, start_ns, end_ns, now_ns)

    @property
    def _market(self) -> Market:
        return self._access.venue.market

    def _listed(self, instrument: InstrumentId) -> Instrument:
        listed = self._access.venue.instruments.get(instrument)
        if listed is None:
            raise Rejected(f"{instrument} is not listed", exchange=self._access.venue.name, code="unknown_instrument")
        return listed

    def _predicted(self, instrument: Instrument, now_ns: int) -> FundingRate | None:
        rate = self._market.predicted_rate(instrument.id, now_ns)
        interval_ns = instrument.funding_interval_ns
        period_ns = interval_ns or self._period_ns(instrument.id, now_ns)
        if rate is None or interval_ns is None or not period_ns:
            return None
        return FundingRate(
            instrument=instrument.id,
            raw=rate,
            unit=RateUnit(factor=_ONE, period_ns=period_ns),
            interval_ns=interval_ns,
            kind=FundingKind.PREDICTED,
            ts_event_ns=now_ns,
            ts_init_ns=now_ns,
            next_funding_ns=self._market.next_settlement_ns(instrument.id, now_ns) if interval_ns else None,
        )

    def _period_ns(self, instrument: InstrumentId, now_ns: int) -> int:
        """Return between which moments a market whose funding accrues has it booked; 0 where it books none."""
        first = self._market.next_settlement_ns(instrument, now_ns)
        second = None if first is None else self._market.next_settlement_ns(instrument, first)
        return 0 if first is None or second is None else second - first

    def _settled(
        self, instrument: InstrumentId, interval_ns: int, start_ns: int, end_ns: int, now_ns: int
    ) -> list[FundingRate]:
        rows: list[FundingRate] = []
        period_ns = interval_ns or self._period_ns(instrument, now_ns) or 1
        moment = self._market.next_settlement_ns(instrument, start_ns - 1)
        while moment is not None and moment < end_ns:
            rate = self._market.settled_rate(instrument, moment)
            if rate is not None:
                rows.append(
                    FundingRate(
                        instrument=instrument,
                        raw=rate,
                        unit=RateUnit(factor=_ONE, period_ns=period_ns),
                        interval_ns=interval_ns,
                        kind=FundingKind.SETTLED,
                        ts_event_ns=moment,
                        ts_init_ns=now_ns,
                    )
                )
            moment = self._market.next_settlement_ns(instrument, moment)
        return rows
