"""Paradex's markets as instruments: which are perpetual futures, denominations, steps, margin, fees."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from types import MappingProxyType
from typing import Any, Final

from arb.api import Rejected
from arb.model import (
    HOUR_NS,
    FeeSchedule,
    Instrument,
    InstrumentId,
    InstrumentStatus,
    MarginTier,
    PriceBase,
    instrument_id,
)
from arb.net import Row, from_ms, maybe_number, maybe_positive, number, positive, reading, text

from ._fields import results

PUBLIC_FEES: Final = FeeSchedule(maker=Decimal("0.00003"), taker=Decimal("0.00045"))
"""The base tier of API orders since 2026-07-03 (docs.paradex.trade, "Trading Fees"), for who asks without a key."""

PERPETUAL: Final = "PERP"
_USUAL_HOURS: Final = Decimal(8)
_SYMBOL: Final = re.compile(r"(?P<base>.+)-(?P<quote>[^-]+)-PERP")
_THOUSANDS: Final = re.compile(r"k([A-Z0-9]+)")
"""kPEPE, kBONK, kSHIB: one unit is a thousand of the asset. Symbols are case-sensitive."""

_DENOMINATED: Final[Mapping[str, tuple[str, Decimal]]] = MappingProxyType({"mSATS": ("SATS", Decimal(1_000_000))})
"""An `m` before a name is no rule: mETH is an asset of its own."""

_CLASSES: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(("equity", "etf", "stock"), "stock"),
        **dict.fromkeys(("commodity", "metal"), "commodity"),
        **dict.fromkeys(("forex", "fx"), "fx"),
        **{tag: tag for tag in ("index", "rwa", "tradfi")},
    }
)
"""Of tags of markets that are no crypto, in the words that the other plugins use: only equal classes are paired."""

_CRYPTO: Final = "crypto"
_LEVERAGE_UNIT: Final = Decimal("0.01")
_RATE_UNIT: Final = Decimal("0.000001")
_ONE: Final = Decimal(1)


@dataclass(frozen=True, slots=True)
class Market:
    """One perpetual future.

    Attributes:
        period_ns: Of the number that is published as its funding rate.
        most_rate: Largest rate of one period; None where the venue does not say.
        opened_ns: Since when it trades; 0 where the venue does not say.
    """

    instrument: Instrument
    period_ns: int
    most_rate: Decimal | None
    opened_ns: int


class Listing:
    """Every perpetual future of the venue, by our id and by its symbol.

    A market that an earlier listing had is still found: what is held there has to be closed, also while the venue
    leaves it out or writes it in a way that cannot be read.
    """

    def __init__(
        self, exchange: str, markets: Iterable[Market], unread: Iterable[str] = (), *, before: Listing | None = None
    ) -> None:
        self._exchange = exchange
        self.markets = tuple(markets)
        self.unread: Final = tuple(unread)
        """What of the venue's list could not be read, and why."""
        self._by_id: dict[InstrumentId, Market] = {} if before is None else dict(before._by_id)
        self._by_id.update((each.instrument.id, each) for each in self.markets)
        self._by_symbol = {each.instrument.symbol: each for each in self._by_id.values()}

    def of(self, name: InstrumentId) -> Market:
        """Return a market; raises Rejected for one that is not listed."""
        found = self._by_id.get(name)
        if found is None:
            raise Rejected(f"{name} is not listed", exchange=self._exchange, code="unknown_instrument")
        return found

    def market(self, symbol: Any) -> Market | None:
        """Return the market of a symbol."""
        return self._by_symbol.get(symbol)


def perpetual(exchange: str, symbol: Any) -> InstrumentId | None:
    """Return our id of a market by its symbol, listed or not any more; None for what is no perpetual future."""
    match = _SYMBOL.fullmatch(symbol) if isinstance(symbol, str) else None
    if match is None:
        return None
    name = match["base"] if match["quote"] == "USD" else f"{match['base']}-{match['quote']}"
    return instrument_id(f"{name}-PERP", exchange)


def required(exchange: str, symbol: Any) -> InstrumentId:
    """Return our id of a market; raises ValueError for what is no perpetual future."""
    found = perpetual(exchange, symbol)
    if found is None:
        raise ValueError(f"{symbol!r} is no perpetual future")
    return found


def listing_of(
    exchange: str, answer: Any, fees: FeeSchedule | None, *, is_open: bool, now_ns: int, before: Listing | None = None
) -> Listing:
    """Read the answer of `GET /markets`, which continues an earlier one; what cannot be read is left out.

    Options, spot and markets with a margin of their own are no part of it.

    Args:
        exchange: Its name in the configuration.
        answer: The venue's.
        fees: The account's; None without a key.
        is_open: Whether the system takes orders of every kind now.
        now_ns: By the venue's clock.
        before: What was read last.

    Raises:
        BadResponse: it is no list of markets, or none of them can be read.
    """
    markets, unread = [], []
    with reading(exchange, "the list of markets"):
        for row in results(answer):
            if row["asset_kind"] != PERPETUAL or row.get("market_kind") not in (None, "", "cross"):
                continue
            try:
                markets.append(market_of(exchange, row, fees, is_open=is_open, now_ns=now_ns))
            except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
                unread.append(f"{row.get('symbol')}: {error!r}")
        if unread and not markets:
            raise ValueError(f"none of {len(unread)} perpetual futures, such as {unread[0]}")
    return Listing(exchange, markets, unread, before=before)


