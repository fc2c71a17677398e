"""What the venue's rows mean. Every odd field is BadResponse: it is never zero, and never guessed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from typing import Any

from arb.api import BadResponse
from arb.model import (
    MILLISECOND_NS,
    SECOND_NS,
    Balance,
    BookLevel,
    ClientOrderId,
    ExchangeOrderId,
    FeeSchedule,
    Fill,
    FillId,
    FundingPayment,
    Instrument,
    InstrumentId,
    InstrumentStatus,
    Liquidity,
    MarginMode,
    MarginTier,
    Order,
    OrderRequest,
    OrderStatus,
    PaymentId,
    Position,
    PriceBase,
    Side,
    TimeInForce,
    instrument_id,
)

Row = Mapping[str, Any]


def optional(text: str | None) -> Decimal | None:
    """Return a number that the venue may leave out."""
    return None if text is None else Decimal(text)


def levels(rows: Iterable[tuple[str, str]]) -> tuple[BookLevel, ...]:
    """Return one side of a book."""
    return tuple(BookLevel(Decimal(price), Decimal(size)) for price, size in rows)


class Parser:
    """Reads rows of one exchange.

    Attributes:
        names: Our id of each symbol that is listed.
    """

    def __init__(self, exchange: str) -> None:
        self._exchange = exchange
        self.names: dict[str, InstrumentId] = {}

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Let whatever is odd in an answer be BadResponse."""
        try:
            yield
        except (LookupError, TypeError, ValueError, InvalidOperation, AttributeError) as error:
            raise BadResponse(
                f"an answer cannot be read: {type(error).__name__}", exchange=self._exchange, code="field"
            ) from error

    def name(self, symbol: str) -> InstrumentId:
        """Return our id of a symbol."""
        return self.names[symbol]

    def instrument(self, row: Row) -> Instrument:
        """Return a listed instrument."""
        tier = MarginTier(
            max_notional=None,
            maintenance_rate=Decimal(row["maintenance"]),
            max_leverage=Decimal(row["max_leverage"]),
        )
        return Instrument(
            id=instrument_id(f"{row['base']}-PERP", self._exchange),
            symbol=row["symbol"],
            base=row["base"],
            quote=row["quote"],
            tick_size=Decimal(row["tick"]),
            lot_size=Decimal(row["lot"]),
            fees=FeeSchedule(maker=Decimal(row["maker"]), taker=Decimal(row["taker"])),
            margin_tiers=(tier,),
            funding_interval_ns=row["funding_interval"] * SECOND_NS,
            min_quantity=Decimal(row["min_quantity"]),
            min_notional=Decimal(row["min_notional"]),
            multiplier=Decimal(row["contract_size"]),
            funding_price_base=PriceBase(row["funding_price"]),
            status=InstrumentStatus(row["status"]),
        )

    def order(self, row: Row) -> Order:
        """Return an order."""
        request = OrderRequest(
            client_order_id=ClientOrderId(row["client_id"] or f"foreign-{row['id']}"),
            instrument=self.name(row["symbol"]),
            side=Side(row["side"]),
            quantity=Decimal(row["quantity"]),
            price=Decimal(row["price"]),
            time_in_force=TimeInForce(row["time_in_force"]),
            post_only=row["post_only"],
            reduce_only=row["reduce_only"],
        )
        return Order(
            request=request,
            status=OrderStatus(row["status"]),
            exchange_order_id=ExchangeOrderId(row["id"]),
            filled_quantity=Decimal(row["filled"]),
            average_price=optional(row["average_price"]),
            ts_event_ns=row["time"] * MILLISECOND_NS,
            reason=row["reason"],
        )

    def fill(self, row: Row) -> Fill:
        """Return a fill."""
        return Fill(
            fill_id=FillId(row["id"]),
            client_order_id=ClientOrderId(row["client_id"] or f"foreign-{row['order_id']}"),
            exchange_order_id=ExchangeOrderId(row["order_id"]),
            instrument=self.name(row["symbol"]),
            side=Side(row["side"]),
            price=Decimal(row["price"]),
            quantity=Decimal(row["quantity"]),
            fee=Decimal(row["fee"]),
            fee_currency=row["fee_currency"],
            liquidity=Liquidity(row["liquidity"]),
            ts_event_ns=row["time"] * MILLISECOND_NS,
            realized_pnl=optional(row["realized_pnl"]),
        )

    def payment(self, row: Row) -> FundingPayment:
        """Return a funding payment: received is positive."""
        return FundingPayment(
            payment_id=PaymentId(row["id"]),
            instrument=self.name(row["symbol"]),
            amount=Decimal(row["amount"]),
            currency=row["currency"],
            settled_ns=row["time"] * MILLISECOND_NS,
            quantity=Decimal(row["quantity"]),
            price=Decimal(row["price"]),
            rate=Decimal(row["rate"]),
        )

    def position(self, row: Row) -> Position:
        """Return an open position."""
        return Position(
            instrument=self.name(row["symbol"]),
            quantity=Decimal(row["quantity"]),
            entry_price=Decimal(row["entry"]),
            mark_price=Decimal(row["mark"]),
            unrealized_pnl=Decimal(row["unrealized"]),
            liquidation_price=optional(row["liquidation"]),
            leverage=Decimal(row["leverage"]),
            margin_mode=MarginMode(row["margin_mode"]),
            ts_event_ns=row["time"] * MILLISECOND_NS,
        )

    def balance(self, row: Row) -> Balance:
        """Return one currency."""
        return Balance(
            currency=row["currency"],
            cash=Decimal(row["cash"]),
            equity=Decimal(row["equity"]),
            available=Decimal(row["available"]),
            maintenance_margin=optional(row["maintenance"]),
            ts_event_ns=row["time"] * MILLISECOND_NS,
        )
