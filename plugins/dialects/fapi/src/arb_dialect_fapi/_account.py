"""What an account holds: positions, collateral, bookings. Functions without I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from arb.model import (
    Balance,
    ExchangeName,
    FundingPayment,
    InstrumentId,
    MarginMode,
    PaymentId,
    Position,
    Transfer,
    TransferId,
    TransferKind,
)
from arb.net import Row, from_ms, maybe_number, maybe_positive, number, positive, row_of, rows_of, text

from ._symbols import perpetual, required

_ONE_WAY: Final = "BOTH"
_CENTS: Final = ("walletBalance", "marginBalance", "maintMargin")

TRADING_INCOME: Final = frozenset({"REALIZED_PNL", "COMMISSION", "FUNDING_FEE"})
"""Bookings that fills and payments tell."""

FUNDING_FEE: Final = "FUNDING_FEE"
_MOVED: Final = frozenset(
    {"TRANSFER", "INTERNAL_TRANSFER", "CROSS_COLLATERAL_TRANSFER", "STRATEGY_UMFUTURES_TRANSFER", "WITHDRAW", "DEPOSIT"}
)
_CONVERTED: Final = frozenset({"AUTO_EXCHANGE", "COIN_SWAP_DEPOSIT", "COIN_SWAP_WITHDRAW"})
_INTEREST: Final = frozenset({"BFUSD_REWARD", "INTEREST"})


@dataclass(frozen=True, slots=True)
class SymbolSettings:
    """What is set for a symbol."""

    leverage: Decimal
    mode: MarginMode


def settings_of(rows: Any) -> dict[str, SymbolSettings]:
    """Read rows of `symbolConfig`, or of `positionRisk` where that tells them; raises ValueError."""
    return {
        text(row["symbol"]): SymbolSettings(positive(row["leverage"]), margin_mode(row["marginType"]))
        for row in rows_of(rows)
    }


def margin_mode(value: Any) -> MarginMode:
    """Return a margin mode, which is written in four ways; raises ValueError."""
    word = text(value).lower()
    if word in ("cross", "crossed"):
        return MarginMode.CROSS
    if word == "isolated":
        return MarginMode.ISOLATED
    raise ValueError(f"margin type {value!r}")


def positions_of(
    exchange: str, quotes: Iterable[str], rows: Any, settings: Mapping[str, SymbolSettings], now_ns: int
) -> list[Position]:
    """Read `positionRisk`; contracts that end are left out.

    Raises:
        ValueError: a side of hedge mode, which has two positions a symbol.
    """
    found = []
    for row in rows_of(rows):
        if row.get("positionSide", _ONE_WAY) != _ONE_WAY:
            if number(row["positionAmt"]):
                raise ValueError("the account is in hedge mode: switch it to one-way mode")
            continue
        instrument = perpetual(exchange, row["symbol"], quotes)
        if instrument is None or not number(row["positionAmt"]):
            continue
        found.append(_position(instrument, row, settings.get(row["symbol"]), now_ns))
    return found


def sizes_of(rows: Any) -> dict[str, Decimal]:
    """Return the size of each position of `positionRisk` by symbol."""
    return {text(row["symbol"]): size for row in rows_of(rows) if (size := number(row["positionAmt"]))}


def _position(instrument: InstrumentId, row: Row, settings: SymbolSettings | None, now_ns: int) -> Position:
    mode = settings.mode if settings is not None else _mode_of(row)
    return Position(
        instrument=instrument,
        quantity=number(row["positionAmt"]),
        entry_price=positive(row["entryPrice"]),
        mark_price=positive(row["markPrice"]),
        unrealized_pnl=number(row["unRealizedProfit"]),
        # 0 stands for none: it is no price.
        liquidation_price=maybe_positive(row.get("liquidationPrice")),
        leverage=None if settings is None else settings.leverage,
        margin_mode=mode,
        ts_event_ns=now_ns,
    )


def _mode_of(row: Row) -> MarginMode:
    return MarginMode.ISOLATED if maybe_positive(row.get("isolatedMargin")) else MarginMode.CROSS


def balances_of(answer: Any, main: str, now_ns: int) -> list[Balance]:
    """Read `assets` of the account: those that hold something, and the main one.

    Profit of open positions is not in the wallet; isolated margin is part of it.
    """
    rows = {text(row["asset"]): row for row in rows_of(row_of(answer)["assets"])}
    chosen = {
        asset: row for asset, row in rows.items() if asset == main or any(maybe_number(row.get(n)) for n in _CENTS)
    }
    if not chosen:
        raise ValueError("an account without any asset")
    return [_balance(asset, chosen[asset], now_ns) for asset in sorted(chosen, key=lambda each: (each != main, each))]


def _balance(asset: str, row: Row, now_ns: int) -> Balance:
    cash = number(row["walletBalance"])
    equity = cash + number(row["unrealizedProfit"])
    return Balance(
        currency=asset,
        cash=cash,
        equity=equity,
        available=min(number(row["availableBalance"]), equity),
        maintenance_margin=number(row["maintMargin"]),
        ts_event_ns=now_ns,
    )


def payment_of(exchange: str, quotes: Iterable[str], row: Row) -> FundingPayment:
    """Read an `income` of FUNDING_FEE: received is positive. Size, price and rate are not told."""
    return FundingPayment(
        payment_id=PaymentId(f"{row['symbol']}-{row['tranId']}"),
        instrument=required(exchange, row["symbol"], quotes),
        amount=number(row["income"]),
        currency=text(row["asset"]),
        settled_ns=from_ms(row["time"]),
    )


def transfer_of(exchange: str, row: Row) -> Transfer | None:
    """Read any other `income`; None for one that fills or payments tell, and for nothing."""
    kind, amount = text(row["incomeType"]), number(row["income"])
    if kind in TRADING_INCOME or not amount:
        return None
    return Transfer(
        transfer_id=TransferId(income_id(row)),
        exchange=ExchangeName(exchange),
        kind=_kind_of(kind, amount),
        currency=text(row["asset"]),
        amount=amount,
        ts_event_ns=from_ms(row["time"]),
    )


def income_id(row: Row) -> str:
    """Return what tells a booking from all others: `tranId` is one of its kind only."""
    parts = (row["incomeType"], row["tranId"], row.get("symbol"), row.get("asset"), row.get("tradeId"))
    return "-".join(str(part) for part in parts if part not in (None, ""))


def _kind_of(kind: str, amount: Decimal) -> TransferKind:
    if kind in _MOVED:
        return TransferKind.DEPOSIT if amount > 0 else TransferKind.WITHDRAWAL
    if kind in _CONVERTED:
        return TransferKind.CONVERSION
    return TransferKind.INTEREST if kind in _INTEREST else TransferKind.OTHER


WORDS: Final[Mapping[MarginMode, str]] = MappingProxyType(
    {MarginMode.CROSS: "CROSSED", MarginMode.ISOLATED: "ISOLATED"}
)
"""`marginType` as it is sent."""
