"""Settings of the storage."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from arb.api import Duration, Secret, Settings


class PostgresSettings(Settings):
    """Where the database is and how long it is waited for.

    Attributes:
        host: A name or an address, or the folder of the server's socket.
        database: It has to exist, and to belong to arb alone.
        password: `env:NAME`, `file:PATH` or `keyring:SERVICE/NAME`; left out where the server asks for none.
        ssl: As libpq's `sslmode`.
        read_only: Read beside a running arb; changes nothing.
        connect_timeout: How long one connection may take.
        reconnect_for: How long a transaction that has not begun waits for a server that is away, or starts.
        statement_timeout: The longest statement, and the longest a transaction may stand idle.
        lock_timeout: How long the transaction of another process is waited for.
    """

    host: str
    port: Annotated[int, Field(ge=1, le=65535)] = 5432
    database: str
    user: str
    password: Secret | None = None
    ssl: Literal["disable", "prefer", "require", "verify-ca", "verify-full"] = "prefer"
    read_only: bool = False
    connect_timeout: Duration = 5_000_000_000
    reconnect_for: Duration = 20_000_000_000
    statement_timeout: Duration = 30_000_000_000
    lock_timeout: Duration = 10_000_000_000

    @property
    def name(self) -> str:
        """Return what messages call the database; nothing secret is in it."""
        return f"{self.database} at {self.host}:{self.port}"
