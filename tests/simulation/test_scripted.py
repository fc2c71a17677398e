from __future__ import annotations

from decimal import Decimal as D

from arb.model import Side
from arb.simulation import ScriptedMarket
from arb.testing import sample_instrument

LISTED = sample_instrument()


def test_nothing_shows_before_its_time() -> None:
    market = ScriptedMarket(LISTED)
    assert market.book(LISTED.id, 0) is None
    assert market.stats(LISTED.id, 0) is None
    market.show(LISTED.id, [(99, 1)], [(101, 1)], ts_ns=10)
    market.show(LISTED.id, [(98, 1)], [(100, 1)], ts_ns=20)
    market.mark(LISTED.id, "100.5", ts_ns=10)
    assert market.book(LISTED.id, 9) is None
    first, second = market.book(LISTED.id, 19), market.book(LISTED.id, 20)
    assert first is not None
    assert second is not None
    assert [first.bids[0].price, second.bids[0].price] == [99, 98]
    assert first.sequence != second.sequence
    stats = market.stats(LISTED.id, 10)
    assert stats is not None
    assert [stats.mark_price, stats.index_price] == [D("100.5"), D("100.5")]


def test_trades_settlements_and_rates() -> None:
    market = ScriptedMarket(LISTED)
    for ts_ns in (10, 20, 30):
        market.trade(LISTED.id, Side.BUY, 100, 1, ts_ns=ts_ns)
    assert [trade.ts_event_ns for trade in market.trades(LISTED.id, 10, 30)] == [20, 30]
    market.settle(LISTED.id, 50)
    market.settle(LISTED.id, 60, "0.001")
    assert [market.next_settlement_ns(LISTED.id, at) for at in (0, 50, 60)] == [50, 60, None]
    assert [market.settled_rate(LISTED.id, at) for at in (50, 60)] == [None, D("0.001")]
    assert [market.predicted_rate(LISTED.id, at) for at in (59, 60)] == [None, D("0.001")]
    market.settle(LISTED.id, 50, "0.002")
    assert market.settled_rate(LISTED.id, 50) == D("0.002")
    assert [market.usd_rate(LISTED.quote, 0), market.usd_rate("EUR", 0)] == [D(1), None]
