"""Reading the venues' rates into the storage, without a run."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from arb.api import StorageError
from arb.funding import CollectionFailure, CollectionReport
from arb.kernel import Family, compose, read_config
from arb.model import DAY_NS, exchange_of, format_utc
from arb.runtime import LOOKOUT_FAMILIES, Lookout, look

from ._errors import ExitCode
from ._given import Until
from ._money import second
from ._options import disabled_plugins
from ._output import print_json, print_table
from ._recording import say_recording
from ._stored import stored_run

_INSTRUMENTS_EVERY_NS = DAY_NS // 24


def collect(file: Path, end: Until | None, every_ns: int | None, record: Path | None, *, as_json: bool) -> ExitCode:
    """Collect once, or until `end`, and print what came; record the traffic into a folder where one is given.

    Raises:
        ArbError: the file, a plugin or the storage cannot be used.
    """
    composition = compose(
        read_config(file), str(file), disabled=disabled_plugins(), families=(Family.STORAGES, *LOOKOUT_FAMILIES)
    )
    period_ns = every_ns or composition.config.run.collect_every
    if record is not None:
        say_recording(composition, record)
    with suppress(KeyboardInterrupt):  # that is how a long collection ends
        work = _Collection(end, period_ns, as_json=as_json).run
        last = look(composition, work, start_ns=stored_clock(file), record=record)
        return ExitCode.EXCHANGE if _silent(last) else ExitCode.OK
    return ExitCode.OK


def stored_clock(file: Path) -> int | None:
    """Return the time that a stored run reached; None where nothing is stored yet."""
    import asyncio

    async def read() -> int | None:
        async with stored_run(file) as run:
            return await run.journal.clock()

    try:
        return asyncio.run(read())
    except StorageError:
        return None


class _Collection:
    """Collects on the exchanges' own time."""

    def __init__(self, end: Until | None, every_ns: int, *, as_json: bool) -> None:
        self._end = end
        self._every_ns = every_ns
        self._as_json = as_json

    async def run(self, lookout: Lookout) -> CollectionReport:
        """Collect until the end; return the last report, with the listings' failures."""
        begin_ns = lookout.clock.now_ns()
        until_ns = begin_ns if self._end is None else self._end.from_start(begin_ns)
        listed_ns = None
        failures: Sequence[CollectionFailure] = ()
        while True:
            now_ns = lookout.clock.now_ns()
            if listed_ns is None or now_ns - listed_ns >= _INSTRUMENTS_EVERY_NS:
                failures, listed_ns = await lookout.load_instruments(), now_ns
            report = await lookout.collect()
            self._print(lookout, report, failures)
            next_ns = now_ns - now_ns % self._every_ns + self._every_ns
            if next_ns > until_ns:
                return report
            await lookout.clock.sleep_until(next_ns)

    def _print(self, lookout: Lookout, report: CollectionReport, failures: Sequence[CollectionFailure]) -> None:
        every = [*failures, *report.failures]
        rows = [_counts(lookout, report, name, every) for name in lookout.exchanges]
        if self._as_json:
            print_json({"time": format_utc(report.ts_ns), "exchanges": rows})
            return
        if self._end is None:
            print_table(
                ("exchange", "instruments", "predicted", "settled", "stats"), [list(row.values())[:5] for row in rows]
            )
        else:
            brought = sum(int(row["predicted"]) for row in rows)
            new = sum(int(row["settled"]) for row in rows)
            click.echo(f"{second(report.ts_ns)}  {brought} predicted, {new} newly settled, {len(every)} failures")
        for failure in every:
            click.echo(f"{failure.exchange}, {failure.what}: {failure.reason}", err=True)
        sys.stdout.flush()


def _counts(
    lookout: Lookout, report: CollectionReport, name: str, failures: Sequence[CollectionFailure]
) -> dict[str, Any]:
    return {
        "exchange": name,
        "instruments": sum(one.exchange == name for one in lookout.instruments.values()),
        "predicted": sum(exchange_of(rate.instrument) == name for rate in report.predicted),
        "settled": sum(exchange_of(rate.instrument) == name for rate in report.settled),
        "stats": sum(exchange_of(row.instrument) == name for row in report.stats),
        "failures": [f"{one.what}: {one.reason}" for one in failures if one.exchange == name],
    }


def _silent(report: CollectionReport) -> bool:
    """Return whether an exchange failed and brought nothing."""
    brought = {exchange_of(rate.instrument) for rate in (*report.predicted, *report.settled)}
    return any(failure.exchange not in brought for failure in report.failures)
