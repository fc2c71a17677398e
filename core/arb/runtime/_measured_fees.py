"""How often own entries rested, so that expected fees are measured and not hoped for."""

from __future__ import annotations

from collections import Counter, defaultdict
from decimal import Decimal
from typing import Final

from arb.funding import FeeCalculator
from arb.model import ZERO, ExchangeName, Liquidity, OrderPurpose, exchange_of
from arb.storage import JournalReader

_MIN_ENTRIES: Final = 20
"""Filled entries at an exchange before their share counts."""


async def measured_fees(journal: JournalReader) -> FeeCalculator:
    """Return the fees expected by what was stored; where too little was, every fill takes."""
    entries = {
        (record.order.request.client_order_id, record.order.request.instrument)
        for record in await journal.orders()
        if record.purpose is OrderPurpose.ENTRY and record.order.filled_quantity
    }
    counts = Counter(exchange_of(instrument) for _, instrument in entries)
    filled: defaultdict[ExchangeName, Decimal] = defaultdict(lambda: ZERO)
    rested: defaultdict[ExchangeName, Decimal] = defaultdict(lambda: ZERO)
    for fill in await journal.fills():
        if (fill.client_order_id, fill.instrument) in entries:
            exchange = exchange_of(fill.instrument)
            filled[exchange] += fill.quantity * fill.price
            if fill.liquidity is Liquidity.MAKER:
                rested[exchange] += fill.quantity * fill.price
    shares = {name: rested[name] / filled[name] for name in filled if counts[name] >= _MIN_ENTRIES}
    return FeeCalculator(maker_share=shares)
