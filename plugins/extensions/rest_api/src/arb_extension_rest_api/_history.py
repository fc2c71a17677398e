"""GET /history/funding-rates/{exchange}/{symbol}."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final

from pydantic import Field, field_validator

from arb.api import parse_duration
from arb.model import DAY_NS, FundingKind, FundingRate, Instrument, hours, is_moment

from ._desk import Desk
from ._pages import Paged, wrong_cursor
from ._values import SYMBOL_HELP, Answer, Moment, Name, Number, moment

_LONGEST_NS: Final = 366 * DAY_NS

_WINDOW_NS: Final[Mapping[FundingKind, int]] = MappingProxyType(
    {FundingKind.SETTLED: 45 * DAY_NS, FundingKind.PREDICTED: DAY_NS}
)
"""Read at once: about a thousand rates, so that the loop that trades is not held up."""


class HistoryParams(Paged):
    """Parameters of /history/funding-rates."""

    exchange: Annotated[Name, Field(description="The exchange, by its name in the configuration.")]
    symbol: Annotated[Name, Field(description=SYMBOL_HELP)]
    period: Annotated[
        str,
        Field(
            pattern=r"^[0-9]{1,9}(ms|s|m|h|d)$",
            description="How far back, such as `12h` or `7d`; at most `366d`.",
        ),
    ] = "7d"
    kind: Annotated[FundingKind, Field(description="Settled rates were paid; predicted ones were published.")] = (
        FundingKind.SETTLED
    )

    @field_validator("period")
    @classmethod
    def _bounded(cls, value: str) -> str:
        if parse_duration(value) > _LONGEST_NS:
            raise ValueError("ask for at most 366d")
        return value


class StoredRate(Answer):
    """One stored rate. Positive: longs pay shorts."""

    at: Moment | None = Field(description="When it was paid, or published where it is predicted.")
    at_ns: int
    per_hour: Number = Field(description="Fraction of notional per hour.")
    apr: Number = Field(description="per_hour x 8760.")
    per_settlement: Number = Field(description="Fraction of notional paid at one settlement.")
    interval_hours: Number
    interval_ns: int


class History(Answer):
    """A page of stored rates, oldest first."""

    exchange: str
    instrument: str
    base: str
    kind: FundingKind
    start_at: Moment | None
    start_ns: int
    end_at: Moment | None = Field(description="Exclusive.")
    end_ns: int
    rates: tuple[StoredRate, ...]
    next_cursor: str | None = Field(description="Of the next page; null on the last.")


async def history(desk: Desk, params: HistoryParams) -> History:
    """List stored funding rates of one instrument."""
    instrument = desk.symbols.one(params.exchange, params.symbol)
    now_ns = desk.service.now_ns
    span = _span(params.decode())
    start_ns, end_ns, from_ns = span or (now_ns - parse_duration(params.period), now_ns, 0)
    rates = await _read(desk, instrument, params, max(start_ns, from_ns), end_ns)
    more = len(rates) > params.limit
    return History(
        exchange=instrument.exchange,
        instrument=instrument.id,
        base=instrument.base,
        kind=params.kind,
        start_at=moment(start_ns),
        start_ns=start_ns,
        end_at=moment(end_ns),
        end_ns=end_ns,
        rates=tuple(_stored(each) for each in rates[: params.limit]),
        next_cursor=params.encode([start_ns, end_ns, rates[params.limit].ts_event_ns]) if more else None,
    )


def _span(after: list[object] | None) -> tuple[int, int, int] | None:
    """Return the period that the first page fixed, and where to go on."""
    match after:
        case None:
            return None
        case [int(start_ns), int(end_ns), int(from_ns)] if (
            start_ns <= from_ns < end_ns <= start_ns + _LONGEST_NS and is_moment(start_ns) and is_moment(end_ns)
        ):
            return start_ns, end_ns, from_ns
        case _:
            raise wrong_cursor()


async def _read(
    desk: Desk, instrument: Instrument, params: HistoryParams, start_ns: int, end_ns: int
) -> list[FundingRate]:
    """Return one rate more than a page holds, if there are so many."""
    found: list[FundingRate] = []
    while start_ns < end_ns and len(found) <= params.limit:
        until_ns = min(start_ns + _WINDOW_NS[params.kind], end_ns)
        found += await desk.service.history(instrument.id, params.kind, start_ns, until_ns)
        start_ns = until_ns
    return found


def _stored(rate: FundingRate) -> StoredRate:
    return StoredRate(
        at=moment(rate.ts_event_ns),
        at_ns=rate.ts_event_ns,
        per_hour=rate.per_hour,
        apr=rate.apr,
        per_settlement=rate.rate,
        interval_hours=hours(rate.interval_ns),
        interval_ns=rate.interval_ns,
    )
