"""Write the parts of the documentation that the code knows better: `--check` fails instead of writing.

* docs/reference/cli.md: every command with its help and options
* docs/reference/configuration.md: the table of keys after each `<!-- keys: ... -->` mark
* docs/reference/scenarios.md: every named scenario of the simulation
* docs/reference/conformance.md: every case of the conformance kits
* docs/reference/quality-scale.md: the table of tiers after the mark `<!-- tiers -->`
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, get_args

import click
from pydantic import BaseModel

from arb import testing
from arb.cli import main as arb
from arb.cli._quality import KIT_VERSION, TIERS, VENUE_FACTS
from arb.kernel import Config, settings_rows
from arb.verification import LATER, SCENARIOS

ROOT: Final = Path(__file__).resolve().parents[1]
CLI: Final = ROOT / "docs" / "reference" / "cli.md"
CONFIGURATION: Final = ROOT / "docs" / "reference" / "configuration.md"
KIT_PAGE: Final = ROOT / "docs" / "reference" / "conformance.md"
SCALE: Final = ROOT / "docs" / "reference" / "quality-scale.md"
SCENARIO_PAGE: Final = ROOT / "docs" / "reference" / "scenarios.md"

_KEYS: Final = re.compile(r"(<!-- keys: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_HEAD: Final = """# Commands

<!-- Written by tools/write_reference.py; change the commands, not this file. -->

Every command explains itself with `--help`. What prints data has `--json`. How a command ended
tells its [exit code](exit-codes.md).
"""

_TIERS: Final = re.compile(r"(<!-- tiers -->\n).*?(<!-- end -->)", re.DOTALL)
_CASE: Final = re.compile(r"test_([a-z]?)(\d{3})_(\w+)")
_USE: Final = re.compile(r"use\(body(.*?)\)", re.DOTALL)
_NEED: Final = re.compile(r"(?<=Capability\.)\w+|\bFAKE\b")
_KITS: Final = {
    "ExchangeConformance": "Exchanges",
    "StrategyConformance": "Strategies",
    "PriceSourceConformance": "Price sources",
    "CacheTierConformance": "Cache tiers",
    "StorageConformance": "Storages",
    "ExtensionConformance": "Extensions",
}
_KIT_HEAD: Final = """# Cases of the conformance kits

<!-- Written by tools/write_reference.py; change the cases, not this file. -->

What a plugin is held to. A number keeps its meaning for ever. `arb plugins check NAME` runs the kit of a family,
and `arb.testing` has it as a class to inherit from. This is version {version} of the kit, with {exchange} cases
for an exchange.

*Needs* names the capabilities without which a case is skipped. `fake` stands for a fake of the venue
(`ExchangeSpec.fake`): such a case compares with what is true behind the wire, or lets the wire fail. `simulated`
is met by a fake as well: time can be waited for.
"""
_SCENARIOS_HEAD: Final = """# Named scenarios

<!-- Written by tools/write_reference.py; change the scenarios, not this file. -->

Each is a report of users of such systems, played against the whole of `arb` in virtual time: the real runtime
and strategy, simulated venues, a wire and a disk that fail as the script says. What has to come out is part of
the scenario, and every invariant of the simulation holds in it as well.

```sh
arb simulate --scenario all
arb simulate --scenario late-order
```

A reference is a repository and the number of an issue or pull request. `B11#n` is the nth of twelve weak spots
of an earlier system of this kind, `PDT#name` a note in its repository, `djienne#91cc7f9` a commit.
"""
_LATER_HEAD: Final = """## What no scenario shows

