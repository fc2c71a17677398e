"""Opening: keys, what is read-only without them, settings, and money that is paid out of open positions."""

from __future__ import annotations

import base64
import json
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import SecretStr, ValidationError

from arb.api import AuthenticationFailed, BadResponse, Capability, ConfigError, HttpRequest, HttpResponse
from arb.model import MINUTE_NS, SECOND_NS, Side
from arb.testing import Bench, BenchDesk
from arb_exchange_backpack._settings import BackpackSettings


def pair(seed: bytes) -> dict[str, SecretStr]:
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    return {
        "api_key": SecretStr(base64.b64encode(public).decode()),
        "api_secret": SecretStr(base64.b64encode(seed).decode()),
    }


async def nothing(desk: BenchDesk) -> None:
    """Only open and close."""


def test_without_a_key_there_is_public_data_alone(bench: Bench) -> None:
    async def body(desk: Any) -> None:
        exchange = desk.exchange
        assert exchange.trading is None
        assert Capability.TRADING not in exchange.capabilities
        assert Capability.ACCOUNT_STREAM not in exchange.capabilities
        assert Capability.BOOK_STREAM in exchange.capabilities
        assert (desk.instrument.fees.maker, desk.instrument.fees.taker) == (D("0.0002"), D("0.0005"))
        assert await exchange.market.fetch_fx_rates() == {"USDC": D(1)}
        assert await exchange.market.fetch_funding_rates()
        with pytest.raises(BadResponse, match="no key"):
            exchange.streams.watch_account()
        assert not [each for each in desk.wire.requests if "X-API-Key" in each.headers]

    bench(body, without=("api_key", "api_secret"))


