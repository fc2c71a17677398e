"""No sequence of plans, each approved after the other, gets beyond a cap."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from arb.model import (
    SECOND_NS,
    ZERO,
    ExchangeName,
    Fresh,
    Hedge,
    HedgeId,
    HedgePlan,
    HedgeStatus,
    Instrument,
    InstrumentId,
    Leg,
    LegPlan,
    MarginMode,
    Position,
    PositionSide,
    exchange_of,
)
from arb.risk import (
    AccountRisk,
    ApprovedPlan,
    Halts,
    HeldPosition,
    MarginSetting,
    MemoryHaltStore,
    PricedLeg,
    RiskLimits,
    RiskManager,
)
from arb.testing import START_NS, FakeClock, sample_instrument

EXCHANGES = tuple(map(ExchangeName, ("a", "b", "c")))
PRICES = {"BTC": Decimal(100), "ETH": Decimal(7)}
EQUITY = Decimal(5000)
LIMITS = RiskLimits(
    max_hedge_notional_usd=Decimal(1000),
    max_instrument_notional_usd=Decimal(1800),
    max_exchange_notional_usd=Decimal(3000),
    max_pair_notional_usd=Decimal(4000),
    max_total_notional_usd=Decimal(6000),
    max_hedges=8,
    max_leverage=Decimal("0.55"),
    min_liquidation_distance=Decimal("0.1"),
    min_available_margin=Decimal("0.1"),
    max_maintenance_ratio=Decimal("0.5"),
    max_mark_divergence_bps=Decimal(100),
    max_depeg_bps=Decimal(100),
    max_price_age_ns=SECOND_NS,
    max_account_age_ns=SECOND_NS,
)


def fresh(value: Decimal) -> Fresh[Decimal]:
    return Fresh(value, "test", START_NS)


@dataclass
class Book:
    """Three venues, and the hedges whose plans were approved."""

    hedges: list[Hedge] = field(default_factory=list)
    instruments: dict[InstrumentId, Instrument] = field(
        default_factory=lambda: {
            one.id: one for exchange in EXCHANGES for base in PRICES for one in [sample_instrument(exchange, base)]
        }
    )

    def __post_init__(self) -> None:
        clock = FakeClock()
        self.gate = RiskManager(
            LIMITS,
            halts=Halts(MemoryHaltStore(), clock),
            veto=lambda _: None,
            clock=clock,
            instruments=self.instruments,
        )

    def price(self, instrument: InstrumentId) -> Decimal:
        return PRICES[self.instruments[instrument].base]

    def accounts(self) -> dict[ExchangeName, AccountRisk]:
        """What the venues show: legs of several hedges on one instrument are one position."""
        sizes: defaultdict[InstrumentId, Decimal] = defaultdict(lambda: ZERO)
        for leg in (leg for hedge in self.hedges for leg in hedge.legs):
            sizes[leg.instrument] += leg.open_quantity * leg.side.sign
        rows = [self._held(instrument, size) for instrument, size in sizes.items() if size]
        return {
            name: AccountRisk(
                exchange=name,
                equity_usd=fresh(EQUITY),
                available_usd=fresh(EQUITY),
                maintenance_usd=None,
                positions=tuple(row for row in rows if row.instrument.exchange == name),
            )
            for name in EXCHANGES
        }

    def _held(self, instrument: InstrumentId, size: Decimal) -> HeldPosition:
        price = self.price(instrument)
        position = Position(
            instrument=instrument,
            quantity=size,
            entry_price=price,
            mark_price=price,
            unrealized_pnl=ZERO,
            liquidation_price=None,
            leverage=None,
            margin_mode=MarginMode.CROSS,
            ts_event_ns=START_NS,
        )
        return HeldPosition(position=position, instrument=self.instruments[instrument], quote_usd=Decimal(1))

    def ask(self, base: str, pair: tuple[ExchangeName, ExchangeName], usd: int, filled: Decimal) -> None:
        """Plan a hedge of `usd` a leg; fill that part of it where it is approved."""
        quantity = (Decimal(usd) / PRICES[base]).quantize(Decimal("0.001"))
        sides = zip(pair, (PositionSide.LONG, PositionSide.SHORT), strict=True)
        plans = tuple(
            LegPlan(instrument=InstrumentId(f"{base}-PERP.{name}"), side=side, quantity=quantity)
            for name, side in sides
        )
        plan = HedgePlan(base=base, legs=plans, max_slippage_bps=Decimal(10), reason="test")
        priced = [
            PricedLeg(
                instrument=self.instruments[leg.instrument],
                base_quantity=quantity * leg.side.sign,
                quantity=quantity,
                mid_usd=fresh(PRICES[base]),
                mark_usd=fresh(PRICES[base]),
                quote_usd=fresh(Decimal(1)),
                margin=Fresh(MarginSetting(Decimal(5), MarginMode.CROSS), "test", START_NS),
            )
            for leg in plans
        ]
        approved = self.gate.approve(plan, priced, self.accounts(), hedges=self.hedges)
        if isinstance(approved, ApprovedPlan):
            self.hedges.append(_opened(plan, filled, len(self.hedges)))

    def check(self) -> None:
        """Add up what was approved and may still be filled, apart from the code under test."""
        at: defaultdict[InstrumentId, Decimal] = defaultdict(lambda: ZERO)
        on: defaultdict[ExchangeName, Decimal] = defaultdict(lambda: ZERO)
        between: defaultdict[frozenset[ExchangeName], Decimal] = defaultdict(lambda: ZERO)
        for hedge in self.hedges:
            pair = frozenset(exchange_of(leg.instrument) for leg in hedge.legs)
            for leg in hedge.legs:
                size = leg.target_quantity * self.price(leg.instrument)
                assert size <= LIMITS.max_hedge_notional_usd
                at[leg.instrument] += size
                on[exchange_of(leg.instrument)] += size
                between[pair] += size
        assert all(size <= LIMITS.max_instrument_notional_usd for size in at.values())
        assert all(size <= LIMITS.max_exchange_notional_usd for size in on.values())
        assert all(size <= LIMITS.max_pair_notional_usd for size in between.values())
        assert sum(on.values()) <= LIMITS.max_total_notional_usd
        assert len(self.hedges) <= LIMITS.max_hedges
        for name, account in self.accounts().items():
            awaited = sum(
                (leg.target_quantity - leg.entry_quantity) * self.price(leg.instrument)
                for hedge in self.hedges
                for leg in hedge.legs
                if exchange_of(leg.instrument) == name
            )
            assert (account.gross_notional_usd or ZERO) + awaited <= EQUITY * LIMITS.max_leverage


def _opened(plan: HedgePlan, filled: Decimal, count: int) -> Hedge:
    """A hedge as its entry left it: whole, or under way with a part of it filled."""
    return Hedge(
        id=HedgeId(str(count)),
        strategy="test",
        base=plan.base,
        legs=tuple(
            Leg(
                instrument=leg.instrument,
                side=leg.side,
                target_quantity=leg.quantity,
                multiplier=Decimal(1),
                entry_quantity=leg.quantity * filled,
            )
            for leg in plan.legs
        ),
        status=HedgeStatus.OPEN if filled == 1 else HedgeStatus.OPENING,
        created_ns=START_NS,
        max_slippage_bps=plan.max_slippage_bps,
        entry_reason=plan.reason,
    )


ASKED = st.tuples(
    st.sampled_from(sorted(PRICES)),
    st.sampled_from(list(combinations(EXCHANGES, 2))),
    st.integers(1, 1100),
    st.sampled_from([Decimal(1), Decimal(1), Decimal("0.5"), Decimal("0.1")]),
)


@settings(max_examples=200)
@given(asked=st.lists(ASKED, min_size=1, max_size=25), closed=st.sets(st.integers(0, 24)))
def test_no_sequence_of_approved_plans_exceeds_a_cap(
    asked: list[tuple[str, tuple[ExchangeName, ExchangeName], int, Decimal]], closed: set[int]
) -> None:
    book = Book()
    for step, (base, pair, usd, filled) in enumerate(asked):
        book.ask(base, pair, usd, filled)
        book.check()
        if step in closed and book.hedges:
            book.hedges.pop(0)


def test_the_caps_are_reached() -> None:
    """The test above would pass over a gate that refuses everything."""
    book, (a, b, c) = Book(), EXCHANGES
    for _ in range(9):
        book.ask("BTC", (a, b), 600, Decimal(1))
    assert len(book.hedges) == 3  # 1800 in one instrument
    for _ in range(9):
        book.ask("ETH", (a, b), 99, Decimal("0.1"))
    assert len(book.hedges) == 5  # 4000 between a and b
    for _ in range(9):
        book.ask("ETH", (b, c), 350, Decimal(1))
    assert len(book.hedges) == 7  # 2750 of leverage on b
    for _ in range(9):
        book.ask("ETH", (a, c), 310, Decimal(1))
    assert len(book.hedges) == 7  # 6000 in all
    for usd in (300, 1):
        book.ask("ETH", (a, c), usd, Decimal(1))
    assert len(book.hedges) == 8  # hedges enough
    book.check()
