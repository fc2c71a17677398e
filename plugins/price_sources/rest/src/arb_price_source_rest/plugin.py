"""Hook implementations. Import nothing heavy here; import it inside the hook."""

from __future__ import annotations

from collections.abc import Iterable

from arb.api import PriceSourceSpec, hookimpl

PLUGIN_API = 1


@hookimpl
def arb_price_sources() -> Iterable[PriceSourceSpec]:
    """Return the source that asks the exchange itself."""
    from ._source import RestSettings, open_source

    return [PriceSourceSpec(name="rest", settings=RestSettings, open=open_source)]
