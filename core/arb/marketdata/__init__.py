"""Prices: books and best quotes of a stated maximum age, each fetched once however many ask."""

from ._live_book import (
    LiveBook,
)
from ._provider import (
    PriceProvider,
)
from ._statistics import (
    PriceStatistics,
)

__all__ = [
    "LiveBook",
    "PriceProvider",
    "PriceStatistics",
]
