"""The calls as an aiohttp application: who may ask, and what was asked."""

from __future__ import annotations

import hmac
import json
import logging
from http import HTTPStatus
from typing import Any, Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from pydantic import SecretStr, ValidationError

from ._desk import Desk
from ._guard import guard
from ._openapi import openapi
from ._problems import Problem, WrongParameter, wrong_parameters
from ._routes import PREFIX, ROUTES, Route
from ._settings import RestApiSettings

_JSON: Final = "application/json"
_MOST_PARAMETERS: Final = 100


class OpenDesk:
    """Where the calls find the run, once it has begun."""

    def __init__(self) -> None:
        self.desk: Desk | None = None


def make_app(settings: RestApiSettings, opened: OpenDesk, log: logging.Logger) -> web.Application:
    """Return the application."""
    app = web.Application(middlewares=[guard(settings, log)], client_max_size=0)
    for route in ROUTES:
        app.router.add_get(f"{PREFIX}{route.path}", _call(route, opened, settings.token))
    document = json.dumps(openapi(ROUTES), separators=(",", ":")).encode()

    async def describe(request: web.Request) -> web.Response:
        return web.Response(body=document, content_type=_JSON)

    app.router.add_get(f"{PREFIX}/openapi.json", describe)
    return app


def _call(route: Route, opened: OpenDesk, token: SecretStr | None) -> Handler:
    lists = route.lists

    async def call(request: web.Request) -> web.Response:
        if route.private:
            _require(token, request)
        if opened.desk is None:  # it listens only while the extension runs
            raise RuntimeError("the run has not begun")
        given = _given(request, lists)
        try:
            params = route.params.model_validate(given)
        except ValidationError as error:
            raise wrong_parameters(error) from None
        answer = await route.handle(opened.desk, params)
        return web.Response(body=answer.__pydantic_serializer__.to_json(answer), content_type=_JSON)

    return call


def _require(token: SecretStr | None, request: web.Request) -> None:
    """Raise a problem unless the request carries the token."""
    if token is None:
        raise Problem(
            HTTPStatus.FORBIDDEN,
            "no-token-configured",
            "this concerns own money and is answered to nobody until a token is configured: "
            'settings = { token = "env:NAME" } of the extension',
        )
    scheme, _, given = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    expected = token.get_secret_value().encode()
    # The time it takes says nothing about how much of a guess is right.
    same = hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), expected)
    if scheme.lower() != "bearer" or not same:
        raise Problem(
            HTTPStatus.UNAUTHORIZED,
            "token-required",
            "send the configured token: Authorization: Bearer TOKEN",
            headers={hdrs.WWW_AUTHENTICATE: "Bearer"},
        )


def _given(request: web.Request, lists: frozenset[str]) -> dict[str, Any]:
    """Return the parameters of a request; raises a problem for one that is given twice."""
    query = request.query
    if len(query) > _MOST_PARAMETERS:
        raise Problem(HTTPStatus.BAD_REQUEST, "too-many-parameters", f"give at most {_MOST_PARAMETERS} parameters")
    given: dict[str, Any] = {}
    for name in query:
        values = query.getall(name)
        if name in lists:
            given[name] = values
        elif len(values) == 1 and name not in request.match_info:
            given[name] = values[0]
        else:
            twice = [WrongParameter(parameter=name, message="given more than once")]
            raise Problem(HTTPStatus.BAD_REQUEST, "repeated-parameter", f"{name}: given more than once", errors=twice)
    return given | request.match_info
