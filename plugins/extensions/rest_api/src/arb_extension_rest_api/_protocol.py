"""What comes before a request can be read: aiohttp's protocol, with problems in the shape of all others."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from ._guard import problem_response
from ._problems import Problem


class Protocol(web.RequestHandler):
    """Serves one connection."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is no HTTP, and close; it is no error of ours, so nothing is logged."""
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or request.writer.output_size:
            return super().handle_error(request, status, exc, message)
        text = "the request is no HTTP, or its first line or headers are too long"
        response = problem_response(Problem(HTTPStatus.BAD_REQUEST, "bad-request", text))
        response.force_close()
        return response
