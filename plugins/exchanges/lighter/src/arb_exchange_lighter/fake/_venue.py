"""The venue itself: what a request or a socket reaches first."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from arb.api import ExchangeError, FakeGround, HttpRequest, HttpResponse, WebSocket
from arb.model import SECOND_NS
from arb.simulation import served_socket

from ._desk import VenueDesk
from ._engine import Engine
from ._keys import TIER
from ._limits import Limits
from ._refusals import Refused, Unreadable, refusal_of, response, unreadable
from ._routes import Routes
from ._rows import Row
from ._socket import Session

_PREFIX: Final = "/api/v1/"
_OK: Final = 200
SIGNATURES: Final = "check signatures"
"""Key of the ground's memory: False there lets signatures pass unchecked."""


class LighterFake:
    """Implements :class:`arb.api.FakeVenue`."""

    def __init__(
        self,
        ground: FakeGround,
        *,
        real_now_ms: Callable[[], int] | None = None,
        tier: str = TIER,
    ) -> None:
        """Open the venue; see :func:`open_fake`."""
        self._desk = VenueDesk(ground, checks_signatures=ground.memory.get(SIGNATURES, True))
        self._engine = Engine(self._desk, real_now_ms=real_now_ms)
        self._routes = Routes(self._desk)
        self._limits = Limits(ground.clock, tier)

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Answer a request."""
        try:
            return response(_OK, await self._answer(request))
        except Refused as error:
            return response(error.status, {"code": error.code, "message": str(error)})
        except Unreadable:
            return unreadable()

    def connect(
        self, url: str, *, headers: Mapping[str, str] = MappingProxyType({})
    ) -> AbstractAsyncContextManager[WebSocket]:
        """Open a socket."""
        return served_socket(lambda socket: Session(socket, self._desk, self._engine).serve())

    async def _answer(self, request: HttpRequest) -> Row:
        parts = urlsplit(request.url)
        path = parts.path.removeprefix(_PREFIX)
        self._limits.count(path)
        params = dict(parse_qsl(parts.query))
        try:
            return await self._routed(request, parts.path, path, params)
        except ExchangeError as error:
            raise refusal_of(error) from error

    async def _routed(self, request: HttpRequest, whole: str, path: str, params: dict[str, str]) -> Row:
        if whole == "/":
            return {"status": _OK, "network_id": 1, "timestamp": self._desk.now_ns // SECOND_NS}
        if whole == "/info":
            return {"contract_address": "0x" + "00" * 20}
        if request.method == "POST":
            return {"code": _OK, **await self._written(path, _form(request))}
        if path in self._routes.private:
            self._desk.authorized(request.headers, params)
            return {"code": _OK, **await self._routes.private[path](params)}
        if path not in self._routes.public:
            raise Refused(29404, "not found", 404)
        return {"code": _OK, **await self._routes.public[path](params)}

    async def _written(self, path: str, form: Mapping[str, Any]) -> Row:
        if path == "sendTx":
            return await self._engine.take(form.get("tx_type"), form.get("tx_info"))
        if path == "sendTxBatch":
            kinds, infos = (json.loads(form.get(name, "[]")) for name in ("tx_types", "tx_infos"))
            taken = [await self._engine.take(kind, info) for kind, info in zip(kinds, infos, strict=True)]
            hashes = [each["tx_hash"] for each in taken]
            return {"message": "", "tx_hash": hashes, "predicted_execution_time_ms": self._desk.now_ms}
        raise Refused(29404, "not found", 404)


def open_fake(ground: FakeGround, *, real_now_ms: Callable[[], int] | None = None, tier: str = TIER) -> LighterFake:
    """Open the venue over a ground.

    Signatures are checked, which takes about 10 ms each; a long simulation that has the memory for it puts
    ``ground.memory["check signatures"] = False`` there first.

    Args:
        ground: What it stands on.
        real_now_ms: The time of the clock that the signing library reads, which is no virtual one. Without it the
            expiry that the library stamps into every transaction is not looked at: it is 599 s after a moment that
            has nothing to do with the venue's time.
        tier: Whose rate limits hold.
    """
    return LighterFake(ground, real_now_ms=real_now_ms, tier=tier)


def _form(request: HttpRequest) -> dict[str, str]:
    """Return the fields of a form, as one line or in parts."""
    kind = next((value for name, value in request.headers.items() if name.lower() == "content-type"), "")
    if not kind.startswith("multipart/form-data"):
        return dict(parse_qsl(request.body.decode()))
    boundary = kind.partition("boundary=")[2].strip('"')
    fields = {}
    for part in request.body.decode().split(f"--{boundary}"):
        head, _, value = part.partition("\r\n\r\n")
        name = head.partition('name="')[2].partition('"')[0]
        if name:
            fields[name] = value.removesuffix("\r\n")
    return fields
