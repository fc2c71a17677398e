"""What a GRVT sub-account holds: positions, balances, payments. Functions without I/O."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from arb.model import (
    MINUTE_NS,
    ZERO,
    Balance,
    FundingPayment,
    MarginMode,
    PaymentId,
    Position,
)
from arb.net import Row, from_ns, maybe_number, maybe_positive, number, positive, row_of, rows_of, text

from ._markets import required

MODES: Final[Mapping[str, MarginMode]] = MappingProxyType({"CROSS": MarginMode.CROSS, "ISOLATED": MarginMode.ISOLATED})


def positions_of(exchange: str, answer: Any, now_ns: int) -> list[Position]:
    """Read the rows of `positions`; the venue nets, so a market has one row at most."""
    return [_position(exchange, row, now_ns) for row in rows_of(answer) if number(row["size"])]


def _position(exchange: str, row: Row, now_ns: int) -> Position:
    quantity, entry, mark = number(row["size"]), positive(row["entry_price"]), positive(row["mark_price"])
    return Position(
        instrument=required(exchange, row["instrument"]),
        quantity=quantity,
        entry_price=entry,
        mark_price=mark,
        unrealized_pnl=quantity * (mark - entry),
        # 0 stands for none: it is no price.
        liquidation_price=maybe_positive(row.get("est_liquidation_price")),
        leverage=maybe_positive(row.get("leverage")),
        # Answers of before 2026 do not tell it: there was cross margin alone.
        margin_mode=MODES[row.get("margin_type") or "CROSS"],
        ts_event_ns=now_ns,
    )


def balances_of(answer: Any, now_ns: int) -> list[Balance]:
    """Read `account_summary`: the settlement currency carries the positions, and its margin is the account's.

    What else lies there counts with what it holds and lends no margin here: the venue has counted it in
    `available_balance` already.
    """
    account = row_of(answer)
    rows = {text(row["currency"]): row for row in rows_of(account["spot_balances"])}
    currency = text(account["settle_currency"])
    # Each position's own profit, since what the account states is rounded: the sum of the parts is the equity.
    profit = sum((number(row["size"]) * _move(row) for row in rows_of(account["positions"])), ZERO)
    cash = number(rows[currency]["balance"]) if currency in rows else ZERO
    equity = cash + profit
    balances = [
        Balance(
            currency=currency,
            cash=cash,
            equity=equity,
            available=min(number(account["available_balance"]), equity),
            maintenance_margin=number(account["maintenance_margin"]),
            ts_event_ns=now_ns,
        )
    ]
    for name, row in sorted(rows.items()):
        if name != currency and number(row["balance"]):
            held = number(row["balance"])
            balances.append(
                Balance(
                    currency=name,
                    cash=held,
                    equity=held,
                    available=min(ZERO, held),
                    maintenance_margin=None,
                    ts_event_ns=now_ns,
                )
            )
    return balances


def _move(row: Row) -> Decimal:
    return number(row["mark_price"]) - number(row["entry_price"]) if number(row["size"]) else ZERO


def dollars_of(answer: Any) -> dict[str, Decimal]:
    """Return US dollars per unit of each currency that `account_summary` prices."""
    account = row_of(answer)
    found = {text(row["currency"]): maybe_positive(row.get("index_price")) for row in rows_of(account["spot_balances"])}
    found.setdefault(text(account["settle_currency"]), maybe_positive(account.get("settle_index_price")))
    return {currency: price for currency, price in found.items() if price is not None}


def payment_of(exchange: str, row: Row) -> FundingPayment:
    """Read a row of `funding_payment_history`: the venue writes what was paid as positive.

    It is told some milliseconds after the settlement, which is on a whole minute.
    """
    told_ns = from_ns(row["event_time"])
    return FundingPayment(
        payment_id=PaymentId(f"{text(row['tx_id'])}-{text(row['instrument'])}"),
        instrument=required(exchange, row["instrument"]),
        amount=-number(row["amount"]),
        currency=text(row["currency"]),
        settled_ns=told_ns - told_ns % MINUTE_NS,
    )


def leverage_of(answer: Any, symbol: str) -> tuple[Decimal, MarginMode, Decimal | None]:
    """Return leverage, margin mode and the most that can be set, of one market in `get_all_initial_leverage`.

    Raises:
        ValueError: it is not in the list.
    """
    for row in rows_of(row_of(answer)["results"]):
        if row["instrument"] == symbol:
            return positive(row["leverage"]), MODES[row["margin_type"]], maybe_number(row.get("max_leverage"))
    raise ValueError(f"no leverage of {symbol}")
