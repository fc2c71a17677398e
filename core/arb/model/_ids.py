"""Identifiers. Each is a `str` with a type of its own, so that mypy keeps them apart."""

from __future__ import annotations

from typing import NewType

ExchangeName = NewType("ExchangeName", str)
"""The name an exchange has in the configuration, such as `hl-main`: one account of one venue."""

InstrumentId = NewType("InstrumentId", str)
"""`BTC-PERP.hl-main`: the instrument's name, a dot, the exchange's name in the configuration."""

ClientOrderId = NewType("ClientOrderId", str)
ExchangeOrderId = NewType("ExchangeOrderId", str)
FillId = NewType("FillId", str)
PaymentId = NewType("PaymentId", str)
TransferId = NewType("TransferId", str)
HedgeId = NewType("HedgeId", str)


def instrument_id(name: str, exchange: str) -> InstrumentId:
    """Join an instrument's name and its exchange.

    Raises:
        ValueError: one of them is empty, or the exchange holds a dot.
    """
    if not name or not exchange or "." in exchange:
        raise ValueError(f"not an instrument id: name {name!r}, exchange {exchange!r}")
    return InstrumentId(f"{name}.{exchange}")


def exchange_of(instrument: InstrumentId) -> ExchangeName:
    """Return the exchange an instrument trades on."""
    return ExchangeName(instrument.rpartition(".")[2])


def name_of(instrument: InstrumentId) -> str:
    """Return the instrument's name without its exchange."""
    return instrument.rpartition(".")[0]
