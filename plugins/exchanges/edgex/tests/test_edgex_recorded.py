"""Parsers against payloads of the venue, each with an arithmetic check of its own.

`docs-examples/edgex.json`: the venue's documentation, whose answers of the account were recorded on its testnet in
December 2024 (V1: other names for the chain's fields, the same objects), and one live answer of
`getLatestFundingRate` of 2025-09-19. The shapes of V2 that differ stand in the tests as they were written down from
live captures of September 2026 by others (README, "Where facts come from").
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from arb.api import BadResponse
from arb.model import (
    HOUR_NS,
    ClientOrderId,
    FundingKind,
    InstrumentId,
    InstrumentStatus,
    Liquidity,
    MarginMode,
    OrderStatus,
    PriceBase,
    Side,
    TransferKind,
)
from arb_exchange_edgex._account import balances_of, leverage_of, mode_of, payment_of, positions_of, transfer_of
from arb_exchange_edgex._listing import Listing, listing_of
from arb_exchange_edgex._markets import AccountFees, Market
from arb_exchange_edgex._orders import fill_of, order_of, unsettled
from arb_exchange_edgex._prices import (
    book_of,
    delta_of,
    depth_row,
    predicted_of,
    settled_of,
    stats_of,
    trade_of,
)

realdata = pytest.mark.realdata
NAME = ClientOrderId("mine")
BTC = InstrumentId("BTC-PERP.ex")
Pick = Callable[..., Any]

NVDA = {
    "contractId": "30000020",
    "contractName": "NVDAUSDC",
    "baseCoinId": "1020",
    "quoteCoinId": "1000",
    "tickSize": "0.01",
    "stepSize": "0.01",
    "minOrderSize": "0.2",
    "maxOrderSize": "300",
    "maxOrderBuyPriceRatio": "0.2",
    "minOrderSellPriceRatio": "0.2",
    "riskTierList": [
        {"tier": 1, "positionValueUpperBound": "200000", "maxLeverage": "20", "maintenanceMarginRate": "0.025"},
        {"tier": 2, "positionValueUpperBound": "300000", "maxLeverage": "15", "maintenanceMarginRate": "0.0333"},
    ],
    "defaultTakerFeeRate": "0.00045",
    "defaultMakerFeeRate": "0.0004",
    "defaultLeverage": "10",
    "enableTrade": True,
    "enableDisplay": True,
    "enableOpenPosition": True,
    "fundingMaxRate": "0.004",
    "fundingMinRate": "-0.004",
    "fundingRateIntervalMin": "240",
    "resolution": "1000000000",
    "isStock": True,
    "isFx": False,
}
"""Live, September 2026."""

GLOBAL = {"nativeChainId": "3343", "contractAddress": "0x1ae109ea449cfe0bed08bfe8911e968a49a919b1"}
USDC = {"coinId": "1000", "coinName": "USDC", "resolution": "0xf4240"}


def coin(coin_id: str, name: str) -> dict[str, Any]:
    return {"coinId": coin_id, "coinName": name, "resolution": None}


def contract(**changes: Any) -> dict[str, Any]:
    """Return a contract in the shape of the live one above."""
    given = {"contractId": "30000001", "contractName": "BTCUSDC", "baseCoinId": "1001", "isStock": False}
    return {**NVDA, **given, **changes}


def listed(*rows: Any, coins: Any = (), fees: AccountFees | None = None, **chain: Any) -> Listing:
    names = [USDC, coin("1001", "BTC"), coin("1020", "NVDA"), *coins]
    meta = {"global": {**GLOBAL, **chain}, "coinList": names, "contractList": list(rows)}
    return listing_of("ex", meta, fees)


def utc_ns(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * 1_000_000_000  # type: ignore[misc, arg-type]


@pytest.fixture
def pick(wire_data: Path) -> Pick:
    """Return a function that finds the first answer whose first object has certain fields."""
    blocks = json.loads((wire_data / "docs-examples/edgex.json").read_text())

    def find(*fields: str, repo: str = "", where: Callable[[Any], bool] = lambda row: True) -> Any:
        for block in blocks:
            answer = block["json"]
            data = answer.get("data") if isinstance(answer, dict) and answer.get("code") == "SUCCESS" else None
            rows = data.get("dataList", [data]) if isinstance(data, dict) else data
            if not isinstance(rows, list) or not rows:
                continue
            is_it = all(field in rows[0] for field in fields)
            if is_it and repo in block["repo"] and where(rows[0]):
                return data
        raise AssertionError(f"no recorded answer has {fields}")

    return find


@pytest.fixture
def btc() -> Listing:
    """Return a listing with the contract of the recordings, under its number of V1."""
    return listed(contract(contractId="10000001"))


def market_of_listing(listing: Listing) -> Market:
    return listing.markets[0]


@realdata
def test_a_listing_of_v1_is_not_taken_for_one_of_v2(pick: Pick) -> None:
    meta = pick("contractList")
    assert len(meta["contractList"]) == 2
    with pytest.raises(BadResponse):
        listing_of("ex", meta, None)


@realdata
def test_contracts_of_2024_with_the_fields_of_v2(pick: Pick) -> None:
    meta = pick("contractList")
    coins = {row["coinId"]: {**row, "resolution": row["starkExResolution"]} for row in meta["coinList"]}
    coins["1002"] = coin("1002", "ETH")
    rows = [{**row, "resolution": row["starkExResolution"]} for row in meta["contractList"]]
    listing = listing_of("ex", {"global": GLOBAL, "coinList": list(coins.values()), "contractList": rows}, None)
    btc, eth = listing.markets
    assert (btc.instrument.id, btc.instrument.symbol, btc.contract_id) == ("BTC-USDT-PERP.ex", "BTCUSDT", "10000001")
    assert (btc.instrument.tick_size, btc.instrument.lot_size) == (D("0.1"), D("0.001"))
    assert (btc.resolution, btc.coin_resolution) == (10**10, 10**6)  # written in hexadecimal
    assert btc.instrument.lot_size * btc.resolution == 10**7
    assert eth.resolution == 10**9
    first, last = btc.instrument.margin_tiers
    assert (first.max_notional, first.max_leverage, first.maintenance_rate) == (D(50000), D(100), D("0.005"))
    assert last.max_notional is None  # 79228162514264337593543 is no bound
    # What liquidates takes less than half of what opens, in each tier.
    assert all(tier.maintenance_rate * tier.max_leverage <= D("0.7") for tier in (first, last))
    assert btc.instrument.funding_interval_ns == 4 * HOUR_NS


def test_a_contract_of_v2_as_it_was_captured() -> None:
    (market,) = listed(NVDA).markets
    instrument = market.instrument
    assert (instrument.id, instrument.symbol, instrument.base) == ("NVDA-PERP.ex", "NVDAUSDC", "NVDA")
    assert (instrument.asset_class, instrument.quote, instrument.multiplier) == ("stock", "USDC", D(1))
    assert (instrument.min_quantity, instrument.max_quantity, instrument.min_notional) == (D("0.2"), D(300), D(0))
    assert (instrument.fees.maker, instrument.fees.taker) == (D("0.0004"), D("0.00045"))
    assert market.limit_fee_rate == D("0.00045")
    assert instrument.status is InstrumentStatus.TRADING
    assert instrument.funding_price_base is PriceBase.MARK
    assert [tier.max_notional for tier in instrument.margin_tiers] == [D(200000), None]
    assert market.may_pay(D("0.004"))
    assert not market.may_pay(D("0.4"))  # per cent in the place of a fraction


@realdata
def test_the_forecast_is_what_the_coming_settlement_pays(pick: Pick, btc: Listing) -> None:
    """2025-09-19 11:23 UTC: `fundingRate` is that of 08:00, `forecastFundingRate` that of 12:00."""
    (row,) = pick("forecastFundingRate", repo="taolifunding")
    rate = predicted_of(market_of_listing(btc), row, now_ns=7)
    assert rate is not None
    assert rate.raw == D("-0.00001936") != D(row["fundingRate"])
    # The venue's formula: premium and what of the interest is within 5 basis points of it, for a sixth of a day.
    premium, interest = D(row["avgPremiumIndex"]), D(row["interestRate"]) / 6
    assert interest == D(row["predictedFundingRate"])  # misnamed: it predicts nothing
    assert premium + min(max(interest - premium, D("-0.0005")), D("0.0005")) == rate.raw
    assert rate.kind is FundingKind.PREDICTED
    assert rate.interval_ns == rate.unit.period_ns == 4 * HOUR_NS
    assert rate.per_hour * 4 == rate.rate == rate.raw
    assert rate.ts_event_ns == utc_ns(2025, 9, 19, 11, 23)
    assert rate.next_funding_ns == utc_ns(2025, 9, 19, 12)


@realdata
def test_a_row_of_2024_has_another_clamp_and_the_same_meaning(pick: Pick, btc: Listing) -> None:
    (row,) = pick(
        "forecastFundingRate", where=lambda each: not each["isSettlement"] and each["fundingRate"] == "-0.00005537"
    )
    rate = predicted_of(market_of_listing(btc), row, now_ns=7)
    assert rate is not None
    premium, interest = D(row["avgPremiumIndex"]), D(row["predictedFundingRate"])
    assert premium + min(max(interest - premium, D("-0.0002")), D("0.0002")) == rate.raw == D("-0.00012293")
    assert settled_of(BTC, row, now_ns=7) is None  # a row of a minute is no settlement


@realdata
def test_a_settled_rate_is_a_fraction_of_its_own_interval(pick: Pick, btc: Listing) -> None:
    page = pick("forecastFundingRate", where=lambda each: each["isSettlement"])
    (row,) = page["dataList"]
    rate = settled_of(BTC, row, now_ns=7)
    assert rate is not None
    assert (rate.kind, rate.raw, rate.interval_ns) == (FundingKind.SETTLED, D("0.00005"), 4 * HOUR_NS)
    assert rate.ts_event_ns == utc_ns(2024, 12, 9)
    assert rate.per_hour * 24 == D("0.0003") == D(row["interestRate"])  # the daily interest: the premium was near 0
    assert predicted_of(market_of_listing(btc), row, now_ns=7) is None  # no forecast in the minute of a settlement
    eight = settled_of(BTC, {**row, "fundingRateIntervalMin": "480"}, now_ns=7)
    assert eight is not None
    assert eight.per_hour * 2 == rate.per_hour


@realdata
def test_a_book_is_sorted_and_has_its_version(pick: Pick, btc: Listing) -> None:
    market = market_of_listing(btc)
    row = depth_row(pick("startVersion"), market)
    book = book_of(market, row, told_ns=5, now_ns=6)
    assert (book.sequence, book.ts_event_ns, book.ts_init_ns) == (201223747, 5, 6)
    assert (book.bids[0].price, book.asks[0].price) == (D("101695.5"), D("101695.9"))
    walk = book.walk(Side.BUY, D(1))
    assert walk.notional == D("0.579") * D("101695.9") + D("0.421") * D("101696.0")
    with pytest.raises(ValueError, match="contract"):
        depth_row([{**row, "contractId": "10000002"}], market)


def test_a_change_continues_its_start_version() -> None:
    """Live 2026-09: levels are objects, sizes are absolute, zero deletes; an empty change is a heartbeat."""
    (market,) = listed(contract()).markets
    row = {
        "startVersion": "2070150189",
        "endVersion": "2070150231",
        "level": 200,
        "contractId": "30000001",
        "asks": [{"price": "82862.8", "size": "0.000"}],
        "bids": [{"price": "82862.5", "size": "0.677"}],
        "depthType": "CHANGED",
    }
    delta = delta_of(market, row, told_ns=1, now_ns=2)
    assert (delta.previous, delta.sequence) == (2070150189, 2070150231)
    assert (delta.asks, delta.bids) == (((D("82862.8"), D(0)),), ((D("82862.5"), D("0.677")),))
    with pytest.raises(ValueError, match="from"):
        delta_of(market, {**row, "endVersion": "1"}, told_ns=1, now_ns=2)
    with pytest.raises(TypeError):  # as the documents have it, and the wire has not
        delta_of(market, {**row, "asks": [["82862.8", "1"]]}, told_ns=1, now_ns=2)


def test_activity_is_in_quote_currency() -> None:
    """Live ticker of 2026-09-11."""
    ticker = {
        "contractId": "30000001",
        "size": "8138.396",
        "value": "628869807.4804",
        "lastPrice": "79031.2",
        "indexPrice": "79076.6724223198",
        "oraclePrice": "79025.030809853284955708",
        "markPrice": "79025.030809853284955708",
        "openInterest": "3478.949",
        "marketOpen": True,
    }
    listing = listed(contract(), NVDA)
    bitcoin, nvidia = (stats_of(market, row, 5, 6) for market, row in zip(listing.markets, (ticker, {}), strict=True))
    assert (bitcoin.mark_price, bitcoin.index_price) == (D("79025.030809853284955708"), D("79076.6724223198"))
    assert bitcoin.open_interest == D("3478.949") * D("79025.030809853284955708")
    assert bitcoin.volume_24h == D("628869807.4804")
    # Turnover over quantity is a price of that day.
    assert D("76031.9") < bitcoin.volume_24h / D(str(ticker["size"])) < D("79824.9")
    assert (nvidia.mark_price, nvidia.volume_24h, nvidia.open_interest) == (None, None, None)


def test_the_taker_of_a_trade_bought_where_the_buyer_was_no_maker() -> None:
    (market,) = listed(contract()).markets
    row = {
        "ticketId": "1",
        "time": "1688365544504",
        "price": "30065.12",
        "size": "0.01",
        "value": "300.6512",
        "contractId": "30000001",
        "isBuyerMaker": False,
    }
    ticket, trade = trade_of(market, row, 7)
    assert (ticket, trade.side, trade.ts_event_ns) == ("1", Side.BUY, 1688365544504000000)
    assert trade.price * trade.quantity == D(str(row["value"]))
    assert trade_of(market, {**row, "isBuyerMaker": True}, 7)[1].side is Side.SELL
    with pytest.raises(ValueError, match="neither"):
        trade_of(market, {**row, "isBuyerMaker": "false"}, 7)


@realdata
def test_orders_in_each_of_their_states(pick: Pick) -> None:
    (resting,) = pick("cumFillSize", where=lambda row: row["status"] == "OPEN" and row["id"].startswith("564829"))
    order = order_of(BTC, NAME, resting)
    assert (order.status, order.filled_quantity, order.average_price) == (OrderStatus.OPEN, D(0), None)
    assert order.request.price * order.request.quantity == D(resting["l2Value"]) == D("96.260700")
    assert order.ts_event_ns == 1734665867876000000
    assert not order.reason
    (done,) = pick("cumFillSize", where=lambda row: row["status"] == "FILLED")["dataList"]
    filled = order_of(BTC, NAME, done)
    assert (filled.status, filled.filled_quantity) == (OrderStatus.FILLED, D("0.001"))
    assert filled.average_price == D("97444.5") == D(done["maxFillPrice"])
    assert D(done["cumFillFee"]) == (D(done["cumFillValue"]) * D(done["makerFeeRate"])).quantize(D("0.000001"))


@realdata
def test_what_is_matched_is_not_filled_before_it_is_settled(pick: Pick) -> None:
    (done,) = pick("cumFillSize", where=lambda row: row["status"] == "FILLED")["dataList"]
    ahead = {**done, "cumFillSize": "0", "cumFillValue": "0"}
    assert unsettled(ahead) == D("0.001")
    assert order_of(BTC, NAME, ahead).status is OrderStatus.OPEN
    cancelled = {**ahead, "status": "CANCELED", "cancelReason": "COULD_NOT_FILL"}
    assert not order_of(BTC, NAME, cancelled).status.is_final
    failed = {**ahead, "cumFailSize": "0.001"}
    assert order_of(BTC, NAME, failed).status is OrderStatus.CANCELLED


@realdata
@pytest.mark.parametrize(
    ("reason", "filled", "status"),
    [
        ("USER_CANCELED", "0", OrderStatus.CANCELLED),
        ("EXPIRE_CANCELED", "0", OrderStatus.EXPIRED),
        ("COULD_NOT_FILL", "0", OrderStatus.EXPIRED),
        ("COULD_NOT_FILL", "0.0005", OrderStatus.EXPIRED),
        ("REDUCE_ONLY_CANCELED", "0", OrderStatus.CANCELLED),
        ("LIQUIDATE_CANCELED", "0", OrderStatus.CANCELLED),
        ("MARGIN_NOT_ENOUGH", "0", OrderStatus.CANCELLED),
        ("SYSTEM_LIMIT_EVICTED", "0", OrderStatus.CANCELLED),
        ("ADMIN_CANCELED", "0", OrderStatus.CANCELLED),
        ("INTERNAL_FAILED", "0", OrderStatus.REJECTED),
        ("INTERNAL_FAILED", "0.0005", OrderStatus.CANCELLED),
        ("A_REASON_OF_NEXT_YEAR", "0", OrderStatus.CANCELLED),
    ],
)
def test_why_an_order_ended(pick: Pick, reason: str, filled: str, status: OrderStatus) -> None:
    (done,) = pick("cumFillSize", where=lambda row: row["status"] == "FILLED")["dataList"]
    value = str(D(filled) * D(done["price"]))
    row = {**done, "status": "CANCELED", "cancelReason": reason, "cumFillSize": filled, "cumMatchSize": filled}
    order = order_of(BTC, NAME, {**row, "cumFillValue": value})
    assert (order.status, order.reason, order.filled_quantity) == (status, reason, D(filled))


@realdata
def test_a_fill_has_its_fee_and_its_profit_before_it(pick: Pick, btc: Listing) -> None:
    page = pick("fillPrice", "orderSide")
    (row,) = page["dataList"]
    fill = fill_of(BTC, NAME, btc.coin(row["coinId"]), row)
    assert (fill.side, fill.liquidity, fill.fee_currency) == (Side.BUY, Liquidity.MAKER, "USDC")
    assert fill.price * fill.quantity == D(row["fillValue"])
    # 1.8 basis points, rounded to 1e-6.
    assert (fill.price * fill.quantity * D("0.00018")).quantize(D("0.000001")) == fill.fee == D("0.017540")
    assert fill.realized_pnl == 0  # it opens: what the venue calls its profit is the fee
    assert fill.ts_event_ns == 1734662617982000000


@realdata
def test_the_profit_of_a_close_has_its_fee_taken_off_at_the_venue(pick: Pick) -> None:
    page = pick("deltaOpenSize", where=lambda each: each["type"] == "SELL_POSITION")
    (row,) = page["dataList"]
    gained = -D(row["fillCloseValue"]) + D(row["deltaOpenValue"])
    fee = -D(row["fillCloseFee"])
    assert gained == D("0.0439")
    assert gained - fee == D(row["realizePnl"])
    fill = {
        "id": row["orderFillTransactionId"],
        "orderId": row["orderId"],
        "orderSide": "SELL",
        "fillSize": "0.001",
        "fillPrice": row["fillPrice"],
        "fillFee": str(fee),
        "liquidateFee": row["liquidateFee"],
        "realizePnl": row["realizePnl"],
        "direction": "TAKER",
        "matchTime": row["createdTime"],
    }
    assert fill_of(BTC, NAME, "USDC", fill).realized_pnl == gained


@realdata
def test_the_account_adds_up(pick: Pick, btc: Listing) -> None:
    """2024-12-20: cash is what was paid in and earned, equity is it with the position at its value."""
    data = pick("collateralAssetModelList")
    (position,) = positions_of(btc, data, 5)
    (balance,) = balances_of(btc, data, 5)
    (raw,) = data["collateralList"]
    assert (position.quantity, position.entry_price) == (D("0.001"), D("97444.5"))
    move = position.quantity * (position.mark_price - position.entry_price)
    assert abs(position.unrealized_pnl - move) < D("1e-20")
    assert position.liquidation_price == D("82354.9")
    assert (position.leverage, position.margin_mode) == (D(50), MarginMode.CROSS)
    booked = ("cumDepositAmount", "cumTransferOutAmount", "cumPositionBuyAmount", "cumPositionSellAmount")
    flows = sum((D(raw[name]) for name in (*booked, "cumFillFeeAmount")), D(0))
    assert flows == D(raw["amount"])
    assert balance.cash == flows + D(data["positionList"][0]["openValue"]) == D(raw["legacyAmount"])
    assert abs(balance.equity - D(raw["amount"]) - position.quantity * position.mark_price) < D("1e-20")
    assert balance.maintenance_margin is not None
    assert abs(balance.maintenance_margin / (position.quantity * position.mark_price) - D("0.005")) < D("0.00001")
    # The venue computes with 62 decimals.
    assert abs(balance.maintenance_margin - D(data["collateralAssetModelList"][0]["starkExRiskValue"])) < D("1e-29")
    # What is free is the equity less the initial margin, rounded down.
    initial = D(data["collateralAssetModelList"][0]["initialMarginRequirement"])
    assert 0 <= balance.equity - initial - balance.available < D("0.000001")


@realdata
def test_the_accounts_own_settings(pick: Pick) -> None:
    account = pick("collateralAssetModelList")["account"]
    fees = AccountFees(account)
    (market,) = listed(contract(contractId="10000001"), fees=fees).markets
    assert (market.instrument.fees.maker, market.instrument.fees.taker) == (D("0.00018"), D("0.0005"))
    assert leverage_of(account, market) == 50
    assert mode_of(account, market.contract_id) is MarginMode.CROSS
    (other,) = listed(contract()).markets
    assert leverage_of(account, other) == 10  # neither set for it nor for all: the contract's own default
    own = {"isSetFeeRate": True, "takerFeeRate": "0.0003", "makerFeeRate": "-0.0001"}
    better = AccountFees({**account, "contractIdToTradeSetting": {"30000001": own}})
    (rebated,) = listed(contract(), fees=better).markets
    assert (rebated.instrument.fees.maker, rebated.instrument.fees.taker) == (D("-0.0001"), D("0.0003"))


@realdata
def test_a_deposit_and_what_is_no_transfer(pick: Pick, btc: Listing) -> None:
    (row,) = pick("deltaAmount", where=lambda each: each["type"] == "DEPOSIT")
    transfer = transfer_of("ex", btc, row)
    assert transfer is not None
    assert (transfer.kind, transfer.amount, transfer.currency) == (TransferKind.DEPOSIT, D(10), "USDC")
    assert D(row["beforeAmount"]) + transfer.amount == 16
    assert payment_of(btc, row) is None
    assert transfer_of("ex", btc, {**row, "type": "POSITION_BUY"}) is None
    assert transfer_of("ex", btc, {**row, "censorStatus": "CENSOR_FAILURE"}) is None
    out = transfer_of("ex", btc, {**row, "type": "TRANSFER_OUT", "deltaAmount": "-1.000000"})
    assert out is not None
    assert (out.kind, out.amount) == (TransferKind.WITHDRAWAL, D(-1))


@realdata
@pytest.mark.parametrize(("size", "rate"), [("2", "0.0001"), ("-2", "0.0001"), ("2", "-0.0001"), ("-2", "-0.0001")])
def test_a_payment_has_the_sign_of_the_collateral(pick: Pick, btc: Listing, size: str, rate: str) -> None:
    """No payment is recorded: the row is a recorded booking with the fields of a payment, as the documents name them.

    At a positive rate the long pays: its collateral falls.
    """
    (row,) = pick("deltaAmount", where=lambda each: each["type"] == "DEPOSIT")
    price = D("101120.888977311551570892333984375")
    delta = -D(size) * price * D(rate)
    paid = payment_of(
        btc,
        {
            **row,
            "type": "POSITION_FUNDING",
            "deltaAmount": f"{delta:.6f}",
            "fundingTime": "1733702400000",
            "fundingRate": rate,
            "fundingOraclePrice": str(price),
            "fundingPositionSize": size,
            "positionContractId": "10000001",
        },
    )
    assert paid is not None
    assert (paid.quantity, paid.price, paid.rate) == (D(size), price, D(rate))
    assert abs(paid.amount + D(size) * price * D(rate)) <= D("0.000001")
    assert (paid.amount < 0) == ((D(size) > 0) == (D(rate) > 0))
    assert (paid.settled_ns, paid.instrument) == (utc_ns(2024, 12, 9), "BTC-PERP.ex")
