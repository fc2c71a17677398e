"""What the toolkit of exchange plugins costs over the libraries it stands on.

    python benchmarks/net.py

A server in a process of its own answers 490 bytes of JSON over a kept connection, and sends messages of the same
length in bursts over a WebSocket. Each round asks every way, one after the other, so that all see the same machine:
bare, over the toolkit, and over the toolkit while the traffic is recorded.
"""

from __future__ import annotations

import asyncio
import json
import logging
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, aclosing, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import aiohttp
from aiohttp import web
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from arb.api import HttpTransport, WebSocketTransport
from arb.model import SECOND_NS
from arb.net import (
    Connected,
    RateBudget,
    RateLimit,
    Rest,
    RestCall,
    Stream,
    StreamRules,
    TrafficRecorder,
    open_transports,
    recorded,
)
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


def show(name: str, found: Mapping[str, list[float]]) -> None:
    """Print the medians, ours over the bare one and the recorded over ours, each within a round."""

    def ratio(one: str, other: str) -> float:
        return statistics.median(a / b for a, b in zip(found[one], found[other], strict=True))

    bare, ours, kept = (statistics.median(found[way]) for way in ("bare", "ours", "recorded"))
    print(f"  {name:<12} {ours:8.1f} us, bare {bare:8.1f} us   {ratio('ours', 'bare'):.2f} x")
    print(f"  {'recorded':<12} {kept:8.1f} us, not {ours:9.1f} us   {ratio('recorded', 'ours'):.2f} x")


async def rounds(ways: Mapping[str, Callable[[], Awaitable[None]]], count: int) -> dict[str, list[float]]:
    """Time each way in every round; the first does not count."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(ROUNDS + 1):
        for name, work in ways.items():
            took = await timed(work, count)
            if number:
                found[name].append(took)
    return found


@contextmanager
def recording() -> Iterator[TrafficRecorder]:
    """Record into a folder that goes away, with two secrets to look for."""
    with tempfile.TemporaryDirectory() as folder:
        secrets = ["0x" + "4c0883a6" * 8, "an API key of twenty marks"]
        with recorded(Path(folder), "bench", WallClock(), logging.getLogger("bench"), secrets=secrets) as recorder:
            yield recorder


async def bench_rest(port: int) -> None:
    """Ask and decode, one after another."""
    limits = [RateLimit(weight=1_200, per_ns=SECOND_NS // 1_000)]
    call = RestCall(method="GET", target="/")
    async with open_transports() as (http, _), aiohttp.ClientSession() as session:
        with recording() as recorder:

            def asking(transport: HttpTransport) -> Callable[[], Awaitable[None]]:
                context = FakeContext(clock=WallClock(), http=transport)
                rest = Rest(context, f"http://127.0.0.1:{port}", RateBudget(context.clock, limits))

                async def ask() -> None:
                    for _ in range(REQUESTS):
                        await rest.call(call)

                return ask

            async def bare() -> None:
                for _ in range(REQUESTS):
                    async with session.get(f"http://127.0.0.1:{port}/") as response:
                        json.loads(await response.read())

            ways = {"bare": bare, "ours": asking(http), "recorded": asking(recorder.http(http))}
            show("a request", await rounds(ways, REQUESTS))


async def bench_stream(port: int) -> None:
    """Take bursts."""
    url = f"ws://127.0.0.1:{port}"
    async with (
        AsyncExitStack() as stack,
        open_transports() as (_, websocket),
        connect(url, compression=None) as socket,
    ):
        recorder = stack.enter_context(recording())

        async def taking(transport: WebSocketTransport) -> Callable[[], Awaitable[None]]:
            context = FakeContext(clock=WallClock(), websocket=transport)
            stream = Stream(context, url, StreamRules(silence_ns=60 * SECOND_NS))
            messages = await stack.enter_async_context(aclosing(stream.messages()))
            assert isinstance(await anext(messages), Connected)

            async def take() -> None:
                stream.subscribe("burst", lambda: "go")
                for _ in range(BURST):
                    await anext(messages)

            return take

        async def bare() -> None:
            await socket.send("go")
            for _ in range(BURST):
                await socket.recv()

        kept = recorder.websocket(websocket)
        ways = {"bare": bare, "ours": await taking(websocket), "recorded": await taking(kept)}
        show("a message", await rounds(ways, BURST))


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
