"""Raising, listing and lifting halts: in their file alone, whatever else is broken."""

from __future__ import annotations

import difflib
import getpass
import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from arb.api import ConfigError, StorageError
from arb.kernel import SoundConfig, read_config, read_sound
from arb.model import ExchangeName, format_utc
from arb.risk import EVERYTHING, Halt, HaltFile, Halts
from arb.runtime import WallClock, halt_path

from ._money import second
from ._output import clean, print_json, print_table


@dataclass(frozen=True, slots=True)
class HaltsOfFile:
    """The halts that belong to a configuration."""

    sound: SoundConfig
    path: Path
    halts: Halts

    @classmethod
    def read(cls, file: Path) -> HaltsOfFile:
        """Find the halts of a configuration; nothing but the two files is opened.

        Mistakes outside of `[run]` are told on the error output, and stop nobody.

        Raises:
            ConfigError: the configuration cannot be read, or its table `[run]` is wrong.
        """
        sound = read_sound(file)
        _tell_mistakes(file, sound)
        path = halt_path(sound.config, file)
        return cls(sound, path, Halts(HaltFile(path), WallClock()))

    def require_readable(self) -> None:
        """Raise StorageError, with what to do, when nobody can tell what is halted."""
        for halt in self.halts.active():
            if _is_unreadable(halt):
                raise StorageError(
                    f"{halt.reason}. Until then everything is halted. Where it cannot be mended move it away: "
                    f"mv {self.path} {self.path}.bad; if `arb run` knows that a halt stood in it, it halts everything "
                    "anew, and `arb resume` lifts that"
                )

    def raised(self, scope: str, reason: str, *, by: str) -> Halt:
        """Raise a halt, or keep the same one that stands.

        Raises:
            StorageError: it could not be stored; the text says what is halted all the same, and what to do.
        """
        try:
            return self.halts.halt(scope, reason, by=by)
        except StorageError as error:
            if any(map(_is_unreadable, Halts(HaltFile(self.path), WallClock()).active())):
                rest = "while that file cannot be read everything is halted anyway: mend or remove it, then halt again"
            else:
                rest = "so this command halted nothing: stop `arb run` instead, and give it a file that can be written"
            raise StorageError(f"{error}; {rest}") from error


def raise_halt(file: Path, *, exchange: str | None, reason: str, by: str | None, as_json: bool) -> None:
    """Halt one exchange, or everything.

    Raises:
        ConfigError: the configuration cannot be read.
        StorageError: the halt could not be stored.
        UsageError: there is no such exchange.
    """
    found = HaltsOfFile.read(file)
    scope = EVERYTHING if exchange is None else known_exchange(found.sound.names, exchange)
    known = {halt.halt_id for halt in found.halts.active()}
    halt = found.raised(scope, reason, by=by or login_name())
    if as_json:
        print_json({"file": str(found.path), "halt": plain_halt(halt)})
        return
    again = "already stands" if halt.halt_id in known else "stands"
    click.echo(f"Halt {halt.halt_id} {again}: {_scope(halt)}, {clean(halt.reason)} (by {clean(halt.raised_by)})")
    click.echo("No order that opens risk is sent any more, also by an `arb run` that is running. Closing goes on.")
    click.echo(f"To lift it: arb resume -c {file} --by NAME --reason TEXT")


def list_halts(file: Path, *, with_lifted: bool, as_json: bool) -> None:
    """Print the halts that stand, or all there ever were.

    Raises:
        ConfigError: the configuration cannot be read.
        StorageError: the file of the halts cannot be read.
    """
    found = HaltsOfFile.read(file)
    found.require_readable()
    halts = found.halts.history() if with_lifted else found.halts.active()
    if as_json:
        print_json({"file": str(found.path), "halts": [plain_halt(halt) for halt in halts]})
    elif halts:
        _print_halts(halts)
    else:
        click.echo("There never was a halt." if with_lifted else "No halt stands.")


