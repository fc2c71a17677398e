"""Who asks: agents, what they may do, keys of version 1, and the settings that decide."""

from __future__ import annotations

import json
import logging
from typing import Any
from urllib.parse import parse_qsl

import pytest
from pydantic import SecretStr, ValidationError

from arb.api import AuthenticationFailed, BadResponse, ConfigError, HttpRequest, HttpResponse
from arb.model import DAY_NS, SECOND_NS, OrderStatus
from arb.testing import START_NS, Bench, BenchDesk, FakeWorld, MemoryState
from arb_exchange_aster._settings import HOSTS, AsterSettings
from arb_exchange_aster._signing import checksummed
from arb_exchange_aster.fake import AGENT_SECRET, USER, WALLET_SECRET, key_settings
from arb_exchange_aster.fake._keys import AGENT, SECRET

STRANGER = "5a" * 32
ADDRESS = "http://fake.test"


def agents_of(**changes: Any) -> FakeWorld:
    row = {
        "agentAddress": checksummed(AGENT),
        "agentName": "arb",
        "ipWhitelist": "",
        "expired": 4_102_444_800_000,
        "source": "API",
        "canRead": True,
        "canSpotTrade": False,
        "canPerpTrade": True,
        "canWithdraw": False,
    }
    kept = {name: value for name, value in {**row, **changes}.items() if value is not None}
    return FakeWorld(memory={"agents": [kept]})


async def nothing(desk: BenchDesk) -> None:
    await desk.trading.fetch_positions()


def refused(bench: Bench, kind: type[Exception], match: str, **given: Any) -> None:
    with pytest.raises(kind, match=match) as told:
        bench(nothing, **given)
    for secret in (AGENT_SECRET, WALLET_SECRET, STRANGER, SECRET):
        assert secret not in str(told.value)


def test_an_agent_that_can_withdraw_is_refused_unless_allowed(bench: Bench) -> None:
    refused(bench, ConfigError, "can withdraw", world=agents_of(canWithdraw=True))
    bench(nothing, world=agents_of(canWithdraw=True), settings={"allow_withdrawal_keys": True})


def test_an_agent_of_which_it_is_not_said_counts_as_one_that_can(bench: Bench) -> None:
    async def run(desk: BenchDesk) -> None:
        rows = [{k: v for k, v in row.items() if k != "canWithdraw"} for row in desk.world.memory["agents"]]
        body = json.dumps(rows).encode()
        desk.wire.answer = lambda request: (
            HttpResponse(status=200, headers={}, body=body) if "/agent" in request.url else None
        )
        with pytest.raises(ConfigError, match="can withdraw"):
            async with desk.open():
                pass

    bench(run)


def test_the_wallets_own_key_can_withdraw_everything(bench: Bench) -> None:
    wallet = {"agent_key": SecretStr(WALLET_SECRET)}
    refused(bench, ConfigError, "key of the account's wallet", settings=wallet)

    async def run(desk: BenchDesk) -> None:
        assert (await desk.send(await desk.request())).status is OrderStatus.FILLED

    bench(run, settings={**wallet, "allow_withdrawal_keys": True})


def test_an_agent_that_is_not_approved_is_refused_before_anything_is_traded(bench: Bench) -> None:
    refused(bench, AuthenticationFailed, "-2015", settings={"agent_key": SecretStr(STRANGER)})


def test_an_agent_that_the_list_does_not_have_is_refused(bench: Bench) -> None:
    """The venue answered, as it would to an agent of the same account that has just been revoked."""

    async def run(desk: BenchDesk) -> None:
        desk.wire.answer = lambda request: (
            HttpResponse(status=200, headers={}, body=b"[]") if "/agent" in request.url else None
        )
        with pytest.raises(AuthenticationFailed, match="has not approved it"):
            async with desk.open():
                pass

    bench(run)


def test_an_account_holds_nothing_only_while_the_list_has_the_agent(bench: Bench) -> None:
    """The venue is said to answer a revoked agent with an account that is empty: no leg may pass for gone by that."""

    async def run(desk: BenchDesk) -> None:
        async with desk.open() as exchange:
            assert await exchange.trading.fetch_positions() == []
            desk.wire.answer = lambda request: (
                HttpResponse(status=200, headers={}, body=b"[]") if "/agent" in request.url else None
            )
            assert await exchange.trading.fetch_balances()
            with pytest.raises(AuthenticationFailed, match="has not approved it"):
                await exchange.trading.fetch_positions()
            desk.wire.answer = lambda request: (
                HttpResponse(status=200, headers={}, body=b"{}") if "/agent" in request.url else None
            )
            with pytest.raises(BadResponse):
                await exchange.trading.fetch_positions()

    bench(run)
    bench(run, settings={"allow_withdrawal_keys": True})


