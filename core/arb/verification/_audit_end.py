"""What has to be true when the faults are over, and when everything is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING, Final

from arb.model import (
    SECOND_NS,
    ZERO,
    ClientOrderId,
    Dust,
    ExchangeOrderId,
    Fill,
    FillId,
    FundingPayment,
    Hedge,
    HedgeStatus,
    InstrumentId,
    OrderStatus,
    PaymentId,
    exchange_of,
)
from arb.storage import Journal, RunAccount, account_run, decimal_text

from ._audit_orders import NOT_OURS
from ._kinds import Code

if TYPE_CHECKING:
    from ._auditor import Auditor


_CENT: Final = Decimal("0.01")
_ROUNDING_USD: Final = Decimal("0.000001")
"""What may be left where a plugin works the cash out from what its venue tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """One side's view of the accounts: the journal's or the venues'."""

    fills: Mapping[tuple[str, str], Fill]
    payments: Mapping[tuple[str, str], FundingPayment]
    positions: Mapping[InstrumentId, Decimal] = field(default_factory=dict)

    def as_told_by(self, plugins: Mapping[str, str]) -> Books:
        """Return the books with what every real venue tells, for exchanges that are reached through plugins.

        Venues cut times to milliseconds, few tell the PnL of a fill or the rate of a payment, each rounds fees in its
        own way (their sum is in the cash, which is compared apart), and plugins give rows names of their own.
        """
        fills = {key: row for key, row in self.fills.items() if key[0] not in plugins}
        for key, row in self.fills.items():
            if key[0] in plugins:
                named = _plain_fill(key[0], row, fills)
                fills[key[0], named.fill_id] = named
        payments = dict(
            _plain_payment(key, row) if key[0] in plugins else (key, row) for key, row in self.payments.items()
        )
        return Books(fills=fills, payments=payments, positions=self.positions)


def _plain_fill(exchange: str, row: Fill, taken: Mapping[tuple[str, str], Fill]) -> Fill:
    """Return a fill under a name made of what it is: a plugin may join the venue's numbers to its own liking."""
    is_ours = not row.client_order_id.startswith(NOT_OURS)
    order = row.client_order_id if is_ours else ClientOrderId("the venue's own")
    what = f"{order}: {row.side} {decimal_text(row.quantity)} {row.instrument} at {decimal_text(row.price)}"
    number = next(number for number in count(1) if (exchange, f"{what} ({number})") not in taken)
    return replace(
        row,
        fill_id=FillId(f"{what} ({number})"),
        client_order_id=order,
        exchange_order_id=ExchangeOrderId(""),
        fee=row.fee.quantize(_CENT),
        ts_event_ns=0,
        realized_pnl=None,
    )


