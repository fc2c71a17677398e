"""`arb config`: check, show, describe and create configuration files."""

from __future__ import annotations

from pathlib import Path

import click

from arb.api import ConfigError, PluginLoadError
from arb.kernel import (
    Composition,
    Config,
    Family,
    compose,
    effective,
    installed_plugins,
    probe_plugins,
    read_config,
    settings_schema,
)

from ._options import disabled_plugins
from ._output import print_json
from ._starter import STARTER
from .plugins import find_plugin


@click.group(name="config")
def command() -> None:
    """Check, show, describe and create configuration files (TOML or YAML)."""


@command.command(epilog="Example: arb config check arb.toml")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def check(file: Path, as_json: bool) -> None:
    """Check FILE without opening anything.

    Its shape, the plugins it names and their settings are checked; every problem is told at once.
    """
    composition = _compose(file)
    counts = {family.value: len(composition.parts[family]) for family in Family}
    if as_json:
        print_json({"file": str(file), "ok": True, **counts})
    else:
        named = ", ".join(f"{count} {family.replace('_', ' ')}" for family, count in counts.items() if count)
        click.echo(f"{file}: all right ({named})")


@command.command(epilog="Example: arb config show arb.toml")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of YAML.")
def show(file: Path, as_json: bool) -> None:
    """Show FILE with every default filled in.

    Secrets stay references. What is shown is a configuration again.
    """
    document = _effective(_compose(file))
    if as_json:
        print_json(document)
        return
    from arb.kernel import write_yaml

    click.echo(write_yaml(document), nl=False)


@command.command(epilog="Example: arb config schema > arb.schema.json")
@click.option("--plugin", "name", help="Describe the settings of this plugin instead of the whole file.")
def schema(name: str | None) -> None:
    """Print the JSON schema, for editors and programs."""
    if name is None:
        print_json(settings_schema(Config))
        return
    (result,) = probe_plugins([find_plugin(installed_plugins(disabled=disabled_plugins()), name)])
    if not result.ok:
        raise PluginLoadError(f"{result.ref.label}: {result.reason}")
    print_json(result.details["schema"])


@command.command(epilog="Example: arb config init arb.toml")
@click.argument("path", type=click.Path(path_type=Path), default="arb.toml")
def init(path: Path) -> None:
    """Write a commented configuration to start from.

    It trades on simulated exchanges. PATH is arb.toml when left out; nothing is overwritten.
    """
    if path.suffix.lower() in (".yaml", ".yml"):
        # A file is read by its suffix, so this one would not be.
        raise ConfigError(f"{path}: what is written is TOML: name it {path.with_suffix('.toml')}")
    try:
        with path.open("x", encoding="utf-8") as stream:
            stream.write(STARTER)
    except FileExistsError:
        raise ConfigError(f"{path}: is already there; name another file or remove it") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None
    click.echo(f"Wrote {path}. Next: arb config check {path}; arb run -c {path}")


def _compose(file: Path) -> Composition:
    return compose(read_config(file), str(file), disabled=disabled_plugins())


def _effective(composition: Composition) -> dict[str, object]:
    config = composition.config
    document: dict[str, object] = {"run": effective(config.run), "risk": effective(config.risk)}
    for family in Family:
        parts = composition.parts[family]
        tables: dict[str, object] = {}
        if family in (Family.CACHE_TIERS, Family.PRICE_SOURCES):
            tables["order"] = list(parts)
        for alias, part in parts.items():
            use = effective(config.uses(family)[alias])
            tables[alias] = {**use, "settings": effective(part.settings, part.raw)}
        document[family.value] = tables
    return document
