"""Opening the plugin, the sockets it keeps, and how much it asks."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from arb.api import AuthenticationFailed, BadResponse, Capability, ConfigError, HttpResponse, NotSent
from arb.model import HOUR_NS, MINUTE_NS, SECOND_NS, OrderBook
from arb.testing import Bench, BenchDesk, Listener, WireSocket
from arb_exchange_lighter._settings import LighterSettings, Tier
from arb_exchange_lighter.fake import fake_settings


async def nothing(desk: BenchDesk) -> None:
    """Open and close."""


def said(socket: WireSocket) -> list[Any]:
    return [json.loads(each) for each in socket.sent]


def test_without_keys_it_is_read_only(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        assert desk.exchange.trading is None
        assert Capability.TRADING not in desk.exchange.capabilities
        assert Capability.ACCOUNT_STREAM not in desk.exchange.capabilities
        assert (await desk.exchange.market.fetch_bbo(desk.instrument.id)).bid > 0
        with pytest.raises(BadResponse):
            desk.streams.watch_account()
        assert not any("Authorization" in request.headers for request in desk.wire.requests)

    bench(body, settings={"private_key": None, "account_index": None})


def test_a_key_that_is_not_registered_is_refused_with_advice(bench: Bench) -> None:
    stranger = {"private_key": SecretStr("09" * 39 + "00")}
    with pytest.raises(AuthenticationFailed, match="register"):
        bench(nothing, settings=stranger)


def test_a_clock_that_is_ahead_is_refused(bench: Bench) -> None:
    """What it signs would be valid for longer than the traits say; a little ahead is allowed for."""
    with pytest.raises(ConfigError, match="ahead"):
        bench(nothing, ahead_ns=40 * SECOND_NS)
    bench(nothing, ahead_ns=20 * SECOND_NS)


def test_an_account_whose_collateral_is_not_usdc_alone_is_refused(bench: Bench) -> None:
    def unify(found: Any) -> Any:
        found["accounts"][0]["account_trading_mode"] = 1
        return found

    async def body(desk: BenchDesk) -> None:
        desk.wire.change_json("/account", unify)
        with pytest.raises(ConfigError, match="unified"):
            async with desk.open():
                pass

    bench(body)


def test_a_tier_above_the_accounts_is_refused(bench: Bench) -> None:
    """It would send 400 times as much as it may."""

    async def body(desk: BenchDesk) -> None:
        desk.wire.change_json("/accountLimits", lambda found: {**found, "user_tier_name": "standard"})
        with pytest.raises(ConfigError, match="standard"):
            async with desk.open():
                pass

    bench(body)


def test_a_venue_that_is_down_keeps_nothing_from_opening(bench: Bench) -> None:
    """There may be hedges on other venues to look after; before the first order it is asked again."""

    down = HttpResponse(status=503, headers={}, body=b"<html>maintenance</html>")

    async def body(desk: BenchDesk) -> None:
        request = await desk.request()
        desk.wire.answer = lambda _: down
        async with desk.open(made={}) as other:
            with pytest.raises(NotSent):
                await other.trading.prepare_order(request)
            desk.wire.answer = None
            order = await other.send(request)
            assert order.filled_quantity > 0

    bench(body)


def test_a_position_in_a_market_that_is_not_listed_is_no_flat_account(bench: Bench) -> None:
    def add(found: Any) -> Any:
        row = {**found["accounts"][0]["positions"][0], "market_id": 99, "position": "1.0"}
        found["accounts"][0]["positions"].append(row)
        return found

    async def body(desk: BenchDesk) -> None:
        assert await desk.trading.fetch_positions() == []
        desk.wire.change_json("/account", add)
        with pytest.raises(BadResponse, match="99"):
            await desk.trading.fetch_positions()

    bench(body)


def test_a_market_that_cannot_be_read_does_not_hide_the_others(bench: Bench) -> None:
    def spoil(found: Any) -> Any:
        del found["order_book_details"][1]["size_decimals"]
        return found

    async def body(desk: BenchDesk) -> None:
        desk.wire.change_json("/orderBookDetails", spoil)
        assert [each.base for each in await desk.exchange.market.fetch_instruments()] == ["BTC", "SOL"]
        desk.wire.change_json("/orderBookDetails", lambda found: {**found, "order_book_details": []})
        with pytest.raises(BadResponse):
            await desk.exchange.market.fetch_instruments()

    bench(body)


def test_a_standard_account_is_not_polled_to_death(bench: Bench) -> None:
    """Ten minutes of the best price every second, and of rates every minute, in fewer than 60 requests."""

    async def body(desk: BenchDesk) -> None:
        before, seen = len(desk.wire.requests), set()
        for second in range(10 * 60):
            bbo = await desk.exchange.market.fetch_bbo(desk.instrument.id)
            assert desk.clock.now_ns() - bbo.ts_init_ns <= 5 * SECOND_NS
            seen.add(bbo.sequence)
            if second % 60 == 0:
                assert len(await desk.exchange.market.fetch_funding_rates()) == 3
            await desk.sleep(SECOND_NS)
        assert len(desk.wire.requests) - before <= 3
        assert len(seen) > 100, "the book moves"

    bench(body, settings={"tier": Tier.STANDARD})


def test_a_book_is_given_up_when_nobody_asks_for_it_any_more(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        await desk.exchange.market.fetch_bbo(desk.instrument.id)
        messages = said(desk.wire.sockets[-1])
        assert messages[-1] != {"type": "subscribe", "channel": "order_book/0", "auth": None}
        assert any(message.get("channel") == "order_book/0" for message in messages)
        await desk.sleep(3 * MINUTE_NS)
        left = [task for task in asyncio.all_tasks() if "_keep" in repr(task.get_coro())]
        assert left == [], "nothing keeps it"
        assert (await desk.exchange.market.fetch_bbo(desk.instrument.id)).bid > 0

    bench(body, settings={"keep_books": "1m"})


def test_a_reader_joins_a_kept_book_with_a_snapshot(bench: Bench) -> None:
    """The venue sends none to who asks for a channel twice."""

    async def body(desk: Any) -> None:
        await desk.exchange.market.fetch_bbo(desk.instrument.id)
        await desk.sleep(10 * SECOND_NS)
        for _ in range(2):
            stream = desk.streams.watch_order_book(desk.instrument.id)
            first = await asyncio.wait_for(anext(stream), 60)
            assert isinstance(first, OrderBook)
            assert first.bids[0].price < first.asks[0].price
            await stream.aclose()
        messages = [message for each in desk.wire.sockets for message in said(each)]
        asked = [message for message in messages if message.get("channel") == "order_book/0"]
        assert [message["type"] for message in asked] == ["subscribe"]

    bench(body)


def test_tokens_are_renewed_before_they_expire(bench: Bench) -> None:
    """By REST and on the socket: a day later both still work, and no token was ever older than six hours."""

    async def body(desk: BenchDesk) -> None:
        listener = Listener(desk.streams.watch_account())
        for _ in range(24):
            await desk.sleep(HOUR_NS)
            await desk.trading.fetch_open_orders()
        before = len(listener.heard)
        order = await desk.send(await desk.request())
        await desk.sleep(5 * SECOND_NS)
        assert len(listener.heard) > before, "the socket still tells"
        assert order.filled_quantity > 0
        tokens = {each.headers["Authorization"] for each in desk.wire.requests if "Authorization" in each.headers}
        assert len(tokens) >= 4
        used = {m["auth"] for socket in desk.wire.sockets for m in said(socket) if m.get("auth")}
        assert len(used) >= 4
        await listener.stop()

    bench(body)


def test_pings_of_the_venue_are_answered(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        await desk.sleep(3 * MINUTE_NS)
        assert {"type": "pong"} in said(desk.wire.sockets[0])
        assert {"type": "ping"} in said(desk.wire.sockets[0])

    bench(body)


def test_settings_are_checked_and_keep_the_key_secret() -> None:
    good = {**fake_settings("http://fake.test")}
    assert "070707" not in repr(LighterSettings.model_validate(good))
    for wrong in (
        {"api_key_index": 3},
        {"private_key": SecretStr("ab" * 32)},
        {"account_index": None},
        {"network": "robinhood"},
        {"tier": "gold"},
        {"keep_books": "0s"},
        {"api_url": "ftp://x"},
    ):
        with pytest.raises(ValidationError) as refused:
            LighterSettings.model_validate({**good, **wrong})
        assert "0707" not in str(refused.value)
        assert "abab" not in str(refused.value)
    main = LighterSettings()
    assert (main.rest_address, main.chain_id) == ("https://mainnet.zklighter.elliot.ai", 304)
    assert LighterSettings(network="testnet").stream_address == "wss://testnet.zklighter.elliot.ai/stream"


def test_rates_come_by_rest_where_there_is_no_socket(bench: Bench) -> None:
    """In another unit, and with the rows of other venues left out: the rate an hour is the same."""

    async def body(desk: Any) -> None:
        desk.wire.lose_sockets()
        await desk.sleep(2 * MINUTE_NS)
        by_rest = await desk.exchange.market.fetch_funding_rates()
        desk.wire.has_sockets = True
        await desk.sleep(2 * MINUTE_NS)
        live = await desk.exchange.market.fetch_funding_rates()
        assert [rate.unit.period_ns // HOUR_NS for rate in by_rest + live] == [8, 8, 8, 1, 1, 1]
        true = {rate.instrument: rate.per_hour for rate in await desk.truth.market.fetch_funding_rates()}
        for rate in live:
            assert abs(rate.per_hour - true[rate.instrument]) < Decimal("0.0000001"), "told a second before"
        assert all(
            abs(one.per_hour - two.per_hour) < Decimal("0.00001") for one, two in zip(by_rest, live, strict=True)
        )

    bench(body)
