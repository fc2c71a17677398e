from __future__ import annotations

from decimal import Decimal
from typing import TypeVar

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.storage.conftest import with_journal

from arb.model import (
    ClientOrderId,
    Dust,
    EntryPolicy,
    EquitySample,
    Event,
    EventKind,
    ExchangeName,
    ExchangeOrderId,
    FeeSchedule,
    Fill,
    FillId,
    FundingKind,
    FundingPayment,
    FundingRate,
    Hedge,
    HedgeId,
    HedgeStatus,
    Instrument,
    InstrumentId,
    InstrumentStatus,
    Lease,
    Leg,
    LegOrder,
    Liquidity,
    MarginTier,
    Markout,
    Order,
    OrderMode,
    OrderPurpose,
    OrderRecord,
    OrderReport,
    OrderRequest,
    OrderStatus,
    PaymentId,
    PositionSample,
    PositionSide,
    PriceBase,
    RateUnit,
    Severity,
    Side,
    TimeInForce,
)
from arb.storage import Journal

T = TypeVar("T")
FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])

A, COIN_A = ExchangeName("one"), InstrumentId("COIN-PERP.one")


def hedge(hedge_id: str = "h1") -> Hedge:
    return Hedge(
        id=HedgeId(hedge_id),
        strategy="carry",
        base="COIN",
        legs=(Leg(instrument=COIN_A, side=PositionSide.LONG, target_quantity=Decimal(3), multiplier=Decimal(1)),),
        status=HedgeStatus.OPENING,
        created_ns=5,
        max_slippage_bps=Decimal(10),
        entry_reason="carry",
    )


# --- every value comes back equal -------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
names = st.text("abcdefghijkxyz0123456789-_", min_size=1, max_size=8)
times = st.integers(0, 2**63 - 1)
amounts = st.decimals(allow_nan=False, allow_infinity=False, places=None) | st.sampled_from(
    [Decimal("1.500"), Decimal("1E+5"), Decimal("0E-18"), Decimal("-0.000000000000000001"), Decimal("1E-30")]
)
positive = st.decimals(min_value="1E-12", max_value="1E12", allow_nan=False)
maybe_amounts = st.none() | amounts
maybe_times = st.none() | times
instrument_ids = st.builds(lambda name, exchange: InstrumentId(f"{name}.{exchange}"), names, names)
numbers = st.dictionaries(texts, texts, max_size=3)

