"""Who the fake lets in: signatures, keys, times and limits of rate, and the troubles of the line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from plugins.exchanges.edgex.tests.conftest import ACCOUNT, ORDER, Client, Play, code_of, read

from arb.api import BadResponse, ConnectFailed, HttpRequest, InMaintenance, NotSent, OutcomeUnknown, RateLimited
from arb.model import SECOND_NS
from arb.testing import Script
from arb_exchange_edgex.fake._keys import ACCOUNT_ID
from arb_exchange_edgex.fake._limits import CALLS


def test_a_signature_is_over_all_that_arrives(play: Play) -> None:
    async def body(client: Client) -> None:
        path = f"{ORDER}/getOrderById"
        good = client.signed("GET", path, {"orderIdList": "5"})
        assert read(await client.venue.send(good)) == []
        for change in ({"orderIdList": "6"}, {"orderIdList": "5", "more": "1"}):
            bad = client.signed("GET", path, change)
            bad = HttpRequest(method="GET", url=bad.url, headers=good.headers)
            assert code_of(await client.venue.send(bad)) == (401, "INVALID_SIGNATURE")
        write = client.signed("POST", f"{ORDER}/cancelOrderById", {"orderIdList": ["5", "6"]})
        assert "cancelResultMap" in read(await client.venue.send(write))
        for changed in (["6", "5"], ["5"], ["5&6x"]):
            content = json.dumps({"accountId": ACCOUNT_ID, "orderIdList": changed}).encode()
            bad = HttpRequest(method="POST", url=write.url, headers=write.headers, body=content)
            assert code_of(await client.venue.send(bad)) == (401, "INVALID_SIGNATURE")

    play(body)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"key": "another"}, (401, "INVALID_API_KEY")),
        ({"passphrase": "another"}, (401, "INVALID_PASSPHRASE")),
        ({"secret": "another"}, (401, "INVALID_SIGNATURE")),
        ({"ago_ms": 59_000}, (200, "SUCCESS")),
        ({"ago_ms": 61_000}, (400, "INVALID_TIMESTAMP")),
        ({"ago_ms": -59_000}, (200, "SUCCESS")),
        ({"ago_ms": -61_000}, (400, "INVALID_TIMESTAMP")),
        # In this order: what is wrong first is told.
        ({"key": "another", "ago_ms": 61_000}, (401, "INVALID_API_KEY")),
        ({"passphrase": "another", "ago_ms": 61_000}, (400, "INVALID_TIMESTAMP")),
    ],
)
def test_keys_and_times(play: Play, change: Any, told: tuple[int, str]) -> None:
    async def body(client: Client) -> None:
        request = client.signed("GET", f"{ACCOUNT}/getAccountById", {}, **change)
        assert code_of(await client.venue.send(request)) == told

    play(body)


def test_a_header_that_is_missing_is_named(play: Play) -> None:
    async def body(client: Client) -> None:
        good = client.signed("GET", f"{ACCOUNT}/getAccountById", {})
        for name in good.headers:
            headers = {each: value for each, value in good.headers.items() if each != name}
            answer = await client.venue.send(HttpRequest(method="GET", url=good.url, headers=headers))
            assert code_of(answer) == (400, "GATEWAY_HEADER_REQUIRED")
            assert json.loads(answer.body)["errorParam"] == {"header": name}
        lowered = {name.lower(): value for name, value in good.headers.items()}
        assert read(await client.venue.send(HttpRequest(method="GET", url=good.url, headers=lowered)))

    play(body)


def test_errors_repeat_what_was_sent(play: Play) -> None:
    """As the venue does: a client that shows them shows its key."""

    async def body(client: Client) -> None:
        answer = await client.venue.send(client.signed("GET", f"{ACCOUNT}/getAccountById", {}, key="another-key"))
        assert "another-key" in json.loads(answer.body)["msg"]

    play(body)


def test_whose_account_is_checked(play: Play) -> None:
    async def body(client: Client) -> None:
        request = client.signed("GET", f"{ACCOUNT}/getAccountById", {"accountId": "5"})
        assert code_of(await client.venue.send(request)) == (400, "GATEWAY_PARAM_INVALID")

    play(body)


def test_too_many_calls_are_refused_and_said_how_long(play: Play) -> None:
    async def body(client: Client) -> None:
        for _ in range(CALLS):
            await client.get("/meta/getServerTime")
        answer = await client.raw("/meta/getServerTime")
        assert code_of(answer) == (429, "RATE_LIMIT_EXCEEDED")
        wait_s = int(answer.headers["Retry-After"])
        assert 0 < wait_s <= 60
        await client.sleep(wait_s * SECOND_NS)
        await client.get("/meta/getServerTime")

    play(body)


def failing(error: Exception) -> Script:
    script = Script()
    script.plan("send_order", before=error)
    return script


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (RateLimited("x", retry_after_ns=3 * SECOND_NS), (429, "RATE_LIMIT_EXCEEDED")),
        (InMaintenance("x"), (503, "GATEWAY_INTERNAL_ERROR")),
    ],
)
def test_troubles_of_the_ground_are_answers(play: Play, error: Exception, told: tuple[int, str]) -> None:
    async def body(client: Client) -> None:
        assert await client.place() == told

    play(body, faults=failing(error))


@pytest.mark.parametrize("error", [ConnectFailed("x"), OutcomeUnknown("x"), NotSent("x")])
def test_troubles_of_the_line_are_its_own(play: Play, error: Exception) -> None:
    async def body(client: Client) -> None:
        with pytest.raises((ConnectFailed, OutcomeUnknown, NotSent)):
            await client.place()

    play(body, faults=failing(error))


def test_a_broken_answer_is_no_envelope(play: Play) -> None:
    async def body(client: Client) -> None:
        request = client.signed("POST", f"{ORDER}/createOrder", await client.order())
        answer = await client.venue.send(request)
        with pytest.raises(ValueError, match="Expecting"):
            json.loads(answer.body)

    script = Script()
    script.plan("send_order", after=BadResponse("x"))
    play(body, faults=script)
