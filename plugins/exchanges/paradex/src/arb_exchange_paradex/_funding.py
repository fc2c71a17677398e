"""What funding has accrued in the past, out of the index that the venue moves every second.

`GET /funding/data` lists samples of the running rate, seconds apart. They are not settlements and must not be
summed; what a position was charged between two moments is the difference of `funding_index`. So the history is cut
at whole steps of UTC, and the rate of a step is that difference over the price at its end, which the sample tells:
`funding_premium = funding_rate x price`.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from arb.api import BadResponse, Context
from arb.model import HOUR_NS, MILLISECOND_NS, MINUTE_NS, FundingKind, FundingRate, RateUnit, parse_utc
from arb.net import Row, from_ms, maybe_number, number, reading

from ._fields import results
from ._markets import Market
from ._prices import ONE
from ._rest import Params, VenueRest

LONGEST_STEP_NS: Final = 4 * HOUR_NS
"""Between two samples that are kept: the forecasts of the kernel average over four hours at least."""

_BEGAN_NS: Final = parse_utc("2023-09-01")
"""Before the venue opened there is nothing to ask for."""

_NEAR_NS: Final = 2 * MINUTE_NS
_PAGE: Final = 500
_MOST_PAGES: Final = 20
_PATIENCE_NS: Final = 10 * MINUTE_NS
"""A history asks once for every step, and waits for the budget like anybody else."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The index at one moment, and the price that a sample's premium and rate make; None where the rate is zero."""

    ts_ns: int
    index: Decimal
    price: Decimal | None


class AccruedFunding:
    """Reads the history of one market."""

    def __init__(self, context: Context, rest: VenueRest) -> None:
        self._context = context
        self._rest = rest

    async def history(self, market: Market, start_ns: int, end_ns: int) -> list[FundingRate]:
        """Return the rate of every step that ended in [start, end), oldest first.

        A step without a sample at one of its ends is left out: the venue was down, and nothing accrued.
        """
        step_ns = min(market.period_ns, LONGEST_STEP_NS)
        end_ns = min(end_ns, self._rest.time.now_ns() + 1)
        first_ns = -(-max(start_ns, market.opened_ns, _BEGAN_NS) // step_ns) * step_ns
        found: list[FundingRate] = []
        before: Sample | None = None
        for due_ns in range(first_ns, end_ns, step_ns):
            if before is None:
                before = await self._sample(market, due_ns - step_ns)
            after = await self._sample(market, due_ns)
            rate = None if before is None or after is None else self._rate(market, before, after, due_ns, step_ns)
            if rate is not None:
                found.append(rate)
            before = after
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

    async def _sample(self, market: Market, at_ns: int) -> Sample | None:
        """Return the last sample at or before a time, of two minutes at most before it; None where there is none."""
        symbol = market.instrument.symbol
        params: dict[str, str | int] = {
            "market": symbol,
            "start_at": max(0, at_ns - _NEAR_NS) // MILLISECOND_NS,
            "end_at": at_ns // MILLISECOND_NS,
            "page_size": _PAGE,
        }
        best: Row | None = None
        for _ in range(_MOST_PAGES):
            answer = await self._asked(params)
            with reading(self._context.name, f"the funding of {symbol}"):
                # In which order the venue lists them it does not say.
                near = [row for row in results(answer) if from_ms(row["created_at"]) <= at_ns]
                best = max([*near, *([] if best is None else [best])], key=_created, default=None)
                cursor = answer.get("next")
            if not cursor:
                with reading(self._context.name, f"the funding of {symbol}"):
                    return None if best is None else _read(best)
            params["cursor"] = str(cursor)
        text = f"the funding of {symbol} has no end"
        raise BadResponse(text, exchange=self._context.name, code="endless")

    async def _asked(self, params: Params) -> Any:
        return await self._rest.get("/funding/data", params, patience_ns=_PATIENCE_NS)


def _created(row: Row) -> int:
    return from_ms(row["created_at"])


def _read(row: Row) -> Sample:
    rate, premium = maybe_number(row.get("funding_rate")), maybe_number(row.get("funding_premium"))
    price = premium / rate if rate and premium else None
    if price is not None and price <= 0:
        raise ValueError("premium and rate of funding have two signs")
    return Sample(_created(row), number(row["funding_index"]), price)
