"""What the account of a run is drawn from, read in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from arb.api import StorageError
from arb.model import (
    EquitySample,
    ExchangeName,
    Fill,
    FundingPayment,
    Hedge,
    HedgeId,
    Instrument,
    InstrumentId,
    OrderRecord,
    PositionSample,
    Transfer,
    exchange_of,
)

from ._journal import Journal

Slot = tuple[HedgeId, int] | None
"""A hedge and its leg, or None for what belongs to no hedge."""

Wallet = tuple[ExchangeName, str]
"""One currency at one exchange."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BookedFill:
    """A fill and where it belongs.

    Attributes:
        booked_ns: When it counts: its own time, or just after a snapshot of the very same time
            that does not hold it yet.
    """

    fill: Fill
    slot: Slot
    arrival_price: Decimal | None
    booked_ns: int

    @property
    def signed_quantity(self) -> Decimal:
        """Return contracts, positive when bought."""
        return self.fill.quantity * self.fill.side.sign


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Everything up to the end of the time asked for.

    Attributes:
        samples: Of each wallet, oldest first.
        positions: By time and instrument; absent is flat.
    """

    instruments: Mapping[InstrumentId, Instrument]
    hedges: tuple[Hedge, ...]
    fills: tuple[BookedFill, ...]
    payments: tuple[FundingPayment, ...]
    transfers: tuple[Transfer, ...]
    samples: Mapping[Wallet, tuple[EquitySample, ...]]
    positions: Mapping[tuple[int, InstrumentId], PositionSample]

    def wallet_of(self, instrument: InstrumentId) -> Wallet:
        """Return where the PnL of an instrument is booked."""
        return exchange_of(instrument), self.instruments[instrument].quote


async def load_inputs(
    journal: Journal, start_ns: int | None, end_ns: int | None, *, every_ns: int | None = None
) -> Inputs:
    """Read what an account from `start_ns` to `end_ns`, both included, needs.

    Args:
        journal: Where it is stored.
        start_ns: None for the first sample.
        end_ns: None for the last sample.
        every_ns: Keep a sample at the end of each such period, for an account by time.

    Raises:
        StorageError: it cannot be read, or an instrument that was traded is not stored.
    """
    until_ns = None if end_ns is None else end_ns + 1
    async with journal.transaction() as tx:
        samples = _turning_points(await tx.equity(start_ns, end_ns), every_ns)
        positions = await tx.positions_at({sample.ts_ns for row in samples.values() for sample in row})
        instruments = {instrument.id: instrument for instrument in await tx.instruments()}
        fills = await tx.fills(until_ns=until_ns)
        payments = await tx.funding_payments(until_ns=until_ns)
        transfers = await tx.transfers(until_ns=until_ns)
        orders = {
            (record.order.request.client_order_id, record.order.request.instrument): record
            for record in await tx.orders()
        }
        hedges = await tx.hedges()
    named = {fill.instrument for fill in fills} | {row.instrument for row in positions}
    missing = sorted((named | {payment.instrument for payment in payments}) - instruments.keys())
    if missing:
        raise StorageError(
            f"the journal holds entries of {', '.join(missing)} but not the instruments themselves, "
            "so the currency of their PnL is not known; run once with their exchange configured"
        )
    inputs = Inputs(
        instruments=instruments,
        hedges=hedges,
        fills=tuple(_booked(fill, orders.get((fill.client_order_id, fill.instrument))) for fill in fills),
        payments=payments,
        transfers=transfers,
        samples=samples,
        positions={(row.ts_ns, row.instrument): row for row in positions},
    )
    return inputs


def _booked(fill: Fill, record: OrderRecord | None) -> BookedFill:
    if record is None:
        return BookedFill(fill=fill, slot=None, arrival_price=None, booked_ns=fill.ts_event_ns)
    return BookedFill(
        fill=fill,
        slot=(record.hedge_id, record.leg_index),
        arrival_price=record.arrival_price,
        booked_ns=fill.ts_event_ns,
    )


def period_of(ts_ns: int, every_ns: int) -> int:
    """Return the start of the period a sample ends; one at its very end belongs to it."""
    return (ts_ns - 1) // every_ns * every_ns


def _turning_points(samples: tuple[EquitySample, ...], every_ns: int | None) -> dict[Wallet, tuple[EquitySample, ...]]:
    """Leave out samples between two of the same dollar rate and period: nothing in the account depends on them."""
    by_wallet: dict[Wallet, list[EquitySample]] = {}
    for sample in samples:
        row = by_wallet.setdefault((sample.exchange, sample.currency), [])
        ends = every_ns is not None and row and period_of(row[-1].ts_ns, every_ns) != period_of(sample.ts_ns, every_ns)
        if len(row) >= 2 and row[-1].usd_rate == sample.usd_rate and not ends:
            # What flows into row[-1] is valued at the same rate as what flows into this one.
            row.pop()
        row.append(sample)
    return {wallet: tuple(row) for wallet, row in sorted(by_wallet.items())}
