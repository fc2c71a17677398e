"""Names of the channels that this plugin subscribes to, and the frames that come in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from ._frames import BOOK, FILL, ORDER, TRADE

_DEPTH: Final = "snapshot@15@50ms"
"""Fifteen levels a side, whole in every message. No price tick is named: with one that is not the market's the channel
stays silent (paradex-py, issue 96), and without one nothing is grouped."""

ORDERS: Final = "orders.ALL"
FILLS: Final = "fills.ALL"
"""Of the account."""

JSON_KINDS: Final = {"orders": ORDER, "fills": FILL}
"""Private channels that the venue may write as JSON, by the first part of their names."""


def book_channel(symbol: str) -> str:
    """Return the channel of a market's book; no other depth of it may be subscribed to on the same socket."""
    return f"order_book.{symbol}.{_DEPTH}"


def trade_channel(symbol: str) -> str:
    """Return the channel of a market's trades."""
    return f"trades.{symbol}"


_OF_MARKETS: Final[Mapping[int, Callable[[str], str]]] = {BOOK: book_channel, TRADE: trade_channel}
_OF_THE_ACCOUNT: Final[Mapping[int, str]] = {ORDER: ORDERS, FILL: FILLS}


def channel_of(template: int, symbol: str) -> str | None:
    """Return where a frame belongs, which names its kind and its market, not its channel; None for any other kind."""
    of_market = _OF_MARKETS.get(template)
    return _OF_THE_ACCOUNT.get(template) if of_market is None else of_market(symbol)