def _plain_payment(key: tuple[str, str], row: FundingPayment) -> tuple[tuple[str, str], FundingPayment]:
    settled_ns = (row.settled_ns + SECOND_NS // 2) // SECOND_NS * SECOND_NS
    name = PaymentId(f"{row.instrument}:{settled_ns}")
    plain = FundingPayment(
        payment_id=name, instrument=row.instrument, amount=row.amount, currency=row.currency, settled_ns=settled_ns
    )
    return (key[0], name), plain


def check_rest(auditor: Auditor, moving_since: Mapping[str, int], quiet_ns: int) -> None:
    """Every hedge is open and balanced, flat, or halted with an alarm.

    Args:
        auditor: What it knows.
        moving_since: When each moving hedge began its phase, by the time of the world.
        quiet_ns: Since when nothing goes wrong; a phase that began later has its own time.
    """
    for hedge in auditor.truth.hedges.values():
        problem = _unrest(auditor, hedge)
        if problem and not (hedge.status.is_moving and moving_since.get(hedge.id, 0) > quiet_ns):
            auditor.found(Code.STUCK, hedge.id, f"hedge {hedge.id} ({hedge.base}) {problem}")


def _unrest(auditor: Auditor, hedge: Hedge) -> str:
    if hedge.status.is_moving:
        return f"is still {hedge.status}"
    if hedge.status is HedgeStatus.HALTED:
        return "" if auditor.truth.alarmed(hedge.id) else "is halted, and no alarm tells of it"
    held = [auditor.exposure.held(hedge, index) for index in range(len(hedge.legs))]
    is_over = not hedge.status.is_final or auditor.exposure.leaves_dust(hedge)
    if (auditor.exposure.is_balanced(hedge) and is_over) or _is_too_small(auditor, hedge, held):
        return ""
    return f"is {hedge.status}, and its legs hold {', '.join(map(str, held))}"


def _is_too_small(auditor: Auditor, hedge: Hedge, held: Sequence[Decimal]) -> bool:
    """Whether a venue refused to mend a difference as less than its minimum, which it is.

    Some let less than that be closed only as the whole of a position; what it refused once stays as dust.
    """
    refused = {
        one.order.request.instrument
        for one in auditor.truth.orders.values()
        if one.hedge_id == hedge.id
        and not one.purpose.opens_risk
        and one.order.status is OrderStatus.REJECTED
        and one.order.reason.startswith("below_minimum")
    }
    parts = [leg.side.sign * quantity * leg.multiplier for leg, quantity in zip(hedge.legs, held, strict=True)]
    # Of a hedge that is over each leg has to be that little: two that are equal are no difference, and yet are held.
    base = max(map(abs, parts)) if hedge.status.is_final else abs(sum(parts, ZERO))
    return any(
        base * auditor.sight.usd_per_base(name) < auditor.sight.instrument(name).min_notional for name in refused
    )


def check_books(auditor: Auditor, journal: Books, venues: Books) -> None:
    """Fills, payments and positions of the journal are those of the venues.

    What a hedge that moves holds is known when it is at rest, in the next run.
    """
    moving = auditor.truth.moving
    fills = {key: row for key, row in venues.fills.items() if key in journal.fills or row.instrument not in moving}
    _compare(auditor, "fill", journal.fills, fills, venues.fills)
    _compare(auditor, "payment", journal.payments, venues.payments, venues.payments)
    for instrument in sorted({*journal.positions, *venues.positions} - moving):
        ours, theirs = journal.positions.get(instrument, ZERO), venues.positions.get(instrument, ZERO)
        if ours != theirs:
            text = f"{instrument}: our hedges and their dust hold {ours}, the venue holds {theirs}"
            auditor.found(Code.LEDGER, instrument, text)


Rows = Mapping[tuple[str, str], object]


def _compare(auditor: Auditor, what: str, ours: Rows, wanted: Rows, theirs: Rows) -> None:
    """Compare rows: those of `wanted` must be here, and what is here must be in `theirs`."""
    for key in sorted({*ours, *wanted}):
        name = f"{what} {key[1]} of {key[0]}"
        if key not in theirs:
            auditor.found(Code.LEDGER, name, f"the journal has {name}, the venue has none")
        elif key not in ours:
            auditor.found(Code.LEDGER, name, f"the venue has {name} ({_short(theirs[key])}), the journal has none")
        elif ours[key] != theirs[key]:
            text = f"{name} is {_short(ours[key])} in the journal and {_short(theirs[key])} at the venue"
            auditor.found(Code.LEDGER, name, text)


def _short(row: object) -> str:
    if isinstance(row, Fill):
        paid = f"{row.liquidity}, fee {row.fee} {row.fee_currency}"
        return f"{row.side} {row.quantity} {row.instrument} at {row.price} of order {row.client_order_id}, {paid}"
    if isinstance(row, FundingPayment):
        return f"{row.amount} {row.currency} on {row.instrument}"
    return str(row)


def check_dust(auditor: Auditor, dust: tuple[Dust, ...]) -> None:
    """What a finished hedge still holds is declared."""
    declared = {(row.hedge_id, row.leg_index): row.quantity for row in dust}
    for hedge in auditor.truth.hedges.values():
        if not hedge.status.is_final:
            continue
        for index, leg in enumerate(hedge.legs):
            held = leg.open_quantity * leg.side.sign
            if held and declared.get((hedge.id, index)) != held:
                text = f"hedge {hedge.id} is {hedge.status} with {held} {leg.instrument}, declared as dust are "
                auditor.found(Code.DUST, f"{hedge.id}/{index}", text + f"{declared.get((hedge.id, index), 'none')}")


def check_money(auditor: Auditor, account: RunAccount, *, rounding: Decimal = ZERO) -> None:
    """Every cent of the change of equity has a part; `rounding` is what may be left, US dollars."""
    if abs(account.unexplained) > rounding:
        auditor.found(Code.MONEY, "unexplained", f"{account.unexplained} USD of the change of equity is not explained")
    if abs(account.parts.total - account.equity_change) > rounding:
        text = f"the parts sum to {account.parts.total}, equity changed by {account.equity_change}"
        auditor.found(Code.MONEY, "parts", text)


async def check_journal(auditor: Auditor, journal: Journal, venues: Books, plugins: Mapping[str, str]) -> None:
    """Read the journal once everything is over and compare it with the venues and with itself.

    Args:
        auditor: Told of what differs.
        journal: Of the run.
        venues: The truth.
        plugins: The exchanges that were reached through plugins, which tell what their venues tell.
    """
    hedges = await journal.hedges()
    dust = await journal.dust()
    positions: dict[InstrumentId, Decimal] = {}
    for hedge in hedges:
        for leg in hedge.legs:
            if leg.open_quantity:
                held = positions.get(leg.instrument, ZERO) + leg.open_quantity * leg.side.sign
                positions[leg.instrument] = held
    fills = {(str(exchange_of(row.instrument)), str(row.fill_id)): row for row in await journal.fills()}
    payments = {
        (str(exchange_of(row.instrument)), str(row.payment_id)): row for row in await journal.funding_payments()
    }
    ours = Books(fills=fills, payments=payments, positions={key: held for key, held in positions.items() if held})
    check_books(auditor, ours.as_told_by(plugins), venues.as_told_by(plugins))
    check_dust(auditor, dust)
    check_money(auditor, await account_run(journal), rounding=_ROUNDING_USD if plugins else ZERO)
