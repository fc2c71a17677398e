"""Samples of a market's funding: one for each moment that is asked for, kept until it was used.

`GET /funding/data` takes a call for each moment, and a long history more of them than one reading has time for. So
what was read outlives a reading that is cancelled, and the next one goes on where it ended.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from arb.api import BadResponse, Context
from arb.model import HOUR_NS, MILLISECOND_NS, MINUTE_NS
from arb.net import Row, from_ms, maybe_number, number, reading

from ._fields import results
from ._rest import VenueRest

_NEAR_NS: Final = 2 * MINUTE_NS
_PAGE: Final = 500
_MOST_PAGES: Final = 20
_LATE_NS: Final = HOUR_NS
"""A moment of which nothing is listed for so long stays without a sample."""

_MOST_KEPT: Final = 20_000
"""Samples: three years of steps of four hours are 7 000."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The index at one moment, and the price that a sample's premium and rate make; None where the rate is zero."""

    ts_ns: int
    index: Decimal
    price: Decimal | None


class FundingSamples:
    """Reads samples, and keeps them until they are dropped."""

    def __init__(self, context: Context, rest: VenueRest) -> None:
        """Ask nothing yet."""
        self._context = context
        self._rest = rest
        self._kept: OrderedDict[tuple[str, int], Sample | None] = OrderedDict()

    async def at(self, symbol: str, at_ns: int) -> Sample | None:
        """Return the last sample at or before a time, of two minutes at most before it; None where there is none."""
        key = (symbol, at_ns)
        if key in self._kept:
            return self._kept[key]
        found = await self._read(symbol, at_ns)
        if found is not None or self._rest.time.now_ns() - at_ns > _LATE_NS:
            self._kept[key] = found
            if len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return found

    def drop_before(self, symbol: str, at_ns: int) -> None:
        """Keep the samples of a market that are of an earlier moment no longer."""
        for key in [each for each in self._kept if each[0] == symbol and each[1] < at_ns]:
            del self._kept[key]

    async def _read(self, symbol: str, at_ns: int) -> Sample | None:
        params: dict[str, str | int] = {
            "market": symbol,
            "start_at": max(0, at_ns - _NEAR_NS) // MILLISECOND_NS,
            "end_at": at_ns // MILLISECOND_NS,
            "page_size": _PAGE,
        }
        best: Row | None = None
        for _ in range(_MOST_PAGES):
            answer = await self._rest.get_past("/funding/data", params)
            with reading(self._context.name, f"the funding of {symbol}"):
                # In which order the venue lists them it does not say.
                near = [row for row in results(answer) if from_ms(row["created_at"]) <= at_ns]
                best = max([*near, *([] if best is None else [best])], key=_created, default=None)
                cursor = answer.get("next")
            if not cursor:
                with reading(self._context.name, f"the funding of {symbol}"):
                    return None if best is None else sample_of(best)
            params["cursor"] = str(cursor)
        text = f"the funding of {symbol} has no end"
        raise BadResponse(text, exchange=self._context.name, code="endless")


def _created(row: Row) -> int:
    return from_ms(row["created_at"])


def sample_of(row: Row) -> Sample:
    """Read a row of `GET /funding/data`; raises ValueError or KeyError."""
    rate, premium = maybe_number(row.get("funding_rate")), maybe_number(row.get("funding_premium"))
    price = premium / rate if rate and premium else None
    if price is not None and price <= 0:
        raise ValueError("premium and rate of funding have two signs")
    return Sample(_created(row), number(row["funding_index"]), price)