def test_an_agent_without_the_right_to_trade_perpetuals_is_refused(bench: Bench) -> None:
    async def run(desk: BenchDesk) -> None:
        for change in ({"canPerpTrade": False}, {"canPerpTrade": None}):
            rows = [{**row, **change} for row in desk.world.memory["agents"]]
            told = [{k: v for k, v in row.items() if v is not None} for row in rows]
            body = json.dumps(told).encode()
            desk.wire.answer = lambda request, body=body: (
                HttpResponse(status=200, headers={}, body=body) if "/agent" in request.url else None
            )
            with pytest.raises(AuthenticationFailed, match="may not trade perpetuals"):
                async with desk.open():
                    pass

    bench(run)


def test_once_the_approval_is_over_nothing_is_sent_any_more(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """Reads too: the venue is said to answer some of them with an account that holds nothing."""

    async def run(desk: BenchDesk) -> None:
        await desk.trading.fetch_positions()
        await desk.sleep(DAY_NS)
        before = len([each for each in desk.wire.requests if "signature" in f"{each.url}{each.body!r}"])
        with pytest.raises(AuthenticationFailed, match="its approval is over"):
            await desk.trading.fetch_positions()
        with pytest.raises(AuthenticationFailed, match="its approval is over"):
            await desk.trading.fetch_balances()
        assert len([each for each in desk.wire.requests if "signature" in f"{each.url}{each.body!r}"]) == before

    with caplog.at_level(logging.WARNING):
        bench(run, world=agents_of(expired=(START_NS + DAY_NS) // 1_000_000))
    assert "ends within a week" in caplog.text
    refused(bench, AuthenticationFailed, "-2015", world=agents_of(expired=START_NS // 1_000_000))


def test_a_list_of_agents_that_cannot_be_read_lets_nothing_be_traded(bench: Bench) -> None:
    async def run(desk: BenchDesk) -> None:
        desk.wire.answer = lambda request: (
            HttpResponse(status=200, headers={}, body=b'{"code":200}') if "/agent" in request.url else None
        )
        async with desk.open() as closed:
            with pytest.raises(BadResponse, match="agents"):
                await closed.trading.prepare_order(await desk.request())
        desk.wire.answer = lambda request: (
            HttpResponse(status=404, headers={}, body=b'{"code":-5000,"msg":"Path is invalid"}')
            if "/agent" in request.url
            else None
        )
        async with desk.open({"allow_withdrawal_keys": True}) as opened:
            await opened.trading.prepare_order(await desk.request())

    bench(run)


def test_what_an_agent_signs_for_the_other_network_is_refused(bench: Bench) -> None:
    refused(bench, AuthenticationFailed, "-1022", settings={"network": "testnet"})
    bench(nothing, world=FakeWorld(memory={"chain_id": 714}), settings={"network": "testnet"})


@pytest.mark.parametrize(("name", "match"), [("dual", "hedge mode"), ("multi", "multi-assets mode")])
def test_an_account_that_is_kept_in_another_way_is_refused(bench: Bench, name: str, match: str) -> None:
    modes = {"dual": False, "multi": False, name: True}
    refused(bench, ConfigError, match, world=FakeWorld(memory={"modes": modes}))


# -- version 1 --


def with_key(**changes: Any) -> dict[str, Any]:
    """Return how the bench opens a client with a key of version 1 in the place of an agent."""
    return {"settings": {**key_settings(ADDRESS), **changes}, "without": ("user", "agent_key")}


def test_a_key_of_version_1_speaks_version_1(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    async def run(desk: BenchDesk) -> None:
        placed = await desk.send(await desk.request())
        assert placed.status is OrderStatus.FILLED
        (position,) = await desk.trading.fetch_positions()
        (balance, *_) = await desk.trading.fetch_balances()
        assert position.quantity == placed.filled_quantity
        assert balance.currency == "USDT"
        paths = {each.url.removeprefix(ADDRESS).partition("?")[0] for each in desk.wire.requests}
        assert {"/fapi/v1/order", "/fapi/v2/positionRisk", "/fapi/v4/account"} <= paths
        assert not [each for each in paths if each.startswith("/fapi/v3")]
        (order,) = desk.wire.sent("POST", "/fapi/v1/order")
        sent = dict(parse_qsl(order.body.decode()))
        assert not {"nonce", "user", "signer", "stpMode"} & sent.keys()
        assert list(sent)[-3:] == ["recvWindow", "timestamp", "signature"]
        assert "X-MBX-APIKEY" in order.headers
        assert desk.exchange.traits.order_validity_ns == 6 * SECOND_NS

    with caplog.at_level(logging.WARNING):
        bench(run, **with_key())
    assert "does not tell what a key of version 1 may do" in caplog.text
    assert SECRET not in caplog.text


def test_a_wrong_secret_or_key_of_version_1_is_refused(bench: Bench) -> None:
    refused(bench, AuthenticationFailed, "-1022", **with_key(api_secret=SecretStr(STRANGER)))
    refused(bench, AuthenticationFailed, "-2015", **with_key(api_key=SecretStr("another")))


def test_the_account_stream_of_a_key_of_version_1_needs_its_header_alone(bench: Bench) -> None:
    async def run(desk: Any) -> None:
        changes = desk.streams.watch_account()
        request = await desk.resting()
        await desk.send(request)
        assert (await anext(changes)).request.client_order_id == request.client_order_id
        await changes.aclose()
        (asked, *_) = desk.wire.sent("POST", "/fapi/v1/listenKey")
        assert asked.body == b""

    bench(run, **with_key())


# -- settings --


def test_without_a_key_it_only_reads(bench: Bench) -> None:
    async def run(desk: BenchDesk) -> None:
        assert desk.exchange.trading is None
        assert len(await desk.exchange.market.fetch_instruments()) > 2
        assert not [each for each in desk.wire.requests if "signature" in each.url]

    bench(run, without=("user", "agent_key"))
    bench(run, without=("agent_key",))


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"agent_key": AGENT_SECRET}, "needs `user`"),
        ({"user": "0x12", "agent_key": AGENT_SECRET}, "40 hexadecimal digits"),
        ({"user": USER, "agent_key": "77"}, "64 hexadecimal digits"),
        ({"api_key": "a"}, "belong together"),
        ({"user": USER, "agent_key": AGENT_SECRET, "api_key": "a", "api_secret": "b"}, "not both"),
        ({"window": "61s"}, "window"),
        ({"network": "devnet"}, "mainnet"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(given: dict[str, str], match: str) -> None:
    secret = {name: SecretStr(value) if name.startswith(("agent_", "api_")) else value for name, value in given.items()}
    with pytest.raises(ValidationError, match=match) as told:
        AsterSettings.model_validate(secret)
    assert AGENT_SECRET not in str(told.value)


@pytest.mark.parametrize("network", sorted(HOSTS))
def test_the_network_decides_where_everything_is(network: str) -> None:
    settings = AsterSettings.model_validate({"network": network, "user": USER.upper().replace("X", "x")})
    assert (settings.rest_address, settings.stream_address) == HOSTS[network]
    assert settings.user == USER
    elsewhere = AsterSettings.model_validate({"network": network, "api_url": "http://here/"})
    assert elsewhere.rest_address == "http://here"


def test_an_agent_that_the_wallet_approves_can_trade(bench: Bench) -> None:
    """The fake takes an approval as the venue does: signed by the wallet, for ever as it was said."""
    from arb.net import EvmKey
    from arb_exchange_aster.fake import registration_digest

    async def run(desk: BenchDesk) -> None:
        fields: dict[str, str | int | bool] = {
            "user": USER,
            "nonce": desk.clock.now_ns() // 1_000 + 5_000,
            "agentName": "another",
            "agentAddress": EvmKey(STRANGER).address,
            "expired": 4_102_444_800_000,
            "signatureChainId": 56,
            "canSpotTrade": False,
            "canPerpTrade": True,
            "canWithdraw": False,
            "ipWhitelist": "",
        }
        made = EvmKey(WALLET_SECRET).sign(registration_digest(fields)).to_bytes().hex()
        form = "&".join(f"{name}={str(value).lower()}" for name, value in fields.items())
        url = f"{ADDRESS}/fapi/v3/registerAndApproveAgent"
        form_of_another = form.replace("canWithdraw=false", "canWithdraw=true")
        forged = HttpRequest(method="POST", url=url, body=f"{form_of_another}&signature=0x{made}".encode())
        assert b"-1022" in (await desk.wire.venue.send(forged)).body
        sent = HttpRequest(method="POST", url=url, body=f"{form}&signature=0x{made}".encode())
        assert json.loads((await desk.wire.venue.send(sent)).body) == {"code": 200, "msg": "success"}
        async with desk.open({"agent_key": SecretStr(STRANGER)}, state=MemoryState()) as other:
            assert await other.trading.fetch_positions() == []

    bench(run)
