"""A real run, asked over HTTP while it trades."""

from __future__ import annotations

import importlib.util
import json
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from decimal import Decimal
from http.client import HTTPConnection
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from arb.cli._demo_run import Wanted, prepare

Arb = Callable[..., "subprocess.CompletedProcess[str]"]
Start = Callable[..., "subprocess.Popen[str]"]

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("arb_extension_rest_api") is None, reason="not installed: arb_extension_rest_api"
)

TOKEN = "a token of enough characters"
PATIENCE_S = 60


class Client:
    """Asks as curl would: a connection for each question."""

    def __init__(self, port: int) -> None:
        self._port = port

    def get(self, target: str, **headers: str) -> tuple[int, Any]:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            connection.request("GET", f"/api/v1{target}", headers=headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def ok(self, target: str, **headers: str) -> Any:
        status, body = self.get(target, **headers)
        assert status == 200, body
        return body

    def until(self, target: str, has: Callable[[Any], object], **headers: str) -> Any:
        """Ask until the answer has something."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            try:
                body = self.ok(target, **headers)
            except ConnectionError:
                body = None
            if body is not None and has(body):
                return body
            time.sleep(0.1)  # noqa: TID251 - a test waits for a process
        raise AssertionError(f"{target} does not get there: {body}")


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.fixture
def file(tmp_path: Path, port: int, environ: dict[str, str]) -> Path:
    """Write the demo's configuration with the extension; its token is in the environment."""
    environ["DEMO_TOKEN"] = TOKEN
    file = prepare(Wanted(seed=None, days=60, folder=tmp_path / "run"), tmp_path / "run")
    extension = f'\n[extensions.api]\nplugin = "rest_api"\nsettings = {{ port = {port}, token = "env:DEMO_TOKEN" }}\n'
    file.write_text(file.read_text(encoding="utf-8") + extension, encoding="utf-8")
    return file


def test_a_run_is_asked_while_it_trades(start: Start, arb: Arb, file: Path, port: int) -> None:
    client = Client(port)
    with start("run", "-c", str(file), "--json", "--quiet", "--speed", "20000") as process:
        try:
            client.until("/health", lambda body: body["status"] == "ok")
            look_at_the_market(client)
            look_at_own_money(client)
            process.send_signal(signal.SIGTERM)
            out, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0, errors
    assert TOKEN not in out + errors
    report = json.loads(out)
    assert report["stopped"] == "stopped by SIGTERM"
    assert Decimal(report["unexplained"]) == 0
    assert report["alarms"] == []
    with pytest.raises(ConnectionRefusedError):
        client.get("/health")


def look_at_the_market(client: Client) -> None:
    names = [one["name"] for one in client.ok("/exchanges")["exchanges"]]
    assert names == ["hourly", "classic", "free"]

    both = client.ok("/funding-rates/compare?dex1=hourly&dex2=classic&symbol=BTC")
    assert both["usable"]
    assert (both["dex1"]["interval_hours"], both["dex2"]["interval_hours"]) == ("1", "8")
    first, second = (Decimal(both[name]["per_hour"]) for name in ("dex1", "dex2"))
    assert Decimal(both["spread_per_hour"]) == abs(first - second)
    assert {both["long"], both["short"]} <= {"hourly", "classic"}

    rates = client.ok("/funding-rates?symbol=BTC&sort=-rate")
    assert rates["total"] == 3
    assert rates["rates"][0]["mark_price"]

    history = client.until("/history/funding-rates/hourly/BTC?period=7d", lambda body: len(body["rates"]) > 3)
    times = [row["at_ns"] for row in history["rates"]]
    assert {later - before for before, later in pairwise(times)} == {3_600_000_000_000}

    found = client.ok("/opportunities?min_profit=-1&size_usd=500&horizon_hours=240&include_skipped=true&limit=1000")
    assert found["opportunities"] or found["skipped"]
    assert found["total"] + sum(found["skipped_reasons"].values()) > 3

    document = client.ok("/openapi.json")
    assert document["openapi"] == "3.1.0"
    assert "/api/v1/funding-rates/compare" in document["paths"]
    assert client.get("/funding-rates/compare?dex1=hourly&dex2=nobody&symbol=BTC")[0] == 404
    assert client.get("/health", Host="evil.test")[0] == 421


def look_at_own_money(client: Client) -> None:
    assert client.get("/positions")[0] == 401
    assert client.get("/positions", Authorization="Bearer wrong")[0] == 401
    held = client.until("/positions", lambda body: body["hedges"], Authorization=f"Bearer {TOKEN}")
    assert {one["exchange"] for one in held["accounts"]} == {"hourly", "classic", "free"}
    # Between two looks at the accounts pass thirty simulated minutes.
    assert {one["status"] for one in held["accounts"]} <= {"fresh", "stale"}
    assert held["halts"] == []


def test_a_port_in_use_ends_the_start_with_its_setting(arb: Arb, file: Path, port: int) -> None:
    with socket.create_server(("127.0.0.1", port)):
        result = arb("run", "-c", str(file), "--quiet")
    assert result.returncode == 2
    assert f"[extensions.api] settings: port = {port} on 127.0.0.1 is in use" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_host_that_others_reach_is_refused_with_its_place(arb: Arb, file: Path) -> None:
    text = file.read_text(encoding="utf-8").replace("settings = { port", 'settings = { host = "0.0.0.0", port')
    file.write_text(text, encoding="utf-8")
    result = arb("config", "check", str(file))
    assert result.returncode == 2
    assert "allow_remote = true" in result.stderr
    assert "extensions.api" in result.stderr
