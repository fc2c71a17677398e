from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from decimal import Decimal

from arb.api import StaleData
from arb.funding import FundingBook, FxBook, HedgeAccount, OpportunityFinder, StatsBook
from arb.model import (
    BPS,
    HOUR_NS,
    Balance,
    BookLevel,
    ExchangeName,
    FeeSchedule,
    Fresh,
    FundingKind,
    FundingRate,
    Hedge,
    HedgeId,
    HedgeOutlook,
    HedgeStatus,
    Instrument,
    InstrumentId,
    Leg,
    MarginMode,
    OrderBook,
    Position,
    PositionSide,
    RateUnit,
    Stale,
    Unknown,
)
from arb.testing import START_NS, FakeClock, sample_instrument

LONG = sample_instrument("a", funding_interval_ns=HOUR_NS, fees=FeeSchedule(maker=Decimal(0), taker=Decimal("0.0002")))
SHORT = sample_instrument(
    "b", funding_interval_ns=8 * HOUR_NS, quote="USDT", fees=FeeSchedule(maker=Decimal(0), taker=Decimal("0.0003"))
)


def leg(instrument: Instrument, side: PositionSide, entry: str, quantity: str = "10", closed: str = "0") -> Leg:
    return Leg(
        instrument=instrument.id,
        side=side,
        target_quantity=Decimal(10),
        multiplier=Decimal(1),
        entry_quantity=Decimal(quantity),
        entry_price=Decimal(entry),
        exit_quantity=Decimal(closed),
        exit_price=Decimal(120) if Decimal(closed) else None,
    )


HEDGE = Hedge(
    id=HedgeId("h1"),
    strategy="s",
    base="BTC",
    legs=(leg(LONG, PositionSide.LONG, "100"), leg(SHORT, PositionSide.SHORT, "101")),
    status=HedgeStatus.OPEN,
    created_ns=START_NS,
    max_slippage_bps=Decimal(10),
    entry_reason="test",
)


def book(instrument: Instrument, bid: str, ask: str, size: str = "100") -> OrderBook:
    return OrderBook(
        instrument=instrument.id,
        bids=(BookLevel(Decimal(bid), Decimal(size)),),
        asks=(BookLevel(Decimal(ask), Decimal(size)),),
        sequence=1,
        ts_event_ns=START_NS,
        ts_init_ns=START_NS,
    )


def position(instrument: Instrument, quantity: str, liquidation: str | None = None) -> Position:
    return Position(
        instrument=instrument.id,
        quantity=Decimal(quantity),
        entry_price=Decimal(100),
        mark_price=Decimal(100),
        unrealized_pnl=Decimal(0),
        liquidation_price=None if liquidation is None else Decimal(liquidation),
        leverage=None,
        margin_mode=MarginMode.CROSS,
        ts_event_ns=START_NS,
    )


def balance(equity: str, currency: str = "USDC", maintenance: str | None = None) -> Balance:
    return Balance(
        currency=currency,
        cash=Decimal(equity),
        equity=Decimal(equity),
        available=Decimal(equity),
        maintenance_margin=None if maintenance is None else Decimal(maintenance),
        ts_event_ns=START_NS,
    )


def account(long: Position | None, short: Position | None, *balances: tuple[str, Balance]) -> HedgeAccount:
    held = {ExchangeName("a"): long, ExchangeName("b"): short}
    return HedgeAccount(
        funding=Decimal(3),
        fees=Decimal(2),
        positions={name: Fresh([each] if each else [], "x", START_NS) for name, each in held.items()},
        balances={ExchangeName(name): Fresh([each], "x", START_NS) for name, each in balances},
    )


SAFE = account(position(LONG, "10", "70"), position(SHORT, "-10", "125"))


@dataclass
class Desk:
    """Everything known of the hedge's two legs; a test takes things away."""

    funding: FundingBook = field(default_factory=FundingBook)
    fx: FxBook = field(default_factory=lambda: FxBook(assumed={"USDC": Decimal(1), "USDT": Decimal("0.99")}))
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self.instruments = {LONG.id: LONG, SHORT.id: SHORT}
        self.books = {LONG.id: book(LONG, "99", "101"), SHORT.id: book(SHORT, "99", "101")}
        self.predict(LONG, "0.1")
        self.predict(SHORT, "0.4")

    def predict(self, instrument: Instrument, bps_hour: str) -> None:
        interval = instrument.funding_interval_ns or 0
        self.funding.observe(
            FundingRate(
                instrument=instrument.id,
                raw=Decimal(bps_hour) * BPS,
                unit=RateUnit(factor=Decimal(1), period_ns=HOUR_NS),
                interval_ns=interval,
                kind=FundingKind.PREDICTED,
                ts_event_ns=START_NS,
                ts_init_ns=START_NS,
                next_funding_ns=START_NS + interval,
            ),
            START_NS,
        )

    async def get_book(self, instrument: InstrumentId, max_age_ns: int) -> Fresh[OrderBook]:
        if instrument not in self.books:
            raise StaleData("the last one is 9 s old")
        return Fresh(self.books[instrument], "desk", START_NS)

    def outlook(self, hours: str = "8", hedge: Hedge = HEDGE, known: HedgeAccount = SAFE) -> HedgeOutlook:
        finder = OpportunityFinder(
            instruments=self.instruments,
            funding=self.funding,
            stats=StatsBook(),
            fx=self.fx,
            prices=self,
            clock=self.clock,
        )
        return asyncio.run(finder.outlook(hedge, Decimal(hours), known))


