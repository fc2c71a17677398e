"""Positions, balances, fills and payments as the venue writes them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from arb.model import (
    ClientOrderId,
    ExchangeOrderId,
    Fill,
    FillId,
    FundingPayment,
    Instrument,
    InstrumentId,
    Liquidity,
    MarginMode,
    PaymentId,
    Position,
)
from arb.net import from_ms, maybe_number, maybe_positive, number, whole

from ._listing import Coin
from ._market_rows import SIDES

MODES: Final[Mapping[str, MarginMode]] = {"cross": MarginMode.CROSS, "isolated": MarginMode.ISOLATED}
ONE_WAY: Final = "oneWay"
_FILL_IDENTITY: Final = ("hash", "oid", "startPosition", "px", "sz")
FILL_ROWS: Final = 2_000
"""Most fills of one answer (documentation, "Retrieve a user's fills by time")."""


def leverage(row: Mapping[str, Any]) -> tuple[Decimal, MarginMode]:
    """Read leverage and margin mode."""
    return number(row["value"]), MODES[row["type"]]


def position(row: Mapping[str, Any], instrument: InstrumentId, ts_ns: int) -> Position | None:
    """Read an entry of `assetPositions`; None when it is flat."""
    if row["type"] != ONE_WAY:
        raise ValueError(f"a position of type {row['type']!r}: only one-way positions are known")
    held = row["position"]
    quantity = number(held["szi"])
    if not quantity:
        return None
    value, mode = leverage(held["leverage"])
    return Position(
        instrument=instrument,
        quantity=quantity,
        entry_price=number(held["entryPx"]),
        mark_price=number(held["positionValue"]) / abs(quantity),
        unrealized_pnl=number(held["unrealizedPnl"]),
        liquidation_price=maybe_positive(held["liquidationPx"]),
        leverage=value,
        margin_mode=mode,
        ts_event_ns=ts_ns,
    )


def fill(row: Mapping[str, Any], instrument: Instrument | Coin, client_order_id: ClientOrderId) -> Fill:
    """Read a fill. `fee` holds a builder's share too, and is negative for a rebate; `closedPnl` is before it."""
    return Fill(
        fill_id=fill_id(row),
        client_order_id=client_order_id,
        exchange_order_id=ExchangeOrderId(str(whole(row["oid"]))),
        instrument=instrument.id,
        side=SIDES[row["side"]],
        price=number(row["px"]),
        quantity=number(row["sz"]),
        fee=number(row["fee"]),
        fee_currency=str(row.get("feeToken") or instrument.quote),
        liquidity=Liquidity.TAKER if row["crossed"] else Liquidity.MAKER,
        ts_event_ns=from_ms(row["time"]),
        realized_pnl=maybe_number(row.get("closedPnl")),
    )


def fill_id(row: Mapping[str, Any]) -> FillId:
    """Return what names a fill in every list and stream: its `tid`, which the venue's own bookings do not have."""
    trade = whole(row.get("tid") or 0)
    return FillId(str(trade) if trade else "-".join(str(row[name]) for name in _FILL_IDENTITY))


def payment(row: Mapping[str, Any], time: Any, instrument: Instrument | Coin) -> FundingPayment:
    """Read a payment; its id is time and coin, since the venue gives all payments one hash.

    In 2023 a settlement was of several samples: `szi` is their mean, and each was paid at the rate.

    Args:
        row: `delta` of a row of `userFunding`, or a row of the stream `userFundings`.
        time: Its milliseconds.
        instrument: Of its coin.
    """
    return FundingPayment(
        payment_id=PaymentId(f"{whole(time)}-{instrument.symbol}"),
        instrument=instrument.id,
        amount=number(row["usdc"]),
        currency=instrument.quote,
        settled_ns=from_ms(time),
        quantity=number(row["szi"]),
        rate=number(row["fundingRate"]) * (maybe_number(row.get("nSamples")) or 1),
    )
