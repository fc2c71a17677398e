"""Who is let in, under which name, and how the server begins and ends."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from arb.api import ConfigError
from arb.testing import FakeContext, FakeFundingService, settle
from arb_extension_rest_api._extension import open_rest_api
from arb_extension_rest_api._settings import RestApiSettings

Serve = Callable[..., Any]
PUBLIC = (
    "/opportunities",
    "/funding-rates",
    "/funding-rates/compare?dex1=lighter&dex2=backpack&symbol=BTC",
    "/history/funding-rates/lighter/BTC",
    "/exchanges",
    "/health",
    "/openapi.json",
)


@pytest.mark.parametrize("path", PUBLIC)
def test_market_data_are_for_everyone_on_this_machine(serve: Serve, path: str) -> None:
    async def case(api: Any) -> Any:
        async with api.session.get(f"{api.url}{path}") as response:
            assert "Access-Control-Allow-Origin" not in response.headers
            assert response.headers["Server"] == "arb"
            assert (response.headers["Cache-Control"], response.headers["X-Content-Type-Options"]) == (
                "no-store",
                "nosniff",
            )
            return response.status, await response.json()

    status, body = serve(case)
    assert status == 200
    assert "0.01" not in json.dumps(body.get("accounts", "")), "no position"


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer a token of enough character",
        "Bearer a token of enough characters.",
        "Basic a token of enough characters",
        "a token of enough characters",
        "Bearer t\xf6ken",
    ],
)
def test_own_money_needs_the_token(serve: Serve, header: str | None) -> None:
    async def case(api: Any) -> Any:
        headers = {} if header is None else {"Authorization": header}
        async with api.session.get(f"{api.url}/positions", headers=headers) as response:
            assert response.headers["WWW-Authenticate"] == "Bearer"
            return response.status, await response.text()

    status, text = serve(case)
    assert status == 401
    assert "accounts" not in text
    assert "token-required" in text


def test_the_scheme_of_a_token_may_be_written_in_any_case(serve: Serve) -> None:
    async def case(api: Any) -> Any:
        return await api.get("/positions", headers={"Authorization": "bearer a token of enough characters"})

    assert len(serve(case)["accounts"]) == 2


def test_without_a_token_own_money_is_told_to_nobody(serve: Serve) -> None:
    async def case(api: Any) -> Any:
        for value in ("Bearer ", "Bearer None", "Bearer a token of enough characters"):
            found = await api.problem(
                "/positions", status=403, code="no-token-configured", headers={"Authorization": value}
            )
        return found

    assert 'token = "env:NAME"' in serve(case, token=None)["detail"]


@pytest.mark.parametrize("host", ["localhost", "LocalHost:8000", "127.0.0.1", "127.0.0.1:9", "[::1]:8000", "mine.test"])
def test_the_names_of_this_machine_are_answered(serve: Serve, host: str) -> None:
    async def case(api: Any) -> Any:
        return await api.get("/health", headers={"Host": host})

    assert serve(case, allowed_hosts=["mine.test"])["status"] == "ok"


@pytest.mark.parametrize(
    "host", ["evil.test", "evil.test:8000", "127.0.0.1.evil.test", "10.0.0.1", "", "localhost.evil"]
)
def test_another_name_is_refused_since_a_web_page_could_have_sent_it(serve: Serve, host: str) -> None:
    async def case(api: Any) -> Any:
        for path in ("/health", "/openapi.json", "/nothing"):
            found = await api.problem(path, status=421, code="unknown-host", headers={"Host": host})
        return found

    assert "allowed_hosts" in serve(case)["detail"]


def test_a_remote_server_is_reached_by_any_address_but_not_by_any_name(serve: Serve) -> None:
    async def case(api: Any) -> None:
        await api.get("/health", headers={"Host": "10.0.0.1:8000"})
        await api.problem("/health", status=421, code="unknown-host", headers={"Host": "evil.test"})

    serve(case, allow_remote=True)


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.1", "::", "example.test"])
def test_a_host_that_others_reach_has_to_be_meant(host: str) -> None:
    with pytest.raises(ValidationError, match="allow_remote = true"):
        RestApiSettings(host=host)
    assert RestApiSettings(host=host, allow_remote=True).host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.8.8"])
def test_a_host_of_this_machine_needs_no_permission(host: str) -> None:
    assert RestApiSettings(host=host).port == 8000


def test_a_short_token_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARB_TEST_TOKEN", "sesame")
    with pytest.raises(ValidationError, match="at least 16 characters") as caught:
        RestApiSettings.model_validate({"token": "env:ARB_TEST_TOKEN"})
    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_everything_is_for_reading(serve: Serve, method: str) -> None:
    async def case(api: Any) -> Any:
        async with api.session.request(method, f"{api.url}/health", data=b"x" * 100_000) as response:
            assert set(response.headers["Allow"].split(",")) == {"GET", "HEAD"}
            return response.status, await response.json()

    status, body = serve(case)
    assert (status, body["type"]) == (405, "urn:arb:problem:method-not-allowed")


@pytest.mark.parametrize("path", ["/nothing", "/history/funding-rates/lighter", "/health/", "/../../etc/passwd"])
def test_what_is_not_there_says_where_to_look(serve: Serve, path: str) -> None:
    async def case(api: Any) -> Any:
        return await api.problem(path, status=404, code="not-found")

    assert "/api/v1/openapi.json" in serve(case)["detail"]


def test_long_and_repeated_questions_are_refused(serve: Serve) -> None:
    async def case(api: Any) -> None:
        await api.problem("/opportunities", status=414, code="too-long", symbols="x" * 5000)
        many = {f"x{number}": "1" for number in range(101)}
        await api.problem("/health", status=400, code="too-many-parameters", **many)
        async with api.session.get(f"{api.url}/funding-rates?limit=1&limit=2") as response:
            assert response.status == 400
            assert (await response.json())["errors"] == [{"parameter": "limit", "message": "given more than once"}]
        async with api.session.get(f"{api.url}/history/funding-rates/lighter/BTC?exchange=backpack") as response:
            assert response.status == 400

    serve(case)


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET /api/v1/health HTTP/9.9\r\n\r\n",
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
    ],
)
def test_what_is_no_request_is_a_problem_too_and_is_not_logged(
    serve: Serve, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def case(api: Any) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
        writer.write(sent)
        found = await reader.read()
        writer.close()
        return bytes(found)

    with caplog.at_level(logging.INFO, "aiohttp"):
        head, _, body = serve(case).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 400") or head.startswith(b"HTTP/1.1 400")
    assert json.loads(body)["type"] == "urn:arb:problem:bad-request"
    assert caplog.records == []


def test_an_error_of_ours_is_logged_and_not_told(
    serve: Serve, service: FakeFundingService, caplog: pytest.LogCaptureFixture
) -> None:
    service.instruments = None  # type: ignore[assignment]

    async def case(api: Any) -> Any:
        return await api.problem("/funding-rates", status=500, code="internal")

    with caplog.at_level(logging.ERROR):
        assert "NoneType" not in serve(case)["detail"]
    assert "GET /api/v1/funding-rates could not be answered" in caplog.text


def test_a_port_in_use_is_an_error_that_names_the_setting() -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            async with open_rest_api(RestApiSettings(port=port), FakeContext("api")):
                raise AssertionError

    with pytest.raises(ConfigError, match=r"\[extensions\.api\] settings: port = \d+ on 127.0.0.1 is in use"):
        asyncio.run(main())


@pytest.mark.parametrize("host", ["203.0.113.9", "no-such-host.invalid"])
def test_a_host_that_is_not_ours_is_an_error_that_names_the_setting(host: str) -> None:
    async def main() -> None:
        async with open_rest_api(RestApiSettings(host=host, allow_remote=True), FakeContext("api")):
            raise AssertionError

    with pytest.raises(ConfigError, match=rf"settings: host = '{host}' cannot be listened on"):
        asyncio.run(main())


def test_nobody_is_answered_before_it_runs_and_after_it_was_cancelled() -> None:
    async def main() -> None:
        service = FakeFundingService()
        async with open_rest_api(RestApiSettings(port=0), FakeContext("api")) as extension:
            _, _, port = extension.addresses[0].removesuffix("/api/v1").rpartition(":")
            assert not await answers(int(port))
            running = asyncio.create_task(extension.run(service))
            await settle()  # it has begun to listen
            assert await answers(int(port))
            running.cancel()
            await asyncio.wait({running})
            assert running.cancelled()
            assert not await answers(int(port))

    asyncio.run(main())


async def answers(port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return False
    writer.write(b"GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return answer.startswith(b"HTTP/1.1 200 OK")


def test_an_answer_under_way_may_end_when_the_server_closes(service: FakeFundingService) -> None:
    """Its connection is kept for a moment; one that waits for nothing is closed at once."""

    async def main() -> bytes:
        async with open_rest_api(RestApiSettings(port=0), FakeContext("api")) as extension:
            running = asyncio.create_task(extension.run(service))
            await settle()  # it has begun to listen
            _, _, port = extension.addresses[0].removesuffix("/api/v1").rpartition(":")
            idle = await asyncio.open_connection("127.0.0.1", int(port))
            busy = await asyncio.open_connection("127.0.0.1", int(port))
            busy[1].write(b"GET /api/v1/exchanges HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await busy[1].drain()
            head = await busy[0].readuntil(b"\r\n\r\n")
            running.cancel()
        assert await idle[0].read() == b""
        for _, writer in (idle, busy):
            writer.close()
        return head

    assert asyncio.run(asyncio.wait_for(main(), 10)).startswith(b"HTTP/1.1 200 OK")
