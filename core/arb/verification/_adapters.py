"""Real exchange plugins inside an episode: each over its own fake venue, which stands on a venue of the world."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from arb.api import (
    Capability,
    Context,
    DeadMansSwitch,
    Exchange,
    ExchangeError,
    ExchangeSpec,
    ExchangeTraits,
    FakeGround,
    FakeSpec,
    FakeVenue,
    HttpRequest,
    HttpResponse,
    OutcomeUnknown,
    PluginError,
    PreparedOrder,
    Trading,
    TransferHistory,
    WebSocket,
)
from arb.kernel import Family, load_spec
from arb.model import (
    SECOND_NS,
    Balance,
    ClientOrderId,
    ExchangeName,
    Fill,
    FundingPayment,
    InstrumentId,
    MarginMode,
    Order,
    OrderBook,
    OrderRequest,
    Position,
    Trade,
    Transfer,
)
from arb.runtime import RuntimeContext
from arb.simulation import AccountNow

from ._exchange import WireExchange, WireStreams, WireTrading
from ._wire import Wire

if TYPE_CHECKING:
    from ._counter import Counter
    from ._process import Process


@dataclass(slots=True)
class Sending:
    """An order that a plugin sends.

    Attributes:
        request: Under our id: the venue gets a number, and the auditor knows our ids.
        since_ns: When the plugin was given it.
        forbidden: What the auditor said when the latest request of the plugin left. A venue may work on it for a
            while before the order reaches the account. Where no time has passed since the plugin was given the order
            it is what was so then: a person who halts in that very moment is not earlier than the order.
    """

    request: OrderRequest
    since_ns: int
    forbidden: Sequence[str]


_sending: ContextVar[Sending | None] = ContextVar("sending", default=None)


@cache
def adapter_spec(plugin: str) -> ExchangeSpec:
    """Return the spec of an installed exchange plugin that brings a fake venue.

    Raises:
        PluginError: it cannot be used, or brings no fake venue.
    """
    spec = load_spec(Family.EXCHANGES, plugin)
    if not isinstance(spec, ExchangeSpec) or spec.fake is None:
        raise PluginError(f"the exchange plugin {plugin} brings no fake venue, so it cannot be simulated")
    return spec


def fake_of(plugin: str) -> FakeSpec:
    """Return how a plugin's venue is imitated; raises PluginError."""
    fake = adapter_spec(plugin).fake
    assert fake is not None
    return fake


@dataclass(slots=True)
class Numbers:
    """Which of our orders a venue knows by which number; it outlives processes."""

    ours: dict[str, ClientOrderId] = field(default_factory=dict)
    theirs: dict[str, ClientOrderId] = field(default_factory=dict)

    def meet(self, number: ClientOrderId) -> ClientOrderId:
        """Return our id of an order that arrives."""
        sending = _sending.get()
        if sending is None:
            return number
        ours = sending.request.client_order_id
        self.ours[number], self.theirs[ours] = ours, number
        return ours

    def our(self, number: ClientOrderId) -> ClientOrderId:
        """Return our id of a number."""
        return self.ours.get(number, number)

    def order(self, row: Order) -> Order:
        """Return a venue's order under the venue's number."""
        known = self.theirs.get(row.request.client_order_id)
        return row if known is None else replace(row, request=replace(row.request, client_order_id=known))

    def fill(self, row: Fill) -> Fill:
        """Return a venue's fill under the venue's number of its order."""
        return replace(row, client_order_id=self.theirs.get(row.client_order_id, row.client_order_id))


