"""Recorded minutes of Binance's diff-depth streams through the plugin: messages a second from bytes to a book.

    python benchmarks/binance_replay.py [--data DIR] [--rounds N] [--json] [--ccxt-python PATH]

The recordings are those of `books/hft-binance-l2` beside the checkout (ARB_REAL_DATA): BTCUSDT and ETHUSDT of
2024-08-08, six minutes each, with the REST snapshot in line. Everything of both is replayed, one after the other:

- `json`: the bytes to what `json` makes of them; the floor.
- `parse`: the bytes to a change of a book whose numbers are Decimals, as the plugin reads it.
- `chain`: and the sequence check that joins the snapshot and finds gaps.
- `whole`: and applied to the live book of the price cache, the best 10 levels read at each 10th message.

Each goes message by message and keeps nothing, as a consumer of the stream does: what is kept costs the more the longer
the recording is. With the interpreter of an environment that has ccxt, its path is measured beside ours in turns:
`whole` against its own JSON parser (orjson, which it brings) and `handle_order_book` with floats, the best levels read
as often:

    python -m venv cx && cx/bin/pip install ccxt && python benchmarks/binance_replay.py --ccxt-python cx/bin/python

Both books have the same touch at the end, or it says so and fails. What counts is the time of the processor, so that
others who want it disturb little. Read the ratios: absolute figures are this machine's.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

from arb.marketdata import LiveBook
from arb.model import BookDelta, BookGap, BookUpdate, InstrumentId, OrderBook
from arb.net import BookMessage, Connected, chained, decoded
from arb_dialect_fapi import book_of, delta_of

ROOT: Final = Path(__file__).resolve().parents[1]
DATA: Final = Path(os.environ.get("ARB_REAL_DATA", ROOT / "../shared/data"))
NAME: Final = InstrumentId("X-PERP.bn")
SYMBOLS: Final = ("btcusdt", "ethusdt")
STAGES: Final = ("json", "parse", "chain", "whole")
READ_EVERY: Final = 10
DEPTH: Final = 10

_CCXT: Final = """
import json, sys, time
import ccxt, ccxt.pro
from ccxt.async_support.base.ws.client import json_parser

class Client:
    url = "wss://fstream.binance.com/public/ws"
    subscriptions = {}
    def resolve(self, result, message_hash): pass
    def reject(self, error, message_hash): raise error

exchange = ccxt.pro.binanceusdm()
told = json.loads(sys.stdin.readline())
market = {"id": told["symbol"], "symbol": "X/USDT:USDT", "type": "swap", "swap": True, "spot": False, "linear": True,
          "contract": True, "base": "X", "quote": "USDT", "settle": "USDT"}
exchange.markets, exchange.markets_by_id = {market["symbol"]: market}, {market["id"]: [market]}
exchange.options["watchOrderBook"] = {"checksum": False}
messages = told["messages"]

def run():
    client = Client()
    book = exchange.order_book({}, 1000)
    exchange.orderbooks = {market["symbol"]: book}
    snapshot = exchange.parse_order_book(told["snapshot"], market["symbol"])
    snapshot["nonce"] = told["snapshot"]["lastUpdateId"]
    book.reset(snapshot)
    book["nonce"] = snapshot["nonce"]
    book["timestamp"] = None
    began = time.process_time_ns()
    for number, message in enumerate(messages):
        exchange.handle_order_book(client, json_parser.loads(message)["data"])
        if not number % told["read_every"]:
            best = book["bids"][: told["depth"]], book["asks"][: told["depth"]]
    took = time.process_time_ns() - began
    return took, [book["bids"][0], book["asks"][0]], book["nonce"]

print(json.dumps({"about": f"ccxt {ccxt.__version__} with {json_parser.__name__}"}), flush=True)
for line in sys.stdin:
    took, top, nonce = run()
    print(json.dumps({"took": took, "top": top, "nonce": nonce}), flush=True)
