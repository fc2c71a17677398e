"""The conformance reports that the exchange plugins of this repository ship are of what is here now."""

from __future__ import annotations

import configparser
import json
from pathlib import Path
from typing import Any

import pytest

from arb.cli._quality import KIT_VERSION, tier_of
from arb.testing import ExchangeConformance

ROOT = Path(__file__).parents[2]
EXCHANGES = sorted(path.parent for path in ROOT.glob("plugins/exchanges/*/setup.cfg"))
CASES = [name for name in dir(ExchangeConformance) if name.startswith("test_")]
AGAIN = "write it anew: arb plugins check {name} --write-report"


def report_of(plugin: Path) -> Any:
    path = plugin / "src" / f"arb_exchange_{plugin.name}" / "conformance.json"
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert list(kept) == [f"exchanges:{plugin.name}"]
    return kept[f"exchanges:{plugin.name}"]


@pytest.mark.parametrize("plugin", EXCHANGES, ids=lambda path: path.name)
def test_a_report_is_of_this_kit_and_of_this_version(plugin: Path) -> None:
    config = configparser.ConfigParser()
    config.read(plugin / "setup.cfg", encoding="utf-8")
    report = report_of(plugin)

    assert report["kit"] == KIT_VERSION, AGAIN.format(name=plugin.name)
    assert report["version"] == config["metadata"]["version"], AGAIN.format(name=plugin.name)
    assert report["cases"] == len(CASES), AGAIN.format(name=plugin.name)


@pytest.mark.parametrize("plugin", EXCHANGES, ids=lambda path: path.name)
def test_the_counts_of_a_report_add_up(plugin: Path) -> None:
    report = report_of(plugin)
    groups = report["groups"].values()
    skipped = sum(count for group in groups for count in group["skipped"].values())

    assert report["failed"] == sum(group["failed"] for group in groups) == 0
    assert report["passed"] == sum(group["passed"] for group in groups)
    assert report["cases"] == report["passed"] + skipped


@pytest.mark.parametrize("plugin", EXCHANGES, ids=lambda path: path.name)
def test_the_tier_of_a_report_is_the_one_its_counts_give(plugin: Path) -> None:
    report = report_of(plugin)

    assert report["tier"] == tier_of(report)
    assert report["tier"] == ("bronze" if plugin.name == "simulated" else "platinum")


@pytest.mark.parametrize("plugin", EXCHANGES, ids=lambda path: path.name)
def test_a_report_is_in_the_wheel(plugin: Path) -> None:
    config = configparser.ConfigParser()
    config.read(plugin / "setup.cfg", encoding="utf-8")
    (names,) = config["options.package_data"].values()

    assert names.split() == ["conformance.json", "py.typed"]
