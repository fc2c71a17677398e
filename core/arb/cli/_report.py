"""The report of a run as values and as JSON; the books themselves come from the journal."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from arb.model import EquitySample, HedgeStatus, format_utc
from arb.storage import RunAccount, is_explained

from ._errors import ExitCode


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The books of a run and how it ended.

    Attributes:
        mode: SIMULATED, PAPER or LIVE; STORED when only the storage was looked at.
        seed: None for a run whose market has none.
        stopped: Why it ended; empty while it runs or when it was killed.
        simulated_seconds: By the run's clock.
        wall_seconds: Real time; None when only the storage was looked at.
        equity: Samples, oldest first, for the plot.
        halts: What forbids opening risk, one line each; it is always looked at.
    """

    account: RunAccount
    mode: str
    seed: int
    stopped: str
    simulated_seconds: float
    wall_seconds: float | None
    equity: tuple[EquitySample, ...]
    halts: tuple[str, ...]

    @property
    def exit_code(self) -> ExitCode:
        """Return HALTED when the books do not balance, trading is halted, or a hedge waits for a person."""
        halted = bool(self.halts) or any(hedge.status is HedgeStatus.HALTED for hedge in self.account.hedges)
        return ExitCode.OK if is_explained(self.account.unexplained) and not halted else ExitCode.HALTED

    def counters(self) -> dict[str, int]:
        """Return how often things happened."""
        account = self.account
        statuses = Counter(hedge.status for hedge in account.hedges)
        return {
            "fills": sum(len(hedge.fills) for hedge in account.hedges) + len(account.unattributed.fills),
            "settlements": sum(len(hedge.payments) for hedge in account.hedges) + len(account.unattributed.payments),
            **{f"hedges_{status}_now": statuses[status] for status in HedgeStatus if not status.is_final},
            "hedges_abandoned": statuses[HedgeStatus.ABANDONED],
        }


def document(report: Report) -> dict[str, Any]:
    """Return the report as plain values; every Decimal is text, exact, and every `_ns` a whole number.

    `sum(parts) == equity_change - unexplained`, to the last digit.
    """
    account = report.account
    books = account.to_json()
    parts = books.pop("parts")
    if account.start_ns is None:
        # Never sampled: unknown, which is not zero.
        books |= {"equity_start_usd": None, "equity_end_usd": None}
    return {
        "equity_change": books.pop("equity_change"),
        "parts": parts,
        "unexplained": books.pop("unexplained"),
        "hedges_opened": books.pop("hedges_opened"),
        "hedges_closed": books.pop("hedges_closed"),
        "max_abs_delta_usd": books.pop("max_abs_delta_usd"),
        "simulated_seconds": report.simulated_seconds,
        "wall_seconds": None if report.wall_seconds is None else round(report.wall_seconds, 3),
        "seed": report.seed,
        "mode": report.mode.lower(),
        "stopped": report.stopped,
        "start": None if account.start_ns is None else format_utc(account.start_ns),
        "end": None if account.end_ns is None else format_utc(account.end_ns),
        "counters": report.counters(),
        "alarms": books.pop("alarms"),
        "halts": list(report.halts),
        **books,
    }
