"""What rests, as the venue lists it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from arb.net import Row, reading

from ._client import Client

_OTHERS: Final = ("@", "#", "+")


async def open_rows(client: Client, user: str, dex: str, *, urgent: bool = False) -> list[Row]:
    """Return the open orders of a dex as the venue writes them, without those of spot and outcomes."""
    answer = await client.info("frontendOpenOrders", user=user, dex=dex or None, urgent=urgent)
    with reading(client.name, "the open orders"):
        if not isinstance(answer, list):
            raise TypeError(f"no list but {type(answer).__name__}")
    return [row for row in answer if not _is_other(row)]


def _is_other(row: Any) -> bool:
    coin = row.get("coin") if isinstance(row, Mapping) else None
    return isinstance(coin, str) and (coin.startswith(_OTHERS) or "/" in coin)
