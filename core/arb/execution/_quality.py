"""How well orders were executed, computed from the record and from nothing else.

Costs are positive: slippage is what was paid beyond the mid price on arrival. A markout is what the
fill was worth later: positive where the price went our way, negative where whoever traded with us
knew more. Money is in the quote currency, and currencies are never added up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import median_low
from types import MappingProxyType
from typing import TypeVar

from arb.model import (
    BPS,
    ZERO,
    ClientOrderId,
    ExchangeName,
    Fill,
    Instrument,
    InstrumentId,
    Liquidity,
    Markout,
    OrderMode,
    OrderPurpose,
    OrderRecord,
    OrderReport,
    OrderStatus,
    exchange_of,
)

K = TypeVar("K", bound=str)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderQuality:
    """How one order was executed, as far as its fills are on record.

    Attributes:
        quote: The currency of its money; None while the instrument's rules are not known.
        was_in_doubt: Whether it is, or by its reports ever was.
        filled_quantity: Contracts, by the fills.
        missing_quantity: Contracts that the venue calls filled and whose fills are not on record:
            nothing here counts them.
        notional: Price times quantity of the fills.
        maker_notional: The part of it that rested in the book.
        arrival_notional: The same quantity at the arrival price.
        slippage: Paid beyond the arrival price; a cost is positive.
        first_fill_ns: From the decision to the first fill, by the venue's clock, never negative;
            None before it.
        last_fill_ns: The same to the last fill.
        markouts: What the fills had gained at each horizon (ns); a horizon nobody measured is absent.
    """

    client_order_id: ClientOrderId
    instrument: InstrumentId
    quote: str | None
    mode: OrderMode
    purpose: OrderPurpose
    status: OrderStatus
    was_in_doubt: bool
    filled_quantity: Decimal
    missing_quantity: Decimal
    notional: Decimal
    maker_notional: Decimal
    arrival_notional: Decimal
    slippage: Decimal
    first_fill_ns: int | None
    last_fill_ns: int | None
    markouts: Mapping[int, Decimal]

    @property
    def slippage_bps(self) -> Decimal | None:
        """Return the slippage against the arrival price; None before the first fill."""
        return _bps(self.slippage, self.arrival_notional)

    @property
    def maker_share(self) -> Decimal | None:
        """Return the part of the notional that rested in the book; None before the first fill."""
        return self.maker_notional / self.notional if self.notional else None

    @property
    def markouts_bps(self) -> Mapping[int, Decimal]:
        """Return the markouts against the notional, by horizon (ns)."""
        return {horizon: gained / self.notional / BPS for horizon, gained in self.markouts.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class QualitySum:
    """Orders of one quote currency together; every rate is weighted by notional.

    Attributes:
        rejected: Refused by the venue.
        not_sent: Certainly never reached it.
        doubts: Are or were in doubt.
        slippage: Quote currency; a cost is positive.
        slippage_bps: Against the arrival prices; None while nothing is filled.
        maker_share: Part of the notional that rested; None while nothing is filled.
        first_fill_ns: Median from decision to first fill; None while nothing is filled.
        last_fill_ns: Median from decision to last fill.
        markouts_bps: By horizon (ns), over the orders that were measured there.
    """

    orders: int
    rejected: int
    not_sent: int
    doubts: int
    notional: Decimal
    slippage: Decimal
    slippage_bps: Decimal | None
    maker_share: Decimal | None
    first_fill_ns: int | None
    last_fill_ns: int | None
    markouts_bps: Mapping[int, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionQuality:
    """Every order and the sums of them, each by its key and the quote currency.

    What others forced on us stands under its purpose and counts in no other sum.
    """

    orders: tuple[OrderQuality, ...]
    total: Mapping[str | None, QualitySum]
    by_exchange: Mapping[tuple[ExchangeName, str | None], QualitySum]
    by_mode: Mapping[tuple[OrderMode, str | None], QualitySum]
    by_purpose: Mapping[tuple[OrderPurpose, str | None], QualitySum]


def quality(
    records: Sequence[OrderRecord],
    fills: Iterable[Fill],
    markouts: Iterable[Markout],
    instruments: Mapping[InstrumentId, Instrument],
    *,
    reports: Iterable[OrderReport] = (),
) -> ExecutionQuality:
    """Return how `records` were executed.

    Args:
        records: Own orders.
        fills: All of them; what belongs to none of the orders is ignored.
        markouts: Mid prices after fills.
        instruments: By id: they tell the quote currencies.
        reports: What was learnt about the orders; without them only a doubt that lasts is counted.
    """
    fills_of: defaultdict[tuple[ClientOrderId, InstrumentId], list[Fill]] = defaultdict(list)
    for fill in fills:
        fills_of[fill.client_order_id, fill.instrument].append(fill)
    markouts_of: defaultdict[ClientOrderId, list[Markout]] = defaultdict(list)
    for markout in markouts:
        markouts_of[markout.client_order_id].append(markout)
    doubted = {one.client_order_id for one in reports if one.status is OrderStatus.IN_DOUBT}
    orders = tuple(
        _order(
            record,
            fills_of[record.order.request.client_order_id, record.order.request.instrument],
            markouts_of[record.order.request.client_order_id],
            instruments.get(record.order.request.instrument),
            doubted,
        )
        for record in records
    )
    ours = [one for one in orders if one.purpose is not OrderPurpose.FORCED]
    return ExecutionQuality(
        orders=orders,
        total={quote: found for (_, quote), found in _sums(ours, lambda one: "").items()},
        by_exchange=_sums(ours, lambda one: exchange_of(one.instrument)),
        by_mode=_sums(ours, lambda one: one.mode),
        by_purpose=_sums(orders, lambda one: one.purpose),
    )


def filled_at_ns(record: OrderRecord, fill: Fill) -> int:
    """Return when an order was filled: by the venue's clock, which cannot be right before the decision."""
    return max(fill.ts_event_ns, record.created_ns)


