"""Versions of books that begin anew on the same socket."""

from __future__ import annotations

import json
from typing import Any

from arb.model import SECOND_NS, BookDelta, BookGap, OrderBook
from arb.testing import Bench, BenchDesk, Listener

_DEPTH = 200


def test_versions_that_begin_anew_are_a_gap(bench: Bench) -> None:
    """Every change after it would be taken for an old one, for ever, and no gap would show."""

    async def body(desk: BenchDesk) -> None:
        shift = [0]

        def tamper(message: str | bytes) -> list[str | bytes]:
            told = json.loads(message)
            if str(told.get("channel", "")).startswith("depth") and "content" in told:
                for row in told["content"]["data"]:
                    row |= {name: str(int(row[name]) - shift[0]) for name in ("startVersion", "endVersion")}
            return [json.dumps(told)]

        desk.wire.tamper = tamper
        listener = Listener(desk.streams.watch_order_book(desk.instrument.id))
        await desk.sleep(10 * SECOND_NS)
        shift[0] = 2_000_000_000
        await desk.sleep(40 * SECOND_NS)
        await desk.check_book(listener, _DEPTH)
        others: list[Any] = [type(each) for each in listener.heard if not isinstance(each, BookDelta)]
        assert others == [OrderBook, BookGap, OrderBook]
        assert len(desk.wire.sockets) == 1
        await listener.stop()

    bench(body)


def test_a_change_that_comes_again_is_no_gap(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        kept: list[str | bytes] = []

        def tamper(message: str | bytes) -> list[str | bytes]:
            told = json.loads(message)
            is_change = "content" in told and told["content"].get("dataType") == "changed"
            kept.extend([message] if is_change and not kept else [])
            return [message, kept[0], kept[0]] if is_change else [message]

        desk.wire.tamper = tamper
        listener = Listener(desk.streams.watch_order_book(desk.instrument.id))
        await desk.sleep(40 * SECOND_NS)
        await desk.check_book(listener, _DEPTH)
        assert not [each for each in listener.heard if isinstance(each, BookGap)]
        await listener.stop()

    bench(body)
