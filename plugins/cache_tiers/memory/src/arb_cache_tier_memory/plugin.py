"""Hook implementations. Import nothing heavy here; import it inside the hook."""

from __future__ import annotations

from collections.abc import Iterable

from arb.api import CacheTierSpec, hookimpl

PLUGIN_API = 1


@hookimpl
def arb_cache_tiers() -> Iterable[CacheTierSpec]:
    """Return the tier that lives in memory."""
    from ._tier import MemorySettings, open_tier

    return [CacheTierSpec(name="memory", settings=MemorySettings, open=open_tier)]
