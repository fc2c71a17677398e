"""Public data as the venue writes it: pure functions from its messages to our values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from arb.model import (
    HOUR_NS,
    MILLISECOND_NS,
    BookLevel,
    FundingKind,
    FundingRate,
    InstrumentId,
    MarketStats,
    OrderBook,
    RateUnit,
    Side,
    Trade,
)
from arb.net import from_ms, maybe_number, maybe_positive, number

SIDES: Final[Mapping[str, Side]] = {"B": Side.BUY, "A": Side.SELL}
HOURLY: Final = RateUnit(factor=Decimal(1), period_ns=HOUR_NS)
"""`funding` and `fundingRate` are fractions for one hour (documentation, "Funding")."""

EIGHT_HOURLY: Final = RateUnit(factor=Decimal(1), period_ns=8 * HOUR_NS)
LAST_EIGHT_HOURLY_NS: Final = 1_686_182_400_000_000_000 + HOUR_NS // 2
"""The settlement of 2023-06-08T00:00Z was the last of eight hours: the next came an hour later."""


def levels(rows: Sequence[Mapping[str, Any]]) -> tuple[BookLevel, ...]:
    """Read one side of a book."""
    return tuple(BookLevel(number(row["px"]), number(row["sz"])) for row in rows)


def order_book(row: Mapping[str, Any], instrument: InstrumentId, received_ns: int) -> OrderBook:
    """Read an `l2Book`; the venue numbers no books, so the time of its block stands for a sequence."""
    bids, asks = row["levels"]
    ts_ns = from_ms(row["time"])
    return OrderBook(
        instrument=instrument,
        bids=levels(bids),
        asks=levels(asks),
        sequence=ts_ns // MILLISECOND_NS,
        ts_event_ns=ts_ns,
        ts_init_ns=received_ns,
    )


def stats(state: Mapping[str, Any], instrument: InstrumentId, venue_ns: int, received_ns: int) -> MarketStats:
    """Read one coin's state; its open interest is in coins, so it is valued at the mark price."""
    mark, interest = maybe_positive(state.get("markPx")), maybe_number(state.get("openInterest"))
    return MarketStats(
        instrument=instrument,
        mark_price=mark,
        index_price=maybe_positive(state.get("oraclePx")),
        volume_24h=maybe_number(state.get("dayNtlVlm")),
        open_interest=None if mark is None or interest is None else interest * mark,
        ts_event_ns=venue_ns,
        ts_init_ns=received_ns,
    )


def predicted_rate(
    state: Mapping[str, Any], instrument: InstrumentId, venue_ns: int, received_ns: int
) -> FundingRate | None:
    """Read the rate of the running hour; None where the venue has none."""
    raw = maybe_number(state.get("funding"))
    if raw is None:
        return None
    return FundingRate(
        instrument=instrument,
        raw=raw,
        unit=HOURLY,
        interval_ns=HOUR_NS,
        kind=FundingKind.PREDICTED,
        ts_event_ns=venue_ns,
        ts_init_ns=received_ns,
        next_funding_ns=next_settlement_ns(venue_ns),
    )


def next_settlement_ns(venue_ns: int) -> int:
    """Return the next full hour of the venue's clock: what it announces itself was seen an hour late."""
    return (venue_ns // HOUR_NS + 1) * HOUR_NS


def settled_rate(row: Mapping[str, Any], instrument: InstrumentId, received_ns: int) -> FundingRate:
    """Read a row of `fundingHistory`; until June 2023 the venue settled every eight hours."""
    paid_ns = from_ms(row["time"])
    unit = EIGHT_HOURLY if paid_ns <= LAST_EIGHT_HOURLY_NS else HOURLY
    return FundingRate(
        instrument=instrument,
        raw=number(row["fundingRate"]),
        unit=unit,
        interval_ns=unit.period_ns,
        kind=FundingKind.SETTLED,
        ts_event_ns=paid_ns,
        ts_init_ns=received_ns,
    )


def trade(row: Mapping[str, Any], instrument: InstrumentId, received_ns: int) -> Trade:
    """Read a public trade; its side is the taker's."""
    return Trade(
        instrument=instrument,
        side=SIDES[row["side"]],
        price=number(row["px"]),
        quantity=number(row["sz"]),
        ts_event_ns=from_ms(row["time"]),
        ts_init_ns=received_ns,
    )


def usd_prices(spot: Sequence[Any], tokens: Mapping[str, int]) -> dict[str, Decimal]:
    """Read `spotMetaAndAssetCtxs`: the mid price in USDC of each token that has a pair with it."""
    meta, states = spot
    pairs = {tuple(pair["tokens"]): pair["name"] for pair in meta["universe"]}
    mids = {state["coin"]: maybe_positive(state.get("midPx")) for state in states if "coin" in state}
    found = {name: mids.get(pairs.get((index, 0))) for name, index in tokens.items()}
    return {name: mid for name, mid in found.items() if mid is not None}
