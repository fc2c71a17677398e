"""Hook implementations. Import nothing heavy here; import it inside the hook."""

from __future__ import annotations

from collections.abc import Iterable

from arb.api import Capability, ExchangeSpec, hookimpl

PLUGIN_API = 1

NAME = "binance"

CONFORMANCE = {"base": "BTC"}

CAPABILITIES = frozenset(
    {
        Capability.PREDICTED_FUNDING,
        Capability.FUNDING_HISTORY,
        Capability.BOOK_STREAM,
        Capability.TRADING,
        Capability.POST_ONLY,
        Capability.FILL_OR_KILL,
        Capability.FUNDING_PAYMENTS,
        Capability.SET_LEVERAGE,
        Capability.ACCOUNT_STREAM,
    }
)


@hookimpl
def arb_exchanges() -> Iterable[ExchangeSpec]:
    """Return the exchange."""
    from .exchange import FAKE, ExchangeSettings, open_exchange

    return [
        ExchangeSpec(name=NAME, settings=ExchangeSettings, open=open_exchange, capabilities=CAPABILITIES, fake=FAKE),
    ]
