"""The same run on either storage."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

Arb = Callable[..., "subprocess.CompletedProcess[str]"]

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
    assert arb("demo", "--data", "kept", "--days", "2", "--no-plot").returncode == 0
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
    assert "version 2, as before" in arb("db", "upgrade", "-c", "back.toml").stdout