instruments = st.builds(
    Instrument,
    id=instrument_ids,
    symbol=texts,
    base=texts,
    quote=texts,
    tick_size=positive,
    lot_size=positive,
    fees=st.builds(FeeSchedule, maker=amounts, taker=amounts),
    margin_tiers=st.lists(
        st.builds(MarginTier, max_notional=maybe_amounts, maintenance_rate=amounts, max_leverage=amounts),
        min_size=1,
        max_size=3,
    ).map(tuple),
    funding_interval_ns=maybe_times,
    min_quantity=amounts,
    min_notional=amounts,
    closing_min_notional=amounts,
    max_quantity=maybe_amounts,
    multiplier=positive,
    funding_price_base=st.sampled_from(PriceBase),
    asset_class=texts,
    status=st.sampled_from(InstrumentStatus),
    effective_from_ns=times,
)
legs = st.builds(
    Leg,
    instrument=instrument_ids,
    side=st.sampled_from(PositionSide),
    target_quantity=amounts,
    multiplier=amounts,
    entry_quantity=amounts,
    entry_price=maybe_amounts,
    exit_quantity=amounts,
    exit_price=maybe_amounts,
)
entries = st.one_of(
    st.builds(
        EntryPolicy,
        mode=st.just(OrderMode.MARKET),
        leg_order=st.sampled_from(LegOrder),
        rest_ns=st.integers(1, 2**63 - 1),
    ),
    # What rests cannot leave together.
    st.builds(EntryPolicy, mode=st.sampled_from(OrderMode), leg_order=st.just(LegOrder.PILOT_FIRST)),
)
hedges = st.builds(
    Hedge,
    id=names.map(HedgeId),
    strategy=texts,
    base=texts,
    legs=st.lists(legs, max_size=4).map(tuple),
    status=st.sampled_from(HedgeStatus),
    created_ns=times,
    max_slippage_bps=amounts,
    entry_reason=texts,
    entry_numbers=numbers,
    opened_ns=maybe_times,
    closing_ns=maybe_times,
    closed_ns=maybe_times,
    exit_reason=texts,
    exit_numbers=numbers,
    repairing_ns=maybe_times,
    entry=entries,
)
requests = st.builds(
    OrderRequest,
    client_order_id=names.map(ClientOrderId),
    instrument=instrument_ids,
    side=st.sampled_from(Side),
    quantity=positive,
    price=positive,
    time_in_force=st.just(TimeInForce.GTC),
    post_only=st.booleans(),
    reduce_only=st.booleans(),
)
orders = st.builds(
    OrderRecord,
    order=st.builds(
        Order,
        request=requests,
        status=st.sampled_from(OrderStatus),
        exchange_order_id=st.none() | texts.map(ExchangeOrderId),
        filled_quantity=amounts,
        average_price=maybe_amounts,
        ts_event_ns=times,
        reason=texts,
    ),
    hedge_id=st.just(HedgeId("h1")),
    leg_index=st.integers(0, 9),
    purpose=st.sampled_from(OrderPurpose),
    attempt=st.integers(0, 99),
    arrival_price=amounts,
    created_ns=times,
    mode=st.sampled_from(OrderMode),
    rest_until_ns=maybe_times,
)
reports = st.builds(
    OrderReport,
    client_order_id=st.just(ClientOrderId("o1")),
    ts_ns=times,
    status=st.sampled_from(OrderStatus),
    filled_quantity=amounts,
    average_price=maybe_amounts,
    source=texts,
    reason=texts,
)
markouts = st.builds(
    Markout, client_order_id=names.map(ClientOrderId), horizon_ns=times, mid_price=amounts, ts_ns=times
)
dusts = st.builds(
    Dust,
    hedge_id=names.map(HedgeId),
    leg_index=st.integers(0, 9),
    instrument=instrument_ids,
    quantity=amounts.filter(bool),  # a row of nothing is dust that somebody has closed
    price=amounts,
    declared_ns=times,
)
leases = st.builds(Lease, account=names.map(ExchangeName), holder=texts, token=times, expires_ns=times)
fills = st.builds(
    Fill,
    fill_id=names.map(FillId),
    client_order_id=texts.map(ClientOrderId),
    exchange_order_id=texts.map(ExchangeOrderId),
    instrument=instrument_ids,
    side=st.sampled_from(Side),
    price=amounts,
    quantity=amounts,
    fee=amounts,
    fee_currency=texts,
    liquidity=st.sampled_from(Liquidity),
    ts_event_ns=times,
    realized_pnl=maybe_amounts,
)
payments = st.builds(
    FundingPayment,
    payment_id=names.map(PaymentId),
    instrument=instrument_ids,
    amount=amounts,
    currency=texts,
    settled_ns=times,
    quantity=maybe_amounts,
    price=maybe_amounts,
    rate=maybe_amounts,
)
rates = st.builds(
    FundingRate,
    instrument=instrument_ids,
    raw=amounts,
    unit=st.builds(RateUnit, factor=amounts, period_ns=st.integers(1, 2**60)),
    interval_ns=times,
    kind=st.sampled_from(FundingKind),
    ts_event_ns=st.integers(0, 2**62),
    ts_init_ns=times,
    next_funding_ns=maybe_times,
)
events = st.builds(
    Event,
    ts_ns=times,
    kind=st.sampled_from(EventKind),
    subject=texts,
    message=texts,
    severity=st.sampled_from(Severity),
    data=numbers,
)


@FEW
@given(instruments)
def test_an_instrument_comes_back_equal(value: Instrument) -> None:
    async def body(journal: Journal) -> None:
        async with journal.transaction() as tx:
            assert await tx.put_instruments([value], seen_ns=0) == (value,)
        assert await journal.instruments() == (value,)

    with_journal(body)


