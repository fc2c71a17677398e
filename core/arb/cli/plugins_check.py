"""`arb plugins check`: the conformance kit for an installed plugin."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import click

from arb.api import PluginError
from arb.kernel import Family, PluginRef, Status, installed_plugins

from ._errors import ExitCode
from ._options import disabled_plugins
from ._output import clean, print_json
from .plugins import find_plugin

_KITS: Final = MappingProxyType(
    {
        Family.STORAGES: "StorageConformance",
        Family.CACHE_TIERS: "CacheTierConformance",
        Family.PRICE_SOURCES: "PriceSourceConformance",
        Family.EXCHANGES: "ExchangeConformance",
        Family.STRATEGIES: "StrategyConformance",
        Family.EXTENSIONS: "ExtensionConformance",
    }
)
_MODULE: Final = """import importlib

from arb.testing import {kit}


class TestConformance({kit}):
    plugin = importlib.import_module({target!r})
    name = {name!r}
"""


@click.command("check", epilog="Example: arb plugins check simulated --json")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option(
    "--timeout",
    type=click.IntRange(min=1),
    default=300,
    show_default=True,
    help="Seconds of real time for the whole kit.",
    metavar="S",
)
@click.pass_context
def command(ctx: click.Context, name: str, as_json: bool, timeout: int) -> None:
    """Run the conformance kit of its family for the installed plugin NAME; exit 7 when a case fails.

    The plugin runs in a process of its own with the settings of its CONFORMANCE mapping. A case is
    skipped only when the plugin does not declare the capability it needs.
    """
    if find_spec("pytest") is None:
        raise click.ClickException("the conformance kit needs pytest: pip install 'arb-core[testing]'")
    ref = find_plugin(installed_plugins(disabled=disabled_plugins()), name)
    if ref.status is not Status.OK:
        raise PluginError(f"{ref.label} cannot be checked: {ref.reason}")
    report = run_kit(ref, timeout)
    if as_json:
        print_json(report)
    else:
        _print_report(ref, report)
    if report["failed"]:
        ctx.exit(ExitCode.CHECK)


def run_kit(ref: PluginRef, timeout_s: int) -> dict[str, Any]:
    """Run the kit in a subprocess and return what each case did."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="arb-check-") as name:
        folder = Path(name)
        (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        (folder / "test_conformance.py").write_text(
            _MODULE.format(kit=_KITS[ref.family], target=ref.target, name=ref.name), encoding="utf-8"
        )
        ended = _run(folder, timeout_s)
        lines = list(_lines(folder / "report.jsonl"))
    failures = [line for line in lines if line["event"] == "failed"]
    closed = {line["case"] for line in lines if line["event"] != "start"}
    stuck = [line for line in lines if line["event"] == "start" and line["case"] not in closed]
    failures += [{**line, "detail": ended or "the process ended in this case"} for line in stuck]
    if not lines:
        failures = [{"case": "start", "title": "the kit starts", "detail": ended or "the process ended at once"}]
    skipped = [line for line in lines if line["event"] == "skipped"]
    passed = sum(line["event"] == "passed" for line in lines)
    return {
        "family": ref.family.value,
        "name": ref.name,
        "distribution": ref.dist_name,
        "version": ref.dist_version,
        "cases": passed + len(failures) + len(skipped),
        "passed": passed,
        "failed": len(failures),
        "failures": [{"case": line["case"], "title": line["title"], "reason": line["detail"]} for line in failures],
        "skipped": [{"case": line["case"], "capability": line["detail"]} for line in skipped],
        "seconds": round(time.perf_counter() - started, 3),
    }


def _run(folder: Path, timeout_s: int) -> str:
    """Run the kit to its end; return why it did not get there, or nothing."""
    # What the plugin prints may hold secrets: it is dropped, the report is in the folder.
    command = [sys.executable, "-m", "arb.testing._check", str(folder)]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(os.path.abspath(path) for path in sys.path if path)}
    # It would strip the assertions: every case would pass. pytest's options are the user's for other tests.
    for variable in ("PYTHONOPTIMIZE", "PYTEST_ADDOPTS"):
        environ.pop(variable, None)
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and module
            command,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"not done after {timeout_s} s"
    return f"the process ended with exit code {done.returncode}" if done.returncode not in (0, 1) else ""


def _lines(path: Path) -> Iterator[dict[str, str]]:
    if not path.exists():
        return
    for text in path.read_text(encoding="utf-8").splitlines():
        try:
            yield json.loads(text)
        except ValueError:  # killed while it wrote the last line
            return


def _print_report(ref: PluginRef, report: dict[str, Any]) -> None:
    for line in report["failures"]:
        click.echo(f"FAILED  {line['case']}  {clean(line['title'])}\n        {clean(line['reason'])}")
    missing: dict[str, list[str]] = {}
    for line in report["skipped"]:
        missing.setdefault(line["capability"], []).append(line["case"])
    for capability, cases in sorted(missing.items()):
        click.echo(f"skipped {', '.join(cases)}: {clean(capability)} is not declared")
    click.echo(
        f"{ref.label}: {report['passed']} passed, {report['failed']} failed, "
        f"{len(report['skipped'])} skipped of {report['cases']} cases in {report['seconds']} s"
    )
