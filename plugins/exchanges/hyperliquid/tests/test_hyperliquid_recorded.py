"""Every parser on messages that others recorded from the venue; each with a sum that has to come out."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from arb.model import (
    HOUR_NS,
    MILLISECOND_NS,
    ZERO,
    FeeSchedule,
    Instrument,
    InstrumentStatus,
    Liquidity,
    MarginMode,
    OrderStatus,
    Side,
    TimeInForce,
    parse_utc,
)
from arb.net import number
from arb_exchange_hyperliquid import _account_rows, _listing, _market_rows
from arb_exchange_hyperliquid._balances import DexState, balances
from arb_exchange_hyperliquid._listing import BASE_FEES, Dex
from arb_exchange_hyperliquid._order_rows import filled_of, order_row, sent_order, status_of

pytestmark = pytest.mark.realdata

Read = Callable[..., Any]
MAIN = Dex("", 0, "USDC")
NOW_NS = parse_utc("2026-02-01")


def listed(coin: str, dex: Dex = MAIN) -> Instrument:
    row = {"name": coin, "szDecimals": 2, "maxLeverage": 10}
    ((market,), _) = _listing.markets([{"universe": [row]}, [{"markPx": "100.0"}]], dex, BASE_FEES, "hl")
    return market.instrument


def test_the_state_of_all_coins(recorded: Read) -> None:
    """nautilus_trader, `ws_all_dexs_asset_ctxs.json`: every coin's state on one day of 2026."""
    dexes = recorded("nautilus/hyperliquid/ws_all_dexs_asset_ctxs.json")["data"]["ctxs"]
    name, states = dexes[0]
    assert name == ""
    assert len(states) > 200
    shown, rates = 0, []
    for state in states:
        row = _market_rows.stats(state, listed("BTC").id, NOW_NS, NOW_NS)
        rate = _market_rows.predicted_rate(state, listed("BTC").id, NOW_NS, NOW_NS)
        assert rate is not None
        assert abs(rate.per_hour) < Decimal("0.01")
        assert rate.next_funding_ns == NOW_NS + HOUR_NS
        if state["midPx"] is None:
            assert state["premium"] is None
            continue
        assert row.mark_price is not None
        assert row.open_interest is not None
        assert row.open_interest == number(state["openInterest"]) * number(state["markPx"])
        # The day's turnover in dollars is its turnover in coins at a price of that day.
        if number(state["dayBaseVlm"]) and row.volume_24h is not None:
            average = row.volume_24h / number(state["dayBaseVlm"])
            assert Decimal("0.5") < average / row.mark_price < 2
            shown += 1
        rates.append(rate.raw)
    assert shown > 100
    # Interest is 0.01 % for eight hours; where the premium is small it is the whole rate, an eighth of it an hour.
    assert max(set(rates), key=rates.count) == Decimal("0.0001") / 8


def test_coins_with_their_ticks(recorded: Read, documented: Read) -> None:
    """nautilus_trader, `http_meta_perp_sample.json`; HyperLiquid.Net, `GetExchangeInfoAndTickers.txt` and others."""
    meta = recorded("nautilus/hyperliquid/http_meta_perp_sample.json")
    states = [{"midPx": "77558.5"}, {"midPx": "2123.95"}, {"midPx": "2.1312"}]
    markets, _ = _listing.markets([meta, states], MAIN, BASE_FEES, "hl")
    assert [(one.coin, one.asset, one.instrument.tick_size, one.instrument.lot_size) for one in markets] == [
        ("BTC", 0, Decimal(1), Decimal("0.00001")),
        ("ETH", 1, Decimal("0.1"), Decimal("0.0001")),
        ("ATOM", 2, Decimal("0.0001"), Decimal("0.01")),
    ]
    assert all(one.instrument.status is InstrumentStatus.TRADING for one in markets)
    both = documented("Futures/ExchangeData/GetExchangeInfoAndTickers.txt")
    assert [one.coin for one in _listing.markets(both, MAIN, BASE_FEES, "hl")[0]] == ["BTC", "ETH", "HPOS"]
    gone = documented("Futures/ExchangeData/GetExchangeInfo.txt")["universe"]
    last = _listing.markets([{"universe": gone}, [{}] * 4], MAIN, BASE_FEES, "hl")[0][-1]
    assert (last.coin, last.asset, last.is_open) == ("LOOM", 3, False)
    with pytest.raises(ValueError, match="4 coins with 3 states"):
        _listing.markets([{"universe": gone}, [{}] * 3], MAIN, BASE_FEES, "hl")


