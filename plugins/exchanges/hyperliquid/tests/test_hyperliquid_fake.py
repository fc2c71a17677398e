"""The fake holds other clients to the venue's rules."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from arb.model import Fill, FundingPayment, Order, OrderStatus
from arb.testing import listening
from arb_exchange_hyperliquid.fake import AGENT_ADDRESS, MASTER_ADDRESS

if TYPE_CHECKING:
    from plugins.exchanges.hyperliquid.tests.conftest import Play, Stage

    from arb.api import WebSocket

DAY_MS = 86_400_000


async def price_of(stage: Stage, coin: str, times: str) -> str:
    _, mids = await stage.post("/info", {"type": "allMids"})
    return f"{(Decimal(mids[coin]) * Decimal(times)).quantize(Decimal('0.1')):f}"


def order(price: str, **changes: Any) -> dict[str, Any]:
    wire = {"a": 1, "b": True, "p": price, "s": "0.05", "r": False, "t": {"limit": {"tif": "Gtc"}}}
    return {"type": "order", "orders": [{**wire, **changes}], "grouping": "na"}


def errors(answer: Any) -> list[str]:
    return [status["error"] for status in answer["response"]["data"]["statuses"]]


def test_a_signature_of_somebody_else_names_who_it_seems_to_be(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        answer = await stage.act(order("1900.0"), secret="0x" + "31" * 32)
        assert answer["status"] == "err"
        assert answer["response"].startswith("User or API Wallet 0x")
        body = {"action": order("1900.0"), "nonce": stage.now_ms, "signature": {"r": "0x1", "s": "0x0", "v": 27}}
        assert (await stage.post("/exchange", body))[1]["response"] == "Unable to recover signer."

    play(scene)


def test_nonces_are_used_once_and_near_the_venues_time(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        now = stage.now_ms
        assert (await stage.act({"type": "noop"}, nonce=now))["status"] == "ok"
        for nonce, told in (
            (now, "duplicate nonce"),
            (now - 2 * DAY_MS - 1, "nonce too low"),
            (now + DAY_MS + 1, "nonce too high"),
        ):
            answer = await stage.act({"type": "noop"}, nonce=nonce)
            assert (answer["status"], told in answer["response"]) == ("err", True), answer
        for step in range(1, 101):
            assert (await stage.act({"type": "noop"}, nonce=now + step))["status"] == "ok"
        assert "nonce too low" in (await stage.act({"type": "noop"}, nonce=now - 1))["response"]
        assert (await stage.act({"type": "noop"}, nonce=now - 1, secret="0x" + "a5" * 31 + "01"))["status"] == "ok", (
            "each signer has its own"
        )

    play(scene)


def test_what_has_expired_is_not_done(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        price = await price_of(stage, "ETH", "1.02")
        answer = await stage.act(order(price), expires=stage.now_ms - 1)
        assert answer["status"] == "err"
        assert list(await stage.truth.trading.fetch_orders(0)) == []

    play(scene)


def test_a_vault_that_is_none_is_refused(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        vault = "0x" + "5b" * 20
        answer = await stage.act(order("1900.0"), vault=vault)
        assert answer == {"status": "err", "response": f"Vault not registered: {vault}"}

    play(scene)


def test_orders_that_break_a_rule_are_refused_one_by_one(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        price = await price_of(stage, "ETH", "0.97")
        wires = [
            order("1900.12")["orders"][0],
            order(price, s="0.05001")["orders"][0],
            order(price, s="0")["orders"][0],
            order(price, s="0.001")["orders"][0],
            order(price, r=True)["orders"][0],
            order(price, s="500")["orders"][0],
            order(await price_of(stage, "ETH", "1.02"), t={"limit": {"tif": "Alo"}})["orders"][0],
            order(price, t={"limit": {"tif": "Ioc"}})["orders"][0],
            order(await price_of(stage, "ETH", "0.15"), s="1")["orders"][0],
        ]
        answer = await stage.act({"type": "order", "orders": wires, "grouping": "na"})
        told = [text.removesuffix(" asset=1") for text in errors(answer)]
        assert told[:6] == [
            "Price must be divisible by tick size.",
            "Order has invalid size.",
            "Order has zero size.",
            "Order must have minimum value of $10.",
            "Reduce only order would increase position.",
            "Insufficient margin to place order.",
        ]
        assert told[6].startswith("Post only order would have immediately matched, bbo was ")
        assert told[7] == "Order could not immediately match against any resting orders."
        assert told[8] == "Order price cannot be more than 80% away from the reference price"

    play(scene)


def test_a_cloid_may_be_used_again_when_its_order_is_over(play: Play) -> None:
    """It is no key of idempotency: the second one fills too."""

    async def scene(stage: Stage) -> None:
        price, cloid = await price_of(stage, "ETH", "1.02"), "0x" + "77" * 16
        for step in range(2):
            wanted = order(price, c=cloid, t={"limit": {"tif": "Ioc"}})
            answer = await stage.act(wanted, nonce=stage.now_ms + step)
            assert answer["response"]["data"]["statuses"][0]["filled"]["totalSz"] == "0.05"
        _, fills = await stage.post("/info", {"type": "userFills", "user": MASTER_ADDRESS})
        assert [fill["cloid"] for fill in fills] == [cloid, cloid]
        assert len({fill["oid"] for fill in fills}) == 2
        _, found = await stage.post("/info", {"type": "orderStatus", "user": MASTER_ADDRESS, "oid": cloid})
        assert found["order"]["order"]["oid"] == fills[0]["oid"], "the newest"

    play(scene)


def test_requests_beyond_the_limit_of_an_address_are_not_answered(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        role = {"type": "userRole", "user": MASTER_ADDRESS}
        told = [(await stage.post("/info", role))[0] for _ in range(21)]
        assert told == [200] * 20 + [429]
        assert (await stage.post("/exchange", {"action": {}}))[0] == 429
        await stage.sleep(61)
        assert (await stage.post("/info", role))[0] == 200

    play(scene)


def test_an_address_that_traded_too_little_may_not_act(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        answer = await stage.act({"type": "noop"})
        assert answer["response"].startswith("Too many cumulative requests sent (10001 > 10000)")
        _, told = await stage.post("/info", {"type": "userRateLimit", "user": MASTER_ADDRESS})
        assert (told["nRequestsUsed"], told["nRequestsCap"]) == (10_001, 10_000)

    play(scene, memory={"actions": [10_000]})


def test_an_agents_address_has_nothing(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        await stage.act(order(await price_of(stage, "ETH", "1.02")))
        for user, count in ((MASTER_ADDRESS, 1), (AGENT_ADDRESS, 0)):
            _, fills = await stage.post("/info", {"type": "userFills", "user": user})
            assert len(fills) == count

    play(scene)


def test_what_cannot_be_read_and_what_is_not_there(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        for body in (b"{", b"[]", b'{"type": "nonsense"}', b'{"type": "l2Book"}'):
            status, text = await stage.post("/info", body)
            assert (status, text) == (422, "Failed to deserialize the JSON body into the target type")
        assert await stage.post("/info", {"type": "l2Book", "coin": "btc"}) == (500, None)
        assert await stage.post("/info", {"type": "meta", "dex": "abc"}) == (500, None)
        assert (await stage.post("/elsewhere", {}))[0] == 404

    play(scene)


def test_lists_are_cut_where_the_venue_cuts_them(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        await stage.sleep(1)
        asked = {"type": "fundingHistory", "coin": "BTC", "startTime": stage.now_ms - 30 * DAY_MS}
        _, rows = await stage.post("/info", asked)
        assert len(rows) == 500
        assert rows[0]["time"] < rows[-1]["time"] < stage.now_ms - 5 * DAY_MS, "the oldest come first"

    play(scene)


class Line:
    """One socket, and what came on it."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self.heard: list[Any] = []
        self.is_over = False

    async def listen(self) -> None:
        async for message in self._socket.messages():
            self.heard.append(json.loads(message))
        self.is_over = True

    async def say(self, message: Any) -> None:
        await self._socket.send(message if isinstance(message, str) else json.dumps(message))

    def of(self, channel: str) -> list[Any]:
        return [message.get("data") for message in self.heard if message["channel"] == channel]


