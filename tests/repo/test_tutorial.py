"""The tutorial, followed to the letter, ends as it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from arb.cli.plugins_new import write_plugin
from arb.kernel import Family

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial" / "first-plugin.md"
IMPORTS = "from collections.abc import Iterable\n\nfrom arb.api import ExtensionSpec, hookimpl\n"


def test_the_first_plugin_works_as_written(tmp_path: Path) -> None:
    text = TUTORIAL.read_text(encoding="utf-8")
    imports, hook, test = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    folder = write_plugin(Family.EXTENSIONS, "size_guard", tmp_path)
    module = folder / "src" / "arb_extension_size_guard" / "plugin.py"
    written = module.read_text(encoding="utf-8")
    assert IMPORTS in written
    module.write_text(written.replace(IMPORTS, imports) + "\n\n" + hook, encoding="utf-8")
    (folder / "tests" / "test_guard.py").write_text(test, encoding="utf-8")

    (passed,) = re.findall(r"^(9 passed)", text, re.MULTILINE)
    assert passed in run(folder, "pytest", "-q", "-p", "no:cacheprovider")
    if find_spec("ruff") is not None:
        assert "All checks passed!" in run(folder, "ruff", "check", "--no-cache", ".")
    if find_spec("mypy") is not None:
        assert "Success: no issues found in 6 source files" in run(folder, "mypy", "--cache-dir", os.devnull)


def test_the_expected_output_is_what_the_command_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner

    from arb.cli import main

    monkeypatch.chdir(tmp_path)
    printed = CliRunner().invoke(main, ["plugins", "new", "extension", "size_guard"]).output

    assert f"$ arb plugins new extension size_guard\n{printed}```" in TUTORIAL.read_text(encoding="utf-8")


def run(folder: Path, *command: str) -> str:
    # What it brings needs pytest alone; the plugins of pytest that are installed here take seconds.
    environ = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = (sys.executable, "-m", *command)
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
