"""Amounts that fills and payments moved into or out of a wallet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from arb.model import FundingPayment, InstrumentId, Transfer, TransferKind, exchange_of

from ._account_holdings import Holdings, share_payment
from ._account_inputs import BookedFill, Inputs, Slot, Wallet
from ._account_types import Part

# What a conversion lost or won shows once both of its sides are valued in dollars.
_PART_OF: Final = MappingProxyType({TransferKind.INTEREST: Part.INTEREST, TransferKind.CONVERSION: Part.FX})


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One amount in the wallet's currency; received is positive."""

    wallet: Wallet
    ts_ns: int
    slot: Slot
    part: Part
    amount: Decimal
    source: BookedFill | SharedPayment | Transfer

    @property
    def instrument(self) -> InstrumentId | None:
        """Return the instrument it came from; None for a transfer."""
        if isinstance(self.source, Transfer):
            return None
        return (self.source.fill if isinstance(self.source, BookedFill) else self.source.payment).instrument


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedPayment:
    """A leg's share of a payment."""

    payment: FundingPayment
    slot: Slot
    quantity: Decimal | None
    amount: Decimal


def flows_of(inputs: Inputs, held: Holdings) -> Iterator[Flow]:
    """Yield every flow.

    A fill is bought or sold at the mid price on arrival (price) and the difference to its own price
    is slippage; together they are minus its signed cost. The value of what is held is not a flow.
    """
    for booked in inputs.fills:
        yield from _fill_flows(inputs, booked)
    for payment in inputs.payments:
        wallet = (exchange_of(payment.instrument), payment.currency)
        accrues = inputs.instruments[payment.instrument].funding_interval_ns == 0
        for slot, quantity, amount in share_payment(payment, held, accrues=accrues):
            share = SharedPayment(payment=payment, slot=slot, quantity=quantity, amount=amount)
            yield Flow(
                wallet=wallet,
                ts_ns=payment.settled_ns,
                slot=slot,
                part=Part.FUNDING,
                amount=amount,
                source=share,
            )
    for transfer in inputs.transfers:
        yield Flow(
            wallet=(transfer.exchange, transfer.currency),
            ts_ns=transfer.ts_event_ns,
            slot=None,
            part=_PART_OF.get(transfer.kind, Part.TRANSFERS),
            amount=transfer.amount,
            source=transfer,
        )


def _fill_flows(inputs: Inputs, booked: BookedFill) -> Iterator[Flow]:
    fill = booked.fill
    at = fill.price if booked.arrival_price is None else booked.arrival_price
    trading = inputs.wallet_of(fill.instrument)
    for part, wallet, amount in (
        (Part.PRICE, trading, -booked.signed_quantity * at),
        (Part.SLIPPAGE, trading, -booked.signed_quantity * (fill.price - at)),
        (Part.FEES, (exchange_of(fill.instrument), fill.fee_currency), -fill.fee),
    ):
        yield Flow(wallet=wallet, ts_ns=booked.booked_ns, slot=booked.slot, part=part, amount=amount, source=booked)
