"""`arb funding import`, `intervals` and `assets`, over small recordings."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from arb.cli._stored import main_storage
from arb.model import HOUR_NS, FundingKind, FundingRate, Instrument, InstrumentId, RateUnit
from arb.storage import Journal
from arb.testing import START_NS, sample_instrument

Arb = Callable[..., Result]

START = datetime(2026, 1, 1, tzinfo=UTC)
EXCHANGES = """
[exchanges.own]
plugin = "t-memory"
"""


@pytest.fixture
def file(empty: Callable[[str], Path]) -> Path:
    """Return a configuration whose storage is empty."""
    return empty(EXCHANGES)


def scan(quarter: int, venue: str, symbol: str, base: str, price: float) -> dict[str, Any]:
    moment = START + timedelta(minutes=15 * quarter)
    return {
        "ts": moment,
        "venue": venue,
        "symbol": symbol,
        "base": base,
        "mark": price,
        "index": price,
        "funding_rate": 0.0001,
        "funding_interval_h": 8 if quarter < 40 else 4,
        "next_funding": None,
        "turnover_musd": 1.0,
        "oi_musd": 0.0,
    }


def settlement(hour: int, interval: int | None = 8) -> dict[str, Any]:
    return {
        "venue": "binance",
        "venue_symbol": "BTCUSDT",
        "canonical_symbol": "BTC-USDT-PERP",
        "settlement_ts": START + timedelta(hours=hour, milliseconds=5),
        "rate_raw": 0.0001,
        "interval_hours": interval,
        "is_predicted": False,
        "contract_type": "linear",
    }


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """Write a folder with two recordings and a file that is none."""
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    folder = tmp_path / "recordings"
    folder.mkdir()
    venues = (("a", "EDGE_USDT", "EDGE", 1.0), ("b", "EDGE-USD", "EDGE", 6.0), ("c", "EDGEUSDT", "EDGE", 1.001))
    coins = (("a", "PEPE_USDT", "PEPE", 0.00001), ("b", "kPEPE-USD", "PEPE", 0.01))
    files = {
        "scans": [scan(quarter, *one) for quarter in range(48) for one in (*venues, *coins)],
        "settled": [*map(settlement, range(0, 96, 8)), *(settlement(hour, 1) for hour in range(89, 100))],
        "trades": [{"price": 1.0}],
    }
    for name, rows in files.items():
        parquet.write_table(pa.Table.from_pylist(rows), folder / f"{name}.parquet")
    return folder


def plain(arb: Arb, *arguments: str, code: int = 0) -> dict[str, Any]:
    result = arb("funding", *arguments, "--json")
    assert result.exit_code == code, result.stderr
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def test_a_folder_is_imported_once_however_often(arb: Arb, file: Path, recordings: Path) -> None:
    first = plain(arb, "import", str(recordings), "-c", str(file))
    assert [Path(one["path"]).name for one in first["files"]] == ["scans.parquet", "settled.parquet"]
    assert [Path(one).name for one in first["not_recordings"]] == ["trades.parquet"]
    stored = {
        "instruments": 6,
        "settled_funding_rates": 23,
        "predicted_funding_rates": 240,
        "market_stats": 240,
    }
    # 11 of the 23 settlements are at a time that the eight-hourly ones have not.
    assert (first["rows"], first["stored"]) == (263, stored)
    new = first["new"]
    assert (new["instruments"], new["predicted_funding_rates"], new["market_stats"]) == (6, 240, 240)
    assert first["traps"]["denomination_proved"] == 1
    assert first["traps"]["open_interest_zero"] == 240
    assert first["traps"]["stamps_off_the_minute"] == 23
    second = plain(arb, "import", str(recordings), "-c", str(file))
    assert second["stored"] == stored
    assert set(second["new"].values()) == {0}
    shown = arb("funding", "rates", "-c", str(file), "--symbol", "PEPE", "--json")
    assert {row["mark_price"] for row in json.loads(shown.stdout)["rates"]} == {"0.00001", "0.01"}


def test_the_summary_names_every_trap_with_its_meaning(arb: Arb, file: Path, recordings: Path) -> None:
    result = arb("funding", "import", str(recordings), "-c", str(file))
    assert result.exit_code == 0, result.stderr
    assert "Rows: 263, of which 0 skipped" in result.stdout
    assert "Left out, no recordings of funding: trades.parquet" in result.stdout
    assert "stamps_off_the_minute  23     settlements stamped late: rounded to the minute" in result.stdout


def test_what_a_venue_said_of_its_instrument_stands(arb: Arb, file: Path, recordings: Path) -> None:
    own = replace(sample_instrument("a", "EDGE"), id=InstrumentId("EDGE-USDT-PERP.a"), lot_size=Decimal(7))
    store(file, [own], [])
    assert plain(arb, "import", str(recordings), "-c", str(file))["new"]["instruments"] == 5

    async def work() -> Instrument:
        async with main_storage(file) as (storage, _, _):
            found = await (await Journal.open(storage)).instruments()
            return next(one for one in found if one.id == own.id)

    assert asyncio.run(work()) == own


def test_what_is_no_recording_is_a_mistake_in_words(arb: Arb, file: Path, recordings: Path) -> None:
    result = arb("funding", "import", str(recordings / "trades.parquet"), "-c", str(file))
    assert result.exit_code == 2
    assert "not a known recording of funding; its columns are price" in result.stderr
    assert "Traceback" not in result.stderr
    assert arb("funding", "import", "nowhere", "-c", str(file)).exit_code == 2


def test_intervals_of_settled_and_of_predicted_rates(arb: Arb, file: Path, recordings: Path) -> None:
    plain(arb, "import", str(recordings), "-c", str(file))
    found = {row["instrument"]: row for row in plain(arb, "intervals", "-c", str(file))["instruments"]}
    settled = found["BTC-USDT-PERP.binance"]
    assert (settled["source"], settled["interval_ns"], settled["wrong"]) == ("settled", HOUR_NS, 0)
    (change,) = settled["changes"]
    assert (change["effective_from"], change["before_ns"], change["after_ns"]) == (
        "2026-01-04T16:00:00Z",
        8 * HOUR_NS,
        HOUR_NS,
    )
    predicted = found["EDGE-USDT-PERP.a"]
    assert (predicted["source"], predicted["rates"], predicted["interval_ns"]) == ("predicted", 48, 4 * HOUR_NS)
    assert [one["effective_from"] for one in predicted["changes"]] == ["2026-01-01T10:00:00Z"]
    table = arb("funding", "intervals", "-c", str(file), "--exchange", "binance").stdout
    assert "BTC-USDT-PERP.binance" in table
    assert "EDGE" not in table


def test_an_interval_that_the_settlements_contradict_is_told_by_the_exit_code(arb: Arb, file: Path) -> None:
    listed = sample_instrument("own")
    store(file, [listed], [rate(listed, START_NS + hour * HOUR_NS, 4) for hour in range(20)])
    document = plain(arb, "intervals", "-c", str(file), code=7)
    assert document["total"] == {"rates": 20, "found": 0, "refused": 0, "wrong": 12}
    assert "0 as recorded, 0 refused, 12 wrong" in arb("funding", "intervals", "-c", str(file)).stdout
    printed = arb("funding", "intervals", "-c", str(file), "--csv")
    assert printed.exit_code == 7
    (row,) = csv.DictReader(io.StringIO(printed.stdout))
    assert (row["instrument"], row["source"], row["wrong"], row["changes"]) == (str(listed.id), "settled", "12", "0")


def test_assets_and_denominations_by_stored_prices(arb: Arb, file: Path, recordings: Path) -> None:
    plain(arb, "import", str(recordings), "-c", str(file))
    document = plain(arb, "assets", "-c", str(file))
    edge, pepe = document["tickers"]
    assert (edge["base"], edge["ambiguous"]) == ("EDGE", True)
    assert [set(one) for one in edge["assets"]] == [{"EDGE-USDT-PERP.a", "EDGE-USDT-PERP.c"}, {"EDGE-USD-PERP.b"}]
    assert {pair["sameness"] for pair in edge["differing"]} == {"differs"}
    assert pepe["assets"] == [{"PEPE-USDT-PERP.a": "1", "kPEPE-USD-PERP.b": "1000"}]
    table = arb("funding", "assets", "-c", str(file)).stdout
    assert "EDGE              2      6            1 of 1  EDGE-USD-PERP.b" in table
    assert "PEPE           1000   kPEPE-USD-PERP.b" in table
    assert "2 tickers of more than one instrument: 1 mean different assets" in table


def test_nothing_stored_is_nothing_found(arb: Arb, file: Path) -> None:
    store(file, [], [])
    assert plain(arb, "assets", "-c", str(file))["tickers"] == []
    assert plain(arb, "intervals", "-c", str(file))["instruments"] == []
    assert "arb funding import" in arb("funding", "intervals", "-c", str(file)).stderr


def rate(instrument: Instrument, ts_ns: int, hours: int) -> FundingRate:
    return FundingRate(
        instrument=instrument.id,
        raw=Decimal("0.0001"),
        unit=RateUnit(factor=Decimal(1), period_ns=hours * HOUR_NS),
        interval_ns=hours * HOUR_NS,
        kind=FundingKind.SETTLED,
        ts_event_ns=ts_ns,
        ts_init_ns=ts_ns,
    )


def store(file: Path, instruments: Sequence[Instrument], rates: Sequence[FundingRate]) -> None:
    async def work() -> None:
        async with (
            main_storage(file, writing=True) as (storage, _, _),
            (await Journal.open(storage)).transaction() as transaction,
        ):
            await transaction.put_instruments(instruments, START_NS)
            await transaction.add_funding_rates(rates)

    asyncio.run(work())