def test_a_hedge_of_which_everything_is_known() -> None:
    outlook = Desk().outlook()
    assert outlook.stale == ()
    assert outlook.carry_bps_hour == Decimal("0.3")
    # 2 + 3 bps of fees, and half of a 2 % spread on each side.
    assert outlook.exit_cost_bps == 205
    # Long: sold at 99 against 100. Short: bought back at 101 against 101.
    assert outlook.price_pnl == -10
    assert outlook.notional_usd == (990 + 1010 * Decimal("0.99")) / 2
    assert (outlook.funding, outlook.fees) == (Decimal(3), Decimal(2))
    # The short leg is nearer: 100 -> 125.
    assert outlook.liquidation_distance == Decimal("0.25")


def test_capture_is_counted_settlement_by_settlement() -> None:
    desk = Desk()
    before, at = desk.outlook("7.9").capture_bps, desk.outlook("8").capture_bps
    assert before is not None
    assert at is not None
    assert before < 0 < at


def test_what_was_closed_already_counts_at_its_price() -> None:
    half = replace(
        HEDGE,
        legs=(
            leg(LONG, PositionSide.LONG, "100", closed="4"),
            leg(SHORT, PositionSide.SHORT, "101", closed="4"),
        ),
    )
    outlook = Desk().outlook(hedge=half)
    closed = 4 * 20 - 4 * 19 * Decimal("0.99")
    still_open = 6 * -1 + Decimal(0)
    assert outlook.price_pnl == closed + still_open


def test_an_unknown_rate_makes_carry_and_capture_unknown_but_not_the_prices() -> None:
    desk = Desk()
    desk.funding = FundingBook()
    desk.predict(LONG, "0.1")
    outlook = desk.outlook()
    assert (outlook.carry_bps_hour, outlook.capture_bps) == (None, None)
    assert outlook.exit_cost_bps is not None
    assert outlook.liquidation_distance is not None
    assert any(str(SHORT.id) in text for text in outlook.stale)


def test_in_quarantine_the_carry_is_unknown_and_the_hedge_is_valued_as_ever() -> None:
    desk = Desk()
    before = desk.outlook()
    desk.funding.quarantine(ExchangeName("b"), "paid over published is 0.01")
    outlook = desk.outlook()
    assert (outlook.carry_bps_hour, outlook.capture_bps) == (None, None)
    assert any("quarantine: paid over published is 0.01" in text for text in outlook.stale)
    assert (outlook.price_pnl, outlook.exit_cost_bps, outlook.notional_usd, outlook.liquidation_distance) == (
        before.price_pnl,
        before.exit_cost_bps,
        before.notional_usd,
        before.liquidation_distance,
    )


def test_a_stale_rate_is_named_and_not_used() -> None:
    desk = Desk()
    desk.clock.advance(HOUR_NS)
    outlook = desk.outlook()
    assert outlook.carry_bps_hour is None
    assert any("stale" in text for text in outlook.stale)


def test_a_missing_book_makes_cost_and_result_unknown_but_not_the_carry() -> None:
    desk = Desk()
    del desk.books[SHORT.id]
    outlook = desk.outlook()
    assert (outlook.exit_cost_bps, outlook.price_pnl, outlook.notional_usd) == (None, None, None)
    assert outlook.carry_bps_hour == Decimal("0.3")
    assert any("9 s old" in text for text in outlook.stale)


def test_a_book_too_thin_to_leave_by_has_no_cost() -> None:
    desk = Desk()
    desk.books[LONG.id] = book(LONG, "99", "101", size="9")
    outlook = desk.outlook()
    assert outlook.exit_cost_bps is None
    assert any("cannot take" in text for text in outlook.stale)


def test_a_missing_currency_rate_leaves_the_cost_known() -> None:
    desk = Desk(fx=FxBook(assumed={"USDC": Decimal(1)}))
    outlook = desk.outlook()
    assert outlook.exit_cost_bps == 205
    assert (outlook.price_pnl, outlook.notional_usd) == (None, None)
    assert any("USDT" in text for text in outlook.stale)


def test_a_delisted_instrument_is_named() -> None:
    desk = Desk()
    del desk.instruments[SHORT.id]
    outlook = desk.outlook()
    assert outlook.carry_bps_hour is None
    assert outlook.exit_cost_bps is None
    assert f"{SHORT.id} is not listed any more" in outlook.stale


def test_a_hedge_that_holds_nothing_has_nothing_to_value() -> None:
    flat = replace(HEDGE, legs=(leg(LONG, PositionSide.LONG, "100", "0"), leg(SHORT, PositionSide.SHORT, "101", "0")))
    outlook = Desk().outlook(hedge=flat)
    assert (outlook.exit_cost_bps, outlook.liquidation_distance) == (None, None)
    assert "no leg is open" in outlook.stale


