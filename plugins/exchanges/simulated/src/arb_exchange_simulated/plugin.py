"""Hook implementations. Import nothing heavy here; import it inside the hook."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from arb.api import ExchangeSpec, hookimpl

PLUGIN_API = 1

CONFORMANCE: Final[dict[str, Any]] = {"settings": {"profile": "hyperliquid-like", "deposit": 50_000}}
"""How the conformance kit opens it."""


@hookimpl
def arb_exchanges() -> Iterable[ExchangeSpec]:
    """Return the simulated exchange."""
    from arb.simulation import SIMULATED_CAPABILITIES

    from ._open import open_exchange
    from ._settings import SimulatedSettings

    return [
        ExchangeSpec(
            name="simulated", settings=SimulatedSettings, open=open_exchange, capabilities=SIMULATED_CAPABILITIES
        )
    ]
