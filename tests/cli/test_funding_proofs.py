"""`arb funding proofs`: what stored payments say of the units of rates."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import Result

from arb.cli._stored import main_storage
from arb.model import (
    HOUR_NS,
    Event,
    EventKind,
    FundingKind,
    FundingPayment,
    FundingRate,
    Instrument,
    PaymentId,
    RateUnit,
    Severity,
)
from arb.storage import Journal
from arb.testing import START_NS, sample_instrument

Arb = Callable[..., Result]

EXCHANGES = """
[exchanges.right]
plugin = "t-memory"
"""
RIGHT, WRONG, QUIET = (sample_instrument(name) for name in ("right", "wrong", "quiet"))
HOURS = range(30)


@pytest.fixture
def file(empty: Callable[[str], Path]) -> Path:
    """Return a configuration whose storage is empty."""
    return empty(EXCHANGES)


def raw(hour: int) -> Decimal:
    return Decimal("0.00125") + Decimal(hour) / 10**6


def settled(instrument: Instrument, factor: str) -> list[FundingRate]:
    """Return a day of rates around 0.00125 percent an hour, read with a factor."""
    return [
        FundingRate(
            instrument=instrument.id,
            raw=raw(hour),
            unit=RateUnit(factor=Decimal(factor), period_ns=HOUR_NS),
            interval_ns=HOUR_NS,
            kind=FundingKind.SETTLED,
            ts_event_ns=START_NS + hour * HOUR_NS,
            ts_init_ns=START_NS + hour * HOUR_NS,
        )
        for hour in HOURS
    ]


def paid(instrument: Instrument, hours: Sequence[int]) -> list[FundingPayment]:
    """Return payments of percent an hour on ten bitcoins short."""
    return [
        FundingPayment(
            payment_id=PaymentId(f"p{hour}"),
            instrument=instrument.id,
            amount=10 * 50_000 * raw(hour) / 100,
            currency="USDC",
            settled_ns=START_NS + hour * HOUR_NS,
            quantity=Decimal(-10),
            price=Decimal(50_000),
        )
        for hour in hours
    ]


def store(
    file: Path, rates: Sequence[FundingRate], payments: Sequence[FundingPayment] = (), events: Sequence[Event] = ()
) -> None:
    instruments = [sample_instrument(name) for name in ("right", "wrong", "quiet", "fourth")]

    async def work() -> None:
        async with (
            main_storage(file, writing=True) as (storage, _, _),
            (await Journal.open(storage)).transaction() as transaction,
        ):
            await transaction.put_instruments(instruments, START_NS)
            await transaction.add_funding_rates(rates)
            await transaction.add_funding_payments(payments)
            await transaction.add_events(events)

    asyncio.run(work())


def news(kind: EventKind, hour: int) -> Event:
    return Event(
        ts_ns=START_NS + hour * HOUR_NS,
        kind=kind,
        subject="wrong",
        message=f"told at {hour}",
        severity=Severity.ALARM,
        data={"reason": "paid over published is 0.01"},
    )


def test_each_exchange_is_proved_wrong_or_not_at_all(arb: Arb, file: Path) -> None:
    rates = [*settled(RIGHT, "0.01"), *settled(WRONG, "1"), *settled(QUIET, "0.01")]
    store(file, rates, [*paid(RIGHT, range(5)), *paid(WRONG, range(4))])
    result = arb("funding", "proofs", "-c", str(file), "--json")
    assert result.exit_code == 7
    found = json.loads(result.stdout)
    right, wrong = found["exchanges"]
    assert (right["exchange"], right["verdict"], right["telling"], right["cause"]) == ("right", "proved", 5, "")
    assert (wrong["exchange"], wrong["verdict"], wrong["telling"]) == ("wrong", "mismatch", 4)
    assert Decimal(right["ratio"]) == 1
    assert Decimal(wrong["ratio"]) == Decimal("0.01")
    assert wrong["cause"] == "a number in percent is taken for a fraction"
    assert (found["without_payment"], found["quarantined"]) == (["quiet"], [])
    table = arb("funding", "proofs", "-c", str(file)).stdout
    assert "mismatch  a number in percent is taken for a fraction" in table
    assert "nothing was paid or charged there yet" in table
    details = arb("funding", "proofs", "-c", str(file), "--details").stdout
    assert "BTC-PERP.wrong" in details
    rows = list(csv.DictReader(io.StringIO(arb("funding", "proofs", "-c", str(file), "--csv").stdout)))
    assert [(row["name"], row["verdict"], row["telling"]) for row in rows] == [
        ("right", "proved", "5"),
        ("wrong", "mismatch", "4"),
    ]
    assert "BTC-PERP.wrong,mismatch" in arb("funding", "proofs", "-c", str(file), "--details", "--csv").stdout


def test_a_quarantine_is_told_until_a_run_has_ended_it(arb: Arb, file: Path) -> None:
    store(file, settled(WRONG, "0.01"), paid(WRONG, range(4)), [news(EventKind.FUNDING_QUARANTINED, 5)])
    result = arb("funding", "proofs", "-c", str(file))
    assert result.exit_code == 7
    assert "wrong is in quarantine: paid over published is 0.01" in result.stdout
    store(file, (), (), [news(EventKind.FUNDING_RELEASED, 6)])
    result = arb("funding", "proofs", "-c", str(file))
    assert (result.exit_code, "in quarantine" in result.stdout) == (0, False)


def test_a_usual_rate_far_from_that_of_the_peers_is_told_and_proves_nothing(arb: Arb, file: Path) -> None:
    others = [settled(sample_instrument(name), "0.01") for name in ("right", "quiet", "fourth")]
    store(file, [*settled(WRONG, "0.08"), *(rate for series in others for rate in series)])
    result = arb("funding", "proofs", "-c", str(file), "--json")
    assert result.exit_code == 0
    (suspect,) = json.loads(result.stdout)["suspects"]
    assert (suspect["exchange"], suspect["base"], suspect["factor"]) == ("wrong", "BTC", "8")
    assert (
        "wrong: its usual rate of BTC is 8 times that of its peers" in arb("funding", "proofs", "-c", str(file)).stdout
    )


def test_nothing_stored_is_no_error(arb: Arb, file: Path) -> None:
    store(file, ())
    result = arb("funding", "proofs", "-c", str(file))
    assert (result.exit_code, result.stdout) == (0, "")
    assert "No rate and no payment is stored yet." in result.stderr