@pytest.mark.parametrize("broken", [{"szDecimals": None}, {"name": ""}, {"maxLeverage": "many"}, {"maxLeverage": 0}])
def test_a_coin_that_cannot_be_read_is_left_out_and_moves_no_number(recorded: Read, broken: dict[str, Any]) -> None:
    meta = recorded("nautilus/hyperliquid/http_meta_perp_sample.json")
    meta["universe"][1].update(broken)
    found, unread = _listing.markets([meta, [{}] * 3], MAIN, BASE_FEES, "hl")
    assert [(one.coin, one.asset) for one in found] == [("BTC", 0), ("ATOM", 2)]
    assert len(unread) == 1
    for row in meta["universe"]:
        row["szDecimals"] = None
    with pytest.raises(ValueError, match=r"none of 3 coins, such as .BTC.: ValueError"):
        _listing.markets([meta, [{}] * 3], MAIN, BASE_FEES, "hl")


def test_collateral_of_builders_dexes(recorded: Read) -> None:
    """nautilus_trader, `http_all_perp_metas_non_usdc_collateral.json` and `http_spot_meta_non_usdc_collateral.json`."""
    metas = recorded("nautilus/hyperliquid/http_all_perp_metas_non_usdc_collateral.json")
    spot = recorded("nautilus/hyperliquid/http_spot_meta_non_usdc_collateral.json")
    names = [_listing.collateral_name(meta["collateralToken"], spot) for meta in metas]
    assert names == ["USDC", "USDH", "USDE"]
    dex = Dex("km", 110_000, names[1])
    ((market,), _) = _listing.markets([metas[1], [{"markPx": "600.0"}]], dex, BASE_FEES, "hl")
    found = market.instrument
    assert (found.id, found.base, found.quote, found.asset_class) == ("km:US500-PERP.hl", "US500", "USDH", "hip3:km")
    assert found.fees == FeeSchedule(maker=2 * BASE_FEES.maker, taker=2 * BASE_FEES.taker)


@pytest.mark.parametrize("name", ["http_l2_book_btc.json", "http_l2_book_snapshot.json", "ws_book_data.json"])
def test_books(recorded: Read, name: str) -> None:
    """nautilus_trader: books of REST and socket, 2023 and 2025."""
    row = recorded(f"nautilus/hyperliquid/{name}")
    book = _market_rows.order_book(row, listed("BTC").id, NOW_NS)
    bbo = book.bbo()
    assert bbo is not None
    assert bbo.bid < bbo.ask
    assert book.ts_event_ns == row["time"] * MILLISECOND_NS
    assert sum(level.size for level in book.bids) == sum(Decimal(level["sz"]) for level in row["levels"][0])
    assert [level.price for level in book.asks] == sorted(level.price for level in book.asks)


def test_a_deep_book_is_on_the_ticks_of_the_rule(taped: Read) -> None:
    """hyperliquid-python-sdk, `test_get_l2_snapshot.yaml` (2023-07-17): DYDX, sizes of one decimal."""
    book = _market_rows.order_book(taped("test_get_l2_snapshot.yaml"), listed("DYDX").id, NOW_NS)
    assert len(book.bids) == len(book.asks) == 20
    assert all(level.price % Decimal("0.0001") == 0 for level in (*book.bids, *book.asks))
    assert all(level.size % Decimal("0.1") == 0 for level in (*book.bids, *book.asks))


