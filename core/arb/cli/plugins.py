"""`arb plugins`: what is installed and whether it works."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

import click

from arb.kernel import PluginRef, Status, installed_plugins

from ._errors import ExitCode
from ._kit_report import stored_tier
from ._lazy import LazyGroup
from ._options import disabled_plugins
from ._output import print_fields, print_json, print_table

_LAZY: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "new": ("arb.cli.plugins_new:command", "Write a new plugin distribution that builds and passes its tests."),
        "check": ("arb.cli.plugins_check:command", "Run the conformance kit for an installed plugin."),
    }
)


@click.group(name="plugins", cls=LazyGroup, lazy=_LAZY)
def command() -> None:
    """List, inspect, check and create plugins."""


@command.command("list", epilog="Example: arb plugins list --check")
@click.option("--check", is_flag=True, help="Also load each plugin, in a process of its own; exit 7 when one fails.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def list_(ctx: click.Context, check: bool, as_json: bool) -> None:
    """List the installed plugins. Without --check nothing of them is imported.

    TIER is what `arb plugins check --write-report` last measured of an exchange, where that was of the
    installed version and with the present kit.
    """
    refs = installed_plugins(disabled=disabled_plugins())
    rows = [_row(ref) for ref in refs]
    if check:
        # Only a check pays for subprocesses.
        from arb.kernel import probe_plugins

        for row, result in zip(rows, probe_plugins(refs), strict=True):
            if row["status"] == Status.OK and not result.ok:
                row.update(status="failed", reason=result.reason)
    if as_json:
        print_json({"plugins": rows})
    elif rows:
        print_table(list(rows[0]), [list(row.values()) for row in rows])
    else:
        click.echo("No plugin is installed.")
    if check and any(row["status"] not in (Status.OK, Status.DISABLED) for row in rows):
        ctx.exit(ExitCode.CHECK)


@command.command("info", epilog="Example: arb plugins info simulated")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def info(ctx: click.Context, name: str, as_json: bool) -> None:
    """Show what the plugin NAME declares.

    Its settings, capabilities and hooks, read in a process of its own. Where two families have a
    plugin of one name, write FAMILY:NAME.
    """
    from arb.kernel import probe_plugins

    ref = find_plugin(installed_plugins(disabled=disabled_plugins()), name)
    (result,) = probe_plugins([ref])
    row = _row(ref)
    if not result.ok and ref.status is Status.OK:
        row.update(status="failed", reason=result.reason)
    row["module"] = ref.target
    row["kernel"] = f"arb-core{ref.kernel_range}" if ref.kernel_range else ""
    if as_json:
        print_json({**row, **result.details})
    else:
        _print_info(row, result.details)
    if not result.ok:
        ctx.exit(ExitCode.PLUGIN)


def find_plugin(refs: Iterable[PluginRef], name: str) -> PluginRef:
    """Return the plugin called `name` or `family:name`.

    Raises:
        click.UsageError: there is none, or more than one.
    """
    refs = list(refs)
    family, colon, short = name.rpartition(":")
    found = [ref for ref in refs if ref.name == short and (not colon or ref.family == family)]
    if not found:
        import difflib  # for a mistyped name only

        close = difflib.get_close_matches(short, {ref.name for ref in refs}, n=1)
        hint = f"Did you mean {close[0]!r}?" if close else "`arb plugins list` shows what is installed."
        raise click.UsageError(f"No plugin named {name!r} is installed. {hint}")
    if len({ref.family for ref in found}) > 1:
        choices = " or ".join(f"{ref.family}:{ref.name}" for ref in found)
        raise click.UsageError(f"More than one plugin is named {name!r}: write {choices}.")
    return found[0]


def _row(ref: PluginRef) -> dict[str, str]:
    return {
        "family": ref.family.value,
        "name": ref.name,
        "distribution": ref.dist_name,
        "version": ref.dist_version,
        "tier": stored_tier(ref),
        "status": ref.status.value,
        "reason": ref.reason,
    }


def _print_info(row: Mapping[str, str], details: Mapping[str, Any]) -> None:
    shown = dict(row)
    for key in ("capabilities", "hooks"):
        shown[key] = ", ".join(details.get(key, ()))
    print_fields(shown)
    settings = details.get("settings")
    if settings:
        click.echo("\nSettings")
        print_table(list(settings[0]), [list(each.values()) for each in settings])
    elif settings is not None:
        click.echo("\nIt has no settings.")
