"""What a fill is expected to cost in fees, on the account's own tier (handbook C4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType

from arb.model import ZERO, ExchangeName, Instrument


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeCalculator:
    """`fee = p * (maker + adverse) + (1 - p) * taker`, with p measured and never hoped for.

    An instrument carries the fees of the account's own tier; a rebate is negative. Exits take: a leg
    that has to leave does not wait for somebody to come.

    Attributes:
        maker_share: Of the notional of own entries at an exchange, the part that rested; where nothing
            was measured every fill takes.
        adverse: What a fill that rested lost by being first, a fraction of notional.
    """

    maker_share: Mapping[ExchangeName, Decimal] = field(default_factory=lambda: MappingProxyType({}))
    adverse: Decimal = ZERO

    def entry(self, instrument: Instrument) -> Decimal:
        """Return the expected fee of an entry, a fraction of notional; negative is a rebate."""
        share = self.maker_share.get(instrument.exchange, ZERO)
        fees = instrument.fees
        return share * (fees.maker + self.adverse) + (1 - share) * fees.taker

    def exit(self, instrument: Instrument) -> Decimal:
        """Return the fee of an exit, a fraction of notional."""
        return instrument.fees.taker

    def round_trip(self, instrument: Instrument) -> Decimal:
        """Return the expected fees of entering and leaving, a fraction of notional."""
        return self.entry(instrument) + self.exit(instrument)
