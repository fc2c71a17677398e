"""Bugs of adapters, to be put into the generated exchange: what the kit has to catch.

They stand in `venue_bugs.txt`: `# what is wrong: the cases that fail`, then for each place `@ module`, the
lines that go (`-`) and the lines that come (`+`).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from itertools import groupby
from pathlib import Path
from types import ModuleType

from arb.cli.plugins_new import placeholders, rendered
from arb.kernel import Family


@dataclass(frozen=True, slots=True)
class Edit:
    """Lines of one module that become others."""

    module: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Bug:
    """One mistake, and the cases of the kit that each have to fail for it."""

    name: str
    cases: tuple[str, ...]
    edits: tuple[Edit, ...]


def _edits(lines: list[str]) -> Iterator[Edit]:
    module = ""
    for is_module, group in groupby(lines, key=lambda line: line.startswith("@")):
        block = list(group)
        if is_module:
            module = block[0].removeprefix("@ ")
            continue
        before, after = ("".join(f"{line[1:]}\n" for line in block if line.startswith(mark)) for mark in "-+")
        yield Edit(module, before, after)


def _bugs(text: str) -> Iterator[Bug]:
    for part in text.strip().split("\n\n# "):
        head, *lines = part.removeprefix("# ").splitlines()
        name, _, cases = head.partition(": ")
        yield Bug(name, tuple(cases.split()), tuple(_edits(lines)))


BUGS = tuple(_bugs(Path(__file__).with_name("venue_bugs.txt").read_text(encoding="utf-8")))


def applied(module: str, text: str, bugs: Iterable[Bug]) -> str:
    """Return a module of the generated package with bugs put into it; each finds its lines exactly once."""
    for bug in bugs:
        for edit in bug.edits:
            if edit.module == module:
                found = f"\n{text}".count(f"\n{edit.before}")
                assert found == 1, f"{bug.name}: its lines stand {found} times in {module}"
                text = text.replace(edit.before, edit.after, 1)
    return text


@contextmanager
def sample(folder: Path, bugs: Iterable[Bug] = ()) -> Iterator[ModuleType]:
    """Lend the hook module of the generated exchange, with bugs put into it."""
    bugs, words = tuple(bugs), {**placeholders(Family.EXCHANGES, "sample"), "module": "sample_venue"}
    for path, text in rendered(Family.EXCHANGES, words):
        if path.startswith("src/sample_venue/"):
            target = folder / path.removeprefix("src/")
            target.parent.mkdir(exist_ok=True)
            target.write_text(applied(target.name, text, bugs), encoding="utf-8")
    sys.path.insert(0, str(folder))
    try:
        yield import_module("sample_venue.plugin")
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.partition(".")[0] == "sample_venue"]:
            del sys.modules[name]
