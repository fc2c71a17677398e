"""EdgeX's contracts as instruments: names, denominations, steps, tiers, states."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

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
from arb.net import Row, flag, maybe_number, number, positive, row_of, rows_of, text, whole

from ._contracts import Contract
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


def chain_of(row: Row) -> Chain:
    """Read what orders are signed for; raises ValueError or KeyError."""
    return Chain(resolution(row.get("nativeChainId") or row["chainId"]), text(row["contractAddress"]).strip())


def market_of(exchange: str, row: Row, coins: Mapping[str, Row], fees: AccountFees | None) -> Market:
    """Read one contract; raises ValueError or KeyError."""
    contract_id, coin, quote = _named(row, coins)
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


def contract_of(exchange: str, row: Row, coins: Mapping[str, Row]) -> tuple[str, Contract]:
    """Read number and name alone, which a row may have that is spoilt otherwise; raises ValueError or KeyError."""
    contract_id, coin, quote = _named(row, coins)
    return contract_id, Contract(our_id(exchange, coin, text(quote["coinName"])), text(row["quoteCoinId"]))


def _named(row: Row, coins: Mapping[str, Row]) -> tuple[str, str, Row]:
    coin = text(coins[text(row["baseCoinId"])]["coinName"])
    return str(whole(row["contractId"])), coin, coins[text(row["quoteCoinId"])]


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


def _status(row: Row) -> InstrumentStatus:
    if not flag(row["enableTrade"]):
        return InstrumentStatus.SUSPENDED if row.get("enableDisplay", True) else InstrumentStatus.DELISTED
    if not flag(row["enableOpenPosition"]):
        return InstrumentStatus.REDUCE_ONLY
    # The venue's own site shows what is hidden to those who hold it only.
    return InstrumentStatus.TRADING if row.get("enableDisplay", True) else InstrumentStatus.REDUCE_ONLY


def while_closed(instrument: Instrument) -> Instrument:
    """Return an instrument as it is while its market is closed: no order is taken, not even one that reduces."""
    if instrument.status is InstrumentStatus.DELISTED:
        return instrument
    return replace(instrument, status=InstrumentStatus.SUSPENDED)


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
