"""Deposits, withdrawals and interest of a Backpack account."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final

from arb.api import Context
from arb.model import MILLISECOND_NS, ExchangeName, Transfer, TransferId, TransferKind
from arb.net import PassedOver, Row, number, reading, text

from ._fields import from_text
from ._pages import pages
from ._rest import Pace, VenueRest
from ._signing import Params

_CONFIRMED: Final = "confirmed"
"""What is still under way is no booking yet; it appears in its place when it is done."""

_INTEREST_SIGN: Final[Mapping[str, int]] = MappingProxyType(
    {"Lend": 1, "UnrealizedPositivePnl": 1, "Borrow": -1, "EntryFee": -1, "UnrealizedNegativePnl": -1}
)
"""`paymentType` of interest: who pays. The venue states no sign of the amount, so its size alone is used."""


def deposit_of(exchange: ExchangeName, row: Row) -> Transfer | None:
    """Read a row of `GET /wapi/v1/capital/deposits`; None for one that has not arrived."""
    if row["status"] != _CONFIRMED:
        return None
    return _transfer(exchange, row, f"deposit-{row['id']}", TransferKind.DEPOSIT, 1, row["createdAt"])


def withdrawal_of(exchange: ExchangeName, row: Row) -> Transfer | None:
    """Read a row of `GET /wapi/v1/capital/withdrawals`; the venue's fee is part of the quantity."""
    if row["status"] != _CONFIRMED:
        return None
    return _transfer(exchange, row, f"withdrawal-{row['id']}", TransferKind.WITHDRAWAL, -1, row["createdAt"])


def interest_of(exchange: ExchangeName, row: Row) -> Transfer | None:
    """Read a row of `GET /wapi/v1/history/interest`, which has no id; None where nobody says who paid."""
    kind = text(row["paymentType"])
    sign = _INTEREST_SIGN.get(kind)
    if sign is None:
        return None
    name = f"interest-{row['marketSymbol']}-{row['symbol']}-{kind}-{row['positionId']}-{row['timestamp']}"
    return _transfer(exchange, row, name, TransferKind.INTEREST, sign, row["timestamp"])


def _transfer(
    exchange: ExchangeName, row: Row, name: str, kind: TransferKind, sign: int, when: object
) -> Transfer | None:
    amount = abs(number(row["quantity"]))
    if not amount:
        return None
    return Transfer(
        transfer_id=TransferId(name),
        exchange=exchange,
        kind=kind,
        currency=text(row["symbol"]),
        amount=sign * amount,
        ts_event_ns=from_text(when),
    )


class TransferReader:
    """Reads three lists and joins them."""

    def __init__(self, context: Context, rest: VenueRest, passed_over: PassedOver) -> None:
        self._context = context
        self._rest = rest
        self._passed_over = passed_over

    async def read(self, since_ns: int) -> list[Transfer]:
        """Return what was booked at or after a time, oldest first, whole."""
        since = {"from": max(0, since_ns) // MILLISECOND_NS}
        found: dict[str, Transfer] = {}
        for path, instruction, params, read in (
            ("/wapi/v1/capital/deposits", "depositQueryAll", since, deposit_of),
            ("/wapi/v1/capital/withdrawals", "withdrawalQueryAll", since, withdrawal_of),
            ("/wapi/v1/history/interest", "interestHistoryQueryAll", {"sortDirection": "Desc"}, interest_of),
        ):
            found |= await self._list(path, instruction, params, read, since_ns)
        return sorted(found.values(), key=lambda one: (one.ts_event_ns, one.transfer_id))

    async def _list(
        self,
        path: str,
        instruction: str,
        params: Params,
        read: Callable[[ExchangeName, Row], Transfer | None],
        since_ns: int,
    ) -> dict[str, Transfer]:
        exchange = ExchangeName(self._context.name)
        found: dict[str, Transfer] = {}
        async for rows in pages(self._context, self._rest, path, instruction, params, pace=Pace.TRANSFERS):
            with reading(self._context.name, path):
                times = [from_text(row.get("createdAt") or row["timestamp"]) for row in rows]
                wanted = [row for row, booked_ns in zip(rows, times, strict=True) if booked_ns >= since_ns]
                transfers = [one for row in wanted if (one := read(exchange, row)) is not None]
                self._tell_unknown(wanted)
            found |= {one.transfer_id: one for one in transfers}
            if times and times[0] >= times[-1] and times[-1] < since_ns:
                break
        return found

    def _tell_unknown(self, rows: Iterable[Row]) -> None:
        for row in rows:
            if "paymentType" in row and row["paymentType"] not in _INTEREST_SIGN:
                self._passed_over.tell(f"interest of the kind {row['paymentType']!r}", "it may be paid or received")
