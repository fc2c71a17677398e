"""What stored payments prove of the rates that were published."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from arb.funding import Proof, SuspectedUnit, VenueProof, Verdict, prove_venues, suspected_units
from arb.model import (
    DAY_NS,
    HOUR_NS,
    Event,
    EventKind,
    ExchangeName,
    FundingKind,
    FundingPayment,
    FundingRate,
    InstrumentId,
    exchange_of,
)
from arb.runtime import accruing_of, compared_steps, paid_evidence
from arb.storage import JournalReader

from ._errors import ExitCode
from ._export import print_csv
from ._money import NOTHING
from ._output import print_json, print_table
from ._stored import stored_run

_MAJORS: Final = ("BTC", "ETH")
"""Assets so liquid everywhere that their usual rates are alike on every venue."""
_WEEK_NS: Final = 7 * DAY_NS
_ALWAYS_NS: Final = 2**62


@dataclass(frozen=True, slots=True)
class _Known:
    """What the stored run says of its venues' units.

    Attributes:
        venues: What payments prove of settled rates, and those of predictions.
        unpaid: Exchanges with rates that never paid or charged anything.
        quarantined: Why a run uses the rates of an exchange no more.
        suspects: By asset, exchanges whose usual rates are far from their peers'.
    """

    venues: Sequence[VenueProof]
    unpaid: Sequence[ExchangeName]
    quarantined: Mapping[ExchangeName, str]
    suspects: Mapping[str, Sequence[SuspectedUnit]]


def show_proofs(file: Path, *, details: bool, as_json: bool, as_csv: bool) -> ExitCode:
    """Print what is proved of each exchange, or of each instrument.

    Raises:
        ArbError: the file or the storage cannot be read.
    """
    known = asyncio.run(_read(file))
    if as_json:
        print_json(_plain(known))
    elif as_csv:
        _print_csv(known, details=details)
    elif not known.venues and not known.unpaid:
        click.echo("No rate and no payment is stored yet.", err=True)
    else:
        _print(known, details=details)
    wrong = known.quarantined or any(one.proof.verdict is Verdict.MISMATCH for one in known.venues)
    return ExitCode.CHECK if wrong else ExitCode.OK


async def _read(file: Path) -> _Known:
    async with stored_run(file) as run:
        journal = run.journal
        payments = await journal.funding_payments()
        rates = await _histories(journal, payments)
        news = await journal.events(0, 0, {EventKind.FUNDING_QUARANTINED, EventKind.FUNDING_RELEASED})
        last = {ExchangeName(event.subject): event for _, event in news}
        steps = [
            step
            for instrument in sorted(accruing_of(rates))
            for step in await compared_steps(journal, rates[instrument], _judged_ns(last, instrument))
        ]
        venues = prove_venues(await paid_evidence(journal, payments, rates))
        latest = await journal.latest_funding_rates(FundingKind.SETTLED)
        return _Known(
            venues=[*venues, *prove_venues(steps, FundingKind.PREDICTED)],
            unpaid=sorted({exchange_of(rate.instrument) for rate in latest} - {one.exchange for one in venues}),
            quarantined={
                name: event.data.get("reason", event.message)
                for name, event in sorted(last.items())
                if event.kind is EventKind.FUNDING_QUARANTINED
            },
            suspects=await _suspects(journal, latest),
        )


async def _histories(
    journal: JournalReader, payments: Sequence[FundingPayment]
) -> Mapping[InstrumentId, Sequence[FundingRate]]:
    """Return the settled rates of what was ever paid: where funding accrues, all since the first fill."""
    times: defaultdict[InstrumentId, list[int]] = defaultdict(list)
    for payment in payments:
        times[payment.instrument].append(payment.settled_ns)
    for fill in await journal.fills():
        if fill.instrument in times:
            times[fill.instrument].append(fill.ts_event_ns)
    found: dict[InstrumentId, Sequence[FundingRate]] = {}
    for instrument, moments in times.items():
        found[instrument] = await journal.funding_rates(
            instrument, FundingKind.SETTLED, min(moments) - HOUR_NS, _ALWAYS_NS
        )
    return found


def _judged_ns(last: Mapping[ExchangeName, Event], instrument: InstrumentId) -> int:
    event = last.get(exchange_of(instrument))
    return 0 if event is None else event.ts_ns


async def _suspects(journal: JournalReader, latest: Sequence[FundingRate]) -> Mapping[str, Sequence[SuspectedUnit]]:
    """Return, of the majors, the exchanges whose rates of the last stored week look like a unit error."""
    end_ns = max((rate.ts_event_ns for rate in latest), default=0) + 1
    majors = {one.id: one.base for one in await journal.instruments() if one.base in _MAJORS}
    weeks: defaultdict[str, dict[ExchangeName, Sequence[FundingRate]]] = defaultdict(dict)
    for rate in latest:
        name = exchange_of(rate.instrument)
        if rate.instrument in majors and name not in weeks[majors[rate.instrument]]:
            week = await journal.funding_rates(rate.instrument, FundingKind.SETTLED, end_ns - _WEEK_NS, end_ns)
            weeks[majors[rate.instrument]][name] = week
    found = {base: suspected_units(series) for base, series in sorted(weeks.items())}
    return {base: suspects for base, suspects in found.items() if suspects}


def _print(known: _Known, *, details: bool) -> None:
    rows = [_row(name, kind, proof) for name, kind, proof in _named(known, details=details)]
    rows += [
        (name, "0", NOTHING, NOTHING, "unproved", "nothing was paid or charged there yet") for name in known.unpaid
    ]
    print_table(("instrument" if details else "exchange", "telling", "ratio", "worst", "verdict", "remark"), rows)
    for name, reason in known.quarantined.items():
        click.echo(f"{name} is in quarantine: {reason}")
    for base, suspects in known.suspects.items():
        for one in suspects:
            click.echo(
                f"{one.exchange}: its usual rate of {base} is {one.ratio:.3g} times that of its peers "
                f"in the last week, which looks like an error by {one.factor:.3g}; what it pays would tell."
            )


def _print_csv(known: _Known, *, details: bool) -> None:
    plain = [
        {"name": name, "kind": kind, **_plain_proof(proof)} for name, kind, proof in _named(known, details=details)
    ]
    columns = ("name", "verdict", "settlements", "telling", "ratio", "worst", "coarse", "cause", "kind")
    print_csv(columns, [[row[column] for column in columns] for row in plain])


def _named(known: _Known, *, details: bool) -> Iterator[tuple[str, FundingKind, Proof]]:
    for venue in known.venues:
        for name, proof in venue.instruments.items() if details else ((venue.exchange, venue.proof),):
            yield name, venue.kind, proof


def _row(name: str, kind: FundingKind, proof: Proof) -> tuple[str, ...]:
    return (
        name if kind is FundingKind.SETTLED else f"{name} ({kind})",
        f"{proof.telling} of {proof.settlements}",
        NOTHING if proof.ratio is None else f"{proof.ratio:.6f}",
        NOTHING if proof.worst is None else f"{proof.worst * 100:.4f} %",
        proof.verdict.value + (" (coarse)" if proof.coarse else ""),
        proof.cause,
    )


def _plain(known: _Known) -> dict[str, Any]:
    return {
        "exchanges": [
            {
                "exchange": venue.exchange,
                "kind": venue.kind,
                **_plain_proof(venue.proof),
                "instruments": [
                    {"instrument": name, **_plain_proof(proof)} for name, proof in venue.instruments.items()
                ],
            }
            for venue in known.venues
        ],
        "without_payment": known.unpaid,
        "quarantined": [{"exchange": name, "reason": reason} for name, reason in known.quarantined.items()],
        "suspects": [
            {"base": base, "exchange": one.exchange, "ratio": f"{one.ratio:f}", "factor": f"{one.factor:f}"}
            for base, suspects in known.suspects.items()
            for one in suspects
        ],
    }


def _plain_proof(proof: Proof) -> dict[str, Any]:
    return {
        "verdict": proof.verdict.value,
        "settlements": proof.settlements,
        "telling": proof.telling,
        "ratio": None if proof.ratio is None else f"{proof.ratio:f}",
        "worst": None if proof.worst is None else f"{proof.worst:f}",
        "coarse": proof.coarse,
        "cause": proof.cause,
    }
