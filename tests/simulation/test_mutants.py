"""Known bugs that `make mutants` puts back into the source, one at a time; the simulation has to catch them."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
TOOL = ROOT / "tools" / "mutants.py"
FILES = sorted((Path(__file__).parent / "mutants").glob("*.toml"))
FEWEST = 40
# The auditor sees these in the first episodes.
QUICK = ("answer-is-filled", "cancelled-is-unfilled", "entry-recorded-after-sending")


@pytest.fixture(scope="module")
def tool() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("mutants_tool", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where a dataclass looks for its module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def mutant_file(folder: Path, text: str) -> Path:
    path = folder / "a-bug.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_there_are_enough_mutants_and_each_is_another_bug(tool: ModuleType) -> None:
    mutants = tool.load_all()

    assert len(mutants) >= FEWEST
    assert len({mutant.name for mutant in mutants}) == len(mutants) == len(FILES)
    assert len({mutant.changes for mutant in mutants}) == len(mutants)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_mutant_fits_the_source_of_today(tool: ModuleType, path: Path) -> None:
    mutant = tool.load(path)

    assert set(tool.mutated(mutant)) == {change.file for change in mutant.changes}


@pytest.mark.parametrize(
    ("old", "told"),
    [
        ("def nothing_of_this_name", "0 times instead of once; write the same bug into the code of today"),
        ("import", "times instead of once"),
    ],
)
def test_a_mutant_whose_text_is_not_there_once_says_what_to_do(
    tool: ModuleType, tmp_path: Path, old: str, told: str
) -> None:
    path = mutant_file(
        tmp_path,
        f'name = "a-bug"\nreference = "R1"\nabout = "It loses money."\nfile = "core/arb/model/_hedge.py"\n'
        f'[[change]]\nold = "{old}"\nnew = "pass"\n',
    )

    with pytest.raises(ValueError, match=told):
        tool.mutated(tool.load(path))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("# Back to OPEN: nothing could be closed", "# Nothing could be closed", "does the same as before"),
        ("class OpenHedge:", "class OpenHedge", "is no Python any more"),
    ],
)
def test_a_mutant_that_changes_nothing_or_breaks_everything_is_refused(
    tool: ModuleType, old: str, new: str, told: str
) -> None:
    change = tool.Change(file="core/arb/model/_hedge.py", old=old, new=new)
    mutant = tool.Mutant(name="a-bug", reference="R1", about="It loses money.", changes=(change,))

    with pytest.raises(ValueError, match=told):
        tool.mutated(mutant)


@pytest.mark.parametrize("missing", ["name", "reference", "about", "file", "old"])
def test_a_mutant_that_is_not_told_whole_is_refused(tool: ModuleType, tmp_path: Path, missing: str) -> None:
    text = (
        'name = "a-bug"\nreference = "R1"\nabout = "It loses money."\nfile = "core/arb/model/_hedge.py"\n'
        '[[change]]\nold = "OPENING"\nnew = "OPEN"\n'
    )
    lines = [line for line in text.splitlines() if not line.startswith(f"{missing} =")]

    with pytest.raises(ValueError, match=r"a-bug\.toml"):
        tool.load(mutant_file(tmp_path, "\n".join(lines)))


def test_a_scenario_that_a_mutant_names_is_there(tool: ModuleType, tmp_path: Path) -> None:
    path = mutant_file(
        tmp_path,
        'name = "a-bug"\nreference = "R1"\nabout = "It loses money."\nscenario = "never-written"\n'
        'file = "core/arb/model/_hedge.py"\n[[change]]\nold = "OPENING"\nnew = "OPEN"\n',
    )

    with pytest.raises(ValueError, match=r"a-bug\.toml: there is no scenario never-written"):
        tool.load(path)


def test_the_scenario_that_a_mutant_names_is_played_first() -> None:
    command = [sys.executable, str(TOOL), "--episodes=1", "--json", "--only=fills-matched-by-id-alone"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)["mutants"]
    assert (row["by"], row["code"], row["episode"]) == ("scenario two-venues-number-alike", "ledger", 0)


def test_some_mutants_are_caught_within_a_few_episodes() -> None:
    only = [f"--only={name}" for name in QUICK]
    command = [sys.executable, str(TOOL), "--episodes=6", "--no-scenarios", "--json", *only]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["caught"], found["total"]) == (len(QUICK), len(QUICK))
    assert {row["code"] for row in found["mutants"]} == {"guess", "unrecorded"}


def test_a_mutant_that_nothing_catches_fails_the_gate() -> None:
    command = [sys.executable, str(TOOL), "--episodes=1", "--no-scenarios", "--only=unreadable-halts-are-no-halts"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "NOT CAUGHT in 1 episodes" in done.stdout
    assert "0 / 1 caught" in done.stdout
