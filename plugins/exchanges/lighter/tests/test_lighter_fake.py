"""The fake venue by itself: its shapes by the models of the official SDK, and what it refuses."""

from __future__ import annotations

import asyncio
import importlib
import itertools
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import urlencode

import pytest

from arb.api import ExchangeSpec, FakeGround, HttpRequest, HttpResponse
from arb.model import HOUR_NS, MINUTE_NS, SECOND_NS, Side
from arb.simulation import VirtualClock, run_virtual
from arb.testing import START_NS, FakeWorld
from arb_exchange_lighter import plugin
from arb_exchange_lighter._native import Key, signing_library
from arb_exchange_lighter._signing import OrderFields, SignedTx, Signer
from arb_exchange_lighter.fake import LighterFake, open_fake
from arb_exchange_lighter.fake._keys import ACCOUNT_INDEX, API_KEY_INDEX, CHAIN_ID, L1_ADDRESS, PRIVATE_KEY

SIGNER: Final = Signer(signing_library(), Key(CHAIN_ID, ACCOUNT_INDEX, API_KEY_INDEX, PRIVATE_KEY.encode()))
STRANGER: Final = Signer(signing_library(), Key(CHAIN_ID, ACCOUNT_INDEX, API_KEY_INDEX, ("05" * 40).encode()))


@asynccontextmanager
async def opened(
    memory: dict[str, Any] | None = None, **options: Any
) -> AsyncIterator[tuple[LighterFake, VirtualClock]]:
    (spec,) = plugin.arb_exchanges()
    assert isinstance(spec, ExchangeSpec)
    clock, world = VirtualClock.of_running_loop(), FakeWorld()
    async with world.ground(spec, clock) as (truth, _):
        yield open_fake(FakeGround(exchange=truth, clock=clock, memory=memory or {}), **options), clock


def play(body: Callable[[LighterFake, VirtualClock], Any], **options: Any) -> None:
    async def case() -> None:
        async with opened(**options) as (fake, clock):
            await body(fake, clock)

    run_virtual(case(), start_ns=START_NS)


async def get(fake: LighterFake, path: str, token: str = "", **params: Any) -> HttpResponse:
    headers = {"Authorization": token} if token else {}
    url = f"http://fake.test/api/v1/{path}" + (f"?{urlencode(params)}" if params else "")
    return await fake.send(HttpRequest(method="GET", url=url, headers=headers))


async def send(fake: LighterFake, signed: SignedTx) -> tuple[int, Mapping[str, Any]]:
    body = urlencode({"tx_type": signed.kind, "tx_info": signed.info}).encode()
    answer = await fake.send(HttpRequest(method="POST", url="http://fake.test/api/v1/sendTx", body=body))
    return answer.status, json.loads(answer.body)


