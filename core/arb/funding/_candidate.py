"""The second pass: calendars, activity and expected capture of one pair, still without a book."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from arb.model import (
    BPS,
    HOUR_NS,
    MINUTE_NS,
    Fresh,
    Instrument,
    MarketStats,
    OpportunityFilter,
    SkippedPair,
)

from ._book import FundingBook
from ._calendar import Schedule
from ._capture import PairForecast
from ._forecast import PairForecaster
from ._identity import PRICE_LIMIT, AssetIdentity, Sameness
from ._observed import FxBook, StatsBook
from ._reasons import SkipReason
from ._screen import ScreenedLeg
from ._settings import FinderSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A pair whose books are worth reading.

    Attributes:
        long_rate_hour: As published; the forecast may believe less.
        long_usd: US dollars per unit of the long leg's quote currency.
        capture_bps: Expected over the horizon.
        fees_bps: Of the four fills.
    """

    long: Instrument
    short: Instrument
    long_rate_hour: Decimal
    short_rate_hour: Decimal
    long_usd: Decimal
    short_usd: Decimal
    forecast: PairForecast
    capture_bps: Decimal
    fees_bps: Decimal

    @property
    def carry_bps_hour(self) -> Decimal:
        """Return the short leg's minus the long leg's rate now."""
        return (self.short_rate_hour - self.long_rate_hour) / BPS

    def skip(self, reason: SkipReason, value: Decimal | None = None, limit: Decimal | None = None) -> SkippedPair:
        """Return this pair as one passed over."""
        return SkippedPair(long=self.long.id, short=self.short.id, reason=reason, value=value, limit=limit)


class CandidateCheck:
    """Checks one screened pair by everything that needs no price."""

    def __init__(
        self,
        *,
        funding: FundingBook,
        stats: StatsBook,
        fx: FxBook,
        identity: AssetIdentity,
        forecaster: PairForecaster,
        settings: FinderSettings,
    ) -> None:
        self._funding = funding
        self._stats = stats
        self._fx = fx
        self._identity = identity
        self._forecaster = forecaster
        self._settings = settings

    def check(
        self, long: ScreenedLeg, short: ScreenedLeg, wanted: OpportunityFilter, now_ns: int
    ) -> Candidate | SkippedPair:
        """Return the candidate, or the pair with the first reason against it."""

        def skip(reason: SkipReason, value: Decimal | None = None, limit: Decimal | None = None) -> SkippedPair:
            return SkippedPair(
                long=long.instrument.id, short=short.instrument.id, reason=reason, value=value, limit=limit
            )

        long_fx = self._fx.usd_rate(long.instrument.quote, now_ns)
        short_fx = self._fx.usd_rate(short.instrument.quote, now_ns)
        if not isinstance(long_fx, Fresh) or not isinstance(short_fx, Fresh):
            return skip(SkipReason.FX_UNKNOWN)
        other = self._other_asset(long.instrument, short.instrument)
        if other is not None:
            return skip(*other)
        legs = ((long.instrument, long_fx.value), (short.instrument, short_fx.value))
        inactive = self._inactive(legs, wanted, now_ns)
        if inactive is not None:
            return skip(*inactive)
        long_schedule = self._funding.schedule(long.instrument, now_ns)
        short_schedule = self._funding.schedule(short.instrument, now_ns)
        if long_schedule is None or short_schedule is None:
            return skip(SkipReason.SCHEDULE_UNKNOWN)
        for schedule in (long_schedule, short_schedule):
            quarantined = self._quarantined(schedule, now_ns)
            if quarantined is not None:
                return skip(SkipReason.SETTLEMENT_QUARANTINE, *quarantined)
        forecast = self._forecaster.forecast(
            (long.instrument, long.rate, long_schedule), (short.instrument, short.rate, short_schedule), now_ns
        )
        end_ns = now_ns + int(wanted.horizon_hours * HOUR_NS)
        capture = forecast.best_capture(now_ns, end_ns)[1] / BPS
        fees, need = self._settings.fees, long.need + short.need
        if capture < need:
            return skip(SkipReason.CAPTURE_BELOW_FEES, capture, need)
        return Candidate(
            long=long.instrument,
            short=short.instrument,
            long_rate_hour=long.rate_hour,
            short_rate_hour=short.rate_hour,
            long_usd=long_fx.value,
            short_usd=short_fx.value,
            forecast=forecast,
            capture_bps=capture,
            fees_bps=(fees.round_trip(long.instrument) + fees.round_trip(short.instrument)) / BPS,
        )

    def _other_asset(self, long: Instrument, short: Instrument) -> tuple[SkipReason, Decimal | None, Decimal] | None:
        """Return why the legs are not, or may not be, one asset (handbook C5); None when nothing says so."""
        found = self._identity.compare(long.id, short.id)
        if found.contradicts:
            return SkipReason.DIFFERENT_ASSET, found.ratio, PRICE_LIMIT
        if self._settings.prove_assets and found.sameness is not Sameness.PROVED:
            least = Decimal(self._identity.min_observations)
            return SkipReason.ASSET_UNPROVED, Decimal(found.observations), least
        return None

    def _quarantined(self, schedule: Schedule, now_ns: int) -> tuple[Decimal, Decimal] | None:
        distance = schedule.distance_ns(now_ns)
        if distance is None:
            return None
        since_ns, until_ns = distance
        # At most a third of an interval in all: else one of twenty minutes would never be entered.
        before_ns = min(self._settings.quarantine_before_ns, schedule.interval_ns // 4)
        after_ns = min(self._settings.quarantine_after_ns, schedule.interval_ns // 12)
        if until_ns < before_ns:
            return Decimal(until_ns) / MINUTE_NS, Decimal(before_ns) / MINUTE_NS
        if since_ns < after_ns:
            return Decimal(since_ns) / MINUTE_NS, Decimal(after_ns) / MINUTE_NS
        return None

    def _inactive(
        self, legs: tuple[tuple[Instrument, Decimal], ...], wanted: OpportunityFilter, now_ns: int
    ) -> tuple[SkipReason, Decimal | None, Decimal | None] | None:
        if wanted.min_volume_24h_usd > 0:
            volumes = list(self._usd(legs, now_ns, lambda stats: stats.volume_24h))
            known = [volume for volume in volumes if volume is not None]
            if known and min(known) < wanted.min_volume_24h_usd:
                return SkipReason.VOLUME_TOO_LOW, min(known), wanted.min_volume_24h_usd
            if len(known) < len(legs):
                return SkipReason.VOLUME_UNKNOWN, None, wanted.min_volume_24h_usd
        if wanted.max_open_interest_usd is not None:
            interests = list(self._usd(legs, now_ns, lambda stats: stats.open_interest))
            known = [interest for interest in interests if interest is not None]
            if known and max(known) > wanted.max_open_interest_usd:
                return SkipReason.OPEN_INTEREST_TOO_HIGH, max(known), wanted.max_open_interest_usd
            if len(known) < len(legs):
                return SkipReason.OPEN_INTEREST_UNKNOWN, None, wanted.max_open_interest_usd
        return None

    def _usd(
        self,
        legs: tuple[tuple[Instrument, Decimal], ...],
        now_ns: int,
        pick: Callable[[MarketStats], Decimal | None],
    ) -> Iterator[Decimal | None]:
        """Yield a figure of each leg in US dollars; None where it is not known now."""
        for instrument, usd_rate in legs:
            reading = self._stats.get(instrument.id, now_ns)
            figure = pick(reading.value) if isinstance(reading, Fresh) else None
            yield figure * usd_rate if figure is not None and figure.is_finite() else None
