from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from arb.api import ConnectFailed, HttpRequest, OutcomeUnknown
from arb.net import AiohttpTransport

SECOND_NS = 1_000_000_000

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def read_request(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Return head and body as they came over the wire."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    return head, await reader.readexactly(length)


class Server:
    """A loopback server that does exactly what the handler says, and counts."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._open: set[asyncio.StreamWriter] = set()
        self.connections = 0
        self.requests: list[tuple[bytes, bytes]] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        try:
            await self._handler(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            self._open.discard(writer)

    def hang_up(self) -> None:
        for writer in self._open:
            writer.close()


@asynccontextmanager
async def serving(
    answer: bytes | Callable[[Server, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[tuple[Server, AiohttpTransport]]:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not isinstance(answer, bytes):
            await answer(server, reader, writer)
            return
        while not reader.at_eof():
            server.requests.append(await read_request(reader))
            writer.write(answer)
            await writer.drain()

    server = Server(handler)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    http = AiohttpTransport(max_body_bytes=1_000_000)
    try:
        yield server, http
    finally:
        await http.close()
        server.hang_up()
        listening.close()
        await listening.wait_closed()


def post(url: str, body: bytes = b"{}", timeout_ns: int = 5 * SECOND_NS) -> HttpRequest:
    return HttpRequest(method="POST", url=url, body=body, timeout_ns=timeout_ns)


def get(url: str, timeout_ns: int = 5 * SECOND_NS) -> HttpRequest:
    return HttpRequest(method="GET", url=url, timeout_ns=timeout_ns)


def free_port() -> int:
    async def find() -> int:
        listening = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
        port: int = listening.sockets[0].getsockname()[1]
        listening.close()
        await listening.wait_closed()
        return port

    return asyncio.run(find())


def test_status_headers_and_body_come_back() -> None:
    async def run() -> None:
        answer = b"HTTP/1.1 429 Too Many\r\nContent-Length: 3\r\nRetry-After: 7\r\n\r\n\x00\xff!"
        async with serving(answer) as (server, http):
            response = await http.send(get(server.url + "/x"))
            assert (response.status, response.body) == (429, b"\x00\xff!")
            assert response.headers["Retry-After"] == response.headers["retry-after"] == "7"

    asyncio.run(run())


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize("body", [b"", b"{}", b'{"z": 1,  "a":\xc3\xa9}', bytes(range(256)) * 50])
def test_the_body_leaves_byte_for_byte(method: str, body: bytes) -> None:
    async def run() -> None:
        async with serving(OK) as (server, http):
            await http.send(HttpRequest(method=method, url=server.url + "/o", body=body))
            head, received = server.requests[0]
            assert received == body
            assert head.startswith(method.encode() + b" /o HTTP/1.1")

    asyncio.run(run())


@pytest.mark.parametrize("query", ["a=b%2Fc", "a=b/c&x=%20", "s=%c3%A9&q=a+b", "sig=AbC%3D%3D&t=1:2", "e=&e=&a=1"])
def test_a_signed_query_is_not_quoted_again(query: str) -> None:
    async def run() -> None:
        async with serving(OK) as (server, http):
            await http.send(get(f"{server.url}/p%2Fq?{query}"))
            assert server.requests[0][0].startswith(f"GET /p%2Fq?{query} HTTP/1.1\r\n".encode())

    asyncio.run(run())


def test_only_the_headers_given_describe_the_body() -> None:
    async def run() -> None:
        async with serving(OK) as (server, http):
            await http.send(post(server.url))
            assert b"content-type" not in server.requests[0][0].lower()
            await http.send(
                HttpRequest(
                    method="POST", url=server.url, body=b"x", headers={"Content-Type": "text/plain", "X-K": "1"}
                )
            )
            head = server.requests[1][0]
            assert b"Content-Type: text/plain\r\n" in head
            assert b"X-K: 1\r\n" in head

    asyncio.run(run())


def test_connections_are_kept_and_cookies_are_not() -> None:
    async def run() -> None:
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nSet-Cookie: a=b\r\n\r\n"
        async with serving(answer) as (server, http):
            for _ in range(5):
                await http.send(get(server.url))
            assert server.connections == 1
            assert not any(b"Cookie" in head for head, _ in server.requests)

    asyncio.run(run())


def test_a_refused_port_means_that_nothing_left() -> None:
    port = free_port()

    async def run() -> None:
        http = AiohttpTransport()
        with pytest.raises(ConnectFailed, match=r"POST 127\.0\.0\.1/order: no connection"):
            await http.send(post(f"http://127.0.0.1:{port}/order?signature=secret"))
        await http.close()

    asyncio.run(run())


def test_a_host_that_does_not_exist_means_that_nothing_left() -> None:
    async def run() -> None:
        http = AiohttpTransport()
        with pytest.raises(ConnectFailed):
            await http.send(post("http://no-such-host.invalid/order"))
        await http.close()

    asyncio.run(run())


def test_tls_that_fails_means_that_nothing_left() -> None:
    async def run() -> None:
        async def not_tls(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(10)
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        async with serving(not_tls) as (server, http):
            with pytest.raises(ConnectFailed):
                await http.send(post(server.url.replace("http:", "https:")))

    asyncio.run(run())


async def _close_at_once(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)


async def _close_after_the_body(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    server.requests.append(await read_request(reader))


async def _half_a_head(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Le")


async def _half_a_body(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{'id': 5")


async def _half_a_chunk(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n50\r\nhel")


async def _not_http(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(b"\x15\x03\x01 what is this\r\n\r\n")


async def _silence(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def _slow_body(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    await reader.read()


@pytest.mark.parametrize(
    ("behaviour", "within_s"),  # long enough to connect on a busy machine; only what hangs uses it up
    [
        (_close_at_once, 30),
        (_close_after_the_body, 30),
        (_half_a_head, 30),
        (_half_a_body, 30),
        (_half_a_chunk, 30),
        (_not_http, 30),
        (_silence, 1),
        (_slow_body, 1),
    ],
)
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_once_connected_a_lost_answer_is_an_unknown_outcome(behaviour: Handler, within_s: int, method: str) -> None:
    async def run() -> None:
        async with serving(behaviour) as (server, http):  # type: ignore[arg-type]
            timeout_ns = within_s * SECOND_NS
            request = HttpRequest(method=method, url=server.url + "/order", body=b"x" * 10, timeout_ns=timeout_ns)
            with pytest.raises(OutcomeUnknown, match=f"{method} 127.0.0.1/order"):
                await http.send(request)

    asyncio.run(run())


def test_a_request_still_waiting_for_a_free_connection_has_not_left() -> None:
    async def run() -> None:
        async with serving(_silence) as (server, http):
            busy = [asyncio.create_task(http.send(post(server.url))) for _ in range(100)]
            while server.connections < 100:
                await asyncio.wait(busy, timeout=0.01)
            with pytest.raises(ConnectFailed, match=r"not within 0\.2 s"):
                await http.send(post(server.url, timeout_ns=SECOND_NS // 5))
            assert server.connections == 100
            for task in busy:
                task.cancel()
            await asyncio.gather(*busy, return_exceptions=True)

    asyncio.run(run())


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_write_on_a_dead_kept_connection_is_not_sent_twice(method: str) -> None:
    async def run() -> None:
        async def answer_once_then_drop(
            server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            server.requests.append(await read_request(reader))
            writer.write(OK)
            server.requests.append(await read_request(reader))  # read whole, as if executed; no answer

        async with serving(answer_once_then_drop) as (server, http):
            request = HttpRequest(method=method, url=server.url, body=b"order")
            await http.send(request)
            with pytest.raises(OutcomeUnknown):
                await http.send(request)
            assert len(server.requests) == 2

    asyncio.run(run())


def test_a_redirect_is_an_answer() -> None:
    async def run() -> None:
        answer = b"HTTP/1.1 307 Moved\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"
        async with serving(answer) as (server, http):
            response = await http.send(post(server.url))
            assert (response.status, response.headers["Location"]) == (307, "/elsewhere")
            assert len(server.requests) == 1

    asyncio.run(run())


def test_a_huge_answer_is_refused_before_it_is_held() -> None:
    async def run() -> None:
        async def endless(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await read_request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n")
            while True:
                writer.write(b"x" * 65_536)
                await writer.drain()

        async with serving(endless) as (server, http):
            with pytest.raises(OutcomeUnknown, match="longer than 1000000 bytes"):
                await http.send(get(server.url))

    asyncio.run(run())


def test_a_small_answer_that_inflates_to_a_huge_one_is_refused() -> None:
    packed = zlib.compress(bytes(50_000_000), 9)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\nContent-Length: {len(packed)}\r\n\r\n".encode()

    async def run() -> None:
        async with serving(head + packed) as (server, http):
            with pytest.raises(OutcomeUnknown, match="longer than"):
                await http.send(get(server.url))

    asyncio.run(run())


def test_the_largest_answer_allowed_comes_back_whole() -> None:
    async def run() -> None:
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"y" * 1_000_000
        async with serving(answer) as (server, http):
            assert len((await http.send(get(server.url))).body) == 1_000_000

    asyncio.run(run())


@pytest.mark.parametrize(
    "request_",
    [
        get("ftp://venue/x"),
        get("not a url"),
        get("http://"),
        get("http://127.0.0.1:99999/"),
        get("http://127.0.0.1:1/a b"),
        get("http://[::1"),
        HttpRequest(method="GE T", url="http://127.0.0.1:1/"),
        HttpRequest(method="GET", url="http://127.0.0.1:1/", headers={"A": "1\r\nHost: evil"}),
        HttpRequest(method="GET", url="http://127.0.0.1:1/", timeout_ns=0),
    ],
)
def test_what_cannot_be_sent_is_certainly_not_sent(request_: HttpRequest) -> None:
    async def run() -> None:
        http = AiohttpTransport()
        with pytest.raises(ConnectFailed, match="not sent"):
            await http.send(request_)
        await http.close()

    asyncio.run(run())


def test_errors_do_not_show_what_may_be_a_key() -> None:
    port = free_port()
    token = "bot123456:AAhush-Z_9xyz"

    async def run() -> None:
        http = AiohttpTransport()
        for url in (
            f"http://127.0.0.1:{port}/o?key=hush",
            "ftp://x/o?key=hush",
            f"http://127.0.0.1:{port}/{token}/send",
            f"ftp://x/{token}/send",
            f"http://hush:hush@127.0.0.1:{port}/o",
            f"http://127.0.0.1:{port}/{token}\x00",
        ):
            with pytest.raises(ConnectFailed) as caught:
                await http.send(get(url))
            error: BaseException | None = caught.value
            while error is not None:
                assert "hush" not in str(error)
                error = error.__cause__
        await http.close()

    asyncio.run(run())


def test_errors_show_paths_that_are_no_keys() -> None:
    port = free_port()
    path = "/fapi/v1/order/hp0z78mjsz23zj-1-0/1000shibusdt@depth20@100ms/a-long-name-without-any-digit"

    async def run() -> None:
        http = AiohttpTransport()
        with pytest.raises(ConnectFailed) as caught:
            await http.send(get(f"http://127.0.0.1:{port}{path}"))
        assert f"GET 127.0.0.1{path}: " in str(caught.value)
        await http.close()

    asyncio.run(run())


def test_cancelling_one_request_leaves_the_others_alone() -> None:
    async def run() -> None:
        release = asyncio.Event()

        async def wait_if_asked(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            server.requests.append(await read_request(reader))
            await release.wait()
            writer.write(OK)

        async with serving(wait_if_asked) as (server, http):
            sending = [asyncio.create_task(http.send(post(server.url))) for _ in range(3)]
            while len(server.requests) < 3:
                await asyncio.wait(sending, timeout=0.01)
            sending[1].cancel()
            release.set()
            results = await asyncio.gather(*sending, return_exceptions=True)
            assert isinstance(results[1], asyncio.CancelledError)
            assert [getattr(results[n], "body", None) for n in (0, 2)] == [b"ok", b"ok"]

    asyncio.run(run())


def test_a_closed_transport_sends_nothing() -> None:
    async def run() -> None:
        async with serving(OK) as (server, http):
            await http.send(get(server.url))
            await http.close()
            with pytest.raises(ConnectFailed, match="closed"):
                await http.send(get(server.url))

    asyncio.run(run())
