"""Funding: payments at the market's settlements, in order, and those whose rate comes late."""

from __future__ import annotations

from decimal import Decimal

from arb.model import FundingPayment, InstrumentId, PaymentId, PriceBase, exact_money, to_cash

from ._floor import Floor, PendingPayment


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
    pending = PendingPayment(instrument, state.now_ns, quantity)
    if not _book(floor, pending):
        state.pending.append(pending)
        state.version += 1


def settle_pending(floor: Floor) -> None:
    """Book settlements whose rate has become known since."""
    for pending in list(floor.state.pending):
        if _book(floor, pending):
            floor.state.pending.remove(pending)


def _book(floor: Floor, pending: PendingPayment) -> bool:
    """Book `-signed quantity x price base x rate`, rounded once to 1e-8; False while a part is unknown."""
    instrument = floor.instruments[pending.instrument]
    rate = floor.market.settled_rate(instrument.id, pending.settled_ns)
    price = _price(floor, instrument.id, instrument.funding_price_base, pending.settled_ns)
    if rate is None or price is None:
        return False
    with exact_money():
        exact_amount = -pending.quantity * price * rate
    amount = to_cash(exact_amount)
    state = floor.state
    state.account.book(instrument.quote, amount)
    if floor.margin.isolated(instrument.id):
        state.account.add_margin(instrument.id, amount)
    state.version += 1
    state.journal.add(
        FundingPayment(
            payment_id=PaymentId(f"{instrument.id}:{pending.settled_ns}"),
            instrument=instrument.id,
            amount=amount,
            currency=instrument.quote,
            settled_ns=pending.settled_ns,
            quantity=pending.quantity,
            price=price,
            rate=rate,
        )
    )
    return True


def _price(floor: Floor, instrument: InstrumentId, base: PriceBase, ts_ns: int) -> Decimal | None:
    stats = floor.market.stats(instrument, ts_ns)
    if stats is None:
        return None
    return stats.mark_price if base is PriceBase.MARK else stats.index_price
