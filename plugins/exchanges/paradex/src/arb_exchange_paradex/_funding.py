"""What funding has accrued in the past, out of the index that the venue moves every second.

`GET /funding/data` lists samples of the running rate, seconds apart. They are not settlements and must not be
summed; what a position was charged between two moments is the difference of `funding_index`. So the history is cut
at whole steps of UTC, and the rate of a step is that difference over the price at its end, which the sample tells:
`funding_premium = funding_rate x price`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from arb.api import Context
from arb.model import HOUR_NS, FundingKind, FundingRate, RateUnit, parse_utc

from ._markets import Market
from ._prices import ONE
from ._rest import VenueRest
from ._samples import FundingSamples, Sample

LONGEST_STEP_NS: Final = 4 * HOUR_NS
"""Between two samples that are kept: the forecasts of the kernel average over four hours at least."""

_BEGAN_NS: Final = parse_utc("2023-09-01")
"""Before the venue opened there is nothing to ask for."""


class AccruedFunding:
    """Reads the history of markets."""

    def __init__(self, context: Context, rest: VenueRest) -> None:
        self._context = context
        self._rest = rest
        self._samples = FundingSamples(context, rest)

    async def history(self, market: Market, start_ns: int, end_ns: int) -> list[FundingRate]:
        """Return the rate of every step that ended in [start, end), oldest first.

        A step without a sample at one of its ends is left out: the venue was down, and nothing accrued. A reading that
        is cancelled or fails loses nothing: the next one goes on where it ended.
        """
        symbol = market.instrument.symbol
        step_ns = min(market.period_ns, LONGEST_STEP_NS)
        end_ns = min(end_ns, self._rest.time.now_ns() + 1)
        first_ns = -(-max(start_ns, market.opened_ns, _BEGAN_NS) // step_ns) * step_ns
        ends = range(first_ns, end_ns, step_ns)
        found: list[FundingRate] = []
        before: Sample | None = None
        for due_ns in ends:
            if before is None:
                before = await self._samples.at(symbol, due_ns - step_ns)
            after = await self._samples.at(symbol, due_ns)
            rate = None if before is None or after is None else self._rate(market, before, after, due_ns, step_ns)
            if rate is not None:
                found.append(rate)
            before = after
        if ends:
            # With the last of them the next history begins.
            self._samples.drop_before(symbol, ends[-1])
        return found

    def _rate(self, market: Market, before: Sample, after: Sample, due_ns: int, step_ns: int) -> FundingRate | None:
        price = after.price or before.price
        moved = after.index - before.index
        if price is None and moved:
            self._context.log.warning("%s: funding has moved at a rate of zero", market.instrument.id)
            return None
        raw = moved / price if price is not None else Decimal(0)
        most = None if market.most_rate is None else market.most_rate * step_ns / market.period_ns
        if most is not None and abs(raw) > most:
            self._context.log.warning("%s: what accrued is above the venue's own limit", market.instrument.id)
            return None
        return FundingRate(
            instrument=market.instrument.id,
            raw=raw,
            unit=RateUnit(factor=ONE, period_ns=step_ns),
            interval_ns=0,
            kind=FundingKind.SETTLED,
            ts_event_ns=due_ns,
            ts_init_ns=self._context.clock.now_ns(),
        )
