"""`arb plugins new`: write a plugin distribution that works, to be changed into one's own."""

from __future__ import annotations

import difflib
import re
import shutil
from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from types import MappingProxyType
from typing import Final

import click

from arb._version import __version__
from arb.kernel import Family, Status, installed_plugins

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_LONGEST: Final = 40
_SUFFIX: Final = ".tmpl"

_CONFIG: Final[Mapping[Family, str]] = MappingProxyType(
    {
        Family.STORAGES: '[storages.main]\nplugin = "{name}"\nsettings = {{ path = "arb.db" }}',
        Family.CACHE_TIERS: '[cache_tiers]\norder = ["{name}"]',
        Family.PRICE_SOURCES: '[price_sources]\norder = ["{name}"]',
        Family.EXCHANGES: '[exchanges.{name}-main]\nplugin = "{name}"',
        Family.STRATEGIES: '[strategies.mine]\nplugin = "{name}"\nexchanges = ["first", "second"]',
        Family.EXTENSIONS: '[extensions.mine]\nplugin = "{name}"',
    }
)


@click.command("new", epilog="Example: arb plugins new exchange my_venue --path ~/src")
@click.argument("family", metavar="FAMILY")
@click.argument("name")
@click.option(
    "--path",
    "folder",
    default=".",
    show_default=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="An existing folder; the distribution becomes a folder in it.",
)
def command(family: str, name: str, folder: Path) -> None:
    """Write a plugin distribution that builds, passes its tests and is found after `pip install -e`.

    FAMILY is exchange, strategy, price-source, cache-tier, storage or extension. NAME is what a
    configuration will call the plugin: lower-case letters, digits and single underscores.
    """
    kind = parse_family(family)
    check_name(kind, name)
    target = write_plugin(kind, name, folder)
    click.echo(f"Wrote the {kind.noun} plugin {name!r} to {target}.\n")
    click.echo(f"  pip install -e '{target}[test]'\n  arb plugins list --check\n  arb plugins check {kind}:{name}")


def parse_family(text: str) -> Family:
    """Return the family called `text`, in the singular or plural; raises click.UsageError."""
    names = {word.replace(" ", "_"): family for family in Family for word in (family.noun, family.value)}
    wanted = text.lower().replace("-", "_")
    if wanted in names:
        return names[wanted]
    close = difflib.get_close_matches(wanted, names, n=1)
    hint = f"Did you mean {close[0].replace('_', '-')!r}? " if close else ""
    choices = ", ".join(family.noun.replace(" ", "-") for family in Family)
    raise click.UsageError(f"There is no plugin family {text!r}. {hint}The families are {choices}.")


def check_name(family: Family, name: str) -> None:
    """Refuse a name that makes no good package, or that is taken; raises click.UsageError."""
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        proposal = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_").lstrip("0123456789_")[:_LONGEST].strip("_")
        hint = f", such as {proposal!r}" if proposal else ""
        raise click.UsageError(
            f"{name!r} is not a good plugin name: use a lower-case letter, then letters, digits and single "
            f"underscores, {_LONGEST} characters at most{hint}."
        )
    for ref in installed_plugins():
        if (ref.family, ref.name) == (family, name) and ref.status is not Status.INVALID:
            raise click.UsageError(f"{ref.label} is installed already: choose another name.")


def write_plugin(family: Family, name: str, folder: Path) -> Path:
    """Write the distribution and return its folder; a failure leaves nothing behind.

    Raises:
        click.UsageError: the target exists, or cannot be written.
    """
    words = placeholders(family, name)
    target = folder.expanduser() / words["dist"]
    if not target.parent.is_dir():
        raise click.UsageError(f"{target.parent} is not a folder: make it first or name another with --path.")
    try:
        target.mkdir()
    except FileExistsError:
        raise click.UsageError(f"{target} exists already: nothing was written.") from None
    except OSError as error:
        raise click.UsageError(f"{target} cannot be made: {error.strerror}. Nothing was written.") from None
    try:
        for path, text in rendered(family, words):
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            (target / path).write_text(text, encoding="utf-8")
    except BaseException as error:
        shutil.rmtree(target, ignore_errors=True)
        if not isinstance(error, OSError):
            raise
        raise click.UsageError(f"{target} cannot be written: {error.strerror}. Nothing was left there.") from None
    return target


def placeholders(family: Family, name: str) -> dict[str, str]:
    """Return what stands for the marks in the templates."""
    major, minor = __version__.split(".")[:2]
    dist = f"arb-{family.noun}-{name}".replace(" ", "-").replace("_", "-")
    return {
        "name": name,
        "noun": family.noun,
        "family": family.value,
        "group": family.group,
        "dist": dist,
        "module": dist.replace("-", "_"),
        # An exchange talks to its venue: the network toolkit runs on what this extra brings.
        "core": "arb-core[net]" if family is Family.EXCHANGES else "arb-core",
        "kernel_range": f">={major}.{minor},<{major}.{int(minor) + 1}",
        "config": _CONFIG[family].format(name=name),
    }


def rendered(family: Family, words: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield each file's path in the distribution and its text."""
    templates = files("arb.cli") / "templates"
    package = f"src/{words['module']}"
    yield f"{package}/__init__.py", f'"""The {words["noun"]} `{words["name"]}` for arb."""\n'
    yield f"{package}/py.typed", ""
    sources = (
        ("", templates / "common"),
        (f"{package}/", templates / family.noun.replace(" ", "_") / "src"),
        ("tests/", templates / family.noun.replace(" ", "_") / "tests"),
    )
    for prefix, source in sources:
        for path in sorted(_templates(source), key=lambda each: each.name):
            text = path.read_text(encoding="utf-8")
            for mark, word in words.items():
                text = text.replace(f"{{{{{mark}}}}}", word)
            yield prefix + path.name.removesuffix(_SUFFIX), text


def _templates(folder: Traversable) -> Iterator[Traversable]:
    return (path for path in folder.iterdir() if path.name.endswith(_SUFFIX))
