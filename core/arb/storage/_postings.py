"""Which accounts an event moves. Each entry follows from its own event alone, so the order of events is nothing.

The accounts:

- `assets:wallet:EXCHANGE`: the currency at a venue, as if contracts were bought for cash. With
  the value of the contracts it is the venue's equity, to the last digit and without a division.
- `assets:contracts:INSTRUMENT` and `assets:dust:INSTRUMENT`: contracts held, counted in themselves.
- `trading:INSTRUMENT`: where contracts turn into their quote currency; its two balances are the
  result of prices once the contracts are valued, which is the usual way of double entry over
  several commodities.
- `expenses:slippage:EXCHANGE`: fills away from the mid price on arrival.
- `expenses:fees:EXCHANGE`, `income:rebates:EXCHANGE`.
- `income:funding:EXCHANGE`: what the venue paid and took, by its own record only (handbook C9).
- `assets:receivable:INSTRUMENT` against `income:expected_funding:INSTRUMENT`: due at a settlement,
  until the venue's record clears it. Where funding accrues at every moment, `assets:accrued:INSTRUMENT`
  grows instead, and all that has accrued is cleared when the venue realises it.
- `equity:transfers:EXCHANGE`, `equity:conversion`, `income:interest:EXCHANGE`, `income:other:EXCHANGE`.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from arb.model import (
    Dust,
    ExpectedFunding,
    Fill,
    FundingPayment,
    HedgeId,
    InstrumentId,
    Transfer,
    TransferKind,
    exchange_of,
)

from ._account_types import exact_sums
from ._bookkeeping_types import EntryKind, LedgerEntry, LedgerLine

_AGAINST: Final = MappingProxyType(
    {
        TransferKind.DEPOSIT: "equity:transfers:{exchange}",
        TransferKind.WITHDRAWAL: "equity:transfers:{exchange}",
        TransferKind.INTEREST: "income:interest:{exchange}",
        TransferKind.CONVERSION: "equity:conversion",
        TransferKind.OTHER: "income:other:{exchange}",
    }
)


def fill_entry(fill: Fill, quote: str, hedge_id: HedgeId | None, arrival_price: Decimal | None) -> LedgerEntry:
    """Return the entry of a fill.

    Args:
        fill: As the venue reports it.
        quote: The instrument's quote currency.
        hedge_id: Of its order; None for a fill without an own order.
        arrival_price: Of its order; without one all of the price is price.
    """
    exchange, instrument = exchange_of(fill.instrument), fill.instrument
    with exact_sums():
        quantity = fill.quantity * fill.side.sign
        at = fill.price if arrival_price is None else arrival_price
        paid, valued = quantity * fill.price, quantity * at
        fees = "expenses:fees" if fill.fee >= 0 else "income:rebates"
        lines = _lines(
            (f"assets:contracts:{instrument}", instrument, quantity),
            (f"trading:{instrument}", instrument, -quantity),
            (f"trading:{instrument}", quote, valued),
            (f"expenses:slippage:{exchange}", quote, paid - valued),
            (f"assets:wallet:{exchange}", quote, -paid),
            (f"{fees}:{exchange}", fill.fee_currency, fill.fee),
            (f"assets:wallet:{exchange}", fill.fee_currency, -fill.fee),
        )
    return LedgerEntry(
        entry_id=f"fill:{exchange}:{fill.fill_id}",
        ts_ns=fill.ts_event_ns,
        kind=EntryKind.FILL,
        exchange=exchange,
        instrument=instrument,
        hedge_id=hedge_id or "",
        lines=lines,
    )


def payment_entry(payment: FundingPayment) -> LedgerEntry:
    """Return the entry of funding that a venue booked."""
    exchange = exchange_of(payment.instrument)
    return LedgerEntry(
        entry_id=f"funding:{exchange}:{payment.payment_id}",
        ts_ns=payment.settled_ns,
        kind=EntryKind.FUNDING,
        exchange=exchange,
        instrument=payment.instrument,
        lines=_lines(
            (f"assets:wallet:{exchange}", payment.currency, payment.amount),
            (f"income:funding:{exchange}", payment.currency, payment.amount.copy_negate()),
        ),
    )


def expected_entry(expected: ExpectedFunding) -> LedgerEntry:
    """Return the entry of funding that is due."""
    return LedgerEntry(
        entry_id=f"expected:{expected.instrument}:{expected.settled_ns}",
        ts_ns=expected.settled_ns,
        kind=EntryKind.EXPECTED_FUNDING,
        exchange=exchange_of(expected.instrument),
        instrument=expected.instrument,
        lines=_due(expected.instrument, expected.currency, expected.amount, accrues=expected.interval_ns == 0),
    )


def matched_entry(expected: ExpectedFunding) -> LedgerEntry:
    """Return the entry that clears what was due once the venue has booked it, whatever it paid."""
    accrues = expected.interval_ns == 0
    return LedgerEntry(
        entry_id=f"matched:{expected.instrument}:{expected.settled_ns}",
        ts_ns=expected.settled_ns,
        kind=EntryKind.MATCHED_FUNDING,
        exchange=exchange_of(expected.instrument),
        instrument=expected.instrument,
        lines=_due(expected.instrument, expected.currency, expected.amount.copy_negate(), accrues=accrues),
    )


def realised_entry(payment: FundingPayment, accrued: Decimal, ts_ns: int) -> LedgerEntry:
    """Return the entry that clears what had accrued once the venue has realised it, whatever it paid.

    Args:
        payment: The latest of those that realised it.
        accrued: All that had accrued until then and was not cleared, in the currency of the payment.
        ts_ns: When the last of it had accrued, or was realised.
    """
    exchange, instrument = exchange_of(payment.instrument), payment.instrument
    return LedgerEntry(
        entry_id=f"realised:{exchange}:{payment.payment_id}",
        ts_ns=ts_ns,
        kind=EntryKind.MATCHED_FUNDING,
        exchange=exchange,
        instrument=instrument,
        lines=_due(instrument, payment.currency, accrued.copy_negate(), accrues=True),
    )


def transfer_entry(transfer: Transfer) -> LedgerEntry:
    """Return the entry of money that came or left other than by trading."""
    against = _AGAINST[transfer.kind].format(exchange=transfer.exchange)
    return LedgerEntry(
        entry_id=f"transfer:{transfer.exchange}:{transfer.transfer_id}",
        ts_ns=transfer.ts_event_ns,
        kind=EntryKind.TRANSFER,
        exchange=transfer.exchange,
        lines=_lines(
            (f"assets:wallet:{transfer.exchange}", transfer.currency, transfer.amount),
            (against, transfer.currency, transfer.amount.copy_negate()),
        ),
    )


def dust_entry(dust: Dust, before: Decimal, number: int) -> LedgerEntry:
    """Return the entry that moves what no order can close between contracts and dust.

    Args:
        dust: As declared now.
        before: Contracts of this leg declared so far.
        number: How many entries this leg's dust has already.
    """
    with exact_sums():
        change = dust.quantity - before
    return LedgerEntry(
        entry_id=f"dust:{dust.hedge_id}:{dust.leg_index}:{number}",
        ts_ns=dust.declared_ns,
        kind=EntryKind.DUST,
        exchange=exchange_of(dust.instrument),
        instrument=dust.instrument,
        hedge_id=dust.hedge_id,
        lines=_lines(
            (f"assets:dust:{dust.instrument}", dust.instrument, change),
            (f"assets:contracts:{dust.instrument}", dust.instrument, change.copy_negate()),
        ),
    )


# A minus sign rounds to the digits of the context; `copy_negate` never does.
def _due(instrument: InstrumentId, currency: str, amount: Decimal, *, accrues: bool) -> tuple[LedgerLine, ...]:
    return _lines(
        (f"assets:{'accrued' if accrues else 'receivable'}:{instrument}", currency, amount),
        (f"income:expected_funding:{instrument}", currency, amount.copy_negate()),
    )


def _lines(*rows: tuple[str, str, Decimal]) -> tuple[LedgerLine, ...]:
    return tuple(
        LedgerLine(account=account, currency=currency, amount=amount) for account, currency, amount in _nonzero(rows)
    )


def _nonzero(rows: Iterable[tuple[str, str, Decimal]]) -> Iterable[tuple[str, str, Decimal]]:
    return (row for row in rows if row[2])
