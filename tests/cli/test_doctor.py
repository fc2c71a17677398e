from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Install = Callable[..., str]
CodeOf = Callable[..., str]
Arb = Callable[..., Result]
ArbProcess = Callable[..., "subprocess.CompletedProcess[str]"]

FILE = """
[storages.main]
plugin = "memdb"
[cache_tiers]
order = []
[price_sources]
order = ["direct"]
[exchanges.a]
plugin = "flat"
"""

MARKET = """
    class Market:
        async def fetch_instruments(self): {answer}
    market = Market()
"""

STORAGE = """
    class Rows:
        async def execute(self, sql, values=()):
            {effect}
            return 0
    @asynccontextmanager
    async def transaction(self):
        yield self.Rows()
"""


def checks(output: str) -> dict[str, tuple[str, str]]:
    return {row["check"]: (row["status"], row["detail"]) for row in json.loads(output)["checks"]}


@pytest.fixture
def world(install: Install, code_of: CodeOf, arb: Arb) -> Callable[..., Result]:
    def run(answer: str = "return [1, 2]", effect: str = "pass") -> Result:
        storage = code_of("storages", "memdb", body=STORAGE.format(effect=effect))
        install("arb-s", "memdb", storage, group="arb.storages")
        install("arb-p", "direct", code_of("price_sources", "direct"), group="arb.price_sources")
        install("arb-e", "flat", code_of("exchanges", "flat", body=MARKET.format(answer=answer)))
        Path("f.toml").write_text(FILE)
        return arb("doctor", "-c", "f.toml", "--json")

    return run


def test_a_healthy_installation_without_a_configuration(arb: Arb) -> None:
    result = arb("doctor", "--json")
    found = checks(result.output)
    assert result.exit_code == 0, result.output
    assert found["import name"][0] == "ok"
    assert found["python"][0] == "ok"
    assert found["package pydantic"][0] == "ok"
    assert found["clock"][0] == "ok"
    assert "no arb.toml here" in found["configuration"][1]


def test_it_prints_a_table_for_people(arb: Arb) -> None:
    output = arb("doctor").output
    assert output.splitlines()[0].split() == ["CHECK", "STATUS", "DETAIL"]


def test_storages_and_exchanges_are_opened_and_tried(world: Callable[..., Result]) -> None:
    result = world()
    found = checks(result.output)
    assert result.exit_code == 0, result.output
    assert found["storage main"] == ("ok", "memdb: opened and written")
    assert found["exchange a"] == ("ok", "flat: 2 instruments")


def test_an_exchange_that_cannot_be_reached_is_a_finding(world: Callable[..., Result]) -> None:
    result = world(answer="raise arb.api.ConnectFailed('refused', exchange='a')")
    found = checks(result.output)
    assert result.exit_code == 7
    assert found["exchange a"] == ("failed", "a: refused")
    assert found["storage main"][0] == "ok"


def test_a_storage_that_cannot_be_written_is_a_finding(world: Callable[..., Result]) -> None:
    result = world(effect="raise arb.api.StorageError('x.db is read-only')")
    assert result.exit_code == 7
    assert checks(result.output)["storage main"] == ("failed", "x.db is read-only")


def test_a_bad_configuration_is_a_finding_a_line(arb: Arb) -> None:
    Path("arb.toml").write_text("[run]\nsed = 1\n[storages.mein]\nplugin = 'x'\n")
    result = arb("doctor", "--json")
    details = [row["detail"] for row in json.loads(result.output)["checks"] if row["check"] == "configuration"]
    assert result.exit_code == 7
    assert "arb.toml: [run] sed: unknown key; did you mean 'seed'?" in details
    assert len(details) == 3


def test_another_owner_of_the_import_name_is_refused(
    install: Install, site_path: Path, arb_process: ArbProcess
) -> None:
    install("arb", "x", "", entries="[console_scripts]\narb-bot = arb_bot:main\n")
    (site_path / "arb-1.0.dist-info" / "top_level.txt").write_text("arb\n")

    done = arb_process("doctor", "--json")

    assert done.returncode == 7
    found = checks(done.stdout)
    assert found["import name"][0] == "failed"
    assert "arb also provides the package 'arb': uninstall it" in found["import name"][1]
    assert list(found) == ["import name"]


def test_an_installed_plugin_that_metadata_refuses_is_a_warning(install: Install, arb: Arb) -> None:
    install("arb-old", "old", "", needs="<0.1")
    result = arb("doctor", "--json")
    warnings = [row for row in json.loads(result.output)["checks"] if row["status"] == "warning"]
    assert result.exit_code == 0
    assert any("arb-old needs arb-core<0.1" in row["detail"] for row in warnings)
