"""The emergency exit, from the command line to its report."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import click

from arb.api import ConfigError, StorageError
from arb.execution import AccountVerdict, FlattenedOrder, FlattenOutcome, FlattenPolicy, Remainder
from arb.model import SECOND_NS, ExchangeName, format_utc
from arb.risk import EVERYTHING, Halt
from arb.runtime import AccountKind, FlattenTarget, flatten, flatten_targets

from ._errors import ExitCode
from ._figures import number
from ._halting import HaltsOfFile, known_exchange, login_name, plain_halt
from ._money import NOTHING, second
from ._output import clean, print_json, print_table

REASON: Final = "flatten"
_COLORS: Final[Mapping[AccountVerdict, str]] = {
    AccountVerdict.FLAT: "green",
    AccountVerdict.DUST: "green",
    AccountVerdict.OPEN: "red",
    AccountVerdict.UNKNOWN: "red",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the command line asks for; no exchanges are all of them."""

    file: Path
    exchanges: tuple[str, ...]
    confirmed: frozenset[str]
    max_band_bps: Decimal
    budget_s: int


@dataclass(frozen=True, slots=True)
class _Halted:
    """The halts of this exit, or why there are none."""

    halts: tuple[Halt, ...]
    problem: str = ""


def emergency_exit(wanted: Wanted, disabled: frozenset[str], *, as_json: bool) -> ExitCode:
    """Halt, confirm, flatten, and report.

    Raises:
        ConfigError: the configuration cannot be read or names no exchange, or a real one was not confirmed.
        UsageError: there is no such exchange.
    """
    found = HaltsOfFile.read(wanted.file)
    known = found.sound.names
    names = [known_exchange(known, name) for name in dict.fromkeys(wanted.exchanges or known)]
    for name in wanted.confirmed - {EVERYTHING}:
        known_exchange(known, name)
    halted = _halt(found, [] if not wanted.exchanges else names)
    if not names:
        raise ConfigError(f"{wanted.file}: [exchanges] names no exchange, so nothing was closed")
    targets = flatten_targets(found.sound, str(wanted.file), names, disabled)
    _confirm(targets, wanted)
    policy = FlattenPolicy(max_band_bps=wanted.max_band_bps, budget_ns=wanted.budget_s * SECOND_NS)
    outcomes = flatten(targets, found.sound, str(wanted.file), policy, _tell, disabled)
    others = [name for name in known if name not in names]
    if as_json:
        print_json(_document(targets, outcomes, halted, others))
    else:
        _print_accounts(targets, outcomes)
        _print_end(outcomes, halted, others, wanted.file)
    if not all(outcome.verdict.is_done for outcome in outcomes):
        return ExitCode.EXCHANGE
    # Flat, but nothing keeps a run from opening again.
    return ExitCode.STORAGE if halted.problem else ExitCode.OK


def _halt(found: HaltsOfFile, names: Sequence[ExchangeName]) -> _Halted:
    """Halt these exchanges, or everything; what cannot be written is said, and stops nobody."""
    try:
        halts = tuple(found.raised(scope, REASON, by=login_name()) for scope in names or (EVERYTHING,))
    except StorageError as error:
        _loud(f"HALT NOT STORED: {error}. Closing goes on.")
        return _Halted((), str(error))
    _tell(f"Halted: {', '.join(str(halt.halt_id) for halt in halts)}. Nothing is opened until `arb resume`.")
    return _Halted(halts)


def _confirm(targets: Sequence[FlattenTarget], wanted: Wanted) -> None:
    """Return when a person has named each exchange on which real money will move.

    Raises:
        ConfigError: one was not named.
    """
    for target in targets:
        if target.kind is not AccountKind.REAL or wanted.confirmed & {target.name, EVERYTHING}:
            continue
        if not sys.stdin.isatty():
            raise ConfigError(
                f"{target.name} is real: --yes {target.name} confirms it where nobody can be asked. "
                "Nothing was closed; the halt stands"
            )
        click.secho(f"REAL: every order on {target.name} is cancelled and every position closed.", fg="red", err=True)
        if click.prompt(f"Type {target.name} to go on", default="", show_default=False, err=True) != target.name:
            raise ConfigError("not confirmed: nothing was closed; the halt stands until `arb resume`")


