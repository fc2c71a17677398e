from __future__ import annotations

import gzip
import json
import os
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arb.api import ConfigError
from arb.model import SECOND_NS, InstrumentId, Side
from arb.simulation._recording import BookRecordingMarket, RecordingSettings, open_recording_market
from arb.simulation._recording_book import BookHistory, LocalBook
from arb.simulation._recording_events import BookSnapshot, BookUpdate

BTC = InstrumentId("BTC-PERP.bin")
T0 = 1_723_161_255_000_000_000
MS = 1_000_000
Raw = Sequence[Sequence[str]]


def update(at: int, first: int, last: int, previous: int, bids: Raw = (), asks: Raw = ()) -> tuple[int, Any]:
    data = {"e": "depthUpdate", "E": (T0 + at) // MS + 900, "U": first, "u": last, "pu": previous, "b": bids, "a": asks}
    return T0 + at, {"stream": "btcusdt@depth@0ms", "data": data}


def snapshot(at: int, sequence: int, bids: Raw, asks: Raw) -> tuple[int, Any]:
    return T0 + at, {"lastUpdateId": sequence, "E": T0 // MS, "T": T0 // MS, "bids": bids, "asks": asks}


def ticker(at: int, bid: str, ask: str) -> tuple[int, Any]:
    data = {"e": "bookTicker", "u": 7, "b": bid, "B": "3", "a": ask, "A": "4", "E": T0 // MS}
    return T0 + at, {"stream": "btcusdt@bookTicker", "data": data}


def trade(at: int, price: str, *, taker_sold: bool) -> tuple[int, Any]:
    return T0 + at, {"data": {"e": "trade", "E": T0 // MS, "p": price, "q": "0.5", "m": taker_sold}}


def mark(at: int, rate: str, due: int) -> tuple[int, Any]:
    return T0 + at, {
        "data": {"e": "markPriceUpdate", "E": T0 // MS, "p": "101", "i": "100", "r": rate, "T": (T0 + due) // MS}
    }


def write(path: Path, lines: Sequence[tuple[int, Any]]) -> Path:
    with gzip.open(path, "wt") as text:
        text.writelines(f"{stamp} {json.dumps(message)}\n" for stamp, message in lines)
    return path


def recorded(path: Path, lines: Sequence[tuple[int, Any]], **changes: Any) -> BookRecordingMarket:
    values = {"file": str(write(path / "rec.gz", lines)), "base": "BTC", "tick_size": "0.1", "lot_size": "0.001"}
    return open_recording_market(RecordingSettings.model_validate(values | changes), "bin")


def tops(market: BookRecordingMarket, at: int) -> tuple[float, float] | None:
    book = market.book(BTC, T0 + at)
    bbo = book.bbo() if book else None
    return (float(bbo.bid), float(bbo.ask)) if bbo else None


BOOK = [
    update(1, 90, 95, 89, [["99", "1"]]),
    update(2, 96, 103, 95, [["98", "5"]], [["102", "0"]]),
    update(3, 104, 105, 103, [["100", "2"]]),
    snapshot(4, 100, [["99", "7"], ["98", "1"]], [["101", "1"], ["102", "9"]]),
    update(5, 106, 107, 105, [], [["101", "0"]]),
]


def test_updates_before_the_snapshot_are_applied_to_it_by_the_venues_rule(tmp_path: Path) -> None:
    market = recorded(tmp_path, BOOK)
    assert market.book(BTC, T0) is None
    assert market.book(BTC, T0 + 3) is None
    book = market.book(BTC, T0 + 4)
    assert book is not None
    # 96-103 holds 100: it and 104-105 apply, 90-95 is in the snapshot already.
    assert [(float(p), float(s)) for p, s in book.bids] == [(100, 2), (99, 7), (98, 5)]
    assert [(float(p), float(s)) for p, s in book.asks] == [(101, 1)]
    assert book.sequence == 105
    assert book.ts_event_ns <= T0 + 4
    after = market.book(BTC, T0 + 5)
    assert after is not None
    assert after.asks == ()
    assert after.bbo() is None
    assert market.book(InstrumentId("ETH-PERP.bin"), T0 + 4) is None


def test_after_a_gap_the_book_is_unknown_until_the_next_snapshot(tmp_path: Path) -> None:
    lines = [
        *BOOK[:4],
        update(6, 110, 112, 109, [["97", "1"]]),
        update(7, 113, 115, 112, [["97.5", "1"]]),
        snapshot(8, 113, [["97", "1"]], [["103", "1"]]),
        update(9, 116, 117, 115, [["97.6", "1"]]),
    ]
    market = recorded(tmp_path, lines)
    assert tops(market, 5) == (100, 101)
    assert market.book(BTC, T0 + 6) is None
    assert market.book(BTC, T0 + 7) is None
    assert tops(market, 8) == (97.5, 103)
    assert tops(market, 9) == (97.6, 103)
    # Asking backwards gives the same answers.
    assert tops(market, 5) == (100, 101)


def test_a_snapshot_that_no_update_joins_waits_for_a_better_one(tmp_path: Path) -> None:
    market = recorded(
        tmp_path, [snapshot(1, 100, [["99", "1"]], [["101", "1"]]), update(2, 150, 151, 149, [["100", "1"]])]
    )
    assert tops(market, 1) == (99, 101)
    assert market.book(BTC, T0 + 2) is None


def test_without_a_local_book_the_recorded_top_stands_in(tmp_path: Path) -> None:
    market = recorded(tmp_path, [update(1, 90, 95, 89), ticker(2, "99.5", "99.6")])
    assert market.book(BTC, T0 + 1) is None
    book = market.book(BTC, T0 + 3)
    assert book is not None
    assert (len(book.bids), len(book.asks)) == (1, 1)
    assert book.bids[0].size == 3
    assert market.book(BTC, T0 + 11 * SECOND_NS) is None


def test_after_the_recording_nothing_is_known(tmp_path: Path) -> None:
    market = recorded(tmp_path, BOOK[:4])
    assert market.end_ns == T0 + 4
    assert market.book(BTC, T0 + 4 + 10 * SECOND_NS) is not None
    assert market.book(BTC, T0 + 5 + 10 * SECOND_NS) is None
    assert market.stats(BTC, T0 + 5 + 10 * SECOND_NS) is None


def test_trades_carry_the_takers_side(tmp_path: Path) -> None:
    market = recorded(tmp_path, [trade(1, "100", taker_sold=True), trade(2, "101", taker_sold=False)])
    assert [(t.side, t.price) for t in market.trades(BTC, T0, T0 + 2)] == [
        (Side.SELL, Decimal(100)),
        (Side.BUY, Decimal(101)),
    ]
    assert [t.price for t in market.trades(BTC, T0 + 1, T0 + 2)] == [101]
    assert not market.trades(BTC, T0 + 2, T0 + 9)


def test_funding_comes_from_mark_prices_and_is_settled_once_passed(tmp_path: Path) -> None:
    lines = [mark(1 * MS, "0.0001", 50 * MS), mark(40 * MS, "0.0002", 50 * MS), mark(60 * MS, "0.0003", 900 * MS)]
    due, later = T0 + 50 * MS, T0 + 900 * MS
    market = recorded(tmp_path, lines, funding_interval="8h")
    assert market.predicted_rate(BTC, T0) is None
    assert market.predicted_rate(BTC, T0 + 30 * MS) == Decimal("0.0001")
    assert market.next_settlement_ns(BTC, T0 + 45 * MS) == due
    assert market.settled_rate(BTC, due) == Decimal("0.0002")
    assert market.predicted_rate(BTC, T0 + 55 * MS) is None
    assert market.next_settlement_ns(BTC, T0 + 60 * MS) == later
    assert market.settled_rate(BTC, later) is None
    stats = market.stats(BTC, T0 + 60 * MS)
    assert stats is not None
    assert (stats.mark_price, stats.index_price) == (Decimal(101), Decimal(100))


def test_without_mark_prices_the_mark_is_the_middle_of_the_book(tmp_path: Path) -> None:
    market = recorded(tmp_path, BOOK)
    stats = market.stats(BTC, T0 + 4)
    assert stats is not None
    assert (stats.mark_price, stats.index_price) == (Decimal("100.5"), None)
    assert market.next_settlement_ns(BTC, T0 + 4) is None
    assert market.usd_rate("USDT", T0) == 1
    assert market.usd_rate("EUR", T0) is None


@pytest.mark.parametrize("scale", [1, 1_000, 1_000_000])
def test_stamps_may_count_nano_micro_or_milliseconds(tmp_path: Path, scale: int) -> None:
    market = recorded(tmp_path, [(T0 // scale, ticker(0, "1", "2")[1])])
    assert market.start_ns == T0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no events"),
        ("hello\n", "line 1 is not a recorded message"),
        (f"{T0} {{}}\n{T0} [1]\n", "line 2"),
        (f'{T0} {{"data": {{"e": "trade"}}}}\n', "line 1"),
        (f"5 {json.dumps(ticker(0, '1', '2')[1])}\n", "not a time: 5"),
        (f"{T0} {json.dumps(ticker(0, '1', '2')[1])}\n{T0 - 1} {json.dumps(ticker(0, '1', '2')[1])}\n", "back in time"),
    ],
)
def test_what_is_no_recording_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "rec").write_text(text)
    wanted = RecordingSettings.model_validate(
        {"file": str(tmp_path / "rec"), "base": "BTC", "tick_size": "0.1", "lot_size": "1"}
    )
    with pytest.raises(ConfigError, match=message):
        open_recording_market(wanted, "bin")
    with pytest.raises(ConfigError, match="no such recording"):
        open_recording_market(wanted.model_copy(update={"file": tmp_path / "absent"}), "bin")


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.gz", BOOK * 50).read_bytes()
    (tmp_path / "cut.gz").write_bytes(whole[: len(whole) // 2])
    wanted = RecordingSettings.model_validate(
        {"file": str(tmp_path / "cut.gz"), "base": "BTC", "tick_size": "0.1", "lot_size": "1"}
    )
    with pytest.raises(ConfigError, match="cannot be read after line"):
        open_recording_market(wanted, "bin")


level = st.tuples(st.integers(1, 12).map(str), st.integers(0, 3).map(str))


@settings(max_examples=60, deadline=None)
@given(
    changes=st.lists(st.tuples(st.lists(level, max_size=4), st.lists(level, max_size=4)), min_size=1, max_size=40),
    asked=st.lists(st.integers(0, 50), max_size=20),
)
def test_any_order_of_questions_gives_the_book_of_that_moment(
    changes: list[tuple[list[tuple[str, str]], list[tuple[str, str]]]], asked: list[int]
) -> None:
    events: list[BookSnapshot | BookUpdate] = [BookSnapshot(0, 0, 0, [("1", "1")], [("12", "1")])]
    events += [BookUpdate(i, i, i, i, i - 1, bids, asks) for i, (bids, asks) in enumerate(changes, 1)]
    history = BookHistory(events, depth=20)
    for moment in asked:
        plain = LocalBook()
        for event in events[: moment + 1]:
            plain.apply(event)
        found = history.at(moment)
        assert found is not None
        assert dict(found.bids) == plain.bids
        assert dict(found.asks) == plain.asks
        assert [float(price) for price, _ in found.bids] == sorted((float(p) for p in plain.bids), reverse=True)


REAL = Path(os.environ.get("ARB_REAL_DATA") or Path(__file__).parents[3] / "shared" / "data")


def real_market(name: str, **changes: Any) -> BookRecordingMarket:
    path = REAL / f"books/hft-binance-l2/{name}.gz"
    if not path.is_file():
        pytest.skip(f"a recorded book is not there: {path} (set ARB_REAL_DATA)")
    values = {
        "root": str(REAL),
        "file": f"books/hft-binance-l2/{name}.gz",
        "base": "BTC",
        "tick_size": "0.1",
        "lot_size": "0.001",
    }
    return open_recording_market(RecordingSettings.model_validate(values | changes), "bin")


@pytest.mark.realdata
def test_the_recorded_book_is_whole_and_never_crossed() -> None:
    market = real_market("usdm_btcusdt_20240808", depth=5)
    unknown = 0
    for ts_ns in range(market.start_ns, market.end_ns, 2 * SECOND_NS):
        book = market.book(BTC, ts_ns)
        unknown += book is None
        if book is not None:
            bbo = book.bbo()
            assert bbo is not None
            assert bbo.bid < bbo.ask
            assert bbo.ts_event_ns <= ts_ns
    assert unknown == 1
    assert len(market.trades(BTC, market.start_ns - 1, market.end_ns)) == 21_313


@pytest.mark.realdata
def test_a_recording_without_a_snapshot_has_tops_and_funding() -> None:
    market = real_market("usdm_btcusdt_20230405_markprice", funding_interval="8h")
    middle = market.start_ns + 100 * SECOND_NS
    book = market.book(BTC, middle)
    assert book is not None
    assert len(book.bids) == 1
    assert market.predicted_rate(BTC, middle) == Decimal("0.00002813")
    midnight = 1_680_652_800_000_000_000
    assert market.settled_rate(BTC, midnight) == Decimal("0.00002760")
    assert market.next_settlement_ns(BTC, middle) == midnight + 8 * 3600 * SECOND_NS
