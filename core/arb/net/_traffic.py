"""What a recording of traffic holds."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from arb.api import ExchangeError, HttpResponse, errors

from ._recorder import VERSION
from ._shape import shape
from ._traffic_file import read_lines

Line = Mapping[str, Any]


@dataclass(slots=True)
class Trip:
    """A request with what became of it; None where its caller gave up, or the recording ends before."""

    key: str
    began_ns: int
    ended_ns: int = 0
    outcome: HttpResponse | ExchangeError | None = None

    def take(self, line: Line) -> None:
        """Take what became of it."""
        self.ended_ns = line["time_ns"]
        self.outcome = _error(line) if line["kind"] == "failure" else _response(line)


@dataclass(slots=True)
class SocketLife:
    """An attempt to open a socket, and what came on it; `opened_ns` is None where it failed."""

    key: str
    began_ns: int
    opened_ns: int | None = None
    failure: ExchangeError | None = None
    received: list[tuple[int, str | bytes]] = field(default_factory=list)
    ended_ns: int = 0
    is_ended: bool = False

    def take(self, line: Line) -> None:
        """Take what happened on it."""
        kind, time_ns = line["kind"], line["time_ns"]
        if not self.is_ended:
            self.ended_ns = time_ns
        if kind == "opened":
            self.opened_ns = time_ns
        elif kind == "failure" and self.opened_ns is None:
            self.failure = _error(line)
        elif kind == "received":
            body = _body(line)
            self.received.append((time_ns, _bytes(body) if line.get("binary") else body))
        elif kind == "ended":
            self.is_ended = True


@dataclass(frozen=True, slots=True)
class Traffic:
    """A whole recording; requests and sockets in the order in which they were begun."""

    began_ns: int
    trips: Sequence[Trip]
    sockets: Sequence[SocketLife]


def read_traffic(file: Path) -> Traffic:
    """Read a recording; one that was cut off as far as it goes.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no recording of traffic, or one of a later version.
    """
    lines = read_lines(file)
    first = next(lines, {})
    if first.get("kind") != "recording":
        raise ValueError(f"{file}: is no recording of traffic")
    if first.get("version") != VERSION:
        raise ValueError(f"{file}: has version {first.get('version')}, and this arb reads version {VERSION}")
    trips: dict[int, Trip] = {}
    sockets: dict[int, SocketLife] = {}
    for line in lines:
        kind, number = line["kind"], line["id"]
        if kind == "request":
            trips[number] = Trip(shape(line["method"], line["url"], _body(line)), line["time_ns"])
        elif kind == "connect":
            sockets[number] = SocketLife(shape("socket", line["url"], ""), line["time_ns"])
        elif (begun := trips.get(number) or sockets.get(number)) is not None:
            begun.take(line)
    return Traffic(first["time_ns"], tuple(trips.values()), tuple(sockets.values()))


def _response(line: Line) -> HttpResponse:
    # Imported here: it comes with the HTTP client, and nothing but a replay needs it.
    from multidict import CIMultiDict, CIMultiDictProxy

    headers = CIMultiDictProxy(CIMultiDict(line["headers"]))
    return HttpResponse(status=line["status"], headers=headers, body=_bytes(_body(line)))


def _error(line: Line) -> ExchangeError | None:
    """Return the error of the transport; None where it was none: whoever asked gave up."""
    made = getattr(errors, line["error"], None)
    if not (isinstance(made, type) and issubclass(made, ExchangeError)):
        return None
    return made(line["text"], code=line.get("code", ""), retry_after_ns=line.get("retry_after_ns"))


def _body(line: Line) -> str | bytes:
    return base64.b64decode(line["base64"]) if "base64" in line else str(line.get("body", ""))


def _bytes(body: str | bytes) -> bytes:
    return body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")
