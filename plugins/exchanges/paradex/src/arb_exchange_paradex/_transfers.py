"""Deposits and withdrawals of a Paradex account."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from arb.api import Context
from arb.model import MILLISECOND_NS, ExchangeName, Transfer, TransferId, TransferKind
from arb.net import Row, from_ms, number, reading, text

from ._pages import all_rows
from ._rest import VenueRest

_DONE: Final = "COMPLETED"
"""What is still under way is no booking yet; it appears in its place when it is done."""

_KINDS: Final[Mapping[str, TransferKind]] = MappingProxyType(
    {
        "DEPOSIT": TransferKind.DEPOSIT,
        "WITHDRAWAL": TransferKind.WITHDRAWAL,
        "AUTO_WITHDRAWAL": TransferKind.WITHDRAWAL,
    }
)
"""Everything else, such as what goes to a vault and comes back, is something else."""

_DIRECTIONS: Final = {"IN": 1, "OUT": -1}
_SIGNS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "DEPOSIT": 1,
        "WITHDRAWAL": -1,
        "AUTO_WITHDRAWAL": -1,
        "VAULT_DEPOSIT": -1,
        "VAULT_WITHDRAWAL": 1,
        "UNWINDING": 1,
        "AIRDROP": 1,
    }
)
"""For rows of before `direction` was there; a kind that is not here cannot be booked without one."""


def transfer_of(exchange: ExchangeName, row: Row) -> Transfer | None:
    """Read a row of `GET /transfers`; None for one that is not done. Raises ValueError where it has no sign."""
    if row["status"] != _DONE:
        return None
    kind, amount = text(row["kind"]), abs(number(row["amount"]))
    sign = _DIRECTIONS.get(row.get("direction") or "") or _SIGNS.get(kind)
    if sign is None:
        raise ValueError(f"a transfer of the kind {kind!r} without a direction")
    return Transfer(
        transfer_id=TransferId(text(row["id"])),
        exchange=exchange,
        kind=_KINDS.get(kind, TransferKind.OTHER),
        currency=text(row["token"]),
        amount=sign * amount,
        ts_event_ns=from_ms(row["created_at"]),
    )


async def transfers_since(context: Context, rest: VenueRest, since_ns: int) -> list[Transfer]:
    """Return what was booked at or after a time, oldest first, whole."""
    params = {"start_at": max(0, since_ns) // MILLISECOND_NS}
    rows = await all_rows(context, rest, "/transfers", params)
    with reading(context.name, "transfers"):
        read = [transfer_of(ExchangeName(context.name), row) for row in rows]
    found = {one.transfer_id: one for one in read if one is not None and one.ts_event_ns >= since_ns}
    return sorted(found.values(), key=lambda one: (one.ts_event_ns, one.transfer_id))
