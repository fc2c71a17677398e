"""What the toolkit of exchange plugins costs over the libraries it stands on.

    python benchmarks/net.py

A server in a process of its own answers 490 bytes of JSON over a kept connection, and sends messages of the same
length in bursts over a WebSocket. Each round asks both ways, one after the other, so that both see the same machine.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import statistics
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from multiprocessing.connection import Connection
from typing import Final

import aiohttp
from aiohttp import web
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from arb.model import SECOND_NS
from arb.net import Connected, RateBudget, RateLimit, Rest, RestCall, Stream, StreamRules, open_transports
from arb.runtime import WallClock
from arb.testing import FakeContext

LEVELS: Final = [[f"{60_000 + number}.5", f"0.{number:03d}"] for number in range(21)]
BODY: Final = json.dumps({"symbol": "BTC", "time": 1_767_225_600_000, "levels": LEVELS}).encode()
ROUNDS, REQUESTS, BURST = 15, 200, 2_000


async def answer(request: web.Request) -> web.Response:
    """Answer the body."""
    return web.Response(body=BODY, content_type="application/json")


async def burst(connection: ServerConnection) -> None:
    """Send a burst for every message that comes."""
    async for _ in connection:
        for _ in range(BURST):
            await connection.send(BODY)


async def venue(told: Connection) -> None:
    """Serve both until killed."""
    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    async with serve(burst, "127.0.0.1", 0, compression=None) as server:
        sockets = next(iter(server.sockets))
        told.send((runner.addresses[0][1], sockets.getsockname()[1]))
        await asyncio.Event().wait()


def serve_venue(told: Connection) -> None:
    """Run the venue; the target of its process."""
    asyncio.run(venue(told))


async def timed(work: Callable[[], Awaitable[None]], count: int) -> float:
    """Return microseconds for each of `count` things that the work does."""
    began = time.perf_counter()
    await work()
    return (time.perf_counter() - began) / count * 1e6


def show(name: str, ours: list[float], bare: list[float]) -> None:
    """Print the medians, and ours over the bare one of the same round."""
    ratio = statistics.median(one / other for one, other in zip(ours, bare, strict=True))
    print(f"  {name:<12} {statistics.median(ours):8.1f} us, bare {statistics.median(bare):8.1f} us   {ratio:.2f} x")


async def bench_rest(port: int) -> None:
    """Ask and decode, one after another."""
    limits = [RateLimit(weight=1_200, per_ns=SECOND_NS // 1_000)]
    call = RestCall(method="GET", target="/")
    async with open_transports() as (http, _), aiohttp.ClientSession() as session:
        context = FakeContext(clock=WallClock(), http=http)
        rest = Rest(context, f"http://127.0.0.1:{port}", RateBudget(context.clock, limits))

        async def ours() -> None:
            for _ in range(REQUESTS):
                await rest.call(call)

        async def bare() -> None:
            for _ in range(REQUESTS):
                async with session.get(f"http://127.0.0.1:{port}/") as response:
                    json.loads(await response.read())

        found: dict[str, list[float]] = {"ours": [], "bare": []}
        for number in range(ROUNDS + 1):
            for name, work in (("bare", bare), ("ours", ours)):
                took = await timed(work, REQUESTS)
                if number:
                    found[name].append(took)
    show("a request", found["ours"], found["bare"])


async def bench_stream(port: int) -> None:
    """Take bursts."""
    url = f"ws://127.0.0.1:{port}"
    async with open_transports() as (_, websocket), connect(url, compression=None) as socket:
        stream = Stream(
            FakeContext(clock=WallClock(), websocket=websocket), url, StreamRules(silence_ns=60 * SECOND_NS)
        )
        async with aclosing(stream.messages()) as messages:
            assert isinstance(await anext(messages), Connected)

            async def ours() -> None:
                await stream.subscribe("burst", lambda: "go")
                for _ in range(BURST):
                    await anext(messages)

            async def bare() -> None:
                await socket.send("go")
                for _ in range(BURST):
                    await socket.recv()

            found: dict[str, list[float]] = {"ours": [], "bare": []}
            for number in range(ROUNDS + 1):
                for name, work in (("bare", bare), ("ours", ours)):
                    took = await timed(work, BURST)
                    if number:
                        found[name].append(took)
    show("a message", found["ours"], found["bare"])


async def measure(http_port: int, socket_port: int) -> None:
    """Measure both."""
    print(f"{len(BODY)} bytes, {ROUNDS} rounds of {REQUESTS} requests and {BURST} messages")
    await bench_rest(http_port)
    await bench_stream(socket_port)


def main() -> None:
    """Start the venue and measure."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve_venue, args=(theirs,), daemon=True)
    process.start()
    try:
        asyncio.run(measure(*ours.recv()))
    finally:
        process.terminate()


if __name__ == "__main__":
    main()