def _tell(line: str) -> None:
    click.echo(clean(line), err=True)


def _loud(line: str) -> None:
    click.secho(clean(line), fg="red", bold=True, err=True)


def _print_accounts(targets: Sequence[FlattenTarget], outcomes: Sequence[FlattenOutcome]) -> None:
    rows = [_row(target, outcome) for target, outcome in zip(targets, outcomes, strict=True)]
    print_table(("exchange", "account", "is", "read", "orders", "resting", "holds"), rows)
    for outcome in outcomes:
        for problem in outcome.problems:
            click.secho(f"{clean(outcome.exchange)}: {clean(problem)}", fg=_COLORS[outcome.verdict])


def _print_end(outcomes: Sequence[FlattenOutcome], halted: _Halted, others: Sequence[str], file: Path) -> None:
    left = [outcome.exchange for outcome in outcomes if not outcome.verdict.is_done]
    click.echo()
    if left:
        _loud_out(f"NOT FLAT, OR NOBODY KNOWS: {', '.join(left)}. Look at the venue, and run it again.")
    else:
        read = ", ".join(outcome.exchange for outcome in outcomes) if others else "every exchange"
        click.secho(clean(f"Flat: read from {read}."), fg="green", bold=True)
    if others:
        _loud_out(
            f"Not looked at: {', '.join(others)}. Legs of the same hedges there stand alone until `arb run` repairs "
            "them: flatten them too, or let it run."
        )
    if halted.problem:
        _loud_out(f"HALT NOT STORED: {halted.problem}")
    else:
        click.echo(f"The halt stands. To lift it: arb resume -c {file} --by NAME --reason TEXT")


def _loud_out(line: str) -> None:
    click.secho(clean(line), fg="red", bold=True)


def _row(target: FlattenTarget, outcome: FlattenOutcome) -> Sequence[str]:
    return (
        outcome.exchange,
        target.kind,
        outcome.verdict.upper(),
        NOTHING if outcome.read_ns is None else second(outcome.read_ns),
        str(len(outcome.orders)),
        NOTHING if outcome.resting is None else str(outcome.resting),
        ", ".join(_holdings(outcome)) or ("nothing" if outcome.verdict is AccountVerdict.FLAT else NOTHING),
    )


def _holdings(outcome: FlattenOutcome) -> Iterator[str]:
    for one in outcome.remaining:
        worth = "" if one.notional is None else f" worth {one.notional:.2f}"
        yield f"{number(one.quantity)} {one.instrument}{worth}{' (dust)' if one.is_dust else ''}"


def _document(
    targets: Sequence[FlattenTarget], outcomes: Sequence[FlattenOutcome], halted: _Halted, others: Sequence[str]
) -> dict[str, Any]:
    return {
        "flat": all(outcome.verdict.is_done for outcome in outcomes),
        "halts": [plain_halt(halt) for halt in halted.halts],
        "halt_problem": halted.problem or None,
        "not_looked_at": list(others),
        "exchanges": [_plain(target, outcome) for target, outcome in zip(targets, outcomes, strict=True)],
    }


def _plain(target: FlattenTarget, outcome: FlattenOutcome) -> dict[str, Any]:
    return {
        "exchange": outcome.exchange,
        "account": target.kind.value,
        "verdict": outcome.verdict.value,
        "read": None if outcome.read_ns is None else format_utc(outcome.read_ns),
        "resting_orders": outcome.resting,
        "remaining": [_plain_remainder(one) for one in outcome.remaining],
        "orders": [_plain_order(one) for one in outcome.orders],
        "problems": list(outcome.problems),
    }


def _plain_remainder(one: Remainder) -> dict[str, Any]:
    return {
        "instrument": one.instrument,
        "quantity": f"{one.quantity:f}",
        "notional": None if one.notional is None else f"{one.notional:f}",
        "is_dust": one.is_dust,
    }


def _plain_order(one: FlattenedOrder) -> dict[str, Any]:
    return {
        "client_order_id": one.client_order_id,
        "time": format_utc(one.ts_ns),
        "instrument": one.instrument,
        "side": one.side.value,
        "quantity": f"{one.quantity:f}",
        "price": f"{one.price:f}",
        "band_bps": f"{one.band_bps:f}",
        "answer": one.answer,
    }