@FEW
@given(hedges)
def test_a_hedge_comes_back_equal(value: Hedge) -> None:
    async def body(journal: Journal) -> None:
        async with journal.transaction() as tx:
            await tx.put_hedge(value)
        assert await journal.hedge(value.id) == value
        assert await journal.hedges(value.strategy, [value.status]) == (value,)

    with_journal(body)


@FEW
@given(orders)
def test_an_order_comes_back_equal(value: OrderRecord) -> None:
    async def body(journal: Journal) -> None:
        async with journal.transaction() as tx:
            await tx.put_hedge(hedge())
            await tx.put_order(value)
        assert await journal.order(value.order.request.client_order_id) == value

    with_journal(body)


@FEW
@given(st.lists(reports, max_size=4))
def test_reports_of_an_order_come_back_equal_and_in_the_order_they_were_learnt(values: list[OrderReport]) -> None:
    other = OrderReport(
        client_order_id=ClientOrderId("o2"),
        ts_ns=1,
        status=OrderStatus.OPEN,
        filled_quantity=Decimal(0),
        average_price=None,
        source="decision",
    )

    async def body(journal: Journal) -> None:
        for value in values:
            async with journal.transaction() as tx:
                await tx.add_order_reports([value, other])
        assert await journal.order_reports(ClientOrderId("o1")) == tuple(values)

    with_journal(body)


@FEW
@given(markouts, dusts, leases)
def test_what_execution_keeps_beside_orders_comes_back_equal(markout: Markout, dust: Dust, lease: Lease) -> None:
    async def body(journal: Journal) -> None:
        async with journal.transaction() as tx:
            await tx.put_hedge(hedge(dust.hedge_id))
            await tx.put_markouts([markout])
            await tx.put_dust([dust])
            assert await tx.swap_lease(None, lease)
        assert await journal.markouts() == (markout,)
        assert await journal.dust() == (dust,)
        assert await journal.lease(lease.account) == lease

    with_journal(body)


@FEW
@given(fills, payments)
def test_what_venues_booked_comes_back_equal(one: Fill, other: FundingPayment) -> None:
    async def body(journal: Journal) -> None:
        async with journal.transaction() as tx:
            assert await tx.add_fills([one]) == (one,)
            assert await tx.add_funding_payments([other]) == (other,)
        assert await journal.fills() == (one,)
        assert await journal.funding_payments() == (other,)

    with_journal(body)


@FEW
@given(rates)
def test_a_funding_rate_comes_back_equal(value: FundingRate) -> None:
    async def body(journal: Journal) -> None:
        async with journal.transaction() as tx:
            await tx.add_funding_rates([value])
        assert await journal.funding_rates(value.instrument, value.kind, value.ts_event_ns, value.ts_event_ns + 1) == (
            value,
        )
        assert await journal.latest_funding_rates(value.kind) == (value,)

    with_journal(body)


@FEW
@given(events, texts, times, amounts)
def test_samples_events_and_memory_come_back_equal(event: Event, text: str, ts_ns: int, amount: Decimal) -> None:
    equity = EquitySample(ts_ns=ts_ns, exchange=A, currency="USDC", cash=amount, equity=amount, usd_rate=Decimal(1))
    position = PositionSample(ts_ns=ts_ns, instrument=COIN_A, quantity=amount, mark_price=amount)

    async def body(journal: Journal) -> None:
        async with journal.transaction() as tx:
            await tx.add_equity([equity])
            await tx.add_positions([position])
            await tx.add_events([event])
            await tx.put_state("owner", text, text)
            await tx.put_cursor(A, text, ts_ns)
            await tx.save_clock(ts_ns)
        assert await journal.equity() == (equity,)
        assert await journal.positions_at_last_sample() == (position,)
        assert await journal.positions_at([ts_ns]) == (position,)
        assert await journal.events() == ((1, event),)
        assert await journal.state("owner", text) == text
        assert await journal.cursor(A, text) == ts_ns
        assert await journal.clock() == ts_ns

    with_journal(body)
