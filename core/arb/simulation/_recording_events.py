"""What a recording of a market says, line by line, in one form for every source."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arb.api import ConfigError
from arb.model import MILLISECOND_NS

Levels = Sequence[tuple[str, str]]
"""Price and size as written; a size of zero in an update removes the level."""


@dataclass(frozen=True, slots=True)
class BookSnapshot:
    """A whole book; `sequence` is the last update it contains."""

    ts_ns: int
    event_ns: int
    sequence: int
    bids: Levels
    asks: Levels


@dataclass(frozen=True, slots=True)
class BookUpdate:
    """Levels that changed between the updates `first` and `last`; it continues `previous`."""

    ts_ns: int
    event_ns: int
    first: int
    last: int
    previous: int
    bids: Levels
    asks: Levels


@dataclass(frozen=True, slots=True)
class TopOfBook:
    """The best level of each side."""

    ts_ns: int
    event_ns: int
    sequence: int
    bid: tuple[str, str]
    ask: tuple[str, str]


@dataclass(frozen=True, slots=True)
class TradePrint:
    """A trade; the taker sold when `taker_sold`."""

    ts_ns: int
    event_ns: int
    price: str
    quantity: str
    taker_sold: bool


@dataclass(frozen=True, slots=True)
class MarkPrice:
    """Mark and index price, and the rate shown for the settlement at `next_funding_ns`."""

    ts_ns: int
    event_ns: int
    mark: str
    index: str | None
    rate: str | None
    next_funding_ns: int | None


RecordedEvent = BookSnapshot | BookUpdate | TopOfBook | TradePrint | MarkPrice
Decoder = Callable[[int, Mapping[str, Any]], RecordedEvent | None]
"""Turns the time of receipt and a message into an event; None for one that says nothing of the market."""


def read_recording(path: Path, decode: Decoder) -> Iterator[RecordedEvent]:
    """Yield the events of a file whose lines are `<time of receipt> <JSON>`, gzipped or not.

    The time is a count of nanoseconds, microseconds or milliseconds, told by its size.

    Raises:
        ConfigError: the file is absent or a line cannot be read.
    """
    if not path.is_file():
        raise ConfigError(f"{path}: no such recording")
    number = 0
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as lines:
            for number, line in enumerate(lines, 1):  # noqa: B007 - named in the error
                stamp, _, text = line.partition(b" ")
                event = decode(_to_ns(int(stamp)), json.loads(text))
                if event is not None:
                    yield event
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise ConfigError(f"{path}: line {number} is not a recorded message: {error!r}") from error
    except (OSError, EOFError) as error:
        raise ConfigError(f"{path}: cannot be read after line {number}: {error}") from error


def decode_binance(ts_ns: int, message: Mapping[str, Any]) -> RecordedEvent | None:
    """Decode a combined stream of Binance USD-M futures, with REST depth snapshots in line."""
    data = message.get("data", message)
    if "lastUpdateId" in data:
        return BookSnapshot(
            ts_ns, _event_ns(data, ts_ns), data["lastUpdateId"], _levels(data["bids"]), _levels(data["asks"])
        )
    kind = data.get("e")
    if kind == "depthUpdate":
        return BookUpdate(
            ts_ns, _event_ns(data, ts_ns), data["U"], data["u"], data["pu"], _levels(data["b"]), _levels(data["a"])
        )
    if kind == "bookTicker":
        return TopOfBook(ts_ns, _event_ns(data, ts_ns), data["u"], (data["b"], data["B"]), (data["a"], data["A"]))
    if kind == "trade":
        return TradePrint(ts_ns, _event_ns(data, ts_ns), data["p"], data["q"], data["m"])
    if kind == "markPriceUpdate":
        return MarkPrice(
            ts_ns,
            _event_ns(data, ts_ns),
            data["p"],
            data.get("i") or None,
            data.get("r") or None,
            data["T"] * MILLISECOND_NS if data.get("T") else None,
        )
    return None


def _levels(raw: Sequence[Sequence[str]]) -> Levels:
    return [(level[0], level[1]) for level in raw]


def _event_ns(data: Mapping[str, Any], ts_ns: int) -> int:
    """Return the venue's time; never later than ours, since the two clocks differ."""
    return min(data["E"] * MILLISECOND_NS, ts_ns) if "E" in data else ts_ns


def _to_ns(stamp: int) -> int:
    if stamp < 10**12:
        raise ValueError(f"not a time: {stamp}")
    factor = 1
    while stamp * factor < 10**18:
        factor *= 1000
    return stamp * factor
