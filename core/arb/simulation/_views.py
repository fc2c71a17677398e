"""An account as its venue shows it: positions and balances now, positions at a past time."""

from __future__ import annotations

from decimal import Decimal

from arb.model import Balance, InstrumentId, Position, exact_money, to_cash

from ._floor import Floor


def positions(floor: Floor) -> list[Position]:
    """Return open positions at the venue's time."""
    marks = floor.marks()
    pools = {currency: floor.margin.pool(currency, marks) for currency in floor.state.account.cash}
    rows = []
    for instrument, holding in sorted(floor.state.account.holdings.items()):
        leverage, mode = floor.margin.leverage(instrument)
        pool = pools[floor.instruments[instrument].quote]
        rows.append(
            Position(
                instrument=instrument,
                quantity=holding.quantity,
                entry_price=holding.cost / holding.quantity,
                mark_price=marks[instrument],
                unrealized_pnl=holding.unrealized(marks[instrument]),
                liquidation_price=floor.margin.liquidation_price(instrument, marks[instrument], pool),
                leverage=leverage,
                margin_mode=mode,
                ts_event_ns=floor.state.now_ns,
            )
        )
    return rows


def positions_at(floor: Floor, ts_ns: int) -> list[Position]:
    """Return positions open after the fills at or before `ts_ns`; see `SimulatedVenue.positions_at`."""
    rows = []
    for instrument, held in floor.state.journal.held_at(ts_ns).items():
        entry = held.cost / held.quantity
        mark = _mark_at(floor, instrument, ts_ns)
        if mark is None:
            mark = entry
        with exact_money():
            unrealized = held.quantity * mark - held.cost
        leverage, mode = floor.margin.leverage(instrument)
        rows.append(
            Position(
                instrument=instrument,
                quantity=held.quantity,
                entry_price=entry,
                mark_price=mark,
                unrealized_pnl=unrealized,
                liquidation_price=None,
                leverage=leverage,
                margin_mode=mode,
                ts_event_ns=ts_ns,
            )
        )
    return rows


def balances(floor: Floor) -> list[Balance]:
    """Return every currency at the venue's time; what is available is rounded to 1e-8."""
    marks = floor.marks()
    rows = []
    for currency, cash in sorted(floor.state.account.cash.items()):
        pool = floor.margin.pool(currency, marks, floor.working(currency))
        rows.append(
            Balance(
                currency=currency,
                cash=cash,
                equity=pool.equity,
                available=to_cash(pool.available),
                maintenance_margin=pool.maintenance,
                ts_event_ns=floor.state.now_ns,
            )
        )
    return rows


def _mark_at(floor: Floor, instrument: InstrumentId, ts_ns: int) -> Decimal | None:
    stats = floor.market.stats(instrument, ts_ns)
    if stats is not None and stats.mark_price is not None:
        return stats.mark_price
    book = floor.market.book(instrument, ts_ns)
    bbo = book.bbo() if book is not None else None
    return bbo.mid_price if bbo is not None else None
