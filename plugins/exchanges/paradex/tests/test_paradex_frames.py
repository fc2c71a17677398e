"""Binary frames: those of the vectors as two other decoders read them, versions, and what is cut off.

The ten frames were packed by hand from the venue's schema and decoded with paradex-py 0.8.2 and ccxt 4.5.90.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from arb.model import BookLevel, instrument_id
from arb_exchange_paradex._frames import BOOK, FILL, ORDER, SUMMARY, TRADE, decode_frame
from arb_exchange_paradex._orders import fill_of
from arb_exchange_paradex.fake._frames import Packer

RENAMED: Mapping[str, str] = {
    "bid_price": "bid",
    "ask_price": "ask",
    "index_price": "underlying_price",
    "last_price": "last_traded_price",
    "volume_usd24h": "volume_24h",
    "price_change_rate24h": "price_change_rate_24h",
    "funding_rate8h": "funding_rate_8h",
    "order_type": "type",
    "time_in_force": "instruction",
    "size_open": "remaining_size",
    "order_id": "id",
    "client_order_id": "client_id",
    "updated_at": "last_updated_at",
    "fill_id": "id",
    "avg_entry_price": "average_entry_price",
    "avg_entry_price_usd": "average_entry_price_usd",
    "best_bid_price": "best_bid",
    "best_ask_price": "best_ask",
    "best_bid_api_price": "best_bid_api",
    "best_ask_api_price": "best_ask_api",
    "realized_pnl": "realized_positional_pnl",
    "initial_margin_req": "initial_margin_requirement",
    "maintenance_margin_req": "maintenance_margin_requirement",
}
"""The official client's names of what REST calls otherwise."""


@pytest.fixture
def frames(vector_data: Path) -> dict[str, dict[str, Any]]:
    rows = json.loads(vector_data.read_text())["sbe_frames"]["frames"]
    assert len(rows) == 10
    return {row["name"]: row for row in rows}


def _decoded(row: Mapping[str, Any]) -> dict[str, Any]:
    found = decode_frame(bytes.fromhex(row["frame_hex"]))
    assert found is not None
    return found[1]


def _same(mine: Any, theirs: Any) -> bool:
    if isinstance(mine, D):
        return mine == D(str(theirs))
    if isinstance(mine, list) and isinstance(theirs, list) and mine and isinstance(mine[0], tuple):
        return [list(level) for level in mine] == [[D(price), D(size)] for price, size in theirs]
    if isinstance(mine, list):
        return [each.lower() for each in mine] == [each.lower() for each in theirs]
    return str(mine) == str(theirs)


def test_all_ten_frames_as_the_official_client_reads_them(frames: dict[str, dict[str, Any]]) -> None:
    checked = 0
    for name, row in frames.items():
        mine = _decoded(row)
        for field, theirs in row["decoded_by_paradex_py"].items():
            if field == "timestamp":
                assert mine["ts_ns"] // 1_000_000 == theirs
                continue
            if field in ("request_info", "funding_rate_precise"):
                continue
            if name == "market_summary_v1plus" and field in ("funding_rate", "market"):
                continue  # see the next test
            known = field if field in mine else RENAMED[field]
            assert _same(mine[known], theirs), f"{name}: {field} is {mine[known]!r}, not {theirs!r}"
            checked += 1
    assert checked > 120


def test_the_precise_rate_comes_first(frames: dict[str, dict[str, Any]]) -> None:
    row = frames["market_summary_v1plus"]
    assert _decoded(row)["funding_rate"] == D(row["decoded_by_paradex_py"]["funding_rate_precise"])
    assert _decoded(row)["symbol"] == row["decoded_by_paradex_py"]["market"]
    # Version 0 has 27 numbers and no precise one.
    frame = bytes.fromhex(row["frame_hex"])
    old = struct.pack("<4H", 27 * 8, SUMMARY, 1, 0) + frame[8 : 8 + 27 * 8] + frame[8 + 30 * 8 :]
    found = decode_frame(old)
    assert found is not None
    assert found[1]["funding_rate"] == D("0.0001")
    assert found[1]["symbol"] == "BTC-USD-PERP"


def test_an_order_as_ccxt_reads_it(frames: dict[str, dict[str, Any]]) -> None:
    for name in ("order_v2", "fill_v2", "position_short", "account_v2", "funding_data_v1plus"):
        mine = _decoded(frames[name])
        for field, theirs in frames[name]["decoded_by_ccxt"]["data"].items():
            if field == "timestamp" or (name, field) in {("position_short", "id"), ("fill_v2", "realized_pnl")}:
                continue
            assert _same(mine[field], theirs), f"{name}: {field}"