def test_with_a_key_the_fees_are_the_accounts_own(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        true = (await desk.truth.market.fetch_instruments())[0].fees
        assert desk.instrument.fees == true

    bench(body)


def test_a_rebate_is_negative(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        def rebate(request: HttpRequest) -> HttpResponse | None:
            answer = {"futuresMakerFee": "-0.5", "futuresTakerFee": "1.8"}
            is_it = request.url.endswith("/api/v1/account")
            return HttpResponse(status=200, headers={}, body=json.dumps(answer).encode()) if is_it else None

        desk.wire.answer = rebate
        fees = (await desk.exchange.market.fetch_instruments())[0].fees
        assert (fees.maker, fees.taker) == (D("-0.00005"), D("0.00018"))

    bench(body)


def test_a_key_that_the_venue_does_not_know_shows_at_once(bench: Bench) -> None:
    with pytest.raises(AuthenticationFailed, match="api_key") as caught:
        bench(nothing, settings=pair(bytes(32)))
    assert base64.b64encode(bytes(32)).decode() not in str(caught.value)


def test_a_venue_that_does_not_answer_at_the_start_is_no_reason_not_to_open(bench: Bench, caplog: Any) -> None:
    async def body(desk: BenchDesk) -> None:
        assert desk.exchange.trading is not None
        assert await desk.trading.fetch_positions() == []

    broken = [b"<html>"]

    def answer(request: HttpRequest) -> HttpResponse | None:
        if broken and request.url.endswith("/api/v1/account"):
            return HttpResponse(status=200, headers={}, body=broken.pop())
        return None

    bench(body, answer=answer)
    assert "could not be read at the start" in caplog.text


def test_halves_of_two_keys_are_refused_before_anything_is_sent(bench: Bench) -> None:
    mixed = {**pair(bytes(32)), "api_secret": pair(bytes(31) + b"1")["api_secret"]}
    with pytest.raises(ConfigError, match="public half"):
        bench(nothing, settings=mixed)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"api_key": SecretStr("x")}, "belong together"),
        ({"api_secret": SecretStr("x")}, "belong together"),
        ({"window": "100ms"}, "between '500ms' and '60s'"),
        ({"window": "61s"}, "between '500ms' and '60s'"),
        ({"window": 5000}, "number and a unit"),
        ({"api_url": "ftp://x"}, "pattern"),
        ({"stream_url": "https://x"}, "pattern"),
        ({"network": "testnet"}, "Extra inputs"),
    ],
)
def test_bad_settings_are_refused_with_a_reason(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        BackpackSettings.model_validate(settings)


def test_every_setting_is_described_and_a_secret_does_not_print(tmp_path: Path) -> None:
    assert [name for name, each in BackpackSettings.model_fields.items() if not each.description] == []
    file = tmp_path / "secret"
    file.write_text("hidden-value\n")
    settings = BackpackSettings.model_validate({"api_key": f"file:{file}", "api_secret": f"file:{file}"})
    assert "hidden-value" not in repr(settings)
    assert settings.api_url == "https://api.backpack.exchange"


def test_no_request_carries_the_secret(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        await desk.send(await desk.request())
        secret = base64.b64encode(SEED_OF_FAKE).decode()
        for each in desk.wire.requests:
            assert secret not in f"{each.url} {dict(each.headers)} {each.body!r}"

    from arb_exchange_backpack.fake._keys import SEED as SEED_OF_FAKE

    bench(body)


def test_profit_that_the_venue_pays_out_each_ten_seconds_is_no_cash(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        (before,) = await desk.trading.fetch_balances()
        await desk.send(await desk.request(quantity=desk.instrument.lot_size * 50_000))
        (fill, *_) = fills = await desk.trading.fetch_fills(0)
        assert fill.side is Side.BUY
        spent = sum(each.fee for each in fills)
        raw = []
        for _ in range(12):
            await desk.sleep(MINUTE_NS)
            (balance,) = await desk.trading.fetch_balances()
            (position,) = await desk.trading.fetch_positions()
            (true,) = await desk.truth.trading.fetch_balances()
            (held,) = await desk.truth.trading.fetch_positions()
            assert abs(position.unrealized_pnl - held.unrealized_pnl) < D("0.00001")
            assert abs(balance.cash - true.cash) < D("0.00001")
            assert abs(balance.equity - true.equity) < D("0.00001")
            assert balance.equity - balance.cash == position.unrealized_pnl
            assert balance.cash + spent == pytest.approx(before.cash, abs=D("0.00001"))
            answer = json.loads((await ask(desk, "/api/v1/capital/collateral")).body)
            raw.append(D(answer["collateral"][0]["totalQuantity"]))
        # The venue's own balance did move with the price: the check above is not empty.
        assert max(raw) - min(raw) > 1

    async def ask(desk: BenchDesk, path: str) -> HttpResponse:
        await desk.exchange.market.fetch_fx_rates()
        request = desk.wire.sent("GET", path)[-1]
        answer: HttpResponse = await desk.wire.venue.send(request)
        return answer

    bench(body)


def test_positions_that_change_under_the_balance_are_read_again(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        await desk.send(await desk.request())
        await desk.trading.fetch_positions()
        (row,) = json.loads((await desk.wire.venue.send(desk.wire.sent("GET", "/api/v1/position")[-1])).body)
        unpaid: list[str] = []

        def move(request: HttpRequest) -> HttpResponse | None:
            if "/api/v1/position" not in request.url:
                return None
            changed = [{**row, "pnlUnrealized": unpaid.pop(0)}]
            return HttpResponse(status=200, headers={}, body=json.dumps(changed).encode())

        desk.wire.answer = move
        unpaid[:] = ["1", "2", "2"]
        assert await desk.trading.fetch_balances()
        assert unpaid == []
        unpaid[:] = ["1", "2", "3", "4", "5"]
        with pytest.raises(BadResponse, match="changed during each"):
            await desk.trading.fetch_balances()

    bench(body)


def test_a_borrowed_currency_is_no_cash(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        (before,) = await desk.trading.fetch_balances()
        answer = json.loads((await collateral(desk)).body)

        def owing(request: HttpRequest) -> HttpResponse | None:
            changed = {**answer, "borrowLiability": "100", "unsettledEquity": "7"}
            is_it = "/api/v1/capital/collateral" in request.url
            return HttpResponse(status=200, headers={}, body=json.dumps(changed).encode()) if is_it else None

        desk.wire.answer = owing
        (after,) = await desk.trading.fetch_balances()
        assert after.cash == before.cash - 100 + 7

    async def collateral(desk: BenchDesk) -> HttpResponse:
        answer: HttpResponse = await desk.wire.venue.send(desk.wire.sent("GET", "/api/v1/capital/collateral")[-1])
        return answer

    bench(body)


def test_a_rate_outside_its_bounds_is_left_out(bench: Bench, caplog: Any) -> None:
    async def body(desk: BenchDesk) -> None:
        rows = json.loads((await marks(desk)).body)
        rows[0]["fundingRate"] = "5"

        def odd(request: HttpRequest) -> HttpResponse | None:
            is_it = "/api/v1/markPrices" in request.url
            return HttpResponse(status=200, headers={}, body=json.dumps(rows).encode()) if is_it else None

        desk.wire.answer = odd
        rates = await desk.exchange.market.fetch_funding_rates()
        assert len(rates) == len(rows) - 1
        assert desk.instrument.id not in {rate.instrument for rate in rates}

    async def marks(desk: BenchDesk) -> HttpResponse:
        await desk.exchange.market.fetch_funding_rates()
        answer: HttpResponse = await desk.wire.venue.send(desk.wire.sent("GET", "/api/v1/markPrices")[-1])
        return answer

    bench(body)
    assert "outside its bounds" in caplog.text


def test_funding_history_is_joined_from_pages_that_move(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        stamps = [f"2025-12-{day:02}T{hour:02}:00:00" for day in range(1, 32) for hour in range(24)]
        stamps += [f"2025-11-{day:02}T{hour:02}:00:00" for day in range(1, 31) for hour in range(24)]
        rows = [{"intervalEndTimestamp": at, "fundingRate": "0.0001"} for at in sorted(stamps, reverse=True)]

        def page(request: HttpRequest) -> HttpResponse | None:
            path, _, query = request.url.partition("?")
            if not path.endswith("/fundingRates"):
                return None
            params = dict(pair.split("=") for pair in query.split("&"))
            # A settlement came between two pages: what was 1000th is 1001st now.
            begin = max(0, int(params["offset"]) - 1)
            chosen = rows[begin : begin + int(params["limit"])]
            return HttpResponse(status=200, headers={}, body=json.dumps(chosen).encode())

        desk.wire.answer = page
        now_ns = desk.clock.now_ns()
        rates = await desk.exchange.market.fetch_funding_history(desk.instrument.id, 0, now_ns)
        times = [rate.ts_event_ns for rate in rates]
        assert times == sorted(set(times))
        assert len(times) == len(stamps)
        window = await desk.exchange.market.fetch_funding_history(desk.instrument.id, times[5], times[9])
        assert [rate.ts_event_ns for rate in window] == times[5:9]

    bench(body)


def test_transfers_begin_with_the_deposit(bench: Bench) -> None:
    async def body(desk: Any) -> None:
        await desk.send(await desk.request())
        (deposit,) = await desk.trading.fetch_transfers(0)
        assert (deposit.amount, deposit.currency) == (desk.world.deposit, "USDC")
        assert await desk.trading.fetch_transfers(deposit.ts_event_ns + SECOND_NS) == []

    bench(body)