"""


@dataclass(frozen=True, slots=True)
class Recording:
    """The depth messages of a recording, and its snapshot."""

    symbol: str
    messages: Sequence[bytes]
    snapshot: Any


def recording_of(folder: Path, symbol: str) -> Recording:
    """Read the depth messages and the snapshot; the other streams of the file are left out."""
    messages, snapshot = [], None
    with gzip.open(folder / f"hft-binance-l2/usdm_{symbol}_20240808.gz", "rb") as lines:
        for line in lines:
            text = line.partition(b" ")[2]
            if b"@depth" in text[:48]:
                messages.append(text)
            elif text.startswith(b'{"lastUpdateId"'):
                snapshot = decoded(text, "bn")
    return Recording(symbol, messages, snapshot)


def parsed(message: bytes) -> BookDelta:
    """Read one message as the plugin does."""
    return delta_of(NAME, decoded(message, "bn")["data"], 0)


async def _chained(recording: Recording) -> AsyncIterator[BookUpdate]:
    """Yield what a consumer of the stream gets."""

    async def told() -> AsyncIterator[BookMessage]:
        yield Connected()
        for message in recording.messages:
            yield parsed(message)

    async def asked() -> OrderBook:
        return book_of(NAME, recording.snapshot, 0)

    async def resync(gap: str) -> None:
        raise SystemExit(f"a gap in a recording that has none: {gap}")

    async for update in chained(told(), snapshot=asked, resync=resync):
        yield update


async def chain(recording: Recording) -> None:
    """Go from bytes to what continues a book."""
    async for _ in _chained(recording):
        pass


async def whole(recording: Recording) -> OrderBook:
    """Go the whole way from bytes to a book, message by message, and read it now and then."""
    live, number = LiveBook(NAME), 0
    async for update in _chained(recording):
        if isinstance(update, BookGap) or live.apply(update):
            raise SystemExit(f"update {number} does not continue the book")
        if not number % READ_EVERY:
            live.book(DEPTH)
        number += 1
    book = live.book(DEPTH)
    assert book is not None
    return book


class Ccxt:
    """ccxt.pro in a process of its own, with the interpreter of its environment."""

    def __init__(self, python: str, recording: Recording) -> None:
        self._process = subprocess.Popen(
            [python, "-c", _CCXT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        told = {
            "symbol": recording.symbol.upper(),
            "messages": [message.decode() for message in recording.messages],
            "snapshot": recording.snapshot,
            "depth": DEPTH,
            "read_every": READ_EVERY,
        }
        self.about: str = self._ask(json.dumps(told, default=str))["about"]

    def run(self) -> Mapping[str, Any]:
        """Replay once."""
        found: Mapping[str, Any] = self._ask("again")
        return found

    def close(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.wait(timeout=20)

    def _ask(self, line: str) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit("the process of ccxt ended before it answered; what it wrote is above")
        return json.loads(answer)


def measure(recording: Recording, rounds: int, python: str | None) -> dict[str, Any]:
    """Return the microseconds a message of each stage."""
    count = len(recording.messages)
    beside = None if python is None else Ccxt(python, recording)
    took: dict[str, list[int]] = {stage: [] for stage in (*STAGES, "ccxt")}
    try:
        for _ in range(rounds):
            for stage in STAGES:
                began = time.process_time_ns()
                book = _done(stage, recording)
                took[stage].append(time.process_time_ns() - began)
            if beside is not None:
                theirs = beside.run()
                took["ccxt"].append(theirs["took"])
                _require_same(book, theirs)
    finally:
        if beside is not None:
            beside.close()
    per_message = {stage: median(values) / count / 1_000 for stage, values in took.items() if values}
    changes = sum(len(delta.bids) + len(delta.asks) for delta in map(parsed, recording.messages))
    return {
        "symbol": recording.symbol,
        "messages": count,
        "level_changes": changes,
        "about": None if beside is None else beside.about,
        "microseconds": per_message,
    }


def _done(stage: str, recording: Recording) -> OrderBook | None:
    """Go through a recording as far as a stage; return the book where there is one."""
    if stage == "whole":
        return asyncio.run(whole(recording))
    if stage == "chain":
        return asyncio.run(chain(recording))
    read: Callable[[bytes], object] = parsed if stage == "parse" else json.loads
    for message in recording.messages:
        read(message)
    return None


def _require_same(ours: OrderBook | None, theirs: Mapping[str, Any]) -> None:
    assert ours is not None
    mine = [[float(each) for each in side[0]] for side in (ours.bids, ours.asks)]
    if (ours.sequence, mine) != (theirs["nonce"], [list(level) for level in theirs["top"]]):
        raise SystemExit(f"the books differ: {mine} at {ours.sequence}, ccxt has {theirs['top']} at {theirs['nonce']}")


def show(found: Mapping[str, Any]) -> None:
    """Print the figures of a recording."""
    each = found["microseconds"]
    print(f"\n{found['symbol']}: {found['messages']:,} messages, {found['level_changes']:,} changes of levels")
    print(f"  {'':<8}{'us a message':>14}{'messages/s':>14}{'x json':>10}")
    for stage in (*STAGES, *(("ccxt",) if "ccxt" in each else ())):
        line = f"  {stage:<8}{each[stage]:>14.1f}{1e6 / each[stage]:>14,.0f}{each[stage] / each['json']:>10.2f}"
        print(line)
    if "ccxt" in each:
        print(f"  whole is {each['ccxt'] / each['whole']:.2f} times as fast as the path of {found['about']}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA / "books", help="the folder of recorded books")
    parser.add_argument("--rounds", type=int, default=3, help="of each recording; the median counts")
    parser.add_argument("--ccxt-python", metavar="PATH", help="an interpreter that has ccxt")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    if not options.data.is_dir():
        raise SystemExit(f"recorded books are not there: {options.data} (set ARB_REAL_DATA)")
    results = []
    for symbol in SYMBOLS:
        results.append(measure(recording_of(options.data, symbol), options.rounds, options.ccxt_python))
        if not options.json:
            show(results[-1])
    if options.json:
        json.dump({"python": sys.version.split()[0], "recordings": results}, sys.stdout, indent=2)
        print()


if __name__ == "__main__":
    main()
