"""Put known bugs back into the tree, one at a time, and see whether the simulation catches them.

    python tools/mutants.py [--only NAME ...] [--episodes N] [--jobs N] [--no-scenarios] [--json] [--check]

Each file of tests/simulation/mutants is one bug from the field: a few exact replacements in the source.
It is put into a copy of the tree; the scenario that it names, the others and then the episodes run there until
the auditor finds something. What the tree without the bug breaks as well does not count. It ends with code 1 when fewer
than 98 of 100 mutants are caught. `--check` runs nothing: it tells which mutants no longer fit the source.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from arb.verification import SCENARIOS

ROOT = Path(__file__).resolve().parents[1]
MUTANTS = ROOT / "tests" / "simulation" / "mutants"
WANTED = 0.98
LONGEST_EPISODE_S = 180.0
"""An episode takes a second; one that does not end has lost its way."""

CHILD = Path(__file__).with_name("play_mutant.py")
_BROKEN = "broken"
_SLIPS = ("NameError", "ImportError", "AttributeError")
"""What an error of the mutant's own code is called: to catch that proves nothing."""
_WRONG_TREE = 70
"""How the child ends when it imports another tree."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One replacement; `old` occurs exactly once in the file."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A known bug.

    Attributes:
        reference: Where the field reported it, or the promise it breaks.
        about: What it does to a user.
        scenario: The one that shows it, which is played first; empty where any may.
    """

    name: str
    reference: str
    about: str
    changes: tuple[Change, ...]
    scenario: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a mutant.

    Attributes:
        by: `scenario NAME` or `seed N`; empty when nothing caught it.
        code: What the auditor calls it; `crash` or `no_end` when the child came to no end of its own, `broken` when the
            mutant's own code is wrong.
        episode: How many seeds were run; 0 when a scenario caught it.
        also: Runs that broke something in the tree without the bug as well, and were passed over.
    """

    name: str
    reference: str
    caught: bool
    by: str
    code: str
    text: str
    episode: int
    seconds: float
    also: tuple[str, ...] = ()


def load(path: Path) -> Mutant:
    """Read a mutant; raises ValueError with what is wrong with its file."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        rows = content.pop("change")
        changes = tuple(Change(**{"file": content["file"], **row}) for row in rows)
        del content["file"]
        mutant = Mutant(changes=changes, **content)
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"{path.name} is not a mutant: {type(error).__name__}: {error}") from error
    texts = [mutant.name, mutant.reference, mutant.about, *(change.file for change in changes)]
    if not changes or "" in (str(text).strip() for text in texts):
        raise ValueError(f"{path.name}: name, reference, about, file and one [[change]] are needed")
    if mutant.name != path.stem:
        raise ValueError(f"{path.name}: its name is {mutant.name}, and the file is called otherwise")
    if mutant.scenario and mutant.scenario not in SCENARIOS:
        raise ValueError(f"{path.name}: there is no scenario {mutant.scenario}")
    return mutant


def load_all() -> list[Mutant]:
    """Read every mutant, by name."""
    return [load(path) for path in sorted(MUTANTS.glob("*.toml"))]


def mutated(mutant: Mutant, root: Path = ROOT) -> Mapping[str, str]:
    """Return the changed files by their paths; raises ValueError when the mutant does not fit the source."""
    texts: dict[str, str] = {}
    for change in mutant.changes:
        path = root / change.file
        where = f"{mutant.name}: {change.file}"
        if _packaged(change.file) is None or not path.is_file():
            raise ValueError(f"{where} is no file of the source; say where its code is now")
        text = texts.get(change.file) or path.read_text(encoding="utf-8")
        count = text.count(change.old)
        if count != 1:
            raise ValueError(
                f"{where} holds this text {count} times instead of once; write the same bug into the code of "
                f"today, or put another one in its place:\n{change.old}"
            )
        texts[change.file] = text.replace(change.old, change.new)
    for file, text in texts.items():
        try:
            same = ast.dump(ast.parse(text)) == ast.dump(ast.parse((root / file).read_text(encoding="utf-8")))
        except SyntaxError as error:
            raise ValueError(f"{mutant.name}: {file} is no Python any more: {error}") from error
        if same:
            raise ValueError(f"{mutant.name}: {file} does the same as before")
    return texts


def _packaged(file: str) -> str | None:
    """Return where a file of the source lies in a folder of packages; None when it is not of the source."""
    parts = Path(file).parts
    if parts[:2] == ("core", "arb"):
        return str(Path(*parts[1:]))
    if parts[0] == "plugins" and parts[3:4] == ("src",):
        return str(Path(*parts[4:]))
    return None


