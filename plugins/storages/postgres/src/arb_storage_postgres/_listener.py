"""Hearing of commits: LISTEN on a connection of its own, which is made again when it breaks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import asyncpg

from ._connect import connection_of_its_own
from ._errors import FAILURES, storage_error
from ._settings import PostgresSettings

_AGAIN_S: Final = 0.1
_ASK_EVERY_S: Final = 30.0
"""A connection that died without a word would be listened to for ever: so often the server is asked something."""


class Listener:
    """Listens to one table. It runs on the portal's loop, where time is real."""

    def __init__(self, settings: PostgresSettings, table: str, tell: Callable[[], None]) -> None:
        """Listen to nothing yet.

        Args:
            settings: The server.
            table: Its triggers notify `arb_<table>`.
            tell: Called whenever there may be something new; from the portal's thread.
        """
        self._settings = settings
        self._channel = f"arb_{table}"
        self._tell = tell
        self._over = asyncio.Event()

    def stop(self) -> None:
        """End :meth:`run`; to be called on the portal's loop."""
        self._over.set()

    async def run(self) -> None:
        """Listen until stopped.

        Raises:
            StorageError: the server was away for longer than `reconnect_for`, or will not have us.
        """
        loop = asyncio.get_running_loop()
        heard = loop.time()
        while not self._over.is_set():
            try:
                connection = await connection_of_its_own(self._settings)
                try:
                    await self._listen(connection)
                finally:
                    heard = loop.time()
                    connection.terminate()
            except FAILURES as error:
                if loop.time() - heard >= self._settings.reconnect_for / 1e9:
                    raise storage_error(self._settings.name, "listening for changes", error) from error
                await self._wait(self._over, _AGAIN_S)

    async def _listen(self, connection: asyncpg.Connection) -> None:
        """Return when stopped; raise one of the driver's failures when the connection is lost."""
        wake = asyncio.Event()
        connection.add_termination_listener(lambda *_: wake.set())
        await connection.add_listener(self._channel, lambda *_: self._tell())
        self._tell()  # what was committed before we listened
        over = asyncio.ensure_future(self._over.wait())
        over.add_done_callback(lambda _: wake.set())
        try:
            while True:
                await self._wait(wake, _ASK_EVERY_S)
                if self._over.is_set():
                    return
                await connection.execute("SELECT 1", timeout=self._settings.connect_timeout / 1e9)
        finally:
            over.cancel()

    @staticmethod
    async def _wait(event: asyncio.Event, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), seconds)
