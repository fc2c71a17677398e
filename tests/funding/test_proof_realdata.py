"""Recorded settlements of real venues, and what would happen if their numbers were misread.

What the recorded payloads hold of payments, and what of it is proved here:

* Lighter, `nautilus/lighter/http_fundings.json`: what a contract pays and the rate, two hours of ETH; the price is
  Binance's of the same time, so the proof is coarse. One rate has one digit and proves nothing by itself.
* Hyperliquid, `jkorf` GetFundingHistory: one payment of HYPE with quantity and rate; the price is Bybit's.
* Hyperliquid, cassettes of `userFunding`: 218 payments of spring 2023, up to three hourly samples at once; no price of
  then is recorded.
* Bybit, `ccxt-comment-examples` parseIncome: one settlement of XMR with amount, quantity, price and rate of its own.
* Nothing to prove: Extended's and EdgeX's payments are zero; Paradex's, Binance's and Aster's have no rate or no
  quantity; Hyperliquid's SOL of December 2024 has no price; OKX, Backpack, GRVT, dYdX and the others list no
  single payment, and the rest are made up (`"change": "1"`).
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from arb.funding import PaidSettlement, Verdict, prove
from arb.funding._evidence import quantum_of
from arb.model import InstrumentId, instrument_id

DATA = Path(os.environ.get("ARB_REAL_DATA", Path(__file__).parents[2] / "../shared/data"))
WIRE = DATA / "wire"

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not WIRE.is_dir(), reason=f"recorded payloads are not there: {WIRE} (set ARB_REAL_DATA)"),
]
PERCENT = Decimal("0.01")
COARSE = Decimal("0.05")


def settlement(
    instrument: InstrumentId, ts_ms: int, amount: str, quantity: str, price: Decimal, rate: Decimal, quantum: Decimal
) -> PaidSettlement:
    return PaidSettlement(
        instrument=instrument,
        settled_ns=ts_ms * 1_000_000,
        amount=Decimal(amount),
        quantity=Decimal(quantity),
        price=price,
        rate=rate,
        amount_quantum=quantum_of([Decimal(amount)]),
        rate_quantum=quantum,
        coarse=True,
    )


def binance_mark(symbol: str, near: datetime) -> Decimal:
    """Return the mark price of the recorded Binance settlement nearest to a time."""
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(DATA / "funding/zs-funding-1y/binance.parquet", filters=[("venue_symbol", "=", symbol)])
    rows = [row for row in table.to_pylist() if row["mark_price"]]
    return Decimal(repr(min(rows, key=lambda row: abs(row["settlement_ts"] - near))["mark_price"]))


def hourly_open(venue: str, coin: str, at: datetime) -> Decimal:
    """Return the recorded price of a coin at an hour."""
    parquet = pytest.importorskip("pyarrow.parquet")
    wanted = [("venue", "=", venue), ("coin", "=", coin), ("timestamp", "=", at)]
    (row,) = parquet.read_table(DATA / "funding/finm-7venues/candles.parquet", filters=wanted).to_pylist()
    return Decimal(repr(row["o"]))


def lighter(factor: Decimal) -> list[PaidSettlement]:
    """Read Lighter's `/fundings` of ETH: `value` is what one contract pays, `rate` is unsigned."""
    found = json.loads((WIRE / "nautilus/lighter/http_fundings.json").read_text(encoding="utf-8"))["fundings"]
    rows = []
    for row in found:
        price = binance_mark("ETHUSDT", datetime.fromtimestamp(row["timestamp"], UTC))
        sign = 1 if row["direction"] == "long" else -1  # who pays
        rate = sign * Decimal(row["rate"]) * factor
        amount = str(-sign * Decimal(row["value"]))
        quantum = quantum_of([Decimal(row["rate"])]) * factor
        rows.append(
            settlement(instrument_id("ETH-PERP", "lighter"), row["timestamp"] * 1000, amount, "1", price, rate, quantum)
        )
    return rows


def test_lighter_publishes_percent_an_hour() -> None:
    # The second row has one digit, so its rate is known to a half: it proves nothing, but it can contradict.
    # The first one is taken three times, since fewer prove nothing.
    first, second = lighter(PERCENT)
    assert prove([second] * 3).telling == 0
    proof = prove([first] * 3)
    assert proof.verdict is Verdict.PROVED
    assert proof.ratio is not None
    assert abs(proof.ratio - 1) < PERCENT
    # Read as a fraction, both say so.
    for row in lighter(Decimal(1)):
        proof = prove([row] * 3)
        assert proof.verdict is Verdict.MISMATCH
        assert "a number in percent is taken for a fraction" in proof.cause


def test_lighter_percent_taken_for_a_fraction_of_eight_hours() -> None:
    # What hummingbot does with the socket's number: percent an hour in a field of fractions per 8 h.
    first = lighter(Decimal(1))[0]
    proof = prove([replace(first, rate=first.rate / 8, rate_quantum=first.rate_quantum / 8)] * 3)
    assert proof.verdict is Verdict.MISMATCH
    assert "a number in percent an hour is taken for a fraction of eight hours" in proof.cause


