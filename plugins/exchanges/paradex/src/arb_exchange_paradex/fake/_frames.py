"""Binary frames as the venue packs them: fixed blocks by `struct`, trimmed to the version that was negotiated."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from arb.model import BookLevel

NEWEST: Final = 3
_SCHEMA: Final = 1
_NULL: Final = -(1 << 63)
_QUANTA: Final = 10**8
_NS: Final = 1_000
_SIDES: Final = MappingProxyType({"BUY": 1, "SELL": 2})
_STATES: Final = MappingProxyType({"NEW": 1, "UNTRIGGERED": 2, "OPEN": 3, "CLOSED": 4})
_TYPES: Final = MappingProxyType({"LIMIT": 1, "MARKET": 2})
_FORCES: Final = MappingProxyType({"GTC": 1, "IOC": 2, "POST_ONLY": 3, "RPI": 4})
_KINDS: Final = MappingProxyType({"FILL": 1, "LIQUIDATION": 2, "UNWIND_TRANSFER": 3})
_LIQUIDITY: Final = MappingProxyType({"MAKER": 1, "TAKER": 2})


class Packer:
    """Packs for one version of the schema; each frame carries its own number in its stream."""

    def __init__(self, version: int) -> None:
        self._version = version
        self._seq = 0

    def trade(self, symbol: str, *, side: str, price: Decimal, size: Decimal, ts_ns: int, now_ns: int) -> bytes:
        """Return a public trade; the short id is cut off from the whole one, as the venue's is."""
        seq = self._next()
        block = struct.pack(
            "<qqqBqqqB", now_ns // _NS, seq, -seq, _SIDES[side], _scaled(price), _scaled(size), ts_ns // _NS, 1
        )
        return self._frame(1, block, [symbol], [f"{ts_ns}{seq:09d}"])

    def bbo(self, symbol: str, number: int, tops: Sequence[BookLevel | None], now_ns: int) -> bytes:
        """Return the top of a book: bid and ask."""
        numbers = [value for top in tops for value in ((_NULL, _NULL) if top is None else map(_scaled, top))]
        return self._frame(2, struct.pack("<qqqqqq", now_ns // _NS, number, *numbers), [symbol])

    def book(
        self, symbol: str, number: int, sides: Sequence[Sequence[BookLevel]], ts_ns: int, *, is_delta: bool = False
    ) -> bytes:
        """Return levels of bids and asks."""
        block = struct.pack("<qqB9q", ts_ns // _NS, number, int(is_delta), *([_NULL] * 9))
        groups = b"".join(
            struct.pack("<HH", 16, len(side)) + b"".join(struct.pack("<qq", *map(_scaled, level)) for level in side)
            for side in sides
        )
        return self._frame(3, block, [symbol], groups=groups)

    def summary(self, row: Mapping[str, Any], now_ns: int) -> bytes:
        """Return a row of `/markets/summary`."""
        names = ("mark_price", "underlying_price", "last_traded_price", "volume_24h", "open_interest")
        values = [_text(row.get(name)) for name in names]
        values += [_text(row["funding_rate"]), _text(row.get("bid")), _text(row.get("ask"))]
        values += [_text(row.get("total_volume")), _text(row.get("price_change_rate_24h"))]
        values += [_NULL] * 12
        values += [_text(row.get(name)) for name in ("external_fair_price", "bid_size", "ask_size")]
        block = struct.pack("<27q", now_ns // _NS, self._next(), *values)
        if self._version >= 1:
            rate = row["funding_rate"]
            block += struct.pack("<3q", _NULL, _NULL, int(Decimal(rate).scaleb(12)) if rate else _NULL)
        if self._version >= 3:
            block += struct.pack("<q", _NULL)
        return self._frame(4, block, [row["symbol"]])

    def funding(self, row: Mapping[str, Any], now_ns: int) -> bytes:
        """Return a row of `/funding/data`."""
        block = struct.pack(
            "<qqqqqqqh",
            *(now_ns // _NS, self._next(), _text(row["funding_rate"]), _text(row["funding_index"])),
            *(row["created_at"] * 1000, _text(row["funding_premium"]), _text(row["funding_rate_8h"])),
            int(row["funding_period_hours"]),
        )
        return self._frame(5, block + (struct.pack("<q", _NULL) if self._version >= 1 else b""), [row["market"]])

    def order(self, row: Mapping[str, Any]) -> bytes:
        """Return a row of `/orders`."""
        block = struct.pack(
            "<qqBBBBqqqqqqq32sqqBB",
            *(row["last_updated_at"] * 1000, row["seq_no"], _STATES[row["status"]], _SIDES[row["side"]]),
            *(_TYPES[row["type"]], _FORCES[row["instruction"]], _text(row["price"]), _NULL, _text(row["size"])),
            *(_text(row["remaining_size"]), _text(row["avg_fill_price"]), row["created_at"] * 1000),
            *(row["last_updated_at"] * 1000, _address(row["account"]), row["received_at"] * 1000),
            *(row["published_at"] * 1000, 2, int("REDUCE_ONLY" in row["flags"])),
        )
        texts = [row["id"], row["client_id"], row["market"], row["cancel_reason"]]
        newer = b"\0\0" if self._version >= 2 else b""
        return self._frame(20, block + newer, texts, ["", ""])

    def fill(self, row: Mapping[str, Any]) -> bytes:
        """Return a row of `/fills`."""
        block = struct.pack(
            "<qqBBBqqqqq32sqq",
            *(row["created_at"] * 1000, self._next(), _KINDS[row["fill_type"]], _SIDES[row["side"]]),
            *(_LIQUIDITY[row["liquidity"]], _text(row["price"]), _text(row["size"]), _text(row["fee"])),
            *(_text(row["realized_pnl"]), row["created_at"] * 1000, _address(row["account"])),
            *(_text(row["underlying_price"]), _text(row["realized_funding"])),
        )
        if self._version >= 2:
            block += struct.pack("<BQ", 0, row["orderbook_seq_no"])
        texts = [row["id"], row["order_id"], row["client_id"], row["trade_id"], row["market"]]
        return self._frame(21, block, texts, [row["fee_currency"]])

    def position(self, row: Mapping[str, Any]) -> bytes:
        """Return a row of `/positions`: the size has no sign."""
        block = struct.pack(
            "<qqBqqqqqqqq32sqqqqqB",
            *(row["last_updated_at"] * 1000, self._next(), 1 if row["side"] == "LONG" else 2),
            *(_scaled(abs(Decimal(row["size"]))), _text(row["average_entry_price"]), _text(row["unrealized_pnl"])),
            *(_text(row["realized_positional_pnl"]), _NULL, _text(row["liquidation_price"]), _text(row["leverage"])),
            *(row["last_updated_at"] * 1000, _address(row["account"]), _text(row["average_entry_price_usd"])),
            *(_text(row["cost"]), _text(row["cost_usd"]), _text(row["cached_funding_index"])),
            *(_text(row["unrealized_funding_pnl"]), 1 if row["status"] == "OPEN" else 2),
        )
        return self._frame(22, block, [row["market"], row["last_fill_id"]])

    def account(self, row: Mapping[str, Any]) -> bytes:
        """Return an answer of `/account`."""
        names = ["total_collateral", "free_collateral", "initial_margin_requirement"]
        names += ["maintenance_margin_requirement", "account_value"]
        block = struct.pack(
            "<qqqqqqqqq32sqB",
            *(row["updated_at"] * 1000, self._next(), *(_text(row[name]) for name in names), _NULL),
            *(row["updated_at"] * 1000, _address(row["account"]), _text(row["margin_cushion"]), 1),
        )
        return self._frame(23, block + (bytes(8) if self._version >= 2 else b""), [row["settlement_asset"]])

    def heartbeat(self, now_ns: int) -> bytes:
        """Return what an idle socket is sent."""
        return self._frame(40, struct.pack("<qq", now_ns // _NS, self._next()), [])

    def _frame(
        self, template: int, block: bytes, texts: Sequence[str], newer: Sequence[str] = (), *, groups: bytes = b""
    ) -> bytes:
        head = struct.pack("<4H", len(block), template, _SCHEMA, self._version)
        written = [*texts, *(newer if self._version >= 2 else ())]
        raw = [text.encode() for text in written]
        return head + block + groups + b"".join(bytes([len(each)]) + each for each in raw)

    def _next(self) -> int:
        self._seq += 1
        return self._seq


def _scaled(value: Decimal) -> int:
    return int(value * _QUANTA)


def _text(value: Any) -> int:
    return _NULL if value in (None, "") else _scaled(Decimal(value))


def _address(account: str) -> bytes:
    return int(account, 16).to_bytes(32, "big")
