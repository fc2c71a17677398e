"""What stands before every call: it refuses what came by another name, and turns failures into problems."""

from __future__ import annotations

import logging
from http import HTTPStatus
from ipaddress import ip_address
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from arb.api import StorageError

from ._problems import PROBLEM_TYPE, Problem
from ._routes import PREFIX
from ._settings import RestApiSettings

_LONGEST_TARGET: Final = 4096
_THIS_MACHINE: Final = ("localhost", "127.0.0.1", "::1")


def guard(settings: RestApiSettings, log: logging.Logger) -> Middleware:
    """Return the middleware; `log` is told of what is an error of ours."""
    names = frozenset(name.lower() for name in (*_THIS_MACHINE, settings.host, *settings.allowed_hosts))

    @web.middleware
    async def answered(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            _check(request, names, takes_addresses=settings.allow_remote)
            response = await handler(request)
        except Problem as problem:
            response = problem_response(problem)
        except web.HTTPException as error:
            response = problem_response(_of_http(error, request))
        except StorageError as error:
            log.warning("%s could not be answered: %s", request.path, error)
            response = problem_response(
                Problem(HTTPStatus.SERVICE_UNAVAILABLE, "storage", "the storage cannot be read now")
            )
        except Exception:
            log.exception("%s %s could not be answered", request.method, request.path)
            text = "this is an error of arb; its log says more"
            response = problem_response(Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", text))
        response.headers["Cache-Control"] = "no-store"
        response.headers["Server"] = "arb"  # aiohttp would tell its version
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    return answered


def _check(request: web.Request, names: frozenset[str], *, takes_addresses: bool) -> None:
    name = _host_name(request.headers.get(hdrs.HOST, ""))
    if name not in names and not (takes_addresses and _is_address(name)):
        raise Problem(
            HTTPStatus.MISDIRECTED_REQUEST,
            "unknown-host",
            f"the request was sent to {name!r}, which is no name of this server; `allowed_hosts` in the settings of "
            "the extension can add it",
        )
    if len(request.raw_path) > _LONGEST_TARGET:
        raise Problem(
            HTTPStatus.REQUEST_URI_TOO_LONG, "too-long", f"path and query may have {_LONGEST_TARGET} characters"
        )


def _host_name(header: str) -> str:
    """Return the name in a Host header without its port: `[::1]:8000` is `::1`."""
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.partition(":")[0].lower().rstrip(".")


def _is_address(name: str) -> bool:
    """Whether it is no name at all: an address cannot be bound to another machine by its owner."""
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _of_http(error: web.HTTPException, request: web.Request) -> Problem:
    status = HTTPStatus(error.status)
    headers = {str(hdrs.ALLOW): error.headers[hdrs.ALLOW]} if hdrs.ALLOW in error.headers else {}
    if status is HTTPStatus.NOT_FOUND:
        detail = f"there is nothing at {request.path}; {PREFIX}/openapi.json describes what there is"
    elif status is HTTPStatus.METHOD_NOT_ALLOWED:
        detail = f"{request.method} is not possible: everything here is for reading"
    else:
        detail = status.description or status.phrase
    return Problem(status, status.name.lower().replace("_", "-"), detail, headers=headers)


def problem_response(problem: Problem) -> web.Response:
    """Return a problem as an answer."""
    body = problem.details().model_dump_json().encode()
    return web.Response(status=problem.status, body=body, content_type=PROBLEM_TYPE, headers=problem.headers)
