"""`arb plugins check` finds what a wrong plugin does wrong, and reports it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from arb.cli.plugins_new import write_plugin
from arb.kernel import Family

Install = Callable[..., str]

TIER = """
from contextlib import asynccontextmanager
from arb.api import CacheTierSpec, Settings, hookimpl
PLUGIN_API = 1

class Tier:
    def __init__(self):
        self.books = {}
    async def get(self, instruments):
        return {name: self.books[name] for name in instruments if name in self.books}
    async def put(self, books):
        %(put)s
    async def drop(self, instruments):
        for name in instruments:
            self.books.pop(name, None)

class TierSettings(Settings):
    pass

@asynccontextmanager
async def open_(settings, context):
    yield Tier()

@hookimpl
def arb_cache_tiers():
    return [CacheTierSpec(name="bad", settings=TierSettings, open=open_)]
"""


def check(site: Path, name: str, *options: str) -> tuple[int, str, str]:
    command = [sys.executable, "-c", "from arb.cli import main; main()", "plugins", "check", name, *options]
    # Without assertions every case would pass: the check must not inherit that.
    environ = {**os.environ, "PYTHONPATH": str(site), "PYTHONOPTIMIZE": "1", "PYTEST_ADDOPTS": "--collect-only"}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def report_of(site: Path, name: str, *options: str) -> tuple[int, dict[str, Any]]:
    code, out, err = check(site, name, "--json", *options)
    assert out, err
    report: dict[str, Any] = json.loads(out)
    return code, report


@pytest.fixture
def good(install: Install, site_path: Path, tmp_path: Path) -> Path:
    """Install the generated exchange `thing`; return its package."""
    folder = write_plugin(Family.EXCHANGES, "thing", tmp_path)
    install("arb-exchange-thing", "thing", "", entries="[arb.exchanges]\nthing = arb_exchange_thing.plugin\n")
    (site_path / "arb_exchange_thing.py").unlink(missing_ok=True)
    (folder / "src" / "arb_exchange_thing").rename(site_path / "arb_exchange_thing")
    return site_path / "arb_exchange_thing"


def test_a_good_plugin_passes_and_skips_by_capability_only(good: Path, site_path: Path) -> None:
    code, report = report_of(site_path, "thing", "--write-report")

    assert code == 0
    assert report["failed"] == 0 == len(report["failures"])
    assert report["cases"] == report["passed"] + len(report["skipped"])
    assert report["passed"] >= 120
    assert report["seconds"] > 0
    assert {line["capability"] for line in report["skipped"]} == {"dead_mans_switch", "trade_stream", "transfers"}
    assert {"case": "X-031", "capability": "trade_stream"} in report["skipped"]

    groups = report["groups"]
    assert sum(group["passed"] for group in groups.values()) == report["passed"]
    assert sum(sum(group["skipped"].values()) for group in groups.values()) == len(report["skipped"])
    assert groups["switch"] == {"passed": 0, "failed": 0, "skipped": {"dead_mans_switch": 6}}
    assert (report["tier"], report["next_tier"]) == ("platinum", {"tier": "", "lacks": []})

    kept = json.loads((good / "conformance.json").read_text(encoding="utf-8"))["exchanges:thing"]
    assert {kept[key] == report[key] for key in kept} == {True}
    assert "seconds" not in kept, "the same result is the same file"
    assert tier_shown(site_path) == "platinum"
    (good / "py.typed").unlink()
    for metadata in site_path.glob("arb_exchange_thing-*.dist-info/METADATA"):
        metadata.write_text(metadata.read_text().replace("Version: 1.0", "Version: 1.1"))
    assert tier_shown(site_path) == "", "of another version"


def tier_shown(site: Path) -> str:
    """Return what `arb plugins list` says of the exchange `thing`."""
    command = [sys.executable, "-c", "from arb.cli import main; main()", "plugins", "list", "--json"]
    environ = {**os.environ, "PYTHONPATH": str(site)}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    (tier,) = [row["tier"] for row in json.loads(done.stdout)["plugins"] if row["name"] == "thing"]
    return str(tier)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--testnet",), "needs --config"),
        (("--orders",), "are for --testnet"),
        (("--testnet", "--config", "{file}"), "uses the exchange 'thing' 0 times"),
        (("--testnet", "--config", "{file}", "--write-report"), "is for the whole kit"),
    ],
)
def test_a_run_on_the_venue_is_asked_for_in_full(
    options: tuple[str, ...], message: str, good: Path, site_path: Path, tmp_path: Path
) -> None:
    code, out, err = check(
        site_path, "thing", *(option.format(file=written(tmp_path, "simulated")) for option in options)
    )

    assert (code, out) == (2, "")
    assert message in err


def test_orders_on_the_venue_need_an_armed_exchange(good: Path, site_path: Path, tmp_path: Path) -> None:
    file = str(written(tmp_path, "thing"))
    code, out, err = check(site_path, "thing", "--testnet", "--orders", "--config", file)

    assert (code, out) == (2, "")
    assert "armed = true" in err


def written(folder: Path, plugin: str) -> Path:
    """Write a configuration with one exchange of this plugin; return it."""
    path = folder / "testnet.toml"
    path.write_text(
        f'[exchanges.one]\nplugin = "{plugin}"\n[exchanges.two]\nplugin = "other"\n'
        '[storages.main]\nplugin = "sqlite"\n[strategies.mine]\nplugin = "mine"\nexchanges = ["one", "two"]\n',
        encoding="utf-8",
    )
    return path


def test_a_wrong_plugin_fails_by_case(install: Install, site_path: Path) -> None:
    install("arb-cache-tier-bad", "bad", TIER % {"put": "self.books.update(books)"}, group="arb.cache_tiers")
    code, report = report_of(site_path, "bad")

    assert code == 7
    assert [line["case"] for line in report["failures"]] == ["C-008", "C-011"]
    assert report["tier"] == "", "only exchanges have tiers"
    assert report["groups"]["behaviour"]["failed"] == 2
    assert report["failures"][0]["title"] == "an older observation never replaces a later one"
    assert "Decimal('90')" in report["failures"][0]["reason"], "the reason shows the values that differ"
    code, out, err = check(site_path, "cache_tiers:bad")
    assert code == 7
    assert "FAILED  C-008" in out
    assert "2 failed" in out
    assert err == ""


@pytest.mark.parametrize(
    ("put", "limit_s", "reason"),
    [
        ("import os; os._exit(3)", "60", "exit code 3"),
        # Long enough for a busy machine to get as far as the case that hangs.
        ("import time; time.sleep(60)", "15", "not done after 15 s"),
    ],
)
def test_a_plugin_that_ends_or_hangs_the_process_is_reported(
    put: str, limit_s: str, reason: str, install: Install, site_path: Path
) -> None:
    install("arb-cache-tier-bad", "bad", TIER % {"put": put}, group="arb.cache_tiers")
    code, report = report_of(site_path, "bad", "--timeout", limit_s)

    assert code == 7
    (failure,) = report["failures"]
    assert failure["case"] == "C-006"
    assert reason in failure["reason"]
    assert report["passed"] == 5


LEAVES = (
    "self.books.update(books); import os, sys; r = sys.modules['__main__'].Reporter; w = r._write; "
    "r._write = lambda s, line: (w(s, line), line['event'] == 'passed' and os._exit(0))"
)


def test_a_plugin_that_ends_the_process_between_two_cases_has_not_passed(install: Install, site_path: Path) -> None:
    install("arb-cache-tier-bad", "bad", TIER % {"put": LEAVES}, group="arb.cache_tiers")
    code, report = report_of(site_path, "bad")

    assert code == 7
    assert [line["case"] for line in report["failures"]] == ["end"]


@pytest.mark.parametrize("text", ["capability not declared: post_only", "I would rather not"])
def test_a_plugin_cannot_skip_a_case_itself(text: str, install: Install, site_path: Path) -> None:
    put = f"import pytest; pytest.skip({text!r})"
    install("arb-cache-tier-bad", "bad", TIER % {"put": put}, group="arb.cache_tiers")
    code, report = report_of(site_path, "bad")

    assert code == 7
    assert report["skipped"] == []
    assert "C-006" in {line["case"] for line in report["failures"]}
    assert any(text in line["reason"] for line in report["failures"])


def test_a_plugin_that_cannot_be_imported_is_reported(install: Install, site_path: Path) -> None:
    install("arb-cache-tier-bad", "bad", "import no_such_module_anywhere", group="arb.cache_tiers")
    code, report = report_of(site_path, "bad")

    assert code == 7
    (failure,) = report["failures"]
    assert "no_such_module_anywhere" in failure["reason"]


def test_an_unusable_or_unknown_plugin_is_not_run(install: Install, site_path: Path) -> None:
    install("arb-cache-tier-bad", "bad", "raise SystemExit", group="arb.cache_tiers", needs=">=99")
    code, out, err = check(site_path, "bad")
    assert (code, out) == (3, "")
    assert "arb-cache-tier-bad needs arb-core>=99" in err
    code, _, err = check(site_path, "bda")
    assert code == 2
    assert "Did you mean 'bad'" in err
