"""`arb plugins new` writes plugins that pass every check a plugin of this repository passes."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from arb.cli import main
from arb.cli.plugins_new import placeholders, rendered, write_plugin
from arb.kernel import Family

FAMILIES = tuple(Family)
NAMES = ("v", "my_venue", "a_name_that_is_as_long_as_one_may_write")


def new(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["plugins", "new", *arguments])


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    # What it brings needs pytest alone; the plugins of pytest that are installed here take seconds each time.
    environ = {**os.environ, "PYTHONPATH": str(folder / "src"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done


@pytest.mark.parametrize("family", FAMILIES)
def test_a_generated_plugin_passes_its_own_tests(family: Family, tmp_path: Path) -> None:
    folder = write_plugin(family, "my_thing", tmp_path)
    # An exchange's kit is long; test_plugins_check.py runs all of it over a generated one.
    chosen = ["-k", "test_00"] if family is Family.EXCHANGES else []

    assert " passed" in run(folder, "pytest", "-q", "-p", "no:cacheprovider", *chosen).stdout


@pytest.mark.skipif(find_spec("ruff") is None, reason="ruff is not installed")
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", NAMES)
def test_a_generated_plugin_is_clean(family: Family, name: str, tmp_path: Path) -> None:
    folder = write_plugin(family, name, tmp_path)

    run(folder, "ruff", "check", "--no-cache", ".")
    run(folder, "ruff", "format", "--no-cache", "--check", ".")


@pytest.mark.skipif(find_spec("mypy") is None, reason="mypy is not installed")
def test_generated_plugins_are_typed(tmp_path: Path) -> None:
    folders = [write_plugin(family, "my_thing", tmp_path) for family in FAMILIES]
    environ = {**os.environ, "MYPYPATH": os.pathsep.join(str(folder / "src") for folder in folders)}
    sources = [str(path) for folder in folders for path in sorted(folder.glob("src/*"))]
    command = ["mypy", "--strict", "--warn-unreachable", "--explicit-package-bases", "--cache-dir", os.devnull]
    done = subprocess.run(
        [sys.executable, "-m", *command, *sources],
        env=environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("family", FAMILIES)
def test_no_mark_is_left_and_the_entry_point_is_right(family: Family) -> None:
    words = placeholders(family, "my_thing")
    files = dict(rendered(family, words))

    assert not [path for path, text in files.items() if "{{" in text]
    assert f"{words['group']} =\n    my_thing = {words['module']}.plugin" in files["setup.cfg"]
    assert {"README.md", "CHANGELOG.md", "pyproject.toml", f"src/{words['module']}/py.typed"} <= set(files)
    assert words["kernel_range"] == ">=0.1,<0.2"


@pytest.mark.parametrize("word", ["exchange", "Exchanges", "price-source", "price_sources", "strategy", "cache-tier"])
def test_families_are_known_by_either_number(word: str, tmp_path: Path) -> None:
    result = new(word, "thing", "--path", str(tmp_path))

    assert result.exit_code == 0, result.output
    (folder,) = tmp_path.iterdir()
    assert str(folder) in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("exchang", "thing"), "Did you mean 'exchange'"),
        (("nonsense", "thing"), "The families are storage, cache-tier, price-source, exchange, strategy, extension"),
        (("exchange", "My-Venue"), "such as 'my_venue'"),
        (("exchange", "1venue"), "such as 'venue'"),
        (("exchange", "a__b"), "such as 'a_b'"),
        (("exchange", "../evil"), "such as 'evil'"),
        (("exchange", "-" * 3), "is not a good plugin name"),
        (("exchange", "x" * 41), "40 characters at most"),
        (("exchange", ""), "is not a good plugin name"),
    ],
)
def test_a_bad_name_is_refused_with_one_message(arguments: tuple[str, ...], message: str, tmp_path: Path) -> None:
    result = new("--path", str(tmp_path), "--", *arguments)

    assert result.exit_code == 2
    assert message in result.output
    assert list(tmp_path.iterdir()) == []


def test_an_existing_target_is_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "arb-exchange-thing"
    target.mkdir()
    (target / "mine.txt").write_text("precious")
    result = new("exchange", "thing", "--path", str(tmp_path))

    assert result.exit_code == 2
    assert f"{target} exists already" in result.output
    assert [path.name for path in target.iterdir()] == ["mine.txt"]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    result = new("exchange", "thing", "--path", str(tmp_path / "absent"))

    assert result.exit_code == 2
    assert f"{tmp_path / 'absent'} is not a folder" in result.output


def test_a_folder_that_cannot_be_written_is_named() -> None:
    # /proc takes no folders, whoever asks: this holds for root too.
    if not Path("/proc").is_dir():
        pytest.skip("needs a file system that refuses folders")
    result = new("exchange", "thing", "--path", "/proc")

    assert result.exit_code == 2
    assert "cannot be made" in result.output


def test_a_failure_in_the_middle_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = iter((None, None))
    write_text = Path.write_text

    def full_disk(path: Path, text: str, encoding: str) -> int:
        if next(left, "full") == "full":
            raise OSError(28, "No space left on device")
        return write_text(path, text, encoding=encoding)

    monkeypatch.setattr(Path, "write_text", full_disk)
    result = new("exchange", "thing", "--path", str(tmp_path))

    assert result.exit_code == 2
    assert "No space left on device" in result.output
    assert list(tmp_path.iterdir()) == []


def test_an_installed_name_is_refused(install: object, tmp_path: Path) -> None:
    assert callable(install)
    install("arb-exchange-taken", "taken", "")
    result = new("exchange", "taken", "--path", str(tmp_path))

    assert result.exit_code == 2
    assert "arb-exchange-taken 1.0 is installed already" in result.output
