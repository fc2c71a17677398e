"""Joining what was paid with what was published, so that units can be proved."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from arb.model import (
    MINUTE_NS,
    ExchangeName,
    ExpectedFunding,
    Fill,
    FundingKind,
    FundingPayment,
    FundingRate,
    InstrumentId,
    exchange_of,
)

from ._proof import LATEST, PaidSettlement, Proof, Verdict, prove
from ._realised import Prices, is_covered, realisations

_NEAREST_NS: Final = 15 * MINUTE_NS


def rate_near(rates: Iterable[FundingRate], ts_ns: int) -> FundingRate | None:
    """Return the settled rate of the settlement at `ts_ns`; None when there is none near it, or no settlements."""
    settling = (rate for rate in rates if rate.interval_ns)
    near = [
        rate for rate in settling if abs(rate.ts_event_ns - ts_ns) <= min(_NEAREST_NS, max(rate.interval_ns // 4, 1))
    ]
    return min(near, key=lambda rate: abs(rate.ts_event_ns - ts_ns), default=None)


def quantum_of(values: Iterable[Decimal]) -> Decimal:
    """Return the last unit that a venue writes, as the finest one seen."""
    exponents = [exponent for value in values if isinstance(exponent := value.as_tuple().exponent, int)]
    return Decimal(1).scaleb(min(exponents, default=0))


def paid_settlement(
    payment: FundingPayment,
    rate: FundingRate,
    *,
    expected: ExpectedFunding | None,
    amount_quantum: Decimal,
    raw_quantum: Decimal,
) -> PaidSettlement | None:
    """Return the settlement of a payment; None where neither the venue nor we know quantity and price.

    Args:
        payment: As the venue booked it.
        rate: The settled rate of the same settlement, as its history publishes it.
        expected: What we expected of it, whose quantity and price stand in where the venue gives none.
        amount_quantum: Of the venue's amounts.
        raw_quantum: Of the published number.
    """
    quantity, price = payment.quantity, payment.price
    if expected is not None:
        quantity = expected.quantity if quantity is None else quantity
        price = expected.price if price is None else price
    if quantity is None or price is None:
        return None
    per_raw = rate.unit.factor * rate.interval_ns / rate.unit.period_ns
    return PaidSettlement(
        instrument=payment.instrument,
        settled_ns=payment.settled_ns,
        amount=payment.amount,
        quantity=quantity,
        price=price,
        rate=rate.rate,
        amount_quantum=amount_quantum,
        rate_quantum=raw_quantum * per_raw,
        coarse=payment.price is None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueProof:
    """What is proved of one venue.

    Attributes:
        kind: Which of its rates: those of its history, or its predictions.
        proof: Of all its settlements together, or of an instrument that does not fit.
        instruments: Of each.
    """

    exchange: ExchangeName
    kind: FundingKind
    proof: Proof
    instruments: Mapping[InstrumentId, Proof]


def prove_venues(
    settlements: Iterable[PaidSettlement], kind: FundingKind = FundingKind.SETTLED
) -> tuple[VenueProof, ...]:
    """Return what the latest settlements of each instrument prove of its venue, by venue.

    One instrument that does not fit is enough: the reader of its rates is that of all the others.

    Args:
        settlements: Of payments, or of what was predicted.
        kind: Which of the two.
    """
    of: defaultdict[InstrumentId, list[PaidSettlement]] = defaultdict(list)
    for one in sorted(settlements, key=lambda one: one.settled_ns):
        of[one.instrument].append(one)
    by_venue: defaultdict[ExchangeName, dict[InstrumentId, Sequence[PaidSettlement]]] = defaultdict(dict)
    for instrument, rows in sorted(of.items()):
        by_venue[exchange_of(instrument)][instrument] = rows[-LATEST:]
    found, called = [], "steps" if kind is FundingKind.PREDICTED else "payments"
    for exchange, series in sorted(by_venue.items()):
        proofs = {instrument: prove(rows, called=called) for instrument, rows in series.items()}
        wrong = [(name, proof) for name, proof in proofs.items() if proof.verdict is Verdict.MISMATCH]
        whole = prove([one for rows in series.values() for one in rows], called=called)
        proof = wrong[0][1] if wrong else whole
        found.append(VenueProof(exchange=exchange, kind=kind, proof=proof, instruments=proofs))
    return tuple(found)


def is_rated(rates: Sequence[FundingRate], ts_ns: int) -> bool:
    """Return whether the rate of what was booked at a time is known: of its settlement, or of all until then."""
    return rate_near(rates, ts_ns) is not None or is_covered(rates, ts_ns)


def join(
    payments: Sequence[FundingPayment],
    rates: Mapping[InstrumentId, Sequence[FundingRate]],
    expected: Iterable[ExpectedFunding] = (),
    fills: Sequence[Fill] = (),
    prices: Mapping[InstrumentId, Prices] = MappingProxyType({}),
) -> tuple[PaidSettlement, ...]:
    """Return the settlements that can be recomputed, in the order of the payments, and then what was realised.

    Args:
        payments: Of any venues; of an instrument whose funding accrues all since the first of them.
        rates: Settled ones, of each instrument.
        expected: What we expected of settlements, in any order.
        fills: Of instruments whose funding accrues, all that there ever were; others need none.
        prices: Of the same instruments, and of the venue's price base.
    """
    due: defaultdict[InstrumentId, list[ExpectedFunding]] = defaultdict(list)
    for one in expected:
        due[one.instrument].append(one)
    quanta = _quanta(payments, rates)
    realised: defaultdict[InstrumentId, list[FundingPayment]] = defaultdict(list)
    found: list[PaidSettlement] = []
    for payment in payments:
        rate = rate_near(rates.get(payment.instrument, ()), payment.settled_ns)
        if rate is None:
            # Of no settlement: where funding accrues, or did until its venue changed its rule.
            realised[payment.instrument].append(payment)
            continue
        near = [one for one in due[payment.instrument] if abs(one.settled_ns - payment.settled_ns) <= _NEAREST_NS]
        amount_quantum, raw_quantum = quanta[exchange_of(payment.instrument)]
        one_paid = paid_settlement(
            payment,
            rate,
            expected=min(near, key=lambda one: abs(one.settled_ns - payment.settled_ns), default=None),
            amount_quantum=amount_quantum,
            raw_quantum=raw_quantum,
        )
        if one_paid is not None:
            found.append(one_paid)
    for instrument, booked in sorted(realised.items()):
        amount_quantum, raw_quantum = quanta[exchange_of(instrument)]
        found += realisations(
            booked,
            rates.get(instrument, ()),
            prices.get(instrument, ()),
            [fill for fill in fills if fill.instrument == instrument],
            amount_quantum=amount_quantum,
            raw_quantum=raw_quantum,
        )
    return tuple(found)


def _quanta(
    payments: Iterable[FundingPayment], rates: Mapping[InstrumentId, Sequence[FundingRate]]
) -> Mapping[ExchangeName, tuple[Decimal, Decimal]]:
    """Return the last unit of amounts and that of published numbers, of each exchange that paid."""
    amounts: defaultdict[ExchangeName, list[Decimal]] = defaultdict(list)
    for payment in payments:
        amounts[exchange_of(payment.instrument)].append(payment.amount)
    raws: defaultdict[ExchangeName, list[Decimal]] = defaultdict(list)
    for instrument, series in rates.items():
        raws[exchange_of(instrument)] += [rate.raw for rate in series]
    return {name: (quantum_of(amounts[name]), quantum_of(raws[name])) for name in amounts}
