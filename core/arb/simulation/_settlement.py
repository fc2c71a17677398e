"""Funding: payments at the market's settlements, in order, and those whose rate comes late.

Where the rules say so, funding without settlements only grows at the market's moments, which are full
hours then, and is paid when the position changes.
"""

from __future__ import annotations

from decimal import Decimal

from arb.model import HOUR_NS, FundingPayment, InstrumentId, PaymentId, PriceBase, exact_money, to_cash

from ._account import share
from ._floor import Accrued, Floor, PendingPayment


def next_settlement(floor: Floor, end_ns: int) -> tuple[int, list[InstrumentId]]:
    """Return the first settlement in (now, end] that may concern the account, and its instruments.

    Returns:
        `end_ns` and an empty list when there is none.
    """
    first, due = end_ns, list[InstrumentId]()
    state = floor.state
    watched = set(state.account.holdings) | {order.request.instrument for order in state.working.values()}
    for instrument in sorted(watched):
        moment = floor.market.next_settlement_ns(instrument, state.now_ns)
        if moment is None or moment > first:
            continue
        if moment < first:
            first, due = moment, []
        due.append(instrument)
    return first, due


def settle(floor: Floor, instrument: InstrumentId) -> None:
    """Book the settlement at the state's time for what is held now (handbook C2)."""
    state = floor.state
    quantity = state.account.quantity(instrument)
    if not quantity:
        return
    if _realises(floor, instrument):
        _accrue(floor, instrument, state.now_ns)
        return
    pending = PendingPayment(instrument, state.now_ns, quantity)
    if not _book(floor, pending):
        state.pending.append(pending)
        state.version += 1


def settle_pending(floor: Floor) -> None:
    """Book settlements whose rate has become known since."""
    for pending in list(floor.state.pending):
        if _book(floor, pending):
            floor.state.pending.remove(pending)


def realise(floor: Floor, instrument: InstrumentId, ts_ns: int) -> None:
    """Pay what has accrued on a position that a fill is about to change."""
    if not _realises(floor, instrument):
        return
    quantity = floor.state.account.quantity(instrument)
    if quantity:
        amount = _accrue(floor, instrument, ts_ns).amount
        if amount:
            _pay(
                floor,
                FundingPayment(
                    payment_id=PaymentId(f"{instrument}:{ts_ns}"),
                    instrument=instrument,
                    amount=amount,
                    currency=floor.instruments[instrument].quote,
                    settled_ns=ts_ns,
                    quantity=quantity,
                ),
            )
    floor.state.accrued[instrument] = Accrued(ts_ns)


def _realises(floor: Floor, instrument: InstrumentId) -> bool:
    return floor.rules.realises and floor.instruments[instrument].funding_interval_ns == 0


def _accrue(floor: Floor, instrument_id: InstrumentId, ts_ns: int) -> Accrued:
    """Let funding grow up to a time, and return it; while a part is unknown it waits for the next time."""
    instrument, state = floor.instruments[instrument_id], floor.state
    accrued = state.accrued.setdefault(instrument_id, Accrued(ts_ns))
    hour_ns = -(-ts_ns // HOUR_NS) * HOUR_NS
    rate = floor.market.settled_rate(instrument_id, hour_ns)
    price = _price(floor, instrument_id, instrument.funding_price_base, ts_ns)
    if rate is not None and price is not None:
        with exact_money():
            of_an_hour = -state.account.quantity(instrument_id) * price * rate
            accrued.amount += share(of_an_hour, Decimal(ts_ns - accrued.until_ns), Decimal(HOUR_NS))
        accrued.until_ns = ts_ns
        state.version += 1
    return accrued


def _book(floor: Floor, pending: PendingPayment) -> bool:
    """Book `-signed quantity x price base x rate`, rounded once to 1e-8; False while a part is unknown."""
    instrument = floor.instruments[pending.instrument]
    rate = floor.market.settled_rate(instrument.id, pending.settled_ns)
    price = _price(floor, instrument.id, instrument.funding_price_base, pending.settled_ns)
    if rate is None or price is None:
        return False
    with exact_money():
        exact_amount = -pending.quantity * price * rate
    payment = FundingPayment(
        payment_id=PaymentId(f"{instrument.id}:{pending.settled_ns}"),
        instrument=instrument.id,
        amount=to_cash(exact_amount),
        currency=instrument.quote,
        settled_ns=pending.settled_ns,
        quantity=pending.quantity,
        price=price,
        rate=rate,
    )
    _pay(floor, payment)
    return True


def _pay(floor: Floor, payment: FundingPayment) -> None:
    state = floor.state
    state.account.book(payment.currency, payment.amount)
    if floor.margin.isolated(payment.instrument):
        state.account.add_margin(payment.instrument, payment.amount)
    state.version += 1
    state.journal.add(payment)


def _price(floor: Floor, instrument: InstrumentId, base: PriceBase, ts_ns: int) -> Decimal | None:
    stats = floor.market.stats(instrument, ts_ns)
    if stats is None:
        return None
    return stats.mark_price if base is PriceBase.MARK else stats.index_price
