"""The fake venue answers as the venue does: who may ask, what counts, and which of two paths it is."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from arb.api import HttpRequest, HttpResponse
from arb.model import MINUTE_NS, SECOND_NS
from arb.net import EvmKey
from arb.testing import Bench, BenchDesk
from arb_dialect_fapi import Endpoint, Endpoints
from arb_exchange_aster._dialect import AGENTS, ASTER
from arb_exchange_aster._nonces import NonceLine
from arb_exchange_aster._signing import AgentSigner, KeySigner
from arb_exchange_aster.fake import AGENT_SECRET, API_KEY, USER, WALLET_SECRET, approval_digest
from arb_exchange_aster.fake._keys import SECRET

HERE = "http://fake.test"


class Asker:
    """Asks the fake without the plugin."""

    def __init__(self, desk: BenchDesk, secret: str = AGENT_SECRET, user: str = USER) -> None:
        self.desk = desk
        self.line = NonceLine()
        self.line.begin_above(desk.clock.now_ns() // 1_000 + 10_000)
        self.signer = AgentSigner(user, EvmKey(secret), 1666, self.line)

    async def raw(self, method: str, path: str, form: str = "", *, body: bool = False) -> HttpResponse:
        url = f"{HERE}{path}" + ("" if body or not form else f"?{form}")
        request = HttpRequest(method=method, url=url, body=form.encode() if body else b"")
        found: HttpResponse = await self.desk.wire.venue.send(request)
        return found

    async def signed(self, method: str, path: str, **params: str) -> tuple[int, Any]:
        form = self.signer.signed(urlencode(params, quote_via=quote), self.desk.clock.now_ns())
        found = await self.raw(method, path, form, body=method in ("POST", "PUT"))
        return found.status, json.loads(found.body)


def test_it_refuses_who_asks_wrongly(bench: Bench) -> None:
    async def run(desk: BenchDesk) -> None:
        asker = Asker(desk)
        path = "/fapi/v3/balance"
        assert (await asker.signed("GET", path))[0] == 200
        stranger = Asker(desk, secret="5a" * 32)
        assert (await stranger.signed("GET", path))[1]["code"] == -2015
        other = Asker(desk, user="0x" + "11" * 20)
        assert (await other.signed("GET", path))[1]["code"] == -2015
        form = asker.signer.signed("", desk.clock.now_ns())
        for wrong, code in (
            (form.rpartition("&")[0], -1102),
            (form[:-4] + "0000", -1022),
            (form.replace("&signature=0x", "&signature="), None),
            (form, -4225),
            (asker.signer.signed("", desk.clock.now_ns() + 11 * SECOND_NS), -4225),
            (form.replace("nonce=", "nonc="), -1022),
        ):
            answer = json.loads((await asker.raw("GET", path, wrong)).body)
            assert (None if isinstance(answer, list) else answer["code"]) == code, wrong

    bench(run)


def test_signer_and_user_are_not_to_be_swapped(bench: Bench) -> None:
    async def run(desk: BenchDesk) -> None:
        swapped = AgentSigner(EvmKey(AGENT_SECRET).address, EvmKey(AGENT_SECRET), 1666, NonceLine())
        form = swapped.signed("", desk.clock.now_ns())
        answer = await Asker(desk).raw("GET", "/fapi/v3/balance", form)
        assert (answer.status, json.loads(answer.body)["code"]) == (401, -2015)

    bench(run)


def test_what_is_posted_may_stand_in_the_query_too(bench: Bench) -> None:
    async def run(desk: BenchDesk) -> None:
        asker = Asker(desk)
        form = asker.signer.signed("symbol=BTCUSDT&leverage=3", desk.clock.now_ns())
        answer = json.loads((await asker.raw("POST", "/fapi/v3/leverage", form)).body)
        assert (answer["symbol"], answer["leverage"]) == ("BTCUSDT", 3)

    bench(run)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"quantity": "0.00001"}, -1111),
        ({"price": "60000.123"}, -4014),
        ({"side": "HOLD"}, -1117),
        ({"type": "STOP"}, -1116),
        ({"timeInForce": "GTD"}, -1115),
        ({"symbol": "TESTUSDT"}, -1121),
        ({"positionSide": "LONG"}, -4061),
        ({"newClientOrderId": "x" * 37}, -4015),
        ({"quantity": "0.001", "price": "100"}, -4164),
        ({"reduceOnly": "true"}, -2022),
    ],
)
def test_it_refuses_an_order_with_the_venues_code(bench: Bench, changes: dict[str, str], code: int) -> None:
    async def run(desk: BenchDesk) -> None:
        order = {
            "symbol": "BTCUSDT",
            "side": "BUY",
            "type": "LIMIT",
            "timeInForce": "GTC",
            "quantity": "0.01",
            "price": "60000",
            **changes,
        }
        status, answer = await Asker(desk).signed("POST", "/fapi/v3/order", **order)
        assert (status, answer["code"]) == (400, code)

    bench(run)


def test_weights_are_counted_as_the_venue_counts_them(bench: Bench) -> None:
    async def run(desk: BenchDesk) -> None:
        asker = Asker(desk)

        async def weight(path: str, **params: str) -> int:
            form = urlencode(params)
            before = await asker.raw("GET", "/fapi/v3/ping")
            after = await asker.raw("GET", path, form)
            return int(after.headers["X-MBX-USED-WEIGHT-1M"]) - int(before.headers["X-MBX-USED-WEIGHT-1M"])

        told = {
            "/fapi/v3/exchangeInfo": 1,
            "/fapi/v3/premiumIndex": 1,
            "/fapi/v3/fundingInfo": 1,
            "/fapi/v3/ticker/24hr": 40,
            "/fapi/v3/ticker/bookTicker": 2,
            "/fapi/v3/time": 1,
        }
        assert {path: await weight(path) for path in told} == told
        assert await weight("/fapi/v3/ticker/24hr", symbol="BTCUSDT") == 1
        assert await weight("/fapi/v3/fundingRate", symbol="BTCUSDT") == 1
        assert [await weight("/fapi/v3/depth", symbol="BTCUSDT", limit=each) for each in ("50", "100", "1000")] == [
            2,
            5,
            20,
        ]

    bench(run)


def test_what_the_plugin_counts_is_what_the_venue_counts(bench: Bench) -> None:
    """Each call of the plugin costs at the venue what the plugin takes it to cost."""
    known = {each.path: each.weight for each in vars_of(ASTER.endpoints)} | {AGENTS.path: AGENTS.weight}
    known[ASTER.endpoints.depth.path] = 20

    async def run(desk: Any) -> None:
        await desk.sleep(MINUTE_NS - desk.clock.now_ns() % MINUTE_NS + SECOND_NS)
        await desk.trading.fetch_positions()
        calls = [
            desk.trading.fetch_positions,
            desk.trading.fetch_balances,
            desk.trading.fetch_open_orders,
            desk.exchange.market.fetch_instruments,
            desk.exchange.market.fetch_funding_rates,
            desk.exchange.market.fetch_stats,
            lambda: desk.trading.fetch_leverage(desk.instrument.id),
            lambda: desk.exchange.market.fetch_order_book(desk.instrument.id, 1000),
        ]
        for call in calls:
            before, sent = desk.world.memory["limits"]["weight"], len(desk.wire.requests)
            await call()
            after = desk.world.memory["limits"]["weight"]
            assert before[0] == after[0], "within one minute"
            paths = [each.url.removeprefix(HERE).partition("?")[0] for each in desk.wire.requests[sent:]]
            assert after[1] - before[1] == sum(known[path] for path in paths) > 0, paths

    bench(run)


def vars_of(endpoints: Endpoints) -> list[Endpoint]:
    return [each for name in fields(endpoints) if (each := getattr(endpoints, name.name)) is not None]


def test_version_1_and_version_3_are_one_account(bench: Bench) -> None:
    async def run(desk: BenchDesk) -> None:
        await desk.send(await desk.resting())
        signer = KeySigner(API_KEY, SECRET, 5 * SECOND_NS)

        async def old(path: str) -> Any:
            url = f"{HERE}{path}?{signer.signed('', desk.clock.now_ns())}"
            request = HttpRequest(method="GET", url=url, headers=signer.headers())
            return json.loads((await desk.wire.venue.send(request)).body)

        (row,) = await old("/fapi/v1/openOrders")
        assert row == (await Asker(desk).signed("GET", "/fapi/v3/openOrders"))[1][0]
        assert {each["asset"] for each in await old("/fapi/v2/balance")} == {"USDT"}
        assert (await old("/fapi/v4/account"))["assets"][0]["asset"] == "USDT"
        # A signature of the one is none of the other.
        assert (await old("/fapi/v3/openOrders"))["code"] == -2015

    bench(run)


def test_a_stale_request_of_version_1_is_refused(bench: Bench) -> None:
    async def run(desk: BenchDesk) -> None:
        signer = KeySigner(API_KEY, SECRET, 5 * SECOND_NS)
        for off_ns, code in ((-5 * SECOND_NS, None), (-6 * SECOND_NS, -1021), (SECOND_NS, -1021)):
            url = f"{HERE}/fapi/v2/balance?{signer.signed('', desk.clock.now_ns() + off_ns)}"
            request = HttpRequest(method="GET", url=url, headers=signer.headers())
            answer = json.loads((await desk.wire.venue.send(request)).body)
            assert (None if isinstance(answer, list) else answer["code"]) == code

    bench(run)


def test_the_wallet_approves_with_a_struct_of_all_parameters(bench: Bench) -> None:
    async def run(desk: BenchDesk) -> None:
        fields: dict[str, str | int | bool] = {
            "agentName": "another",
            "agentAddress": EvmKey("5a" * 32).address,
            "ipWhitelist": "",
            "expired": 4_102_444_800_000,
            "canSpotTrade": False,
            "canPerpTrade": True,
            "canWithdraw": True,
            "asterChain": "Mainnet",
            "user": USER,
            "nonce": desk.clock.now_ns() // 1_000 + 20_000,
        }
        made = EvmKey(WALLET_SECRET).sign(approval_digest("ApproveAgent", fields)).to_bytes().hex()
        form = urlencode({**fields, "signature": f"0x{made}", "signatureChainId": 56})
        asker = Asker(desk)
        changed = form.replace("canWithdraw=True", "canWithdraw=False")
        refused = await asker.raw("POST", "/fapi/v3/approveAgent", changed, body=True)
        assert json.loads(refused.body)["code"] == -1022
        taken = await asker.raw("POST", "/fapi/v3/approveAgent", form, body=True)
        assert json.loads(taken.body)["code"] == 200
        _, listed = await asker.signed("GET", "/fapi/v3/agent")
        assert [(each["agentName"], each["canWithdraw"]) for each in listed] == [("arb", False), ("another", True)]

    bench(run)


def test_an_unknown_path_or_method_is_not_there(bench: Bench) -> None:
    async def run(desk: BenchDesk) -> None:
        asker = Asker(desk)
        for method, path in (("GET", "/fapi/v3/nothing"), ("PUT", "/fapi/v3/order"), ("GET", "/fapi/v3/openInterest")):
            answer = await asker.raw(method, path)
            assert (answer.status, json.loads(answer.body)["code"]) == (404, -5000)

    bench(run)
