"""One order at a venue, by the plugin and by the venue's official SDK: what `venue_orders.py` measures."""

from ._aster import Aster
from ._backpack import Backpack
from ._binance import Binance
from ._edgex import Edgex
from ._grvt import Grvt
from ._hyperliquid import Hyperliquid
from ._lighter import Lighter
from ._ours import BARE, ORDER, PREPARED, SEND, Ours, Sample
from ._paradex import Paradex
from ._processes import Sdk, served

__all__ = [
    "Aster",
    "BARE",
    "Backpack",
    "Binance",
    "Edgex",
    "Grvt",
    "Hyperliquid",
    "Lighter",
    "ORDER",
    "Ours",
    "PREPARED",
    "Paradex",
    "SEND",
    "Sample",
    "Sdk",
    "served",
]
