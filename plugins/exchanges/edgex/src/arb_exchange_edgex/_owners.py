"""Whose orders fills are of: a fill does not tell its order's client id, and not every order can be asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from arb.api import BadResponse, Context, Rejected
from arb.model import ClientOrderId
from arb.net import Row, from_ms, reading, rows_of, text

from ._errors import NOT_FOUND
from ._names import LAG_NS, OrderNames, forced_name
from ._rest import VenueRest

_BATCH: Final = 20
"""Orders in one question for orders."""

_NONE: Final = "0"
"""The number of no order."""


class FillOwners:
    """Finds the client ids of the orders of fills.

    What is told once holds for good, so whatever is found is durable. A fill is called foreign only when it cannot
    be one of ours any more.
    """

    def __init__(self, context: Context, rest: VenueRest, names: OrderNames) -> None:
        self._context = context
        self._rest = rest
        self._names = names

    async def of(self, rows: Sequence[Row]) -> list[ClientOrderId]:
        """Return the client ids of rows of `orderFillTransaction`, in their order.

        The flags of a row come first: the venue's own orders, that liquidate or deleverage, are not asked for.

        Raises:
            ExchangeError: as :meth:`VenueRest.read`; BadResponse too where an order that the venue does not tell may
                be ours, or a moment old. The fill is listed again.
            KeyError, ValueError: a row cannot be read.
        """
        found = [forced_name(row, _subject(row)) for row in rows]
        await self._ask([text(row["orderId"]) for row, name in zip(rows, found, strict=True) if name is None])
        undecided: dict[str, bool] = {}
        owners = []
        for row, name in zip(rows, found, strict=True):
            owner = name or await self._names.owner(_key(row))
            owners.append(owner or await self._unlisted(row, undecided))
        return owners

    async def _ask(self, order_ids: Sequence[str]) -> None:
        """Ask the venue for the orders that nobody here knows."""
        unknown = [each for each in dict.fromkeys(order_ids) if each != _NONE and await self._names.owner(each) is None]
        for place in range(0, len(unknown), _BATCH):
            params = {"orderIdList": ",".join(unknown[place : place + _BATCH])}
            data = await self._rest.read("/api/v2/private/order/getOrderById", params)
            with reading(self._context.name, "orders"):
                for row in rows_of(data):
                    await self._names.of(row)

    async def _unlisted(self, row: Row, undecided: dict[str, bool]) -> ClientOrderId:
        """Return whose order it is that the venue does not tell: foreign where none of ours can be meant."""
        contract_id, key = str(row["contractId"]), _key(row)
        if contract_id not in undecided:
            undecided[contract_id] = await self._is_undecided(contract_id)
        owner = await self._names.owner(key) or self._names.answered(key)
        if owner is None:
            is_new = self._rest.time.now_ns() - from_ms(row["matchTime"]) < LAG_NS
            if is_new or undecided[contract_id]:
                text_ = f"the venue does not tell of the order of fill {row['id']}"
                raise BadResponse(text_, exchange=self._context.name, code="no_owner")
            owner = ClientOrderId(f"foreign-{_subject(row)}")
        return await self._names.keep(key, owner)

    async def _is_undecided(self, contract_id: str) -> bool:
        """Whether an order of ours may be there of which no number is known; asks for the latest by their ids."""
        recent = await self._names.recent(contract_id)
        if not recent:
            return False
        params = {"clientOrderIdList": ",".join(each.client_id for each in recent.values())}
        try:
            data = await self._rest.read("/api/v2/private/order/getOrderByClientOrderId", params)
        except Rejected as error:
            if error.code != NOT_FOUND:
                raise
            data = []
        with reading(self._context.name, "orders"):
            seen = {await self._names.of(row) for row in rows_of(data)}
        return any(self._names.is_undecided(name, each) for name, each in recent.items() if name not in seen)


def _subject(row: Row) -> str:
    """Return what a fill's order is called by: its number, or that of the fill where there is no order."""
    number = text(row["orderId"])
    return text(row["id"]) if number == _NONE else number


def _key(row: Row) -> str:
    """Return under what the owner is kept; fills and orders are not numbered together."""
    number = text(row["orderId"])
    return f"fill-{row['id']}" if number == _NONE else number
