"""What the live view shows, read from a running app: plain values, made in well under a millisecond."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from arb.model import (
    BPS,
    ZERO,
    ExchangeName,
    Hedge,
    HedgeStatus,
    Instrument,
    InstrumentId,
    PositionSide,
    Reading,
    Unknown,
    exchange_of,
)
from arb.runtime import App


@dataclass(frozen=True, slots=True, kw_only=True)
class HedgeRow:
    """One hedge that is not final; an amount that is not known is None."""

    base: str
    long: str
    short: str
    status: HedgeStatus
    notional_usd: Decimal | None
    age_ns: int
    carry_bps_hour: Decimal | None
    funding_usd: Decimal
    fees_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class RateRow:
    """The predicted rate of one instrument; `apr` is a fraction a year."""

    instrument: InstrumentId
    apr: Decimal
    interval_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One moment of a run.

    Attributes:
        rates: The largest predicted rates by absolute value, the largest first.
        equity: Of each account, US dollars.
        differences: Where our books and a venue's disagree.
    """

    now_ns: int
    hedges: tuple[HedgeRow, ...]
    rates: tuple[RateRow, ...]
    equity: Mapping[ExchangeName, Reading[Decimal]]
    differences: tuple[str, ...]


def take_snapshot(app: App, *, most_rates: int) -> Snapshot:
    """Read the app as it is now; nothing is fetched."""
    parts = app.parts
    now = parts.clock.now_ns()
    accounts = [name for name, exchange in parts.exchanges.items() if exchange.trading is not None]
    return Snapshot(
        now_ns=now,
        hedges=tuple(_hedge_row(app, hedge, now) for hedge in parts.keeper.hedges),
        rates=_largest_rates(app, now, most_rates),
        equity={name: parts.accounts.equity_usd(name) for name in accounts},
        differences=tuple(parts.keeper.differences.values()),
    )


def _hedge_row(app: App, hedge: Hedge, now_ns: int) -> HedgeRow:
    parts = app.parts
    return HedgeRow(
        base=hedge.base,
        long=_exchanges(hedge, PositionSide.LONG),
        short=_exchanges(hedge, PositionSide.SHORT),
        status=hedge.status,
        notional_usd=_notional_usd(app, hedge),
        age_ns=now_ns - (hedge.opened_ns or hedge.created_ns),
        carry_bps_hour=_carry_bps_hour(app, hedge, now_ns),
        funding_usd=parts.money.funding(hedge.id),
        fees_usd=parts.money.fees(hedge.id),
    )


def _exchanges(hedge: Hedge, side: PositionSide) -> str:
    return "+".join(exchange_of(leg.instrument) for leg in hedge.legs if leg.side is side)


def _notional_usd(app: App, hedge: Hedge) -> Decimal | None:
    """Return the value of the largest leg at its entry price."""
    values: list[Decimal] = []
    instruments: Mapping[InstrumentId, Instrument] = app.parts.instruments
    for leg in hedge.legs:
        instrument = instruments.get(leg.instrument)
        rate = None if instrument is None else app.parts.accounts.usd_rate(instrument.quote)
        if rate is None or leg.entry_price is None:
            return None
        values.append(leg.open_quantity * leg.entry_price * rate)
    return max(values, default=None)


def _carry_bps_hour(app: App, hedge: Hedge, now_ns: int) -> Decimal | None:
    """Return what the legs receive an hour by the predicted rates; None while one is not known."""
    carry = ZERO
    for leg in hedge.legs:
        reading = app.parts.funding_book.predicted(leg.instrument, now_ns)
        if isinstance(reading, Unknown):
            return None
        carry -= leg.side.sign * reading.value.per_hour
    return carry / BPS


def _largest_rates(app: App, now_ns: int, most: int) -> tuple[RateRow, ...]:
    rows: list[RateRow] = []
    instruments: Sequence[InstrumentId] = list(app.parts.instruments)
    for instrument in instruments:
        reading = app.parts.funding_book.predicted(instrument, now_ns)
        if not isinstance(reading, Unknown):
            rate = reading.value
            rows.append(RateRow(instrument=instrument, apr=rate.apr, interval_ns=rate.interval_ns))
    return tuple(sorted(rows, key=lambda row: (-abs(row.apr), row.instrument))[:most])
