"""Exchange kit: secrets never show."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from arb.api import ArbError, Capability, ExchangeError, HttpRequest, HttpResponse
from arb.model import MINUTE_NS, SECOND_NS, Side

from ._kit_desk import Desk
from ._kit_exchange_base import ExchangeCases, Use
from ._kit_exchange_checks import EMPTY_OBJECT, NO_JSON, NULL, PROXY_PAGE, every_cancel, every_read, outcome, resting
from ._kit_ground import FAKE, secrets_of, with_wrong_secrets
from ._kit_streams import listening

FORBIDDEN: Final = HttpResponse(status=403, headers={}, body=b'{"error": "forbidden"}')


class SecretCases(ExchangeCases):
    """Secrets never show."""

    group = "secrets"

    def test_x270_nothing_is_logged_of_a_secret(self, use: Use) -> None:
        """A whole round trip at DEBUG, with streams, a restart and a broken socket."""

        async def body(desk: Desk) -> None:
            with logged() as lines:
                async with desk.again() as other:
                    await _round_trip(other)
                for socket in desk.ground.wire.open_sockets:
                    socket.drop()
            _hides(desk, lines)

        use(body, Capability.TRADING, FAKE)

    def test_x271_nothing_is_logged_of_a_secret_when_things_fail(self, use: Use) -> None:
        """Every call against a venue that answers nonsense, refuses, or cannot be reached."""

        async def body(desk: Desk) -> None:
            with logged() as lines:
                for answer in (NO_JSON, PROXY_PAGE, EMPTY_OBJECT, NULL, FORBIDDEN):
                    with desk.ground.answering(answer):
                        await _errors(desk)
                desk.ground.wire.is_refusing = True
                await _errors(desk)
                await desk.sleep(MINUTE_NS)
            _hides(desk, lines)

        use(body, Capability.TRADING, FAKE)

    def test_x272_no_error_shows_a_secret(self, use: Use) -> None:
        """Neither its text nor its arguments, nor those of what caused it: errors go to logs, events and screens."""

        async def body(desk: Desk) -> None:
            errors: list[ExchangeError] = []
            for answer in (NO_JSON, PROXY_PAGE, EMPTY_OBJECT, NULL, FORBIDDEN):
                with desk.ground.answering(answer):
                    errors += await _errors(desk)
            desk.ground.wire.is_refusing = True
            errors += await _errors(desk)
            assert errors, "nothing failed"
            _hides(desk, [text for error in errors for text in _texts(error)])

        use(body, Capability.TRADING, FAKE)

    def test_x273_a_venue_that_repeats_the_request_shows_no_secret(self, use: Use) -> None:
        """Some venues and proxies answer with what they were sent: headers, query and body."""

        async def body(desk: Desk) -> None:
            def echo(request: HttpRequest) -> HttpResponse:
                shown = f"{request.method} {request.url} {dict(request.headers)}".encode() + request.body
                return HttpResponse(status=400, headers={}, body=shown)

            with logged() as lines:
                desk.ground.wire.answer = echo
                errors = await _errors(desk)
                desk.ground.wire.answer = None
            private = [value for value in secrets_of(desk.ground.settings) if not _travels(desk, value)]
            shown = [*lines, *(text for error in errors for text in _texts(error))]
            assert not [value for value in private if any(value in text for text in shown)]

        use(body, Capability.TRADING, FAKE)

    def test_x274_no_object_shows_a_secret(self, use: Use) -> None:
        """`repr` and `str` of settings, exchange, both sides, prepared orders."""

        async def body(desk: Desk) -> None:
            prepared = await desk.trading.prepare_order(await desk.request())
            shown = (
                desk.ground.settings,
                desk.exchange,
                desk.exchange.market,
                desk.trading,
                desk.streams_or_none,
                prepared,
            )
            _hides(desk, [text for each in shown for text in (repr(each), str(each))])

        use(body, Capability.TRADING, FAKE)

    def test_x275_a_secret_that_signs_never_travels(self, use: Use) -> None:
        """Where there is more than one secret, at least one of them stays here: it signs, it is not sent."""

        async def body(desk: Desk) -> None:
            await _round_trip(desk)
            values = secrets_of(desk.ground.settings)
            assert not values or any(not _travels(desk, value) for value in values), "every secret was sent"

        use(body, Capability.TRADING, FAKE)

    def test_x276_a_wrong_secret_is_not_shown_either(self, use: Use) -> None:
        """One that the venue refuses is most often the right one of another account."""

        async def body(desk: Desk) -> None:
            settings = with_wrong_secrets(desk.ground.settings)
            with logged() as lines:
                try:
                    async with desk.ground.client(desk.ground.context(), settings) as stranger:
                        assert stranger.trading is not None
                        for told in (await outcome(stranger.trading.fetch_balances()),):
                            lines += _texts(told) if isinstance(told, ExchangeError) else []
                except (ArbError, ValueError) as error:
                    lines += _texts(error)
            wrong = secrets_of(settings)
            assert not [value for value in wrong if any(value in line for line in lines)]

        use(body, Capability.TRADING, FAKE)


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        # With the traceback, as a log file has it.
        text = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else ""
        self.lines.append(f"{record.getMessage()} {record.args!r} {text}")


@contextmanager
def logged() -> Iterator[list[str]]:
    """Collect what anybody logs, from DEBUG on."""
    root, handler = logging.getLogger(), _Lines()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield handler.lines
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


async def _round_trip(desk: Desk) -> None:
    """Do everything once that a run does."""
    if Capability.ACCOUNT_STREAM in desk.exchange.capabilities:
        async with listening(desk.streams.watch_account()):
            await desk.sleep(5 * SECOND_NS)
    await desk.send(await desk.request())
    await desk.send(await resting(desk))
    await desk.trading.fetch_open_orders()
    await desk.trading.cancel_all()
    await desk.send(await desk.request(Side.SELL, quantity=await desk.held(), reduce_only=True))
    await desk.trading.fetch_fills(desk.ground.now_ns - MINUTE_NS)
    await desk.trading.fetch_balances()


async def _errors(desk: Desk) -> list[ExchangeError]:
    """Return what every kind of call raises now."""
    told = [await outcome(call()) for call in (*every_read(desk), *every_cancel(desk))]
    return [each for each in told if isinstance(each, ExchangeError)]


def _texts(error: BaseException | None) -> list[str]:
    """Return what an error and everything behind it would show."""
    texts: list[str] = []
    while error is not None and len(texts) < 100:
        texts += [str(error), repr(error), repr(vars(error))]
        error = error.__cause__ or error.__context__
    return texts


def _hides(desk: Desk, texts: Iterable[str]) -> None:
    values = secrets_of(desk.ground.settings)
    for text in texts:
        # Not the text itself: a report is shown to others.
        assert not any(value in text for value in values), "a secret of the settings shows"


def _travels(desk: Desk, value: str) -> bool:
    """Return whether a value was ever sent: the name of a key is, what signs is not."""
    requests = (f"{sent.url} {dict(sent.headers)}".encode() + sent.body for _, sent in desk.ground.wire.log)
    messages = (message for socket in desk.ground.wire.sockets for message in socket.sent)
    return any(
        value.encode() in (each if isinstance(each, bytes) else each.encode()) for each in (*requests, *messages)
    )
