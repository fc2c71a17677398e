"""An account of Lighter as records: fills, positions, balances, funding payments, leverage."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal
from types import MappingProxyType
from typing import Final

from arb.model import (
    ZERO,
    Balance,
    ClientOrderId,
    ExchangeOrderId,
    Fill,
    FillId,
    FundingPayment,
    InstrumentId,
    Liquidity,
    MarginMode,
    PaymentId,
    Position,
    Side,
    to_cash,
)
from arb.net import Row, flag, from_s, maybe_positive, number, positive, text, whole

from ._fields import changed_at, maybe_rows
from ._markets import FEE_TICK, MARGIN_TICK, QUOTE, Market

_MODES: Final[Mapping[int, MarginMode]] = MappingProxyType({0: MarginMode.CROSS, 1: MarginMode.ISOLATED})
_SIGNS: Final[Mapping[str, int]] = MappingProxyType({"long": 1, "short": -1})
_CENT: Final = Decimal("0.000001")
CLASSIC: Final = 0
"""Trading mode of an account whose collateral is USDC alone."""

FOREIGN_INDEX: Final = 0
"""Client order index of an order that was placed without one."""


def own_sides(row: Row, account_index: int) -> list[Side]:
    """Return the sides of a trade that are the account's: one, or both when it traded with itself."""
    sides = []
    if whole(row["bid_account_id"]) == account_index:
        sides.append(Side.BUY)
    if whole(row["ask_account_id"]) == account_index:
        sides.append(Side.SELL)
    return sides


def client_index_of(row: Row, side: Side) -> int:
    """Return the client order index of one side of a trade; 0 without one."""
    return whole(row.get("bid_client_id" if side is Side.BUY else "ask_client_id") or FOREIGN_INDEX)


def order_index_of(row: Row, side: Side) -> int:
    """Return the venue's order index of one side of a trade."""
    return whole(row["bid_id" if side is Side.BUY else "ask_id"])


def fill_of(row: Row, instrument: InstrumentId, side: Side, client_order_id: ClientOrderId, *, alone: bool) -> Fill:
    """Return one side of a trade.

    Fees count 1e-6 of the notional and are left out where they are zero. What the venue gives as profit of a side
    is not used: whether it holds the fee is not said.

    Args:
        row: Of `trades`, or of the channel `account_all_trades`.
        instrument: Where it happened.
        side: The account's.
        client_order_id: Of the account's order.
        alone: Whether the other side is another account's.
    """
    price, quantity = positive(row["price"]), positive(row["size"])
    is_maker = flag(row["is_maker_ask"]) == (side is Side.SELL)
    fee = number(row.get("maker_fee" if is_maker else "taker_fee") or 0)
    trade_id = str(whole(row["trade_id"]))
    return Fill(
        fill_id=FillId(trade_id if alone else f"{trade_id}-{side}"),
        client_order_id=client_order_id,
        exchange_order_id=ExchangeOrderId(str(order_index_of(row, side))),
        instrument=instrument,
        side=side,
        price=price,
        quantity=quantity,
        fee=price * quantity * fee / FEE_TICK,
        fee_currency=QUOTE,
        liquidity=Liquidity.MAKER if is_maker else Liquidity.TAKER,
        ts_event_ns=changed_at(row),
    )


def position_of(row: Row, market: Market, now_ns: int) -> Position | None:
    """Return a position; None for a flat one.

    The venue gives the value at the mark price, and the price is that value over the size.
    """
    size, sign = number(row["position"]), whole(row["sign"])
    if size < 0 or sign not in (-1, 0, 1):
        raise ValueError(f"a position of {size} with the sign {sign}")
    if not size:
        return None
    if not sign:
        raise ValueError(f"a position of {size} without a side")
    quantity = size * sign
    value = number(row["position_value"])
    fraction = fraction_of(row, market)
    return Position(
        instrument=market.instrument.id,
        quantity=quantity,
        entry_price=number(row["avg_entry_price"]),
        mark_price=(abs(value) / abs(quantity)).quantize(_CENT * market.instrument.tick_size, ROUND_HALF_EVEN),
        unrealized_pnl=number(row["unrealized_pnl"]),
        liquidation_price=maybe_positive(row.get("liquidation_price")),
        leverage=None if fraction is None else leverage_of(fraction),
        margin_mode=_MODES[whole(row["margin_mode"])],
        ts_event_ns=now_ns,
    )


