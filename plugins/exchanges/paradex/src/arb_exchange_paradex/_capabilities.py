"""What Paradex can do, with a key and without."""

from __future__ import annotations

from typing import Final

from arb.api import Capability

PUBLIC_CAPABILITIES: Final = frozenset(
    {
        Capability.PREDICTED_FUNDING,
        Capability.FUNDING_HISTORY,
        Capability.BOOK_STREAM,
        Capability.TRADE_STREAM,
    }
)

CAPABILITIES: Final = PUBLIC_CAPABILITIES | {
    Capability.TRADING,
    Capability.POST_ONLY,
    Capability.FUNDING_PAYMENTS,
    Capability.TRANSFERS,
    Capability.SET_LEVERAGE,
    Capability.ACCOUNT_STREAM,
}
