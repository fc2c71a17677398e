"""The budget of naked exposure, against an integral summed second by second."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from arb.execution import naked_exposure
from arb.model import (
    SECOND_NS,
    ZERO,
    ClientOrderId,
    ExchangeOrderId,
    Fill,
    FillId,
    Hedge,
    HedgeId,
    HedgeStatus,
    InstrumentId,
    Leg,
    Liquidity,
    Order,
    OrderPurpose,
    OrderRecord,
    OrderReport,
    OrderRequest,
    OrderStatus,
    PositionSide,
    Side,
)
from arb.testing import START_NS

END_S = 40
CALM = settings(deadline=None)
MULTIPLIERS = (Decimal(1), Decimal("0.1"))
SIGNS = (1, -1)


def hedge() -> Hedge:
    """Return a hedge of one base unit: one contract long, ten short."""
    legs = tuple(
        Leg(
            instrument=InstrumentId(f"BTC-PERP.v{index}"),
            side=PositionSide.LONG if sign > 0 else PositionSide.SHORT,
            target_quantity=1 / multiplier,
            multiplier=multiplier,
        )
        for index, (sign, multiplier) in enumerate(zip(SIGNS, MULTIPLIERS, strict=True))
    )
    return Hedge(
        id=HedgeId("h"),
        strategy="s",
        base="BTC",
        legs=legs,
        status=HedgeStatus.OPENING,
        created_ns=START_NS,
        max_slippage_bps=Decimal(10),
        entry_reason="",
    )


@dataclass(frozen=True)
class Traded:
    """A fill: so many tenths of a base unit on a leg, `at_s` seconds after the start."""

    leg: int
    tenths: int
    at_s: int


def record(index: int, leg: int, signed: Decimal, at_s: int, status: OrderStatus, *, filled: bool) -> OrderRecord:
    """Return an order over signed base units."""
    quantity = abs(signed) / MULTIPLIERS[leg]
    request = OrderRequest(
        client_order_id=ClientOrderId(f"h-{leg}-{index}"),
        instrument=InstrumentId(f"BTC-PERP.v{leg}"),
        side=Side.BUY if signed > 0 else Side.SELL,
        quantity=quantity,
        price=Decimal(100),
    )
    return OrderRecord(
        order=Order(request=request, status=status, filled_quantity=quantity if filled else ZERO),
        hedge_id=HedgeId("h"),
        leg_index=leg,
        purpose=OrderPurpose.ENTRY,
        attempt=index,
        arrival_price=Decimal(100),
        created_ns=START_NS + at_s * SECOND_NS,
    )


def history(trades: Sequence[Traded]) -> tuple[list[OrderRecord], list[Fill]]:
    """Return one filled order for each trade."""
    records, fills = [], []
    for index, one in enumerate(trades):
        signed = Decimal(one.tenths) / 10
        made = record(index, one.leg, signed, one.at_s, OrderStatus.FILLED, filled=True)
        records.append(made)
        fills.append(
            Fill(
                fill_id=FillId(f"f{index}"),
                client_order_id=made.order.request.client_order_id,
                exchange_order_id=ExchangeOrderId("o"),
                instrument=made.order.request.instrument,
                side=made.order.request.side,
                price=Decimal(100),
                quantity=made.order.request.quantity,
                fee=ZERO,
                fee_currency="USDC",
                liquidity=Liquidity.TAKER,
                ts_event_ns=made.created_ns,
            )
        )
    return records, fills


def imbalance_at(trades: Sequence[Traded], second: int) -> Decimal:
    return sum((Decimal(one.tenths) / 10 for one in trades if one.at_s <= second), ZERO)


def summed(trades: Sequence[Traded], since_s: int, now_s: int, negligible: Decimal, *, with_standing: bool) -> Decimal:
    """Return the integral as a person would compute it: second by second, from when the stretch began."""
    naked = [abs(imbalance_at(trades, second)) > negligible for second in range(now_s)]
    begin = since_s
    while with_standing and since_s < now_s and 0 < begin <= len(naked) and naked[since_s] and naked[begin - 1]:
        begin -= 1
    return sum((abs(imbalance_at(trades, second)) for second in range(begin, now_s) if naked[second]), ZERO)


TRADES = st.lists(
    st.builds(
        Traded,
        leg=st.integers(0, 1),
        tenths=st.integers(-10, 10).filter(bool),
        at_s=st.integers(0, END_S),
    ),
    max_size=8,
)
TIMES = st.tuples(st.integers(0, END_S), st.integers(0, END_S)).map(sorted)


@CALM
@given(TRADES, TIMES, st.sampled_from([ZERO, Decimal("0.1"), Decimal("0.35")]))
def test_it_is_the_integral_of_the_absolute_imbalance(
    trades: list[Traded], times: list[int], negligible: Decimal
) -> None:
    since_s, now_s = times
    trades = [one for one in trades if one.at_s <= now_s]
    records, fills = history(trades)
    found = naked_exposure(
        hedge(),
        records,
        fills,
        since_ns=START_NS + since_s * SECOND_NS,
        now_ns=START_NS + now_s * SECOND_NS,
        negligible=negligible,
    )
    assert found.base_seconds == summed(trades, since_s, now_s, negligible, with_standing=False)
    assert found.base == abs(imbalance_at(trades, now_s))
    seconds = [second for second in range(since_s, now_s) if abs(imbalance_at(trades, second)) > negligible]
    assert found.seconds == len(seconds)


@CALM
@given(TRADES, TIMES)
def test_a_stretch_under_way_at_the_beginning_counts_from_its_own_beginning(
    trades: list[Traded], times: list[int]
) -> None:
    since_s, now_s = times
    trades = [one for one in trades if one.at_s <= now_s]
    records, fills = history(trades)
    found = naked_exposure(
        hedge(),
        records,
        fills,
        since_ns=START_NS + since_s * SECOND_NS,
        now_ns=START_NS + now_s * SECOND_NS,
        earliest_ns=0,
    )
    assert found.base_seconds == summed(trades, since_s, now_s, ZERO, with_standing=True)


@CALM
@given(TRADES, st.integers(0, END_S), st.data())
def test_the_order_in_which_fills_are_listed_does_not_matter(
    trades: list[Traded], now_s: int, data: st.DataObject
) -> None:
    records, fills = history(trades)
    now_ns = START_NS + now_s * SECOND_NS
    before = naked_exposure(hedge(), records, fills, since_ns=START_NS, now_ns=now_ns)
    records, fills = data.draw(st.permutations(records)), data.draw(st.permutations(fills))
    assert naked_exposure(hedge(), records, fills, since_ns=START_NS, now_ns=now_ns) == before


DOUBTS = st.lists(
    st.builds(Traded, leg=st.integers(0, 1), tenths=st.integers(-10, 10).filter(bool), at_s=st.integers(0, END_S)),
    max_size=3,
)


@CALM
@given(TRADES, DOUBTS, TIMES, st.sampled_from([ZERO, Decimal("0.1")]), st.booleans())
def test_it_is_never_negative_and_never_shrinks_while_time_passes(
    trades: list[Traded], doubts: list[Traded], times: list[int], negligible: Decimal, with_standing: bool
) -> None:
    records, fills = history(trades)
    records += [
        record(90 + index, one.leg, Decimal(one.tenths) / 10, one.at_s, OrderStatus.IN_DOUBT, filled=False)
        for index, one in enumerate(doubts)
    ]
    since_s, first_s = times
    before = ZERO
    for now_s in range(max(first_s, max((one.at_s for one in trades), default=0)), END_S + 5):
        found = naked_exposure(
            hedge(),
            records,
            fills,
            since_ns=START_NS + since_s * SECOND_NS,
            now_ns=START_NS + now_s * SECOND_NS,
            negligible=negligible,
            earliest_ns=0 if with_standing else None,
        )
        assert found.base_seconds >= before >= 0
        assert found.base >= abs(imbalance_at(trades, END_S))
        assert found.seconds >= 0
        before = found.base_seconds


@CALM
@given(TRADES, DOUBTS)
def test_an_order_without_an_outcome_counts_as_the_worse_of_filled_and_not_filled(
    trades: list[Traded], doubts: list[Traded]
) -> None:
    records, fills = history(trades)
    unclear = [
        record(90 + index, one.leg, Decimal(one.tenths) / 10, one.at_s, status, filled=False)
        for index, (one, status) in enumerate(
            zip(doubts, (OrderStatus.IN_DOUBT, OrderStatus.SUBMITTED, OrderStatus.PENDING), strict=False)
        )
    ]
    now_ns = START_NS + END_S * SECOND_NS
    found = naked_exposure(hedge(), [*records, *unclear], fills, since_ns=START_NS, now_ns=now_ns)
    known = imbalance_at(trades, END_S)
    outcomes = [known]
    for one in doubts:
        outcomes += [base + Decimal(one.tenths) / 10 for base in outcomes]
    assert found.base == max(abs(base) for base in outcomes)


def test_the_doubt_of_two_legs_that_left_together_counts_as_one_of_them_alone() -> None:
    unclear = [
        record(0, 0, Decimal(1), 0, OrderStatus.IN_DOUBT, filled=False),
        record(0, 1, Decimal(-1), 0, OrderStatus.IN_DOUBT, filled=False),
    ]
    found = naked_exposure(hedge(), unclear, [], since_ns=START_NS, now_ns=START_NS + 7 * SECOND_NS)
    assert (found.base, found.base_seconds, found.seconds) == (Decimal(1), Decimal(7), Decimal(7))


def test_an_order_that_rests_as_it_was_meant_to_is_no_exposure() -> None:
    resting = replace(
        record(0, 0, Decimal(1), 0, OrderStatus.OPEN, filled=False), rest_until_ns=START_NS + 60 * SECOND_NS
    )
    found = naked_exposure(hedge(), [resting], [], since_ns=START_NS, now_ns=START_NS + 7 * SECOND_NS)
    assert (found.base, found.base_seconds) == (ZERO, ZERO)


def test_a_venue_whose_clock_is_wrong_hides_nothing_and_adds_nothing() -> None:
    """A fill counts from its order at the earliest, and from now at the latest."""
    records, (fill,) = history([Traded(leg=0, tenths=10, at_s=10)])
    now_ns = START_NS + 20 * SECOND_NS
    for ts_ns, seconds in ((0, 10), (START_NS + 15 * SECOND_NS, 5), (START_NS + 10**6 * SECOND_NS, 0)):
        late = replace(fill, ts_event_ns=ts_ns)
        found = naked_exposure(hedge(), records, [late], since_ns=START_NS, now_ns=now_ns)
        assert (found.base_seconds, found.base) == (Decimal(seconds), Decimal(1))


def test_what_a_venue_reports_as_filled_and_does_not_list_yet_has_happened() -> None:
    reported = record(0, 0, Decimal(1), 0, OrderStatus.FILLED, filled=True)
    found = naked_exposure(hedge(), [reported], [], since_ns=START_NS, now_ns=START_NS + 7 * SECOND_NS)
    assert (found.base, found.base_seconds) == (Decimal(1), Decimal(7))


def test_what_a_resting_order_was_filled_by_counts_from_when_the_venue_says_so() -> None:
    resting = record(0, 0, Decimal(1), 0, OrderStatus.PARTIALLY_FILLED, filled=False)
    filled = replace(
        resting,
        order=replace(resting.order, filled_quantity=Decimal("0.5"), ts_event_ns=START_NS + 30 * SECOND_NS),
        rest_until_ns=START_NS + 60 * SECOND_NS,
    )
    found = naked_exposure(hedge(), [filled], [], since_ns=START_NS, now_ns=START_NS + 32 * SECOND_NS)
    assert (found.base, found.base_seconds, found.seconds) == (Decimal("0.5"), Decimal(1), Decimal(2))


def told(of: OrderRecord, filled: str, at_s: int) -> OrderReport:
    return OrderReport(
        client_order_id=of.order.request.client_order_id,
        ts_ns=START_NS + at_s * SECOND_NS,
        status=OrderStatus.PARTIALLY_FILLED,
        filled_quantity=Decimal(filled),
        average_price=Decimal(100),
        source="fetch_order",
    )


def test_a_report_of_more_does_not_make_what_was_reported_before_younger() -> None:
    resting = record(0, 0, Decimal(1), 0, OrderStatus.PARTIALLY_FILLED, filled=False)
    order = replace(resting.order, filled_quantity=Decimal(1), ts_event_ns=START_NS + 30 * SECOND_NS)
    filled = replace(resting, order=order, rest_until_ns=START_NS + 60 * SECOND_NS)
    reports = [told(resting, "0.5", 10), told(resting, "1", 30)]
    found = naked_exposure(hedge(), [filled], [], reports=reports, since_ns=START_NS, now_ns=START_NS + 40 * SECOND_NS)
    assert (found.base, found.base_seconds, found.seconds) == (Decimal(1), Decimal(20), Decimal(30))


def test_what_was_learnt_before_the_venue_says_that_it_happened_counts_from_then() -> None:
    """Our clock is four seconds behind the venue's."""
    (made,), (fill,) = history([Traded(leg=0, tenths=10, at_s=14)])
    order = replace(made.order, ts_event_ns=fill.ts_event_ns)
    ordered = replace(made, order=order, created_ns=START_NS + 9 * SECOND_NS)
    now_ns = START_NS + 20 * SECOND_NS
    reports = [told(ordered, "1", 10), told(ordered, "1", 15)]
    for fills in ([fill], []):
        found = naked_exposure(hedge(), [ordered], fills, reports=reports, since_ns=START_NS, now_ns=now_ns)
        assert (found.base, found.base_seconds) == (Decimal(1), Decimal(10))


def test_fills_of_other_orders_are_not_this_hedges() -> None:
    _, fills = history([Traded(leg=0, tenths=10, at_s=0)])
    found = naked_exposure(hedge(), [], fills, since_ns=START_NS, now_ns=START_NS + 20 * SECOND_NS)
    assert (found.base, found.base_seconds, found.seconds) == (ZERO, ZERO, ZERO)
