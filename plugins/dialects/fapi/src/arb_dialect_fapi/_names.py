"""Our client order ids, which are the venue's as well."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from arb.api import Context
from arb.model import ClientOrderId, ExchangeOrderId
from arb.net import SentIds

_REMEMBERED: Final = 20_000


class OrderNames:
    """Remembers whose order each number of the venue's is.

    Attributes:
        sent: Which ids have left: the venue refuses one only while an open order has it.
    """

    def __init__(self, context: Context) -> None:
        """Read nothing yet."""
        self.sent = SentIds(context, "order")
        self._owners: OrderedDict[ExchangeOrderId, ClientOrderId] = OrderedDict()

    def saw(self, order_id: ExchangeOrderId | None, name: ClientOrderId) -> None:
        """Remember whose order a number of the venue's is: its fills do not tell."""
        if order_id is None:
            return
        self._owners[order_id] = name
        self._owners.move_to_end(order_id)
        if len(self._owners) > _REMEMBERED:
            self._owners.popitem(last=False)

    def owner(self, order_id: ExchangeOrderId) -> ClientOrderId | None:
        """Return whose order it is, where this process has seen it."""
        return self._owners.get(order_id)
