"""How many requests a second the REST API answers, beside a bare aiohttp handler that sends the same bytes.

    python benchmarks/rest.py [--json]

Fifty connections ask `/funding-rates/compare` without a pause. Each server is a process of its own, as in a
run; the client is one process that speaks HTTP over raw streams, so that its own cost stays small. The two
are asked by turns, so that a busy moment of the machine meets both; medians of the rounds are compared. Needs
arb-extension-rest-api.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from decimal import Decimal
from statistics import median

from arb.api import Capability, ExchangeState
from arb.model import HOUR_NS, ExchangeName, Fresh, FundingKind, FundingRate, RateUnit, instrument_id
from arb.runtime import WallClock
from arb.testing import START_NS, FakeContext, FakeFundingService, sample_instrument, settle

CONNECTIONS = 50
SECONDS = 2.0
ROUNDS = 5
ASSETS = 500
TARGET = "/api/v1/funding-rates/compare?dex1=lighter&dex2=backpack&symbol=BTC"


def make_service() -> FakeFundingService:
    """Return a run of two exchanges with five hundred assets each."""
    service = FakeFundingService(now_ns=START_NS)
    for name in ("lighter", "backpack"):
        service.states.append(
            ExchangeState(
                name=ExchangeName(name),
                capabilities=frozenset({Capability.PREDICTED_FUNDING}),
                has_account=False,
                instruments=ASSETS,
                collected_ns=START_NS,
                failures=(),
                quarantine="",
            )
        )
        for number in range(ASSETS):
            one = sample_instrument(name, "BTC" if number == 0 else f"A{number}")
            service.instruments[one.id] = one
        interval_ns = HOUR_NS if name == "lighter" else 8 * HOUR_NS
        instrument = instrument_id("BTC-PERP", name)
        rate = FundingRate(
            instrument=instrument,
            raw=Decimal("0.0000125") if name == "lighter" else Decimal("-0.00031"),
            unit=RateUnit(factor=Decimal(1), period_ns=interval_ns),
            interval_ns=interval_ns,
            kind=FundingKind.PREDICTED,
            ts_event_ns=START_NS,
            ts_init_ns=START_NS,
            next_funding_ns=START_NS + interval_ns,
        )
        service.rates[instrument] = Fresh(rate, name, START_NS)
    return service


async def serve_api() -> None:
    """Serve the API and print its port."""
    from arb_extension_rest_api._extension import open_rest_api
    from arb_extension_rest_api._settings import RestApiSettings

    context = FakeContext("api", clock=WallClock())
    async with open_rest_api(RestApiSettings(port=0), context) as extension:
        running = asyncio.create_task(extension.run(make_service()))
        await settle()
        print(extension.addresses[0].removesuffix("/api/v1").rpartition(":")[2], flush=True)
        await running


async def serve_bare(body: bytes) -> None:
    """Serve the bytes with aiohttp alone and print the port."""
    from aiohttp import web

    async def handle(request: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json")

    app = web.Application()
    app.router.add_get("/api/v1/funding-rates/compare", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> bytes:
    """Send one request and return the body of its answer."""
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    assert head.startswith(b"http/1.1 200"), head
    length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
    return await reader.readexactly(length)


def request_to(port: int) -> bytes:
    """Return the request as bytes."""
    return f"GET {TARGET} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()


async def load(port: int) -> list[float]:
    """Return how long each request took, in milliseconds, with fifty connections for some seconds."""
    took: list[float] = []
    end = time.perf_counter() + SECONDS

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        request = request_to(port)
        while (start := time.perf_counter()) < end:
            await ask(reader, writer, request)
            took.append((time.perf_counter() - start) * 1e3)
        writer.close()

    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))
    return took


async def fetch(port: int) -> bytes:
    """Return the body of one answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        return await ask(reader, writer, request_to(port))
    finally:
        writer.close()


def start_server(kind: str, given: bytes = b"") -> tuple[subprocess.Popen[bytes], int]:
    """Start a server in a process of its own; return it and its port."""
    process = subprocess.Popen(
        [sys.executable, __file__, "--serve", kind], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(given)
    process.stdin.close()
    return process, int(process.stdout.readline())


def measure() -> dict[str, dict[str, float]]:
    """Return requests a second and latencies of both, and the ratios."""
    servers: list[subprocess.Popen[bytes]] = []
    try:
        api, api_port = start_server("api")
        servers.append(api)
        body = asyncio.run(fetch(api_port))
        bare, bare_port = start_server("bare", body)
        servers.append(bare)
        assert asyncio.run(fetch(bare_port)) == body
        ports = {"bare aiohttp": bare_port, "rest_api": api_port}
        rounds: dict[str, list[dict[str, float]]] = {name: [] for name in ports}
        for number in range(ROUNDS + 1):
            for name, port in ports.items():
                took = sorted(asyncio.run(load(port)))
                if number:  # the first warms both up
                    figures = {
                        "per_s": len(took) / SECONDS,
                        "p50_ms": median(took),
                        "p99_ms": took[len(took) * 99 // 100],
                    }
                    rounds[name].append(figures)
    finally:
        for server in servers:
            server.kill()
            server.wait()
            assert server.stdout is not None
            server.stdout.close()
    results = {
        name: {key: round(median(one[key] for one in found), 2) for key in found[0]} for name, found in rounds.items()
    }
    floor, ours = results["bare aiohttp"], results["rest_api"]
    results["ratio"] = {key: round(ours[key] / floor[key], 3) for key in floor}
    return results


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--serve", choices=("api", "bare"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        given = sys.stdin.buffer.read()
        asyncio.run(serve_api() if options.serve == "api" else serve_bare(given))
        return
    results = measure()
    if options.json:
        json.dump(results, sys.stdout, indent=2)
        print()
        return
    print(f"{CONNECTIONS} connections, {ROUNDS} rounds of {SECONDS:g} s, Python {sys.version.split()[0]}")
    print(f"{'':<14}{'per second':>12}{'p50 ms':>9}{'p99 ms':>9}")
    for name, figures in results.items():
        print(f"{name:<14}{figures['per_s']:>12.2f}{figures['p50_ms']:>9.2f}{figures['p99_ms']:>9.2f}")


if __name__ == "__main__":
    main()
