"""What Lighter can do, and the facts about it that execution relies on."""

from __future__ import annotations

from typing import Final

from arb.api import Capability, ExchangeTraits
from arb.model import DAY_NS, SECOND_NS

PUBLIC: Final = frozenset(
    {
        Capability.PREDICTED_FUNDING,
        Capability.FUNDING_HISTORY,
        Capability.BOOK_STREAM,
        Capability.TRADE_STREAM,
    }
)
"""Without keys."""

ALL: Final = PUBLIC | {
    Capability.TRADING,
    Capability.POST_ONLY,
    Capability.FUNDING_PAYMENTS,
    Capability.SET_LEVERAGE,
    Capability.ACCOUNT_STREAM,
    Capability.DEAD_MANS_SWITCH,
}

_SIGNED_FOR_NS: Final = 599 * SECOND_NS
"""Stamped by the signing library, which takes no other value (elliottech/lighter-go, client/tx_client.go)."""

_CLOCKS_NS: Final = 31 * SECOND_NS
"""How far this machine's clock may be ahead of the venue's; a larger difference is refused at opening."""

MAX_AHEAD_NS: Final = 30 * SECOND_NS

TRAITS: Final = ExchangeTraits(
    # Standard accounts are delayed by 200 to 300 ms; positions were seen to lag by about 3 s.
    read_after_write_ns=3 * SECOND_NS,
    # The venue takes nonces strictly in order, which ends most of it sooner, but that it does so for an order that
    # is still under way can be told of no request by its age: only the expiry bounds that.
    order_validity_ns=_SIGNED_FOR_NS + _CLOCKS_NS,
    client_order_id_length=32,
    # `accountOrders` looks back 24 h; older orders are listed by `accountInactiveOrders`, for how long is not said.
    history_ns=DAY_NS,
)
