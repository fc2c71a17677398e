"""What the venue simulator needs to know of the world outside its own accounts."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Protocol

from arb.model import Instrument, InstrumentId, MarketStats, OrderBook, Trade


class Market(Protocol):
    """External liquidity, prices and funding as functions of time.

    Every method is a pure function of its arguments and of data at or before `ts_ns`: asking twice
    gives the same answer, and nothing later than `ts_ns` shows.
    """

    def instruments(self) -> Sequence[Instrument]:
        """Return what is listed now; a change of the rules gives another sequence, never the same one changed."""
        ...

    def book(self, instrument: InstrumentId, ts_ns: int) -> OrderBook | None:
        """Return others' resting orders; None when the market is not known at `ts_ns`."""
        ...

    def trades(self, instrument: InstrumentId, start_ns: int, end_ns: int) -> Sequence[Trade]:
        """Return others' trades in (start, end], oldest first; own resting orders fill from them."""
        ...

    def stats(self, instrument: InstrumentId, ts_ns: int) -> MarketStats | None:
        """Return mark and index price and activity."""
        ...

    def usd_rate(self, currency: str, ts_ns: int) -> Decimal | None:
        """Return US dollars per unit of a collateral currency."""
        ...

    def next_settlement_ns(self, instrument: InstrumentId, ts_ns: int) -> int | None:
        """Return the first funding settlement after `ts_ns`."""
        ...

    def settled_rate(self, instrument: InstrumentId, settlement_ns: int) -> Decimal | None:
        """Return the fraction of notional paid at a settlement; None when it is not known."""
        ...

    def predicted_rate(self, instrument: InstrumentId, ts_ns: int) -> Decimal | None:
        """Return what the venue shows at `ts_ns` for the coming settlement, without looking ahead."""
        ...