def market_of(exchange: str, row: Row, fees: FeeSchedule | None, *, is_open: bool, now_ns: int) -> Market:
    """Read one market; raises ValueError or KeyError."""
    symbol = text(row["symbol"])
    base, multiplier = asset_of(text(row["base_currency"]))
    lot = positive(row["order_size_increment"])
    mine = market_fees(row, fees)
    instrument = Instrument(
        id=required(exchange, symbol),
        symbol=symbol,
        base=base,
        quote=text(row["settlement_currency"]),
        tick_size=positive(row["price_tick_size"]),
        lot_size=lot,
        fees=mine,
        margin_tiers=(margin_tier(row["delta1_cross_margin_params"], mine),),
        # The index of funding moves every second: nothing is settled, it accrues.
        funding_interval_ns=0,
        min_quantity=lot,
        min_notional=number(row["min_notional"]),
        max_quantity=maybe_positive(row.get("max_order_size")),
        multiplier=multiplier,
        funding_price_base=PriceBase.INDEX,
        asset_class=class_of(row),
        status=_status(row, is_open=is_open, now_ns=now_ns),
    )
    return Market(
        instrument,
        period_ns(row.get("funding_period_hours")),
        maybe_positive(row.get("max_funding_rate")),
        _moment(row.get("open_at")) or 0,
    )


def asset_of(symbol: str) -> tuple[str, Decimal]:
    """Return the asset behind a base currency, and how many of it one contract holds."""
    if symbol in _DENOMINATED:
        return _DENOMINATED[symbol]
    thousands = _THOUSANDS.fullmatch(symbol)
    return (symbol, _ONE) if thousands is None else (thousands[1], Decimal(1000))


def class_of(row: Row) -> str:
    """Return the asset class: by the tags, and by the funding multiplier that only TradFi markets have below 1."""
    tags = row.get("tags") or []
    named = sorted(_CLASSES[tag.lower()] for tag in tags if isinstance(tag, str) and tag.lower() in _CLASSES)
    if named:
        return named[0]
    multiplier = maybe_number(row.get("funding_multiplier"))
    return "tradfi" if multiplier is not None and multiplier != 1 else _CRYPTO


def margin_tier(params: Row, fees: FeeSchedule) -> MarginTier:
    """Return the one tier of a market.

    Initial margin is `imf_base` of the value, maintenance `mmf_factor` of that and a provision for the taker's fee.
    `imf_factor` and `imf_shift` are documented as unused.
    """
    initial = positive(params["imf_base"])
    maintenance = initial * positive(params["mmf_factor"]) + max(fees.taker, Decimal(0))
    if not initial <= 1 or not maintenance < 1:
        raise ValueError(f"margin fractions {initial} and {maintenance}")
    return MarginTier(
        max_notional=None,
        maintenance_rate=maintenance.quantize(_RATE_UNIT, ROUND_CEILING),
        max_leverage=max(_ONE, (_ONE / initial).quantize(_LEVERAGE_UNIT, ROUND_FLOOR)),
    )


def market_fees(row: Row, fees: FeeSchedule | None) -> FeeSchedule:
    """Return the fees of a market: the account's, or the market's own where those are higher.

    Which of the two counts the venue does not say, so a cost is never understated.
    """
    config = row.get("fee_config")
    own = None if not isinstance(config, dict) else config.get("api_fee")
    if not isinstance(own, dict):
        return fees or PUBLIC_FEES
    told = FeeSchedule(maker=number(own["maker_fee"]["fee"]), taker=number(own["taker_fee"]["fee"]))
    if fees is None:
        return told
    return FeeSchedule(maker=max(told.maker, fees.maker), taker=max(told.taker, fees.taker))


def period_ns(value: Any) -> int:
    """Return the period of the published rate; 8 hours where a row has none: older ones write 0."""
    hours = maybe_positive(value) or _USUAL_HOURS
    length_ns = hours * HOUR_NS
    if length_ns != int(length_ns):
        raise ValueError(f"a funding period of {value} h")
    return int(length_ns)


def account_of(answer: Any, account: str) -> Row:
    """Return this account's row of `GET /account/info`; raises ValueError."""
    for row in results(answer):
        if int(text(row["account"]), 16) == int(account, 16):
            return row
    raise ValueError("the venue does not list this account")


def fees_of(row: Row) -> FeeSchedule:
    """Read the fees of a row of `GET /account/info`: fractions, a rebate is negative."""
    fees = row["fees"]
    return FeeSchedule(maker=number(fees["maker_rate"]), taker=number(fees["taker_rate"]))


def _status(row: Row, *, is_open: bool, now_ns: int) -> InstrumentStatus:
    expires_ns, opens_ns = _moment(row.get("expiry_at")), _moment(row.get("open_at"))
    if expires_ns is not None and expires_ns <= now_ns:
        return InstrumentStatus.DELISTED
    is_early = opens_ns is not None and opens_ns > now_ns
    if is_early or not is_open or row.get("trading_mode") not in (None, "", "STANDARD"):
        return InstrumentStatus.SUSPENDED
    return InstrumentStatus.TRADING


def _moment(value: Any) -> int | None:
    """Return a time; None for 0, which stands for none."""
    return None if value in (None, "", 0, "0") else from_ms(value)