def test_unknown_positions_are_not_taken_for_flat() -> None:
    unread = HedgeAccount(positions={ExchangeName("a"): Unknown("HTTP 503"), ExchangeName("b"): Unknown("HTTP 503")})
    outlook = Desk().outlook(known=unread)
    assert outlook.liquidation_distance is None
    assert any("HTTP 503" in text for text in outlook.stale)
    assert outlook.exit_cost_bps is not None


def test_a_leg_the_venue_does_not_report_is_named_and_the_other_still_counts() -> None:
    outlook = Desk().outlook(known=account(position(LONG, "10", "95"), None))
    assert outlook.liquidation_distance == Decimal("0.05")
    assert any("reports no position" in text for text in outlook.stale)


def test_a_position_on_the_wrong_side_is_named() -> None:
    outlook = Desk().outlook(known=account(position(LONG, "-10", "95"), position(SHORT, "-10", "125")))
    assert outlook.liquidation_distance == Decimal("0.25")
    assert any("is not long" in text for text in outlook.stale)


def test_stale_positions_still_show_the_danger() -> None:
    known = HedgeAccount(
        positions={
            ExchangeName("a"): Stale([position(LONG, "10", "96")], "x", START_NS),
            ExchangeName("b"): Fresh([position(SHORT, "-10", "125")], "x", START_NS),
        }
    )
    outlook = Desk().outlook(known=known)
    assert outlook.liquidation_distance == Decimal("0.04")
    assert "a: positions are stale" in outlook.stale


def test_without_the_venues_price_our_own_is_computed_from_the_equity() -> None:
    # C7: long, 10 x 100 with 300 of equity and 1 % maintenance: (1000 - 300)/(10 * 0.99) = 70.7.
    known = account(position(LONG, "10"), position(SHORT, "-10", "199"), ("a", balance("300")))
    outlook = Desk().outlook(known=known)
    assert outlook.liquidation_distance is not None
    assert round(outlook.liquidation_distance, 3) == Decimal("0.293")


def test_other_positions_of_the_account_use_up_margin() -> None:
    # The venue says 110 of maintenance, 10 of which are this position's: 200 are left for it.
    known = account(position(LONG, "10"), position(SHORT, "-10", "199"), ("a", balance("300", maintenance="110")))
    outlook = Desk().outlook(known=known)
    assert outlook.liquidation_distance is not None
    assert round(outlook.liquidation_distance, 3) == Decimal("0.192")


def test_the_margin_of_other_positions_is_added_up_where_the_venue_does_not_say() -> None:
    desk = Desk()
    other = sample_instrument("a", "ETH")
    desk.instruments[other.id] = other
    beside = replace(position(LONG, "1000"), instrument=other.id)
    known = replace(
        account(position(LONG, "10"), position(SHORT, "-10", "199"), ("a", balance("1200"))),
        positions={
            ExchangeName("a"): Fresh([position(LONG, "10"), beside], "x", START_NS),
            ExchangeName("b"): Fresh([position(SHORT, "-10", "199")], "x", START_NS),
        },
    )
    outlook = desk.outlook(known=known)
    assert outlook.liquidation_distance is not None
    # 1,000 of maintenance beside it leave 200.
    assert round(outlook.liquidation_distance, 3) == Decimal("0.192")


def test_an_isolated_position_is_bound_to_its_own_margin() -> None:
    isolated = replace(position(LONG, "10"), margin_mode=MarginMode.ISOLATED, leverage=Decimal(5))
    outlook = Desk().outlook(known=account(isolated, position(SHORT, "-10", "199")))
    assert outlook.liquidation_distance is not None
    assert round(outlook.liquidation_distance, 3) == Decimal("0.192")


def test_no_price_and_no_margin_is_unknown() -> None:
    isolated = replace(position(LONG, "10"), margin_mode=MarginMode.ISOLATED)
    outlook = Desk().outlook(known=account(isolated, position(SHORT, "-10")))
    assert outlook.liquidation_distance is None
    assert len(outlook.stale) == 2


def test_a_hedge_of_other_than_two_legs_is_not_forecast() -> None:
    outlook = Desk().outlook(hedge=replace(HEDGE, legs=HEDGE.legs[:1]))
    assert outlook.carry_bps_hour is None
    assert any("one long and one short" in text for text in outlook.stale)


def test_a_price_that_cannot_be_true_is_no_loss_to_act_on() -> None:
    for wrong in ("10000", "1"):
        desk = Desk()
        bid, ask = Decimal(wrong) * Decimal("0.99"), Decimal(wrong) * Decimal("1.01")
        desk.books[SHORT.id] = book(SHORT, str(bid), str(ask))
        outlook = desk.outlook()
        assert (outlook.price_pnl, outlook.notional_usd, outlook.exit_cost_bps) == (None, None, None)
        assert any("cannot both be true" in text for text in outlook.stale)
        assert outlook.carry_bps_hour == Decimal("0.3")