@asynccontextmanager
async def line_to(stage: Stage) -> AsyncIterator[Line]:
    async with stage.venue.connect("ws://fake.test/ws") as socket:
        line = Line(socket)
        listening = asyncio.create_task(line.listen())
        try:
            yield line
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


def on_line(scene: Callable[[Stage, Line], Awaitable[None]]) -> Callable[[Stage], Awaitable[None]]:
    async def whole(stage: Stage) -> None:
        async with line_to(stage) as line:
            await scene(stage, line)

    return whole


def subscribe(**subscription: Any) -> dict[str, Any]:
    return {"method": "subscribe", "subscription": subscription}


def test_a_socket_says_what_was_subscribed_and_sends_it(play: Play) -> None:
    async def scene(stage: Stage, line: Line) -> None:
        await line.say(subscribe(type="l2Book", coin="BTC"))
        await line.say(subscribe(type="bbo", coin="BTC"))
        await stage.sleep(21)
        wanted = {"type": "l2Book", "coin": "BTC", "nSigFigs": None, "mantissa": None}
        assert line.of("subscriptionResponse")[0] == {"method": "subscribe", "subscription": wanted}
        books, tops = line.of("l2Book"), line.of("bbo")
        assert 3 <= len(books) <= 6, "every five seconds or so"
        assert len(tops) > len(books), "the top comes as it changes"
        assert all(len(side) >= 3 for side in books[0]["levels"])
        await line.say(subscribe(type="bbo", coin="BTC"))
        await line.say({"method": "unsubscribe", "subscription": {"type": "bbo", "coin": "BTC"}})
        await stage.sleep(0)
        await stage.sleep(1)
        count = len(line.of("bbo"))
        await stage.sleep(10)
        assert len(line.of("bbo")) == count
        assert line.of("error")[0].startswith("Already subscribed: ")

    play(on_line(scene))


