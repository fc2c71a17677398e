"""Changes of the account as they come: orders, fills and funding, each once, whatever the socket does."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

from arb.api import ExchangeError, UnknownOrder
from arb.model import ClientOrderId, Fill, FundingPayment, InstrumentId, Order
from arb.net import Connected, Row, from_ms, number, reading, whole

from ._account_rows import fill_id
from ._client import Client
from ._hub import Hub
from ._market import HyperliquidMarket
from ._order_rows import Filled, OrderRow, order_of, order_row, status_of
from ._orders import Orders
from ._seen import REMEMBERED, Seen
from ._trading import HyperliquidTrading

Change = Order | Fill | FundingPayment


class AccountStream:
    """Watches one account over a hub.

    The venue's messages have no average price: an order's is made of its fills, and an order waits for them.
    What happened while no socket was open is read from the venue when there is one again.
    """

    def __init__(
        self,
        client: Client,
        hub: Hub,
        market: HyperliquidMarket,
        orders: Orders,
        trading: HyperliquidTrading,
        user: str,
    ) -> None:
        """Open nothing yet; `user` is the account's address."""
        self._client = client
        self._hub = hub
        self._market = market
        self._orders = orders
        self._trading = trading
        self._subscriptions = [{"type": kind, "user": user} for kind in ("orderUpdates", "userFills", "userFundings")]

    async def watch(self) -> AsyncGenerator[Change, None]:
        """Yield working orders, then every change from now on."""
        watch = _Watch(self._client, self._market, self._orders, self._trading)
        async with aclosing(self._hub.watch(*self._subscriptions)) as messages:
            async for item in messages:
                try:
                    changes = await (watch.connected() if isinstance(item, Connected) else watch.take(item))
                except ExchangeError as error:
                    self._hub.restart(f"the account could not be read: {error}")
                    continue
                for change in changes:
                    yield change


class _Watch:
    """What one watcher has seen."""

    def __init__(self, client: Client, market: HyperliquidMarket, orders: Orders, trading: HyperliquidTrading) -> None:
        self._client = client
        self._market = market
        self._orders = orders
        self._trading = trading
        self._since_ns = client.venue_time.now_ns()
        self._fills = Seen()
        self._paid = Seen()
        self._filled: OrderedDict[int, Filled] = OrderedDict()
        self._working: dict[ClientOrderId, InstrumentId] = {}
        self._waiting: dict[int, tuple[OrderRow, str, int]] = {}

    async def connected(self) -> list[Change]:
        """Read what a socket does not tell: what rests now, and what became of what rested before."""
        self._waiting.clear()
        changes: list[Change] = []
        resting = await self._orders.fetch_open()
        names = {order.request.client_order_id for order in resting}
        for name, instrument in list(self._working.items()):
            if name not in names:
                with suppress(UnknownOrder):  # of somebody else, without an id to ask for
                    changes.append(await self._orders.fetch(instrument, name))
                del self._working[name]
        for order in resting:
            self._working[order.request.client_order_id] = order.request.instrument
        return [*changes, *resting]

    async def take(self, item: Row) -> list[Change]:
        """Read a message."""
        channel = item["channel"]
        with reading(self._client.name, f"a message of {channel}"):
            if channel == "orderUpdates":
                return [order for row in item["data"] if (order := await self._order(row)) is not None]
            if channel == "userFills":
                rows = sorted(item["data"]["fills"], key=lambda row: whole(row["time"]))
                return [change for row in rows for change in await self._fill(row)]
            payments = [await self._payment(row) for row in item["data"]["fundings"]]
            return [payment for payment in payments if payment is not None]

    async def _order(self, row: Row) -> Order | None:
        order, text, ts_ns = order_row(row["order"]), str(row["status"]), from_ms(row["statusTimestamp"])
        if not order.quantity or await self._market.market_of_coin(order.coin) is None:
            return None
        if order.filled > self._filled.get(order.oid, Filled()).quantity:
            self._waiting[order.oid] = (order, text, ts_ns)
            return None
        self._waiting.pop(order.oid, None)
        return await self._known(order, text, ts_ns)

    async def _known(self, row: OrderRow, text: str, ts_ns: int) -> Order | None:
        """Return an order all fills of which have come."""
        market = await self._market.market_of_coin(row.coin)
        if market is None:
            return None
        name = await self._orders.id_of(row)
        filled = self._filled.get(row.oid, Filled()) if row.filled else Filled()
        status = status_of(text, row)
        if status.is_final:
            self._working.pop(name, None)
        else:
            self._working[name] = market.instrument.id
        return order_of(row.request(name, market.instrument.id), row, status, filled, text, ts_ns)

    async def _fill(self, row: Row) -> list[Change]:
        """Count a fill, and return it unless it is old, with the order that waited for it."""
        if not self._fills.add(fill_id(row)):
            return []
        oid = whole(row["oid"])
        total = self._filled.pop(oid, Filled()).and_(number(row["sz"]), number(row["px"]))
        self._filled[oid] = total
        if len(self._filled) > REMEMBERED:
            self._filled.popitem(last=False)
        changes: list[Change] = []
        if from_ms(row["time"]) >= self._since_ns and (fill := await self._trading.fill(row)) is not None:
            changes.append(fill)
        waiting = self._waiting.get(oid)
        if waiting is not None and waiting[0].filled <= total.quantity:
            del self._waiting[oid]
            if (order := await self._known(*waiting)) is not None:
                changes.append(order)
        return changes

    async def _payment(self, row: Row) -> FundingPayment | None:
        payment = await self._trading.payment(row, row["time"])
        if payment is None or not self._paid.add(payment.payment_id):
            return None
        return payment if payment.settled_ns >= self._since_ns else None