class GroundTrading:
    """The account as its fake venue reaches it: orders go by the venue's numbers."""

    def __init__(self, inner: WireTrading, numbers: Numbers) -> None:
        self._inner = inner
        self._numbers = numbers

    async def prepare_order(self, request: OrderRequest) -> PreparedOrder:
        """Round and check."""
        return await self._inner.prepare_order(request)

    async def send_order(self, prepared: PreparedOrder) -> Order:
        """Take an order under our id."""
        ours = self._numbers.meet(prepared.request.client_order_id)
        request, sending = replace(prepared.request, client_order_id=ours), _sending.get()
        forbidden = None if sending is None else sending.forbidden
        return self._numbers.order(await self._inner.send_order(replace(prepared, request=request), forbidden))

    async def cancel_order(self, instrument: InstrumentId, client_order_id: ClientOrderId) -> None:
        """Ask for cancellation."""
        await self._inner.cancel_order(instrument, self._numbers.our(client_order_id))

    async def cancel_all(self, instrument: InstrumentId | None = None) -> None:
        """Cancel every resting order."""
        await self._inner.cancel_all(instrument)

    async def arm_dead_mans_switch(self, timeout_ns: int) -> None:
        """Arm the switch."""
        await self._inner.arm_dead_mans_switch(timeout_ns)

    async def fetch_order(self, instrument: InstrumentId, client_order_id: ClientOrderId) -> Order:
        """Return an order."""
        return self._numbers.order(await self._inner.fetch_order(instrument, self._numbers.our(client_order_id)))

    async def fetch_orders(self, since_ns: int) -> Sequence[Order]:
        """Return every order, open or closed."""
        return [self._numbers.order(row) for row in await self._inner.fetch_orders(since_ns)]

    async def fetch_open_orders(self) -> Sequence[Order]:
        """Return working orders."""
        return [self._numbers.order(row) for row in await self._inner.fetch_open_orders()]

    async def fetch_fills(self, since_ns: int) -> Sequence[Fill]:
        """Return fills."""
        return [self._numbers.fill(row) for row in await self._inner.fetch_fills(since_ns)]

    async def fetch_account(self) -> AccountNow:
        """Return positions and balances of one moment."""
        return await self._inner.fetch_account()

    async def fetch_positions(self) -> Sequence[Position]:
        """Return positions."""
        return await self._inner.fetch_positions()

    async def fetch_balances(self) -> Sequence[Balance]:
        """Return balances."""
        return await self._inner.fetch_balances()

    async def fetch_funding_payments(self, since_ns: int) -> Sequence[FundingPayment]:
        """Return funding payments."""
        return await self._inner.fetch_funding_payments(since_ns)

    async def set_leverage(self, instrument: InstrumentId, leverage: Decimal, mode: MarginMode) -> None:
        """Set leverage."""
        await self._inner.set_leverage(instrument, leverage, mode)

    async def fetch_leverage(self, instrument: InstrumentId) -> tuple[Decimal, MarginMode]:
        """Return what is set."""
        return await self._inner.fetch_leverage(instrument)


class GroundStreams:
    """Live data as the fake venue reaches them."""

    def __init__(self, inner: WireStreams, numbers: Numbers) -> None:
        self._inner = inner
        self._numbers = numbers

    def watch_order_book(self, instrument: InstrumentId) -> AsyncIterator[OrderBook]:
        """Yield snapshots."""
        return self._inner.watch_order_book(instrument)

    def watch_trades(self, instrument: InstrumentId) -> AsyncIterator[Trade]:
        """Yield others' trades."""
        return self._inner.watch_trades(instrument)

    async def watch_account(self) -> AsyncIterator[Order | Fill | FundingPayment]:
        """Yield changes of the account under the venue's numbers."""
        async for record in self._inner.watch_account():
            if isinstance(record, Order):
                yield self._numbers.order(record)
            else:
                yield self._numbers.fill(record) if isinstance(record, Fill) else record


@dataclass(frozen=True, slots=True)
class Ground:
    """Implements :class:`arb.api.Exchange` for a fake venue."""

    name: ExchangeName
    capabilities: frozenset[Capability]
    traits: ExchangeTraits
    market: Any
    trading: Any
    streams: Any


class Line:
    """Both transports of a plugin over its fake venue. A transport raises what the ports allow, whatever broke.

    Where a venue is reached directly, some faults raise what no contract allows: a plugin that is wrong. A plugin
    that is tried itself stands over transports that are right.
    """

    def __init__(self, venue: FakeVenue, process: Process) -> None:
        self._venue = venue
        self._process = process

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send a request; no answer within its time is as none."""
        sending, world = _sending.get(), self._process.world
        if sending is not None and sending.since_ns < world.now_ns():
            with world.own_work():
                sending.forbidden = world.auditor.forbidden(sending.request)
        try:
            async with asyncio.timeout(request.timeout_ns / SECOND_NS):
                return await self._venue.send(request)
        except ExchangeError:
            raise
        except TimeoutError as error:
            raise OutcomeUnknown("no answer within the time of the request", code="no_answer") from error
        except (Exception, asyncio.CancelledError) as error:
            if _is_asked_to_stop(error):
                raise
            raise OutcomeUnknown("the connection was lost", code="connection_lost") from error

    @asynccontextmanager
    async def connect(self, url: str, *, headers: Mapping[str, str] = MappingProxyType({})) -> AsyncIterator[WebSocket]:
        """Open a socket."""
        async with self._venue.connect(url, headers=headers) as socket:
            yield socket


def _is_asked_to_stop(error: BaseException) -> bool:
    """Return whether a cancellation is the task's own, and not a plugin's."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and (task is None or bool(task.cancelling()))


