"""Transports that write down what passes, with the secrets left out."""

from __future__ import annotations

import base64
import itertools
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from arb.api import Clock, ExchangeError, HttpRequest, HttpResponse, HttpTransport, WebSocket, WebSocketTransport
from arb.model import SECOND_NS, format_utc

from ._redacted import Redactor
from ._traffic_file import TrafficWriter

VERSION: Final = 1
"""Of the lines; a reader refuses one that it does not know."""

Fields = dict[str, Any]
_LONG: Final = 16 * 1024
_OVERHEAD: Final = 500


class TrafficRecorder:
    """Writes the traffic of one exchange to one file.

    Nothing that goes wrong here reaches the traffic: the recording ends instead.
    """

    def __init__(self, writer: TrafficWriter, exchange: str, clock: Clock, redactor: Redactor) -> None:
        self._writer = writer
        self._exchange = exchange
        self._clock = clock
        self._redactor = redactor
        self._numbers = itertools.count(1)
        self._writer.put(self._line(clock.now_ns(), "recording", {"version": VERSION}), _OVERHEAD)

    def http(self, inner: HttpTransport) -> HttpTransport:
        """Return a transport that sends through `inner`."""
        return _RecordedHttp(inner, self)

    def websocket(self, inner: WebSocketTransport) -> WebSocketTransport:
        """Return a transport that connects through `inner`."""
        return _RecordedWebSockets(inner, self)

    def next_number(self) -> int:
        """Return what joins a request with its answer, and a socket with its messages."""
        return next(self._numbers)

    def request(self, number: int, request: HttpRequest) -> None:
        """Note a request before it leaves."""

        def fields() -> Fields:
            return {
                "method": request.method,
                "url": self._redactor.url(request.url),
                "headers": self._redactor.headers(request.headers),
                "timeout_ns": request.timeout_ns,
                **self._body(request.body),
            }

        self._note("request", number, fields, len(request.body))

    def answer(self, number: int, response: HttpResponse) -> None:
        """Note an answer."""

        def fields() -> Fields:
            headers = self._redactor.headers(response.headers)
            return {"status": response.status, "headers": headers, **self._body(response.body)}

        self._note("answer", number, fields, len(response.body))

    def failure(self, number: int, error: BaseException) -> None:
        """Note that a request, a connection or the message just sent failed, or that its caller gave it up."""

        def fields() -> Fields:
            made: Fields = {"error": type(error).__name__, "text": self._redactor.text(str(error))}
            if isinstance(error, ExchangeError):
                made |= {"code": self._redactor.text(error.code), "retry_after_ns": error.retry_after_ns}
            return made

        self._note("failure", number, fields)

    def opening(self, number: int, url: str, headers: Mapping[str, str]) -> None:
        """Note that a socket is about to be opened."""

        def fields() -> Fields:
            return {"url": self._redactor.url(url), "headers": self._redactor.headers(headers)}

        self._note("connect", number, fields)

    def happening(self, number: int, kind: str) -> None:
        """Note what happens to a socket: `opened`, `ended` by the venue, `closed` by us or after that."""
        self._note(kind, number, dict)

    def message(self, number: int, kind: str, message: str | bytes) -> None:
        """Note a message of a socket: `sent` or `received`."""

        def fields() -> Fields:
            if isinstance(message, str):
                return {"body": self._redactor.text(message)}
            return {"binary": True, **self._body(message)}

        self._note(kind, number, fields, len(message))

    def _body(self, body: bytes) -> Fields:
        shown = self._redactor.body(body)
        return {"body": shown} if isinstance(shown, str) else {"base64": base64.b64encode(shown).decode()}

    def _note(self, kind: str, number: int, fields: Callable[[], Fields], size: int = 0) -> None:
        try:
            time_ns = self._clock.now_ns()

            def line() -> str:
                return self._line(time_ns, kind, {"id": number, **fields()})

            # Long bodies are looked through beside the trading, by the thread that writes.
            self._writer.put(line() if size < _LONG else line, size + _OVERHEAD)
        except Exception as error:  # a recording may fail, the trading beside it may not
            self._writer.stop(f"a message could not be written down: {type(error).__name__}")

    def _line(self, time_ns: int, kind: str, fields: Fields) -> str:
        whole = {"time_ns": time_ns, "kind": kind, "exchange": self._exchange, **fields}
        return json.dumps(whole, separators=(",", ":"), ensure_ascii=False) + "\n"


class _RecordedHttp:
    """Implements :class:`arb.api.HttpTransport`."""

    def __init__(self, inner: HttpTransport, recorder: TrafficRecorder) -> None:
        self._inner = inner
        self._recorder = recorder

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send through the inner transport."""
        number = self._recorder.next_number()
        self._recorder.request(number, request)
        try:
            response = await self._inner.send(request)
        except BaseException as error:
            self._recorder.failure(number, error)
            raise
        self._recorder.answer(number, response)
        return response


class _RecordedWebSockets:
    """Implements :class:`arb.api.WebSocketTransport`."""

    def __init__(self, inner: WebSocketTransport, recorder: TrafficRecorder) -> None:
        self._inner = inner
        self._recorder = recorder

    @asynccontextmanager
    async def connect(self, url: str, *, headers: Mapping[str, str] = MappingProxyType({})) -> AsyncIterator[WebSocket]:
        """Connect through the inner transport."""
        number = self._recorder.next_number()
        self._recorder.opening(number, url, headers)
        is_open = False
        try:
            async with self._inner.connect(url, headers=headers) as socket:
                is_open = True
                self._recorder.happening(number, "opened")
                yield _RecordedSocket(socket, number, self._recorder)
        except BaseException as error:
            if not is_open:
                self._recorder.failure(number, error)
            raise
        finally:
            if is_open:
                self._recorder.happening(number, "closed")


class _RecordedSocket:
    """Implements :class:`arb.api.WebSocket`."""

    def __init__(self, inner: WebSocket, number: int, recorder: TrafficRecorder) -> None:
        self._inner = inner
        self._number = number
        self._recorder = recorder

    async def send(self, message: str | bytes) -> None:
        """Send through the inner socket."""
        self._recorder.message(self._number, "sent", message)
        try:
            await self._inner.send(message)
        except BaseException as error:
            self._recorder.failure(self._number, error)
            raise

    async def messages(self) -> AsyncGenerator[str | bytes, None]:
        """Yield the inner socket's messages."""
        async for message in self._inner.messages():
            self._recorder.message(self._number, "received", message)
            yield message
        self._recorder.happening(self._number, "ended")


@contextmanager
def recorded(
    folder: Path, exchange: str, clock: Clock, log: logging.Logger, *, secrets: Iterable[str] = ()
) -> Iterator[TrafficRecorder]:
    """Lend a recorder that writes to `<exchange>-<UTC time>.jsonl.gz` in a folder.

    Args:
        folder: Made where it is missing, for its owner only, as is the file.
        exchange: Its name in the configuration.
        clock: What the lines are stamped with.
        log: Told the file, and once where the recording has to stop.
        secrets: Those of the exchange's settings.

    Raises:
        OSError: folder or file cannot be made.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    now_ns = clock.now_ns() // (SECOND_NS // 1_000_000) * (SECOND_NS // 1_000_000)
    moment = format_utc(now_ns).replace("-", "").replace(":", "")
    file = folder / f"{exchange}-{moment}.jsonl.gz"
    writer = TrafficWriter(file, log)
    try:
        log.info("its traffic is recorded in %s", file)
        yield TrafficRecorder(writer, exchange, clock, Redactor(secrets))
    finally:
        writer.close()