def _order(
    record: OrderRecord,
    fills: Sequence[Fill],
    markouts: Sequence[Markout],
    rules: Instrument | None,
    doubted: Collection[ClientOrderId],
) -> OrderQuality:
    order, sign = record.order, record.order.request.side.sign
    filled = sum((fill.quantity for fill in fills), ZERO)
    notional = sum((fill.quantity * fill.price for fill in fills), ZERO)
    resting = sum((fill.quantity * fill.price for fill in fills if fill.liquidity is Liquidity.MAKER), ZERO)
    times = [filled_at_ns(record, fill) for fill in fills]
    last_ns = max(times, default=None)
    return OrderQuality(
        client_order_id=order.request.client_order_id,
        instrument=order.request.instrument,
        quote=None if rules is None else rules.quote,
        mode=record.mode,
        purpose=record.purpose,
        status=order.status,
        was_in_doubt=order.status is OrderStatus.IN_DOUBT or order.request.client_order_id in doubted,
        filled_quantity=filled,
        missing_quantity=max(order.filled_quantity - filled, ZERO),
        notional=notional,
        maker_notional=resting,
        arrival_notional=record.arrival_price * filled,
        slippage=sign * (notional - record.arrival_price * filled),
        first_fill_ns=min(times) - record.created_ns if times else None,
        last_fill_ns=None if last_ns is None else last_ns - record.created_ns,
        markouts=MappingProxyType(
            {
                one.horizon_ns: sign * (one.mid_price * filled - notional)
                for one in markouts
                # Taken before the last fill was known: it tells of another moment.
                if last_ns is not None and one.ts_ns >= last_ns + one.horizon_ns
            }
        ),
    )


def _sums(
    orders: Iterable[OrderQuality], key: Callable[[OrderQuality], K]
) -> Mapping[tuple[K, str | None], QualitySum]:
    groups: defaultdict[tuple[K, str | None], list[OrderQuality]] = defaultdict(list)
    for one in orders:
        groups[key(one), one.quote].append(one)
    return MappingProxyType({name: _sum(group) for name, group in groups.items()})


def _sum(orders: Sequence[OrderQuality]) -> QualitySum:
    notional = sum((one.notional for one in orders), ZERO)
    slippage = sum((one.slippage for one in orders), ZERO)
    maker = sum((one.maker_notional for one in orders), ZERO)
    horizons = sorted({horizon for one in orders for horizon in one.markouts})
    return QualitySum(
        orders=len(orders),
        rejected=sum(one.status is OrderStatus.REJECTED for one in orders),
        not_sent=sum(one.status is OrderStatus.NOT_SENT for one in orders),
        doubts=sum(one.was_in_doubt for one in orders),
        notional=notional,
        slippage=slippage,
        slippage_bps=_bps(slippage, sum((one.arrival_notional for one in orders), ZERO)),
        maker_share=maker / notional if notional else None,
        first_fill_ns=_median(one.first_fill_ns for one in orders),
        last_fill_ns=_median(one.last_fill_ns for one in orders),
        markouts_bps=MappingProxyType({horizon: _markout_bps(orders, horizon) for horizon in horizons}),
    )


def _markout_bps(orders: Iterable[OrderQuality], horizon_ns: int) -> Decimal:
    measured = [one for one in orders if horizon_ns in one.markouts]
    gained = sum((one.markouts[horizon_ns] for one in measured), ZERO)
    return gained / sum((one.notional for one in measured), ZERO) / BPS


def _bps(part: Decimal, whole: Decimal) -> Decimal | None:
    return part / whole / BPS if whole else None


def _median(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return median_low(known) if known else None
