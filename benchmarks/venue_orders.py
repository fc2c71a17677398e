"""One order at each venue whose plugin is here, beside the venue's official SDK.

    python benchmarks/venue_orders.py [--venue NAME]... [--rounds N] [--json] [--sdk-python NAME=PATH]...

The SDKs pin versions of what the plugins use too, so each has an environment of its own, and its half runs there:

    python -m venv hl && hl/bin/pip install hyperliquid-python-sdk coincurve
    python -m venv bp && bp/bin/pip install bpx-py
    python -m venv li && li/bin/pip install lighter-sdk
    python -m venv bn && bn/bin/pip install binance-sdk-derivatives-trading-usds-futures
    python -m venv gr && gr/bin/pip install grvt-pysdk coincurve
    python -m venv ex && ex/bin/pip install edgex-python-sdk coincurve
    python -m venv as && as/bin/pip install ccxt coincurve
    python3.10 -m venv px && px/bin/pip install paradex-py
    python benchmarks/venue_orders.py --sdk-python hyperliquid=hl/bin/python \\
        --sdk-python backpack=bp/bin/python --sdk-python lighter=li/bin/python

Aster has no SDK: ccxt stands in. That of Paradex has wheels for Python 3.10 alone. Without `coincurve` eth-account
signs in pure Python, twenty times slower: the heading says what is there. Without an interpreter for a venue ours is
measured alone.

Both sides have a fake venue of their own, served in another process on loopback. They take turns within each round:

- `prepared`: from a request to what leaves, signature and all. Its parts are measured on their own. Ours also rounds,
  checks the venue's rules, gives the order a number that is stored, and a nonce or an expiry.
- `answer`, `fills`, `positions`: from the bytes of the venue's answer to values of the model, every number a Decimal.
  The SDKs of Hyperliquid, Backpack, edgeX and Paradex return what `json` makes of them; those of Lighter and Binance
  make pydantic models, that of GRVT dataclasses, ccxt its own dictionaries of floats. The answer of Lighter that tells
  what became of an order comes on a socket, and its SDK leaves it to the caller.
- `order`: prepared, sent, answered and read. It fills at once. `send` is the part of ours after the preparation,
  `bare` posts what ours signed with aiohttp alone: what is left is the fake and the loopback. Ours waits for what
  became of the order; at Lighter, edgeX and Paradex the SDK returns when the venue has queued it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from arb.model import MINUTE_NS
from arb.runtime import WallClock

if TYPE_CHECKING:  # by the path from the root, where mypy looks; a script finds what is beside it
    from benchmarks import orders
else:
    import orders

VENUES: Final[Mapping[str, type[orders.Ours]]] = {
    each.name: each
    for each in (
        orders.Aster,
        orders.Backpack,
        orders.Binance,
        orders.Edgex,
        orders.Grvt,
        orders.Hyperliquid,
        orders.Lighter,
        orders.Paradex,
    )
}
BATCH: Final = 20
SENT: Final = 10
"""Of one side in one round; even, so that as much is sold as bought."""

LOT: Final = 20
"""Rounds within the limits of a minute, which the fakes keep as the venues do."""


async def measure(venue: str, python: str | None, rounds: int) -> dict[str, Any]:
    """Return what was found of a venue."""
    clock = WallClock()
    with ExitStack() as stack:
        async with VENUES[venue].open(stack.enter_context(orders.served(venue))) as ours:
            bodies = await ours.captured()
            sample = await ours.sample()
            whats = [orders.PREPARED, *await ours.parts(sample), *bodies, orders.ORDER, orders.SEND, orders.BARE]
            sdk = None
            if python is not None:
                told = {
                    **stack.enter_context(orders.served(venue)),
                    "bodies": {k: v.decode() for k, v in bodies.items()},
                }
                sdk = stack.enter_context(orders.Sdk.running(python, venue, told))
            found: dict[str, tuple[list[float], list[float]]] = {what: ([], []) for what in whats}
            for number in range(rounds + 1):
                if number and not number % LOT:
                    await clock.sleep_until(clock.now_ns() + MINUTE_NS)
                sample = await ours.sample()
                for what in whats:
                    count = SENT if what in (orders.ORDER, orders.SEND, orders.BARE) else BATCH
                    mine = await ours.measure(what, count, sample, bodies)
                    theirs = [] if sdk is None else sdk.measure(what, count, ours.sdk_order(sample))
                    if number:  # the first round connects and warms up
                        found[what][0].extend(mine)
                        found[what][1].extend(theirs)
            about = None if sdk is None else sdk.about
            sizes = {what: len(body) for what, body in bodies.items()}
    return {"venue": venue, "sdk": about, "bytes": sizes, "rows": [row(what, *pair) for what, pair in found.items()]}


def row(what: str, ours: Sequence[float], theirs: Sequence[float]) -> dict[str, Any]:
    """Return the figures of one thing, microseconds."""
    found: dict[str, Any] = {"what": what, "ours_p50": median(ours), "ours_p99": high(ours)}
    if theirs:
        found |= {"sdk_p50": median(theirs), "sdk_p99": high(theirs)}
        found["x_sdk"] = found["ours_p50"] / found["sdk_p50"]
        found["x_sdk_p99"] = found["ours_p99"] / found["sdk_p99"]
    return found


def high(values: Sequence[float]) -> float:
    """Return the 99th percentile."""
    return sorted(values)[int(len(values) * 0.99)]


def show(results: Mapping[str, Any]) -> None:
    """Print the figures of a venue."""
    beside = f"beside {results['sdk']}" if results["sdk"] else "alone: no --sdk-python was given for it"
    print(f"\n{results['venue']}, {beside}; microseconds")
    print(f"  {'':<12}{'p50':>10}{'p99':>10}{'SDK p50':>11}{'SDK p99':>10}{'x SDK':>8}{'p99':>8}")
    parts = True
    for each in results["rows"]:
        parts = parts and each["what"] not in results["bytes"]
        name = each["what"] if each["what"] == orders.PREPARED or not parts else f"  {each['what']}"
        line = f"  {name:<12}{each['ours_p50']:>10.1f}{each['ours_p99']:>10.1f}"
        if "x_sdk" in each:
            line += f"{each['sdk_p50']:>11.1f}{each['sdk_p99']:>10.1f}{each['x_sdk']:>8.2f}{each['x_sdk_p99']:>8.2f}"
        print(line + (f"   of {results['bytes'][each['what']]:,} bytes" if each["what"] in results["bytes"] else ""))


def interpreter(value: str) -> tuple[str, str]:
    """Read NAME=PATH."""
    name, equals, path = value.partition("=")
    if not equals or name not in VENUES:
        raise argparse.ArgumentTypeError(f"{value!r}: write NAME=PATH with a name of {', '.join(VENUES)}")
    return name, path


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--venue", action="append", choices=list(VENUES), help="only this one; may be repeated")
    parser.add_argument("--rounds", type=int, default=19, help=f"of {BATCH} of each thing, {SENT} of orders")
    parser.add_argument("--sdk-python", action="append", type=interpreter, default=[], metavar="NAME=PATH")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    pythons, results = dict(options.sdk_python), []
    for venue in options.venue or VENUES:
        results.append(asyncio.run(measure(venue, pythons.get(venue), options.rounds)))
        if not options.json:
            show(results[-1])
    if options.json:
        json.dump({"python": sys.version.split()[0], "venues": results}, sys.stdout, indent=2)
        print()


if __name__ == "__main__":
    main()
