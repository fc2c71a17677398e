"""Binary frames of Paradex's sockets: Simple Binary Encoding, schema 1 of the venue, little-endian.

A frame is a header (`blockLength`, `templateId`, `schemaId`, `version`), a fixed block, repeating groups and texts
with their length before them. Later versions append to the block and to the texts, and one version number stands for
several layouts (the venue says so itself): so the length of the block is the header's, a field beyond it and a text
beyond the frame are absent, and bytes that nobody knows are passed over.

What is decoded has the names and meanings of the JSON that REST gives, so that one reader reads both.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

SCHEMA: Final = 1
HEARTBEAT: Final = 40
TRADE, BBO, BOOK, SUMMARY, FUNDING = 1, 2, 3, 4, 5
ORDER, FILL, POSITION, ACCOUNT = 20, 21, 22, 23

SNAPSHOT: Final = "SNAPSHOT"
DELTA: Final = "DELTA"

_HEADER: Final = struct.Struct("<4H")
_GROUP: Final = struct.Struct("<2H")
_NULL: Final = -(1 << 63)
_MICROSECOND_NS: Final = 1_000

Read = Callable[[bytes], Any]
Field = tuple[str, int, Read]


def _int(raw: bytes) -> int:
    return int.from_bytes(raw, "little", signed=True)


def _maybe_int(raw: bytes) -> int | None:
    value = _int(raw)
    return None if value == _NULL else value


def _unsigned(raw: bytes) -> int:
    return int.from_bytes(raw, "little")


def _scaled(exponent: int) -> Read:
    def read(raw: bytes) -> Decimal | None:
        value = _int(raw)
        return None if value == _NULL else Decimal(value).scaleb(exponent)

    return read


def _ns(raw: bytes) -> int:
    return _int(raw) * _MICROSECOND_NS


def _ms(raw: bytes) -> int:
    return _int(raw) // 1000


def _address(raw: bytes) -> str:
    return hex(int.from_bytes(raw, "big"))


def _enum(*names: str, first: int = 1) -> Read:
    """Read a number as a name; one that is not known yet reads as an empty name."""

    def read(raw: bytes) -> str:
        place = raw[0] - first
        return names[place] if 0 <= place < len(names) else ""

    return read


def _flags(*names: str) -> Read:
    return lambda raw: [name for bit, name in enumerate(names) if raw[0] >> bit & 1]


def _eights(*names: str) -> tuple[Field, ...]:
    return tuple((name, 8, _E8) for name in names)


_E8: Final = _scaled(-8)
_SIDE: Final = _enum("BUY", "SELL")
_KIND: Final = _enum("FILL", "LIQUIDATION", "UNWIND_TRANSFER", "SETTLE_MARKET", "RPI", "BLOCK_TRADE")
_HEAD: Final[tuple[Field, ...]] = (("ts_ns", 8, _ns), ("seq_no", 8, _maybe_int))


@dataclass(frozen=True, slots=True)
class Template:
    """One kind of message.

    Attributes:
        fields: Of the fixed block: name, bytes, reader; later versions append.
        groups: Of levels: price and size.
        texts: Behind everything; later versions append.
    """

    fields: Sequence[Field]
    texts: Sequence[str]
    groups: Sequence[str] = ()


TEMPLATES: Final[Mapping[int, Template]] = MappingProxyType(
    {
        TRADE: Template(
            (
                *_HEAD,
                ("short_id", 8, _int),
                ("side", 1, _SIDE),
                ("price", 8, _E8),
                ("size", 8, _E8),
                ("created_ns", 8, _ns),
                ("trade_type", 1, _KIND),
            ),
            ("market", "id"),
        ),
        BBO: Template((*_HEAD, *_eights("bid", "bid_size", "ask", "ask_size")), ("market",)),
        BOOK: Template(
            (
                *_HEAD,
                ("pkg_type", 1, _enum(SNAPSHOT, DELTA, first=0)),
                *_eights("best_bid", "best_bid_size", "best_ask", "best_ask_size", "relative_spread"),
                *_eights("best_bid_api", "best_bid_api_size", "best_ask_api", "best_ask_api_size"),
            ),
            ("market",),
            ("bids", "asks"),
        ),
        SUMMARY: Template(
            (
                *_HEAD,
                *_eights("mark_price", "underlying_price", "last_traded_price", "volume_24h", "open_interest"),
                *_eights("funding_rate_8", "bid", "ask", "total_volume", "price_change_rate_24h"),
                *_eights("mark_iv", "bid_iv", "ask_iv", "last_iv"),
                *_eights("delta", "gamma", "vega", "theta", "rho", "volga", "vanna"),
                *_eights("future_funding_rate", "external_fair_price", "bid_size", "ask_size"),
                *_eights("forward_rate", "risk_free_rate"),
                ("funding_rate_12", 8, _scaled(-12)),
            ),
            ("symbol",),
        ),
        FUNDING: Template(
            (
                *_HEAD,
                *_eights("funding_rate", "funding_index"),
                ("created_at", 8, _ms),
                *_eights("funding_premium", "funding_rate_8h"),
                ("funding_period_hours", 2, _int),
                *_eights("impact_premium_rate"),
            ),
            ("market",),
        ),
        ORDER: Template(
            (
                *_HEAD,
                ("status", 1, _enum("NEW", "UNTRIGGERED", "OPEN", "CLOSED")),
                ("side", 1, _SIDE),
                (
                    "type",
                    1,
                    _enum(
                        *("LIMIT", "MARKET", "STOP_LIMIT", "STOP_MARKET", "TAKE_PROFIT_LIMIT"),
                        *("TAKE_PROFIT_MARKET", "STOP_LOSS_LIMIT", "STOP_LOSS_MARKET"),
                    ),
                ),
                ("instruction", 1, _enum("GTC", "IOC", "POST_ONLY", "RPI")),
                *_eights("price", "trigger_price", "size", "remaining_size", "avg_fill_price"),
                ("created_at", 8, _ms),
                ("last_updated_at", 8, _ms),
                ("account", 32, _address),
                ("received_at", 8, _ms),
                ("published_at", 8, _ms),
                ("stp", 1, _enum("NONE", "EXPIRE_MAKER", "EXPIRE_TAKER", "EXPIRE_BOTH", first=0)),
                (
                    "flags",
                    1,
                    _flags(
                        *("REDUCE_ONLY", "STOP_CONDITION_BELOW_TRIGGER", "STOP_CONDITION_ABOVE_TRIGGER"),
                        *("INTERACTIVE", "TARGET_STRATEGY_VWAP", "MMP"),
                    ),
                ),
                ("request_status", 1, _unsigned),
                ("request_type", 1, _unsigned),
            ),
            ("id", "client_id", "market", "cancel_reason", "request_id", "request_message"),
        ),
        FILL: Template(
            (
                *_HEAD,
                ("fill_type", 1, _KIND),
                ("side", 1, _SIDE),
                ("liquidity", 1, _enum("MAKER", "TAKER")),
                *_eights("price", "size", "fee", "realized_pnl"),
                ("created_at", 8, _ms),
                ("account", 32, _address),
                *_eights("underlying_price", "realized_funding"),
                ("flags", 1, _flags("interactive", "rpi", "fastfill")),
                ("orderbook_seq_no", 8, _unsigned),
            ),
            ("id", "order_id", "client_id", "trade_id", "market", "fee_currency"),
        ),
        POSITION: Template(
            (
                *_HEAD,
                ("side", 1, _enum("LONG", "SHORT")),
                *_eights("unsigned_size", "average_entry_price", "unrealized_pnl", "realized_positional_pnl"),
                *_eights("mark_price", "liquidation_price", "leverage"),
                ("last_updated_at", 8, _ms),
                ("account", 32, _address),
                *_eights("average_entry_price_usd", "cost", "cost_usd", "cached_funding_index"),
                *_eights("unrealized_funding_pnl"),
                ("status", 1, _enum("OPEN", "CLOSED", "UNSPECIFIED")),
            ),
            ("market", "last_fill_id"),
        ),
        ACCOUNT: Template(
            (
                *_HEAD,
                *_eights("total_collateral", "free_collateral", "initial_margin_requirement"),
                *_eights("maintenance_margin_requirement", "account_value", "unrealized_pnl"),
                ("updated_at", 8, _ms),
                ("account", 32, _address),
                *_eights("margin_cushion"),
                ("status", 1, _enum("ACTIVE", "LIQUIDATION")),
                ("last_seen_notification", 8, _ms),
            ),
            ("settlement_asset",),
        ),
    }
)
"""Those that this plugin may hear; frames of any other kind are passed over, as the venue asks."""


def decode_frame(frame: bytes) -> tuple[int, dict[str, Any]] | None:
    """Return the template of a frame and what it says; None for a kind that is not in :data:`TEMPLATES`.

    Raises:
        ValueError: it is cut off, or of another schema.
    """
    if len(frame) < _HEADER.size:
        raise ValueError("a frame without a header")
    block, template_id, schema, _ = _HEADER.unpack_from(frame)
    if schema != SCHEMA:
        raise ValueError(f"a frame of the schema {schema}")
    template = TEMPLATES.get(template_id)
    if template is None:
        return None
    end = _HEADER.size + block
    if end > len(frame):
        raise ValueError("a frame that is cut off")
    found: dict[str, Any] = {}
    place = _HEADER.size
    for name, size, read in template.fields:
        # A field that does not lie within the block was not there yet in the sender's version.
        found[name] = read(frame[place : place + size]) if place + size <= end else None
        place += size
    place = end
    for name in template.groups:
        found[name], place = _levels(frame, place)
    for name in template.texts:
        found[name], place = _text(frame, place)
    _finish(template_id, found)
    return template_id, found


def _levels(frame: bytes, place: int) -> tuple[list[tuple[Decimal, Decimal]], int]:
    if place + _GROUP.size > len(frame):
        raise ValueError("a group that is cut off")
    stride, count = _GROUP.unpack_from(frame, place)
    place += _GROUP.size
    if place + stride * count > len(frame) or (count and stride < 16):
        raise ValueError("a group that is cut off")
    levels = []
    for index in range(count):
        at = place + stride * index
        price, size = _E8(frame[at : at + 8]), _E8(frame[at + 8 : at + 16])
        if price is None or size is None or price <= 0 or size < 0:
            raise ValueError(f"a level of {size} at {price}")
        levels.append((price, size))
    return levels, place + stride * count


def _text(frame: bytes, place: int) -> tuple[str | None, int]:
    if place >= len(frame):
        return None, place
    length = frame[place]
    place += 1
    if place + length > len(frame):
        raise ValueError("a text that is cut off")
    return frame[place : place + length].decode(), place + length


def _finish(template_id: int, found: dict[str, Any]) -> None:
    """Say what is spread over several fields, or was rounded in one of them, as REST does."""
    if template_id == POSITION:
        size = found.pop("unsigned_size")
        found["size"] = None if size is None else -size if found["side"] == "SHORT" else size
    elif template_id == SUMMARY:
        coarse, fine = found.pop("funding_rate_8"), found.pop("funding_rate_12")
        found["funding_rate"] = coarse if fine is None else fine
