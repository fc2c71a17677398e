"""Traffic over real connections, recorded, and the same client over what was recorded."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from aiohttp import WSMsgType, web

from arb.api import (
    Clock,
    ConnectFailed,
    ExchangeError,
    HttpRequest,
    HttpResponse,
    HttpTransport,
    OutcomeUnknown,
    WebSocketTransport,
)
from arb.net import (
    NotRecorded,
    RateBudget,
    RateLimit,
    Rest,
    RestCall,
    open_transports,
    recorded,
    recorded_from,
    replayed,
)
from arb.runtime import WallClock
from arb.simulation import VirtualClock, run_virtual
from arb.testing import FakeClock, FakeContext, FakeHttp, FakeWebSockets

LOG = logging.getLogger("arb.test.recorder")
SECRET = "a passphrase, of ours"


class Venue:
    """A server that answers, refuses, breaks off, and pushes messages over a socket."""

    def __init__(self) -> None:
        self.asked = 0

    async def book(self, request: web.Request) -> web.Response:
        self.asked += 1
        text = f'{{"symbol":"{request.query["symbol"]}","price":60000.10,"n":{self.asked}}}'
        return web.Response(body=text.encode(), headers={"X-RateLimit-Remaining": "5", "X-Session": "abc"})

    async def order(self, request: web.Request) -> web.StreamResponse:
        order = json.loads(await request.read())
        if order["size"] == "9":
            assert request.transport is not None
            request.transport.abort()
        if order["size"] == "2":
            return web.Response(status=400, text='{"code":7,"msg":"too big"}', headers={"Retry-After": "3"})
        return web.Response(body=b"\xff\x00" + order["clientId"].encode())

    async def socket(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await socket.send_str(json.dumps({"echo": json.loads(message.data)["op"], "listenKey": "abc"}))
                await socket.send_bytes(b"\x00\xfe")
                await socket.send_bytes(b"text")
                await socket.close()
        return socket


@asynccontextmanager
async def serving() -> AsyncIterator[str]:
    venue = Venue()
    app = web.Application()
    app.router.add_get("/book", venue.book)
    app.router.add_post("/order", venue.order)
    app.router.add_get("/ws/{key}", venue.socket)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@dataclass
class Client:
    """Code as a plugin has it; `seen` is what it made of the traffic."""

    host: str
    http: HttpTransport
    websocket: WebSocketTransport
    nonce: int
    seen: list[Any] = field(default_factory=list)

    async def run(self, clock: Clock) -> None:
        context = FakeContext(clock=clock, http=self.http)
        budget = RateBudget(clock, [RateLimit(weight=1_000, per_ns=1_000_000_000)])
        rest = Rest(context, f"http://{self.host}", budget)
        for symbol in ("BTC", "ETH", "BTC"):
            target = f"/book?symbol={symbol}&timestamp={self.nonce}&signature={self.nonce:064x}"
            self.seen.append(await rest.call(RestCall(method="GET", target=target)))
        for size in ("1", "2", "9"):
            await self._order(size)
        await self._socket()

    async def _order(self, size: str) -> None:
        body = json.dumps({"size": size, "clientId": f"c{self.nonce}", "passphrase": SECRET, "nonce": self.nonce})
        request = HttpRequest(
            method="POST", url=f"http://{self.host}/order", body=body.encode(), headers={"X-Key": SECRET}
        )
        try:
            answer = await self.http.send(request)
        except ExchangeError as error:
            self.seen.append((type(error), error.code))
        else:
            ours = answer.body.removesuffix(f"c{self.nonce}".encode())
            self.seen.append((answer.status, answer.headers.get("retry-AFTER"), ours[:2]))

    async def _socket(self) -> None:
        async with self.websocket.connect(
            f"ws://{self.host}/ws/{self.nonce:064x}", headers={"X-Key": SECRET}
        ) as socket:
            await socket.send(json.dumps({"op": "go", "passphrase": SECRET}))
            async for message in socket.messages():
                self.seen.append(json.loads(message)["echo"] if isinstance(message, str) else message)
            with pytest.raises(ConnectFailed):
                await socket.send("{}")
        with pytest.raises(ConnectFailed):
            async with self.websocket.connect("ws://127.0.0.1:1/none"):
                pass


async def record(folder: Path) -> list[Any]:
    clock = WallClock()
    async with serving() as host, open_transports() as (http, websocket):
        with recorded(folder, "north", clock, LOG, secrets=[SECRET]) as recorder:
            client = Client(host, recorder.http(http), recorder.websocket(websocket), nonce=1_767_225_600_000)
            await client.run(clock)
    return client.seen


def only(folder: Path) -> Path:
    (file,) = folder.iterdir()
    return file


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]


def test_a_client_sees_the_same_in_a_recording_as_over_the_network(tmp_path: Path) -> None:
    seen = asyncio.run(record(tmp_path / "traffic"))
    assert seen == [
        {"symbol": "BTC", "price": Decimal("60000.10"), "n": 1},
        {"symbol": "ETH", "price": Decimal("60000.10"), "n": 2},
        {"symbol": "BTC", "price": Decimal("60000.10"), "n": 3},
        (200, None, b"\xff\x00"),
        (400, "3", b'{"'),
        (OutcomeUnknown, "no_answer"),
        "go",
        b"\x00\xfe",
        b"text",
    ]
    file = only(tmp_path / "traffic")

    async def again() -> list[Any]:
        clock = VirtualClock.of_running_loop()
        replay = replayed(file, clock, secrets=["another passphrase"])
        client = Client("venue.test", replay, replay, nonce=1_900_000_000_000)
        await client.run(clock)
        return client.seen

    assert run_virtual(again(), start_ns=recorded_from(file)) == seen


def test_a_recording_holds_what_passed_and_no_secret(tmp_path: Path) -> None:
    asyncio.run(record(tmp_path / "traffic"))
    file = only(tmp_path / "traffic")
    text = gzip.decompress(file.read_bytes()).decode()

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert file.name.startswith("north-20")
    assert not [part for part in (SECRET, f"{1_767_225_600_000:064x}", '"abc"') if part in text]
    first, *rest = lines(file)
    assert (first["kind"], first["version"], first["exchange"]) == ("recording", 1, "north")
    kinds = [line["kind"] for line in rest]
    assert kinds == [
        *["request", "answer"] * 5,
        *["request", "failure"],
        *["connect", "opened", "sent", "received", "received", "received", "ended", "sent", "failure", "closed"],
        *["connect", "failure"],
    ]
    assert [line["time_ns"] for line in rest] == sorted(line["time_ns"] for line in rest)
    request, answer = rest[:2]
    assert request["id"] == answer["id"]
    assert request["method"] == "GET"
    assert request["url"].endswith("/book?symbol=BTC&timestamp=1767225600000&signature=***")
    assert answer["body"] == '{"symbol":"BTC","price":60000.10,"n":1}'
    assert answer["headers"]["X-RateLimit-Remaining"] == "5"
    assert answer["headers"]["X-Session"] == "***"
    assert rest[7]["base64"]
    assert (rest[11]["error"], rest[11]["code"]) == ("OutcomeUnknown", "no_answer")
    assert json.loads(rest[15]["body"]) == {"echo": "go", "listenKey": "***"}
    assert rest[17] == rest[17] | {"binary": True, "body": "text"}


def fake(folder: Path, clock: FakeClock, answer: Any) -> list[HttpResponse | ExchangeError]:
    """Record three requests of one kind, each answered or failed as `answer` says."""
    found: list[HttpResponse | ExchangeError] = []

    async def run() -> None:
        with recorded(folder, "north", clock, LOG) as recorder:
            http = recorder.http(FakeHttp(answer))
            for number in range(3):
                try:
                    found.append(await http.send(HttpRequest(method="GET", url=f"http://v.test/{number % 2}")))
                except ExchangeError as error:
                    found.append(error)

    asyncio.run(run())
    return found


def test_what_was_not_recorded_is_said_with_what_was(tmp_path: Path) -> None:
    fake(tmp_path, FakeClock(), lambda request: HttpResponse(status=200, headers={}, body=request.url.encode()))

    async def run() -> None:
        replay = replayed(only(tmp_path), FakeClock())
        for number in (1, 0, 0):
            answer = await replay.send(HttpRequest(method="GET", url=f"http://other.test/{number}"))
            assert answer.body == f"http://v.test/{number}".encode()
        with pytest.raises(NotRecorded, match="GET /0: was recorded 2 times, and is asked for once more"):
            await replay.send(HttpRequest(method="GET", url="http://v.test/0"))
        with pytest.raises(
            NotRecorded, match=r"GET /2\?a=1: was not recorded; the recording holds 2 x GET /0; 1 x GET /1"
        ):
            await replay.send(HttpRequest(method="GET", url="http://v.test/2?a=1"))
        with pytest.raises(NotRecorded, match="SOCKET /ws: was not recorded; the recording holds nothing of the kind"):
            async with replay.connect("ws://v.test/ws"):
                pass

    asyncio.run(run())


def test_errors_come_back_with_their_code_and_wait(tmp_path: Path) -> None:
    def refuse(request: HttpRequest) -> HttpResponse:
        raise ConnectFailed("no way", exchange="x", code="no_connection", retry_after_ns=5)

    fake(tmp_path, FakeClock(), refuse)

    async def run() -> None:
        replay = replayed(only(tmp_path), FakeClock())
        with pytest.raises(ConnectFailed, match="no way") as caught:
            await replay.send(HttpRequest(method="GET", url="http://v.test/0"))
        assert (caught.value.code, caught.value.retry_after_ns) == ("no_connection", 5)

    asyncio.run(run())


def test_a_request_that_its_caller_gave_up_is_never_answered(tmp_path: Path) -> None:
    clock = FakeClock()

    class Silent:
        async def send(self, request: HttpRequest) -> HttpResponse:
            await clock.sleep_until(clock.now_ns() + 10**15)
            raise AssertionError

    async def record_it() -> None:
        with recorded(tmp_path, "north", clock, LOG) as recorder:
            task = asyncio.create_task(recorder.http(Silent()).send(HttpRequest(method="GET", url="http://v.test/")))
            await clock.run_for(1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(record_it())

    async def run() -> int:
        virtual = VirtualClock.of_running_loop()
        replay = replayed(only(tmp_path), virtual)
        begin_ns = virtual.now_ns()
        with pytest.raises(OutcomeUnknown):
            await replay.send(HttpRequest(method="GET", url="http://v.test/", timeout_ns=7_000))
        return virtual.now_ns() - begin_ns

    assert run_virtual(run(), start_ns=0) == 7_000


def test_messages_come_as_far_apart_as_they_were(tmp_path: Path) -> None:
    clock = FakeClock()
    gaps = (0, 5_000, 0, 1_000_000_000, 250)

    async def record_it() -> None:
        sockets = FakeWebSockets()
        with recorded(tmp_path, "north", clock, LOG) as recorder:
            async with recorder.websocket(sockets).connect("wss://v.test/ws?token=abc") as socket:
                messages = aiter(socket.messages())
                for number, gap_ns in enumerate(gaps):
                    clock.advance(gap_ns)
                    sockets.opened[0][1].push(str(number))
                    await anext(messages)
                clock.advance(77)
                sockets.opened[0][1].close()
                assert [message async for message in messages] == []
                clock.advance(1_000_000)

    asyncio.run(record_it())

    async def run() -> list[tuple[str | bytes, int]]:
        virtual = VirtualClock.of_running_loop()
        replay = replayed(only(tmp_path), virtual)
        begin_ns = virtual.now_ns()
        found: list[tuple[str | bytes, int]] = []
        async with replay.connect("ws://elsewhere/ws?token=xyz") as socket:
            await socket.send("anything")
            async for message in socket.messages():
                found.append((message, virtual.now_ns() - begin_ns))
            found.append(("end", virtual.now_ns() - begin_ns))
        return found

    times = [sum(gaps[: number + 1]) for number in range(len(gaps))]
    assert run_virtual(run(), start_ns=0) == [
        *((str(number), at_ns) for number, at_ns in enumerate(times)),
        ("end", times[-1] + 77),
    ]


def test_a_recorder_that_breaks_leaves_the_traffic_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(FakeClock):
        is_broken = False

        def now_ns(self) -> int:
            if self.is_broken:
                raise RuntimeError("hunter22")
            return super().now_ns()

    clock = Broken()

    async def run() -> None:
        with recorded(tmp_path, "north", clock, LOG) as recorder:
            http = recorder.http(FakeHttp(lambda request: HttpResponse(status=200, headers={}, body=b"x")))
            clock.is_broken = True
            for _ in range(3):
                assert (await http.send(HttpRequest(method="GET", url="http://v.test/"))).body == b"x"

    asyncio.run(run())
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "RuntimeError" in caplog.text
    assert "hunter22" not in caplog.text


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"{}\n", "no recording of traffic"),
        (b"", "no recording of traffic"),
        (b'{"kind":"recording","version":2,"time_ns":1}\n', "has version 2, and this arb reads version 1"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    file = tmp_path / "x.gz"
    file.write_bytes(gzip.compress(data))

    with pytest.raises(ValueError, match=message):
        replayed(file, FakeClock())
    with pytest.raises(OSError, match="No such file"):
        recorded_from(tmp_path / "none")


def test_a_folder_that_is_there_keeps_its_mode_and_two_recordings_their_files(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir(mode=0o755)
    clock = FakeClock()
    for name in ("north", "south"):
        with recorded(folder, name, clock, LOG):
            pass
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    assert sorted(file.name for file in folder.iterdir()) == [
        "north-20260101T000000Z.jsonl.gz",
        "south-20260101T000000Z.jsonl.gz",
    ]
    with pytest.raises(FileExistsError), recorded(folder, "north", clock, LOG):
        pass
