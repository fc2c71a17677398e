"""Connections that only read, so that a long read keeps nobody from committing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from ._connect import connect_reader
from ._settings import SqliteSettings
from ._transaction import Database, SqliteTransaction

_MOST: Final = 4


class Readers:
    """Up to four connections to the file of a storage; each serves one transaction at a time."""

    def __init__(self, database: Database, path: Path, settings: SqliteSettings) -> None:
        self._database = database
        self._path = path
        self._settings = settings
        self._places = asyncio.Semaphore(_MOST)
        self._idle: list[Database] = []
        self._is_closed = False

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[SqliteTransaction]:
        """Begin to read; raises StorageError when the file cannot be opened or was replaced."""
        async with self._places:
            reader = self._idle.pop() if self._idle else await self._database.context.run_blocking(self._open)
            transaction = SqliteTransaction(reader)
            try:
                await transaction.begin("BEGIN")
                yield transaction
            except asyncio.CancelledError:
                # Its thread may still be at a statement, whose answer nobody waits for.
                reader.connection.interrupt()
                raise
            finally:
                try:
                    await transaction.end()
                finally:
                    self._give_back(reader)

    def close(self) -> None:
        """Close what is idle; a connection in use is closed when it is given back."""
        self._is_closed = True
        for reader in self._idle:
            reader.close()
        self._idle.clear()

    def _open(self) -> Database:
        writer = self._database
        connection = connect_reader(self._path, self._settings)
        return Database(connection=connection, context=writer.context, path=writer.path, files=writer.files)

    def _give_back(self, reader: Database) -> None:
        if self._is_closed:
            reader.close()
        else:
            self._idle.append(reader)
