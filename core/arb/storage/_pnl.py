"""Profit and loss of a stored run, by hedge, exchange, asset or day: the account's own amounts, summed otherwise."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import reduce

from arb.model import DAY_NS, ZERO, format_utc

from ._account_book import book_of
from ._account_holdings import holdings_of, settle_ties
from ._account_inputs import Inputs, load_inputs, period_of
from ._account_types import Part, Parts, exact_sums
from ._account_wallet import Cell, WalletResult
from ._journal import Journal

CAPITAL = ""
"""The key of what belongs to no hedge or asset: the currency moves of the capital, transfers, foreign fills."""


class PnlBy(StrEnum):
    """What a row stands for."""

    HEDGE = "hedge"
    EXCHANGE = "exchange"
    SYMBOL = "symbol"
    DAY = "day"


@dataclass(frozen=True, slots=True, kw_only=True)
class PnlRow:
    """One row, US dollars.

    Attributes:
        key: A hedge id, an exchange, an asset or a day such as `2026-01-31`; empty for what belongs to none.
        unexplained: Of an exchange or a day: what its parts leave of its change of equity.
    """

    key: str
    parts: Parts
    total: Decimal
    unexplained: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pnl:
    """All rows; their parts sum to `parts` exactly.

    Attributes:
        equity_change: Of all wallets; `parts.total + unexplained`.
    """

    by: PnlBy
    rows: tuple[PnlRow, ...]
    parts: Parts
    equity_change: Decimal
    unexplained: Decimal


async def pnl(journal: Journal, by: PnlBy, start_ns: int | None = None, end_ns: int | None = None) -> Pnl:
    """Sum what the account of the run finds, from the first sample at or after `start_ns` to the last until `end_ns`.

    A day ends with its last sample: what was booked after that belongs to the next day, with the
    prices that go with it.

    Raises:
        StorageError: the journal cannot be read, or an instrument that was traded is not stored.
    """
    inputs = await load_inputs(journal, start_ns, end_ns, every_ns=DAY_NS if by is PnlBy.DAY else None)
    with exact_sums():
        inputs = settle_ties(inputs)
        book = book_of(inputs, holdings_of(inputs.fills))
        return _summed(by, inputs, list(book.wallets.values()))


def _summed(by: PnlBy, inputs: Inputs, wallets: list[WalletResult]) -> Pnl:
    sums: defaultdict[str, defaultdict[Part, Decimal]] = defaultdict(lambda: defaultdict(lambda: ZERO))
    changes: defaultdict[str, Decimal] = defaultdict(lambda: ZERO)
    for wallet in wallets:
        key_of = _key(by, inputs, wallet)
        for cell, amount in wallet.amounts.items():
            sums[key_of(cell)][cell.part] += amount
        for key, change in _changes(by, wallet):
            changes[key] += change
            sums[key]
    rows = []
    for key in sorted(sums):
        parts = Parts(**{part.value: amount for part, amount in sums[key].items()})
        left = changes[key] - parts.total if key in changes else None
        rows.append(PnlRow(key=key, parts=parts, total=parts.total, unexplained=left))
    total = reduce(Parts.plus, (row.parts for row in rows), Parts())
    change = sum((wallet.equity_change for wallet in wallets), ZERO)
    return Pnl(by=by, rows=tuple(rows), parts=total, equity_change=change, unexplained=change - total.total)


def _key(by: PnlBy, inputs: Inputs, wallet: WalletResult) -> Callable[[Cell], str]:
    if by is PnlBy.EXCHANGE:
        exchange = wallet.samples[0].exchange
        return lambda _cell: exchange
    if by is PnlBy.DAY:
        days = [_day(sample.ts_ns) for sample in wallet.samples]
        return lambda cell: days[cell.step]
    if by is PnlBy.HEDGE:
        return lambda cell: CAPITAL if cell.slot is None else cell.slot[0]
    bases = {hedge.id: hedge.base for hedge in inputs.hedges}

    def symbol(cell: Cell) -> str:
        if cell.slot is not None:
            return bases[cell.slot[0]]
        return CAPITAL if cell.instrument is None else inputs.instruments[cell.instrument].base

    return symbol


def _changes(by: PnlBy, wallet: WalletResult) -> list[tuple[str, Decimal]]:
    """Return the change of equity by key, where a key has one."""
    if by is PnlBy.EXCHANGE:
        return [(wallet.samples[0].exchange, wallet.equity_change)]
    if by is not PnlBy.DAY:
        return []
    values = [sample.equity * sample.usd_rate for sample in wallet.samples]
    steps = zip(wallet.samples[1:], values[1:], values, strict=False)
    return [(_day(sample.ts_ns), new - old) for sample, new, old in steps]


def _day(ts_ns: int) -> str:
    return format_utc(period_of(ts_ns, DAY_NS))[:10]
