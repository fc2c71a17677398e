"""GET /funding-rates and /funding-rates/compare."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from http import HTTPStatus
from typing import Annotated, Any, Literal

from pydantic import Field

from arb.model import (
    ZERO,
    ExchangeName,
    Fresh,
    FundingRate,
    Instrument,
    InstrumentId,
    MarketStats,
    Reading,
    Unknown,
    hours,
)

from ._desk import Desk
from ._pages import NO_KEY, Key, Paged, page
from ._problems import Problem
from ._values import SYMBOL_HELP, Answer, Moment, Name, Number, Params, Status, finite, moment, status_of


class Rate(Answer):
    """The predicted rate of the coming settlement. Positive: longs pay shorts."""

    exchange: str
    instrument: str
    base: str
    status: Status = Field(description="Only a fresh rate says what holds now; an unknown one has no numbers.")
    reason: str | None = Field(description="Why it is unknown.")
    per_hour: Number | None = Field(description="Fraction of notional per hour.")
    apr: Number | None = Field(description="Simple annual rate as a fraction: per_hour x 8760.")
    per_settlement: Number | None = Field(description="Fraction of notional paid at one settlement.")
    interval_hours: Number | None = Field(description="Between two settlements; 0 where funding accrues continuously.")
    interval_ns: int | None
    next_funding_at: Moment | None
    next_funding_ns: int | None
    payer: Literal["longs", "shorts", "nobody"] | None = Field(description="Who pays the other side.")
    observed_at: Moment | None = Field(description="When it was read from the exchange.")
    observed_ns: int | None


class MarketRate(Rate):
    """A rate with the market it belongs to. What the exchange does not publish is null, never zero."""

    quote: str
    mark_price: Number | None
    index_price: Number | None
    volume_24h: Number | None = Field(description="Quote currency.")
    open_interest: Number | None = Field(description="Quote currency.")
    stats_status: Status


class FundingRatesParams(Paged):
    """Parameters of /funding-rates."""

    dex: Annotated[Name | None, Field(description="Only this exchange.")] = None
    symbol: Annotated[Name | None, Field(description=SYMBOL_HELP)] = None
    sort: Annotated[
        Literal["instrument", "rate", "-rate", "volume", "-volume", "open_interest", "-open_interest"],
        Field(description="`-` is the largest first; rows without the number come last."),
    ] = "instrument"


class FundingRates(Answer):
    """A page of rates."""

    now_at: Moment | None
    now_ns: int
    total: int = Field(description="Rows of all pages.")
    rates: tuple[MarketRate, ...]
    next_cursor: str | None = Field(description="Of the next page; null on the last.")


class CompareParams(Params):
    """Parameters of /funding-rates/compare."""

    dex1: Annotated[Name, Field(description="One exchange.")]
    dex2: Annotated[Name, Field(description="Another one.")]
    symbol: Annotated[Name, Field(description=SYMBOL_HELP)]


class Comparison(Answer):
    """Two rates of one asset."""

    now_at: Moment | None
    now_ns: int
    base: str
    dex1: Rate
    dex2: Rate
    usable: bool = Field(description="Whether both rates are fresh: the rest says what holds now.")
    spread_per_hour: Number | None = Field(description="What the pair earns, as a fraction of one leg's notional.")
    spread_apr: Number | None = Field(description="spread_per_hour x 8760; before costs.")
    long: str | None = Field(description="The exchange to be long on, to earn the spread; null where there is none.")
    short: str | None = Field(description="The exchange to be short on.")
    explanation: str = Field(description="Who pays whom, for people.")


async def funding_rates(desk: Desk, params: FundingRatesParams) -> FundingRates:
    """List the predicted funding rates with volume and open interest."""
    service = desk.service
    wanted = [(_sort_key(desk, each, params.sort), each) for each in _selected(desk, params)]
    wanted.sort(key=lambda row: row[0])
    rows, cursor = page(wanted, params, lambda row: row[0])
    return FundingRates(
        now_at=moment(service.now_ns),
        now_ns=service.now_ns,
        total=len(wanted),
        rates=tuple(_market_rate(desk, each) for _, each in rows),
        next_cursor=cursor,
    )


def _selected(desk: Desk, params: FundingRatesParams) -> Sequence[Instrument]:
    if params.dex is not None and params.symbol is not None:
        return desk.symbols.on(params.dex, params.symbol)
    if params.symbol is not None:
        return desk.symbols.everywhere(params.symbol)
    exchange = None if params.dex is None else desk.symbols.exchange(params.dex)
    return [each for each in desk.service.instruments.values() if exchange in (None, each.exchange)]


def _sort_key(desk: Desk, instrument: Instrument, sort: str) -> Key:
    """Return what orders a row; its number is negative where the largest comes first."""
    if sort == "instrument":
        return 0, NO_KEY, instrument.id
    name = sort.removeprefix("-")
    value = _rate_hour(desk, instrument.id) if name == "rate" else _figure(desk, instrument.id, name)
    if value is None:
        return 1, NO_KEY, instrument.id
    return 0, -value if sort.startswith("-") else value, instrument.id


def _rate_hour(desk: Desk, instrument: InstrumentId) -> Decimal | None:
    reading = desk.service.funding(instrument)
    return None if isinstance(reading, Unknown) else reading.value.per_hour


def _figure(desk: Desk, instrument: InstrumentId, name: str) -> Decimal | None:
    reading = desk.service.stats(instrument)
    if isinstance(reading, Unknown):
        return None
    return finite(reading.value.volume_24h if name == "volume" else reading.value.open_interest)


async def compare(desk: Desk, params: CompareParams) -> Comparison:
    """Compare the funding of one asset on two exchanges: which side of which earns, and how much."""
    first, second = (desk.symbols.one(name, params.symbol) for name in (params.dex1, params.dex2))
    if first.exchange == second.exchange:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "not-comparable", "dex1 and dex2 are the same exchange")
    if (first.base, first.asset_class) != (second.base, second.asset_class):
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "not-comparable",
            f"{first.id} is {first.base} ({first.asset_class}), {second.id} is {second.base} ({second.asset_class})",
        )
    return _compared(desk, first, second)


def _compared(desk: Desk, first: Instrument, second: Instrument) -> Comparison:
    readings = desk.service.funding(first.id), desk.service.funding(second.id)
    rates = [None if isinstance(each, Unknown) else each.value.per_hour for each in readings]
    spread, long, short = _spread(first.exchange, rates[0], second.exchange, rates[1])
    now_ns = desk.service.now_ns
    return Comparison(
        now_at=moment(now_ns),
        now_ns=now_ns,
        base=first.base,
        dex1=Rate(**_rate_fields(first, readings[0])),
        dex2=Rate(**_rate_fields(second, readings[1])),
        usable=all(isinstance(each, Fresh) for each in readings),
        spread_per_hour=spread,
        spread_apr=None if spread is None else spread * 8760,
        long=long,
        short=short,
        explanation=_explanation(long, short, spread, (first.exchange, rates[0]), (second.exchange, rates[1])),
    )


def _spread(
    name1: ExchangeName, rate1: Decimal | None, name2: ExchangeName, rate2: Decimal | None
) -> tuple[Decimal | None, str | None, str | None]:
    """Return what a pair earns an hour, where to be long and where to be short."""
    if rate1 is None or rate2 is None:
        return None, None, None
    if rate1 == rate2:
        return ZERO, None, None
    return (rate2 - rate1, name1, name2) if rate1 < rate2 else (rate1 - rate2, name2, name1)


def _explanation(
    long: str | None, short: str | None, spread: Decimal | None, *rates: tuple[ExchangeName, Decimal | None]
) -> str:
    flows = "; ".join(f"{name}: {_flow(rate)}" for name, rate in rates)
    if spread is None:
        return f"{flows}. Nothing can be compared."
    if long is None:
        return f"{flows}. Both rates are the same: no side earns."
    return f"{flows}. Long on {long} and short on {short} earns the spread."


def _flow(rate: Decimal | None) -> str:
    if rate is None:
        return "not known"
    return {"longs": "longs pay shorts", "shorts": "shorts pay longs", "nobody": "nobody pays"}[_payer(rate)]


def _payer(rate: Decimal) -> Literal["longs", "shorts", "nobody"]:
    return "nobody" if rate == 0 else "longs" if rate > 0 else "shorts"


def _market_rate(desk: Desk, instrument: Instrument) -> MarketRate:
    reading = desk.service.stats(instrument.id)
    stats: MarketStats | None = None if isinstance(reading, Unknown) else reading.value
    return MarketRate(
        **_rate_fields(instrument, desk.service.funding(instrument.id)),
        quote=instrument.quote,
        mark_price=finite(stats.mark_price) if stats else None,
        index_price=finite(stats.index_price) if stats else None,
        volume_24h=finite(stats.volume_24h) if stats else None,
        open_interest=finite(stats.open_interest) if stats else None,
        stats_status=status_of(reading),
    )


def _rate_fields(instrument: Instrument, reading: Reading[FundingRate]) -> dict[str, Any]:
    """Return the fields of a Rate; without a reading those of the instrument and why there is no more."""
    known = None if isinstance(reading, Unknown) else reading
    rate = known.value if known else None
    next_ns, observed_ns = rate.next_funding_ns if rate else None, known.observed_ns if known else None
    return {
        "exchange": instrument.exchange,
        "instrument": instrument.id,
        "base": instrument.base,
        "status": status_of(reading),
        "reason": reading.reason if isinstance(reading, Unknown) else None,
        "per_hour": rate.per_hour if rate else None,
        "apr": rate.apr if rate else None,
        "per_settlement": rate.rate if rate else None,
        "interval_hours": hours(rate.interval_ns) if rate else None,
        "interval_ns": rate.interval_ns if rate else None,
        "next_funding_at": moment(next_ns),
        "next_funding_ns": next_ns,
        "payer": _payer(rate.per_hour) if rate else None,
        "observed_at": moment(observed_ns),
        "observed_ns": observed_ns,
    }
