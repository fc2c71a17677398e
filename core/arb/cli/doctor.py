"""`arb doctor`: is this machine, this installation and this configuration fit to trade?"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from arb.api import ArbError
from arb.kernel import Family, compose, read_config

from ._checkup import Finding, Level, clock, import_name, packages, plugins, python
from ._errors import ExitCode
from ._options import disabled_plugins
from ._output import print_json, print_table
from ._reach import check_parts

_DEFAULT_FILE: Final = Path("arb.toml")


@click.command(name="doctor", epilog="Example: arb doctor -c arb.toml")
@click.option(
    "-c", "--config", "file", type=click.Path(path_type=Path), help="Configuration to check: arb.toml if any."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def command(ctx: click.Context, file: Path | None, as_json: bool) -> None:
    """Check this machine, the installation and a configuration.

    Python, packages, who owns the import name `arb`, the clock; with a configuration also its
    storages (opened and written) and its exchanges (opened and asked). Exit 7 on a finding.
    """
    findings = list(_examine(file, disabled_plugins()))
    healthy = all(finding.level is not Level.FAILED for finding in findings)
    rows = [{"check": each.check, "status": each.level.value, "detail": each.detail} for each in findings]
    if as_json:
        print_json({"ok": healthy, "checks": rows})
    else:
        print_table(list(rows[0]), [list(row.values()) for row in rows])
    if not healthy:
        ctx.exit(ExitCode.CHECK)


def _examine(file: Path | None, disabled: frozenset[str]) -> Iterator[Finding]:
    owner = import_name()
    yield owner
    if owner.level is Level.FAILED:
        return  # whatever else we found would be about somebody else's package
    yield python()
    yield from packages()
    yield from plugins(disabled)
    yield clock()
    chosen = file if file is not None or not _DEFAULT_FILE.exists() else _DEFAULT_FILE
    if chosen is None:
        yield Finding("configuration", Level.OK, "none given and no arb.toml here: storage and exchanges not checked")
        return
    try:
        composition = compose(read_config(chosen), str(chosen), disabled=disabled)
    except ArbError as error:
        for line in str(error).splitlines():
            yield Finding("configuration", Level.FAILED, line)
        return
    yield Finding("configuration", Level.OK, f"{chosen}: all right")
    yield from asyncio.run(check_parts(composition, [Family.STORAGES, Family.EXCHANGES]))