def token(clock: VirtualClock, ahead_ns: int = HOUR_NS) -> str:
    return SIGNER.token((clock.now_ns() + ahead_ns) // SECOND_NS)


async def fields(fake: LighterFake, clock: VirtualClock, **changes: Any) -> OrderFields:
    """Return an order that fills at once."""
    book = json.loads((await get(fake, "orderBookOrders", market_id=0, limit=1)).body)
    ask = int(book["asks"][0]["price"].replace(".", ""))
    given = {
        "market_id": 0,
        "client_order_index": 11,
        "base_amount": 1_000,
        "price": ask + ask // 50,
        "is_ask": False,
        "time_in_force": 0,
        "reduce_only": False,
        "expiry_ms": 0,
    }
    return OrderFields(**{**given, **changes})


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_answers_have_the_shapes_of_the_official_models() -> None:
    """lighter-sdk 1.1.8 reads every answer into its own models, whose types are strict."""
    models: Any = importlib.import_module("lighter.models")

    async def body(fake: LighterFake, clock: VirtualClock) -> None:
        day_ms = clock.now_ns() // 1_000_000 + 86_400_000
        for nonce, changes in enumerate(({}, {"price": 600_000, "time_in_force": 1, "expiry_ms": day_ms}), start=1):
            order = await fields(fake, clock, client_order_index=nonce, **changes)
            assert (await send(fake, SIGNER.order(order, nonce)))[0] == 200
        await clock.sleep_until(clock.now_ns() + 2 * HOUR_NS)
        good, own = token(clock), {"account_index": ACCOUNT_INDEX}
        cases: list[tuple[Any, HttpResponse]] = [
            (models.OrderBookDetails, await get(fake, "orderBookDetails", filter="perp")),
            (models.OrderBooks, await get(fake, "orderBooks")),
            (models.OrderBookOrders, await get(fake, "orderBookOrders", market_id=0, limit=20)),
            (models.FundingRates, await get(fake, "funding-rates")),
            (models.DetailedAccounts, await get(fake, "account", by="index", value=ACCOUNT_INDEX)),
            (models.SubAccounts, await get(fake, "accountsByL1Address", l1_address=L1_ADDRESS)),
            (models.AccountApiKeys, await get(fake, "apikeys", account_index=ACCOUNT_INDEX, api_key_index=255)),
            (models.NextNonce, await get(fake, "nextNonce", account_index=ACCOUNT_INDEX, api_key_index=API_KEY_INDEX)),
            (models.AssetDetails, await get(fake, "assetDetails")),
            (models.ExchangeStats, await get(fake, "exchangeStats")),
            (models.AccountLimits, await get(fake, "accountLimits", good, **own)),
            (models.Orders, await get(fake, "accountInactiveOrders", good, limit=100, **own)),
            (models.Orders, await get(fake, "accountActiveOrders", good, **own)),
            (models.Orders, await get(fake, "accountOrders", good, client_order_indexes="1,2", **own)),
            (models.Trades, await get(fake, "trades", good, sort_by="timestamp", limit=100, **own)),
            (models.PositionFundings, await get(fake, "positionFunding", good, limit=100, **own)),
            (
                models.Fundings,
                await get(
                    fake,
                    "fundings",
                    market_id=0,
                    resolution="1h",
                    start_timestamp=clock.now_ns() // SECOND_NS - 7_200,
                    end_timestamp=clock.now_ns() // SECOND_NS,
                    count_back=0,
                ),
            ),
        ]
        for model, answer in cases:
            assert answer.status == 200, (model, answer.body)
            text = answer.body.decode()
            read = model.from_json(text)
            assert read.code == 200
            lists = [value for value in json.loads(text).values() if isinstance(value, list) and value]
            assert lists or model in (models.AccountLimits, models.NextNonce), model
            again = json.loads(read.to_json())
            for name, rows in json.loads(text).items():
                if isinstance(rows, list) and rows and isinstance(rows[0], dict):
                    assert set(again[name][0]) >= set(rows[0]) - {"trade_id_str"}, (model, name)

    play(body)


def test_a_transaction_is_taken_once_and_in_order() -> None:
    """Reused, skipped, another key's, another chain's, changed on the way: each has the venue's own code."""

    async def body(fake: LighterFake, clock: VirtualClock) -> None:
        order = await fields(fake, clock)
        first = SIGNER.order(order, 1)
        assert (await send(fake, first))[0] == 200
        changed = SignedTx(14, SIGNER.order(order, 2).info.replace('"BaseAmount":1000', '"BaseAmount":2000'), "")
        elsewhere = Signer(signing_library(), Key(300, ACCOUNT_INDEX, API_KEY_INDEX, PRIVATE_KEY.encode()))
        other_slot = Signer(signing_library(), Key(CHAIN_ID, ACCOUNT_INDEX, 9, PRIVATE_KEY.encode()))
        for signed, code in (
            (first, 21104),
            (SIGNER.cancel(0, 11, 3), 21104),
            (STRANGER.cancel(0, 11, 2), 21120),
            (elsewhere.cancel(0, 11, 2), 21120),
            (other_slot.cancel(0, 11, 2), 21109),
            (changed, 21120),
            (SIGNER.order(order, 2), 21728),
            (SIGNER.cancel(0, 999, 2), 21708),
        ):
            status, answer = await send(fake, signed)
            assert (status, answer["code"]) == (400, code), answer
        assert (await send(fake, SIGNER.cancel_all(2)))[0] == 200, "what was refused used no nonce"

    play(body)


def test_orders_that_the_venue_cannot_take_are_refused_with_its_codes() -> None:
    async def body(fake: LighterFake, clock: VirtualClock) -> None:
        day_ms = clock.now_ns() // 1_000_000 + 86_400_000
        cases = (
            ({"base_amount": 1}, 21706),
            ({"price": 1}, 21706),
            ({"market_id": 77}, 20001),
            ({"time_in_force": 1, "expiry_ms": day_ms - 86_400_000 + 60_000}, 21711),
            ({"time_in_force": 1, "expiry_ms": day_ms * 2}, 21711),
            ({"reduce_only": True}, 21732),
            ({"base_amount": 40_000_000}, 21739),
        )
        for changes, code in cases:
            _, answer = await send(fake, SIGNER.order(await fields(fake, clock, **changes), 1))
            assert answer["code"] == code, (changes, answer)
        resting = await fields(fake, clock, time_in_force=1, expiry_ms=day_ms)
        assert (await send(fake, SIGNER.order(resting, 1)))[0] == 200

    play(body)


def test_private_reads_need_a_token_that_holds() -> None:
    async def body(fake: LighterFake, clock: VirtualClock) -> None:
        own = {"account_index": ACCOUNT_INDEX}
        soon = (clock.now_ns() + HOUR_NS) // SECOND_NS
        good = token(clock)
        for bad in (
            "",
            "x",
            token(clock, -SECOND_NS),
            token(clock, 9 * HOUR_NS),
            STRANGER.token(soon),
            good[:-2] + ("00" if good[-2:] != "00" else "01"),
        ):
            answer = await get(fake, "accountActiveOrders", bad, **own)
            assert (answer.status, json.loads(answer.body)["code"]) == (401, 20013)
        assert (await get(fake, "accountActiveOrders", good, **own)).status == 200
        assert (await get(fake, "accountActiveOrders", good, account_index=1)).status == 401

    play(body)


def test_the_expiry_counts_by_the_librarys_clock_where_that_is_told() -> None:
    """Stamped by the library 599 s after its own, real time."""
    stamped = json.loads(SIGNER.cancel_all(1).info)["ExpiredAt"]

    async def late(fake: LighterFake, clock: VirtualClock) -> None:
        status, answer = await send(fake, SIGNER.cancel_all(1))
        assert (status, answer["code"]) == (400, 21102)

    async def in_time(fake: LighterFake, clock: VirtualClock) -> None:
        assert (await send(fake, SIGNER.cancel_all(1)))[0] == 200

    play(late, real_now_ms=lambda: stamped + 60_000)
    play(in_time, real_now_ms=lambda: stamped - 599_000)
    play(in_time)


def test_a_long_simulation_may_leave_signatures_unchecked() -> None:
    async def body(fake: LighterFake, clock: VirtualClock) -> None:
        assert (await send(fake, STRANGER.cancel_all(1)))[0] == 200
        assert (await send(fake, STRANGER.cancel_all(1)))[1]["code"] == 21104, "but nonces are"

    play(body, memory={"check signatures": False})


def test_the_budget_of_a_standard_account_is_60_requests_a_minute() -> None:
    async def body(fake: LighterFake, clock: VirtualClock) -> None:
        answers = [await get(fake, "orderBooks") for _ in range(61)]
        assert [each.status for each in answers] == [200] * 60 + [429]
        await clock.sleep_until(clock.now_ns() + MINUTE_NS)
        assert (await get(fake, "orderBooks")).status == 200

    play(body, tier="standard")


def test_a_socket_answers_as_the_venue_does() -> None:
    """Acks, a second subscription without a snapshot, unknown channels, the chain of nonces, pings."""

    async def body(fake: LighterFake, clock: VirtualClock) -> None:
        async with fake.connect("ws://fake.test/stream") as socket:
            heard: list[Any] = []

            async def listen() -> None:
                async for message in socket.messages():
                    heard.append(json.loads(message))

            listening = asyncio.create_task(listen())
            for asked in (
                {"type": "subscribe", "channel": "order_book/0"},
                {"type": "subscribe", "channel": "order_book/0"},
                {"type": "subscribe", "channel": "order_book/99"},
                {"type": "subscribe", "channel": f"account_all_orders/{ACCOUNT_INDEX}"},
                {"type": "ping"},
                {"type": "subscribe", "channel": "ticker/1"},
                {"type": "subscribe", "channel": "market_stats/all"},
            ):
                await socket.send(json.dumps(asked))
            await clock.sleep_until(clock.now_ns() + 20 * SECOND_NS)
            await socket.send(json.dumps({"type": "unsubscribe", "channel": "order_book/0"}))
            await clock.sleep_until(clock.now_ns() + SECOND_NS)
            before = len(heard)
            await clock.sleep_until(clock.now_ns() + 20 * SECOND_NS)
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
        assert heard[0]["type"] == "connected"
        assert [each["error"]["code"] for each in heard if "error" in each] == [30003, 30005, 20013]
        assert {"type": "pong"} in heard
        books = [each for each in heard if each.get("channel") == "order_book:0" and "order_book" in each]
        assert [each["type"] for each in books[:2]] == ["subscribed/order_book", "update/order_book"]
        for one, two in itertools.pairwise(books):
            assert two["order_book"]["begin_nonce"] == one["order_book"]["nonce"] < two["order_book"]["nonce"]
        assert {"type": "unsubscribed", "channel": "order_book:0"} in heard
        assert not any(each.get("channel") == "order_book:0" for each in heard[before:])
        assert any(each.get("type") == "update/ticker" for each in heard)
        stats = next(each for each in heard if each.get("type") == "subscribed/market_stats")
        assert set(stats["market_stats"]) == {"0", "1", "2"}

    play(body)


def test_the_channel_of_the_whole_account_needs_no_token_and_tells_of_fills() -> None:
    async def body(fake: LighterFake, clock: VirtualClock) -> None:
        async with fake.connect("ws://fake.test/stream") as socket:
            await socket.send(json.dumps({"type": "subscribe", "channel": f"account_all/{ACCOUNT_INDEX}"}))
            await socket.send(json.dumps({"type": "subscribe", "channel": f"user_stats/{ACCOUNT_INDEX}"}))
            await clock.sleep_until(clock.now_ns() + SECOND_NS)
            await send(fake, SIGNER.order(await fields(fake, clock), 1))
            heard: dict[str, Any] = {}
            async for message in socket.messages():
                told = json.loads(message)
                heard[told["type"]] = told
                if {"update/account_all", "update/user_stats"} <= set(heard):
                    break
        assert heard["subscribed/account_all"]["trades"] == {}
        (trade,) = heard["update/account_all"]["trades"]["0"]
        assert trade["bid_client_id"] == 11
        assert heard["update/account_all"]["positions"]["0"]["position"] == "0.01000"
        assert "collateral" in heard["update/user_stats"]["stats"]

    play(body)


def test_a_silent_client_is_cut_off() -> None:
    """The venue wants a frame within two minutes."""

    async def body(fake: LighterFake, clock: VirtualClock) -> None:
        began_ns = clock.now_ns()
        async with fake.connect("ws://fake.test/stream") as socket:
            kinds = [json.loads(message)["type"] async for message in socket.messages()]
        assert "ping" in kinds
        assert 2 * MINUTE_NS <= clock.now_ns() - began_ns <= 4 * MINUTE_NS

    play(body)


def test_transactions_go_over_the_socket_as_well() -> None:
    async def body(fake: LighterFake, clock: VirtualClock) -> None:
        signed = SIGNER.order(await fields(fake, clock), 1)
        async with fake.connect("ws://fake.test/stream") as socket:
            data = {"id": "7", "tx_type": signed.kind, "tx_info": json.loads(signed.info)}
            await socket.send(json.dumps({"type": "jsonapi/sendtx", "data": data}))
            async for message in socket.messages():
                answer = json.loads(message)
                if answer["type"] == "jsonapi/sendtx":
                    break
        assert (answer["code"], answer["id"], answer["tx_hash"]) == (200, "7", signed.hash)
        found = json.loads((await get(fake, "tx", by="hash", value=signed.hash)).body)
        assert (found["nonce"], found["account_index"]) == (1, ACCOUNT_INDEX)

    play(body)


def test_the_side_of_a_fitted_market_is_whole_numbers() -> None:
    """Ticks and lots are powers of ten whose product is a millionth of a dollar, whatever the price."""
    from decimal import Decimal

    from arb.simulation import PROFILES, SeededMarket
    from arb_exchange_lighter.fake import fitted

    market = SeededMarket(seed=1, exchange="x", profile=PROFILES["binance-like"], assets=("BTC", "XRP"))
    for instrument in market.instruments():
        for price in ("0.00001234", "0.5", "7", "1234.5", "98765.4", "250000"):
            rules = fitted(instrument, Decimal(price))
            assert rules.tick_size * rules.lot_size == Decimal("0.000001")
            assert Decimal(price) / rules.tick_size < 1 << 32
            assert (1 / rules.margin_tiers[0].max_leverage * 10_000) % 1 == 0
            assert rules.limit_price(Side.BUY, Decimal(price)) <= Decimal(price)
