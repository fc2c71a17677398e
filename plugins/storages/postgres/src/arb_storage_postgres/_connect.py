"""Reaching the server; everything here runs on the portal's loop."""

from __future__ import annotations

from typing import Any, Final

import asyncpg

from ._errors import FAILURES, storage_error
from ._settings import PostgresSettings

READERS: Final = 4
"""Snapshots at a time; the next one waits, so that a writer never lacks a connection."""
_WRITERS: Final = 2
"""One works; a second one begins while the first, given up by a cancellation, is rolled back."""


async def connected_pool(settings: PostgresSettings) -> asyncpg.Pool:
    """Return a pool that has connected once.

    Raises:
        StorageError: the server cannot be reached or will not have us.
    """
    try:
        return await asyncpg.create_pool(**_arguments(settings), min_size=1, max_size=_WRITERS + READERS)
    except FAILURES as error:
        raise storage_error(settings.name, "connecting", error) from error


async def connection_of_its_own(settings: PostgresSettings) -> asyncpg.Connection:
    """Return a connection that the pool does not know; raises one of the driver's failures."""
    return await asyncpg.connect(**_arguments(settings))


def _arguments(settings: PostgresSettings) -> dict[str, Any]:
    milliseconds = {
        "lock_timeout": settings.lock_timeout,
        "statement_timeout": settings.statement_timeout,
        "idle_in_transaction_session_timeout": settings.statement_timeout,
    }
    return {
        "host": settings.host,
        "port": settings.port,
        "database": settings.database,
        "user": settings.user,
        "password": None if settings.password is None else settings.password.get_secret_value(),
        "ssl": settings.ssl,
        "timeout": settings.connect_timeout / 1e9,
        "server_settings": {
            "application_name": "arb",
            **{name: f"{value // 1_000_000}ms" for name, value in milliseconds.items()},
        },
    }
