"""What the kit puts between a plugin and its fake venue fails as a real line does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from pydantic import SecretStr

from arb.api import ConnectFailed, HttpRequest, HttpResponse, OutcomeUnknown, Settings, WebSocket
from arb.model import SECOND_NS
from arb.simulation import VenueSocket, VirtualClock, run_virtual, served_socket
from arb.testing._kit_ground import Script, SkewedClock, secrets_of, with_wrong_secrets, without_secrets
from arb.testing._kit_wire import Cut, Wire
from arb.testing._kit_wire_socket import WireSocket

REQUEST = HttpRequest(method="GET", url="http://fake.test/x", timeout_ns=5 * SECOND_NS)
GOOD = HttpResponse(status=200, headers={}, body=b"good")
BAD = HttpResponse(status=502, headers={}, body=b"bad")


class Venue:
    """Answers, or raises what it is told to; says five numbers on every socket."""

    def __init__(self, error: Exception | None = None, *, status: int = 200, body: bytes = b"good") -> None:
        self.error = error
        self.answer = HttpResponse(status=status, headers={}, body=body)
        self.asked = 0

    async def send(self, request: HttpRequest) -> HttpResponse:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return self.answer

    @asynccontextmanager
    async def connect(self, url: str, *, headers: Mapping[str, str] = {}) -> AsyncIterator[WebSocket]:
        async def serve(socket: VenueSocket) -> None:
            for number in range(5):
                socket.push(str(number))
            async for message in socket.received():
                socket.push(message)

        async with served_socket(serve) as socket:
            yield socket


def wired(venue: Venue) -> Wire:
    wire = Wire()
    wire.venue, wire.clock = venue, VirtualClock.of_running_loop()
    return wire


def test_an_answer_that_takes_longer_than_the_timeout_is_no_answer() -> None:
    async def main() -> None:
        venue = Venue()
        wire = wired(venue)
        wire.delay_ns = 6 * SECOND_NS
        with pytest.raises(OutcomeUnknown):
            await wire.send(REQUEST)
        clock = VirtualClock.of_running_loop()
        assert (clock.now_ns(), venue.asked) == (5 * SECOND_NS, 0)
        await clock.sleep_until(7 * SECOND_NS)
        assert venue.asked == 1, "the request was on its way"
        await wire.close()

    run_virtual(main(), start_ns=0)


@pytest.mark.parametrize(
    ("cut", "error"), [(Cut(None), OutcomeUnknown), (Cut(ConnectFailed("no")), ConnectFailed), (Cut(BAD), None)]
)
def test_a_request_can_be_cut_off_behind_the_venue(cut: Cut, error: type[Exception] | None) -> None:
    async def main() -> None:
        wire = wired(Venue(cut))
        if error is None:
            assert await wire.send(REQUEST) == BAD
        else:
            with pytest.raises(error):
                await wire.send(REQUEST)

    run_virtual(main(), start_ns=0)


def test_answers_can_be_replaced_and_connections_refused() -> None:
    async def main() -> None:
        wire = wired(Venue())
        wire.fail_after(2, BAD)
        assert [(await wire.send(REQUEST)).status for _ in range(4)] == [200, 200, 502, 502]
        wire.is_refusing = True
        with pytest.raises(ConnectFailed):
            await wire.send(REQUEST)
        with pytest.raises(ConnectFailed):
            async with wire.connect("ws://fake.test"):
                pass
        assert (wire.refused, len(wire.log)) == (2, 4)
        assert wire.busiest(SECOND_NS) == 4

    run_virtual(main(), start_ns=0)


async def heard(socket: WireSocket, count: int) -> list[str | bytes]:
    found = []
    async for message in socket.messages():
        found.append(message)
        if len(found) == count:
            return found
    return found


def test_messages_can_be_lost_and_garbled() -> None:
    async def main() -> None:
        wire = wired(Venue())
        async with wire.connect("ws://fake.test") as socket:
            assert isinstance(socket, WireSocket)
            assert await heard(socket, 5) == ["0", "1", "2", "3", "4"]
            wire.lose(1)
            for text in ("a", "b"):
                await socket.send(text)
            assert await heard(socket, 1) == ["b"]
            wire.garble("?")
            for text in ("c", "d"):
                await socket.send(text)
            assert await heard(socket, 2) == ["?", "d"]
            socket.is_deaf = True
            await socket.send("e")
            socket.drop()
            assert await heard(socket, 1) == []
            with pytest.raises(ConnectFailed):
                await socket.send("f")
            assert socket.sent == ["a", "b", "c", "d", "e"]
        assert wire.open_sockets == []

    run_virtual(main(), start_ns=0)


def test_what_the_venue_says_can_be_changed() -> None:
    async def main() -> None:
        wire = wired(Venue(body=b'{"rows": [1]}'))
        wire.change_json("/x", lambda found: {**found, "a": 1})
        wire.change_json("/x", lambda found: {**found, "b": found["a"] + 1})
        wire.change_json("/y", lambda found: None)
        assert json.loads((await wire.send(replace(REQUEST, url="http://fake.test/x?z=1/y"))).body) == {
            "rows": [1],
            "a": 1,
            "b": 2,
        }
        wire.change = None
        assert (await wire.send(REQUEST)).body == b'{"rows": [1]}'
        bad = wired(Venue(status=502))
        bad.change_json("/x", lambda found: None)
        assert (await bad.send(REQUEST)).body == b"good", "what is no good answer is as it is"
        async with wire.connect("ws://fake.test") as socket:
            assert isinstance(socket, WireSocket)
            wire.tamper = lambda message: [f"{message!s}!", message] if message == "4" else []
            assert await heard(socket, 2) == ["4!", "4"]

    run_virtual(main(), start_ns=0)


def test_a_mistake_in_tampering_is_told() -> None:
    async def main() -> None:
        wire = wired(Venue())
        wire.tamper = lambda message: [json.loads(message)["no such key"]]
        with pytest.raises(TypeError):
            async with wire.connect("ws://fake.test") as socket:
                assert [message async for message in socket.messages()] == []

    run_virtual(main(), start_ns=0)


def test_what_passed_is_known() -> None:
    async def main() -> None:
        wire = wired(Venue())
        other = replace(REQUEST, method="POST", url="http://fake.test/x/y")
        for request in (REQUEST, other, replace(REQUEST, url="http://fake.test/x?a=/y")):
            await wire.send(request)
        assert [each.method for each in wire.requests] == ["GET", "POST", "GET"]
        assert wire.sent("GET", "/x") == [wire.requests[0], wire.requests[2]]
        assert wire.sent("POST", "/y") == [other]
        async with wire.connect("ws://fake.test/s", headers={"Cookie": "c"}):
            (socket,) = wire.sockets
            assert (socket.url, socket.headers) == ("ws://fake.test/s", {"Cookie": "c"})

    run_virtual(main(), start_ns=0)


def test_sockets_alone_can_be_lost() -> None:
    async def main() -> None:
        wire = wired(Venue())
        async with wire.connect("ws://fake.test"):
            wire.lose_sockets()
            assert wire.open_sockets == []
        with pytest.raises(ConnectFailed):
            async with wire.connect("ws://fake.test"):
                pass
        assert await wire.send(REQUEST) == GOOD
        wire.has_sockets = True
        async with wire.connect("ws://fake.test"):
            assert len(wire.open_sockets) == 1

    run_virtual(main(), start_ns=0)


def test_a_script_acts_once_and_in_order() -> None:
    async def main() -> None:
        script = Script()
        script.plan("send_order", before=ConnectFailed("first"))
        script.plan("send_order", after=OutcomeUnknown("second"))
        with pytest.raises(ConnectFailed):
            await script.before("send_order", None)
        await script.before("send_order", None)
        with pytest.raises(OutcomeUnknown):
            await script.after("send_order", None)
        assert script.is_used_up
        assert script.reached == ["send_order", "send_order"]

    run_virtual(main(), start_ns=0)


def test_a_skewed_clock_waits_as_long_as_a_right_one() -> None:
    async def main() -> None:
        clock = VirtualClock.of_running_loop()
        wrong = SkewedClock(clock, 30 * SECOND_NS)
        await wrong.sleep_until(wrong.now_ns() + SECOND_NS)
        assert (clock.now_ns(), wrong.now_ns()) == (SECOND_NS, 31 * SECOND_NS)

    run_virtual(main(), start_ns=0)


class Keyed(Settings):
    url: str = "http://fake.test"
    key: SecretStr | None = None


class Locked(Settings):
    key: SecretStr


def test_secrets_are_found_changed_and_left_out() -> None:
    for secret in ("00ff00ff", "abc", "ABC+/=", "a1==="):
        settings = Keyed(key=SecretStr(secret))
        (wrong,) = secrets_of(with_wrong_secrets(settings))
        assert secrets_of(settings) == [secret]
        assert len(wrong) == len(secret)
        assert sum(mine != theirs for mine, theirs in zip(wrong, secret, strict=True)) == 1
        assert without_secrets(settings) == Keyed()
    assert without_secrets(Locked(key=SecretStr("abc"))) is None
