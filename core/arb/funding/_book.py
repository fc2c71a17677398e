"""What is known of funding: predicted rates with their age, settled rates, intervals."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType

from arb.model import (
    MINUTE_NS,
    Event,
    EventKind,
    ExchangeName,
    Fresh,
    FundingKind,
    FundingRate,
    Instrument,
    InstrumentId,
    Reading,
    Severity,
    Stale,
    Unknown,
    exchange_of,
    hours,
)

from ._calendar import Schedule
from ._interval import MIN_SETTLEMENTS, infer_interval_ns
from ._rates import clamp_native, is_usable, prediction_problem


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalChange:
    """A venue settles an instrument at another interval than before (handbook C1 rule 6)."""

    instrument: InstrumentId
    previous_ns: int
    interval_ns: int
    effective_from_ns: int

    def event(self) -> Event:
        """Return the change as an entry of the journal."""
        before, now = hours(self.previous_ns), hours(self.interval_ns)
        return Event(
            ts_ns=self.effective_from_ns,
            kind=EventKind.FUNDING_INTERVAL_CHANGED,
            subject=self.instrument,
            message=f"{self.instrument} settles funding every {now} h instead of {before} h",
            severity=Severity.WARNING,
            data={"previous_ns": str(self.previous_ns), "interval_ns": str(self.interval_ns)},
        )


@dataclass(slots=True)
class _Settled:
    """Settled rates of one instrument, oldest first, and their times."""

    times_ns: list[int] = field(default_factory=list)
    rates: list[FundingRate] = field(default_factory=list)

    def add(self, rate: FundingRate, keep: int) -> bool:
        at = bisect_left(self.times_ns, rate.ts_event_ns)
        if at < len(self.times_ns) and self.times_ns[at] == rate.ts_event_ns:
            if rate.ts_init_ns > self.rates[at].ts_init_ns:
                self.rates[at] = rate
            return False
        if at == 0 and len(self.times_ns) >= keep:
            return False
        self.times_ns.insert(at, rate.ts_event_ns)
        self.rates.insert(at, rate)
        if len(self.times_ns) > keep:
            del self.times_ns[0], self.rates[0]
        return True


class FundingBook:
    """Funding as last read. It does no I/O and has no clock: whoever reads says what time it is."""

    def __init__(
        self,
        *,
        max_age_ns: int = 30 * MINUTE_NS,
        keep: int = 2_000,
        caps: Mapping[InstrumentId, Decimal] = MappingProxyType({}),
    ) -> None:
        """Start empty.

        Args:
            max_age_ns: A predicted rate read longer ago is stale.
            keep: Settled rates held for each instrument.
            caps: Largest fraction of notional in one published period, where a venue has one.
        """
        self._max_age_ns = max_age_ns
        self._keep = keep
        self._caps = caps
        self._predicted: dict[InstrumentId, Fresh[FundingRate]] = {}
        self._settled: dict[InstrumentId, _Settled] = {}
        self._intervals: dict[InstrumentId, list[tuple[int, int]]] = {}
        self._readers: list[set[InstrumentId]] = []
        self._quarantined: dict[ExchangeName, str] = {}

    def subscribe(self) -> set[InstrumentId]:
        """Return a set to which every instrument is added of which something changes; its reader empties it.

        A quarantine concerns all of an exchange and adds none: :attr:`quarantines` tells.
        """
        changed: set[InstrumentId] = set()
        self._readers.append(changed)
        return changed

    def quarantine(self, exchange: ExchangeName, reason: str) -> None:
        """Use no predicted rate of an exchange from now on: what its numbers mean is in doubt."""
        self._quarantined[exchange] = reason

    def release(self, exchange: ExchangeName) -> None:
        """Use the rates of an exchange again."""
        self._quarantined.pop(exchange, None)

    def forget_settled(self, exchange: ExchangeName) -> None:
        """Drop the settled rates of an exchange, so that its history is read anew."""
        for instrument in [each for each in self._settled if exchange_of(each) == exchange]:
            del self._settled[instrument]
            self._tell(instrument)

    @property
    def quarantines(self) -> frozenset[ExchangeName]:
        """Return the exchanges whose predicted rates are not used."""
        return frozenset(self._quarantined)

    def quarantined(self, exchange: ExchangeName) -> str:
        """Return why the rates of an exchange are not used; empty while they are."""
        return self._quarantined.get(exchange, "")

    def observe(self, rate: FundingRate, observed_ns: int) -> IntervalChange | None:
        """Take a predicted rate read at `observed_ns`; an older reading than the one held is dropped.

        Raises:
            ValueError: it is a settled rate, its numbers are not numbers, or they cannot be true.
        """
        if rate.kind is not FundingKind.PREDICTED:
            raise ValueError(f"{rate.instrument}: a {rate.kind} rate is not a prediction")
        if not is_usable(rate):
            raise ValueError(
                f"{rate.instrument}: an unusable funding rate, with what is no number or no time: "
                "is the unit of the rate right, and that of its times?"
            )
        problem = prediction_problem(rate, observed_ns)
        if problem is not None:
            raise ValueError(f"{rate.instrument}: {problem}")
        held = self._predicted.get(rate.instrument)
        if held is not None and held.observed_ns > observed_ns:
            return None
        cap = self.cap(rate.instrument)
        value = rate if cap is None else clamp_native(rate, cap)
        self._predicted[rate.instrument] = Fresh(value, exchange_of(rate.instrument), observed_ns)
        self._tell(rate.instrument)
        return self._note_interval(rate)

    def add_settled(self, rates: Iterable[FundingRate]) -> tuple[FundingRate, ...]:
        """Take settled rates in any order and return those of settlements not known yet.

        Of two of one settlement the one read later is kept.

        Raises:
            ValueError: one is a prediction, or its numbers are not numbers; none is taken then.
        """
        given = tuple(rates)
        for rate in given:
            if rate.kind is not FundingKind.SETTLED or not is_usable(rate):
                raise ValueError(f"{rate.instrument}: not a settled funding rate: {rate.kind} {rate.raw}")
        new = tuple(
            rate for rate in given if self._settled.setdefault(rate.instrument, _Settled()).add(rate, self._keep)
        )
        for rate in new:
            self._tell(rate.instrument)
        return new

    def predicted(self, instrument: InstrumentId, now_ns: int) -> Reading[FundingRate]:
        """Return the rate of the coming settlement; stale when read too long ago or already paid."""
        quarantined = self.quarantined(exchange_of(instrument))
        if quarantined:
            return Unknown(f"the rates of {exchange_of(instrument)} are in quarantine: {quarantined}")
        held = self._predicted.get(instrument)
        if held is None:
            return Unknown(f"no predicted funding rate of {instrument} has been read yet")
        due_ns = held.value.next_funding_ns
        paid = due_ns is not None and due_ns <= now_ns
        if paid or not 0 <= now_ns - held.observed_ns <= self._max_age_ns:
            return Stale(held.value, held.source, held.observed_ns)
        return held

    def cap(self, instrument: InstrumentId) -> Decimal | None:
        """Return the largest fraction of notional in one published period; None where there is none."""
        return self._caps.get(instrument)

    def fresh_until_ns(self, instrument: InstrumentId) -> int:
        """Return the last moment at which the predicted rate held is fresh; 0 where none is held."""
        held = self._predicted.get(instrument)
        if held is None:
            return 0
        old_ns, due_ns = held.observed_ns + self._max_age_ns, held.value.next_funding_ns
        return old_ns if due_ns is None else min(old_ns, due_ns - 1)

    def settled(self, instrument: InstrumentId, start_ns: int = 0, end_ns: int | None = None) -> Sequence[FundingRate]:
        """Return the settled rates held in [start, end), oldest first."""
        held = self._settled.get(instrument)
        if held is None:
            return ()
        end = len(held.times_ns) if end_ns is None else bisect_left(held.times_ns, end_ns)
        return held.rates[bisect_left(held.times_ns, start_ns) : end]

    def last_settled_ns(self, instrument: InstrumentId) -> int | None:
        """Return the time of the latest settled rate; None when none is held."""
        held = self._settled.get(instrument)
        return held.times_ns[-1] if held and held.times_ns else None

    def interval_ns(self, instrument: Instrument) -> int | None:
        """Return the time between two settlements now; None means unknown: open nothing.

        What the venue publishes with its rates counts, then the instrument's own rule. Where the
        instrument says unknown, only the settlements seen can tell (handbook C1 rule 4).
        """
        if instrument.funding_interval_ns is None:
            held = self._settled.get(instrument.id)
            return infer_interval_ns(held.times_ns[-MIN_SETTLEMENTS - 1 :]) if held else None
        published = self._intervals.get(instrument.id)
        return published[-1][1] if published else instrument.funding_interval_ns

    def interval_at(self, instrument: InstrumentId, ts_ns: int) -> int | None:
        """Return the published interval in force at `ts_ns`; None before the first was seen."""
        published = self._intervals.get(instrument, [])
        at = bisect_right(published, ts_ns, key=lambda entry: entry[0])
        return published[at - 1][1] if at else None

    def schedule(self, instrument: Instrument, now_ns: int) -> Schedule | None:
        """Return the coming settlements; None when the interval or the next settlement is unknown."""
        interval_ns = self.interval_ns(instrument)
        if interval_ns is None:
            return None
        if interval_ns == 0:
            return Schedule(next_ns=now_ns, interval_ns=0)
        held = self._predicted.get(instrument.id)
        next_ns = held.value.next_funding_ns if held else None
        if next_ns is None:
            last_ns = self.last_settled_ns(instrument.id)
            next_ns = None if last_ns is None else last_ns + interval_ns
        return None if next_ns is None else Schedule(next_ns=next_ns, interval_ns=interval_ns)

    def _tell(self, instrument: InstrumentId) -> None:
        for changed in self._readers:
            changed.add(instrument)

    def _note_interval(self, rate: FundingRate) -> IntervalChange | None:
        published = self._intervals.setdefault(rate.instrument, [])
        previous = published[-1] if published else None
        if previous is not None and (previous[1] == rate.interval_ns or previous[0] > rate.ts_event_ns):
            return None
        published.append((rate.ts_event_ns, rate.interval_ns))
        if previous is None:
            return None
        return IntervalChange(
            instrument=rate.instrument,
            previous_ns=previous[1],
            interval_ns=rate.interval_ns,
            effective_from_ns=rate.ts_event_ns,
        )
