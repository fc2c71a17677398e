"""Orders, fills and payments as JSON rows: Decimal as text, so that nothing is lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from decimal import Decimal
from enum import Enum
from typing import Any, Final

from arb.model import Fill, FundingPayment, Liquidity, Order, OrderRequest, OrderStatus, Side, TimeInForce

Record = Order | Fill | FundingPayment
"""One entry of an account's history."""

_READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "amount": Decimal,
    "average_price": Decimal,
    "fee": Decimal,
    "filled_quantity": Decimal,
    "liquidity": Liquidity,
    "price": Decimal,
    "quantity": Decimal,
    "rate": Decimal,
    "realized_pnl": Decimal,
    "request": lambda row: OrderRequest(**_values(row)),
    "side": Side,
    "status": OrderStatus,
    "time_in_force": TimeInForce,
}


def request_row(request: OrderRequest) -> dict[str, Any]:
    """Return a request as a JSON object."""
    return _row(request)


def request_from(row: Mapping[str, Any]) -> OrderRequest:
    """Return the request of :func:`request_row`."""
    return OrderRequest(**_values(row))


def record_row(record: Record) -> list[Any]:
    """Return an entry as `[kind, object]`."""
    return [type(record).__name__, _row(record)]


def record_from(row: list[Any]) -> Record:
    """Return the entry of :func:`record_row`; raises KeyError, TypeError, ValueError or ArithmeticError."""
    kind, content = row
    types: dict[str, type[Record]] = {"Order": Order, "Fill": Fill, "FundingPayment": FundingPayment}
    return types[kind](**_values(content))


def _row(value: Order | Fill | FundingPayment | OrderRequest) -> dict[str, Any]:
    return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    return _row(value) if isinstance(value, OrderRequest) else value


def _values(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _READERS[name](value) if value is not None and name in _READERS else value for name, value in row.items()
    }
