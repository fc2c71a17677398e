"""The cheap first pass over all pairs: rates and fees only, no book is fetched for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from operator import is_
from typing import Final

from arb.model import (
    BPS,
    Fresh,
    FundingRate,
    Instrument,
    InstrumentId,
    InstrumentStatus,
    OpportunityFilter,
    SkippedPair,
    Unknown,
    hours,
)

from ._book import FundingBook
from ._fees import FeeCalculator
from ._reasons import SkipReason

_FOR_EVER: Final = 1 << 63


@dataclass(frozen=True, slots=True)
class ScreenedLeg:
    """A leg and what it can contribute to a pair, in basis points over the horizon.

    Attributes:
        as_short: Most it can bring as the short leg beyond its fees times the ratio asked for.
        as_long: The same as the long leg. A pair can only pay when the sum of both is positive.
        need: Its fees of entry and exit times the ratio.
    """

    instrument: Instrument
    rate: FundingRate
    rate_hour: Decimal
    as_short: Decimal
    as_long: Decimal
    need: Decimal


@dataclass(frozen=True, slots=True)
class _Unusable:
    instrument: Instrument
    reason: SkipReason


@dataclass(frozen=True, slots=True)
class _Group:
    """What the instruments of one asset make, while nothing of it changes.

    Attributes:
        until_ns: The first of its rates becomes stale after this.
    """

    found: Sequence[tuple[ScreenedLeg, ScreenedLeg]]
    skipped: Sequence[SkippedPair]
    until_ns: int


_GroupKey = tuple[str, str]


class Screen:
    """Finds the pairs whose carry, if it stayed as it is, could pay their fees.

    The bound is generous by one settlement of each leg, since a window may hold one more payment
    than its length suggests. It splits into one term of each leg, so most assets are decided by
    two comparisons. An asset of which nothing changed since the last scan is not looked at again.
    """

    def __init__(self, funding: FundingBook, *, explain: bool, fees: FeeCalculator) -> None:
        """Name every pair left out when `explain`; otherwise only those that have a leg that cannot be used."""
        self._funding = funding
        self._explain = explain
        self._fees = fees
        self._changed = funding.subscribe()
        self._quarantines = funding.quarantines
        self._legs: dict[InstrumentId, ScreenedLeg] = {}
        self._group_of: dict[InstrumentId, _GroupKey] = {}
        self._listed: list[Instrument] = []
        self._members: Mapping[_GroupKey, list[Instrument]] = {}
        self._groups: dict[_GroupKey, _Group] = {}
        self._wanted: OpportunityFilter | None = None

    def candidates(
        self, instruments: Iterable[Instrument], wanted: OpportunityFilter, now_ns: int
    ) -> tuple[list[tuple[ScreenedLeg, ScreenedLeg]], list[SkippedPair]]:
        """Return (long, short) pairs worth a closer look, and the others with their reason."""
        self._refresh(instruments, wanted)
        found: list[tuple[ScreenedLeg, ScreenedLeg]] = []
        skipped: list[SkippedPair] = []
        for key, members in self._members.items():
            group = self._groups.get(key)
            if group is None or group.until_ns < now_ns:
                group = self._groups[key] = self._screened(members, wanted, now_ns)
            if group.found:
                found += group.found
            if group.skipped:
                skipped += group.skipped
        return found, skipped

    def _refresh(self, instruments: Iterable[Instrument], wanted: OpportunityFilter) -> None:
        """Forget what no longer holds."""
        listed = list(instruments)
        if wanted != self._wanted:
            self._legs.clear()
        # Listings are replaced and not changed: a comparison of references tells a change at little cost.
        if wanted != self._wanted or len(listed) != len(self._listed) or not all(map(is_, listed, self._listed)):
            self._wanted = wanted
            self._listed = listed
            self._members = {key: group for key, group in _groups(listed, wanted).items() if len(group) > 1}
            self._group_of = {one.id: key for key, group in self._members.items() for one in group}
            self._groups.clear()
        if self._quarantines != self._funding.quarantines:
            self._quarantines = self._funding.quarantines
            self._groups.clear()
        for instrument in self._changed:
            # A settlement may tell another interval, while the rate stays as it was.
            self._legs.pop(instrument, None)
            key = self._group_of.get(instrument)
            if key is not None:
                self._groups.pop(key, None)
        self._changed.clear()

    def _screened(self, members: Sequence[Instrument], wanted: OpportunityFilter, now_ns: int) -> _Group:
        found: list[tuple[ScreenedLeg, ScreenedLeg]] = []
        skipped: list[SkippedPair] = []
        usable: list[ScreenedLeg] = []
        unusable: list[_Unusable] = []
        for instrument in members:
            leg = self._leg(instrument, wanted, now_ns)
            if isinstance(leg, ScreenedLeg):
                usable.append(leg)
            else:
                unusable.append(leg)
        skipped.extend(_pairs_with_unusable(usable, unusable))
        self._screen(usable, found, skipped)
        # A rate that becomes stale is no news to anybody: then the group is looked at again.
        fresh = (self._funding.fresh_until_ns(instrument.id) for instrument in members)
        until_ns = min((moment for moment in fresh if moment >= now_ns), default=_FOR_EVER)
        return _Group(found, skipped, until_ns)

    def _leg(self, instrument: Instrument, wanted: OpportunityFilter, now_ns: int) -> ScreenedLeg | _Unusable:
        if instrument.status is not InstrumentStatus.TRADING:
            return _Unusable(instrument, SkipReason.NOT_TRADING)
        if self._funding.quarantined(instrument.exchange):
            return _Unusable(instrument, SkipReason.VENUE_QUARANTINED)
        reading = self._funding.predicted(instrument.id, now_ns)
        if not isinstance(reading, Fresh):
            unknown = isinstance(reading, Unknown)
            return _Unusable(instrument, SkipReason.FUNDING_UNKNOWN if unknown else SkipReason.FUNDING_STALE)
        held = self._legs.get(instrument.id)
        if held is None or held.rate is not reading.value or held.instrument is not instrument:
            interval_ns = self._funding.interval_ns(instrument)
            if interval_ns is None:
                return _Unusable(instrument, SkipReason.INTERVAL_UNKNOWN)
            held = _screened(instrument, reading.value, interval_ns, self._fees.round_trip(instrument), wanted)
            self._legs[instrument.id] = held
        return held

    def _screen(
        self, legs: list[ScreenedLeg], found: list[tuple[ScreenedLeg, ScreenedLeg]], skipped: list[SkippedPair]
    ) -> None:
        if len(legs) < 2:
            return
        hopeless = max(leg.as_short for leg in legs) + max(leg.as_long for leg in legs) <= 0
        if hopeless and not self._explain:
            return
        for index, first in enumerate(legs):
            for second in legs[index + 1 :]:
                if first.instrument.exchange == second.instrument.exchange:
                    continue
                long, short = (first, second) if first.rate_hour <= second.rate_hour else (second, first)
                if short.as_short + long.as_long > 0 and short.rate_hour > long.rate_hour:
                    found.append((long, short))
                elif self._explain:
                    skipped.append(_left_out(long, short))


def _groups(instruments: Iterable[Instrument], wanted: OpportunityFilter) -> Mapping[_GroupKey, list[Instrument]]:
    """Group by asset: asset classes never mix."""
    groups: dict[_GroupKey, list[Instrument]] = {}
    for instrument in instruments:
        if wanted.bases and instrument.base not in wanted.bases:
            continue
        if wanted.exchanges and instrument.exchange not in wanted.exchanges:
            continue
        groups.setdefault((instrument.base, instrument.asset_class), []).append(instrument)
    return groups


def _screened(
    instrument: Instrument, rate: FundingRate, interval_ns: int, fee: Decimal, wanted: OpportunityFilter
) -> ScreenedLeg:
    rate_hour = rate.per_hour
    over_horizon = rate_hour * wanted.horizon_hours / BPS
    one_settlement = abs(rate_hour) * hours(interval_ns) / BPS
    need = fee / BPS * wanted.min_capture_ratio
    return ScreenedLeg(
        instrument=instrument,
        rate=rate,
        rate_hour=rate_hour,
        as_short=over_horizon + one_settlement - need,
        as_long=one_settlement - over_horizon - need,
        need=need,
    )


def _left_out(long: ScreenedLeg, short: ScreenedLeg) -> SkippedPair:
    carry = short.rate_hour - long.rate_hour
    need = long.need + short.need
    never = carry <= 0
    return SkippedPair(
        long=long.instrument.id,
        short=short.instrument.id,
        reason=SkipReason.CARRY_NOT_POSITIVE if never else SkipReason.CAPTURE_BELOW_FEES,
        value=carry / BPS if never else short.as_short + long.as_long + need,
        limit=Decimal(0) if never else need,
    )


def _pairs_with_unusable(usable: list[ScreenedLeg], unusable: list[_Unusable]) -> Iterable[SkippedPair]:
    for index, bad in enumerate(unusable):
        others = [leg.instrument for leg in usable] + [leg.instrument for leg in unusable[index + 1 :]]
        for other in others:
            if other.exchange != bad.instrument.exchange:
                yield SkippedPair(long=bad.instrument.id, short=other.id, reason=bad.reason)
