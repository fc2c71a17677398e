"""Names of the channels that this plugin subscribes to, and the frames that come in them."""

from __future__ import annotations

from typing import Final, NamedTuple

from ._frames import BOOK, FILL, ORDER, TRADE

_DEPTH: Final = "snapshot@15@50ms"
"""Fifteen levels a side, whole in every message. No price tick is named: with one that is not the market's the channel
stays silent (paradex-py, issue 96), and without one nothing is grouped."""

ALL: Final = ""


class Channel(NamedTuple):
    """A channel, and how its frames are told: they name their kind and their market, not their subscription.

    Attributes:
        name: As it is subscribed to.
        template: Of its frames.
        market: Of its frames; empty where it tells of every market.
    """

    name: str
    template: int
    market: str


def book_channel(symbol: str) -> Channel:
    """Return the channel of a market's book; no other depth of it may be subscribed to on the same socket."""
    return Channel(f"order_book.{symbol}.{_DEPTH}", BOOK, symbol)


def trade_channel(symbol: str) -> Channel:
    """Return the channel of a market's trades."""
    return Channel(f"trades.{symbol}", TRADE, symbol)


ORDERS: Final = Channel("orders.ALL", ORDER, ALL)
FILLS: Final = Channel("fills.ALL", FILL, ALL)
"""Of the account."""

JSON_KINDS: Final = {"orders": ORDER, "fills": FILL}
"""Private channels that the venue may write as JSON, by the first part of their names."""
