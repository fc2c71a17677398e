"""The same run on either storage."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from arb.cli._demo_run import Wanted, prepare

Arb = Callable[..., "subprocess.CompletedProcess[str]"]
Start = Callable[..., "subprocess.Popen[str]"]

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("arb_storage_postgres") is None, reason="not installed: arb_storage_postgres"
)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """Start a server; return the settings of an empty database."""
    from arb_storage_postgres.testing import running_server

    (tmp_path / "server").mkdir()
    with running_server(tmp_path / "server") as server:
        for name in ("arb", "copied"):
            server.create(name)
        yield server.settings("arb")


def on_postgres(configuration: str, settings: dict[str, Any]) -> str:
    """Return a configuration whose main storage is that database."""
    table = ", ".join(f"{key} = {json.dumps(value)}" for key, value in settings.items())
    main = f'[storages.main]\nplugin = "postgres"\nsettings = {{ {table} }}\n'
    changed, count = re.subn(r"\[storages\.main\]\n.*?\n(?=\n)", lambda _: main, configuration, flags=re.DOTALL)
    assert count == 1
    return changed


@pytest.mark.timeout(240)
def test_a_run_on_postgres_is_the_run_on_sqlite_to_the_last_digit(
    arb: Arb, tmp_path: Path, database: dict[str, Any]
) -> None:
    ran = arb("demo", "--data", "kept", "--days", "1", "--json", "--no-plot")
    assert ran.returncode == 0, ran.stderr
    configuration = (tmp_path / "kept" / "demo.toml").read_text(encoding="utf-8")
    (tmp_path / "elsewhere.toml").write_text(on_postgres(configuration, database), encoding="utf-8")

    again = arb("run", "-c", "elsewhere.toml", "--until", "1d", "--json", "--quiet")
    assert again.returncode == 0, again.stderr
    first, second = json.loads(ran.stdout), json.loads(again.stdout)
    assert first.pop("wall_seconds") != second.pop("wall_seconds")
    assert second == first
    assert first["hedges_opened"] > 0

    report = json.loads(arb("report", "-c", "elsewhere.toml", "--json").stdout)
    assert {key: report[key] for key in ("parts", "equity_change", "hedges")} == {
        key: first[key] for key in ("parts", "equity_change", "hedges")
    }


@pytest.mark.timeout(240)
def test_a_database_that_was_copied_to_postgres_and_back_is_the_same(
    arb: Arb, tmp_path: Path, database: dict[str, Any]
) -> None:
    assert arb("demo", "--data", "kept", "--days", "1", "--no-plot").returncode == 0
    configuration = (tmp_path / "kept" / "demo.toml").read_text(encoding="utf-8")
    elsewhere = on_postgres(configuration, {**database, "database": "copied"})
    (tmp_path / "elsewhere.toml").write_text(elsewhere, encoding="utf-8")
    (tmp_path / "back.toml").write_text(configuration.replace("demo.sqlite3", "back.sqlite3"), encoding="utf-8")

    for source, target in (("kept/demo.toml", "elsewhere.toml"), ("elsewhere.toml", "back.toml")):
        copied = arb("db", "copy", "-c", source, "--to", target, "--json")
        assert copied.returncode == 0, copied.stderr
        again = arb("db", "copy", "-c", source, "--to", target)
        assert again.returncode != 0
        assert "is not empty" in again.stderr
    rows = [json.loads(arb("db", "status", "-c", f, "--json").stdout)["rows"] for f in ("kept/demo.toml", "back.toml")]
    assert rows[0] == rows[1]
    assert rows[0]["fills"] > 0
    reports = [arb("report", "-c", f, "--json").stdout for f in ("kept/demo.toml", "elsewhere.toml", "back.toml")]
    assert reports[0] == reports[1] == reports[2]
    assert "as before" in arb("db", "upgrade", "-c", "back.toml").stdout


@pytest.mark.timeout(240)
def test_what_is_old_is_pruned_alike_on_either_storage(arb: Arb, tmp_path: Path, database: dict[str, Any]) -> None:
    assert arb("demo", "--data", "kept", "--days", "2", "--no-plot").returncode == 0
    configuration = (tmp_path / "kept" / "demo.toml").read_text(encoding="utf-8")
    (tmp_path / "elsewhere.toml").write_text(on_postgres(configuration, database), encoding="utf-8")
    assert arb("db", "copy", "-c", "kept/demo.toml", "--to", "elsewhere.toml").returncode == 0

    files = ("kept/demo.toml", "elsewhere.toml")
    before = json.loads(arb("db", "status", "-c", files[0], "--json").stdout)["rows"]
    pruned = [json.loads(arb("db", "prune", "-c", f, "--older-than", "1d", "--json").stdout) for f in files]
    assert pruned[0] == pruned[1]
    after = [json.loads(arb("db", "status", "-c", f, "--json").stdout)["rows"] for f in files]
    assert after[0] == after[1]
    gone = {table: before[table] - rows for table, rows in after[0].items() if before[table] > rows}
    assert gone == pruned[0]["deleted"]
    assert all(count > 100 for count in gone.values())
    rates = [arb("funding", "rates", "-c", f, "--json").stdout for f in files]
    assert rates[0] == rates[1]


def wait_for_a_listener(database: dict[str, Any]) -> None:
    """Return when somebody listens to the events."""
    from arb.testing import FakeContext
    from arb_storage_postgres._settings import PostgresSettings
    from arb_storage_postgres._storage import open_storage

    async def look() -> bool:
        opening = open_storage(PostgresSettings.model_validate(database), FakeContext("test"))
        async with opening as storage, storage.transaction() as tx:
            return bool(await tx.query("SELECT 1 AS n FROM pg_stat_activity WHERE query LIKE 'LISTEN%arb_events%'"))

    end = time.monotonic() + 20
    while not asyncio.run(look()):
        assert time.monotonic() < end, "nobody listens: new events are looked for once a second"
        time.sleep(0.1)  # noqa: TID251 - another process needs it


@pytest.mark.timeout(240)
def test_events_of_another_process_are_shown_when_they_are_committed(
    arb: Arb, start: Start, tmp_path: Path, database: dict[str, Any]
) -> None:
    configuration = prepare(Wanted(seed=None, days=1, folder=tmp_path), tmp_path).read_text(encoding="utf-8")
    (tmp_path / "elsewhere.toml").write_text(on_postgres(configuration, database), encoding="utf-8")
    assert arb("db", "upgrade", "-c", "elsewhere.toml").returncode == 0
    with start("events", "-c", "elsewhere.toml", "--follow", "--json") as following:
        try:
            wait_for_a_listener(database)
            ran = arb("run", "-c", "elsewhere.toml", "--until", "6h", "--quiet")
            assert ran.returncode == 0, ran.stderr
            assert following.stdout is not None
            kinds: list[str] = []
            while not kinds or kinds[-1] != "run.stopped":
                kinds.append(json.loads(following.stdout.readline())["kind"])
            assert kinds[0] == "run.started"
            following.send_signal(signal.SIGINT)
            assert following.wait(20) == 0
        finally:
            following.kill()
    stored = json.loads(arb("events", "-c", "elsewhere.toml", "--json").stdout)["events"]
    assert [event["kind"] for event in stored] == kinds
