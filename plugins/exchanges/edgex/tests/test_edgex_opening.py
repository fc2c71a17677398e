"""Opening: keys, what is read-only without them, whose account it is, and settings."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from arb.api import AuthenticationFailed, BadResponse, Capability, ConfigError, HttpRequest, HttpResponse
from arb.model import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS
from arb.net import VenueTime
from arb.testing import Bench, BenchDesk
from arb_exchange_edgex._open import traits_of
from arb_exchange_edgex._settings import EdgexSettings
from arb_exchange_edgex.fake._keys import API_KEY, PASSPHRASE, SECRET, TRADING_KEY, WALLET_KEY, address_of

KEYS = ("api_key", "api_passphrase", "api_secret", "trading_key")


async def nothing(desk: BenchDesk) -> None:
    """Only open and close."""


def account_with(**changes: Any) -> Callable[[HttpRequest], HttpResponse | None]:
    """Answer for the account's asset with an account changed in these fields."""
    account = {"id": "700000000000000001", "status": "NORMAL", "isLiquidating": False, **changes}
    data = {"account": account, "positionList": [], "positionAssetList": [], "collateralAssetModelList": []}
    body = json.dumps({"code": "SUCCESS", "data": data}).encode()

    def answer(request: HttpRequest) -> HttpResponse | None:
        is_it = "/getAccountAsset" in request.url
        return HttpResponse(status=200, headers={}, body=body) if is_it else None

    return answer


def test_without_keys_there_is_public_data_alone(bench: Bench) -> None:
    async def body(desk: Any) -> None:
        exchange = desk.exchange
        assert exchange.trading is None
        assert Capability.TRADING not in exchange.capabilities
        assert Capability.ACCOUNT_STREAM not in exchange.capabilities
        assert Capability.BOOK_STREAM in exchange.capabilities
        assert await exchange.market.fetch_fx_rates() == {"USDC": 1}
        assert await exchange.market.fetch_funding_rates()
        assert await exchange.market.fetch_stats()
        with pytest.raises(BadResponse, match="no key"):
            exchange.streams.watch_account()
        assert not [each for each in desk.wire.requests if "private" in each.url]
        # The contract's published fees.
        assert (str(desk.instrument.fees.maker), str(desk.instrument.fees.taker)) == ("0.0002", "0.0005")

    bench(body, without=KEYS)


