"""What a Paradex account holds: positions, collateral, payments. Functions without I/O.

Funding of an open position accrues every second and is paid into the balance when the position changes. Until then it
is part of the venue's `unrealized_pnl` and of its account value. Here it is in neither cash nor profit before it is
paid: the payment that the venue lists then moves the cash by exactly its amount.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from arb.model import (
    ZERO,
    Balance,
    FundingPayment,
    MarginMode,
    PaymentId,
    Position,
    to_cash,
)
from arb.net import Row, from_ms, maybe_positive, number, positive, text

from ._fields import results
from ._markets import perpetual, required

DOLLAR: Final = "USDC"
_OPEN: Final = "OPEN"


@dataclass(frozen=True, slots=True)
class Held:
    """A position, what of its funding was not paid yet, and the fill that changed it last."""

    position: Position
    accrued: Decimal
    last_fill: str


def held_of(exchange: str, answer: Any, now_ns: int) -> list[Held]:
    """Read `GET /positions`; the venue nets, so a market has one row at most. Options are no part of it."""
    rows = [row for row in results(answer) if row["status"] == _OPEN and number(row["size"])]
    return [_held(exchange, row, now_ns) for row in rows if perpetual(exchange, row["market"]) is not None]


def _held(exchange: str, row: Row, now_ns: int) -> Held:
    size, entry = number(row["size"]), positive(row["average_entry_price"])
    if row["side"] not in ("LONG", "SHORT") or (size > 0) != (row["side"] == "LONG"):
        raise ValueError(f"a position of {size} that is {row['side']!r}")
    accrued = number(row["unrealized_funding_pnl"])
    profit = number(row["unrealized_pnl"]) - accrued
    position = Position(
        instrument=required(exchange, row["market"]),
        quantity=size,
        # In dollars, as the fills are; the other one is in USDC, and their quotient is the price of USDC.
        entry_price=maybe_positive(row.get("average_entry_price_usd")) or entry,
        # The row has no mark price: it is where the profit that it has is made.
        mark_price=max(to_cash(entry + profit / size), ZERO),
        unrealized_pnl=profit,
        liquidation_price=maybe_positive(row.get("liquidation_price")),
        leverage=None,
        margin_mode=MarginMode.CROSS,
        ts_event_ns=now_ns,
    )
    return Held(position, accrued, str(row.get("last_fill_id") or ""))


def accrued_of(held: Iterable[Held]) -> Decimal:
    """Return the funding that was not paid yet."""
    return sum((each.accrued for each in held), ZERO)


def balances_of(answer: Any, summary: Row, held: Sequence[Held], now_ns: int) -> list[Balance]:
    """Read `GET /balance` and `GET /account` beside the positions of the same moment.

    USDC carries the positions, and its margin is the account's. Other tokens count with what is held of them and lend
    no margin here: the venue has counted them in `free_collateral`.
    """
    sizes = {text(row["token"]): number(row["size"]) for row in results(answer)}
    cash = sizes.pop(DOLLAR, ZERO)
    equity = cash + sum((each.position.unrealized_pnl for each in held), ZERO)
    balances = [
        Balance(
            currency=DOLLAR,
            cash=cash,
            equity=equity,
            available=min(number(summary["free_collateral"]), equity),
            maintenance_margin=number(summary["maintenance_margin_requirement"]),
            ts_event_ns=now_ns,
        )
    ]
    return balances + [
        Balance(
            currency=token,
            cash=size,
            equity=size,
            available=min(ZERO, size),
            maintenance_margin=None,
            ts_event_ns=now_ns,
        )
        for token, size in sorted(sizes.items())
        if size
    ]


def payment_of(exchange: str, row: Row) -> FundingPayment:
    """Read a row of `GET /funding/payments`: what was realised when a position changed; received is positive.

    The row tells the index of that moment and not since when the funding accrued, nor on how many contracts.
    """
    return FundingPayment(
        payment_id=PaymentId(text(row["id"])),
        instrument=required(exchange, row["market"]),
        amount=number(row["payment"]),
        currency=DOLLAR,
        settled_ns=from_ms(row["created_at"]),
    )