def test_settled_funding_over_the_change_from_eight_hours_to_one(taped: Read) -> None:
    """hyperliquid-python-sdk, `test_get_funding_history[None].yaml`: BTC, May to July 2023."""
    rows = taped("test_get_funding_history[None].yaml")
    rates = [_market_rows.settled_rate(row, listed("BTC").id, NOW_NS) for row in rows]
    passed = [(after.ts_event_ns - before.ts_event_ns, after.interval_ns) for before, after in pairwise(rates)]
    regular = [abs(passed_ns - interval_ns) < HOUR_NS // 60 for passed_ns, interval_ns in passed]
    assert regular.count(False) <= 4, "the interval is the time since the last one, but for a breakdown of those days"
    for row, rate in zip(rows, rates, strict=True):
        premium = number(row["premium"])
        clamp = max(Decimal("-0.0003"), min(Decimal("0.0003"), Decimal("0.0001") - premium))
        per_eight_hours = rate.per_hour * 8
        # The clamp of those days was three basis points; an hourly rate is an eighth of the formula's value.
        assert abs(per_eight_hours - (premium + clamp)) < Decimal("0.00031")
    assert {rate.interval_ns for rate in rates} == {HOUR_NS, 8 * HOUR_NS}


def test_settled_funding_of_2026(recorded: Read) -> None:
    """nautilus_trader, `http_funding_history.json`; one of its rows has no premium."""
    rows = recorded("nautilus/hyperliquid/http_funding_history.json")
    rates = [_market_rows.settled_rate(row, listed("BTC").id, NOW_NS) for row in rows]
    assert [rate.apr for rate in rates[:2]] == [Decimal("0.1095"), Decimal("-0.070956")]
    assert {rate.next_funding_ns for rate in rates} == {None}


def test_public_trades(commented: Read, documented: Read) -> None:
    """ccxt, comment of `handleTrades` (2024-03-11); HyperLiquid.Net, `Trades.txt` (2025-12-04)."""
    row = commented("handleTrades")["data"][0]
    trade = _market_rows.trade(row, listed("BTC").id, NOW_NS)
    assert (trade.side, trade.price * trade.quantity) == (Side.SELL, Decimal("342.585"))
    (row,) = documented("subscriptions/Trades.txt")["data"]
    assert _market_rows.trade(row, listed("HYPE").id, NOW_NS).side is Side.BUY


def test_funding_payments_are_size_times_price_times_rate(taped: Read) -> None:
    """hyperliquid-python-sdk, `test_user_funding_history_with_end_time.yaml` (2023-04-20)."""
    prices: dict[str, Decimal] = {}
    for row in taped("test_user_funding_history_with_end_time.yaml"):
        payment = _account_rows.payment(row["delta"], row["time"], listed(row["delta"]["coin"]))
        assert payment.rate is not None
        assert payment.quantity is not None
        assert payment.amount * payment.rate * payment.quantity < 0, "a long pays a positive rate"
        prices[row["delta"]["coin"]] = -payment.amount / (payment.quantity * payment.rate)
    # The price that the amounts imply is that of the coin on that day.
    assert abs(prices["ETH"] / Decimal(1944) - 1) < Decimal("0.01")
    assert abs(prices["BTC"] / Decimal(28_900) - 1) < Decimal("0.02")


def test_a_payment_received_by_a_short(commented: Read) -> None:
    """ccxt, comment of `fetchFundingHistory` (2024-12-12)."""
    (row,) = commented("fetchFundingHistory")
    payment = _account_rows.payment(row["delta"], row["time"], listed("SOL"))
    assert (payment.amount, payment.quantity) == (Decimal("75.635093"), Decimal("-7375.9"))
    assert payment.payment_id == "1734026400057-SOL"


def test_fills_of_a_day_add_up(taped: Read) -> None:
    """hyperliquid-python-sdk, `test_get_user_fills.yaml` (2023-05-05): a list from the newest to the oldest."""
    rows = taped("test_get_user_fills.yaml")
    fills = [_account_rows.fill(row, listed(row["coin"]), row["oid"]) for row in rows]
    assert len({fill.fill_id for fill in fills}) == len(fills), "unique without the venue's `tid`, which came later"
    three = [
        (number(row["startPosition"]), fill) for row, fill in zip(rows, fills, strict=True) if row["oid"] == 189324432
    ]
    left = [before + fill.side.sign * fill.quantity for before, fill in three]
    assert left == [three[1][0], three[2][0], ZERO], "each begins where the one before it ended, and the last is flat"


def test_a_fill_with_fee_side_and_liquidity(commented: Read, recorded: Read) -> None:
    """ccxt, comment of `fetchMyTrades` (2024-01-03); nautilus_trader, `http_user_fills_dust_conversion.json` (2026)."""
    (row,) = commented("fetchMyTrades")
    fill = _account_rows.fill(row, listed("ETH"), row["oid"])
    assert (fill.side, fill.liquidity, fill.fee_currency) == (Side.SELL, Liquidity.TAKER, "USDC")
    assert abs(fill.fee / (fill.price * fill.quantity) - Decimal("0.00025")) < Decimal("0.000001"), "2.5 bps"
    listing = _listing.Listing([], "hl")
    rows = recorded("nautilus/hyperliquid/http_user_fills_dust_conversion.json")
    assert [row["coin"] for row in rows if listing.needs(row["coin"], ())] == ["ARB", "JUP", "MANTA"], "no spot"


def test_a_fill_with_a_client_order_id(recorded: Read) -> None:
    """nautilus_trader, `ws_user_fill_liquidation.json` (2026): a maker's, with a negative sign nowhere."""
    (row,) = recorded("nautilus/hyperliquid/ws_user_fill_liquidation.json")["data"]["fills"]
    fill = _account_rows.fill(row, listed("BTC"), row["cloid"])
    assert fill.liquidity is Liquidity.MAKER
    assert abs(fill.fee - fill.price * fill.quantity * Decimal("0.00015")) < Decimal("0.000001")


def test_positions_of_an_account(taped: Read, documented: Read) -> None:
    """hyperliquid-python-sdk, `test_get_user_state.yaml` (2023-03); HyperLiquid.Net, `GetAccountInfo.txt` (2025-08)."""
    state = taped("test_get_user_state.yaml")
    for row in state["assetPositions"]:
        position = _account_rows.position(row, listed(row["position"]["coin"]).id, NOW_NS)
        assert position is not None
        made = position.quantity * (position.mark_price - position.entry_price)
        # Entry prices are rounded to five figures.
        assert abs(made - position.unrealized_pnl) < abs(position.quantity) * position.entry_price * Decimal("0.0001")
        assert position.margin_mode is MarginMode.CROSS
    (row,) = documented("Futures/Account/GetAccountInfo.txt")["assetPositions"]
    position = _account_rows.position(row, listed("HYPE").id, NOW_NS)
    assert position is not None
    assert (position.margin_mode, position.leverage) == (MarginMode.ISOLATED, Decimal(10))
    assert position.quantity * (position.mark_price - position.entry_price) == position.unrealized_pnl


def test_balances_of_an_account_that_keeps_dexes_apart(documented: Read) -> None:
    """HyperLiquid.Net, `GetAccountInfo.txt` (2025-08): an isolated position."""
    state = documented("Futures/Account/GetAccountInfo.txt")
    (row,) = balances("default", [DexState("USDC", state)], None)
    summary = state["marginSummary"]
    assert row.equity == number(summary["totalRawUsd"]) + number(summary["totalNtlPos"])
    assert row.cash == row.equity - Decimal("-0.006")
    assert row.available == number(state["crossMarginSummary"]["accountValue"]), "what the isolated one has not taken"
    assert row.maintenance_margin is None, "the venue does not tell that of an isolated position"


def test_balances_of_a_pooled_account(documented: Read) -> None:
    """HyperLiquid.Net, `GetSubAccounts2.txt` (2026-07): portfolio margin, with a position in BTC."""
    (account,) = documented("Spot/Account/GetSubAccounts2.txt")
    ((_, state),) = account["dexToClearinghouseState"]
    spot = account["spotState"]
    usdc = spot["balances"][0]
    # The pool holds the perpetuals' equity, profit included: this is why nothing is added to it.
    perps = number(state["marginSummary"]["accountValue"])
    assert abs(number(usdc["total"]) - number(usdc["supplied"]) - perps) < Decimal("0.00001")
    held = {"coin": "BTC", "unrealizedPnl": "1.5", "leverage": {"type": "cross", "value": 10}}
    state = {**state, "assetPositions": [{"type": "oneWay", "position": held}]}
    (row,) = balances(account["abstraction"], [DexState("USDC", state)], spot)
    assert abs(row.equity - number(usdc["total"])) < Decimal("0.000001")
    assert row.cash == row.equity - Decimal("1.5")
    assert abs(row.available - (row.equity - number(usdc["hold"]))) < Decimal("0.000001")
    assert row.maintenance_margin == Decimal("23.104792")


def test_a_pooled_account_without_the_currency_has_nothing(recorded: Read) -> None:
    """nautilus_trader, `http_spot_clearinghouse_state.json` and that of a clearinghouse with debts."""
    state = recorded("nautilus/hyperliquid/http_clearinghouse_state_negative_total_raw_usd.json")
    state = {**state, "crossMaintenanceMarginUsed": "0.0"}
    spot = recorded("nautilus/hyperliquid/http_spot_clearinghouse_state.json")
    dexes = [DexState("USDC", state), DexState("USDH", state)]
    usdc, usdh = balances("unifiedAccount", dexes, spot)
    assert (usdc.equity, usdh.equity) == (Decimal("14.625485"), ZERO)


def test_orders_that_ended(taped: Read) -> None:
    """hyperliquid-python-sdk, `test_historical_orders.yaml` (2025-08)."""
    for each in taped("test_historical_orders.yaml"):
        row = order_row(each["order"])
        assert row.filled == 0
        assert status_of(each["status"], row) is OrderStatus.CANCELLED
        request = row.request("x", listed(row.coin).id)  # type: ignore[arg-type]
        assert request.time_in_force is (TimeInForce.IOC if row.tif == "Ioc" else TimeInForce.GTC)
        assert request.post_only is (row.tif == "Alo")


def test_orders_that_rest(taped: Read, commented: Read) -> None:
    """hyperliquid-python-sdk, `test_get_open_orders.yaml` and `test_get_frontend_open_orders.yaml` (2023); ccxt."""
    assert all(order_row(row).filled == 0 for row in taped("test_get_open_orders.yaml"))
    rows = [order_row(row) for row in taped("test_get_frontend_open_orders.yaml")]
    assert [(row.reduce_only, row.tif) for row in rows] == [(True, None), (True, None), (False, "Gtc")]
    answer = commented("fetchOrder")
    assert status_of(answer["order"]["status"], order_row(answer["order"]["order"])) is OrderStatus.OPEN


def test_answers_to_orders(commented: Read) -> None:
    """ccxt, comments of `createOrders` and `editOrders`."""
    request = order_row(commented("fetchOpenOrders")[0]).request("x", listed("ETH").id)  # type: ignore[arg-type]
    resting = sent_order(commented("createOrders")["response"], request, NOW_NS, "hl")
    assert (resting.status, resting.exchange_order_id) == (OrderStatus.OPEN, "5063830287")
    filled = sent_order(commented("editOrders", 1)["response"], request, NOW_NS, "hl")
    assert (filled.status, filled.average_price) == (OrderStatus.FILLED, Decimal("100.84"))


def test_fills_of_one_order_are_added_up(taped: Read) -> None:
    """hyperliquid-python-sdk, `test_get_user_fills_by_time.yaml` (2023-05-05): SUI sold in three parts."""
    filled = filled_of(189324432, taped("test_get_user_fills_by_time.yaml"))
    assert filled.quantity == Decimal("142.7") + Decimal("3749.1") + Decimal("731.7")
    assert filled.average is not None
    assert Decimal("1.3093") < filled.average < Decimal("1.3189")


def test_fees_of_an_account(commented: Read) -> None:
    """ccxt, comment of `fetchTradingFee` (2024-07)."""
    fees = _listing.account_fees(commented("fetchTradingFee"))
    assert fees == FeeSchedule(maker=Decimal("0.0001"), taker=Decimal("0.00035"))


def test_dexes_are_counted(commented: Read) -> None:
    """ccxt, comment of `fetchHip3Markets`."""
    assert _listing.dex_numbers(commented("fetchHip3Markets")) == {"xyz": 110_000}
