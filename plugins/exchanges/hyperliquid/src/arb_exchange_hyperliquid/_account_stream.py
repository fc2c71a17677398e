"""Changes of the account as they come: orders, fills and funding, each once, whatever the socket does."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from arb.api import BadResponse, Context, ExchangeError, Rejected, UnknownOrder
from arb.model import ClientOrderId, Fill, FundingPayment, InstrumentId, Order
from arb.net import BAD_SHAPE, Connected, PassedOver, Row, from_ms, number, reading, until_answered, whole

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

    The socket carries the public books too. So nothing of the account ends it: a row that cannot be read is passed
    over, and what it said is learnt when the account is read over REST.
    """

    def __init__(
        self,
        client: Client,
        hub: Hub,
        market: HyperliquidMarket,
        orders: Orders,
        trading: HyperliquidTrading,
        user: str,
        context: Context,
    ) -> None:
        """Open nothing yet; `user` is the account's address."""
        self._context = context
        self._client = client
        self._hub = hub
        self._market = market
        self._orders = orders
        self._trading = trading
        self._subscriptions = [{"type": kind, "user": user} for kind in ("orderUpdates", "userFills", "userFundings")]

    async def watch(self) -> AsyncGenerator[Change, None]:
        """Yield working orders, then every change from now on."""
        watch = _Watch(self._client, self._market, self._orders, self._trading, PassedOver(self._context))
        async with aclosing(self._hub.watch(*self._subscriptions)) as messages:
            async for item in messages:
                changes = await (
                    until_answered(self._context, watch.connected) if isinstance(item, Connected) else watch.take(item)
                )
                for change in changes:
                    yield change


class _Watch:
    """What one watcher has seen."""

    def __init__(
        self,
        client: Client,
        market: HyperliquidMarket,
        orders: Orders,
        trading: HyperliquidTrading,
        passed_over: PassedOver,
    ) -> None:
        self._passed_over = passed_over
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
        resting, errors = await self._orders.readable_open()
        for error in errors:
            self._passed_over.tell(f"an open order of the account ({error})", "its change comes when it is read")
        names = {order.request.client_order_id for order in resting}
        before = [each for each in self._working.items() if each[0] not in names]
        ended = [order for name, instrument in before if (order := await self._became(name, instrument)) is not None]
        for order in (*ended, *resting):
            self._keep(order)
        return [*ended, *resting]

    async def _became(self, name: ClientOrderId, instrument: InstrumentId) -> Order | None:
        try:
            return await self._orders.fetch(instrument, name)
        except UnknownOrder:  # of somebody else, without an id to ask for
            self._working.pop(name, None)
        except Rejected as error:  # of a coin that is not listed any more
            self._working.pop(name, None)
            self._passed_over.tell(f"order {name}", error)
        except BadResponse as error:
            self._passed_over.tell(f"order {name}", error)
        return None

    def _keep(self, order: Order) -> None:
        if order.status.is_final:
            self._working.pop(order.request.client_order_id, None)
        else:
            self._working[order.request.client_order_id] = order.request.instrument

    async def take(self, item: Row) -> list[Change]:
        """Read a message, without the rows of it that cannot be read."""
        channel = str(item["channel"])
        try:
            with reading(self._client.name, f"a message of {channel}"):
                if channel == "orderUpdates":
                    rows, read = list(item["data"]), self._order_changes
                elif channel == "userFills":
                    rows, read = sorted(item["data"]["fills"], key=_time_of), self._fill
                else:
                    rows, read = list(item["data"]["fundings"]), self._payment_changes
        except ExchangeError as error:
            self._passed_over.tell(f"a message of {channel}", error)
            return []
        return [change for row in rows for change in await self._row(channel, row, read)]

    async def _row(self, channel: str, row: Row, read: Callable[[Row], Awaitable[list[Change]]]) -> list[Change]:
        try:
            with reading(self._client.name, f"a row of {channel}"):
                return await read(row)
        except ExchangeError as error:
            self._passed_over.tell(f"a row of {channel} ({error})", "its change comes when the account is read")
            return []

    async def _order_changes(self, row: Row) -> list[Change]:
        order = await self._order(row)
        return [] if order is None else [order]

    async def _payment_changes(self, row: Row) -> list[Change]:
        payment = await self._payment(row)
        return [] if payment is None else [payment]

    async def _order(self, row: Row) -> Order | None:
        order, text, ts_ns = order_row(row["order"]), str(row["status"]), from_ms(row["statusTimestamp"])
        if not order.quantity or await self._market.named(order.coin) is None:
            return None
        if order.filled > self._filled.get(order.oid, Filled()).quantity:
            self._waiting[order.oid] = (order, text, ts_ns)
            return None
        self._waiting.pop(order.oid, None)
        return await self._known(order, text, ts_ns)

    async def _known(self, row: OrderRow, text: str, ts_ns: int) -> Order | None:
        """Return an order all fills of which have come."""
        named = await self._market.named(row.coin)
        if named is None:
            return None
        name = await self._orders.id_of(row)
        filled = self._filled.get(row.oid, Filled()) if row.filled else Filled()
        order = order_of(row.request(name, named.id), row, status_of(text, row), filled, text, ts_ns)
        self._keep(order)
        return order

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


def _time_of(row: Row) -> int:
    """Return the time of a fill by which they are sorted; one that cannot be read comes first, and is told of there."""
    try:
        return whole(row["time"])
    except BAD_SHAPE:
        return 0
