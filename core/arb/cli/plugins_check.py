"""`arb plugins check`: the conformance kit for an installed plugin."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import click

from arb.api import PluginError
from arb.kernel import Family, PluginRef, Status, installed_plugins

from ._errors import ExitCode
from ._kit_report import package_folder, store
from ._options import disabled_plugins
from ._output import clean, print_json
from ._quality import KIT_VERSION, next_tier, tier_of
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
_END: Final = "end"
"""`arb.testing._check.END`, which cannot be imported without pytest."""

_MODULE: Final = """import importlib
import json

from arb.testing import {kit}


class TestConformance({kit}):
    plugin = importlib.import_module({target!r})
    name = {name!r}
"""
_ON_VENUE: Final = """    venue_settings = json.loads({settings!r})
    sends_orders = {orders!r}
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
@click.option(
    "--write-report",
    is_flag=True,
    help="Keep the result in the plugin's package (conformance.json), for `arb plugins list`.",
)
@click.option(
    "--testnet",
    is_flag=True,
    help="Of an exchange: a part of the kit on the venue itself, in real time; it reads, and sends nothing.",
)
@click.option(
    "--config",
    "-c",
    "config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="With --testnet: the configuration whose only exchange of this plugin is used.",
)
@click.option(
    "--orders",
    is_flag=True,
    help="With --testnet: the smallest orders too, on a flat account, where the exchange is `armed`.",
)
@click.pass_context
def command(
    ctx: click.Context,
    name: str,
    as_json: bool,
    timeout: int,
    write_report: bool,
    testnet: bool,
    config: Path | None,
    orders: bool,
) -> None:
    """Run the conformance kit of its family for the installed plugin NAME; exit 7 when a case fails.

    The plugin runs in a process of its own: an exchange that brings a fake of its venue over that fake,
    any other with the settings of its CONFORMANCE mapping. A case is skipped only when the plugin does
    not declare the capability it needs. Of an exchange the result is measured by the quality scale.
    """
    if find_spec("pytest") is None:
        raise click.ClickException("the conformance kit needs pytest: pip install 'arb-core[testing]'")
    ref = find_plugin(installed_plugins(disabled=disabled_plugins()), name)
    if ref.status is not Status.OK:
        raise PluginError(f"{ref.label} cannot be checked: {ref.reason}")
    if testnet and write_report:
        raise click.UsageError("--write-report is for the whole kit: leave out --testnet.")
    if not testnet and (config or orders):
        raise click.UsageError("--config and --orders are for --testnet.")
    report = run_kit(ref, timeout, _on_venue(ref, config, orders) if testnet else None)
    if write_report:
        try:
            store(ref, report)
        except OSError as error:
            raise click.ClickException(f"the report cannot be kept: {error}") from None
    if as_json:
        print_json(report)
    else:
        _print_report(ref, report)
    if report["failed"]:
        ctx.exit(ExitCode.CHECK)


def _on_venue(ref: PluginRef, config: Path | None, orders: bool) -> str:
    """Return what a run on the venue itself needs to know; raises click.UsageError."""
    from arb.kernel import read_config

    if ref.family is not Family.EXCHANGES or config is None:
        raise click.UsageError("--testnet is for exchanges and needs --config FILE.")
    uses = {name: use for name, use in read_config(config).exchanges.items() if use.plugin == ref.name}
    if len(uses) != 1:
        raise click.UsageError(f"{config} uses the exchange {ref.name!r} {len(uses)} times; it has to be once.")
    ((name, use),) = uses.items()
    if orders and not use.armed:
        raise click.UsageError(f"--orders sends real orders: set `armed = true` in [exchanges.{name}] first.")
    return _ON_VENUE.format(settings=json.dumps(use.settings, default=str), orders=orders)


def run_kit(ref: PluginRef, timeout_s: int, on_venue: str | None = None) -> dict[str, Any]:
    """Run the kit in a subprocess and return what each case did.

    Args:
        ref: The plugin.
        timeout_s: Of the whole run.
        on_venue: What the test module says more for a run on the venue itself.
    """
    kit = _KITS[ref.family] if on_venue is None else "VenueConformance"
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="arb-check-") as name:
        folder = Path(name)
        (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        (folder / "test_conformance.py").write_text(
            _MODULE.format(kit=kit, target=ref.target, name=ref.name) + (on_venue or ""), encoding="utf-8"
        )
        ended = _run(folder, timeout_s)
        told = list(_lines(folder / "report.jsonl"))
    lines = [line for line in told if line["event"] != _END]
    failures = [line for line in lines if line["event"] == "failed"]
    closed = {line["case"] for line in lines if line["event"] != "start"}
    stuck = [line for line in lines if line["event"] == "start" and line["case"] not in closed]
    failures += [{**line, "detail": ended or "the process ended in this case"} for line in stuck]
    if not failures and len(lines) == len(told):
        text = ended or "the process ended before the last case"
        failures = [{"case": "end", "title": "the kit comes to its end", "detail": text}]
    if not lines:
        failures = [{"case": "start", "title": "the kit starts", "detail": ended or "the process ended at once"}]
    skipped = [line for line in lines if line["event"] == "skipped"]
    passed = sum(line["event"] == "passed" for line in lines)
    folder_of_package = package_folder(ref)
    report: dict[str, Any] = {
        "kit": KIT_VERSION,
        "family": ref.family.value,
        "name": ref.name,
        "distribution": ref.dist_name,
        "version": ref.dist_version,
        "cases": passed + len(failures) + len(skipped),
        "passed": passed,
        "failed": len(failures),
        "tier": "",
        "next_tier": {"tier": "", "lacks": []},
        "typed": folder_of_package is not None and (folder_of_package / "py.typed").exists(),
        "groups": _groups(lines, failures),
        "failures": [{"case": line["case"], "title": line["title"], "reason": line["detail"]} for line in failures],
        "skipped": [{"case": line["case"], "capability": line["detail"]} for line in skipped],
        "seconds": round(time.perf_counter() - started, 3),
    }
    if ref.family is Family.EXCHANGES and on_venue is None:
        name, lacks = next_tier(report)
        report.update(tier=tier_of(report), next_tier={"tier": name, "lacks": lacks})
    return report


def _groups(lines: Iterable[Mapping[str, str]], failures: Iterable[Mapping[str, str]]) -> dict[str, dict[str, Any]]:
    """Count the cases of each group: passed, failed, and skipped by capability."""
    groups: dict[str, dict[str, Any]] = {}
    for line in (*(line for line in lines if line["event"] in ("passed", "skipped")), *failures):
        group = groups.setdefault(line.get("group") or "kit", {"passed": 0, "failed": 0, "skipped": {}})
        if line.get("event") == "passed":
            group["passed"] += 1
        elif line.get("event") == "skipped":
            group["skipped"][line["detail"]] = group["skipped"].get(line["detail"], 0) + 1
        else:
            group["failed"] += 1
    return dict(sorted(groups.items()))


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
    if report["next_tier"]["tier"]:
        for lack in report["next_tier"]["lacks"]:
            click.echo(f"not {report['next_tier']['tier']}: {clean(lack)}")
    if report["tier"]:
        click.echo(f"quality scale: {report['tier']}")
    click.echo(
        f"{ref.label}: {report['passed']} passed, {report['failed']} failed, "
        f"{len(report['skipped'])} skipped of {report['cases']} cases in {report['seconds']} s"
    )