def test_with_keys_the_fees_are_the_accounts_own(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        true = (await desk.truth.market.fetch_instruments())[0].fees
        assert desk.instrument.fees == true

    bench(body)


@pytest.mark.parametrize("name", ["api_key", "api_passphrase", "api_secret"])
def test_a_wrong_key_shows_at_once_and_is_not_shown(bench: Bench, name: str) -> None:
    wrong = "wrong-" + "0" * 26
    with pytest.raises(AuthenticationFailed, match="API Management") as caught:
        bench(nothing, settings={name: SecretStr(wrong)})
    assert wrong not in f"{caught.value!r} {caught.value}"


def test_a_trading_key_that_does_not_sign_for_the_account_is_found_at_opening(bench: Bench) -> None:
    with pytest.raises(ConfigError, match="does not sign") as caught:
        bench(nothing, settings={"trading_key": SecretStr("22" * 32)})
    assert "22" * 32 not in str(caught.value)
    with pytest.raises(ConfigError, match="64 hexadecimal digits"):
        bench(nothing, settings={"trading_key": SecretStr("22")})


def test_the_wallets_own_key_can_withdraw_and_is_refused(bench: Bench) -> None:
    settings = {"trading_key": SecretStr(WALLET_KEY)}
    with pytest.raises(ConfigError, match="can withdraw"):
        bench(nothing, settings=settings)
    signers = account_with(ethAddress=address_of(WALLET_KEY).upper().replace("0X", "0x"))
    with pytest.raises(ConfigError, match="can withdraw"):
        bench(nothing, settings=settings, answer=signers)
    bench(nothing, settings={**settings, "allow_withdrawal_keys": True}, answer=signers)


def test_keys_of_another_account_are_refused(bench: Bench) -> None:
    with pytest.raises(AuthenticationFailed, match="another account"):
        bench(nothing, answer=account_with(id="5"))


def test_an_account_without_a_list_of_signers_is_taken(bench: Bench, caplog: Any) -> None:
    bench(nothing, answer=account_with(isLiquidating=True, status="DISABLED"))
    assert "liquidating" in caplog.text
    assert "not as usual" in caplog.text


def test_a_venue_that_does_not_answer_at_the_start_is_asked_before_the_first_order(bench: Bench, caplog: Any) -> None:
    broken = [b"<html>"] * 2

    def answer(request: HttpRequest) -> HttpResponse | None:
        if broken and "/getAccountAsset" in request.url:
            return HttpResponse(status=200, headers={}, body=broken.pop())
        return None

    async def body(desk: BenchDesk) -> None:
        assert desk.exchange.trading is not None
        prepared = await desk.trading.prepare_order(await desk.request())
        assert desk.wire.sent("GET", "getAccountAsset")
        assert (await desk.trading.send_order(prepared)).filled_quantity

    async def opened(desk: BenchDesk) -> None:
        try:
            await body(desk)
        except BadResponse:
            # The listing is asked for with the account's fees: the second broken answer met it.
            await body(desk)

    broken.pop()
    bench(opened, answer=answer)
    assert "could not be asked yet" in caplog.text


def test_an_order_of_an_account_that_is_found_wrong_later_is_refused(bench: Bench) -> None:
    broken = [True]

    async def body(desk: BenchDesk) -> None:
        broken.clear()
        with pytest.raises(AuthenticationFailed, match="can withdraw"):
            await desk.trading.prepare_order(await desk.request())

    wrong = account_with(ethAddress=address_of(TRADING_KEY))

    def answer(request: HttpRequest) -> HttpResponse | None:
        if "/getAccountAsset" not in request.url:
            return None
        return HttpResponse(status=503, headers={}, body=b"") if broken else wrong(request)

    async def public_listing(desk: BenchDesk) -> None:
        await body(desk)

    with_listing = replace_listing(answer, broken)
    bench(public_listing, answer=with_listing)


def replace_listing(
    answer: Callable[[HttpRequest], HttpResponse | None], broken: list[bool]
) -> Callable[[HttpRequest], HttpResponse | None]:
    """Let the first question for the account fail, and the second one, which is for fees, be answered."""
    asked = [0]

    def changed(request: HttpRequest) -> HttpResponse | None:
        if "/getAccountAsset" in request.url and broken:
            asked[0] += 1
            return HttpResponse(status=503, headers={}, body=b"") if asked[0] == 1 else None
        return answer(request)

    return changed


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"api_key": SecretStr("x")}, "belong together"),
        ({"trading_key": SecretStr("x"), "account_id": "1"}, "belong together"),
        ({name: SecretStr("x") for name in KEYS}, "account_id is missing"),
        ({"account_id": "0x12"}, "pattern"),
        ({"order_validity": "1s"}, "greater than or equal"),
        ({"order_validity": "61s"}, "less than or equal"),
        ({"order_validity": "2500ms"}, "whole seconds"),
        ({"resting_life": "23d"}, "less than or equal"),
        ({"network": "stagenet"}, "mainnet"),
        ({"api_url": "ftp://x"}, "pattern"),
        ({"stream_url": "https://x"}, "pattern"),
        ({"window": "5s"}, "Extra inputs"),
    ],
)
def test_bad_settings_are_refused_with_a_reason(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        EdgexSettings.model_validate(settings)


def test_networks_and_descriptions(tmp_path: Path) -> None:
    assert [name for name, each in EdgexSettings.model_fields.items() if not each.description] == []
    main, test = EdgexSettings(), EdgexSettings.model_validate({"network": "testnet"})
    assert main.addresses.api == "https://edgex-prod-v2.edgex.exchange"
    assert main.addresses.stream == "wss://edgex-quote-prod-v2.edgex.exchange"
    assert test.addresses.api == "https://testnet.edgex.exchange"
    mixed = EdgexSettings.model_validate({"network": "testnet", "api_url": "http://x/"})
    assert mixed.addresses == ("http://x", test.addresses.stream)
    file = tmp_path / "secret"
    file.write_text("hidden-value\n")
    settings = EdgexSettings.model_validate({"account_id": "1", **dict.fromkeys(KEYS, f"file:{file}")})
    assert "hidden-value" not in repr(settings)


def test_the_traits_follow_from_the_settings() -> None:
    traits = traits_of(EdgexSettings.model_validate({"order_validity": "20s"}))
    assert traits.order_validity_ns == 22 * SECOND_NS
    assert traits.averaging is None
    assert traits_of(EdgexSettings()).order_validity_ns < 15 * SECOND_NS
    assert EdgexSettings().resting_life == DAY_NS


def test_no_request_carries_what_signs(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        await desk.send(await desk.request())
        for each in desk.wire.requests:
            sent = f"{each.url} {dict(each.headers)} {each.body!r}"
            assert SECRET not in sent
            assert TRADING_KEY not in sent
            assert "private" in each.url or API_KEY not in sent
            assert "private" in each.url or PASSPHRASE not in sent

    bench(body)


def test_the_clock_of_the_venue_is_learnt_before_anything_is_signed(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        paths = [each.url.partition("?")[0].rpartition("/")[2] for each in desk.wire.requests]
        assert paths[0] == "getServerTime"
        assert paths.count("getServerTime") == 1
        await desk.sleep(6 * MINUTE_NS)
        await desk.trading.fetch_positions()
        assert len(desk.wire.sent("GET", "getServerTime")) == 2

    bench(body)


def test_an_order_is_not_signed_by_a_clock_that_nobody_confirmed(bench: Bench) -> None:
    """Its expiry might be hours away."""

    async def body(desk: Any) -> None:
        request = await desk.request()
        rest = desk.exchange.trading._rest
        rest.time = VenueTime(rest._context, rest._ask_time)  # as if it had never been learnt
        down = HttpResponse(status=503, headers={}, body=b"")
        desk.wire.answer = lambda one: down if "getServerTime" in one.url else None
        with pytest.raises(Exception, match="the venue failed"):
            await desk.trading.prepare_order(request)
        desk.wire.answer = lambda one: None
        prepared = await desk.trading.prepare_order(replace(request))
        assert prepared.expires_ns is not None

    bench(body)


@pytest.mark.parametrize(("is_refused", "most_s"), [(False, 2), (True, 3)])
def test_a_venue_that_does_not_tell_its_time_holds_nothing_up(bench: Bench, is_refused: bool, most_s: int) -> None:
    """It is asked in the background; an order waits for it where the venue refused what is known, and not for long."""

    async def body(desk: Any) -> None:
        inner = desk.wire.venue.send

        async def silent(asked: HttpRequest) -> HttpResponse:
            if asked.url.endswith("/getServerTime"):
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
        assert desk.wire.sent("GET", "getServerTime")

    bench(body)