class SendingTrading:
    """A plugin's trading side that tells which order it sends; everything else is the plugin's."""

    def __init__(self, inner: Trading, process: Process) -> None:
        self._inner = inner
        self._world = process.world

    async def send_order(self, prepared: PreparedOrder) -> Order:
        """Send an order."""
        with self._world.own_work():
            forbidden = self._world.auditor.forbidden(prepared.request)
        token = _sending.set(Sending(prepared.request, self._world.now_ns(), forbidden))
        try:
            return await self._inner.send_order(prepared)
        finally:
            _sending.reset(token)

    async def arm_dead_mans_switch(self, timeout_ns: int) -> None:
        """Arm the switch, where the plugin has one."""
        await cast("DeadMansSwitch", self._inner).arm_dead_mans_switch(timeout_ns)

    async def fetch_transfers(self, since_ns: int) -> Sequence[Transfer]:
        """Return transfers, where the plugin has them."""
        return await cast("TransferHistory", self._inner).fetch_transfers(since_ns)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


@dataclass(frozen=True, slots=True)
class AdapterExchange:
    """Implements :class:`arb.api.Exchange` by a plugin."""

    inner: Exchange
    trading: Any

    @property
    def name(self) -> ExchangeName:
        """Return its name in the configuration."""
        return self.inner.name

    @property
    def capabilities(self) -> frozenset[Capability]:
        """Return the plugin's, and that no real money moves."""
        return self.inner.capabilities | {Capability.SIMULATED}

    @property
    def traits(self) -> ExchangeTraits:
        """Return the plugin's."""
        return self.inner.traits

    @property
    def market(self) -> Any:
        """Return public data."""
        return self.inner.market

    @property
    def streams(self) -> Any:
        """Return live data."""
        return self.inner.streams


def adapter_opener(
    process: Process, counter: Counter, spec: ExchangeSpec
) -> Callable[[object, Context], AbstractAsyncContextManager[Any]]:
    """Return what opens a plugin in a process, over its fake venue."""
    fake = spec.fake
    assert fake is not None

    @asynccontextmanager
    async def open_it(_settings: object, context: Context) -> AsyncIterator[Any]:
        wire = WireExchange(Wire(process, counter))
        numbers = counter.memory.setdefault("numbers", Numbers())
        ground = Ground(
            wire.name,
            wire.capabilities,
            wire.traits,
            wire.market,
            GroundTrading(wire.trading, numbers),
            GroundStreams(wire.streams, numbers),
        )
        memory = counter.memory.setdefault("fake", {})
        venue = Line(fake.open(FakeGround(exchange=ground, clock=process.world.clock, memory=memory)), process)
        settings = spec.settings.model_validate(dict(fake.settings(f"http://{counter.name}.episode.test")))
        own = cast("RuntimeContext", context)
        lent = replace(own, ports=replace(own.ports, http=venue, websocket=venue))
        async with spec.open(settings, lent) as exchange:
            assert exchange.trading is not None
            counter.told_traits = exchange.traits
            counter.traits = _within(counter.traits, exchange.traits)
            yield AdapterExchange(exchange, SendingTrading(exchange.trading, process))

    return open_it


def _within(drawn: ExchangeTraits, told: ExchangeTraits) -> ExchangeTraits:
    """Return how late things may be in an episode: never later than the plugin tells."""
    return replace(
        drawn,
        read_after_write_ns=min(drawn.read_after_write_ns, told.read_after_write_ns),
        order_validity_ns=min(drawn.order_validity_ns, told.order_validity_ns),
    )
