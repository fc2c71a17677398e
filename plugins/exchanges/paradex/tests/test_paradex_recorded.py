"""Parsers against recorded payloads of the venue, each with an arithmetic check of its own.

`ccxt-comment-examples/paradex.json`: real answers of April 2023 to November 2025, cut to a few elements, from ccxt.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from arb.model import (
    HOUR_NS,
    ClientOrderId,
    ExchangeName,
    FeeSchedule,
    InstrumentId,
    InstrumentStatus,
    Liquidity,
    OrderStatus,
    PriceBase,
    Side,
    TransferKind,
)
from arb_exchange_paradex._account import accrued_of, balances_of, held_of, payment_of
from arb_exchange_paradex._markets import Listing, asset_of, listing_of, market_fees, market_of, perpetual
from arb_exchange_paradex._orders import fill_of, order_of
from arb_exchange_paradex._prices import book_of, predicted_of, stats_of, summaries_of
from arb_exchange_paradex._samples import sample_of
from arb_exchange_paradex._session import LIFE_NS, life_ns
from arb_exchange_paradex._transfers import transfer_of

FEES = FeeSchedule(maker=D("0.00003"), taker=D("0.00045"))
BTC = InstrumentId("BTC-PERP.pd")
Pick = Callable[..., Any]
realdata = pytest.mark.realdata


@pytest.fixture
def ccxt(wire_data: Path) -> Pick:
    rows = json.loads((wire_data / "ccxt-comment-examples/paradex.json").read_text(), parse_float=D)

    def pick(method: str, place: int = 0) -> Any:
        return [row["json"] for row in rows if row["method"] == method][place]

    return pick


def _markets(answer: Any, fees: FeeSchedule | None = FEES) -> Listing:
    return listing_of("pd", answer, fees, is_open=True, now_ns=1_800_000_000 * 10**9)


def _btc_listing(ccxt: Pick) -> Listing:
    """Return the recorded BODEN market under the name that the recorded prices have: no BTC row was recorded whole."""
    row = {**ccxt("fetchMarkets")["results"][0], "symbol": "BTC-USD-PERP", "base_currency": "BTC"}
    return _markets({"results": [row]})


@realdata
def test_a_market_of_june_2024(ccxt: Pick) -> None:
    (market,) = _markets(ccxt("fetchMarkets")).markets
    boden = market.instrument

    assert (boden.id, boden.symbol, boden.base, boden.quote) == ("BODEN-PERP.pd", "BODEN-USD-PERP", "BODEN", "USDC")
    assert (boden.tick_size, boden.lot_size, boden.min_notional) == (D("0.00001"), D(1), D(200))
    assert (boden.min_quantity, boden.max_quantity, boden.multiplier) == (D(1), D(520_000), D(1))
    assert boden.funding_interval_ns == 0, "it accrues"
    assert (boden.funding_price_base, boden.asset_class) == (PriceBase.INDEX, "crypto")
    # 20 % initial, half of that and the taker's fee to keep it.
    (tier,) = boden.margin_tiers
    assert (tier.max_leverage, tier.maintenance_rate) == (D(5), D("0.2") * D("0.5") + FEES.taker)
    assert (boden.status, boden.fees) == (InstrumentStatus.TRADING, FEES)
    assert (market.period_ns, market.most_rate) == (8 * HOUR_NS, D("0.05"))
    assert market.opened_ns == 1_717_065_600_000_000_000


@realdata
def test_an_option_of_january_2025_is_no_market_of_ours(ccxt: Pick) -> None:
    option = ccxt("parseMarket", 1)
    assert option["asset_kind"] == "PERP_OPTION"
    assert _markets({"results": [option, ccxt("parseMarket")]}).markets[0].instrument.base == "BODEN"
    assert _markets({"results": [option]}).markets == ()
    assert perpetual("pd", option["symbol"]) is None


@realdata
def test_fees_of_a_market(ccxt: Pick) -> None:
    row = ccxt("parseTradingFee")
    own = FeeSchedule(maker=D("0.000075"), taker=D("0.000125"))
    assert market_fees(row, None) == own
    # The higher of the two: a cost is never understated.
    assert market_fees(row, FEES) == FeeSchedule(maker=own.maker, taker=FEES.taker)


@realdata
def test_prices_of_june_2024(ccxt: Pick) -> None:
    listing, answer = _btc_listing(ccxt), ccxt("fetchTickers")
    (row,) = stats_of(listing, summaries_of(answer), 1)
    assert (row.mark_price, row.index_price) == (D("68465.17449906"), D("67367.37268422"))
    assert row.volume_24h == D("5815541.397939004")
    assert row.open_interest == D("162.272") * D("68465.17449906"), "contracts times the mark price"
    assert row.ts_event_ns == 1_718_170_156_580_000_000

    rate = predicted_of(listing.markets[0], answer["results"][0], 1)
    assert rate is not None
    assert (rate.interval_ns, rate.next_funding_ns, rate.unit.period_ns) == (0, None, 8 * HOUR_NS)
    # The premium of that moment, mark over index, is what the rate is of: within the clamp of 0.05 %.
    premium = D("68465.17449906") / D("67367.37268422") - 1
    assert abs(rate.raw - premium) <= D("0.0005")
    assert rate.per_hour == rate.raw / 8


@realdata
def test_a_book_of_june_2024(ccxt: Pick) -> None:
    book = book_of(BTC, ccxt("fetchOrderBook"), 7)
    assert (book.bids, book.asks) == (((D("68477.6"), D("0.1")),), ((D("69578.2"), D("3.019")),))
    assert (book.sequence, book.ts_event_ns, book.ts_init_ns) == (14_115_975, 1_718_172_538_340_000_000, 7)


@realdata
def test_orders_of_2023_and_2024(ccxt: Pick) -> None:
    ended = order_of(BTC, ccxt("fetchOrder"))
    assert (ended.status, ended.reason) == (OrderStatus.CANCELLED, "USER_CANCELED")
    assert (ended.filled_quantity, ended.request.quantity) == (D(0), D("10.153"))
    assert ended.average_price is None
    assert (ended.request.side, ended.request.price) == (Side.SELL, D("70784.5"))
    assert ended.request.client_order_id == "foreign-1718941725080201704028870000"
    assert ended.ts_event_ns == 1_718_958_002_991_000_000

    queued = ccxt("parseOrder")
    assert queued["status"] == "NEW"
    with pytest.raises(ValueError, match="not said yet"):
        order_of(BTC, queued)
    done = order_of(BTC, {**queued, "status": "CLOSED"})
    assert (done.status, done.filled_quantity, done.average_price) == (OrderStatus.FILLED, D("0.05"), D(26_000))
    assert done.request.client_order_id == "x1234"
    assert done.request.reduce_only
    refused = order_of(BTC, {**queued, "status": "CLOSED", "remaining_size": "0.05", "avg_fill_price": ""})
    assert (refused.status, refused.reason) == (OrderStatus.REJECTED, "NOT_ENOUGH_MARGIN")


@realdata
def test_a_fill_and_the_position_it_made(ccxt: Pick) -> None:
    """Of one account on 2024-06-21: fill, position and fee belong together."""
    row = ccxt("fetchMyTrades")["results"][0]
    fill = fill_of(BTC, row, None)
    assert (fill.side, fill.liquidity, fill.fee_currency) == (Side.BUY, Liquidity.TAKER, "USDC")
    assert fill.fee == fill.price * fill.quantity * D("0.0003"), "price x quantity x the taker's rate of then"
    assert fill.client_order_id == f"foreign-{row['order_id']}"

    (held,) = held_of("pd", ccxt("fetchPositions"), 1)
    position = held.position
    assert (position.instrument, position.quantity, position.entry_price) == (BTC, fill.quantity, fill.price)
    raw = ccxt("fetchPositions")["results"][0]
    # Without funding; cost and entry in USDC.
    assert position.unrealized_pnl == D("-2.39677214") + D("0.11214013")
    assert held.accrued == D("-0.11214013")
    entry = D(raw["average_entry_price"])
    assert abs(entry * position.quantity - D(raw["cost"])) <= D("0.00000001")
    assert abs((position.mark_price - entry) * position.quantity - position.unrealized_pnl) <= D("0.00000001")
    assert position.liquidation_price is None
    # The two entry prices tell what USDC was worth: a dollar.
    assert abs(position.entry_price / entry - 1) < D("0.001")


@realdata
def test_a_balance_beside_a_position(ccxt: Pick) -> None:
    held = held_of("pd", ccxt("fetchPositions"), 1)
    summary = {"free_collateral": "99000.5", "maintenance_margin_requirement": "13.2"}
    (usdc,) = balances_of(ccxt("fetchBalance"), summary, held, 5)
    assert (usdc.currency, usdc.cash) == ("USDC", D("99980.2382266290601"))
    assert usdc.equity == usdc.cash + held[0].position.unrealized_pnl
    # The account value of the venue has the funding in it that was not paid yet.
    assert usdc.equity + accrued_of(held) == usdc.cash - D("2.39677214")
    assert (usdc.available, usdc.maintenance_margin) == (D("99000.5"), D("13.2"))


@realdata
def test_funding_samples_tell_the_price_they_are_of(ccxt: Pick) -> None:
    """`funding_premium / funding_rate` is the index price: of BTC in November 2025, of TRUMP in February 2026."""
    (row,) = ccxt("fetchFundingRateHistory")["results"]
    assert (row["funding_rate_8h"], row["funding_period_hours"]) == ("", 0), "an older row"
    sample = sample_of(row)
    assert sample.price is not None
    assert 80_000 < sample.price < 95_000
    assert (sample.index, sample.ts_ns) == (D(row["funding_index"]), 1_764_160_327_843_000_000)

    live = ccxt("parseFundingRateWs")
    price = sample_of(live).price
    assert price is not None
    assert 3 < price < 4
    assert D(live["funding_rate_8h"]) == D(live["funding_rate"]).quantize(D("1e-8"), rounding="ROUND_DOWN")


@realdata
def test_a_funding_payment_of_april_2023(ccxt: Pick) -> None:
    payment = payment_of("pd", ccxt("parseIncome"))
    assert (payment.instrument, payment.currency, payment.amount) == (BTC, "USDC", D("34.4490622"))
    assert payment.settled_ns == 1_681_375_481_000_000_000
    assert payment.payment_id == "1681375578221101699352320000"
    assert payment.quantity is payment.price is payment.rate is None


@realdata
def test_a_deposit_of_june_2024(ccxt: Pick) -> None:
    row = ccxt("fetchDeposits")["results"][0]
    transfer = transfer_of(ExchangeName("pd"), row)
    assert transfer is not None
    assert (transfer.kind, transfer.amount, transfer.currency) == (TransferKind.DEPOSIT, D(100_000), "USDC")
    assert transfer_of(ExchangeName("pd"), {**row, "status": "PENDING"}) is None


@realdata
def test_a_frame_and_the_text_of_a_fill_are_one(ccxt: Pick) -> None:
    row = ccxt("fetchMyTrades")["results"][0]
    assert fill_of(BTC, row, None) == fill_of(BTC, {**row, "price": D("64852.9"), "fee": D("0.1945587")}, None)


@pytest.mark.parametrize(
    ("currency", "asset", "units"),
    [
        ("BTC", "BTC", 1),
        ("kPEPE", "PEPE", 1000),
        ("kSHIB", "SHIB", 1000),
        ("mSATS", "SATS", 1_000_000),
        ("mETH", "mETH", 1),
        ("KAITO", "KAITO", 1),
    ],
)
def test_denominations(currency: str, asset: str, units: int) -> None:
    assert asset_of(currency) == (asset, D(units))


@realdata
@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, InstrumentStatus.TRADING),
        ({"trading_mode": "STANDARD", "market_kind": "cross"}, InstrumentStatus.TRADING),
        ({"trading_mode": "RFQ_ONLY"}, InstrumentStatus.SUSPENDED),
        ({"open_at": 1_900_000_000_000}, InstrumentStatus.SUSPENDED),
        ({"expiry_at": "1700000000000"}, InstrumentStatus.DELISTED),
    ],
)
def test_states_of_a_market(ccxt: Pick, change: dict[str, Any], status: InstrumentStatus) -> None:
    row = {**ccxt("parseMarket"), **change}
    market = market_of("pd", row, FEES, is_open=True, now_ns=1_800_000_000 * 10**9)
    assert market.instrument.status is status
    closed = market_of("pd", row, FEES, is_open=False, now_ns=1_800_000_000 * 10**9)
    assert closed.instrument.status is not InstrumentStatus.TRADING


@realdata
def test_other_classes_and_kinds(ccxt: Pick) -> None:
    row = ccxt("parseMarket")
    for change, name in (
        ({"funding_multiplier": D("0.5")}, "tradfi"),
        ({"tags": ["FX", "x"]}, "fx"),
        ({"tags": ["equity"]}, "stock"),
        ({"tags": ["METAL"]}, "commodity"),
        ({}, "crypto"),
    ):
        market = market_of("pd", {**row, **change}, FEES, is_open=True, now_ns=0)
        assert market.instrument.asset_class == name
    assert _markets({"results": [{**row, "market_kind": "isolated"}]}).markets == ()


@realdata
def test_a_whole_name_of_each_order_of_the_venue(ccxt: Pick) -> None:
    row = ccxt("fetchMyTrades")["results"][0]
    names = {
        kind: fill_of(BTC, {**row, "fill_type": kind, "client_id": "mine", "order_id": "7"}, None).client_order_id
        for kind in ("FILL", "RPI", "LIQUIDATION", "UNWIND_TRANSFER", "SETTLE_MARKET", "BLOCK_TRADE")
    }
    assert names["FILL"] == names["RPI"] == ClientOrderId("mine")
    assert (names["LIQUIDATION"], names["UNWIND_TRANSFER"]) == ("liquidation-7", "adl-7")
    assert names["SETTLE_MARKET"] == names["BLOCK_TRADE"] == "foreign-7"


def test_the_life_of_a_token() -> None:
    # The example of the venue's own document: five minutes.
    token = (
        "eyJhbGciOiJFUzM4NCIsInR5cCI6IkpXVCJ9.eyJ0eXAiOiJhdCtKV1QiLCJleHAiOjE2ODE0NTI5MDcsImlhdCI6MTY4MTQ1MjYwNywi"
        "aXNzIjoiUGFyYWRleCBzdGFnaW5nIiwic3ViIjoiMHg0OTVkMmViNTIzNmExMmI4YjRhZDdkMzg0OWNlNmEyMDNjZTIxYzQzZjQ3M2My"
        "NDhkZmQ1Y2U3MGQ5NDU0ZmEifQ.x"
    )
    assert life_ns(token) == LIFE_NS == 300 * 10**9
    for odd in ("", "a.b.c", "no token", "a.e30.c", "a.WzFd.c"):
        assert life_ns(odd) == LIFE_NS
