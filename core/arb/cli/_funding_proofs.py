"""What stored payments prove of the rates that were published."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from arb.funding import Proof, VenueProof, Verdict, join, prove_venues
from arb.model import HOUR_NS, FundingKind, exchange_of

from ._errors import ExitCode
from ._money import NOTHING
from ._output import print_json, print_table
from ._stored import stored_run


def show_proofs(file: Path, *, details: bool, as_json: bool) -> ExitCode:
    """Print what is proved of each exchange, or of each instrument.

    Raises:
        ArbError: the file or the storage cannot be read.
    """
    venues, unpaid = asyncio.run(_read(file))
    if as_json:
        print_json({"exchanges": [_plain(one) for one in venues], "without_payment": unpaid})
    elif not venues and not unpaid:
        click.echo("No rate and no payment is stored yet.", err=True)
    else:
        _print(venues, unpaid, details=details)
    wrong = any(one.proof.verdict is Verdict.MISMATCH for one in venues)
    return ExitCode.CHECK if wrong else ExitCode.OK


async def _read(file: Path) -> tuple[Sequence[VenueProof], Sequence[str]]:
    """Return the proofs, and the exchanges with rates that never paid or charged anything."""
    async with stored_run(file) as run:
        journal = run.journal
        payments = await journal.funding_payments()
        rates = {}
        for instrument in {one.instrument for one in payments}:
            times = [one.settled_ns for one in payments if one.instrument == instrument]
            rates[instrument] = await journal.funding_rates(
                instrument, FundingKind.SETTLED, min(times) - HOUR_NS, max(times) + HOUR_NS
            )
        expected = await journal.expected_funding()
        latest = await journal.latest_funding_rates(FundingKind.SETTLED)
    venues = prove_venues(join(payments, rates, expected))
    proved = {one.exchange for one in venues}
    return venues, sorted({exchange_of(rate.instrument) for rate in latest} - proved)


def _print(venues: Sequence[VenueProof], unpaid: Sequence[str], *, details: bool) -> None:
    rows = [
        _row(name, proof)
        for venue in venues
        for name, proof in (venue.instruments.items() if details else ((venue.exchange, venue.proof),))
    ]
    rows += [(name, "0", NOTHING, NOTHING, "unproved", "nothing was paid or charged there yet") for name in unpaid]
    print_table(("instrument" if details else "exchange", "telling", "ratio", "worst", "verdict", "remark"), rows)


def _row(name: str, proof: Proof) -> tuple[str, ...]:
    return (
        name,
        f"{proof.telling} of {proof.settlements}",
        NOTHING if proof.ratio is None else f"{proof.ratio:.6f}",
        NOTHING if proof.worst is None else f"{proof.worst * 100:.4f} %",
        proof.verdict.value + (" (coarse)" if proof.coarse else ""),
        proof.cause,
    )


def _plain(venue: VenueProof) -> dict[str, Any]:
    return {
        "exchange": venue.exchange,
        **_plain_proof(venue.proof),
        "instruments": [{"instrument": name, **_plain_proof(proof)} for name, proof in venue.instruments.items()],
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
