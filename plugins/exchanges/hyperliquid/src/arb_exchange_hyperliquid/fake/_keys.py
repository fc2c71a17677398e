"""Throw-away keys of the fake, and the rules that it can express."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import ROUND_DOWN, Decimal
from typing import Any, Final

from pydantic import SecretStr

from arb.model import HOUR_NS, ZERO, Instrument, MarginTier, PriceBase, instrument_id

from ._rules import MIN_VALUE, tick_near

_THOUSAND: Final = Decimal(1000)
"""A coin of which that many are one contract has a `k` before its name."""

MASTER_SECRET: Final = "0x" + "a5" * 31 + "01"
"""Opens nothing but the fake."""

AGENT_SECRET: Final = "0x" + "a5" * 31 + "02"
"""Of the API wallet that the master has approved there."""

MASTER_ADDRESS: Final = "0x8f4400ca55aafc807ed0b2966c7bbb1ce43ce79c"
AGENT_ADDRESS: Final = "0xbf194679b516754b03d9f1f7baed09f925719127"


def fake_settings(address: str) -> Mapping[str, Any]:
    """Return the settings for a fake at this address: the API wallet of its one account."""
    return {
        "api_url": address,
        "stream_url": address.replace("http", "ws", 1) + "/ws",
        "account": MASTER_ADDRESS,
        "key": SecretStr(AGENT_SECRET),
    }


def fitted(instrument: Instrument, price: Decimal) -> Instrument:
    """Return an instrument by the venue's rules near a price: sizes and prices are decimal places there."""
    decimals = min(5, max(0, -instrument.lot_size.adjusted()))
    lot = Decimal(1).scaleb(-decimals)
    coin = f"{'k' if instrument.multiplier == _THOUSAND else ''}{instrument.base}"
    return replace(
        instrument,
        id=instrument_id(f"{coin}-PERP", instrument.exchange),
        symbol=coin,
        tick_size=tick_near(price, decimals),
        lot_size=lot,
        min_quantity=lot,
        max_quantity=None,
        min_notional=MIN_VALUE,
        closing_min_notional=ZERO,
        margin_tiers=tuple(_halved(tier) for tier in instrument.margin_tiers),
        funding_interval_ns=HOUR_NS,
        funding_price_base=PriceBase.ORACLE,
    )


def _halved(tier: MarginTier) -> MarginTier:
    """Return a tier whose maintenance margin is half of the initial one at its highest leverage, which is whole."""
    leverage = tier.max_leverage.to_integral_value(ROUND_DOWN)
    return replace(tier, max_leverage=leverage, maintenance_rate=Decimal(1) / (2 * leverage))
