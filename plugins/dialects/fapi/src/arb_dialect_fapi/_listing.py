"""What the venue lists as instruments: steps, denominations, states."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from arb.api import Rejected
from arb.model import HOUR_NS, ZERO, FeeSchedule, Instrument, InstrumentId, InstrumentStatus, MarginTier, PriceBase
from arb.net import Row, maybe_positive, number, positive, reading, row_of, rows_of, text, whole

from ._dialect import Dialect
from ._symbols import required
from ._tiers import tiers_without_key

_STATES: Final[Mapping[str, InstrumentStatus]] = MappingProxyType(
    {
        "TRADING": InstrumentStatus.TRADING,
        "CLOSE": InstrumentStatus.DELISTED,
        "DELIVERED": InstrumentStatus.DELISTED,
    }
)
"""In every other state, such as SETTLING, PRE_SETTLE or PENDING_TRADING, nothing can be traded now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What of an instrument stands elsewhere than in `exchangeInfo`.

    Attributes:
        intervals_ns: Between two settlements, by symbol; only those that differ from the usual one.
        fees: By `Dialect.fee_group`.
        tiers: By symbol; None without a key.
    """

    intervals_ns: Mapping[str, int]
    fees: Mapping[str, FeeSchedule]
    tiers: Mapping[str, tuple[MarginTier, ...]] | None


class Listing:
    """Every perpetual future of the venue, by our id and by its symbol.

    One that an earlier listing had is still found: what is held there has to be closed, also while the venue
    leaves it out or writes it in a way that cannot be read.
    """

    def __init__(
        self,
        exchange: str,
        instruments: Iterable[Instrument],
        unread: Iterable[str] = (),
        *,
        before: Listing | None = None,
    ) -> None:
        self._exchange = exchange
        self.instruments = tuple(instruments)
        self.unread: Final = tuple(unread)
        """What of the venue's list could not be read, and why."""
        self._by_id: dict[InstrumentId, Instrument] = {} if before is None else dict(before._by_id)
        self._by_id.update((each.id, each) for each in self.instruments)
        self._by_symbol = {each.symbol: each for each in self._by_id.values()}

    def instrument(self, name: InstrumentId) -> Instrument:
        """Return an instrument; raises Rejected for one that is not listed."""
        found = self._by_id.get(name)
        if found is None:
            raise Rejected(f"{name} is not listed", exchange=self._exchange, code="unknown_instrument")
        return found

    def of_symbol(self, symbol: Any) -> Instrument | None:
        """Return the instrument of a symbol."""
        return self._by_symbol.get(symbol)


def listing_of(exchange: str, dialect: Dialect, answer: Any, terms: Terms, *, before: Listing | None = None) -> Listing:
    """Read the answer of `exchangeInfo`, which continues an earlier one; what cannot be read is left out.

    Raises:
        BadResponse: it lists nothing, or nothing of it can be read.
    """
    instruments, unread = [], []
    with reading(exchange, "the list of instruments"):
        rows = rows_of(row_of(answer)["symbols"])
        for row in rows:
            try:
                asset_class = dialect.asset_class(row)
                if asset_class is not None:
                    instruments.append(instrument_of(exchange, dialect, row, terms, asset_class))
            except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
                unread.append(f"{row.get('symbol')}: {error!r}")
        if not instruments:
            raise ValueError(f"no perpetual future among {len(rows)} rows; not readable: {unread[:1]}")
    return Listing(exchange, instruments, unread, before=before)


def instrument_of(exchange: str, dialect: Dialect, row: Row, terms: Terms, asset_class: str) -> Instrument:
    """Read one row of `symbols`; raises ValueError or KeyError."""
    symbol, quote = text(row["symbol"]), text(row["quoteAsset"])
    if row["marginAsset"] != quote:
        raise ValueError(f"margin in {row['marginAsset']!r}, quoted in {quote}")
    base, multiplier = dialect.denomination(text(row["baseAsset"]))
    filters = {each["filterType"]: each for each in rows_of(row["filters"])}
    lot = filters["LOT_SIZE"]
    return Instrument(
        id=required(exchange, symbol, dialect.quotes),
        symbol=symbol,
        base=base,
        quote=quote,
        tick_size=positive(filters["PRICE_FILTER"]["tickSize"]),
        lot_size=positive(lot["stepSize"]),
        fees=terms.fees.get(dialect.fee_group(row), dialect.public_fees),
        margin_tiers=_tiers(row, terms),
        funding_interval_ns=terms.intervals_ns.get(symbol, dialect.interval_ns),
        min_quantity=number(lot["minQty"]),
        min_notional=number(filters["MIN_NOTIONAL"]["notional"]) if "MIN_NOTIONAL" in filters else ZERO,
        # Orders that only reduce may be as small as a lot (-4164).
        closing_min_notional=ZERO,
        max_quantity=maybe_positive(lot.get("maxQty")),
        multiplier=multiplier,
        funding_price_base=PriceBase.MARK,
        asset_class=asset_class,
        status=_STATES.get(row["status"], InstrumentStatus.SUSPENDED),
    )


def _tiers(row: Row, terms: Terms) -> tuple[MarginTier, ...]:
    return tiers_without_key(row) if terms.tiers is None else terms.tiers[row["symbol"]]


def intervals_of(answer: Any) -> dict[str, int]:
    """Read `fundingInfo`: hours between settlements by symbol, as nanoseconds; raises ValueError."""
    return {text(row["symbol"]): _interval_ns(row["fundingIntervalHours"]) for row in rows_of(answer)}


def _interval_ns(value: Any) -> int:
    hours = whole(value)
    if not 0 < hours <= 24:
        raise ValueError(f"a funding interval of {value!r} hours")
    return hours * HOUR_NS


def fees_of(row: Row) -> FeeSchedule:
    """Read `commissionRate`: fractions; a rebate is negative."""
    maker, taker = number(row["makerCommissionRate"]), number(row["takerCommissionRate"])
    if max(abs(maker), abs(taker)) >= Decimal("0.1"):
        raise ValueError(f"fees of {maker} and {taker} are no fractions")
    return FeeSchedule(maker=maker, taker=taker)
