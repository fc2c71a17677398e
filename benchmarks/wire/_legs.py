"""Two venues in a process of their own, the plugin that signs for them, and the raw stream beside it."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, NamedTuple, cast

from arb.api import HttpRequest, HttpTransport, PreparedOrder
from arb.model import ClientOrderId, ExchangeOrderId, InstrumentId, Order, OrderRequest, OrderStatus, Side
from arb.runtime import WallClock
from arb.testing import Fault, MemoryExchange

from ._plugin import Remote
from ._server import called, serving, yield_to_others

LEGS = ("left", "right")


class Leg:
    """One of two servers: `/quick` answers as it is told, `/NAME/...` is an account of a MemoryExchange."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._clock = WallClock()
        self._accounts: dict[str, MemoryExchange] = {}

    async def answer(self, path: str, body: bytes, arrived_ns: int) -> bytes:
        """Answer one request."""
        account, _, what = path[1:].partition("/")
        if account == "quick":
            return _told(json.loads(body), arrived_ns)
        if what == "reset":
            self._accounts[account] = exchange = MemoryExchange(self._name, clock=self._clock, deposit=10**9)
            # To complete the right leg is cheaper than to take the left one back.
            exchange.set_price(exchange.id_of("BTC"), 50_000, spread_bps=1 if self._name == "right" else 4, levels=20)
        elif what == "starve":
            self._accounts[account].faults.once("send_order", Fault.partial_fill(0))
        elif what == "order":
            return await _ordered(self._accounts[account], json.loads(body), arrived_ns)
        else:
            return await called(self._accounts[account], body)
        return b""


def _told(asked: Mapping[str, Any], arrived_ns: int) -> bytes:
    filled = asked["quantity"] if asked["fill"] else "0"
    status = "filled" if asked["fill"] else "cancelled"
    answer = {"id": "o1", "status": status, "filled": filled, "price": asked["price"], "arrived_ns": arrived_ns}
    return json.dumps(answer).encode()


async def _ordered(exchange: MemoryExchange, asked: Mapping[str, Any], arrived_ns: int) -> bytes:
    request = OrderRequest(
        client_order_id=ClientOrderId(asked["client_id"]),
        instrument=InstrumentId(asked["instrument"]),
        side=Side(asked["side"]),
        quantity=Decimal(asked["quantity"]),
        price=Decimal(asked["price"]),
        reduce_only=asked["reduce_only"],
    )
    assert exchange.trading is not None
    order = await exchange.trading.send_order(PreparedOrder(request=request, payload=None))
    price = None if order.average_price is None else str(order.average_price)
    answer = {"id": order.exchange_order_id, "status": order.status, "filled": str(order.filled_quantity)}
    return json.dumps({**answer, "price": price, "arrived_ns": arrived_ns}).encode()


async def serve_legs(*, politely: bool) -> None:
    """Serve both venues until the standard input closes; their ports are printed as JSON.

    Args:
        politely: Never take the processor from who has just sent something.
    """
    if politely:
        yield_to_others()
    left, right = (Leg(name).answer for name in LEGS)
    async with serving(left) as left_port, serving(right) as right_port:
        print(json.dumps([left_port, right_port]), flush=True)
        await asyncio.to_thread(sys.stdin.read)


@asynccontextmanager
async def venues(*command: str) -> AsyncIterator[list[int]]:
    """Run the process that does :func:`serve_legs` and return its ports."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield json.loads(await process.stdout.readline())
    finally:
        process.stdin.close()
        await process.wait()


def order_body(**fields: object) -> bytes:
    """Return the JSON of an order, about 300 bytes with what stands for its signature."""
    return json.dumps({"fill": True, **fields, "signature": "5" * 128}, default=str).encode()


def spin(duration_ns: int) -> None:
    """Compute for a time, as a signer does."""
    end_ns = time.perf_counter_ns() + duration_ns
    while time.perf_counter_ns() < end_ns:
        pass


class Done(NamedTuple):
    """What a process had done at a moment."""

    calls: int
    transactions: int


class Sent(NamedTuple):
    """When an order arrived and when its answer was read, by the monotonic clock, and what was done by then."""

    arrived_ns: int
    parsed_ns: int
    done_before: Done
    done_after: Done


class SigningTrading(Remote):
    """Signs for a given time, posts JSON and reads the answer.

    Attributes:
        sign_ns: What a signature costs.
        sent: Every order that was answered.
        done: Tells what the process has done so far.
    """

    def __init__(self, http: HttpTransport, url: str) -> None:
        super().__init__(http, url)
        self.sign_ns = 0
        self.sent: list[Sent] = []
        self.done: Callable[[], Done] = lambda: Done(0, 0)

    async def prepare_order(self, request: OrderRequest) -> PreparedOrder:
        """Sign."""
        body = order_body(
            client_id=request.client_order_id,
            instrument=request.instrument,
            side=request.side,
            quantity=request.quantity,
            price=request.price,
            reduce_only=request.reduce_only,
        )
        spin(self.sign_ns)
        return PreparedOrder(request=request, payload=body)

    async def send_order(self, prepared: PreparedOrder) -> Order:
        """Post."""
        before = self.done()
        body = cast("bytes", prepared.payload)
        answer = await self.http.send(HttpRequest(method="POST", url=f"{self.url}/order", body=body))
        told = json.loads(answer.body)
        price = None if told["price"] is None else Decimal(told["price"])
        order = Order(
            request=prepared.request,
            status=OrderStatus(told["status"]),
            exchange_order_id=ExchangeOrderId(told["id"]),
            filled_quantity=Decimal(told["filled"]),
            average_price=price,
        )
        self.sent.append(Sent(told["arrived_ns"], time.monotonic_ns(), before, self.done()))
        return order


class RawLine:
    """A raw keep-alive stream to one of the servers."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> RawLine:
        """Connect."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    @staticmethod
    def request(body: bytes) -> bytes:
        """Return the bytes of a request."""
        return b"POST /quick HTTP/1.1\r\nHost: venue\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)

    def write(self, request: bytes) -> None:
        """Send it now."""
        self._writer.write(request)

    async def answer(self) -> Any:
        """Read one answer."""
        head = await self._reader.readuntil(b"\r\n\r\n")
        return json.loads(await self._reader.readexactly(int(head.rpartition(b":")[2])))

    async def close(self) -> None:
        """Hang up."""
        self._writer.close()
        await self._writer.wait_closed()
