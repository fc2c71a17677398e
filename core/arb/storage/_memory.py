"""What plugins and the run remember from one start to the next."""

from __future__ import annotations

from typing import Final

from arb.api import Transaction
from arb.model import ExchangeName

from ._sql import decode, integer, text, upsert_sql, write_rows

_PUT_STATE: Final = upsert_sql("plugin_state", ("owner", "name", "content"), ("owner", "name"))
_PUT_CURSOR: Final = upsert_sql("cursors", ("exchange", "what", "position"), ("exchange", "what"))
_PUT_NUMBER: Final = upsert_sql("run_state", ("name", "number"), ("name",))
_CLOCK: Final = "clock_ns"


async def put_state(transaction: Transaction, owner: str, key: str, value: str) -> None:
    """Store one text of a plugin."""
    await write_rows(transaction, _PUT_STATE, [(owner, key, value)])


async def state(transaction: Transaction, owner: str, key: str) -> str | None:
    """Return one text of a plugin, or None."""
    rows = await transaction.query("SELECT content FROM plugin_state WHERE owner = ? AND name = ?", (owner, key))
    found = decode("plugin_state", rows, lambda row: text(row, "content"))
    return found[0] if found else None


async def put_cursor(transaction: Transaction, exchange: ExchangeName, what: str, position: int) -> None:
    """Store how far something was read."""
    await write_rows(transaction, _PUT_CURSOR, [(exchange, what, position)])


async def cursor(transaction: Transaction, exchange: ExchangeName, what: str) -> int | None:
    """Return how far something was read, or None."""
    rows = await transaction.query("SELECT position FROM cursors WHERE exchange = ? AND what = ?", (exchange, what))
    found = decode("cursors", rows, lambda row: integer(row, "position"))
    return found[0] if found else None


async def save_clock(transaction: Transaction, ts_ns: int) -> None:
    """Store the run's time."""
    await write_rows(transaction, _PUT_NUMBER, [(_CLOCK, ts_ns)])


async def clock(transaction: Transaction) -> int | None:
    """Return the run's time, or None before the first."""
    rows = await transaction.query("SELECT number FROM run_state WHERE name = ?", (_CLOCK,))
    found = decode("run_state", rows, lambda row: integer(row, "number"))
    return found[0] if found else None
