"""What a venue lists of an account, checked before anything of it is stored or counted.

A row that cannot be is the venue's failure. In the journal it would outlive its cause: a fill of another
exchange, or of a negative quantity, makes books that never balance again.
"""

from __future__ import annotations

from decimal import Decimal

from arb.model import (
    ExchangeName,
    Fill,
    FundingPayment,
    InstrumentId,
    Position,
    Transfer,
    exchange_of,
    is_bookable,
    is_moment,
)

from ._asking import listed


def fills_of(exchange: ExchangeName, rows: object) -> tuple[Fill, ...]:
    """Return a listing of fills; raises TypeError and ValueError when a row cannot be one of `exchange`."""
    found = listed(rows, Fill)
    for fill in found:
        what = f"fill {fill.fill_id}"
        _require_own(exchange, what, fill.instrument)
        _require_kept(
            what, (fill.price, fill.quantity, fill.fee, fill.realized_pnl), fill.ts_event_ns, fill.fee_currency
        )
        if fill.quantity <= 0 or fill.price < 0:
            raise ValueError(f"{what} is of {fill.quantity} contracts at {fill.price}")
    return found


def payments_of(exchange: ExchangeName, rows: object) -> tuple[FundingPayment, ...]:
    """Return a listing of funding payments; raises TypeError and ValueError likewise."""
    found = listed(rows, FundingPayment)
    for payment in found:
        what = f"funding payment {payment.payment_id}"
        _require_own(exchange, what, payment.instrument)
        numbers = (payment.amount, payment.quantity, payment.price, payment.rate)
        _require_kept(what, numbers, payment.settled_ns, payment.currency)
    return found


def transfers_of(exchange: ExchangeName, rows: object) -> tuple[Transfer, ...]:
    """Return a listing of transfers; raises TypeError and ValueError likewise."""
    found = listed(rows, Transfer)
    for transfer in found:
        what = f"transfer {transfer.transfer_id}"
        if transfer.exchange != exchange:
            raise ValueError(f"{what} is of {transfer.exchange}")
        _require_kept(what, (transfer.amount,), transfer.ts_event_ns, transfer.currency)
    return found


def positions_of(exchange: ExchangeName, rows: object) -> tuple[Position, ...]:
    """Return a listing of positions; raises TypeError and ValueError likewise. Only sizes are checked."""
    found = listed(rows, Position)
    for position in found:
        _require_own(exchange, "a position", position.instrument)
        _require_finite(f"the position of {position.instrument}", (position.quantity,))
    return found


def _require_own(exchange: ExchangeName, what: str, instrument: InstrumentId) -> None:
    if exchange_of(instrument) != exchange:
        raise ValueError(f"{what} is of {instrument}, which is not of this exchange")


def _require_kept(what: str, numbers: tuple[Decimal | None, ...], ts_ns: object, currency: object) -> None:
    """Refuse what the journal could not keep: one such row would end the run, and not only its venue."""
    _require_finite(what, numbers)
    if not is_moment(ts_ns):
        raise ValueError(f"{what} is of the time {ts_ns!r}, which is none")
    if not isinstance(currency, str) or not currency or not currency.isprintable() or not currency.isascii():
        raise ValueError(f"{what} is in {currency!r}, which is no currency")


def _require_finite(what: str, numbers: tuple[Decimal | None, ...]) -> None:
    for number in numbers:
        if number is not None and not is_bookable(number):
            raise ValueError(f"{what} holds {number!r}, which is no number that can be booked")
