"""Recorded payloads of the venue through the parsers, each with arithmetic that does not come from the parser.

Sources are named with each test; see the README beside the recordings for who took them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from arb.model import (
    HOUR_NS,
    ZERO,
    BookDelta,
    ClientOrderId,
    InstrumentId,
    InstrumentStatus,
    Liquidity,
    MarginMode,
    OrderBook,
    OrderStatus,
    Side,
)
from arb_exchange_lighter._account import (
    balance_of,
    fill_of,
    fraction_of,
    margin_of,
    own_sides,
    payment_of,
    position_of,
)
from arb_exchange_lighter._markets import Market, markets_of
from arb_exchange_lighter._orders import order_of
from arb_exchange_lighter._prices import (
    book_message,
    listed_rate,
    live_rate,
    resting_orders,
    settled_rates,
    stats_of,
    trades_of,
    usd_rates,
)

pytestmark = pytest.mark.realdata
ETH = InstrumentId("ETH-PERP.lt")
NOW_NS = 1_785_252_531_000_000_000
Recorded = Callable[[str], Any]


def example(recorded: Recorded, source: str, method: str, label: str = "") -> Any:
    rows = recorded(source)
    return next(row["json"] for row in rows if row["method"] == method and row["label"].startswith(label))


def test_the_market_of_eth(recorded: Recorded) -> None:
    """nautilus/lighter/http_order_book_details.json, main network, 2026-05-05: 4 + 2 decimals, 20x, 50x at most."""
    (market,) = markets_of(
        recorded("nautilus/lighter/http_order_book_details.json"), "lt", account_fees=None, asset_classes={}
    )
    rules = market.instrument
    assert (rules.id, rules.base, rules.multiplier, rules.status) == (ETH, "ETH", Decimal(1), InstrumentStatus.TRADING)
    assert (rules.tick_size, rules.lot_size, rules.min_quantity) == (
        Decimal("0.01"),
        Decimal("0.0001"),
        Decimal("0.005"),
    )
    assert rules.tick_size * rules.lot_size == Decimal("0.000001"), "USDC has six decimals"
    assert (rules.min_notional, rules.fees.maker, rules.fees.taker) == (Decimal(10), ZERO, ZERO)
    (tier,) = rules.margin_tiers
    assert (tier.max_leverage, tier.maintenance_rate) == (Decimal(50), Decimal("0.012"))
    assert Decimal(10_000) / market.default_fraction == 20


def test_open_interest_and_volume_are_in_quote_currency(recorded: Recorded, eth: Market) -> None:
    """The same payload: 27,351 ETH at 2,361 are 64.6 million dollars; 195,399 ETH traded are 461 million."""
    details = recorded("nautilus/lighter/http_order_book_details.json")["order_book_details"][0]
    live = {"mark_price": "2361.31", "index_price": "2362.00"}
    stats = stats_of(details, live, ETH, NOW_NS)
    assert stats.open_interest == Decimal("27350.8981") * Decimal("2361.31")
    assert Decimal("64.5e6") < stats.open_interest < Decimal("64.6e6")
    assert stats.volume_24h is not None
    assert Decimal(2300) < stats.volume_24h / Decimal("195399.1521") < Decimal(2400), "the day's average price"
    unknown = stats_of(details, None, ETH, NOW_NS)
    assert (unknown.mark_price, unknown.open_interest) == (None, None), "what is missing is not zero"


def test_the_sockets_open_interest_is_another_unit(frame: Recorded) -> None:
    """market_stats_eth, 2026-07-28: 86.6 million cannot be ether, so it is not used."""
    stats = frame("market_stats_eth")["market_stats"]
    assert Decimal(stats["open_interest"]) / Decimal(stats["mark_price"]) < Decimal(50_000)


def test_one_rate_published_three_ways_is_one_rate(recorded: Recorded) -> None:
    """0.0012 percent an hour on the socket (ccxt, 2025-11) is 0.000096 in 8 hours by REST: 8 x 0.0012 %."""
    source = "ccxt-comment-examples/lighter.json"
    row = example(recorded, source, "handleTicker", "watchTicker")["market_stats"]
    live = live_rate(row, ETH, NOW_NS, NOW_NS)
    assert live is not None
    listed = listed_rate(example(recorded, source, "fetchFundingRates")["funding_rates"][0], ETH, NOW_NS)
    assert live.per_hour == Decimal("0.000012")
    assert abs(listed.raw - 8 * Decimal("0.000012")) < Decimal("1e-18"), "a float of the venue"
    assert abs(listed.per_hour - live.per_hour) < Decimal("1e-18")
    assert abs(live.apr - Decimal("0.10512")) < Decimal("1e-12"), "10.5 % a year, the baseline"
    assert live.next_funding_ns is not None
    assert live.next_funding_ns % HOUR_NS == 0


def test_settled_rates_have_the_sign_of_who_pays(recorded: Recorded) -> None:
    """nautilus/lighter/http_fundings.json: value over rate is the price of ether both times, in percent an hour."""
    answer = recorded("nautilus/lighter/http_fundings.json")
    long_pays, short_pays = settled_rates(answer, ETH, NOW_NS)
    assert (long_pays.per_hour, short_pays.per_hour) == (Decimal("0.000012"), Decimal("-0.000002"))
    prices = [
        Decimal(row["value"]) / abs(rate.per_hour)
        for row, rate in zip(answer["fundings"], (long_pays, short_pays), strict=True)
    ]
    assert all(Decimal(2250) < price < Decimal(2270) for price in prices), prices
    assert short_pays.ts_event_ns - long_pays.ts_event_ns == HOUR_NS
    assert long_pays.ts_event_ns % HOUR_NS == 0, "the timestamp is in seconds"


def test_the_socket_tells_a_negative_rate_with_its_sign(frame: Recorded) -> None:
    """market_stats_eth, 2026-07-28: the mark is below the index, and shorts pay."""
    row = frame("market_stats_eth")["market_stats"]
    rate = live_rate(row, ETH, NOW_NS, NOW_NS)
    assert rate is not None
    assert rate.per_hour == Decimal("-0.000012")
    assert Decimal(row["mark_price"]) < Decimal(row["index_price"])


def test_a_payment_is_what_was_paid(recorded_text: Callable[[str], str]) -> None:
    """jkorf/lighter/subscriptions/Exchange/Accounts2.txt: 0.01 ETH long paid 0.000212 at 0.0012 %: at 1,767 dollars."""
    text = recorded_text("jkorf/lighter/subscriptions/Exchange/Accounts2.txt")
    body = json.loads(text.partition("=")[2], parse_float=Decimal)
    payment = payment_of(body["funding_histories"]["0"][0], ETH)
    assert (payment.amount, payment.quantity, payment.rate) == (
        Decimal("-0.000212"),
        Decimal("0.01"),
        Decimal("0.000012"),
    )
    assert payment.rate is not None
    assert payment.quantity is not None
    price = -payment.amount / (payment.quantity * payment.rate)
    assert Decimal(1_700) < price < Decimal(1_800)
    assert payment.settled_ns % HOUR_NS == 0


def test_the_books_chain_is_followed_and_its_gap_is_seen(frame: Recorded) -> None:
    """Frames of 2026-07-28: three changes continue the snapshot by nonce, the fourth does not."""
    names = ("order_book_snapshot_eth", "order_book_after_snapshot_eth", "chain_a", "chain_b", "order_book_delete_eth")
    book, *changes = [book_message(frame(name), ETH, NOW_NS) for name in names]
    assert isinstance(book, OrderBook)
    assert book.bids[0].price < book.asks[0].price
    sequence = book.sequence
    for change in changes[:3]:
        assert isinstance(change, BookDelta)
        assert change.previous == sequence < change.sequence
        sequence = change.sequence
    gap = changes[3]
    assert isinstance(gap, BookDelta)
    assert gap.previous != sequence
    assert [level.size for level in gap.bids] == [ZERO], "a size of zero removes"
    assert book.ts_event_ns == 1_785_252_530_119_936_000


def test_the_old_protocol_has_no_chain_and_is_not_taken() -> None:
    """books/lighter-ws of 2025-10: an offset of one server, which proves nothing."""
    old = {
        "channel": "order_book:0",
        "order_book": {"code": 0, "asks": [{"price": "4333.14", "size": "73.3574"}], "bids": [], "offset": 995817},
        "timestamp": 1760041996048,
        "type": "update/order_book",
    }
    with pytest.raises(KeyError):
        book_message(old, ETH, NOW_NS)


def test_single_orders_make_levels(recorded: Recorded) -> None:
    """nautilus/lighter/http_order_book_orders.json, main network, 2026-05-05."""
    answer = recorded("nautilus/lighter/http_order_book_orders.json")
    twice = {**answer, "asks": answer["asks"] * 2}
    book = resting_orders(twice, ETH, 250, told_ns=NOW_NS, now_ns=NOW_NS)
    assert [(level.price, level.size) for level in book.asks] == [(Decimal("2361.32"), Decimal("0.0634"))]
    assert [(level.price, level.size) for level in book.bids] == [(Decimal("2361.17"), Decimal("3.4125"))]


def test_a_public_trade(recorded: Recorded) -> None:
    """nautilus/lighter/http_recent_trades.json, main network, 2026-05-05: the maker bought, so the taker sold."""
    answer = recorded("nautilus/lighter/http_recent_trades.json")
    ((trade_id, trade),) = trades_of(answer, ETH, NOW_NS)
    row = answer["trades"][0]
    assert (trade_id, trade.side) == (row["trade_id"], Side.SELL)
    assert trade.price * trade.quantity == Decimal(row["usd_amount"])
    assert trade.ts_event_ns == row["transaction_time"] * 1_000


def test_an_own_trade_pays_the_fee_of_its_side(recorded: Recorded, eth: Market) -> None:
    """nautilus/lighter/ws_account_all_trades_update.json: a taker buys; 1.96 bps of 314.324728 are 0.0616."""
    row = recorded("nautilus/lighter/ws_account_all_trades_update.json")["trades"]["0"][0]
    assert own_sides(row, 1234) == [Side.BUY]
    fill = fill_of(row, eth.instrument.id, Side.BUY, ClientOrderId("c"), alone=True)
    assert fill.liquidity is Liquidity.TAKER
    assert fill.price * fill.quantity == Decimal(row["usd_amount"])
    assert fill.fee == Decimal(row["usd_amount"]) * Decimal("0.000196")
    assert (fill.fee_currency, fill.realized_pnl) == ("USDC", None)
    maker = fill_of(row, eth.instrument.id, Side.SELL, ClientOrderId("c"), alone=True)
    assert (maker.liquidity, maker.fee) == (Liquidity.MAKER, Decimal(row["usd_amount"]) * Decimal("0.000028"))


def test_a_fee_that_is_left_out_is_none(recorded: Recorded, eth: Market) -> None:
    """ccxt fetchMyTrades: a standard account's trade has no fee."""
    row = example(recorded, "ccxt-comment-examples/lighter.json", "fetchMyTrades")["trades"][0]
    assert own_sides(row, 1077) == [Side.BUY]
    fill = fill_of(row, eth.instrument.id, Side.BUY, ClientOrderId("c"), alone=True)
    assert fill.fee == 0
    assert fill.price * fill.quantity == Decimal(row["usd_amount"])


