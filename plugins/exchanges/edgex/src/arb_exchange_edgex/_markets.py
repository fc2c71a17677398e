"""EdgeX's contracts as instruments: numbers and names, denominations, steps, tiers, states."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from arb.api import BadResponse, Rejected
from arb.model import (
    MINUTE_NS,
    FeeSchedule,
    Instrument,
    InstrumentId,
    InstrumentStatus,
    MarginTier,
    PriceBase,
    instrument_id,
)
from arb.net import Row, flag, maybe_number, number, positive, reading, row_of, rows_of, text, whole

from ._fields import resolution
from ._signing import Chain

HOME_QUOTE: Final = "USDC"
_DENOMINATED: Final = re.compile(r"(1000000|100000|10000|1000)([A-Z][A-Z0-9]*)")
"""1000PEPE: one contract counts a thousand of the asset."""

_UNBOUNDED: Final = Decimal("1e20")
"""The venue writes the bound of its last tier as a number beyond any position."""


@dataclass(frozen=True, slots=True)
class Market:
    """One perpetual future.

    Attributes:
        contract_id: The venue's number of it, by which every call names it; its name is `instrument.symbol`.
        resolution: Units of the chain in one contract.
        coin_id: Of the quote currency.
        coin_resolution: Units of the chain in one of the quote currency.
        limit_fee_rate: The higher of the contract's published fees: what an order signs as its highest fee.
        lowest_rate: Of funding, as a fraction of one interval; None where the venue gives no bound.
        highest_rate: The other bound.
        default_leverage: Where neither the account nor the contract has one set.
    """

    instrument: Instrument
    contract_id: str
    resolution: int
    coin_id: str
    coin_resolution: int
    limit_fee_rate: Decimal
    lowest_rate: Decimal | None
    highest_rate: Decimal | None
    default_leverage: Decimal | None

    def may_pay(self, rate: Decimal) -> bool:
        """Whether a funding rate lies within the venue's bounds for this contract."""
        return (self.lowest_rate is None or rate >= self.lowest_rate) and (
            self.highest_rate is None or rate <= self.highest_rate
        )


class Listing:
    """Every contract of the venue, by our id and by its number.

    A contract that an earlier listing had is still found: what is held there has to be closed, also while the venue
    leaves it out or writes it in a way that cannot be read.
    """

    def __init__(
        self,
        exchange: str,
        markets: Iterable[Market],
        chain: Chain,
        coins: Mapping[str, str],
        *,
        unread: Iterable[str] = (),
        before: Listing | None = None,
    ) -> None:
        self._exchange = exchange
        self.markets = tuple(markets)
        self.chain = chain
        self.unread: Final = tuple(unread)
        """What of the venue's list could not be read, and why."""
        self._coins = dict(coins)
        self._by_id: dict[InstrumentId, Market] = {} if before is None else dict(before._by_id)
        self._by_id.update((each.instrument.id, each) for each in self.markets)
        self._by_number = {each.contract_id: each for each in self._by_id.values()}

    def market(self, name: InstrumentId) -> Market:
        """Return a contract by our id; raises Rejected for one that is not listed."""
        found = self._by_id.get(name)
        if found is None:
            raise Rejected(f"{name} is not listed", exchange=self._exchange, code="unknown_instrument")
        return found

    def by_number(self, contract_id: Any) -> Market | None:
        """Return a contract by the venue's number."""
        return self._by_number.get(str(contract_id))

    def required(self, contract_id: Any) -> Market:
        """Return a contract by the venue's number; raises ValueError."""
        found = self.by_number(contract_id)
        if found is None:
            raise ValueError(f"contract {contract_id!r} is not listed")
        return found

    def coin(self, coin_id: Any) -> str:
        """Return the name of a currency; raises ValueError."""
        found = self._coins.get(str(coin_id))
        if found is None:
            raise ValueError(f"coin {coin_id!r} is not listed")
        return found


def listing_of(exchange: str, data: Any, fees: AccountFees | None, *, before: Listing | None = None) -> Listing:
    """Read `GET /api/v2/public/meta/getMetaData`, which continues an earlier one; what cannot be read is left out.

    Raises:
        BadResponse: it is no list of contracts, or none of them can be read.
    """
    markets, unread = [], []
    with reading(exchange, "the list of contracts"):
        meta = row_of(data)
        coins = {text(row["coinId"]): row for row in rows_of(meta["coinList"])}
        chain = chain_of(row_of(meta["global"]))
        for row in rows_of(meta["contractList"]):
            try:
                markets.append(market_of(exchange, row, coins, fees))
            except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
                unread.append(f"{row.get('contractName')}: {error!r}")
        names = {coin_id: text(row["coinName"]) for coin_id, row in coins.items() if row.get("coinName")}
        _require_distinct(markets)
    if not markets:
        text_ = f"none of {len(unread)} contracts can be read{': ' + unread[0] if unread else ''}"
        raise BadResponse(text_, exchange=exchange, code="no_contracts")
    return Listing(exchange, markets, chain, names, unread=unread, before=before)


def chain_of(row: Row) -> Chain:
    """Read what orders are signed for; raises ValueError or KeyError."""
    return Chain(resolution(row.get("nativeChainId") or row["chainId"]), text(row["contractAddress"]).strip())


