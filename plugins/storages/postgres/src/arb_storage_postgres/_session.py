"""One transaction on one connection; everything here runs on the portal's loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeVar

import asyncpg

from arb.api import StorageError

from ._errors import AWAY, FAILURES, storage_error
from ._settings import PostgresSettings

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

T = TypeVar("T")

_LOCK: Final = int.from_bytes(b"arb-lock", "big")
"""Whoever writes holds this lock of the database: transactions of all processes follow one another."""
_AGAIN_S: Final = 0.1


class Session:
    """A transaction from its beginning to its end; after a failed statement it takes no other.

    Attributes:
        read_only: It writes nothing, and waits for nobody who does.
    """

    def __init__(self, pool: asyncpg.Pool, settings: PostgresSettings, *, read_only: bool) -> None:
        self._pool = pool
        self._settings = settings
        self.read_only = read_only
        self._connection: PoolConnectionProxy | None = None
        self._turn = asyncio.Lock()
        self._refusal = ""

    def refuse(self, why: str) -> None:
        """Take no further statement; the first reason stands. May be called from any thread."""
        self._refusal = self._refusal or why

    async def begin(self) -> None:
        """Begin; while nothing has begun, a server that is away or starts is waited for.

        Raises:
            StorageError: it was not to be reached in time, or will not have us.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + self._settings.reconnect_for / 1e9
        async with self._turn:
            while True:
                if self._refusal:  # whoever wanted it has given up
                    raise StorageError(f"{self._settings.name}: {self._refusal}")
                try:
                    await self._try_to_begin()
                except FAILURES as error:
                    await self._give_back()
                    # A connection that was lost in the pool is an InterfaceError at its first use.
                    if loop.time() >= end or not isinstance(error, (*AWAY, asyncpg.InterfaceError)):
                        raise storage_error(self._settings.name, "beginning a transaction", error) from error
                    await asyncio.sleep(_AGAIN_S)  # noqa: TID251 - real time, on a loop of its own
                else:
                    return

    async def _try_to_begin(self) -> None:
        self._connection = connection = await self._pool.acquire(timeout=self._settings.connect_timeout / 1e9)
        if self.read_only:
            await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        else:
            await connection.execute("BEGIN")
            await connection.fetchval("SELECT pg_advisory_xact_lock($1)", _LOCK)

    async def run(self, work: Callable[[PoolConnectionProxy], Awaitable[T]], doing: str = "a statement") -> T:
        """Do something in the transaction; raises StorageError, after which nothing more is done in it."""
        async with self._turn:
            if self._refusal or self._connection is None:
                raise StorageError(f"{self._settings.name}: {self._refusal or 'the transaction has ended'}")
            try:
                return await work(self._connection)
            except FAILURES as error:
                failure = storage_error(self._settings.name, doing, error)
                self.refuse(f"an earlier statement of this transaction failed ({failure})")
                raise failure from error

    async def commit(self) -> None:
        """Commit; where the connection breaks over it, nobody knows whether it took effect.

        Raises:
            StorageError: also when the server rolled back, which it tells in its answer and not as an error.
        """
        answer = await self.run(lambda connection: connection.execute("COMMIT"), "committing")
        if answer != "COMMIT":
            raise StorageError(f"{self._settings.name}: committing failed: the server answered {answer!r}")

    async def end(self) -> None:
        """Take no more statements, undo what is not committed, and give the connection back."""
        self.refuse("the transaction has ended")
        async with self._turn:
            await self._give_back()

    async def _give_back(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            # The pool resets it, which rolls back; one that cannot be reset is ended and replaced by it.
            with suppress(*FAILURES):
                await self._pool.release(connection, timeout=self._settings.connect_timeout / 1e9)
