"""The fake venue: the dialect's, with what Binance alone has."""

from __future__ import annotations

from typing import Any, Final

from arb.api import FakeGround
from arb_dialect_fapi.fake import FakeFapi, FakeRules, Query
from arb_exchange_binance._dialect import BINANCE

from ._auth import BinanceAuth

RIGHTS: Final = "rights"
"""Where the ground's memory keeps what the key may do."""

_FILTERS: Final = (
    {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "200000", "tickSize": "0.01"},
    {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "10000", "stepSize": "0.001"},
    {"filterType": "MARKET_LOT_SIZE", "minQty": "0.001", "maxQty": "500", "stepSize": "0.001"},
    {"filterType": "MAX_NUM_ORDERS", "limit": 200},
    {"filterType": "MIN_NOTIONAL", "notional": "5"},
)


def _decoy(symbol: str, contract: str, base: str, kind: str, ends_ms: int = 4133404800000) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "pair": f"{base}USDT",
        "contractType": contract,
        "deliveryDate": ends_ms,
        "onboardDate": 1765000000000,
        "status": "TRADING",
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": base,
        "quoteAsset": "USDT",
        "marginAsset": "USDT",
        "pricePrecision": 2,
        "quantityPrecision": 3,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": kind,
        "underlyingSubType": [],
        "filters": list(_FILTERS),
        "orderTypes": ["LIMIT", "MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
    }


_DECOYS: Final = (
    _decoy("XAUUSDT", "TRADIFI_PERPETUAL", "XAU", "COMMODITY"),
    _decoy("BTCUSDT_270326", "NEXT_QUARTER", "BTC", "COIN", 1806048000000),
)


def open_fake(ground: FakeGround) -> FakeFapi:
    """Return the venue over this ground."""
    rights: dict[str, bool] = ground.memory.setdefault(
        RIGHTS,
        {
            "ipRestrict": True,
            "enableReading": True,
            "enableFutures": True,
            "enableWithdrawals": False,
            "enableInternalTransfer": False,
            "permitsUniversalTransfer": False,
        },
    )

    async def restrictions(query: Query) -> Any:
        return dict(rights)

    return FakeFapi(
        ground,
        FakeRules(
            dialect=BINANCE,
            auth=BinanceAuth(),
            decoys=_DECOYS,
            signed_routes={("GET", "/sapi/v1/account/apiRestrictions"): restrictions},
        ),
    )
