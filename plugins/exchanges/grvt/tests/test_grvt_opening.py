"""Opening: settings, keys, what is read-only without them, whose account it is, fees, the venue's clock."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from arb.api import AuthenticationFailed, BadResponse, Capability, ConfigError, HttpRequest, HttpResponse
from arb.model import MINUTE_NS, SECOND_NS, MarginTier
from arb.testing import Bench, BenchDesk
from arb_exchange_grvt._markets import PUBLIC_FEES, market_of
from arb_exchange_grvt._settings import NETWORKS, GrvtSettings
from arb_exchange_grvt.fake import fake_settings
from arb_exchange_grvt.fake._keys import PRIVATE_KEY

SUMMARY = "/full/v1/account_summary"
KEYS = ("api_key", "private_key", "sub_account_id")


async def nothing(desk: BenchDesk) -> None:
    """Only open and close."""


def account(**changes: Any) -> Callable[[HttpRequest], HttpResponse | None]:
    row = {
        "event_time": "5",
        "sub_account_id": "4724219064482495",
        "margin_type": "SIMPLE_CROSS_MARGIN",
        "settle_currency": "USDT",
        "available_balance": "1",
        "maintenance_margin": "0",
        "spot_balances": [],
        "positions": [],
        **changes,
    }
    body = json.dumps({"result": row}).encode()
    return lambda request: HttpResponse(status=200, headers={}, body=body) if request.url.endswith(SUMMARY) else None


def test_without_a_key_there_is_public_data_alone(bench: Bench) -> None:
    async def body(desk: Any) -> None:
        exchange = desk.exchange
        assert exchange.trading is None
        assert Capability.TRADING not in exchange.capabilities
        assert Capability.BOOK_STREAM in exchange.capabilities
        assert (desk.instrument.fees.maker, desk.instrument.fees.taker) == (D(0), D("0.00045"))
        assert await exchange.market.fetch_fx_rates() == {}
        assert await exchange.market.fetch_funding_rates()
        with pytest.raises(BadResponse, match="no key"):
            exchange.streams.watch_account()
        assert not desk.wire.sent("POST", "/auth/api_key/login")
        assert not [each for each in desk.wire.requests if "Cookie" in each.headers]

    bench(body, without=KEYS)


def test_with_a_key_the_fees_are_the_accounts_own(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        assert desk.instrument.fees == (await desk.truth.market.fetch_instruments())[0].fees

    bench(body)


def test_a_key_that_may_not_read_the_tier_has_the_published_fees(bench: Bench, caplog: Any) -> None:
    denied = json.dumps({"code": 1001, "message": "not authorized", "status": 403}).encode()

    def answer(request: HttpRequest) -> HttpResponse | None:
        is_it = request.url.endswith("/funding_account_summary")
        return HttpResponse(status=403, headers={}, body=denied) if is_it else None

    async def body(desk: BenchDesk) -> None:
        assert (desk.instrument.fees.maker, desk.instrument.fees.taker) == (D(0), D("0.00045"))
        await desk.exchange.market.fetch_instruments()
        assert len(desk.wire.sent("POST", "/funding_account_summary")) == 1  # it is not asked again

    bench(body, answer=answer)
    assert "may not read the fee tier" in caplog.text


def test_an_account_of_another_number_is_refused(bench: Bench) -> None:
    with pytest.raises(ConfigError, match="77"):
        bench(nothing, answer=account(sub_account_id="77"))
    with pytest.raises(AuthenticationFailed, match="1001"):
        bench(nothing, settings={"sub_account_id": "77"})


def test_an_account_whose_collateral_is_more_than_its_currency_is_refused(bench: Bench) -> None:
    with pytest.raises(ConfigError, match="SINGLE_ASSET_MODE"):
        bench(nothing, answer=account(sub_account_mode="MULTI_ASSET_MODE"))
    bench(nothing, answer=account(sub_account_mode="SINGLE_ASSET_MODE"))
    bench(nothing, answer=account(sub_account_mode=None))


def test_a_private_key_of_another_account_is_told_by_the_first_order(bench: Bench) -> None:
    wrong = PRIVATE_KEY[:-1] + ("0" if PRIVATE_KEY[-1] != "0" else "1")

    async def body(desk: BenchDesk) -> None:
        with pytest.raises(AuthenticationFailed, match="2000") as caught:
            await desk.send(await desk.request())
        assert wrong not in str(caught.value)

    bench(body, settings={"private_key": SecretStr(wrong)})


def test_a_venue_that_is_down_at_the_start_is_no_reason_not_to_open(bench: Bench, caplog: Any) -> None:
    left = [1]

    def answer(request: HttpRequest) -> HttpResponse | None:
        if left and request.url.endswith(SUMMARY):
            left.pop()
            return HttpResponse(status=502, headers={}, body=b"<html>")
        return None

    async def body(desk: BenchDesk) -> None:
        await desk.send(await desk.request())
        # The check that was not made at opening was made before the order.
        assert len(desk.wire.sent("POST", "/account_summary")) == 2

    bench(body, answer=answer)
    assert "could not be asked yet" in caplog.text


def test_the_venues_clock_is_what_orders_are_signed_by(bench: Bench) -> None:
    async def body(desk: Any) -> None:
        desk.wire.change_json("/time", lambda told: {"server_time": told["server_time"] + 20_000})
        await desk.sleep(11 * MINUTE_NS)  # what was known of its clock is too old by then
        await desk.trading.fetch_positions()
        await desk.sleep(SECOND_NS)
        prepared = await desk.trading.prepare_order(await desk.request())
        signed_ns = int(json.loads(prepared.payload.body)["order"]["signature"]["expiration"])
        assert abs(signed_ns - desk.clock.now_ns() - 55 * SECOND_NS) < SECOND_NS
        assert abs(prepared.expires_ns - desk.clock.now_ns() - 35 * SECOND_NS) < SECOND_NS

    bench(body)


@pytest.mark.parametrize("told", [{"server_time": "soon"}, {}, [], {"server_time": 17}])
def test_a_time_that_cannot_be_read_is_not_used(bench: Bench, told: Any, caplog: Any) -> None:
    def answer(request: HttpRequest) -> HttpResponse | None:
        is_it = request.url.endswith("/time")
        return HttpResponse(status=200, headers={}, body=json.dumps(told).encode()) if is_it else None

    async def body(desk: BenchDesk) -> None:
        assert (await desk.send(await desk.request())).filled_quantity > 0

    bench(body, answer=answer)
    assert "time could not be asked" in caplog.text


def test_a_time_in_nanoseconds_is_one_too(bench: Bench, caplog: Any) -> None:
    async def body(desk: BenchDesk) -> None:
        desk.wire.answer = lambda request: (
            HttpResponse(status=200, headers={}, body=json.dumps({"server_time": str(desk.clock.now_ns())}).encode())
            if request.url.endswith("/time")
            else None
        )
        await desk.sleep(6 * MINUTE_NS)
        asked = len(desk.wire.sent("GET", "/time"))
        assert (await desk.send(await desk.request())).filled_quantity > 0
        assert len(desk.wire.sent("GET", "/time")) == asked + 1

    bench(body)
    assert "time could not be asked" not in caplog.text


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"api_key": SecretStr("x")}, "belong together"),
        ({"api_key": SecretStr("x"), "private_key": SecretStr(PRIVATE_KEY)}, "belong together"),
        ({"sub_account_id": "abc"}, "whole number"),
        ({"sub_account_id": "0"}, "whole number"),
        ({"sub_account_id": str(1 << 64)}, "whole number"),
        ({"private_key": SecretStr("0x12")}, "64 hexadecimal"),
        ({"network": "staging"}, "mainnet"),
        ({"order_validity": "1s"}, "greater than or equal"),
        ({"order_validity": "2h"}, "less than or equal"),
        ({"edge_url": "ftp://x"}, "pattern"),
        ({"trades_stream_url": "https://x"}, "pattern"),
        ({"window": "5s"}, "Extra inputs"),
    ],
)
def test_bad_settings_are_refused_with_a_reason(settings: Mapping[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        GrvtSettings.model_validate(settings)


def test_networks_have_hosts_and_chain_ids_of_their_own() -> None:
    mainnet, testnet = NETWORKS["mainnet"], NETWORKS["testnet"]
    assert (mainnet.chain_id, testnet.chain_id) == (325, 326)
    assert mainnet.edge_url == "https://edge.grvt.io"
    assert testnet.trades_url == "https://trades.testnet.grvt.io"
    assert testnet.market_stream_url == "wss://market-data.testnet.grvt.io/ws/full"
    assert GrvtSettings().where == mainnet
    proxied = GrvtSettings(network="testnet", market_url="http://127.0.0.1:1/")
    assert (proxied.where.market_url, proxied.where.trades_url) == ("http://127.0.0.1:1", testnet.trades_url)


def test_every_setting_is_described_and_a_secret_does_not_print(tmp_path: Path) -> None:
    assert all(field.description for field in GrvtSettings.model_fields.values())
    settings = GrvtSettings.model_validate(dict(fake_settings("http://x.test")))
    assert settings.api_key is not None
    for secret in (PRIVATE_KEY, settings.api_key.get_secret_value()):
        assert secret not in repr(settings)


def test_what_is_no_crypto_has_the_word_that_the_other_exchanges_have() -> None:
    """Two markets of one base and of two words never meet: NVDA is a stock on EdgeX, Aster and Backpack."""
    row = {
        "quote": "USDT",
        "tick_size": "0.1",
        "min_size": "0.001",
        "instrument_hash": "0x030501",
        "base_decimals": 9,
    }
    wanted = {"NVDA": "stock", "XAU": "commodity", "NDX": "index", "PAXG": "crypto", "BTC": "crypto"}
    tier = MarginTier(max_notional=None, maintenance_rate=D("0.01"), max_leverage=D(50))
    for base, name in wanted.items():
        market = market_of("grvt", {**row, "instrument": f"{base}_USDT_Perp", "base": base}, (tier,), PUBLIC_FEES, {})
        assert market.instrument.asset_class == name


def test_asset_classes_can_be_set(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        classes = {each.base: each.asset_class for each in await desk.exchange.market.fetch_instruments()}
        assert classes["ETH"] == "collectible"
        assert classes["BTC"] == "crypto"

    bench(body, settings={"asset_classes": {"ETH": "collectible"}})
