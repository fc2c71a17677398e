"""The quality scale is worked out from a report by one table, and by nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from arb.api import Capability
from arb.cli._quality import KIT_VERSION, TIERS, VENUE_FACTS, next_tier, tier_of
from arb.testing import ExchangeConformance

Arb = Callable[..., Result]
Install = Callable[..., str]

CASES = sorted(name for name in dir(ExchangeConformance) if name.startswith("test_"))


def full(**changes: dict[str, Any]) -> dict[str, Any]:
    """Return a report in which everything passed, but for these groups."""
    names = [name for tier in TIERS for name in tier.groups]
    groups = {name: {"passed": 3, "failed": 0, "skipped": {}} for name in names}
    return {"groups": {**groups, **changes}, "typed": True}


def group(passed: int = 3, failed: int = 0, **skipped: int) -> dict[str, Any]:
    return {"passed": passed, "failed": failed, "skipped": skipped}


@pytest.mark.parametrize(
    ("report", "tier"),
    [
        (full(), "platinum"),
        ({**full(), "typed": False}, "gold"),
        (full(switch=group(0, dead_mans_switch=6)), "platinum"),
        (full(accounting=group(5, transfers=1)), "platinum"),
        (full(switch=group(0, failed=1)), "silver"),
        (full(book_stream=group(0, book_stream=13)), "silver"),
        (full(clock=group(2, fake=4)), "silver"),
        (full(ambiguous=group(14, failed=1)), "bronze"),
        (full(ambiguous=group(0, fake=15)), "bronze"),
        (full(orders=group(0, trading=15)), "bronze"),
        (full(books=group(6, fake=7)), "bronze"),
        (full(funding=group(9, failed=1)), ""),
        (full(funding=group(0, predicted_funding=8)), ""),
        ({"groups": {}}, ""),
    ],
)
def test_a_report_has_the_tier_that_its_worst_group_allows(report: dict[str, Any], tier: str) -> None:
    assert tier_of(report) == tier
    missed, lacks = next_tier(report)
    names = ["", *(each.name for each in TIERS), ""]
    assert missed == names[names.index(tier) + 1]
    assert bool(lacks) == bool(missed)


def test_every_group_of_the_kit_is_in_one_tier() -> None:
    groups = {getattr(kind, "group", "contract") for kind in ExchangeConformance.__mro__ if kind is not object}
    named = [name for tier in TIERS for name in tier.groups]

    assert len(set(named)) == len(named)
    assert set(named) == groups


def test_what_a_venue_may_lack_are_capabilities() -> None:
    assert frozenset(Capability) > VENUE_FACTS


def test_a_changed_kit_has_another_version() -> None:
    """Whoever adds or renames a case raises KIT_VERSION: tiers measured before say nothing of it."""
    digest = hashlib.sha256("\n".join(CASES).encode()).hexdigest()[:12]

    assert (KIT_VERSION, len(CASES) >= 120, digest) == (3, True, "c6c69d2912a4")


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"exchanges:flat": 7}', '{"exchanges:flat": {"kit": 1, "version": "1.0", "groups": {"books": 3}}}'],
)
def test_a_report_that_is_none_shows_no_tier(text: str, install: Install, arb: Arb, site_path: Path) -> None:
    package(install, site_path, text)
    rows = {row["name"]: row for row in json.loads(arb("plugins", "list", "--json").output)["plugins"]}

    assert rows["flat"]["tier"] == ""


def test_a_tier_is_shown_for_the_version_that_was_measured(install: Install, arb: Arb, site_path: Path) -> None:
    for kit, version, tier in (
        (KIT_VERSION, "1.0", "platinum"),
        (KIT_VERSION + 1, "1.0", ""),
        (KIT_VERSION, "0.9", ""),
    ):
        package(install, site_path, json.dumps({"exchanges:flat": {**full(), "kit": kit, "version": version}}))
        rows = {row["name"]: row for row in json.loads(arb("plugins", "list", "--json").output)["plugins"]}
        assert rows["flat"]["tier"] == tier
    (flat,) = [line for line in arb("plugins", "list").output.splitlines() if "arb-exchange-flat" in line]
    assert flat.split()[:5] == ["exchanges", "flat", "arb-exchange-flat", "1.0", "ok"]


def package(install: Install, site: Path, report: str) -> None:
    """Install a package that carries a report, and that nobody may import."""
    if not (site / "arb_flat").exists():
        install("arb-exchange-flat", "flat", "", entries="[arb.exchanges]\nflat = arb_flat.plugin\n")
        (site / "arb_flat").mkdir()
    (site / "arb_flat" / "__init__.py").write_text("raise RuntimeError('imported')", encoding="utf-8")
    (site / "arb_flat" / "conformance.json").write_text(report, encoding="utf-8")


@pytest.mark.skipif(find_spec("arb_exchange_simulated") is None, reason="arb-exchange-simulated is not installed")
def test_the_matrix_is_what_the_plugins_declare(arb: Arb) -> None:
    listed = json.loads(arb("venues", "--matrix", "--json").output)["venues"]
    (simulated,) = [row for row in listed if row["name"] == "simulated"]
    table = arb("venues", "--matrix").output

    assert simulated["capabilities"] == sorted(set(Capability) - {Capability.TRANSFERS})
    assert simulated["reason"] == ""
    assert "SIMULATED" in table.splitlines()[0]
    assert [line.split()[0] for line in table.splitlines()[1:] if "yes" in line] == sorted(
        {name for row in listed for name in row["capabilities"]}
    )
