from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from arb.model import HOUR_NS, FundingKind, FundingRate, Instrument, MarketStats, parse_utc
from arb.recordings import SkippedRow, Tally, Trap, open_recordings

Write = Callable[..., Path]

START = datetime(2026, 1, 1, tzinfo=UTC)
START_NS = parse_utc("2026-01-01T00:00:00Z")


def row(minute: float = 0, **other: Any) -> dict[str, Any]:
    """Return an instrument in a scan so many minutes after the start."""
    return {
        "ts": START + timedelta(minutes=minute),
        "venue": "gate",
        "symbol": "BTC_USDT",
        "base": "BTC",
        "mark": 50_000.5,
        "index": 50_001.25,
        "funding_rate": 0.0001,
        "funding_interval_h": 8,
        "next_funding": START + timedelta(hours=8),
        "turnover_musd": 0.0011,
        "oi_musd": 2.5,
        **other,
    }


def read(path: Path) -> tuple[list[Instrument], list[FundingRate], list[MarketStats], Tally]:
    ((recording,), _) = open_recordings(path)
    tally = Tally()
    instruments = list(recording.instruments(tally))
    (batch,) = recording.batches(tally)
    return instruments, list(batch.rates), list(batch.stats), tally


def test_a_row_becomes_a_prediction_and_statistics(write: Write) -> None:
    path = write([row()], float32=("turnover_musd", "oi_musd"))
    (instrument,), (rate,), (stats,), tally = read(path)
    assert (instrument.id, instrument.symbol) == ("BTC-USDT-PERP.gate", "BTC_USDT")
    assert instrument.funding_interval_ns == 8 * HOUR_NS
    assert (rate.kind, rate.raw, rate.interval_ns) == (FundingKind.PREDICTED, Decimal("0.0001"), 8 * HOUR_NS)
    assert (rate.ts_event_ns, rate.next_funding_ns) == (START_NS, START_NS + 8 * HOUR_NS)
    assert (stats.mark_price, stats.index_price) == (Decimal("50000.5"), Decimal("50001.25"))
    # The recording's 32-bit 0.0011 is 0.0011, not 0.00109999999403953552.
    assert (stats.volume_24h, stats.open_interest) == (Decimal(1_100), Decimal(2_500_000))
    assert (+tally.skipped, +tally.traps) == ({}, {})


@pytest.mark.parametrize(
    ("venue", "symbol", "base", "name"),
    [
        ("aster", "1000PEPEUSDT", "PEPE", "1000PEPE-USDT-PERP.aster"),
        ("aster", "BTCUSD1", "BTC", "BTC-USD1-PERP.aster"),
        ("backpack", "kBONK_USDC_PERP", "BONK", "kBONK-USDC-PERP.backpack"),
        ("bitget", "AAVEPERP", "AAVE", "AAVE-USDC-PERP.bitget"),
        ("bitget", "AAVEUSDT", "AAVE", "AAVE-USDT-PERP.bitget"),
        ("kraken", "PF_XBTUSD", "BTC", "BTC-USD-PERP.kraken"),
        ("kraken", "PF_2ZUSD", "2Z", "2Z-USD-PERP.kraken"),
        ("hyperliquid", "kPEPE", "PEPE", "kPEPE-USDC-PERP.hyperliquid"),
        ("okx", "EDGE-USDT-SWAP", "EDGE", "EDGE-USDT-PERP.okx"),
        ("paradex", "kBONK-USD-PERP", "BONK", "kBONK-USD-PERP.paradex"),
    ],
)
def test_the_symbol_names_the_contract_and_its_quote(
    write: Write, venue: str, symbol: str, base: str, name: str
) -> None:
    (instrument,), _, _, _ = read(write([row(venue=venue, symbol=symbol, base=base)]))
    assert (instrument.id, instrument.base, instrument.symbol) == (name, base, symbol)


