"""Fail when the documentation shows an `arb` command or option that does not exist. Runs nothing."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from arb.cli import main as arb

ROOT: Final = Path(__file__).resolve().parents[1]
_BLOCK: Final = re.compile(r"^```(?:sh|console|bash|shell)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_COMMAND: Final = re.compile(r"^(?:\$ )?(?:\.venv/bin/)?arb(?: (.*))?$", re.MULTILINE)
_SPAN: Final = re.compile(r"`arb ([a-z][^`]*)`")
_SKIPPED: Final = {".venv", ".tox", ".git", "build", "dist"}


def shown(text: str) -> Iterator[str]:
    """Yield the arguments of each `arb` command in a document."""
    for block in _BLOCK.findall(text):
        yield from _COMMAND.findall(block.replace("\\\n", " "))
    yield from _SPAN.findall(text)


def problem(arguments: str) -> str:
    """Return what is wrong with a command, or nothing."""
    try:
        words = shlex.split(re.split(r" [|>&]|;", arguments)[0], comments=True)
    except ValueError as error:
        return str(error)
    command: click.Command = arb
    context = click.Context(arb, info_name="arb")
    for word in words:
        if word.startswith("-"):
            name = word.partition("=")[0]
            known = {name for param in command.get_params(context) for name in (*param.opts, *param.secondary_opts)}
            if name not in known:
                return f"{context.command_path} has no option {name}"
        elif isinstance(command, click.Group):
            below = command.get_command(context, word)
            # A placeholder such as COMMAND or `...` ends what can be checked.
            if below is None:
                return "" if not word.islower() else f"{context.command_path} has no command {word}"
            command, context = below, click.Context(below, info_name=word, parent=context)
    return ""


def main() -> None:
    """Print every wrong command; exit 1 when there is one."""
    found = []
    for path in sorted(ROOT.rglob("*.md")):
        if not _SKIPPED.intersection(path.relative_to(ROOT).parts):
            for arguments in shown(path.read_text(encoding="utf-8")):
                wrong = problem(arguments)
                if wrong:
                    found.append(f"{path.relative_to(ROOT)}: `arb {arguments}`: {wrong}")
    print("\n".join(found) or "every command shown exists")
    raise SystemExit(bool(found))


if __name__ == "__main__":
    main()
