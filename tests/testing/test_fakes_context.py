from __future__ import annotations

import asyncio

import pytest

from arb.api import ConnectFailed, Context, HttpRequest, HttpResponse
from arb.testing import FakeContext, FakeHttp, FakeWebSocket, FakeWebSockets, MemoryState


def test_it_is_a_context_and_keeps_state_over_a_restart() -> None:
    async def main() -> None:
        state = MemoryState()
        context: Context = FakeContext("a", state=state)
        assert await context.state.get("key") is None
        await context.state.put("key", "value")
        assert await FakeContext("a", state=state).state.get("key") == "value"
        assert await context.run_blocking(lambda: 7) == 7

    asyncio.run(main())


def test_chance_follows_seed_and_name_and_ids_never_repeat() -> None:
    draws = {FakeContext(name, seed=seed).random.random() for name in "ab" for seed in (0, 1)}
    ids = FakeContext().ids

    assert len(draws) == 4
    assert FakeContext("a", seed=1).random.random() in draws
    assert len({ids.new() for _ in range(100)}) == 100


def test_there_is_no_network_unless_the_test_makes_one() -> None:
    async def main() -> None:
        context = FakeContext()
        with pytest.raises(ConnectFailed):
            await context.http.send(HttpRequest(method="GET", url="https://venue.example/time"))
        with pytest.raises(ConnectFailed):
            async with context.websocket.connect("wss://venue.example/"):
                pass

    asyncio.run(main())


def test_a_function_answers_http() -> None:
    async def main() -> None:
        http = FakeHttp(lambda request: HttpResponse(status=200, headers={}, body=request.body))
        answer = await FakeContext(http=http).http.send(HttpRequest(method="POST", url="https://x.example", body=b"1"))
        assert answer.body == b"1"
        assert [request.method for request in http.requests] == ["POST"]

    asyncio.run(main())


def test_a_socket_delivers_what_is_pushed_until_it_closes() -> None:
    async def main() -> None:
        def greet(url: str, socket: FakeWebSocket) -> None:
            socket.push(f"hello {url}")

        sockets = FakeWebSockets(greet)
        async with sockets.connect("wss://x.example") as socket:
            await socket.send("subscribe")
            socket.close()
            assert [message async for message in socket.messages()] == ["hello wss://x.example"]
            with pytest.raises(ConnectFailed):
                await socket.send("late")
        ((_, opened),) = sockets.opened
        assert opened.sent == ["subscribe"]

    asyncio.run(main())
