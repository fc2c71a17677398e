"""Opening: settings, the key that can withdraw, the network, and what the account says of itself."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from arb.api import AuthenticationFailed, BadResponse, Capability, ConfigError, HttpRequest, HttpResponse
from arb.model import HOUR_NS, MINUTE_NS, SECOND_NS, Averaging, OrderStatus
from arb.testing import Bench, BenchDesk
from arb_exchange_paradex._open import traits_of
from arb_exchange_paradex._settings import NETWORKS, ParadexSettings
from arb_exchange_paradex.fake._keys import MAIN_KEY, account

KEY = SecretStr("0x1234")


async def _nothing(desk: BenchDesk) -> None:
    pass


@pytest.mark.parametrize(
    "given",
    [
        {"account": "0x1"},
        {"private_key": KEY},
        {"account": "nobody", "private_key": KEY},
        {"account": "0x" + "1" * 65, "private_key": KEY},
        {"window": "100ms"},
        {"window": "2m"},
        {"network": "devnet"},
        {"sbe_version": 0},
        {"stream_url": "wss://host/v1?sbeSchemaId=1"},
        {"api_url": "ftp://host"},
        {"acount": "0x1"},
    ],
)
def test_settings_that_are_refused(given: Mapping[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ParadexSettings.model_validate(given)


def test_addresses_of_the_networks() -> None:
    for name, network in NETWORKS.items():
        settings = ParadexSettings.model_validate({"network": name})
        assert settings.rest_address == network.api_url
        assert settings.stream_address == network.stream_url
        assert settings.chain == network.chain
    assert ParadexSettings.model_validate({"account": "0x00AB", "private_key": KEY}).account == "0xab"


def test_traits() -> None:
    traits = traits_of(ParadexSettings.model_validate({"window": "3s"}))
    assert traits.order_validity_ns == 5 * SECOND_NS
    assert traits.averaging is Averaging.CONTINUOUS
    assert traits.client_order_id_length == 64


def test_the_main_key_is_refused(bench: Bench) -> None:
    with pytest.raises(ConfigError, match="can withdraw"):
        bench(_nothing, settings={"private_key": SecretStr(hex(MAIN_KEY))})


def test_the_main_key_with_permission(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    async def body(desk: BenchDesk) -> None:
        assert (await desk.send(await desk.request())).status is OrderStatus.FILLED

    with caplog.at_level(logging.WARNING):
        bench(body, settings={"private_key": SecretStr(hex(MAIN_KEY)), "allow_withdrawal_keys": True})
    assert "it can withdraw" in caplog.text
    assert hex(MAIN_KEY)[2:] not in caplog.text


def test_the_main_key_is_told_by_the_venue_where_the_address_does_not(bench: Bench) -> None:
    """Accounts of another class have other addresses; then `public_key` of the account tells."""

    def other_class(request: HttpRequest) -> HttpResponse | None:
        if not request.url.endswith("/system/config"):
            return None
        config = {
            "starknet_chain_id": "PRIVATE_SN_POTC_SEPOLIA",
            "paraclear_account_proxy_hash": "0x5",
            "paraclear_account_hash": "0x6",
        }
        return HttpResponse(status=200, headers={}, body=json.dumps(config).encode())

    with pytest.raises(ConfigError, match="can withdraw"):
        bench(_nothing, settings={"private_key": SecretStr(hex(MAIN_KEY))}, answer=other_class)
    bench(_nothing, answer=other_class)


def test_another_network_is_refused(bench: Bench) -> None:
    with pytest.raises(ConfigError, match="PRIVATE_SN_POTC_SEPOLIA"):
        bench(_nothing, settings={"network": "mainnet"})


def test_an_unknown_key_is_refused(bench: Bench) -> None:
    with pytest.raises(AuthenticationFailed, match=r"INVALID_SUBKEY.*subkey was not revoked"):
        bench(_nothing, settings={"private_key": SecretStr("0x77")})


def test_an_unknown_account_is_refused(bench: Bench) -> None:
    with pytest.raises(AuthenticationFailed, match="NOT_ONBOARDED"):
        bench(_nothing, settings={"account": "0x77"})


def test_an_answer_for_another_account_is_refused(bench: Bench) -> None:
    def other(request: HttpRequest) -> HttpResponse | None:
        if not request.url.endswith("/v1/account"):
            return None
        return HttpResponse(status=200, headers={}, body=b'{"account": "0x5", "status": "ACTIVE"}')

    with pytest.raises(ConfigError, match="another account"):
        bench(_nothing, answer=other)


def test_a_liquidation_is_logged(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    def liquidated(request: HttpRequest) -> HttpResponse | None:
        if not request.url.endswith("/v1/account"):
            return None
        body = json.dumps({"account": account(), "status": "LIQUIDATION"}).encode()
        return HttpResponse(status=200, headers={}, body=body)

    with caplog.at_level(logging.WARNING):
        bench(_nothing, answer=liquidated)
    assert "LIQUIDATION" in caplog.text


def test_a_venue_that_is_down_lets_the_exchange_open(bench: Bench) -> None:
    """It is asked before the first order; a key that is wrong then says so."""
    is_down = [True]

    def down(request: HttpRequest) -> HttpResponse | None:
        return HttpResponse(status=503, headers={}, body=b"") if is_down[0] else None

    async def body(desk: BenchDesk) -> None:
        pass

    with pytest.raises(Exception, match="503"):
        # The bench lists instruments right after opening: that is the call that fails, not the opening.
        bench(body, answer=down)

    async def later(desk: BenchDesk) -> None:
        order = await desk.send(await desk.request())
        assert order.status is OrderStatus.FILLED

    first = [8]

    def down_at_first(request: HttpRequest) -> HttpResponse | None:
        if "/system/config" in request.url and first[0]:
            first[0] = 0
            return HttpResponse(status=503, headers={}, body=b"")
        return None

    bench(later, answer=down_at_first)


def test_without_a_key_everything_public_is_there(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        assert desk.exchange.trading is None
        assert Capability.TRADING not in desk.exchange.capabilities
        assert (await desk.exchange.market.fetch_order_book(desk.instrument.id, 5)).bids
        assert not [each for each in desk.wire.requests if "Authorization" in each.headers or "/auth" in each.url]
        with pytest.raises(BadResponse, match="no key"):
            desk.streams.watch_account()

    bench(body, without=("account", "private_key"))


def test_answers_of_another_market_are_refused(bench: Bench) -> None:
    async def body(desk: Any) -> None:
        inner = desk.wire.venue.send

        async def mixed_up(asked: HttpRequest) -> HttpResponse:
            return await inner(replace(asked, url=asked.url.replace("BTC-USD", "ETH-USD")))  # type: ignore[no-any-return]

        desk.wire.venue.send = mixed_up
        for call in (
            desk.exchange.market.fetch_order_book(desk.instrument.id, 5),
            desk.exchange.market.fetch_bbo(desk.instrument.id),
        ):
            with pytest.raises(BadResponse, match="another market"):
                await call

    bench(body)


@pytest.mark.parametrize(("is_refused", "most_s"), [(False, 2), (True, 3)])
def test_a_venue_that_does_not_tell_its_time_holds_nothing_up(bench: Bench, is_refused: bool, most_s: int) -> None:
    """It is asked in the background; an order waits for it where the venue refused what is known, and not for long."""

    async def body(desk: Any) -> None:
        inner = desk.wire.venue.send

        async def silent(asked: HttpRequest) -> HttpResponse:
            if asked.url.endswith("/system/time"):
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
        assert desk.wire.sent("GET", "/system/time")

    bench(body)