@pytest.mark.parametrize(
    "subscription",
    [
        {"type": "l2Book", "coin": "btc"},
        {"type": "l2Book", "coin": "NOPE"},
        {"type": "l2Book", "coin": "BTC", "nSigFigs": 6},
        {"type": "l2Book", "coin": "BTC", "mantissa": 2},
        {"type": "l2Book", "coin": ["BTC"]},
        {"type": "nonsense"},
        {"type": "userFills"},
    ],
)
def test_a_bad_subscription_ends_the_socket_without_a_word(play: Play, subscription: dict[str, Any]) -> None:
    async def scene(stage: Stage, line: Line) -> None:
        await line.say(subscribe(**subscription))
        await stage.sleep(1)
        assert line.is_over
        assert line.heard == []

    play(on_line(scene))


def test_a_socket_on_which_nothing_is_sent_is_closed_and_a_ping_keeps_it(play: Play) -> None:
    async def scene(stage: Stage, line: Line) -> None:
        for _ in range(3):
            await stage.sleep(50)
            await line.say({"method": "ping"})
        assert not line.is_over
        assert line.heard == [{"channel": "pong"}] * len(line.heard)
        await stage.sleep(61)
        assert line.is_over

    play(on_line(scene))


def test_what_is_no_request_is_told(play: Play) -> None:
    async def scene(stage: Stage, line: Line) -> None:
        for message in ("nonsense", '{"type": "allMids"}', '{"method": "dance"}'):
            await line.say(message)
        await stage.sleep(1)
        assert len(line.of("error")) == 3
        assert not line.is_over

    play(on_line(scene))


def test_actions_and_reads_go_over_the_socket_too(play: Play) -> None:
    async def scene(stage: Stage, line: Line) -> None:
        info = {"type": "info", "payload": {"type": "exchangeStatus"}}
        await line.say({"method": "post", "id": 7, "request": info})
        await stage.sleep(1)
        (told,) = line.of("post")
        assert told["id"] == 7
        assert told["response"]["payload"]["data"]["specialStatuses"] is None

    play(on_line(scene))


def test_the_account_is_told_of_what_it_does(play: Play) -> None:
    async def scene(stage: Stage, line: Line) -> None:
        for kind in ("orderUpdates", "userFills", "userFundings", "userEvents"):
            await line.say(subscribe(type=kind, user=MASTER_ADDRESS))
        await stage.sleep(1)
        await stage.act(order(await price_of(stage, "ETH", "1.02"), c="0x" + "12" * 16))
        await stage.sleep(3_700)
        (update,) = line.of("orderUpdates")
        assert (update[0]["status"], update[0]["order"]["sz"]) == ("filled", "0.0")
        snapshot, *fills = line.of("userFills")
        assert (snapshot["isSnapshot"], snapshot["fills"]) == (True, [])
        assert sum(Decimal(row["sz"]) for told in fills for row in told["fills"]) == Decimal("0.05")
        (payment,) = line.of("userFundings")[1]["fundings"]
        assert (payment["coin"], payment["szi"]) == ("ETH", "0.05")
        assert [set(told) for told in line.of("user")] == [{"fills"}] * len(fills) + [{"funding"}]

    async def whole(stage: Stage) -> None:
        async with line_to(stage) as line:
            pinging = asyncio.create_task(_pings(stage, line))
            try:
                await scene(stage, line)
            finally:
                pinging.cancel()
                await asyncio.gather(pinging, return_exceptions=True)

    play(whole)


async def _pings(stage: Stage, line: Line) -> None:
    while True:
        await stage.sleep(30)
        await line.say({"method": "ping"})


def test_the_streams_of_the_plugin_go_through_all_of_it(play: Play) -> None:
    """Orders, fills and a payment as they come, over a broken line, each once."""

    async def scene(stage: Stage) -> None:
        async with stage.client() as exchange:
            assert exchange.streams is not None
            async with listening(exchange.streams.watch_account()) as heard:
                await stage.sleep(2)
                await stage.sent(exchange, "a")
                await stage.sleep(3_700)
            assert {type(one) for one in heard} == {Order, Fill, FundingPayment}
            filled = [one for one in heard if isinstance(one, Order) and one.status is OrderStatus.FILLED]
            assert filled[-1].average_price is not None
            fills = [one for one in heard if isinstance(one, Fill)]
            assert fills == list(await stage.trading(exchange).fetch_fills(0)), "the same from stream and list"
            payments = [one for one in heard if isinstance(one, FundingPayment)]
            assert payments == list(await stage.trading(exchange).fetch_funding_payments(0))

    play(scene)
