"""One order at a venue, by the plugin and by the venue's official SDK: what `venue_orders.py` measures."""

from ._backpack import Backpack
from ._binance import Binance
from ._hyperliquid import Hyperliquid
from ._lighter import Lighter
from ._ours import BARE, ORDER, PREPARED, SEND, Ours, Sample
from ._processes import Sdk, served

__all__ = [
    "BARE",
    "Backpack",
    "Binance",
    "Hyperliquid",
    "Lighter",
    "ORDER",
    "Ours",
    "PREPARED",
    "SEND",
    "Sample",
    "Sdk",
    "served",
]
