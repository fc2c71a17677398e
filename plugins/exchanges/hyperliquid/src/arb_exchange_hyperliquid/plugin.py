"""Hook implementations. Import nothing heavy here; import it inside the hook."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from arb.api import Capability, ExchangeSpec, FakeGround, FakeSpec, FakeVenue, hookimpl
from arb.model import Instrument

PLUGIN_API = 1

PUBLIC: Final = frozenset(
    {
        Capability.PREDICTED_FUNDING,
        Capability.FUNDING_HISTORY,
        Capability.BOOK_STREAM,
        Capability.TRADE_STREAM,
    }
)
"""What needs no key."""

CAPABILITIES: Final = PUBLIC | {
    Capability.TRADING,
    Capability.POST_ONLY,
    Capability.FUNDING_PAYMENTS,
    Capability.SET_LEVERAGE,
    Capability.ACCOUNT_STREAM,
    Capability.DEAD_MANS_SWITCH,
}


@hookimpl
def arb_exchanges() -> Iterable[ExchangeSpec]:
    """Return Hyperliquid."""
    from ._open import open_exchange
    from ._settings import HyperliquidSettings

    return [
        ExchangeSpec(
            name="hyperliquid",
            settings=HyperliquidSettings,
            open=open_exchange,
            capabilities=CAPABILITIES,
            fake=FakeSpec(open=_fake_venue, settings=_fake_settings, profile="hyperliquid-like", fit=_fitted),
        )
    ]


def _fake_venue(ground: FakeGround) -> FakeVenue:
    from .fake import FakeHyperliquid

    return FakeHyperliquid(ground)


def _fake_settings(address: str) -> Mapping[str, Any]:
    from .fake import fake_settings

    return fake_settings(address)


def _fitted(instrument: Instrument, price: Decimal) -> Instrument:
    from .fake import fitted

    return fitted(instrument, price)
