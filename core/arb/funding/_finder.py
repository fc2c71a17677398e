"""Finds pairs worth opening and values open hedges."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType

from arb.api import Clock, ExchangeError, StaleData
from arb.model import (
    Averaging,
    ExchangeName,
    Hedge,
    HedgeOutlook,
    Instrument,
    InstrumentId,
    Opportunity,
    OpportunityFilter,
    OpportunityScan,
    OrderBook,
    SkippedPair,
)

from ._book import FundingBook
from ._candidate import Candidate, CandidateCheck
from ._evaluate import evaluate
from ._forecast import PairForecaster
from ._identity import AssetIdentity
from ._observed import FxBook, StatsBook
from ._outlook import OutlookMaker
from ._reasons import SkipReason
from ._screen import Screen
from ._settings import BookSource, FinderSettings, HedgeAccount


class OpportunityFinder:
    """Looks at all pairs of one asset on different exchanges, the cheap questions first."""

    def __init__(
        self,
        *,
        instruments: Mapping[InstrumentId, Instrument],
        funding: FundingBook,
        stats: StatsBook,
        fx: FxBook,
        prices: BookSource,
        clock: Clock,
        settings: FinderSettings | None = None,
        averaging: Mapping[ExchangeName, Averaging] = MappingProxyType({}),
        identity: AssetIdentity | None = None,
    ) -> None:
        """Keep `instruments` by reference: a later change of it is seen.

        `averaging` is that of the exchanges that publish the average so far; see :class:`PairForecaster`.
        `identity` is filled by the collector; without one no pair is refused for its published prices.
        """
        self._instruments = instruments
        self._prices = prices
        self._clock = clock
        self._settings = settings or FinderSettings()
        forecaster = PairForecaster(
            funding, default_half_life_hours=self._settings.default_half_life_hours, averaging=averaging
        )
        self._screen = Screen(funding, explain=self._settings.explain, fees=self._settings.fees)
        self._check = CandidateCheck(
            funding=funding,
            stats=stats,
            fx=fx,
            identity=identity or AssetIdentity(),
            forecaster=forecaster,
            settings=self._settings,
        )
        self._outlooks = OutlookMaker(
            instruments=instruments,
            funding=funding,
            fx=fx,
            forecaster=forecaster,
            prices=prices,
            max_price_age_ns=self._settings.max_price_age_ns,
            fees=self._settings.fees,
        )

    async def scan(self, wanted: OpportunityFilter) -> OpportunityScan:
        """Return the pairs worth opening, best first, and every other pair with the reason against it.

        Each two instruments appear once, in the direction that earns now.

        Raises:
            ValueError: the filter asks for no size or no time.
        """
        if wanted.notional_usd <= 0 or wanted.horizon_hours <= 0:
            raise ValueError(
                f"a scan needs a positive notional and horizon, not {wanted.notional_usd} USD "
                f"and {wanted.horizon_hours} h"
            )
        now_ns = self._clock.now_ns()
        pairs, skipped = self._screen.candidates(self._instruments.values(), wanted, now_ns)
        candidates: list[Candidate] = []
        for long, short in pairs:
            checked = self._check.check(long, short, wanted, now_ns)
            if isinstance(checked, Candidate):
                candidates.append(checked)
            else:
                skipped.append(checked)
        candidates.sort(key=lambda each: (each.fees_bps - each.capture_bps, each.long.id, each.short.id))
        most = self._settings.max_examined
        for rank, left in enumerate(candidates[most:], start=most + 1):
            skipped.append(left.skip(SkipReason.NOT_EXAMINED, Decimal(rank), Decimal(most)))
        rows = await self._examine(candidates[:most], wanted, skipped)
        rows.sort(key=lambda row: (-row.score, row.long, row.short))
        for rank, row in enumerate(rows[wanted.limit :], start=wanted.limit + 1):
            skipped.append(_ranked_out(row, rank, wanted.limit))
        return OpportunityScan(ts_ns=now_ns, rows=tuple(rows[: wanted.limit]), skipped=tuple(skipped))

    async def outlook(self, hedge: Hedge, horizon_hours: Decimal, account: HedgeAccount) -> HedgeOutlook:
        """Value an open hedge now and over the horizon; what is not known is None and named in `stale`."""
        return await self._outlooks.make(hedge, horizon_hours, account, self._clock.now_ns())

    async def _examine(
        self, candidates: Sequence[Candidate], wanted: OpportunityFilter, skipped: list[SkippedPair]
    ) -> list[Opportunity]:
        books = await self._books({leg.id for each in candidates for leg in (each.long, each.short)})
        rows: list[Opportunity] = []
        for candidate in candidates:
            long_book, short_book = books.get(candidate.long.id), books.get(candidate.short.id)
            if long_book is None or short_book is None:
                skipped.append(candidate.skip(SkipReason.BOOK_UNAVAILABLE))
                continue
            result = evaluate(candidate, long_book, short_book, wanted, self._settings)
            if isinstance(result, Opportunity):
                rows.append(result)
            else:
                skipped.append(result)
        return rows

    async def _books(self, instruments: Iterable[InstrumentId]) -> Mapping[InstrumentId, OrderBook]:
        """Read every book once, all at the same time; those that cannot be had are left out."""
        wanted = sorted(instruments)
        found = await asyncio.gather(*(self._book(instrument) for instrument in wanted))
        return {each: book for each, book in zip(wanted, found, strict=True) if book is not None}

    async def _book(self, instrument: InstrumentId) -> OrderBook | None:
        try:
            return (await self._prices.get_book(instrument, self._settings.max_price_age_ns)).value
        except (StaleData, ExchangeError):
            return None


def _ranked_out(row: Opportunity, rank: int, limit: int) -> SkippedPair:
    return SkippedPair(
        long=row.long, short=row.short, reason=SkipReason.RANKED_OUT, value=Decimal(rank), limit=Decimal(limit)
    )