def test_bybit_pays_the_rate_of_the_settlement_and_cuts_its_digits() -> None:
    rows = json.loads((WIRE / "ccxt-comment-examples/bybit.json").read_text(encoding="utf-8"))
    (row,) = [one["json"] for one in rows if one["method"] == "parseIncome" and one["json"]["execType"] == "Funding"]
    rate = Decimal(row["feeRate"])
    # The fee rate is that of the holder, negative when received: which side held cannot be seen, only the unit.
    one = replace(
        settlement(
            instrument_id("XMR-PERP", "bybit"),
            int(row["execTime"]),
            str(-Decimal(row["execFee"])),
            row["execQty"],
            Decimal(row["execPrice"]),
            rate,
            quantum_of([rate]),
        ),
        coarse=False,
    )
    proof = prove([one] * 3)
    assert (proof.verdict, proof.worst, proof.cause) == (Verdict.PROVED, Decimal(0), "")
    # 0.00076153 was paid and 0.000761 published: to half a unit, as if it were rounded, it would not fit.
    assert abs(one.amount) / (one.quantity * one.price) > abs(rate) + one.rate_quantum / 2
    for factor, cause in (
        (Decimal(8), "a rate of eight hours is taken for one of an hour"),
        (Decimal(100), "a number in percent is taken for a fraction"),
        (Decimal("0.08"), "a fraction of eight hours is taken for percent an hour"),
    ):
        misread = replace(one, rate=rate * factor, rate_quantum=one.rate_quantum * factor)
        assert prove([misread] * 3).cause == cause
    # The price of another base, 0.23 % off: told, and no mismatch.
    mark = prove([replace(one, price=Decimal(row["markPrice"]))] * 3)
    assert (mark.verdict, mark.cause) == (Verdict.PROVED, "the price may be of another base")


def hyperliquid_payments() -> list[dict[str, Any]]:
    path = WIRE / "hyperliquid-python-sdk-vcr/test_user_funding_history_without_end_time.yaml"
    text = path.read_text(encoding="utf-8")
    start = text.index("string: '") + len("string: '")
    rows: list[dict[str, Any]] = json.loads(re.sub(r"\n\s+", " ", text[start : text.index("'", start)]))
    return rows


def hyperliquid(coin: str, samples: bool) -> list[PaidSettlement]:
    """Read what an account of Hyperliquid was paid in spring 2023, when several hourly samples were paid at once.

    Prices of that time are not recorded here; those of the same coin that the payments themselves imply,
    taken over all of them, stand in: a unit that is wrong sometimes and right at others would show.
    """
    rows = [row for row in hyperliquid_payments() if row["delta"]["coin"] == coin]
    implied = sorted(price(row) for row in rows)
    middle = implied[len(implied) // 2]
    found = []
    for row in rows:
        delta = row["delta"]
        times = delta["nSamples"] if samples else 1
        rate = Decimal(delta["fundingRate"]) * times
        quantum = quantum_of([Decimal(delta["fundingRate"])]) * times
        instrument = instrument_id(f"{coin}-PERP", "hyperliquid")
        found.append(settlement(instrument, row["time"], delta["usdc"], delta["szi"], middle, rate, quantum))
    return found


def price(row: dict[str, Any]) -> Decimal:
    delta = row["delta"]
    rate = Decimal(delta["fundingRate"]) * int(delta["nSamples"])
    return -Decimal(delta["usdc"]) / (Decimal(delta["szi"]) * rate)


@pytest.mark.parametrize(("coin", "spot"), [("BTC", 28_800), ("ETH", 1_935)])
def test_hyperliquid_paid_its_samples_at_the_price_of_that_day(coin: str, spot: int) -> None:
    # Daily closes of 19 April 2023, rounded.
    first = next(row for row in hyperliquid_payments() if row["delta"]["coin"] == coin)
    assert abs(price(first) / spot - 1) < COARSE


@pytest.mark.parametrize("coin", ["BTC", "ETH", "ARB"])
def test_hyperliquid_signs_and_samples(coin: str) -> None:
    rows = hyperliquid(coin, samples=True)
    assert len(rows) >= 3
    assert prove(rows).verdict is not Verdict.MISMATCH
    turned = prove([replace(one, amount=-one.amount) for one in rows])
    assert turned.verdict is not Verdict.PROVED
    # Three samples paid at once are not the rate of one: the trap of this recording.
    assert prove(hyperliquid(coin, samples=False)).verdict is not Verdict.PROVED


def test_hyperliquid_pays_a_fraction_each_hour() -> None:
    text = (WIRE / "jkorf/hyperliquid/Futures/Account/GetFundingHistory.txt").read_text(encoding="utf-8")
    (row,) = json.loads(text[text.index("[") :])
    at = datetime.fromtimestamp(row["time"] // 1000, UTC).replace(minute=0, second=0)
    delta = row["delta"]
    market = hourly_open("bybit", delta["coin"], at)
    one = settlement(
        instrument_id("HYPE-PERP", "hyperliquid"),
        row["time"],
        delta["usdc"],
        delta["szi"],
        market,
        Decimal(delta["fundingRate"]),
        quantum_of([Decimal(delta["fundingRate"])]),
    )
    assert prove([one, one, one]).verdict is Verdict.PROVED
    eighth = replace(one, rate=one.rate / 8, rate_quantum=one.rate_quantum / 8)
    assert prove([eighth, eighth, eighth]).cause == "a rate of one hour is paid as one of eight: the period is 8 h"
