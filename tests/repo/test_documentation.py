"""The documentation says what the code does."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from arb.api import Capability, errors, hookspecs
from arb.cli._errors import EXIT_CODES

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
HOOKS = {name: hook for name, hook in vars(hookspecs).items() if name.startswith("arb_")}


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_is_documented_with_its_exact_arguments(name: str) -> None:
    signature = str(inspect.signature(HOOKS[name])).replace("'", "")

    assert f"\n### `{name}{signature}`\n" in (REFERENCE / "hooks.md").read_text(encoding="utf-8")


def test_no_hook_is_documented_that_does_not_exist() -> None:
    text = (REFERENCE / "hooks.md").read_text(encoding="utf-8")
    documented = {
        line.partition("`")[2].partition("(")[0] for line in text.splitlines() if line.startswith("### `arb_")
    }

    assert documented == set(HOOKS)


def test_exit_codes_are_documented_as_they_are() -> None:
    text = (REFERENCE / "exit-codes.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ") and line[2].isdigit()]

    assert [(int(code), meaning) for code, meaning, *_ in rows] == [
        (int(code), text) for code, text in EXIT_CODES.items()
    ]


def test_every_capability_is_documented() -> None:
    text = (ROOT / "docs" / "how-to" / "write-a-plugin.md").read_text(encoding="utf-8")

    assert [capability for capability in Capability if f"`{capability.name}`" not in text] == []


def test_the_picture_of_the_errors_is_the_tree() -> None:
    drawn = [
        line.split()[1] for line in (errors.__doc__ or "").splitlines() if line.strip()[:1] in {"*", "+", "-", "x"}
    ]
    classes = [each for each in vars(errors).values() if inspect.isclass(each) and issubclass(each, errors.ArbError)]

    assert drawn == [each.__name__ for each in classes]


@pytest.mark.parametrize("script", ["check_links.py", "check_commands.py", "write_reference.py"])
def test_links_commands_and_generated_parts_are_right(script: str) -> None:
    command = [sys.executable, str(ROOT / "tools" / script), "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
