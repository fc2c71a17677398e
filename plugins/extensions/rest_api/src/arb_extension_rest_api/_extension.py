"""The server: bound when it is opened, listening while it runs."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from aiohttp import web

from arb.api import ConfigError, Context, FundingService

from ._app import OpenDesk, make_app
from ._desk import open_desk
from ._protocol import Protocol
from ._routes import PREFIX
from ._settings import RestApiSettings

_SHUTDOWN_S: Final = 2.0
"""How long requests that are being answered may take when the run ends."""


class RestApiExtension:
    """Implements `arb.api.Extension`."""

    def __init__(self, settings: RestApiSettings, context: Context, opened: OpenDesk, server: asyncio.Server) -> None:
        self._settings = settings
        self._context = context
        self._opened = opened
        self._server = server

    @property
    def addresses(self) -> tuple[str, ...]:
        """Return the URLs under which it listens."""
        names = (each.getsockname() for each in self._server.sockets)
        return tuple(f"http://{f'[{name[0]}]' if ':' in name[0] else name[0]}:{name[1]}{PREFIX}" for name in names)

    async def run(self, service: FundingService) -> None:
        """Answer until cancelled.

        Raises:
            ConfigError: another server began to listen on the port since it was opened.
        """
        self._opened.desk = open_desk(service)
        try:
            await self._server.start_serving()
        except OSError as error:
            raise _cannot_listen(self._settings, self._context.name, error) from error
        self._context.log.info("listening on %s", ", ".join(self.addresses))
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self._server.close()


@asynccontextmanager
async def open_rest_api(settings: RestApiSettings, context: Context) -> AsyncIterator[RestApiExtension]:
    """Bind the port; what is being answered when it closes has a moment to end.

    Raises:
        ConfigError: the host or the port cannot be used.
    """
    opened = OpenDesk()
    runner = web.AppRunner(make_app(settings, opened, context.log), shutdown_timeout=_SHUTDOWN_S)
    await runner.setup()
    try:
        server = await _bound(settings, context.name, runner)
        try:
            yield RestApiExtension(settings, context, opened, server)
        finally:
            server.close()
    finally:
        await runner.cleanup()


async def _bound(settings: RestApiSettings, name: str, runner: web.AppRunner) -> asyncio.Server:
    manager, loop = runner.server, asyncio.get_running_loop()
    assert manager is not None, "setup() makes it"
    # None is how aiohttp itself is told to keep no log of requests.
    protocol = partial(Protocol, manager, loop=loop, access_log=None)  # type: ignore[arg-type]
    try:
        return await loop.create_server(protocol, settings.host, settings.port, start_serving=False)
    except OSError as error:
        raise _cannot_listen(settings, name, error) from error


def _cannot_listen(settings: RestApiSettings, name: str, error: OSError) -> ConfigError:
    place = f"[extensions.{name}] settings"
    if error.errno == errno.EADDRINUSE:
        return ConfigError(
            f"{place}: port = {settings.port} on {settings.host} is in use by another program; "
            "choose another port, or 0 for any free one"
        )
    if error.errno == errno.EACCES:
        return ConfigError(f"{place}: port = {settings.port} needs rights that this user lacks; choose one above 1023")
    return ConfigError(f"{place}: host = {settings.host!r} cannot be listened on: {error.strerror or error}")
