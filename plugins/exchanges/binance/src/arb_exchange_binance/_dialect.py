"""What is Binance's own in the dialect."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from arb.model import MINUTE_NS, FeeSchedule
from arb.net import RateLimit
from arb_dialect_fapi import Dialect, Endpoint, Endpoints, Sockets

_V1: Final = "/fapi/v1"
_V3: Final = "/fapi/v3"

BINANCE: Final = Dialect(
    venue="binance",
    endpoints=Endpoints.under(
        _V1,
        # Both count for a limit of their own alone.
        funding_info=Endpoint(f"{_V1}/fundingInfo", 0),
        funding_rate=Endpoint(f"{_V1}/fundingRate", 0),
        # Orders count for the account's limits of orders alone.
        place=Endpoint(f"{_V1}/order", 0),
        positions=Endpoint(f"{_V3}/positionRisk", 5),
        # The positions of version 3 leave out what is flat, and tell no leverage.
        settings=Endpoint(f"{_V1}/symbolConfig", 5),
        account=Endpoint(f"{_V3}/account", 5),
    ),
    # A stream on the socket of another kind is acknowledged and silent.
    sockets=Sockets(public="/public/stream", market="/market/stream", private="/private/ws?listenKey={key}"),
    public_fees=FeeSchedule(maker=Decimal("0.0002"), taker=Decimal("0.0005")),
    # "General API Information": with these texts a request has failed, with every other one its status is unknown.
    failed_503=("Service Unavailable", "Internal error; unable to process your request"),
    funding_limit=RateLimit(weight=500, per_ns=5 * MINUTE_NS),
    # The newer of two own orders that would meet is taken back: an account never trades with itself.
    order_fields={"selfTradePreventionMode": "EXPIRE_TAKER"},
    positions_tell_settings=False,
)
