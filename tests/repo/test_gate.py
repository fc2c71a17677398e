"""Nothing reaches a venue but through the gate of `arb.risk`."""

from __future__ import annotations

import ast
import configparser
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from arb.risk import Breaker, RefusalCode

ROOT = Path(__file__).parents[2]
CORE = ROOT / "core" / "arb"
MODULES = sorted([*CORE.rglob("*.py"), *(path for path in ROOT.glob("plugins/*/*/src/**/*.py"))])
# Who may call `send_order`: the two ways to a venue, and the packages in which a venue is simulated.
FAKE = re.compile(r"plugins/(exchanges/\w+/src/arb_exchange|dialects/\w+/src/arb_dialect)_\w+/fake/\w+\.py")
SENDERS = (
    "core/arb/execution/_gateway.py",
    "core/arb/execution/_flatten.py",
    "core/arb/simulation/",
    "core/arb/testing/",
    "core/arb/verification/",
)
ADMITTED = {"ApprovedPlan", "ClearedOrder"}


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def mentioning(*names: str) -> Iterator[tuple[Path, ast.Module]]:
    """Yield every module in whose text one of the names stands, parsed; the others have no need to be."""
    for path in MODULES:
        text = path.read_text(encoding="utf-8")
        if any(name in text for name in names):
            yield path, ast.parse(text)


def calls(tree: ast.Module) -> Iterator[str]:
    """Yield the name of everything that is called, or taken from an object to be called later."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id
        if isinstance(node, ast.Attribute):
            yield node.attr


def imported(tree: ast.Module) -> Iterator[str]:
    """Yield every name and module that is imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from (part for alias in node.names for part in alias.name.split("."))
        if isinstance(node, ast.ImportFrom):
            yield from (node.module or "").split(".")


def contracts() -> dict[str, configparser.SectionProxy]:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    head = "importlinter:contract:"
    return {name.removeprefix(head): config[name] for name in config.sections() if name.startswith(head)}


def test_orders_are_sent_by_the_gateway_and_the_emergency_exit_alone() -> None:
    senders = [relative(path) for path, tree in mentioning("send_order") if "send_order" in set(calls(tree))]

    # A fake venue sends to the simulated account that it stands on: it has no way to another one.
    ours = [path for path in senders if not FAKE.fullmatch(path)]
    assert [path for path in ours if not path.startswith(SENDERS)] == []
    assert SENDERS[0] in senders, "the test looks for what is there"


def test_the_key_of_the_gate_is_known_to_risk_alone() -> None:
    names = {"GATE", "_clearance"}
    trees = {relative(path): tree for path, tree in mentioning(*names, *ADMITTED)}
    outside = {path: tree for path, tree in trees.items() if not path.startswith("core/arb/risk/")}

    assert [path for path, tree in outside.items() if names & set(imported(tree))] == []
    assert [path for path, tree in outside.items() if "GATE" in set(calls(tree))] == []
    assert [path for path, tree in outside.items() if ADMITTED & {*_made(tree)}] == []
    assert len(trees) > len(outside) > 0, "the test looks for what is there"


def test_an_import_contract_keeps_the_key_in() -> None:
    contract = contracts()["gate"]

    assert contract["type"] == "protected"
    assert contract["protected_modules"].split() == ["arb.risk._clearance"]
    assert contract["allowed_importers"].split() == ["arb.risk"]


def test_no_plugin_may_import_what_trades_or_decides_what_may_be_risked() -> None:
    contract = contracts()["plugins"]
    packages = {path.parent.name for path in ROOT.glob("plugins/*/*/src/*/__init__.py")}

    assert set(contract["source_modules"].split()) == packages
    assert {"arb.execution", "arb.risk", "arb.runtime"} <= set(contract["forbidden_modules"].split())


@pytest.mark.parametrize("name", [*RefusalCode, *(one.raised_by for one in Breaker)])
def test_every_refusal_and_every_breaker_is_explained(name: str) -> None:
    assert f"`{name}`" in (ROOT / "docs" / "how-to" / "risk.md").read_text(encoding="utf-8")


def _made(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield getattr(node.func, "id", getattr(node.func, "attr", ""))