def lift_halts(file: Path, *, by: str, reason: str, halt_ids: Sequence[int], as_json: bool) -> None:
    """Lift the halts named, or all that stand.

    Raises:
        ConfigError: the configuration cannot be read.
        StorageError: the file of the halts cannot be read or written: they stand.
        UsageError: there is no such halt.
    """
    found = HaltsOfFile.read(file)
    found.require_readable()
    strangers = sorted(set(halt_ids) - {halt.halt_id for halt in found.halts.history()})
    if strangers:
        raise click.UsageError(f"There is no halt {strangers[0]}; `arb halt --list --all` shows those there were.")
    wanted = [halt for halt in found.halts.active() if not halt_ids or halt.halt_id in halt_ids]
    lifted = found.halts.lift(by=by, reason=reason, halt_ids=halt_ids or None) if wanted else ()
    standing = found.halts.active()
    if as_json:
        print_json(
            {"lifted": [plain_halt(each) for each in lifted], "standing": [plain_halt(each) for each in standing]}
        )
        return
    if not lifted:
        click.echo("Nothing to lift: no such halt stands." if halt_ids else "Nothing to lift: no halt stands.")
        return
    for halt in lifted:
        click.echo(f"Lifted halt {halt.halt_id}: {_scope(halt)}, {clean(halt.reason)} (by {clean(halt.raised_by)})")
    click.echo(
        "Halted hedges are taken up again by the `arb run` that is running, or by the next one: "
        "it repairs them with reduce-only orders."
    )
    if standing:
        click.echo(f"Still standing: {', '.join(str(halt.halt_id) for halt in standing)}")


def known_exchange(known: Collection[str], name: str) -> ExchangeName:
    """Return an exchange of those known; raises UsageError with the closest name."""
    if name in known:
        return ExchangeName(name)
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"Did you mean {close[0]!r}?" if close else f"There are {', '.join(known) or 'none'}."
    raise click.UsageError(f"No exchange named {name!r}. {hint}")


def login_name() -> str:
    """Return who is logged in."""
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):
        return f"user {os.getuid()}"


def plain_halt(halt: Halt) -> dict[str, Any]:
    """Return a halt as plain values."""
    return {
        "id": halt.halt_id,
        "scope": halt.scope,
        "hedge": halt.subject or None,
        "reason": halt.reason,
        "raised": format_utc(halt.raised_ns),
        "raised_by": halt.raised_by,
        "active": halt.is_active,
        "lifted": None if halt.lifted_ns is None else format_utc(halt.lifted_ns),
        "lifted_by": halt.lifted_by or None,
        "lifted_reason": halt.lifted_reason or None,
    }


def _tell_mistakes(file: Path, sound: SoundConfig) -> None:
    try:
        read_config(file)
    except ConfigError as error:
        is_harmless = not sound.broken and not sound.storage_problem
        rest = "Going on: it does not matter here." if is_harmless else "Going on with what can be used."
        for line in (*str(error).splitlines(), rest):
            click.echo(clean(line), err=True)


def _is_unreadable(halt: Halt) -> bool:
    """Tell the halt that stands for a file which cannot be read: only a stored one has a number."""
    return halt.halt_id == 0


def _scope(halt: Halt) -> str:
    scope = "every exchange" if halt.scope == EVERYTHING else clean(halt.scope)
    return f"{scope}, hedge {clean(halt.subject)}" if halt.subject else scope


def _print_halts(halts: Iterable[Halt]) -> None:
    head = ("id", "since", "what", "by", "lifted", "lifted by", "lifted because", "reason")
    rows = [
        (
            halt.halt_id,
            second(halt.raised_ns),
            _scope(halt),
            halt.raised_by,
            "" if halt.lifted_ns is None else second(halt.lifted_ns),
            halt.lifted_by,
            halt.lifted_reason,
            halt.reason,
        )
        for halt in halts
    ]
    print_table(head, rows)