def test_an_order_that_is_partly_filled(recorded: Recorded, eth: Market) -> None:
    """nautilus/lighter/ws_account_orders_update.json: 0.0020 of 0.0050 for 4.705480 are 2352.74 each."""
    row = recorded("nautilus/lighter/ws_account_orders_update.json")["orders"]["0"][0]
    order = order_of(row, eth.instrument.id, ClientOrderId("c"))
    assert order.status is OrderStatus.PARTIALLY_FILLED
    assert order.average_price == order.request.price == Decimal("2352.74")
    assert order.remaining_quantity == Decimal(row["remaining_base_amount"])
    assert order.request.side is Side.SELL
    assert order.ts_event_ns == row["updated_at"] * 1_000_000


def test_an_order_that_rests(recorded: Recorded, eth: Market) -> None:
    """nautilus/lighter/http_orders.json."""
    row = recorded("nautilus/lighter/http_orders.json")["orders"][0]
    order = order_of(row, eth.instrument.id, ClientOrderId("c"))
    assert (order.status, order.filled_quantity, order.average_price) == (OrderStatus.OPEN, ZERO, None)
    assert order.exchange_order_id == "281476929510110"


def test_a_position_and_its_money(recorded: Recorded, eth: Market) -> None:
    """ccxt fetchPositions: value, profit and collateral of 18 ETH add up to the total that the venue gives."""
    account = example(recorded, "ccxt-comment-examples/lighter.json", "fetchPositions")["accounts"][0]
    row = account["positions"][0]
    position = position_of(row, eth, NOW_NS)
    assert position is not None
    assert position.quantity == Decimal("18.0193")
    assert abs(position.mark_price * position.quantity - Decimal(row["position_value"])) < Decimal("0.00001")
    profit = (position.mark_price - position.entry_price) * position.quantity
    assert abs(profit - position.unrealized_pnl) < Decimal("0.1"), "the entry price is rounded to cents"
    assert (position.leverage, position.margin_mode) == (Decimal(20), MarginMode.CROSS)
    balance = balance_of(account, NOW_NS)
    assert balance.cash == Decimal(account["collateral"])
    assert balance.equity - balance.cash == position.unrealized_pnl


def test_margin_is_read_in_percent_and_as_a_fraction(recorded: Recorded, eth: Market) -> None:
    """5 % by REST (ccxt), 0.0500 in an example of the socket (nautilus): both are 20x, neither is 2000x."""
    percent = example(recorded, "ccxt-comment-examples/lighter.json", "parsePosition")
    fraction = recorded("nautilus/lighter/ws_account_all_positions_update.json")["positions"]["0"]
    assert fraction_of(percent, eth) == fraction_of(fraction, eth) == 500
    flat = recorded("nautilus/lighter/http_account.json")["accounts"][0]["positions"][0]
    assert position_of(flat, eth, NOW_NS) is None
    assert margin_of(flat, eth) == (Decimal(10), MarginMode.CROSS), "a flat market keeps what was set"


def test_the_venue_prices_its_collateral(recorded: Recorded) -> None:
    """ccxt fetchCurrencies: one USDC is one dollar by the venue's own index."""
    assert usd_rates(example(recorded, "ccxt-comment-examples/lighter.json", "fetchCurrencies"), ["USDC"]) == {
        "USDC": Decimal(1)
    }
