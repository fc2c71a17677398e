"""What a Backpack account holds: positions, collateral, payments, transfers. Functions without I/O.

Backpack pays profit and loss of open positions out every ten seconds ("PnL Settlement",
https://guide.backpack.exchange/trading/settlement-and-realization): the USDC balance moves with the mark price while
nothing is closed, and `pnlUnrealized` is only what has come since. Here profit of an open position is the whole
of it since its entry, and cash is the balance without what was paid out of positions that are still open.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from arb.model import (
    ZERO,
    Balance,
    FundingPayment,
    MarginMode,
    PaymentId,
    Position,
)
from arb.net import Row, maybe_number, number, positive, rows_of, text

from ._fields import from_text
from ._markets import QUOTE, required


@dataclass(frozen=True, slots=True)
class Held:
    """A position and what the account's balance has to do with it.

    Attributes:
        settled: Of its profit, what the venue has paid into the balance although it is open.
        maintenance: Quote currency.
    """

    position: Position
    settled: Decimal
    maintenance: Decimal


def held_of(exchange: str, rows: Iterable[Row], now_ns: int) -> list[Held]:
    """Read rows of `GET /api/v1/position`; the venue nets, so a market has one at most."""
    return [_held(exchange, row, now_ns) for row in rows if number(row["netQuantity"])]


def _held(exchange: str, row: Row, now_ns: int) -> Held:
    quantity, entry, mark = number(row["netQuantity"]), positive(row["entryPrice"]), positive(row["markPrice"])
    profit = quantity * (mark - entry)
    liquidation = maybe_number(row.get("estLiquidationPrice"))
    position = Position(
        instrument=required(exchange, row["symbol"]),
        quantity=quantity,
        entry_price=entry,
        mark_price=mark,
        unrealized_pnl=profit,
        # 0 stands for none: it is no price.
        liquidation_price=liquidation if liquidation is not None and liquidation > 0 else None,
        leverage=None,
        margin_mode=MarginMode.CROSS,
        ts_event_ns=now_ns,
    )
    return Held(
        position=position,
        settled=profit - number(row["pnlUnrealized"]),
        maintenance=abs(quantity) * mark * number(row["mmf"]),
    )


def settled_of(held: Iterable[Held]) -> Decimal:
    """Return what the venue has paid out of positions that are open."""
    return sum((each.settled for each in held), ZERO)


def balances_of(answer: Row, held: Sequence[Held], now_ns: int) -> list[Balance]:
    """Read `GET /api/v1/capital/collateral` beside the positions of the same moment.

    USDC carries the positions. Its cash is what there is of it, lent or not, with the claim on the venue's fund
    (`unsettledEquity`) and without what is borrowed; its margin is the account's. What else lies there counts
    with what it holds and lends no margin here, which the venue counts in `netEquityAvailable` already.
    """
    rows = {text(row["symbol"]): row for row in rows_of(answer["collateral"])}
    profit = sum((each.position.unrealized_pnl for each in held), ZERO)
    owned = number(rows[QUOTE]["totalQuantity"]) if QUOTE in rows else ZERO
    owed = number(answer["borrowLiability"])
    cash = owned + (maybe_number(answer.get("unsettledEquity")) or ZERO) - abs(owed) - settled_of(held)
    equity = cash + profit
    balances = [
        Balance(
            currency=QUOTE,
            cash=cash,
            equity=equity,
            available=min(number(answer["netEquityAvailable"]), equity),
            maintenance_margin=sum((each.maintenance for each in held), ZERO),
            ts_event_ns=now_ns,
        )
    ]
    return balances + [_other(symbol, row, now_ns) for symbol, row in sorted(rows.items()) if symbol != QUOTE]


def _other(currency: str, row: Row, now_ns: int) -> Balance:
    total = number(row["totalQuantity"])
    return Balance(
        currency=currency,
        cash=total,
        equity=total,
        available=min(ZERO, total),
        maintenance_margin=None,
        ts_event_ns=now_ns,
    )


def dollars_of(answer: Row) -> dict[str, Decimal]:
    """Return US dollars per unit of each collateral currency that the venue prices."""
    prices = {text(row["symbol"]): maybe_number(row.get("assetMarkPrice")) for row in rows_of(answer["collateral"])}
    return {symbol: price for symbol, price in prices.items() if price is not None and price > 0}


def payment_of(exchange: str, row: Row) -> FundingPayment:
    """Read a row of `GET /wapi/v1/history/funding`: received is positive, in USDC. The venue gives no id."""
    ended, amount = text(row["intervalEndTimestamp"]), text(row["quantity"])
    return FundingPayment(
        payment_id=PaymentId(f"{row['symbol']}-{ended}-{amount}"),
        instrument=required(exchange, row["symbol"]),
        amount=number(amount),
        currency=QUOTE,
        settled_ns=from_text(ended),
        rate=number(row["fundingRate"]),
    )
