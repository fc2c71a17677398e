"""Notional caps: what is held, what unfinished entries may still add, and the plan, all together."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from arb.model import ZERO, ExchangeName, Hedge, HedgeStatus, InstrumentId, Leg, exchange_of

from ._inputs import AccountRisk, PricedLeg
from ._limits import Refusal, RefusalCode, RiskLimits

K = TypeVar("K", bound=Hashable)
Pair = frozenset[ExchangeName]


@dataclass(frozen=True, slots=True)
class PlannedSize:
    """One leg of a plan and its size.

    Attributes:
        notional_usd: At the mid price.
        quote_usd: Dollars per unit of the quote currency.
    """

    leg: PricedLeg
    notional_usd: Decimal
    quote_usd: Decimal

    @property
    def instrument(self) -> InstrumentId:
        """Return the leg's instrument."""
        return self.leg.instrument.id

    @property
    def exchange(self) -> ExchangeName:
        """Return where the leg is traded."""
        return self.leg.instrument.exchange


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """Dollars everywhere after the entry.

    Attributes:
        instruments: In each instrument.
        exchanges: On each exchange.
        pairs: In hedges between the same exchanges.
        awaited: What entries that are not finished may still fill, on each exchange; counted above.
        unpriced: Instruments of hedges that nothing here has a price of.
    """

    instruments: Mapping[InstrumentId, Decimal]
    exchanges: Mapping[ExchangeName, Decimal]
    pairs: Mapping[Pair, Decimal]
    awaited: Mapping[ExchangeName, Decimal]
    unpriced: tuple[InstrumentId, ...]


def exposure(
    planned: Sequence[PlannedSize], accounts: Mapping[ExchangeName, AccountRisk], hedges: Sequence[Hedge]
) -> Exposure:
    """Add up positions at their mark prices, hedges and the plan.

    A cap is not widened by what is or may be netted: a position counts whole on whichever side it
    is, and what several hedges hold of one instrument on both sides counts together.
    """
    positions = [held for account in accounts.values() for held in account.positions or ()]
    prices = {held.instrument.id: held.position.mark_price * held.quote_usd for held in positions}
    prices |= {one.instrument: one.notional_usd / one.leg.quantity for one in planned}
    legs = [
        (pair_of(each.instrument for each in hedge.legs), leg.instrument, leg.open_quantity, _awaited(hedge, leg))
        for hedge in hedges
        for leg in hedge.legs
    ]
    unpriced = tuple({name: None for _, name, *sizes in legs if any(sizes) and name not in prices})
    valued = [(pair, name, prices.get(name, ZERO), filled, rest) for pair, name, filled, rest in legs]
    held = _sums((held.instrument.id, held.notional_usd) for held in positions)
    owned = _sums((name, price * filled) for _, name, price, filled, _ in valued)
    awaited = _sums((name, price * rest) for _, name, price, _, rest in valued)
    added = _sums((one.instrument, one.notional_usd) for one in planned)
    instruments = {
        name: max(held.get(name, ZERO), owned.get(name, ZERO)) + awaited.get(name, ZERO) + added.get(name, ZERO)
        for name in {**held, **owned, **added}
    }
    pair = pair_of(one.instrument for one in planned)
    return Exposure(
        instruments=instruments,
        exchanges=_sums((exchange_of(name), size) for name, size in instruments.items()),
        pairs=_sums(
            [
                *((each, price * (filled + rest)) for each, _, price, filled, rest in valued),
                *((pair, size) for size in added.values()),
            ]
        ),
        awaited=_sums((exchange_of(name), size) for name, size in awaited.items()),
        unpriced=unpriced,
    )


def notional_refusals(planned: Sequence[PlannedSize], found: Exposure, limits: RiskLimits) -> Iterator[Refusal]:
    """Yield every cap that would be exceeded."""
    for name in found.unpriced:
        yield Refusal(code=RefusalCode.PRICE_UNKNOWN, subject=name, note="a hedge holds it or waits for it")
    for one in planned:
        name, size = one.instrument, one.notional_usd
        yield from _capped(RefusalCode.HEDGE_NOTIONAL, name, size, limits.max_hedge_notional_usd)
        size = found.instruments[name]
        yield from _capped(RefusalCode.INSTRUMENT_NOTIONAL, name, size, limits.max_instrument_notional_usd)
    pair = pair_of(one.instrument for one in planned)
    for exchange in sorted(pair):
        size = found.exchanges[exchange]
        yield from _capped(RefusalCode.EXCHANGE_NOTIONAL, exchange, size, limits.max_exchange_notional_usd)
    subject = " + ".join(sorted(pair))
    yield from _capped(RefusalCode.PAIR_NOTIONAL, subject, found.pairs[pair], limits.max_pair_notional_usd)
    total = sum(found.instruments.values(), ZERO)
    yield from _capped(RefusalCode.TOTAL_NOTIONAL, "everything", total, limits.max_total_notional_usd)


def pair_of(instruments: Iterable[InstrumentId]) -> Pair:
    """Return the exchanges between which a hedge stands."""
    return frozenset(exchange_of(one) for one in instruments)


def _awaited(hedge: Hedge, leg: Leg) -> Decimal:
    # Only an entry makes legs larger: a repair reduces.
    is_entry = hedge.status is HedgeStatus.OPENING
    return max(leg.target_quantity - leg.entry_quantity, ZERO) if is_entry else ZERO


def _sums(rows: Iterable[tuple[K, Decimal]]) -> dict[K, Decimal]:
    total: dict[K, Decimal] = {}
    for key, amount in rows:
        total[key] = total.get(key, ZERO) + amount
    return total


def _capped(code: RefusalCode, subject: str, value: Decimal, limit: Decimal) -> Iterator[Refusal]:
    if value > limit:
        yield Refusal(code=code, subject=subject, value=value, limit=limit)
