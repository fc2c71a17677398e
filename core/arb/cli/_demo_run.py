"""The demo: its configuration, in memory or in a folder, and its run."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Final

from arb.api import ConfigError, StorageError
from arb.kernel import Config, compose, parse_config, read_config
from arb.model import DAY_NS, format_utc
from arb.risk import HaltFile
from arb.runtime import MAX_SPEED, RunOptions, run_halts

from ._progress import progress_view
from ._reading import ended_ns, read_report
from ._report import Report
from ._session import run_and_watch

CONFIGURATION: Final = "demo.toml"
DATABASE: Final = "demo.sqlite3"
_MEMORY: Final = '":memory:"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the command line asks for; None where it says nothing."""

    seed: int | None
    days: int | None
    folder: Path | None


def run_demo(wanted: Wanted, disabled: frozenset[str]) -> Report:
    """Run the demo to its end, or go on with the one in the folder.

    Raises:
        ConfigError: the folder cannot be used, or holds a demo of other options.
        ArbError: the run could not start, or had to stop.
    """
    if wanted.folder is None:
        config = parse_config(tomllib.loads(_text(wanted, _MEMORY), parse_float=Decimal), CONFIGURATION)
        return _run(config, CONFIGURATION, disabled, None)
    file = prepare(wanted, wanted.folder)
    config = read_config(file)
    return read_report(file) if _is_over(config, file) else _run(config, str(file), disabled, run_halts(config, file))


def _is_over(config: Config, file: Path) -> bool:
    try:
        stored_ns = ended_ns(file)
    except StorageError:
        # Killed before its first step, or something is wrong: the run, which may write, goes on or tells.
        return False
    return stored_ns is not None and config.run.until_ns is not None and stored_ns >= config.run.until_ns


def prepare(wanted: Wanted, folder: Path) -> Path:
    """Return the configuration in the folder; write it unless a demo is there already.

    Raises:
        ConfigError: the folder cannot be written, or holds a demo of other options.
    """
    file, database = folder / CONFIGURATION, folder / DATABASE
    if file.exists():
        _refuse_differences(wanted, file)
        return file
    if database.exists():
        raise ConfigError(f"{database}: is there without {file}: choose another folder, or remove the database")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # TOML reads a JSON text as the same text. The path is absolute: the run may go on from another folder.
        path = json.dumps(str(database.resolve()), ensure_ascii=False)
        with file.open("x", encoding="utf-8") as stream:
            stream.write(_text(wanted, path))
    except OSError as error:
        raise ConfigError(f"{file}: cannot be written: {error.strerror}") from None
    except UnicodeEncodeError:
        raise ConfigError(f"{folder}: has a name that is not text; choose another folder") from None
    return file


def _refuse_differences(wanted: Wanted, file: Path) -> None:
    run = read_config(file).run
    if wanted.seed is not None and wanted.seed != run.seed:
        raise ConfigError(f"{file}: is a demo with seed {run.seed}; leave --seed out, or choose another folder")
    if wanted.days is not None and run.start_ns is not None and run.until_ns != run.start_ns + wanted.days * DAY_NS:
        raise ConfigError(f"{file}: is a demo until {run.until}; leave --days out, or choose another folder")


def _text(wanted: Wanted, path: str) -> str:
    """Return the bundled configuration with seed, end and database replaced."""
    text = resources.files(__package__).joinpath(CONFIGURATION).read_text(encoding="utf-8")
    run = parse_config(tomllib.loads(text, parse_float=Decimal), CONFIGURATION).run
    if wanted.seed is not None:
        text = _replaced(text, f"seed = {run.seed}", f"seed = {wanted.seed}")
    if wanted.days is not None and run.start_ns is not None:
        text = _replaced(text, f'until = "{run.until}"', f'until = "{format_utc(run.start_ns + wanted.days * DAY_NS)}"')
    return _replaced(text, _MEMORY, path)


def _replaced(text: str, old: str, new: str) -> str:
    before, found, after = text.partition(old)
    assert found, f"the bundled {CONFIGURATION} has no {old}"
    return before + new + after


def _run(config: Config, source: str, disabled: frozenset[str], halts: HaltFile | None) -> Report:
    composition = compose(config, source, disabled=disabled)
    return run_and_watch(composition, source, RunOptions(speed=MAX_SPEED), progress_view(config), halts=halts)