def test_what_a_newer_version_appends_is_passed_over(frames: dict[str, dict[str, Any]]) -> None:
    for row in frames.values():
        frame = bytes.fromhex(row["frame_hex"])
        block, template, schema, version = struct.unpack_from("<4H", frame)
        longer = struct.pack("<4H", block + 12, template, schema, version + 5)
        longer += frame[8 : 8 + block] + b"\xff" * 12 + frame[8 + block :] + b"\x03new"
        mine, old = decode_frame(longer), decode_frame(frame)
        assert mine is not None
        assert old is not None
        known = {name: value for name, value in old[1].items() if value is not None}
        assert {name: mine[1][name] for name in known} == known, row["name"]


def test_what_an_older_version_lacks_is_absent(frames: dict[str, dict[str, Any]]) -> None:
    frame = bytes.fromhex(frames["order_v2"]["frame_hex"])
    (block,) = struct.unpack_from("<H", frame)
    texts = frame[8 + block :]
    old = struct.pack("<4H", block - 2, ORDER, 1, 1) + frame[8 : 8 + block - 2] + texts[:-2]
    found = decode_frame(old)
    assert found is not None
    assert found[1]["request_status"] is None
    assert found[1]["request_id"] is None
    assert found[1]["id"] == "1767225600123201709233240002"
    assert found[1]["cancel_reason"] == ""


def test_a_fill_of_the_first_version_has_its_fee_in_what_the_account_is_settled_in(
    frames: dict[str, dict[str, Any]],
) -> None:
    frame = bytes.fromhex(frames["fill_v2"]["frame_hex"])
    (block,) = struct.unpack_from("<H", frame)
    # Without the flags and the number of the book, and without the last text.
    old = struct.pack("<4H", block - 9, FILL, 1, 1) + frame[8 : 8 + block - 9] + frame[8 + block : -len(b"\x04USDC")]
    found = decode_frame(old)
    assert found is not None
    assert found[1]["fee_currency"] is None
    fill = fill_of(instrument_id("BTC-PERP", "pd"), found[1], None)
    newer = fill_of(fill.instrument, _decoded(frames["fill_v2"]), None)
    assert fill == newer
    assert (fill.fee, fill.fee_currency) == (D("0.15"), "USDC")


def test_the_stride_of_a_group_is_its_own() -> None:
    block = struct.pack("<qqB9q", 1, 5, 0, *([-(1 << 63)] * 9))
    levels = struct.pack("<HHqqqqqq", 24, 2, 300_000_000, 100_000_000, 7, 200_000_000, 50_000_000, 7)
    frame = struct.pack("<4H", len(block), BOOK, 1, 9) + block + levels + struct.pack("<HH", 24, 0) + b"\x01X"
    found = decode_frame(frame)
    assert found is not None
    assert found[1]["bids"] == [(D(3), D(1)), (D(2), D("0.5"))]
    assert (found[1]["asks"], found[1]["market"]) == ([], "X")


def test_a_trade_has_its_whole_id_where_the_version_has_it() -> None:
    numbers = {"side": "SELL", "price": D("1.5"), "size": D(2), "ts_ns": 5_000, "now_ns": 6_000}
    for version, is_whole in ((1, False), (2, True)):
        found = decode_frame(Packer(version).trade("BTC-USD-PERP", **numbers))  # type: ignore[arg-type]
        assert found is not None
        assert found[0] == TRADE
        assert (found[1]["id"] is not None) is is_whole
        assert (found[1]["side"], found[1]["created_ns"], found[1]["short_id"]) == ("SELL", 5_000, -1)


@pytest.mark.parametrize("template", [6, 24, 40, 41, 255])
def test_unknown_kinds_are_passed_over(template: int) -> None:
    assert decode_frame(struct.pack("<4H", 16, template, 1, 2) + bytes(16)) is None


def test_every_cut_is_noticed_or_harmless(frames: dict[str, dict[str, Any]]) -> None:
    """A frame that ends too early raises, or lacks texts at its end: nothing is read that is not there."""
    for row in frames.values():
        frame = bytes.fromhex(row["frame_hex"])
        whole = _decoded(row)
        (block,) = struct.unpack_from("<H", frame)
        for length in range(len(frame)):
            try:
                found = decode_frame(frame[:length])
            except ValueError:
                continue
            assert length >= 8 + block
            assert found is not None
            assert all(value is None or value == whole[name] for name, value in found[1].items())


def test_what_is_no_frame() -> None:
    good = Packer(2).book("X", 1, ((BookLevel(D(2), D(1)),), ()), 1)
    for frame in (
        b"",
        b"\x00\xff",
        good[:4] + struct.pack("<H", 2) + good[6:],
        good.replace(struct.pack("<q", 200_000_000), struct.pack("<q", -1)),
        good.replace(struct.pack("<q", 100_000_000), struct.pack("<q", -(1 << 63))),
    ):
        with pytest.raises(ValueError, match=r"."):
            decode_frame(frame)
