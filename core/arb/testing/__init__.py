"""What plugin authors use in their tests: fakes of the ports and of an exchange, conformance kits, and a bench.

The fakes need nothing but arb. The kits and the bench need pytest (`pip install arb-core[testing]`) and are
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
from ._fakes_world import (
    FakeWorld,
)

if TYPE_CHECKING:
    from ._kit_bench import Bench, BenchDesk
    from ._kit_cache_tier import CacheTierConformance
    from ._kit_exchange import ExchangeConformance
    from ._kit_extension import ExtensionConformance
    from ._kit_ground import Script
    from ._kit_price_source import PriceSourceConformance
    from ._kit_recorded import recorded_data
    from ._kit_storage import StorageConformance
    from ._kit_strategy import StrategyConformance
    from ._kit_streams import Listener, LocalBook, applied, listening
    from ._kit_venue import VenueConformance
    from ._kit_wire import Wire
    from ._kit_wire_socket import WireSocket

__all__ = [
    "Bench",
    "BenchDesk",
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
    "Listener",
    "LocalBook",
    "MemoryExchange",
    "MemoryState",
    "MemoryStorage",
    "PriceSourceConformance",
    "START_NS",
    "Script",
    "StorageConformance",
    "StrategyConformance",
    "VenueConformance",
    "Wire",
    "WireSocket",
    "applied",
    "listening",
    "recorded_data",
    "sample_instrument",
    "settle",
]

_KITS: Final = MappingProxyType(
    {
        "Bench": "_kit_bench",
        "BenchDesk": "_kit_bench",
        "CacheTierConformance": "_kit_cache_tier",
        "ExchangeConformance": "_kit_exchange",
        "ExtensionConformance": "_kit_extension",
        "Listener": "_kit_streams",
        "LocalBook": "_kit_streams",
        "PriceSourceConformance": "_kit_price_source",
        "Script": "_kit_ground",
        "StorageConformance": "_kit_storage",
        "StrategyConformance": "_kit_strategy",
        "VenueConformance": "_kit_venue",
        "Wire": "_kit_wire",
        "WireSocket": "_kit_wire_socket",
        "applied": "_kit_streams",
        "listening": "_kit_streams",
        "recorded_data": "_kit_recorded",
    }
)


def __getattr__(name: str) -> Any:
    """Import what belongs to a kit when it is asked for: kits need pytest, fakes do not."""
    if name not in _KITS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import pytest

    # A failed case then shows the values it compared, as in a test module.
    modules = {f"{__name__}.{path.stem}" for path in Path(__file__).parent.glob("_kit*.py")}
    pytest.register_assert_rewrite(*(modules - set(sys.modules)))
    return getattr(import_module(f"{__name__}.{_KITS[name]}"), name)
