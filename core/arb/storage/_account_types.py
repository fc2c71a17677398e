"""What the account of a run says. All amounts are US dollars unless a field names a currency."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from arb.model import (
    ZERO,
    ClientOrderId,
    ExchangeName,
    FillId,
    HedgeId,
    HedgeStatus,
    InstrumentId,
    PaymentId,
    PositionSide,
    Side,
    exact_money,
)


@contextmanager
def exact_sums() -> Iterator[None]:
    """Compute without any rounding: a product of quantity, price and rate may exceed 60 digits."""
    with exact_money() as context:
        context.prec = 500
        yield


class Part(StrEnum):
    """Where a change of equity came from."""

    PRICE = "price"
    FUNDING = "funding"
    FEES = "fees"
    SLIPPAGE = "slippage"
    FX = "fx"
    INTEREST = "interest"
    TRANSFERS = "transfers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """A change of equity, taken apart; each is negative when it cost.

    Attributes:
        price: Moves of prices, measured from the mid price on arrival of each order.
        funding: Received less paid.
        fees: Rebates less fees.
        slippage: Fills away from the mid price on arrival.
        fx: Moves of collateral currencies against the dollar, and what conversions of them cost.
        interest: Received less paid on margin.
        transfers: Deposits less withdrawals, and what else a venue booked; no result of trading.
    """

    price: Decimal = ZERO
    funding: Decimal = ZERO
    fees: Decimal = ZERO
    slippage: Decimal = ZERO
    fx: Decimal = ZERO
    interest: Decimal = ZERO
    transfers: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        """Return their exact sum."""
        with exact_sums():
            return sum((getattr(self, part) for part in Part), ZERO)

    def plus(self, other: Parts) -> Parts:
        """Return the exact sum part by part."""
        with exact_sums():
            return Parts(**{part.value: getattr(self, part) + getattr(other, part) for part in Part})


@dataclass(frozen=True, slots=True, kw_only=True)
class FillLine:
    """One fill and what it did.

    Attributes:
        arrival_price: Mid price when the order was decided; None for a fill without an own order.
        fee: In `fee_currency`; a cost is positive.
        fees_usd: Its part: a cost is negative; None when the currency's dollar rate is not known.
        slippage_usd: Its part: a cost is negative.
    """

    ts_ns: int
    instrument: InstrumentId
    fill_id: FillId
    client_order_id: ClientOrderId
    side: Side
    quantity: Decimal
    price: Decimal
    arrival_price: Decimal | None
    fee: Decimal
    fee_currency: str
    fees_usd: Decimal | None
    slippage_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentLine:
    """One settlement of funding, or a hedge's share of it.

    Attributes:
        rate: Fraction of notional; None where the venue does not say.
        quantity: Signed contracts of this hedge at the settlement; None where nobody knows.
        price: The price the venue used; None where it does not say.
        amount: In `currency`; received is positive.
    """

    settled_ns: int
    exchange: ExchangeName
    instrument: InstrumentId
    payment_id: PaymentId
    rate: Decimal | None
    quantity: Decimal | None
    price: Decimal | None
    amount: Decimal
    currency: str
    usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class LegAccount:
    """One leg: prices are averages of its fills, None before the first; times are those of fills."""

    instrument: InstrumentId
    exchange: ExchangeName
    side: PositionSide
    entry_ns: int | None
    entry_quantity: Decimal
    entry_price: Decimal | None
    exit_ns: int | None
    exit_quantity: Decimal
    exit_price: Decimal | None
    parts: Parts
    total_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class HedgeAccount:
    """One hedge.

    Attributes:
        entry_ns: Its first fill.
        exit_ns: Its last fill, once every leg is flat.
        parts: `price` is the PnL of the basis; `fx` is the move of the currencies on its own
            result, until its last booking.
        max_abs_delta_usd: Largest unbalanced exposure after any instant with a fill.
    """

    hedge_id: HedgeId
    strategy: str
    base: str
    status: HedgeStatus
    created_ns: int
    entry_ns: int | None
    exit_ns: int | None
    entry_reason: str
    exit_reason: str
    legs: tuple[LegAccount, ...]
    fills: tuple[FillLine, ...]
    payments: tuple[PaymentLine, ...]
    parts: Parts
    total_usd: Decimal
    max_abs_delta_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Unattributed:
    """What belongs to no hedge: fills without an own order, their funding, fx of the capital."""

    fills: tuple[FillLine, ...]
    payments: tuple[PaymentLine, ...]
    parts: Parts
    total_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletAccount:
    """One currency at one exchange, from its first sample to its last."""

    exchange: ExchangeName
    currency: str
    start_ns: int
    end_ns: int
    start_equity: Decimal
    end_equity: Decimal
    start_usd_rate: Decimal
    end_usd_rate: Decimal
    equity_change: Decimal
    unexplained: Decimal


ROUNDING_USD: Final = Decimal("0.01")
"""What of a change of equity may be left over: real venues round each amount they tell, most to a millionth.

A simulated venue rounds nothing, so that there nothing at all is left.
"""


def is_explained(unexplained: Decimal) -> bool:
    """Return whether what the parts leave of a change of equity is no more than the rounding of venues."""
    return abs(unexplained) < ROUNDING_USD


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAccount:
    """The account of a run.

    Attributes:
        start_ns: The first equity sample; None when there is none.
        parts: Sum of all hedges and of `unattributed`, exactly.
        unexplained: `equity_change - parts.total`; more than rounding (:func:`is_explained`) is an entry the
            journal has not seen: a deposit of a venue that does not list its transfers, or worse.
        hedges_opened: Hedges fully opened in this time.
        max_abs_delta_usd: Largest sum over all assets of the unhedged exposure, after any instant
            with a fill.
        alarms: What a person should look at, one line each.
    """

    start_ns: int | None
    end_ns: int | None
    equity_start_usd: Decimal
    equity_end_usd: Decimal
    equity_change: Decimal
    parts: Parts
    unexplained: Decimal
    hedges_opened: int
    hedges_closed: int
    max_abs_delta_usd: Decimal
    hedges: tuple[HedgeAccount, ...]
    unattributed: Unattributed
    wallets: tuple[WalletAccount, ...]
    alarms: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain values in a fixed order, every Decimal as text without an exponent."""
        plain: dict[str, Any] = _plain(self)
        return plain


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return str(value) if isinstance(value, StrEnum) else value


def decimal_text(value: Decimal) -> str:
    """Return the shortest text of exactly this value, without an exponent."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text