@pytest.mark.parametrize(("next_hours", "kept_hours"), [(8, 8), (16, 8), (0, None), (-1, None), (24, None)])
def test_a_next_settlement_one_period_late_is_put_back(write: Write, next_hours: int, kept_hours: int | None) -> None:
    _, (rate,), _, tally = read(write([row(next_funding=START + timedelta(hours=next_hours))]))
    assert rate.next_funding_ns == (None if kept_hours is None else START_NS + kept_hours * HOUR_NS)
    assert tally.traps[Trap.NEXT_FUNDING_LATE] == (next_hours > 8)
    assert tally.traps[Trap.NEXT_FUNDING_PASSED] == (kept_hours is None)


def test_zero_is_no_price_and_no_open_interest(write: Write) -> None:
    missing = row(15, index=None, oi_musd=None, next_funding=None)
    _, rates, stats, tally = read(write([row(index=0.0, oi_musd=0.0), missing]))
    assert [one.index_price for one in stats] == [None, None]
    assert [one.open_interest for one in stats] == [None, None]
    assert rates[1].next_funding_ns is None
    assert +tally.traps == {Trap.INDEX_ZERO: 1, Trap.OPEN_INTEREST_ZERO: 1}


def test_what_is_wrong_of_single_venues(write: Write) -> None:
    extended = row(venue="extended", symbol="BTC-USD", oi_musd=3_861_637.0)
    paradex = row(venue="paradex", symbol="BTC-USD-PERP")
    instruments, rates, stats, tally = read(write([extended, paradex]))
    assert stats[0].open_interest is None
    assert [one.funding_interval_ns for one in instruments] == [8 * HOUR_NS, 0]
    assert (rates[1].interval_ns, rates[1].unit.period_ns, rates[1].next_funding_ns) == (0, 8 * HOUR_NS, None)
    assert rates[1].per_hour == Decimal("0.0001") / 8
    assert +tally.traps == {Trap.OPEN_INTEREST_UNIT: 1, Trap.INTERVAL_ASSUMED: 1}


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"funding_rate": None}, SkippedRow.NOT_A_NUMBER),
        ({"funding_interval_h": None}, SkippedRow.INTERVAL_UNKNOWN),
        ({"symbol": "NOTHING"}, SkippedRow.NAME_UNKNOWN),
        ({"base": None, "symbol": "ETH_USDT"}, SkippedRow.NAME_UNKNOWN),
    ],
)
def test_what_cannot_be_used_is_left_out(write: Write, other: dict[str, Any], reason: SkippedRow) -> None:
    _, rates, stats, tally = read(write([row(), row(15, **other)]))
    assert (len(rates), len(stats), +tally.skipped) == (1, 1, {reason: 1})


def pepe(venue: str, symbol: str, price: float) -> list[dict[str, Any]]:
    return [row(15 * n, venue=venue, symbol=symbol, base="PEPE", mark=price, index=price) for n in range(12)]


def test_a_denomination_is_a_multiplier_when_prices_prove_it(write: Write) -> None:
    rows = [*pepe("gate", "PEPE_USDT", 0.00001), *pepe("hyperliquid", "kPEPE", 0.0100050)]
    instruments, _, _, tally = read(write(rows))
    assert {one.id: one.multiplier for one in instruments} == {
        "PEPE-USDT-PERP.gate": 1,
        "kPEPE-USDC-PERP.hyperliquid": 1_000,
    }
    assert tally.traps[Trap.DENOMINATION_PROVED] == 1


@pytest.mark.parametrize("price", [0.0105, 0.00001])
def test_a_denomination_that_no_price_proves_is_none(write: Write, price: float) -> None:
    rows = [*pepe("gate", "PEPE_USDT", 0.00001), *pepe("hyperliquid", "kPEPE", price)]
    instruments, _, _, tally = read(write(rows))
    assert {one.multiplier for one in instruments} == {Decimal(1)}
    assert tally.traps[Trap.DENOMINATION_UNPROVED] == 1
