"""Exchange kit: books and trades as streams: gaps, broken and silent sockets."""

from __future__ import annotations

from typing import Final

import pytest

from arb.api import Capability, ExchangeError
from arb.model import MINUTE_NS, SECOND_NS, BookDelta, BookGap, InstrumentId, OrderBook

from ._kit_desk import Desk
from ._kit_exchange_base import ExchangeCases, Use
from ._kit_exchange_checks import GARBAGE, check_book, is_current, true_name
from ._kit_ground import FAKE
from ._kit_streams import applied, listening

_LISTEN_NS: Final = 30 * SECOND_NS
_RECOVERY_NS: Final = 5 * MINUTE_NS
_TRIES: Final = 60
"""In five minutes, of all sockets together: with waits that double a dozen are enough."""


class BookStreamCases(ExchangeCases):
    """Books and trades as streams: gaps, broken and silent sockets."""

    group = "book_stream"

    def test_x030_a_book_stream_starts_with_a_snapshot_and_has_no_gap(self, use: Use) -> None:
        """Then deltas that continue it, or new snapshots."""

        async def body(desk: Desk) -> None:
            async with listening(desk.streams.watch_order_book(desk.instrument.id)) as heard:
                await desk.sleep(_LISTEN_NS)
                assert heard, "no book within half a minute"
                assert isinstance(heard[0], OrderBook)
                sequence: int | None = heard[0].sequence
                for update in heard:
                    if isinstance(update, OrderBook):
                        check_book(update, desk)
                    elif isinstance(update, BookDelta):
                        assert update.previous == sequence, "a gap without a new snapshot"
                    sequence = None if isinstance(update, BookGap) else update.sequence

        use(body, Capability.BOOK_STREAM)

    def test_x130_a_streamed_book_is_the_venues(self, use: Use) -> None:
        """After a minute of changes every level that it shows is the venue's."""

        async def body(desk: Desk) -> None:
            async with listening(desk.streams.watch_order_book(desk.instrument.id)) as heard:
                for _ in range(4):
                    await desk.sleep(15 * SECOND_NS)
                    assert is_current(applied(heard), desk), "the book is not the venue's"

        use(body, Capability.BOOK_STREAM, FAKE)

    def test_x131_after_a_broken_socket_it_begins_with_a_snapshot(self, use: Use) -> None:
        """And is the venue's again, by itself, within minutes."""

        async def body(desk: Desk) -> None:
            async with listening(desk.streams.watch_order_book(desk.instrument.id)) as heard:
                await desk.sleep(10 * SECOND_NS)
                assert desk.ground.wire.open_sockets, "the stream opens no socket"
                before = len(heard)
                for socket in desk.ground.wire.open_sockets:
                    socket.drop()
                await desk.sleep(_RECOVERY_NS)
                assert len(heard) > before, "nothing after the socket broke"
                assert not isinstance(heard[before], BookDelta), "a change continues what was lost"
                assert is_current(applied(heard), desk)

        use(body, Capability.BOOK_STREAM, FAKE)

    def test_x132_a_silent_socket_is_given_up(self, use: Use) -> None:
        """No data, no end: within minutes there is another socket, and the book is the venue's."""

        async def body(desk: Desk) -> None:
            async with listening(desk.streams.watch_order_book(desk.instrument.id)) as heard:
                await desk.sleep(10 * SECOND_NS)
                opened = len(desk.ground.wire.sockets)
                for socket in desk.ground.wire.open_sockets:
                    socket.is_silent = True
                await desk.sleep(_RECOVERY_NS)
                assert len(desk.ground.wire.sockets) > opened, "it waits for a socket that is dead"
                assert is_current(applied(heard), desk)

        use(body, Capability.BOOK_STREAM, FAKE)

    def test_x133_a_half_open_socket_is_given_up(self, use: Use) -> None:
        """What is sent vanishes and nothing comes, as after a sleep of the machine."""

        async def body(desk: Desk) -> None:
            async with listening(desk.streams.watch_order_book(desk.instrument.id)) as heard:
                await desk.sleep(10 * SECOND_NS)
                for socket in desk.ground.wire.open_sockets:
                    socket.is_silent = socket.is_deaf = True
                await desk.sleep(_RECOVERY_NS)
                assert is_current(applied(heard), desk)

        use(body, Capability.BOOK_STREAM, FAKE)

    def test_x134_a_lost_message_is_noticed(self, use: Use) -> None:
        """A gap is never passed over: the book ends as the venue's, not as one that lacks a change."""

        async def body(desk: Desk) -> None:
            async with listening(desk.streams.watch_order_book(desk.instrument.id)) as heard:
                await desk.sleep(10 * SECOND_NS)
                for lost in (1, 2, 5):
                    desk.ground.wire.lose(lost)
                    await desk.sleep(_RECOVERY_NS)
                    assert is_current(applied(heard), desk), f"{lost} messages were lost, and nobody noticed"

        use(body, Capability.BOOK_STREAM, FAKE)

    def test_x148_a_book_that_is_lost_is_said_to_be(self, use: Use) -> None:
        """BookGap comes before the snapshot that mends it, so that nobody trades on what lacks a change."""

        async def body(desk: Desk) -> None:
            async with listening(desk.streams.watch_order_book(desk.instrument.id)) as heard:
                await desk.sleep(10 * SECOND_NS)
                if not any(isinstance(update, BookDelta) for update in heard):
                    return  # each message is a whole book: one that is lost leaves nothing wrong behind
                before = len(heard)
                desk.ground.wire.lose(2)
                await desk.sleep(_RECOVERY_NS)
                snapshots = [place for place, update in enumerate(heard) if isinstance(update, OrderBook)]
                mended = next((place for place in snapshots if place > before), None)
                assert mended is not None, "two messages were lost, and nobody noticed"
                assert isinstance(heard[mended - 1], BookGap), "a new snapshot, and nobody was told why"

        use(body, Capability.BOOK_STREAM, FAKE)

    def test_x135_a_repeated_message_changes_nothing(self, use: Use) -> None:
        """Venues send some twice: the sequence does not go back, the book stays the venue's."""

        async def body(desk: Desk) -> None:
            desk.ground.wire.tamper = lambda message: [message, message]
            async with listening(desk.streams.watch_order_book(desk.instrument.id)) as heard:
                await desk.sleep(MINUTE_NS)
                assert is_current(applied(heard), desk)
                sequences = [update.sequence for update in heard if not isinstance(update, BookGap)]
                assert sequences == sorted(sequences), "it goes back"

        use(body, Capability.BOOK_STREAM, FAKE)

    def test_x136_a_message_that_cannot_be_read_does_not_end_it(self, use: Use) -> None:
        """What it said is lost: a gap like any other."""

        async def body(desk: Desk) -> None:
            async with listening(desk.streams.watch_order_book(desk.instrument.id)) as heard:
                await desk.sleep(10 * SECOND_NS)
                for garbage in GARBAGE:
                    desk.ground.wire.garble(garbage)
                    await desk.sleep(_RECOVERY_NS)
                    assert is_current(applied(heard), desk), f"after {garbage!r}"

        use(body, Capability.BOOK_STREAM, FAKE)

    def test_x137_it_begins_when_the_venue_can_be_reached(self, use: Use) -> None:
        """Refused for minutes, it tries again, and not in a hurry."""

        async def body(desk: Desk) -> None:
            wire = desk.ground.wire
            wire.is_refusing = True
            async with listening(desk.streams.watch_order_book(desk.instrument.id)) as heard:
                await desk.sleep(5 * MINUTE_NS)
                assert heard == []
                assert wire.refused <= _TRIES, f"{wire.refused} tries in five minutes: it hammers"
                wire.is_refusing = False
                await desk.sleep(_RECOVERY_NS)
                assert is_current(applied(heard), desk)

        use(body, Capability.BOOK_STREAM, FAKE)

    def test_x138_streams_of_two_instruments_do_not_mix(self, use: Use) -> None:
        """Each hears its own instrument only."""

        async def body(desk: Desk) -> None:
            other = await desk.another()
            if other is None:
                return
            watch = desk.streams.watch_order_book
            async with (
                listening(watch(desk.instrument.id)) as mine,
                listening(watch(other.instrument.id)) as theirs,
            ):
                await desk.sleep(30 * SECOND_NS)
                assert {update.instrument for update in mine} == {desk.instrument.id}
                assert {update.instrument for update in theirs} == {other.instrument.id}

        use(body, Capability.BOOK_STREAM)

    def test_x139_two_readers_of_one_book_both_hear_it(self, use: Use) -> None:
        """And one that leaves does not end the other."""

        async def body(desk: Desk) -> None:
            watch = desk.streams.watch_order_book
            async with listening(watch(desk.instrument.id)) as first:
                async with listening(watch(desk.instrument.id)) as second:
                    await desk.sleep(30 * SECOND_NS)
                    assert isinstance(second[0], OrderBook)
                before = len(first)
                await desk.sleep(MINUTE_NS)
                assert len(first) > before, "the second reader took the stream with it"

        use(body, Capability.BOOK_STREAM, FAKE)

    def test_x031_public_trades_are_the_venues(self, use: Use) -> None:
        """The taker's side, price and quantity of each, once, in order."""

        async def body(desk: Desk) -> None:
            name = true_name(desk)
            async with listening(desk.streams.watch_trades(desk.instrument.id)) as heard:
                await desk.sleep(10 * SECOND_NS)
                start_ns = desk.ground.now_ns
                await desk.sleep(10 * MINUTE_NS)
                true = desk.truth.venue.market.trades(name, start_ns, desk.ground.now_ns - MINUTE_NS)
                found = [(trade.side, trade.price, trade.quantity) for trade in heard]
                assert {trade.instrument for trade in heard} <= {desk.instrument.id}
                for trade in true:
                    wanted = (trade.side, trade.price, trade.quantity)
                    assert wanted in found, f"{wanted} is missing"
                    found.remove(wanted)
                times = [trade.ts_event_ns for trade in heard]
                assert times == sorted(times)

        use(body, Capability.TRADE_STREAM, FAKE)

    def test_x032_a_stream_of_an_unknown_instrument_raises(self, use: Use) -> None:
        """An error of our tree, instead of silence for ever."""

        async def body(desk: Desk) -> None:
            nowhere = InstrumentId(f"NOSUCHCOIN-PERP.{desk.exchange.name}")
            with pytest.raises(ExchangeError):
                await anext(aiter(desk.streams.watch_order_book(nowhere)))

        use(body, Capability.BOOK_STREAM)
