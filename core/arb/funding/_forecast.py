"""Builds the forecast of a pair from what is published now and from the pair's own history."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from arb.model import DAY_NS, HOUR_NS, Averaging, ExchangeName, FundingRate, Instrument, InstrumentId

from ._averaging import USUAL_NS, coming_rate, usual_hour
from ._book import FundingBook
from ._calendar import Schedule
from ._capture import LegForecast, PairForecast
from ._history import PairHistory, pair_history

_REFRESH_NS: Final = 8 * HOUR_NS
_CacheKey = tuple[int, int, int, int, int, int]


class PairForecaster:
    """Forecasts pairs; statistics of a pair are kept for eight hours of the clock.

    They use only what was settled before the last full eight hours, so a restarted run computes
    the same figures.
    """

    def __init__(
        self,
        funding: FundingBook,
        *,
        default_half_life_hours: Decimal,
        window_ns: int = 14 * DAY_NS,
        averaging: Mapping[ExchangeName, Averaging] = MappingProxyType({}),
    ) -> None:
        """Use `default_half_life_hours`, and rates that return to each other, where the history is too short.

        Args:
            funding: What is known of funding.
            default_half_life_hours: Of a spread without a history.
            window_ns: How far back a pair's history is looked at.
            averaging: Of the exchanges whose published rate is the average so far; the first settlement
                of a leg on one of them is forecast by it.
        """
        self._funding = funding
        self._default = default_half_life_hours
        self._window_ns = window_ns
        self._averaging = averaging
        self._cache: dict[tuple[InstrumentId, InstrumentId], tuple[_CacheKey, PairHistory | None]] = {}
        self._usual: dict[InstrumentId, tuple[tuple[int, int], Decimal | None]] = {}

    def forecast(
        self,
        long: tuple[Instrument, FundingRate, Schedule],
        short: tuple[Instrument, FundingRate, Schedule],
        now_ns: int,
    ) -> PairForecast:
        """Return the forecast of a pair: each leg as instrument, predicted rate and schedule.

        A spread far outside what the pair's history knows is cut to the edge of it: such spikes are
        over before they pay. The forecast's rates then differ from the published ones.
        """
        longest_ns = max(long[2].interval_ns, short[2].interval_ns)
        history = self._history(long[0].id, short[0].id, longest_ns, now_ns)
        long_now, short_now = long[1].per_hour, short[1].per_hour
        middle = (long_now + short_now) / 2
        half = _believed(short_now - long_now, history) / 2
        half_life = history.half_life_hours if history is not None else None
        return PairForecast(
            long=LegForecast(
                schedule=long[2],
                rate_hour=middle - half,
                mean_hour=history.long_mean_hour if history else middle,
                coming_hour=self._coming(long, middle - half, now_ns),
            ),
            short=LegForecast(
                schedule=short[2],
                rate_hour=middle + half,
                mean_hour=history.short_mean_hour if history else middle,
                coming_hour=self._coming(short, middle + half, now_ns),
            ),
            from_ns=now_ns,
            half_life_hours=half_life or self._default,
            runs=history.runs if history else None,
        )

    def _coming(self, leg: tuple[Instrument, FundingRate, Schedule], believed: Decimal, now_ns: int) -> Decimal | None:
        """Return the rate per hour of a leg's first settlement; None where it is forecast like the others.

        What is decided is decided at the published rate, also in a spike; what is not is forecast from the
        rate believed.
        """
        instrument, rate, schedule = leg
        averaging = self._averaging.get(instrument.exchange)
        if averaging is None or schedule.is_continuous or rate.interval_ns != schedule.interval_ns:
            return None
        due_ns = schedule.first_after(now_ns)
        usual = self._usual_hour(instrument.id, now_ns)
        if usual is None or rate.next_funding_ns not in (None, due_ns):
            return None
        cap = self._funding.cap(instrument.id)
        return coming_rate(rate, averaging, due_ns, usual=usual, believed=believed, cap=cap).per_hour

    def _usual_hour(self, instrument: InstrumentId, now_ns: int) -> Decimal | None:
        until_ns = now_ns // _REFRESH_NS * _REFRESH_NS
        settled = self._funding.settled(instrument, until_ns - USUAL_NS, until_ns)
        key = (until_ns, len(settled))
        cached = self._usual.get(instrument)
        if cached is None or cached[0] != key:
            cached = (key, usual_hour(settled))
            self._usual[instrument] = cached
        return cached[1]

    def _history(self, long: InstrumentId, short: InstrumentId, longest_ns: int, now_ns: int) -> PairHistory | None:
        until_ns = now_ns // _REFRESH_NS * _REFRESH_NS
        since_ns = until_ns - self._window_ns
        series = [self._funding.settled(each, since_ns, until_ns) for each in (long, short)]
        if not series[0] or not series[1]:
            return None
        # Counts and first times tell a window that was filled in the meantime from the one computed.
        key = (
            until_ns,
            longest_ns,
            len(series[0]),
            len(series[1]),
            series[0][0].ts_event_ns,
            series[1][0].ts_event_ns,
        )
        cached = self._cache.get((long, short))
        if cached is None or cached[0] != key:
            cached = (key, pair_history(series[0], series[1], longest_ns))
            self._cache[long, short] = cached
        return cached[1]


def _believed(spread_hour: Decimal, history: PairHistory | None) -> Decimal:
    if history is None or history.spread_range_hour is None:
        return spread_hour
    low, high = history.spread_range_hour
    return max(low, min(high, spread_hour))
