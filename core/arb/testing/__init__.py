"""What plugin authors use in their tests: fakes of the ports and of an exchange, and conformance kits.

The fakes need nothing but arb. The kits need pytest (`pip install arb-core[testing]`) and are
imported only when they are asked for.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from ._fakes_clock import (
    START_NS,
    FakeClock,
    settle,
)
from ._fakes_context import (
    FakeContext,
    FakeIds,
    MemoryState,
)
from ._fakes_exchange import (
    MemoryExchange,
)
from ._fakes_faults import (
    Fault,
    Faults,
)
from ._fakes_market import (
    sample_instrument,
)
from ._fakes_network import (
    FakeHttp,
    FakeWebSocket,
    FakeWebSockets,
)
from ._fakes_service import (
    FakeFundingService,
)
from ._fakes_storage import (
    MemoryStorage,
)
from ._fakes_view import (
    FakeView,
)
from ._over_fake import (
    FakeWorld,
    over_fake,
)

if TYPE_CHECKING:
    from ._kit_cache_tier import CacheTierConformance
    from ._kit_exchange import ExchangeConformance
    from ._kit_extension import ExtensionConformance
    from ._kit_price_source import PriceSourceConformance
    from ._kit_storage import StorageConformance
    from ._kit_strategy import StrategyConformance
    from ._kit_venue import VenueConformance

__all__ = [
    "CacheTierConformance",
    "ExchangeConformance",
    "ExtensionConformance",
    "FakeClock",
    "FakeContext",
    "FakeFundingService",
    "FakeHttp",
    "FakeIds",
    "FakeView",
    "FakeWebSocket",
    "FakeWebSockets",
    "FakeWorld",
    "Fault",
    "Faults",
    "MemoryExchange",
    "MemoryState",
    "MemoryStorage",
    "PriceSourceConformance",
    "START_NS",
    "StorageConformance",
    "StrategyConformance",
    "VenueConformance",
    "over_fake",
    "sample_instrument",
    "settle",
]

_KITS: Final = MappingProxyType(
    {
        "CacheTierConformance": "_kit_cache_tier",
        "ExchangeConformance": "_kit_exchange",
        "ExtensionConformance": "_kit_extension",
        "PriceSourceConformance": "_kit_price_source",
        "StorageConformance": "_kit_storage",
        "StrategyConformance": "_kit_strategy",
        "VenueConformance": "_kit_venue",
    }
)


def __getattr__(name: str) -> Any:
    """Import a kit when it is asked for: kits need pytest, fakes do not."""
    if name not in _KITS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import pytest

    # A failed case then shows the values it compared, as in a test module.
    modules = {f"{__name__}.{path.stem}" for path in Path(__file__).parent.glob("_kit*.py")}
    pytest.register_assert_rewrite(*(modules - set(sys.modules)))
    return getattr(import_module(f"{__name__}.{_KITS[name]}"), name)