def balance_of(account: Row, now_ns: int) -> Balance:
    """Return the collateral of a classic account, which is USDC.

    The total value is collateral and unrealised profit, with what isolated positions have been given: cash is that
    value without the profit.
    """
    # Seen with digits that a float of the venue left behind.
    equity = to_cash(number(account["total_asset_value"]))
    profit = sum((number(row["unrealized_pnl"]) for row in maybe_rows(account["positions"])), ZERO)
    need = account.get("cross_maintenance_margin_requirement")
    return Balance(
        currency=QUOTE,
        cash=equity - profit,
        equity=equity,
        available=min(number(account["available_balance"]), equity),
        maintenance_margin=None if need in (None, "") else number(need),
        ts_event_ns=now_ns,
    )


def margin_of(row: Row | None, market: Market) -> tuple[Decimal, MarginMode]:
    """Return leverage and margin mode from a row of positions, which is there for a flat market too.

    Without one nothing was ever set, and the market's default holds.

    Raises:
        ValueError: the fraction can be read in two ways or in none.
    """
    if row is None:
        return leverage_of(market.default_fraction), MarginMode.CROSS
    fraction = fraction_of(row, market)
    if fraction is None:
        raise ValueError(f"initial_margin_fraction {row['initial_margin_fraction']!r}: percent or a fraction?")
    return leverage_of(fraction), _MODES[whole(row["margin_mode"])]


def fraction_of(row: Row, market: Market) -> int | None:
    """Return the initial margin in 1e-4 of the notional; None where percent and fraction are both possible.

    REST answers were seen with percent ("5.00"), examples of the socket with a fraction ("0.0500"). A market
    allows only one of the two, unless it goes up to a leverage of 100.
    """
    written = number(row["initial_margin_fraction"])
    readings = {written * 100, written * MARGIN_TICK}
    possible = [one for one in readings if market.least_fraction <= one <= MARGIN_TICK and one == int(one)]
    return int(possible[0]) if len(possible) == 1 else None


def fraction_for(leverage: Decimal) -> int:
    """Return the smallest margin fraction that allows no more than a leverage."""
    return int((MARGIN_TICK / leverage).to_integral_value(ROUND_CEILING))


def leverage_of(fraction: int) -> Decimal:
    """Return the leverage of a margin fraction: a whole number where the fraction is that number's, rounded.

    The venue cannot express 3: its own apps write 3333 for it, this plugin 3334.
    """
    whole_number = round(MARGIN_TICK / Decimal(fraction))
    if whole_number and fraction in (MARGIN_TICK // whole_number, fraction_for(Decimal(whole_number))):
        return Decimal(whole_number)
    return Decimal(MARGIN_TICK) / fraction


def payment_of(row: Row, instrument: InstrumentId) -> FundingPayment:
    """Return a funding payment: `change` is what the account got, negative when it paid.

    The rate is a fraction an hour; its sign follows from who paid, whatever the sign it is written with.
    """
    amount, rate = number(row["change"]), number(row["rate"])
    quantity = number(row["position_size"])
    quantity = abs(quantity) * _SIGNS[text(row["position_side"])]
    if amount and quantity:
        rate = abs(rate) * (-1 if amount * quantity > 0 else 1)
    settled_ns = from_s(row["timestamp"])
    return FundingPayment(
        payment_id=PaymentId(f"{whole(row['market_id'])}-{whole(row['funding_id'])}-{whole(row['timestamp'])}"),
        instrument=instrument,
        amount=amount,
        currency=QUOTE,
        settled_ns=settled_ns,
        quantity=quantity,
        rate=rate,
    )