def market_of(exchange: str, row: Row, coins: Mapping[str, Row], fees: AccountFees | None) -> Market:
    """Read one contract; raises ValueError or KeyError."""
    contract_id, quote = str(whole(row["contractId"])), coins[text(row["quoteCoinId"])]
    coin = text(coins[text(row["baseCoinId"])]["coinName"])
    base, multiplier = asset_of(coin)
    published = FeeSchedule(maker=number(row["defaultMakerFeeRate"]), taker=number(row["defaultTakerFeeRate"]))
    instrument = Instrument(
        id=our_id(exchange, coin, text(quote["coinName"])),
        symbol=text(row["contractName"]),
        base=base,
        quote=text(quote["coinName"]),
        tick_size=positive(row["tickSize"]),
        lot_size=positive(row["stepSize"]),
        fees=published if fees is None else fees.of(contract_id, published),
        margin_tiers=margin_tiers(row["riskTierList"]),
        funding_interval_ns=_interval_ns(row.get("fundingRateIntervalMin")),
        min_quantity=number(row["minOrderSize"]),
        max_quantity=maybe_number(row.get("maxOrderSize")),
        multiplier=multiplier,
        # Paid on the oracle price, which is the venue's mark price.
        funding_price_base=PriceBase.MARK,
        asset_class="fx" if row.get("isFx") else "stock" if row.get("isStock") else "crypto",
        status=_status(row),
    )
    return Market(
        instrument=instrument,
        contract_id=contract_id,
        resolution=resolution(row["resolution"]),
        coin_id=text(row["quoteCoinId"]),
        coin_resolution=resolution(quote["resolution"]),
        limit_fee_rate=max(published.maker, published.taker),
        lowest_rate=maybe_number(row.get("fundingMinRate")),
        highest_rate=maybe_number(row.get("fundingMaxRate")),
        default_leverage=maybe_number(row.get("defaultLeverage")),
    )


def our_id(exchange: str, coin: str, quote: str) -> InstrumentId:
    """Return our id of a contract: by the name of its coin, since a contract's own name may be written otherwise."""
    name = coin if quote == HOME_QUOTE else f"{coin}-{quote}"
    return instrument_id(f"{name}-PERP", exchange)


def asset_of(coin: str) -> tuple[str, Decimal]:
    """Return the asset behind a coin's name, and how many of it one contract holds."""
    match = _DENOMINATED.fullmatch(coin)
    return (coin, Decimal(1)) if match is None else (match[2], Decimal(match[1]))


def margin_tiers(rows: Any) -> tuple[MarginTier, ...]:
    """Read `riskTierList`; the last tier has no bound, since no position is larger. Raises ValueError."""
    tiers = sorted(rows_of(rows), key=lambda row: number(row["positionValueUpperBound"]))
    if not tiers:
        raise ValueError("a contract without risk tiers")
    bounds = [number(row["positionValueUpperBound"]) for row in tiers]
    return tuple(
        MarginTier(
            max_notional=None if place == len(tiers) - 1 or bounds[place] > _UNBOUNDED else bounds[place],
            maintenance_rate=positive(row["maintenanceMarginRate"]),
            max_leverage=positive(row["maxLeverage"]),
        )
        for place, row in enumerate(tiers)
    )


def _require_distinct(markets: list[Market]) -> None:
    for names in ([each.instrument.id for each in markets], [each.contract_id for each in markets]):
        if len(set(names)) != len(names):
            raise ValueError(f"two contracts share a name or a number: {sorted(names)}")


def _status(row: Row) -> InstrumentStatus:
    if not flag(row["enableTrade"]):
        return InstrumentStatus.SUSPENDED if row.get("enableDisplay", True) else InstrumentStatus.DELISTED
    if not flag(row["enableOpenPosition"]):
        return InstrumentStatus.REDUCE_ONLY
    # The venue's own site shows what is hidden to those who hold it only.
    return InstrumentStatus.TRADING if row.get("enableDisplay", True) else InstrumentStatus.REDUCE_ONLY


def _interval_ns(value: Any) -> int | None:
    if value in (None, ""):
        return None
    minutes = whole(value)
    if minutes <= 0:
        raise ValueError(f"funding interval {value!r}")
    return minutes * MINUTE_NS


class AccountFees:
    """The account's own fees: of a contract, else its own for all contracts, else the published ones.

    A discount is not applied: the venue does not say whether it is what is left or what is taken off.
    """

    def __init__(self, account: Row) -> None:
        """Read them out of an account; raises KeyError, TypeError or ValueError."""
        self._default = _fees(row_of(account.get("defaultTradeSetting") or {}))
        settings = row_of(account.get("contractIdToTradeSetting") or {})
        self._own = {contract_id: _fees(row_of(row)) for contract_id, row in settings.items()}

    def of(self, contract_id: str, published: FeeSchedule) -> FeeSchedule:
        """Return what the account pays for a contract."""
        return self._own.get(contract_id) or self._default or published


def _fees(setting: Row) -> FeeSchedule | None:
    if not setting.get("isSetFeeRate"):
        return None
    return FeeSchedule(maker=number(setting["makerFeeRate"]), taker=number(setting["takerFeeRate"]))
