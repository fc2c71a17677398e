"""What is Aster's own in the dialect: version 3 of its API, and version 1 for keys that still have a secret."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from arb.api import BelowMinimum, ClockRefused, ExchangeError, Rejected
from arb.model import FeeSchedule
from arb.net import Row, text
from arb_dialect_fapi import REFUSALS, Dialect, Endpoint, Endpoints, Sockets

_V1: Final = "/fapi/v1"
_V2: Final = "/fapi/v2"
_V3: Final = "/fapi/v3"

AGENTS: Final = Endpoint(f"{_V3}/agent")
"""The agents of an account, with what each may do. The venue states no weight."""

NONCE_EXPIRED: Final = "-4225"
"""The nonce is outside of the window, below the last hundred, or was used. The venue does not say which."""

_THOUSANDS: Final = re.compile(r"(1000+)([A-Z].*)")
_INTERNAL: Final = "TEST"
_CLASSES: Final[Mapping[str, str]] = MappingProxyType({"COIN": "crypto", "STOCK": "stock"})

_REFUSALS: Final[Mapping[str, type[ExchangeError]]] = MappingProxyType(
    {
        **REFUSALS,
        "-4020": Rejected,
        "-4022": Rejected,
        "-4031": Rejected,
        "-4084": Rejected,
        "-4104": Rejected,
        "-4144": Rejected,
        NONCE_EXPIRED: ClockRefused,
        "-5060": Rejected,
        "-5076": BelowMinimum,
    }
)


def listed_class(row: Row) -> str | None:
    """Return the class of what a row of `exchangeInfo` lists; None for what ends, and for the venue's own tests."""
    if row["contractType"] != "PERPETUAL" or text(row["symbol"]).startswith(_INTERNAL):
        return None
    kind = text(row["underlyingType"])
    return _CLASSES.get(kind, kind.lower())


def fee_group(row: Row) -> str:
    """Return of which rows the fees are the same: all coins in a currency, or another class in it."""
    quote, kind = text(row["quoteAsset"]), listed_class(row)
    return quote if kind in (None, "crypto") else f"{quote} {kind}"


def denomination(base: str) -> tuple[str, Decimal]:
    """Return the asset behind a base asset, and how many of it one contract holds.

    Only thousands before a letter count: `1000PEPE` is a thousand of PEPE, `1INCH`, `0G`, `42` and `2Z` are names.
    """
    found = _THOUSANDS.fullmatch(base)
    return (base, Decimal(1)) if found is None else (found[2], Decimal(found[1]))


ASTER: Final = Dialect(
    venue="aster",
    endpoints=Endpoints.under(
        _V3,
        premium_index=Endpoint(f"{_V3}/premiumIndex"),
        # Not documented, and not seen under another version.
        open_interest=Endpoint(f"{_V1}/openInterest"),
        asset_index=None,
        account=Endpoint(f"{_V3}/accountWithJoinMargin", 5),
    ),
    sockets=Sockets(),
    # The sample of the documents, the highest that any source has; the account's own are asked for.
    public_fees=FeeSchedule(maker=Decimal("0.0002"), taker=Decimal("0.0004")),
    refusals=_REFUSALS,
    # Who resends a request on its way has the second copy refused for the nonce of the first one.
    doubtful_writes=frozenset({NONCE_EXPIRED}),
    # The newer of two own orders that would meet is taken back: an account never trades with itself.
    order_fields=MappingProxyType({"stpMode": "EXPIRE_TAKER"}),
    asset_class=listed_class,
    denomination=denomination,
    fee_group=fee_group,
    quotes=("USDT", "USD1", "USDC", "USDF", "BTC", "ETH", "BNB"),
)

ASTER_V1: Final = replace(
    ASTER,
    endpoints=Endpoints.under(
        _V1,
        premium_index=Endpoint(f"{_V1}/premiumIndex"),
        asset_index=None,
        positions=Endpoint(f"{_V2}/positionRisk", 5),
        settings=Endpoint(f"{_V2}/positionRisk", 5),
        account=Endpoint("/fapi/v4/account", 5),
    ),
    doubtful_writes=frozenset(),
    # Version 1 documents no such parameter: what the account has set holds.
    order_fields=MappingProxyType({}),
)
