"""Money that came to the sub-account or left it: transfers from and to the funding account or another sub-account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from arb.api import Context
from arb.model import ExchangeName, Transfer, TransferId, TransferKind
from arb.net import Row, from_ns, positive, reading, text

from ._pages import pages
from ._rest import Pace, VenueRest

_OTHER: Final = frozenset({"ADHOC_INCENTIVE", "REFERRAL_INCENTIVE", "TRADING_DEPOSIT_YIELD_INCENTIVE"})
"""Types that are no deposit: the venue gives something away."""


class TransferReader:
    """Reads the history of transfers. Deposits and withdrawals of the chain are the funding account's, not listed."""

    def __init__(self, context: Context, rest: VenueRest, sub_account_id: str) -> None:
        self._context = context
        self._rest = rest
        self._sub_account_id = sub_account_id

    async def read(self, since_ns: int) -> list[Transfer]:
        """Return transfers of the sub-account at or after a time, oldest first."""

        async def ask(fields: Mapping[str, Any]) -> Any:
            body = {"start_time": str(max(0, since_ns)), **fields}
            return await self._rest.read("/full/v1/transfer_history", body, pace=Pace.TRANSFERS)

        found: dict[str, Transfer] = {}
        async for rows in pages(self._context, "transfers", ask):
            with reading(self._context.name, "transfers"):
                for row in rows:
                    transfer = transfer_of(ExchangeName(self._context.name), row, self._sub_account_id)
                    if transfer is not None and transfer.ts_event_ns >= since_ns:
                        found[transfer.transfer_id] = transfer
        return sorted(found.values(), key=lambda each: (each.ts_event_ns, each.transfer_id))


def transfer_of(exchange: ExchangeName, row: Row, sub_account_id: str) -> Transfer | None:
    """Read a row of `transfer_history`; None for one between other accounts, or within this one."""
    came = str(row["to_sub_account_id"]) == sub_account_id
    left = str(row["from_sub_account_id"]) == sub_account_id
    if came == left:
        return None
    amount = positive(row["num_tokens"])
    kind = TransferKind.DEPOSIT if came else TransferKind.WITHDRAWAL
    return Transfer(
        transfer_id=TransferId(text(row["tx_id"])),
        exchange=exchange,
        kind=TransferKind.OTHER if row.get("transfer_type") in _OTHER else kind,
        currency=text(row["currency"]),
        amount=amount if came else -amount,
        ts_event_ns=from_ns(row["event_time"]),
    )
