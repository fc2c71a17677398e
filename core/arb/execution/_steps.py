"""What may be done next with a hedge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from arb.model import HedgeStatus, Instrument, OrderBook, OrderMode, OrderPurpose, Side

from ._band import banded_price
from ._slippage import UnitCost, unit_cost


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedOrder:
    """An order to be sent next; its price is set when it is prepared."""

    leg_index: int
    side: Side
    quantity: Decimal
    purpose: OrderPurpose
    attempt: int
    band_bps: Decimal
    mode: OrderMode = OrderMode.MARKET

    @property
    def reduce_only(self) -> bool:
        """Whether it may only close."""
        return not self.purpose.opens_risk


@dataclass(frozen=True, slots=True, kw_only=True)
class Settle:
    """The hedge is where it should be; `note` says what was left over, if anything."""

    status: HedgeStatus
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """These orders leave together; after a wait when the same was tried before.

    Attributes:
        all_or_none: Nothing is sent unless every order can be: the legs balance now, and one leg alone
            would leave the other naked.
    """

    orders: tuple[PlannedOrder, ...]
    is_retry: bool
    all_or_none: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """These resting orders are taken back: their time is over, or their leg must not grow any more."""

    leg_indices: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Nothing can be done now; `why` is told to a person when it lasts."""

    why: str


NextStep = Settle | Send | Cancel | Wait


@dataclass(frozen=True, slots=True, kw_only=True)
class LegQuote:
    """The market of one leg.

    Attributes:
        instrument: By its rules of now.
        mid_usd: Dollars per contract; None while its currency has no known value.
        is_fresh: Whether the book is young enough to open risk on; an older one only bounds a reduction.
        is_remembered: Whether it is the last one there was, as none can be read: good for nothing but a naked leg.
        fee: Taker fee as a fraction of notional.
    """

    instrument: Instrument
    book: OrderBook
    mid_price: Decimal
    mid_usd: Decimal | None
    fee: Decimal
    is_fresh: bool = True
    is_remembered: bool = False

    def is_usable(self, tries: int, blind_attempts: int) -> bool:
        """Whether a further order may be priced by it; a book that cannot be read is good for a few of them only.

        The others are left for when it can be read: the market may have gone far from this one.
        """
        return not self.is_remembered or tries < blind_attempts

    def offers(self, side: Side, band_bps: Decimal) -> bool:
        """Whether an order on `side` with this band meets anything in the book."""
        bbo = self.book.bbo()
        limit = banded_price(self.instrument, side, self.mid_price, band_bps)
        return bbo is not None and (limit - bbo.price_to(side)) * side.sign >= 0

    def cost_usd(self, side: Side, quantity: Decimal, band_bps: Decimal) -> UnitCost | None:
        """Return what a base unit costs in dollars against the mid, fee included, if `quantity` is taken now.

        None when nothing is there within the band, or the dollars of its currency are not known.
        """
        limit = banded_price(self.instrument, side, self.mid_price, band_bps)
        cost = unit_cost(self.book, side, quantity, self.fee, limit, multiplier=self.instrument.multiplier)
        if cost is None or self.mid_usd is None:
            return None
        return replace(cost, per_base=cost.per_base * self.mid_usd / self.mid_price)


Quotes = Mapping[int, LegQuote]
"""By leg; a leg without a usable book is absent."""