def _snapshot(folder: Path) -> None:
    """Copy every package of the source, so that edits of the tree meanwhile change nothing."""
    packages = [ROOT / "core" / "arb", *(each.parent for each in ROOT.glob("plugins/*/*/src/*/__init__.py"))]
    for package in packages:
        # With the times of the files, so that their compiled code stays good.
        shutil.copytree(package, folder / package.name)


@contextmanager
def _overlay(mutant: Mutant, texts: Mapping[str, str], source: Path) -> Iterator[Path]:
    """Yield a folder of packages with the bug in it; all other files are links."""
    with tempfile.TemporaryDirectory(prefix="arb-mutant-") as name:
        folder = Path(name) / mutant.name
        shutil.copytree(source, folder, copy_function=os.link)
        for file, text in texts.items():
            changed = folder / str(_packaged(file))
            changed.unlink()
            changed.write_text(text, encoding="utf-8")
        yield folder


@dataclass(frozen=True, slots=True)
class _Found:
    """Where a child stopped, and why; `code` is empty when it came to its end."""

    index: int
    title: str
    code: str
    text: str


class _Gate:
    """Runs children over copies of the tree."""

    def __init__(self, source: Path, *, episodes: int, scenarios: bool) -> None:
        self._source = source
        self._script = shutil.copy2(CHILD, source.with_name(CHILD.name))
        self._options = [f"--episodes={episodes}"]
        if not scenarios:
            self._options.append("--no-scenarios")
        self._scenarios = 0
        self._controls: dict[tuple[str, int], bool] = {}
        self._lock = threading.Lock()

    def judge(self, mutant: Mutant, texts: Mapping[str, str]) -> Outcome:
        """Run a mutant until something catches it."""
        began = time.monotonic()
        index, also = 0, []
        with _overlay(mutant, texts, self._source) as folder:
            while True:
                found = self._run(folder, mutant.scenario, index)
                if not found.code or self._control(mutant.scenario, found.index):
                    break
                also.append(found.title)
                index = found.index + 1
        return Outcome(
            name=mutant.name,
            reference=mutant.reference,
            caught=found.code not in ("", _BROKEN),
            by=found.title if found.code else "",
            code=found.code,
            text=found.text,
            episode=max(0, found.index + 1 - self._scenarios),
            seconds=round(time.monotonic() - began, 1),
            also=tuple(also),
        )

    def _control(self, scenario: str, index: int) -> bool:
        """Whether the tree without a bug does the same run well."""
        run = (scenario, index)
        with self._lock:
            if run not in self._controls:
                self._controls[run] = not self._run(self._source, *run, "--count=1").code
            return self._controls[run]

    def _run(self, folder: Path, scenario: str, first: int, *options: str) -> _Found:
        """Run a scenario and all others from a number on, and return where that stopped."""
        command = [sys.executable, str(self._script), str(folder), f"--scenario={scenario}", f"--first={first}"]
        child = subprocess.Popen(
            [*command, *self._options, *options],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        complaints: list[str] = []
        listener = threading.Thread(target=lambda: complaints.extend(child.stderr or ()), daemon=True)
        listener.start()
        late = threading.Event()
        index, found = first, None
        for row in _rows(child, late):
            index = row["index"]
            self._scenarios = row["scenarios"]
            if row["codes"]:
                found = _Found(index, row["title"], row["codes"][0], row["text"])
            index += 1
        code = child.wait()
        listener.join()
        if found is not None:
            is_slip = any(name in found.text for name in _SLIPS)
            return replace(found, code=_BROKEN) if is_slip else found
        if late.is_set():
            return _Found(index, f"run {index}", "no_end", f"no end within {LONGEST_EPISODE_S:.0f} s")
        if code:
            text = "".join(complaints[-1:]).strip()
            if code == _WRONG_TREE:
                raise RuntimeError(text)
            return _Found(index, f"run {index}", "crash" if index else _BROKEN, text)
        return _Found(index - 1, "", "", "")


def _rows(child: subprocess.Popen[str], late: threading.Event) -> Iterator[Mapping[str, Any]]:
    """Yield what a child reports of each run; end it when one run takes too long."""

    def stop() -> None:
        late.set()
        child.kill()

    assert child.stdout is not None
    while True:
        timer = threading.Timer(LONGEST_EPISODE_S, stop)
        timer.start()
        line = child.stdout.readline()
        timer.cancel()
        if not line.endswith("\n"):
            return
        yield json.loads(line)


def _judge_all(mutants: Sequence[Mutant], *, episodes: int, jobs: int, scenarios: bool) -> list[Outcome]:
    """Judge mutants, some at a time, and tell of each as it is done."""
    console = Console(stderr=True)
    texts = {mutant.name: mutated(mutant) for mutant in mutants}
    outcomes: list[Outcome] = []
    bar = Progress(
        TextColumn("mutants"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[state]}"),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    with tempfile.TemporaryDirectory(prefix="arb-mutants-") as name, bar, ThreadPoolExecutor(jobs) as threads:
        source = Path(name) / "source"
        _snapshot(source)
        gate = _Gate(source, episodes=episodes, scenarios=scenarios)
        task = bar.add_task("", total=len(mutants), state="")
        waiting = [threads.submit(gate.judge, mutant, texts[mutant.name]) for mutant in mutants]
        try:
            for done in as_completed(waiting):
                outcome = done.result()
                outcomes.append(outcome)
                missed = sum(not each.caught for each in outcomes)
                bar.update(task, advance=1, state=f"{missed} not caught" if missed else "all caught")
                line = f"{outcome.name}: {_caught_by(outcome)}, {outcome.seconds:.0f} s"
                console.print(line, highlight=False, markup=False, soft_wrap=True)
        except BaseException:
            threads.shutdown(cancel_futures=True)
            raise
    return sorted(outcomes, key=lambda each: each.name)


def _caught_by(outcome: Outcome) -> str:
    if outcome.code == _BROKEN:
        return f"NOT CAUGHT, the mutant is broken: {outcome.text}"
    if not outcome.caught:
        return f"NOT CAUGHT in {outcome.episode} episodes"
    where = f"episode {outcome.episode}" if outcome.episode else outcome.by
    return f"{outcome.code} at {where}"


def _print(outcomes: Sequence[Outcome], caught: int) -> None:
    table = Table(box=None, pad_edge=False)
    for title in ("mutant", "reference", "caught by", "seconds"):
        table.add_column(title, justify="right" if title == "seconds" else "left", overflow="fold")
    for one in outcomes:
        table.add_row(escape(one.name), escape(one.reference), escape(_caught_by(one)), f"{one.seconds:.0f}")
    # What is piped into a file has no width of its own.
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(table)
    also = sorted({title for one in outcomes for title in one.also})
    if also:
        console.print(f"\nPassed over, since the tree without a bug breaks something there too: {', '.join(also)}")
    share = caught / len(outcomes)
    console.print(f"\n{caught} / {len(outcomes)} caught ({share:.1%}; {WANTED:.0%} are wanted)", highlight=False)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Put known bugs back and see whether the simulation catches them.")
    parser.add_argument("--only", action="append", metavar="NAME", help="this mutant; may be given again")
    parser.add_argument("--episodes", type=int, default=1000, help="seeds after the scenarios (default 1000)")
    parser.add_argument("--jobs", type=int, default=2, help="mutants at a time (default 2)")
    parser.add_argument("--no-scenarios", action="store_true", help="seeds only")
    parser.add_argument("--json", action="store_true", help="print a JSON document")
    parser.add_argument("--check", action="store_true", help="run nothing; tell which mutants do not fit the source")
    return parser.parse_args()


def _chosen(only: Sequence[str] | None) -> list[Mutant]:
    mutants = load_all()
    unknown = set(only or ()) - {mutant.name for mutant in mutants}
    if unknown:
        raise ValueError(f"there is no mutant {', '.join(sorted(unknown))} in {MUTANTS.relative_to(ROOT)}")
    chosen = [mutant for mutant in mutants if not only or mutant.name in only]
    problems = []
    for mutant in chosen:
        try:
            mutated(mutant)
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise ValueError("\n\n".join(problems))
    return chosen


def main() -> None:
    """Judge mutants and leave with 0 when enough are caught."""
    given = _arguments()
    try:
        mutants = _chosen(given.only)
    except ValueError as error:
        sys.exit(str(error))
    if given.check:
        print(f"{len(mutants)} mutants fit the source")
        return
    outcomes = _judge_all(mutants, episodes=given.episodes, jobs=given.jobs, scenarios=not given.no_scenarios)
    caught = sum(outcome.caught for outcome in outcomes)
    if given.json:
        rows = [asdict(outcome) for outcome in outcomes]
        print(json.dumps({"caught": caught, "total": len(outcomes), "mutants": rows}, indent=2))
    else:
        _print(outcomes, caught)
    sys.exit(int(caught < WANTED * len(outcomes)))


if __name__ == "__main__":
    main()
