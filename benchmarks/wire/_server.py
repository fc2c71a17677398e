"""A raw HTTP server that tells when each request arrived."""

from __future__ import annotations

import asyncio
import os
import pickle
import socket
import struct
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from arb.api import ExchangeError
from arb.testing import MemoryExchange

Answer = Callable[[str, bytes, int], Awaitable[bytes]]
"""Answers a request: its path, its body, and when the last of it arrived by the monotonic clock."""

_Socket = socket.socket  # noqa: TID251 - the type: a server is what the transports talk to

_SO_TIMESTAMPNS = 35
"""Linux, asm-generic/socket.h; the module `socket` does not name it."""


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[int]:
    """Serve on loopback and return the port."""
    connections: list[_Connection] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        accepting = asyncio.ensure_future(_accept(listening, answer, connections))
        try:
            port: int = listening.getsockname()[1]
            yield port
        finally:
            accepting.cancel()
            for connection in connections:
                connection.close()


async def _accept(listening: _Socket, answer: Answer, connections: list[_Connection]) -> None:
    loop = asyncio.get_running_loop()
    while True:
        accepted, _ = await loop.sock_accept(listening)
        connections.append(_Connection(accepted, answer))


class _Connection:
    """One keep-alive connection.

    Linux stamps what comes in, however late this process looks; elsewhere it is stamped when it is read.
    """

    def __init__(self, accepted: _Socket, answer: Answer) -> None:
        self._socket = accepted
        self._answer = answer
        self._held = b""
        self._task: asyncio.Future[None] | None = None
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if sys.platform == "linux":
            accepted.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        asyncio.get_running_loop().add_reader(accepted.fileno(), self._read)

    def close(self) -> None:
        """Hang up."""
        if self._socket.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()

    def _read(self) -> None:
        try:
            data, notes, _, _ = self._socket.recvmsg(1 << 20, 64)
        except ConnectionResetError:  # the other process was killed
            data = b""
        if not data:
            self.close()
            return
        arrived_ns = _stamped(notes)
        self._held += data
        head, end, body = self._held.partition(b"\r\n\r\n")
        if end and len(body) >= int(head.lower().partition(b"content-length:")[2].split()[0]):
            self._held = b""
            self._task = asyncio.ensure_future(self._reply(head.split()[1].decode(), body, arrived_ns))

    async def _reply(self, path: str, body: bytes, arrived_ns: int) -> None:
        answer = await self._answer(path, body, arrived_ns)
        whole = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(answer), answer)
        if self._socket.fileno() >= 0:
            await asyncio.get_running_loop().sock_sendall(self._socket, whole)


def yield_to_others() -> None:
    """Let this process, when it is woken, not take the processor from the one that is measured."""
    if sys.platform == "linux":
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def _stamped(notes: list[tuple[int, int, bytes]]) -> int:
    for level, kind, data in notes:
        if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS):
            seconds, nanoseconds = struct.unpack("@qq", data[:16])
            return int(seconds) * 10**9 + int(nanoseconds) + _monotonic_offset_ns()
    return time.monotonic_ns()


def _monotonic_offset_ns() -> int:
    """Return the monotonic clock less the real one, read within two microseconds where the machine lets us."""
    found = []
    for _ in range(10):
        before = time.monotonic_ns()
        real = time.clock_gettime_ns(time.CLOCK_REALTIME)
        after = time.monotonic_ns()
        found.append((after - before, (before + after) // 2 - real))
        if after - before < 2_000:
            break
    return min(found)[1]


async def called(exchange: MemoryExchange, body: bytes) -> bytes:
    """Run the method of an exchange that a pickled call names; return its pickled answer or error."""
    name, arguments = pickle.loads(body)
    owner = exchange.market if hasattr(exchange.market, name) else exchange.trading
    try:
        return pickle.dumps(await getattr(owner, name)(*arguments))
    except ExchangeError as error:
        return pickle.dumps(error)