Reports that are, in whole or in part, out of reach of simulated venues.
"""


def commands(command: click.Command, context: click.Context) -> Iterator[tuple[click.Command, click.Context]]:
    """Yield a command and everything below it, as the help lists them."""
    yield command, context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None and not below.hidden:
                yield from commands(below, click.Context(below, info_name=name, parent=context))


def section(command: click.Command, context: click.Context) -> str:
    """Return the part of one command."""
    lines = [f"## `{context.command_path}`", "", _prose(command.help)]
    usage = " ".join(command.collect_usage_pieces(context))
    lines += ["", "```text", f"{context.command_path} {usage}".rstrip(), "```"]
    rows = [param.get_help_record(context) for param in command.params]
    options = [(names, _text(help_)) for names, help_ in filter(None, rows)]
    if options:
        lines += ["", "| Option | Meaning |", "| --- | --- |"]
        lines += [f"| `{_cell(names)}` | {_cell(help_)} |" for names, help_ in options]
    if command.epilog:
        lines += ["", _prose(command.epilog)]
    return "\n".join(lines) + "\n"


def cli_text() -> str:
    """Return docs/reference/cli.md."""
    root = click.Context(arb, info_name="arb")
    return "\n".join([_HEAD, *(section(command, context) for command, context in commands(arb, root))])


def configuration_text(text: str) -> str:
    """Return docs/reference/configuration.md with the tables of keys as the code has them."""
    return _KEYS.sub(lambda match: f"{match[1]}{keys_table(match[2])}{match[3]}", text)


def keys_table(table: str) -> str:
    """Return the table of keys of one part of the configuration."""
    annotation: Any = Config.model_fields[table].annotation
    models = [each for each in (annotation, *get_args(annotation)) if inspect.isclass(each)]
    (model,) = [each for each in models if issubclass(each, BaseModel)]
    rows = ["| Key | Type | Default | Meaning |", "| --- | --- | --- | --- |"]
    for row in settings_rows(model):
        default = f"`{_cell(row['default'])}`" if row["default"] else ""
        rows.append(f"| `{row['key']}` | {_cell(row['type'])} | {default} | {_cell(row['description'])} |")
    return "\n".join(rows) + "\n"


def scenarios_text() -> str:
    """Return docs/reference/scenarios.md."""
    rows = ["| Scenario | References | What happens |", "| --- | --- | --- |"]
    for name, one in sorted(SCENARIOS.items()):
        rows.append(f"| `{name}` | {_references(one.references)} | {_cell(one.about)} |")
    others = ["| References | Why | Where |", "| --- | --- | --- |"]
    others += [f"| {_references(one.references)} | {_cell(one.why)} | {_cell(one.where)} |" for one in LATER]
    return "\n".join([_SCENARIOS_HEAD, *rows, "", _LATER_HEAD, *others]) + "\n"


def kit_text() -> str:
    """Return docs/reference/conformance.md."""
    kits = [getattr(testing, name) for name in _KITS]
    parts = [_KIT_HEAD.format(version=KIT_VERSION, exchange=len(_cases(kits[0])))]
    for kit, noun in zip(kits, _KITS.values(), strict=True):
        parts.append(f"## {noun}\n")
        groups: dict[str, list[str]] = {}
        letters = {letter for letter, *_ in _cases(kit).values()} - {""}
        for case, (letter, group, title, about, needs) in _cases(kit).items():
            # The first four cases are the same for every family.
            number = f"{letter or min(letters)}-{case}"
            row = f"| {number} | {title} | {_cell(about)} | {_cell(needs)} |"
            groups.setdefault(group, []).append(row)
        for group, rows in groups.items():
            parts += [f"### {group}\n", "| Case | Title | What has to hold | Needs |", "| --- | --- | --- | --- |"]
            parts += [*rows, ""]
    return "\n".join(parts).rstrip() + "\n"


def _cases(kit: type) -> dict[str, tuple[str, str, str, str, str]]:
    """Return letter, group, title, meaning and needs of each case, by its number."""
    found = {}
    for name in sorted(each for each in dir(kit) if each.startswith("test_")):
        match = _CASE.fullmatch(name)
        home = next(each for each in kit.__mro__ if name in vars(each))
        if match is None:
            continue
        function = vars(home)[name]
        calls = _USE.findall(inspect.getsource(function))
        needs = sorted(set(_NEED.findall(calls[-1]))) if calls else []
        about = " ".join(inspect.cleandoc(function.__doc__ or "").split())
        found[match[2]] = (
            match[1].upper(),
            home.__dict__.get("group", "contract"),
            match[3].replace("_", " "),
            about,
            ", ".join(needs).lower(),
        )
    return dict(sorted(found.items()))


def scale_text(text: str) -> str:
    """Return docs/reference/quality-scale.md with the table of tiers as the code has it."""
    rows = ["| Tier | A user may rely on | Groups without a failure | And |", "| --- | --- | --- | --- |"]
    for tier in TIERS:
        extra = []
        if tier.behind_the_wire:
            extra.append("nothing skipped for the want of a fake venue")
        if tier.whole:
            extra.append("no case failed, none skipped but for what the venue lacks")
        if tier.typed:
            extra.append("`py.typed`")
        groups = ", ".join(f"`{name}`" for name in tier.groups)
        rows.append(f"| **{tier.name}** | {tier.about} | {groups} | {'; '.join(extra)} |")
    facts = "\nA venue may lack " + ", ".join(f"`{name}`" for name in sorted(VENUE_FACTS)) + ".\n"
    return _TIERS.sub(lambda match: match[1] + "\n".join(rows) + "\n" + facts + match[2], text)


def _references(references: Iterable[str]) -> str:
    return ", ".join(f"`{each}`" for each in references)


def _prose(text: str | None) -> str:
    """Return paragraphs; click marks one that keeps its lines, such as examples, with a backspace."""
    parts = []
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(text or "")):
        if "\b" in paragraph:
            head, _, first = paragraph.replace("\b", "").strip().partition(": ")
            lines = [line.strip() for line in first.splitlines()]
            parts.append("\n".join([f"{head}:", "", "```sh", *lines, "```"]))
        else:
            parts.append(" ".join(paragraph.split()))
    return "\n\n".join(parts)


def _text(text: str | None) -> str:
    return " ".join(inspect.cleandoc(text or "").replace("\b", "").split())


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> None:
    """Write the files, or with --check tell which of them are not up to date."""
    wanted = {
        CLI: cli_text(),
        CONFIGURATION: configuration_text(CONFIGURATION.read_text(encoding="utf-8")),
        SCENARIO_PAGE: scenarios_text(),
        KIT_PAGE: kit_text(),
        SCALE: scale_text(SCALE.read_text(encoding="utf-8")),
    }
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if "--check" in sys.argv[1:]:
        names = ", ".join(str(path.relative_to(ROOT)) for path in stale)
        raise SystemExit(f"not up to date: {names}; run tools/write_reference.py" if stale else None)
    for path in stale:
        path.write_text(wanted[path], encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
