"""What is looked at before anything is traded: what the key may do, how the account is set, the settings."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

import pytest
from pydantic import ValidationError

from arb.api import AuthenticationFailed, Capability, ConfigError, ConnectFailed, HttpRequest, HttpResponse, NotSent
from arb.model import HOUR_NS, MINUTE_NS, SECOND_NS
from arb.testing import Bench, BenchDesk, FakeWorld
from arb_exchange_binance._settings import BinanceSettings
from arb_exchange_binance.fake._venue import RIGHTS

USUAL = {
    "ipRestrict": True,
    "enableReading": True,
    "enableFutures": True,
    "enableWithdrawals": False,
    "enableInternalTransfer": False,
    "permitsUniversalTransfer": False,
}


def world(**changes: Any) -> FakeWorld:
    rights = {name: value for name, value in changes.items() if name in USUAL}
    modes = {name: value for name, value in changes.items() if name not in USUAL}
    return FakeWorld(memory={RIGHTS: {**USUAL, **rights}, "modes": {"dual": False, "multi": False, **modes}})


async def nothing(desk: BenchDesk) -> None:
    """Need no more than that it opens."""


def test_a_key_that_can_withdraw_is_refused(bench: Bench) -> None:
    with pytest.raises(ConfigError, match="can withdraw"):
        bench(nothing, world=world(enableWithdrawals=True))


def test_a_key_that_can_withdraw_is_taken_where_the_settings_say_so(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        assert not desk.wire.sent("GET", "apiRestrictions")
        await desk.send(await desk.request())

    bench(body, world=world(enableWithdrawals=True), settings={"allow_withdrawal_keys": True})


def test_a_key_that_may_not_trade_futures_is_refused(bench: Bench) -> None:
    with pytest.raises(AuthenticationFailed, match="may not trade futures"):
        bench(nothing, world=world(enableFutures=False))


def test_a_key_that_moves_money_between_own_accounts_is_logged(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench(nothing, world=world(permitsUniversalTransfer=True))
    assert "permitsUniversalTransfer" in caplog.text


@pytest.mark.parametrize(("mode", "word"), [("dual", "one-way"), ("multi", "single-asset")])
def test_an_account_that_is_set_another_way_is_refused(bench: Bench, mode: str, word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        bench(nothing, world=world(**{mode: True}))


def test_what_cannot_be_asked_yet_is_asked_before_the_first_order(bench: Bench) -> None:
    """The spot host does not answer: the run begins, nothing is traded, and it heals by itself."""

    async def body(desk: BenchDesk) -> None:
        prepared = None
        with pytest.raises(NotSent):
            prepared = await desk.trading.prepare_order(await desk.request())
        assert prepared is None
        assert await desk.trading.fetch_positions() == []
        desk.wire.answer = None
        await desk.send(await desk.request())

    down = HttpResponse(status=503, headers={}, body=b"{}")
    bench(body, answer=lambda request: down if "apiRestrictions" in request.url else None)


def test_a_key_that_turns_out_to_withdraw_never_trades(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        desk.wire.answer = None
        for _ in range(2):
            with pytest.raises(AuthenticationFailed, match="can withdraw"):
                await desk.trading.prepare_order(await desk.request())

    down = HttpResponse(status=503, headers={}, body=b"{}")
    bench(
        body,
        world=world(enableWithdrawals=True),
        answer=lambda request: down if "apiRestrictions" in request.url else None,
    )


@pytest.mark.parametrize(
    "answer", [{}, [], {"enableWithdrawals": None, "enableFutures": True}, {"code": -1, "msg": "x"}]
)
def test_rights_that_cannot_be_read_are_none(bench: Bench, answer: Any) -> None:
    async def body(desk: BenchDesk) -> None:
        with pytest.raises(Exception, match=r"rights|-1|cannot be read") as told:
            await desk.trading.prepare_order(await desk.request())
        assert not isinstance(told.value, TypeError | KeyError)

    odd = HttpResponse(status=200, headers={}, body=json.dumps(answer).encode())
    bench(body, answer=lambda request: odd if "apiRestrictions" in request.url else None)


def test_the_demo_has_no_spot_host_to_ask() -> None:
    assert BinanceSettings(network="testnet").spot_address is None
    assert BinanceSettings().spot_address == "https://api.binance.com"
    demo = BinanceSettings(network="testnet")
    assert "demo" in demo.rest_address
    assert "fstream.binancefuture.com" in demo.stream_address


def test_without_a_key_everything_public_works(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        assert desk.exchange.trading is None
        assert Capability.TRADING not in desk.exchange.capabilities
        assert Capability.BOOK_STREAM in desk.exchange.capabilities
        (listed, *_) = await desk.exchange.market.fetch_instruments()
        assert listed.fees.taker > listed.fees.maker > 0
        assert listed.margin_tiers[0].max_leverage == 20
        assert await desk.exchange.market.fetch_funding_rates()
        assert not [each for each in desk.wire.requests if each.headers.get("X-MBX-APIKEY")]

    bench(body, without=("api_key", "api_secret"))


@pytest.mark.parametrize(
    "settings",
    [
        {"window": "100ms"},
        {"window": "61s"},
        {"api_url": "fapi.binance.com"},
        {"network": "main"},
        {"misspelt": 1},
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        BinanceSettings.model_validate(settings)


def test_a_key_without_its_secret_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALF", "x")
    with pytest.raises(ValidationError, match="belong together"):
        BinanceSettings.model_validate({"api_key": "env:HALF"})


def test_it_opens_while_the_venue_cannot_be_reached(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        await desk.send(await desk.request())

    state = {"down": True}

    def refuse(request: Any) -> None:
        if state["down"]:
            raise ConnectFailed("refused", code="no_connection")

    async def wake(desk: BenchDesk) -> None:
        state["down"] = False
        await body(desk)

    async def main_fails(desk: BenchDesk) -> None:
        raise AssertionError("the listing came from nowhere")

    with suppress(ConnectFailed):
        bench(main_fails, answer=refuse)
    state["down"] = False
    bench(wake, answer=refuse)


def test_the_traits_promise_what_the_window_is(bench: Bench) -> None:
    async def body(desk: Any) -> None:
        traits = desk.exchange.traits
        assert traits.order_validity_ns == 3_000_000_000
        assert traits.client_order_id_length == 36
        prepared = await desk.trading.prepare_order(await desk.request())
        assert prepared.expires_ns <= desk.clock.now_ns() + 2_000_000_000
        await desk.sleep(MINUTE_NS)
        with pytest.raises(NotSent):
            await desk.trading.send_order(prepared)

    bench(body, settings={"window": "2s"})


def test_two_accounts_of_one_address_share_its_weight(bench: Bench) -> None:
    """The venue counts by address: what others have used is taken from its word."""

    async def body(desk: Any) -> None:
        used = HttpResponse(status=200, headers={"X-MBX-USED-WEIGHT-1M": "2399"}, body=b'{"serverTime": 1767225600000}')
        desk.wire.answer = lambda request: used if request.url.endswith("/time") else None
        await desk.exchange.market._rest._ask_time()
        began_ns = desk.clock.now_ns()
        reading = asyncio.create_task(desk.exchange.market.fetch_order_book(desk.instrument.id, 5))
        await desk.sleep(MINUTE_NS // 2 - 1)
        assert not reading.done() or isinstance(reading.exception(), NotSent)
        await asyncio.gather(reading, return_exceptions=True)
        assert desk.clock.now_ns() > began_ns

    bench(body)


@pytest.mark.parametrize(("is_refused", "most_s"), [(False, 2), (True, 3)])
def test_a_venue_that_does_not_tell_its_time_holds_nothing_up(bench: Bench, is_refused: bool, most_s: int) -> None:
    """It is asked in the background; an order waits for it where the venue refused what is known, and not for long."""

    async def body(desk: Any) -> None:
        inner = desk.wire.venue.send

        async def silent(asked: HttpRequest) -> HttpResponse:
            if asked.url.endswith("/fapi/v1/time"):
                await desk.sleep(HOUR_NS)
            return await inner(asked)  # type: ignore[no-any-return]

        await desk.send(await desk.request())
        await desk.sleep(6 * MINUTE_NS)
        desk.wire.venue.send = silent
        request = await desk.request()
        if is_refused:
            desk.exchange.trading._rest.time.doubt()
        began_ns = desk.clock.now_ns()
        await desk.trading.send_order(await desk.trading.prepare_order(request))
        await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
        assert desk.clock.now_ns() - began_ns < most_s * SECOND_NS
        assert desk.wire.sent("GET", "/fapi/v1/time")

    bench(body)
