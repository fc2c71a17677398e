"""Hook implementations. Import nothing heavy here; import it inside the hook."""

from __future__ import annotations

from collections.abc import Iterable

from arb.api import ExchangeSpec, hookimpl

PLUGIN_API = 1


@hookimpl
def arb_exchanges() -> Iterable[ExchangeSpec]:
    """Return the exchange."""
    return []
