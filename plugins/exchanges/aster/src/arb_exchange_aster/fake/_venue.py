"""The fake venue: the dialect's, with what Aster alone has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any, Final

from arb.api import FakeGround
from arb.model import HOUR_NS, Instrument
from arb_dialect_fapi.fake import FakeFapi, FakeRules, Query
from arb_exchange_aster._dialect import AGENTS, ASTER, ASTER_V1
from arb_exchange_aster._signing import CHAIN_IDS, checksummed

from ._auth import AsterAuth
from ._keys import AGENT

AGENT_LIST: Final = "agents"
"""Where the ground's memory keeps the approved agents, as the venue lists them."""

CHAIN: Final = "chain_id"
"""Where it keeps the chain id of the network that is imitated, if it is not the main one."""

_NEVER_MS: Final = 4_102_444_800_000
_DONE: Final = {"code": 200, "msg": "success"}
_WEIGHTS: Final[Mapping[str, tuple[int, int]]] = MappingProxyType(
    {
        "premiumIndex": (1, 1),
        "bookTicker": (1, 2),
        "order": (1, 1),
        "fundingInfo": (1, 1),
        "fundingRate": (1, 1),
        "accountWithJoinMargin": (5, 5),
        "registerAndApproveAgent": (50, 50),
    }
)
_FILTERS: Final = (
    {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": "0.01"},
    {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001"},
    {"filterType": "MARKET_LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001"},
    {"filterType": "MAX_NUM_ORDERS", "limit": 200},
    {"filterType": "MIN_NOTIONAL", "notional": "5"},
    {"filterType": "PERCENT_PRICE", "multiplierDown": "0.9500", "multiplierUp": "1.0500", "multiplierDecimal": "4"},
)


def _decoy(base: str, quote: str) -> dict[str, Any]:
    return {
        "symbol": f"{base}{quote}",
        "pair": f"{base}{quote}",
        "contractType": "PERPETUAL",
        "deliveryDate": 4133404800000,
        "onboardDate": 1758178800000,
        "status": "TRADING",
        "maintMarginPercent": "12.5000",
        "requiredMarginPercent": "25.0000",
        "baseAsset": base,
        "quoteAsset": quote,
        "marginAsset": quote,
        "pricePrecision": 2,
        "quantityPrecision": 5,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": ["Top"],
        "settlePlan": 0,
        "triggerProtect": "0.1500",
        "liquidationFee": "0.025000",
        "marketTakeBound": "0.05",
        "filters": list(_FILTERS),
        "orderTypes": ["LIMIT", "MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX", "RPI", "HIDDEN"],
    }


def funding_row(instrument: Instrument, now_ns: int) -> dict[str, Any]:
    """Return a row of `fundingInfo`."""
    return {
        "symbol": instrument.symbol,
        "interestRate": "0.00010000",
        "time": now_ns // 1_000_000,
        "fundingIntervalHours": (instrument.funding_interval_ns or 0) // HOUR_NS,
        "fundingFeeCap": 0.03,
        "fundingFeeFloor": -0.03,
    }


def _older_paths() -> dict[str, str]:
    """Return the paths of version 1, and what answers there."""
    old, new = ASTER_V1.endpoints, ASTER.endpoints
    pairs = [(getattr(old, each.name), getattr(new, each.name)) for each in fields(old)]
    names = ("ping", "ticker/bookTicker", "klines", "trades", "aggTrades", "openOrder", "order/test")
    return {
        **{before.path: after.path for before, after in pairs if before is not None and before.path != after.path},
        **{f"/fapi/v1/{name}": f"/fapi/v3/{name}" for name in names},
        "/fapi/v2/balance": "/fapi/v3/balance",
    }


def open_fake(ground: FakeGround) -> FakeFapi:
    """Return the venue over this ground."""
    agents: list[dict[str, Any]] = ground.memory.setdefault(AGENT_LIST, [_agent(AGENT, "arb")])
    nonces: list[int] = ground.memory.setdefault("nonces", [])
    chain_id: int = ground.memory.get(CHAIN, CHAIN_IDS["mainnet"])

    async def listed(query: Query) -> Any:
        return [dict(row) for row in agents]

    async def approve(query: Query) -> Any:
        rights = {name: query.get(name, "").lower() == "true" for name in ("canSpotTrade", "canPerpTrade")}
        row = _agent(query["agentAddress"], query["agentName"], **rights)
        row["canWithdraw"] = query.get("canWithdraw", "").lower() == "true"
        row["expired"] = int(query["expired"])
        agents[:] = [each for each in agents if each["agentAddress"] != row["agentAddress"]] + [row]
        return _DONE

    async def noop(query: Query) -> Any:
        # All it does is to use up its nonce.
        return _DONE

    return FakeFapi(
        ground,
        FakeRules(
            dialect=ASTER,
            auth=AsterAuth(agents, nonces, chain_id),
            decoys=(_decoy("TEST", "USDT"), _decoy("TEST1", "USDT"), _decoy("TEST", "USD1")),
            answers_average=True,
            lists_usual_intervals=True,
            funding_row=funding_row,
            weights=_WEIGHTS,
            signed_routes={
                ("GET", AGENTS.path): listed,
                ("POST", "/fapi/v3/approveAgent"): approve,
                ("POST", "/fapi/v3/registerAndApproveAgent"): approve,
                ("POST", "/fapi/v3/noop"): noop,
            },
            aliases=_older_paths(),
        ),
    )


def _agent(address: str, name: str, **rights: bool) -> dict[str, Any]:
    return {
        "agentAddress": checksummed(address),
        "agentName": name,
        "ipWhitelist": "",
        "expired": _NEVER_MS,
        "source": "API",
        "canRead": True,
        "canSpotTrade": False,
        "canPerpTrade": True,
        "canWithdraw": False,
        **rights,
    }
