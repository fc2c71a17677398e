"""What PostgreSQL says, for people: which database, what happened, what to do."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import asyncpg

from arb.api import StorageError

FAILURES: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
    OverflowError,
    TypeError,
    ValueError,
)
"""Whatever asyncpg raises: of the server, of itself, of the network, of a value that it cannot send."""

AWAY: Final = (
    asyncpg.CannotConnectNowError,
    asyncpg.ConnectionDoesNotExistError,
    asyncpg.ConnectionFailureError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    OSError,
    TimeoutError,
)
"""The server is not there now, and may be a moment later."""

_ADVICE: Final[Mapping[type[Exception], str]] = MappingProxyType(
    {
        asyncpg.InvalidPasswordError: "the password is wrong; check `password` of the table",
        asyncpg.InvalidAuthorizationSpecificationError: "this user may not connect; check `user`, and the server's "
        "pg_hba.conf",
        asyncpg.InvalidCatalogNameError: "there is no such database; make one with: createdb -O USER DATABASE",
        asyncpg.InsufficientPrivilegeError: "this user may not do that; let the database belong to it",
        asyncpg.DiskFullError: "the server's disk is full; free space. Everything committed before is intact",
        asyncpg.LockNotAvailableError: "another process is in a transaction and does not end it; find it with: "
        "SELECT pid, application_name, state FROM pg_stat_activity",
        asyncpg.QueryCanceledError: "it took longer than statement_timeout",
        asyncpg.ReadOnlySQLTransactionError: "it may not be written: it was opened with read_only = true, or the "
        "server is a standby",
        asyncpg.TooManyConnectionsError: "the server has no connection left; raise its max_connections",
    }
)
_GONE: Final = "the server cannot be reached; check that it runs, and `host` and `port`"


def storage_error(name: str, doing: str, error: BaseException) -> StorageError:
    """Return the error for people."""
    advice = next((text for kind, text in _ADVICE.items() if isinstance(error, kind)), "")
    if not advice and isinstance(error, AWAY):
        advice = _GONE
    detail = f"{type(error).__name__}: {' '.join(str(error).split()) or 'no more is known'}"
    return StorageError(f"{name}: {doing} failed: {f'{advice} ({detail})' if advice else detail}")
