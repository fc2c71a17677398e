"""Latest market statistics and currency rates, with their age."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from arb.model import MINUTE_NS, Fresh, InstrumentId, MarketStats, Reading, Stale, Unknown, is_bookable, is_moment


def is_usable_stats(row: MarketStats) -> bool:
    """Return whether every number is one, or said to be unknown, and the times are times."""
    numbers = (row.mark_price, row.index_price, row.volume_24h, row.open_interest)
    times = is_moment(row.ts_event_ns) and is_moment(row.ts_init_ns)
    return times and all(number is None or is_bookable(number) for number in numbers)


class StatsBook:
    """Mark price, volume and open interest of every instrument as last read."""

    def __init__(self, *, max_age_ns: int = 30 * MINUTE_NS) -> None:
        self._max_age_ns = max_age_ns
        self._held: dict[InstrumentId, Fresh[MarketStats]] = {}

    def observe(self, stats: Iterable[MarketStats], source: str, observed_ns: int) -> None:
        """Take statistics read at `observed_ns`; older ones than those held are dropped."""
        for row in stats:
            held = self._held.get(row.instrument)
            if held is None or held.observed_ns <= observed_ns:
                self._held[row.instrument] = Fresh(row, source, observed_ns)

    def get(self, instrument: InstrumentId, now_ns: int) -> Reading[MarketStats]:
        """Return the statistics of one instrument."""
        held = self._held.get(instrument)
        if held is None:
            return Unknown(f"no statistics of {instrument} have been read yet")
        return held if _is_young(held, now_ns, self._max_age_ns) else Stale(held.value, held.source, held.observed_ns)


class FxBook:
    """US dollars per unit of the currencies in which instruments are quoted and settled.

    Venues that keep their accounts in a stablecoin say that it is one dollar, which is a convention. Where another one
    has a market in it, what that says counts: else a depeg could not be seen beside them.
    """

    def __init__(self, *, assumed: Mapping[str, Decimal], max_age_ns: int = 30 * MINUTE_NS) -> None:
        """Start with what the configuration assumes where no venue publishes a rate."""
        self._assumed = dict(assumed)
        self._max_age_ns = max_age_ns
        self._held: dict[str, dict[str, Fresh[Decimal]]] = {}

    def observe(self, rates: Mapping[str, Decimal], source: str, observed_ns: int) -> None:
        """Take rates read at `observed_ns`; what is not a positive number is no rate and is dropped."""
        for currency, rate in rates.items():
            by_source = self._held.setdefault(currency, {})
            held = by_source.get(source)
            usable = is_bookable(rate) and rate > 0
            if usable and (held is None or held.observed_ns <= observed_ns):
                by_source[source] = Fresh(rate, source, observed_ns)

    def usd_rate(self, currency: str, now_ns: int) -> Reading[Decimal]:
        """Return the newest rate of a market, else the newest convention, else the one with the source `assumed`."""
        held = list(self._held.get(currency, {}).values())
        young = [each for each in held if _is_young(each, now_ns, self._max_age_ns)]
        if young:
            return max(young, key=lambda each: (each.value != 1, each.observed_ns))
        if held:
            newest = max(held, key=lambda each: each.observed_ns)
            return Stale(newest.value, newest.source, newest.observed_ns)
        if currency in self._assumed:
            return Fresh(self._assumed[currency], "assumed", now_ns)
        return Unknown(f"no venue publishes US dollars per {currency}; set it under [run] fx")


def _is_young(held: Fresh[MarketStats] | Fresh[Decimal], now_ns: int, max_age_ns: int) -> bool:
    return 0 <= now_ns - held.observed_ns <= max_age_ns
