"""What the commands over a run take from the command line: files, times, speeds.

The contract is imported where a value needs it: `--help` of a command does not pay for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

DEFAULT_FILE: Final = Path("arb.toml")
PICTURES: Final = (".png", ".svg")


@dataclass(frozen=True, slots=True, kw_only=True)
class Until:
    """An end: a time, or a duration from the start; nanoseconds."""

    at_ns: int | None = None
    after_ns: int = 0

    def from_start(self, start_ns: int) -> int:
        """Return the end of a run that begins at `start_ns`."""
        return start_ns + self.after_ns if self.at_ns is None else self.at_ns


def picture(_ctx: click.Context, _param: click.Parameter, value: str | None) -> Path | None:
    """Check a file to draw to: it is refused before the run when it could not be written after it."""
    if value is None:
        return None
    path = Path(value)
    if path.suffix.lower() not in PICTURES:
        raise click.BadParameter(f"{value!r} must end with {' or '.join(PICTURES)}")
    if not path.parent.is_dir():
        raise click.BadParameter(f"{value!r}: there is no folder {str(path.parent)!r}")
    if path.is_dir():
        raise click.BadParameter(f"{value!r} is a folder")
    return path


def speed(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float | None:
    """Read simulated seconds a real second; infinity for `max`."""
    if value is None:
        return None
    if value == "max":
        return math.inf
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise click.BadParameter(f"{value!r} is neither a number above zero nor 'max'")
    return number


def until(_ctx: click.Context, _param: click.Parameter, value: str | None) -> Until | None:
    """Read an end; a time without a zone is UTC."""
    if value is None:
        return None
    from arb.api import parse_duration
    from arb.model import parse_utc

    try:
        return Until(after_ns=_possible(parse_duration(value), value))
    except ValueError:
        pass
    try:
        return Until(at_ns=_possible(parse_utc(value), value))
    except (ValueError, OverflowError):
        raise click.BadParameter(
            f"{value!r} is neither a UTC time (2026-03-01T00:00:00Z) nor a duration (30d, 12h)"
        ) from None


def moment(_ctx: click.Context, _param: click.Parameter, value: str | None) -> int | None:
    """Read a time or a day; without a zone it is UTC."""
    if value is None:
        return None
    from arb.model import parse_utc

    try:
        return _possible(parse_utc(f"{value}T00:00:00Z" if len(value) == 10 else value), value)
    except (ValueError, OverflowError):
        raise click.BadParameter(
            f"{value!r} is neither a day (2026-03-01) nor a UTC time (2026-03-01T00:00:00Z)"
        ) from None


def length(_ctx: click.Context, _param: click.Parameter, value: str | None) -> int | None:
    """Read a duration above zero, nanoseconds."""
    if value is None:
        return None
    from arb.api import parse_duration

    try:
        length_ns = _possible(parse_duration(value), value)
    except ValueError:
        length_ns = 0
    if length_ns <= 0:
        raise click.BadParameter(f"{value!r} is not a duration above zero, such as 12h or 30d")
    return length_ns


def amount(_ctx: click.Context, _param: click.Parameter, value: str | None) -> Decimal | None:
    """Read a number that is not negative."""
    if value is None:
        return None
    try:
        number = Decimal(value)
    except ArithmeticError:
        number = Decimal("NaN")
    if not number.is_finite() or number < 0:
        raise click.BadParameter(f"{value!r} is not a number of zero or more")
    return number


def _possible(time_ns: int, value: str) -> int:
    """Return a time or a length that a signed 64-bit integer holds: storages keep no other."""
    if not 0 <= time_ns < 1 << 63:
        raise click.BadParameter(f"{value!r} is not within the years 1970 to 2262")
    return time_ns


def folder(_ctx: click.Context, _param: click.Parameter, value: str | None) -> Path | None:
    """Check a folder that may have to be made; an empty text, such as an unset variable, is none."""
    if value is None:
        return None
    path = Path(value)
    if not value or (path.exists() and not path.is_dir()):
        raise click.BadParameter(f"{value!r} is not a folder")
    return path


def some_text(_ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Check a text that somebody has to be able to read later: a name, a reason."""
    if value is not None and not value.strip():
        raise click.BadParameter("is empty")
    return value


def config_option(command: Command) -> Command:
    """Add `-c FILE` to a command."""
    option = click.option(
        "-c",
        "--config",
        "file",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="Configuration, TOML or YAML; arb.toml in the current folder when left out.",
    )
    return option(command)


def record_option(command: Command) -> Command:
    """Add `--record FOLDER` to a command that talks to exchanges."""
    option = click.option(
        "--record",
        metavar="FOLDER",
        callback=folder,
        help="Write what real exchanges are asked and say into this folder, secrets left out, to replay it later.",
    )
    return option(command)


def window_options(command: Command) -> Command:
    """Add `--from` and `--to` to a command."""
    for name, target, text in (
        ("--to", "end_ns", "Until this UTC day or time."),
        ("--from", "start_ns", "From there."),
    ):
        command = click.option(name, target, metavar="TIME", callback=moment, help=text)(command)
    return command


def csv_option(command: Command) -> Command:
    """Add `--csv` to a command."""
    return click.option("--csv", "as_csv", is_flag=True, help="Print CSV, every number exact.")(command)


def export_option(command: Command) -> Command:
    """Add `--export FILE` to a command."""
    from ._export import export_file

    option = click.option(
        "--export", callback=export_file, metavar="FILE", help="Write the rows to a .csv or .parquet file instead."
    )
    return option(command)


def json_option(command: Command) -> Command:
    """Add `--json` to a command."""
    option = click.option(
        "--json", "as_json", is_flag=True, help="Print one JSON document; anything else goes to the error output."
    )
    return option(command)


def details_option(command: Command) -> Command:
    """Add `--details` to a command that reports."""
    return click.option("--details", is_flag=True, help="Also list every fill and settlement of each hedge.")(command)


def plot_option(command: Command) -> Command:
    """Add `--plot FILE` to a command that reports."""
    option = click.option(
        "--plot",
        callback=picture,
        metavar="FILE",
        help="Draw equity, funding and costs over time: PNG or SVG by the suffix.",
    )
    return option(command)


def chosen_config(file: Path | None) -> Path:
    """Return the configuration file that was given or is here.

    Raises:
        ConfigError: none was given and there is none here.
    """
    if file is not None:
        return file
    if not DEFAULT_FILE.exists():
        from arb.api import ConfigError

        raise ConfigError(
            f"no configuration: there is no {DEFAULT_FILE} in this folder. "
            f"Name one with -c FILE, or write one to start from: arb config init {DEFAULT_FILE}"
        )
    return DEFAULT_FILE
