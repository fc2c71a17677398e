"""ccxt and the official SDK (paradex-py) as clients of the fake Paradex.

The SDK wants wheels that exist for Python 3.10 alone (starknet-crypto-py), and `arb` wants 3.11: so it runs in an
interpreter of its own, which ARB_PARADEX_SDK names; without one its scenarios are skipped.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import ccxt
import ccxt.pro
import pytest

from arb_exchange_paradex.fake._keys import MAIN_KEY, account, public_of

Serve = Callable[..., Any]
Until = Callable[..., Any]

DEPOSIT = 100_000.0
TAKER, MAKER = 0.00045, 0.00015
PERP = "ETH-USD-PERP"
PERPS = {"BTC-USD-PERP", "ETH-USD-PERP", "SOL-USD-PERP"}
SYMBOL = "ETH/USD:USDC"


@pytest.fixture
def venue(serve: Serve) -> Any:
    return serve("paradex")


def _ccxt(venue: Any, of: Any = ccxt, key: int = MAIN_KEY) -> Any:
    client = of.paradex({"walletAddress": "0x1", "privateKey": "0x1", "enableRateLimit": False})
    client.urls["api"] = {"v1": f"{venue.address}/v1", "v2": f"{venue.address}/v2"}
    # As it would be made of an Ethereum key: its plain login is by the main key.
    client.options["paradexAccount"] = {
        "privateKey": hex(key),
        "publicKey": hex(public_of(key)),
        "address": account(),
    }
    if of is ccxt.pro:
        client.urls["api"]["ws"] = venue.settings["stream_url"]
    return client


@pytest.fixture
def other(venue: Any) -> Any:
    """Return ccxt as a client that has read the markets."""
    client = _ccxt(venue)
    client.load_markets()
    return client


def _near(client: Any, share: float) -> float:
    return float(round(client.fetch_order_book(SYMBOL)["bids"][0][0] * share))


# -- ccxt --


def test_ccxt_lists_markets_by_the_venues_rules(venue: Any, other: Any) -> None:
    rows = {row["symbol"]: row for row in venue.get("/v1/markets")["results"]}

    assert {market["id"] for market in other.markets.values() if market["swap"]} == PERPS
    assert {market["type"] for market in other.markets.values()} == {"swap", "option"}
    market = other.market(SYMBOL)
    assert (market["linear"], market["settle"]) == (True, "USDC")
    assert market["precision"]["price"] == float(rows[PERP]["price_tick_size"])
    assert market["precision"]["amount"] == float(rows[PERP]["order_size_increment"])
    assert market["limits"]["cost"]["min"] == float(rows[PERP]["min_notional"])
    assert market["limits"]["amount"]["max"] == float(rows[PERP]["max_order_size"])


def test_ccxt_reads_time_and_state(other: Any) -> None:
    assert abs(other.fetch_time() - time.time() * 1000) < 2_000
    assert other.fetch_status()["status"] == "ok"


def test_ccxt_reads_the_book(venue: Any, other: Any) -> None:
    direct, told = venue.at_one_moment(
        lambda: venue.get(f"/v1/orderbook/{PERP}?depth=20"), lambda: other.fetch_order_book(SYMBOL, 20)
    )

    assert told["bids"] == [[float(price), float(size)] for price, size in direct["bids"]]
    assert told["asks"] == [[float(price), float(size)] for price, size in direct["asks"]]
    assert told["nonce"] == direct["seq_no"]


def test_ccxt_reads_the_running_rate_and_prices(venue: Any, other: Any) -> None:
    low, rate, high = venue.around(
        lambda: float(venue.get(f"/v1/markets/summary?market={PERP}")["results"][0]["funding_rate"]),
        lambda: other.fetch_funding_rate(SYMBOL)["fundingRate"],
    )
    row, ticker = other.fetch_funding_rate(SYMBOL), other.fetch_ticker(SYMBOL)

    assert low <= rate <= high
    assert row["markPrice"] == pytest.approx(_near(other, 1), rel=0.01)
    assert row["indexPrice"] == pytest.approx(_near(other, 1), rel=0.01)
    assert ticker["bid"] < ticker["ask"]
    assert other.fetch_open_interest(SYMBOL)["openInterestAmount"] > 0


def test_ccxt_reads_samples_of_funding(venue: Any, other: Any) -> None:
    rows = other.fetch_funding_rate_history(SYMBOL, since=int(time.time() * 1000) - 600_000, limit=5)

    assert len(rows) == 5
    assert {later["timestamp"] - row["timestamp"] for row, later in pairwise(rows)} == {60_000}
    direct = venue.get(f"/v1/funding/data?market={PERP}&end_at={rows[-1]['timestamp']}&page_size=1")["results"]
    assert rows[-1]["fundingRate"] == float(direct[0]["funding_rate"])


def test_ccxt_places_finds_and_cancels_a_resting_order(other: Any) -> None:
    placed = other.create_order(SYMBOL, "limit", "buy", 0.5, _near(other, 0.95), {"clientOrderId": "mine-7"})
    assert placed["info"]["status"] == "NEW", "only queued"
    time.sleep(0.05)

    found = other.fetch_order(placed["id"], SYMBOL)
    assert (found["id"], found["clientOrderId"], found["status"]) == (placed["id"], "mine-7", "open")
    assert (found["amount"], found["filled"], found["price"]) == (0.5, 0.0, placed["price"])
    assert other.fetch_order(None, SYMBOL, {"clientOrderId": "mine-7"})["id"] == placed["id"]
    assert [row["id"] for row in other.fetch_open_orders(SYMBOL)] == [placed["id"]]

    other.cancel_order(placed["id"], SYMBOL)
    assert other.fetch_open_orders(SYMBOL) == []
    (past,) = other.fetch_orders(SYMBOL)
    assert (past["id"], past["status"]) == (placed["id"], "canceled")
    with pytest.raises(ccxt.InvalidOrder, match="ORDER_ID_NOT_FOUND"):
        other.fetch_order(placed["id"], SYMBOL)


def test_ccxt_cancels_by_its_own_id_and_everything(other: Any) -> None:
    for name, share in (("a", 0.95), ("b", 0.94), ("c", 0.93)):
        other.create_order(SYMBOL, "limit", "buy", 0.1, _near(other, share), {"clientOrderId": name})

    other.cancel_order(None, SYMBOL, {"clientOrderId": "a"})
    assert {row["clientOrderId"] for row in other.fetch_open_orders(SYMBOL)} == {"b", "c"}
    other.cancel_all_orders(SYMBOL)
    assert other.fetch_open_orders(SYMBOL) == []


def test_ccxt_sends_several(other: Any) -> None:
    price = _near(other, 0.95)
    wanted = [
        {"symbol": SYMBOL, "type": "limit", "side": "buy", "amount": amount, "price": price} for amount in (0.1, 0.2)
    ]

    placed = other.create_orders(wanted)

    assert [row["amount"] for row in placed] == [0.1, 0.2]
    assert len(other.fetch_open_orders(SYMBOL)) == 2


def test_ccxt_learns_of_a_refusal_later(other: Any) -> None:
    placed = other.create_order(SYMBOL, "limit", "buy", 0.1, _near(other, 1.01), {"postOnly": True})
    greedy = other.create_order(SYMBOL, "limit", "buy", 100_000 / 10, _near(other, 0.99))
    time.sleep(0.05)

    past = {row["id"]: row for row in other.fetch_orders(SYMBOL)}
    assert past[placed["id"]]["info"]["cancel_reason"] == "POST_ONLY_WOULD_CROSS"
    assert past[greedy["id"]]["info"]["cancel_reason"] == "NOT_ENOUGH_MARGIN"
    assert (past[greedy["id"]]["status"], past[greedy["id"]]["filled"]) == ("rejected", 0.0)
    assert other.fetch_positions() == []


def test_ccxt_market_order_fills_with_fee_position_and_trade(other: Any) -> None:
    placed = other.create_order(SYMBOL, "market", "buy", 0.5)
    time.sleep(0.05)
    (trade,) = other.fetch_my_trades(SYMBOL)
    (position,) = other.fetch_positions([SYMBOL])
    (past,) = other.fetch_orders(SYMBOL)

    assert (past["id"], past["status"], past["filled"], past["type"]) == (placed["id"], "closed", 0.5, "market")
    assert (trade["order"], trade["side"], trade["amount"]) == (placed["id"], "buy", 0.5)
    assert (trade["takerOrMaker"], trade["fee"]["currency"]) == ("taker", "USDC")
    assert trade["fee"]["cost"] == pytest.approx(trade["price"] * 0.5 * TAKER)
    assert (position["side"], float(position["contracts"])) == ("long", 0.5)
    assert float(position["entryPrice"]) == pytest.approx(past["average"])


def test_ccxt_closes_with_reduce_only_and_the_balance_adds_up(other: Any) -> None:
    assert other.fetch_balance()["USDC"]["total"] == DEPOSIT
    other.create_order(SYMBOL, "market", "sell", 0.5)
    other.create_order(SYMBOL, "market", "buy", 0.7, None, {"reduceOnly": True})
    time.sleep(0.05)

    assert other.fetch_positions() == []
    trades = sorted(other.fetch_my_trades(SYMBOL), key=lambda row: (row["timestamp"], row["side"] == "buy"))
    made = sum(row["amount"] * row["price"] * (1 if row["side"] == "sell" else -1) for row in trades)
    made -= sum(row["fee"]["cost"] for row in trades)
    assert other.fetch_balance()["USDC"]["total"] == pytest.approx(DEPOSIT + made, abs=1e-6)


def test_ccxt_learns_that_an_order_at_once_found_nothing(other: Any) -> None:
    placed = other.create_order(SYMBOL, "limit", "buy", 0.5, _near(other, 0.95), {"timeInForce": "IOC"})
    time.sleep(0.05)

    (past,) = other.fetch_orders(SYMBOL)
    assert (past["id"], past["filled"], past["info"]["status"]) == (placed["id"], 0.0, "CLOSED")


def test_ccxt_sets_leverage_and_reads_it(other: Any) -> None:
    other.set_leverage(3, SYMBOL, {"marginMode": "cross"})

    leverage = other.fetch_leverage(SYMBOL)
    assert (leverage["longLeverage"], leverage["marginMode"]) == (3, "cross")
    with pytest.raises(ccxt.BaseError):
        other.set_leverage(1000, SYMBOL, {"marginMode": "cross"})


def test_ccxt_reads_the_deposit(other: Any) -> None:
    (deposit,) = other.fetch_deposits("USDC")
    assert (deposit["amount"], deposit["type"]) == (DEPOSIT, "deposit")


def test_ccxt_reads_what_funding_paid(serve: Serve, until: Until) -> None:
    venue = serve("paradex", to_hour_s=8)
    client = _ccxt(venue)
    client.milliseconds = lambda: int((time.time() + venue.ahead_s) * 1000)
    client.seconds = lambda: int(time.time() + venue.ahead_s)
    client.load_markets()
    client.create_order(SYMBOL, "market", "sell", 0.5)

    (paid,) = until(lambda: client.fetch_funding_history(SYMBOL), 20, 1)

    end = paid["timestamp"]
    rows = venue.get(f"/v1/funding/data?market={PERP}&start_at={end - 3_600_000}&end_at={end}&page_size=100")["results"]
    moved = float(rows[0]["funding_index"]) - float(rows[-1]["funding_index"])
    assert rows[0]["created_at"] == end
    assert paid["amount"] == pytest.approx(0.5 * moved, rel=0.01, abs=1e-6), "contracts times the index's way"


def test_ccxt_with_another_key_is_refused(venue: Any) -> None:
    with pytest.raises(ccxt.BaseError, match="STARKNET_SIGNATURE_VERIFICATION_FAILED"):
        _ccxt(venue, key=77).fetch_balance()


def test_ccxt_streams_books_trades_and_prices(venue: Any) -> None:
    async def scene() -> None:
        client = _ccxt(venue, of=ccxt.pro)
        try:
            await client.load_markets()
            book = await asyncio.wait_for(client.watch_order_book(SYMBOL), 30)
            for _ in range(3):
                book = await asyncio.wait_for(client.watch_order_book(SYMBOL), 10)
            assert book["bids"][0][0] < book["asks"][0][0]
            direct = await client.fetch_order_book(SYMBOL)
            assert book["bids"][0][0] == pytest.approx(direct["bids"][0][0], rel=0.001)
            ticker = await asyncio.wait_for(client.watch_ticker(SYMBOL), 10)
            assert ticker["last"] == pytest.approx(book["bids"][0][0], rel=0.01)
            rate = await asyncio.wait_for(client.watch_funding_rate(SYMBOL), 10)
            assert rate["symbol"] == SYMBOL
            (trade, *_) = await asyncio.wait_for(client.watch_trades(SYMBOL), 60)
            assert trade["price"] == pytest.approx(book["bids"][0][0], rel=0.01)
        finally:
            await client.close()

    asyncio.run(scene())


def test_ccxt_streams_its_orders_fills_and_positions(venue: Any) -> None:
    async def scene() -> None:
        client = _ccxt(venue, of=ccxt.pro)
        try:
            await client.load_markets()
            told = asyncio.create_task(client.watch_orders(SYMBOL))
            held = asyncio.create_task(client.watch_positions([SYMBOL]))
            filled = asyncio.create_task(client.watch_my_trades(SYMBOL))
            await asyncio.sleep(0.5)
            bid = (await client.fetch_order_book(SYMBOL))["bids"][0][0]
            placed = await client.create_order(SYMBOL, "limit", "buy", 0.5, float(round(bid * 0.95)))
            order = (await asyncio.wait_for(told, 10))[-1]
            assert (order["id"], order["status"], order["amount"]) == (placed["id"], "open", 0.5)
            bought = await client.create_order(SYMBOL, "market", "buy", 0.5)
            (trade, *_) = await asyncio.wait_for(filled, 10)
            assert (trade["order"], trade["side"], trade["takerOrMaker"]) == (bought["id"], "buy", "taker")
            position = (await asyncio.wait_for(held, 10))[-1]
            assert (position["symbol"], position["side"], float(position["contracts"])) == (SYMBOL, "long", 0.5)
        finally:
            await client.close()

    asyncio.run(scene())


# -- paradex-py --

_SDK = """
import asyncio, json, sys, time
from decimal import Decimal
from paradex_py import ParadexSubkey
from paradex_py.api.ws_client import ParadexWebsocketChannel as Channel
from paradex_py.common.order import Order, OrderSide, OrderType

address, stream, account, key, scene = sys.argv[1:]
ENV = "testnet"

def client(private_key=key):
    import paradex_py.api.api_client as api
    original = api.ParadexApiClient.__init__
    def init(self, *args, **kwargs):
        original(self, *args, **kwargs)
        self.api_url = address + "/v1"
    api.ParadexApiClient.__init__ = init
    try:
        return ParadexSubkey(env=ENV, l2_private_key=private_key, l2_address=account, ws_sbe_enabled=True)
    finally:
        api.ParadexApiClient.__init__ = original

def order(pdx, side, size, price=None, kind=OrderType.Limit, **more):
    sent = Order(market="ETH-USD-PERP", order_type=kind, order_side=side, size=Decimal(size),
                 limit_price=Decimal(price or 0), signature_timestamp=int(time.time() * 1000), **more)
    return pdx.api_client.submit_order(order=sent)

def told(value):
    print(json.dumps(value, default=str))
"""

_SCENES = {
    "account": """
pdx = client()
told({"info": pdx.api_client.fetch_account_info(), "value": str(pdx.api_client.fetch_account_summary().account_value),
      "balances": pdx.api_client.fetch_balances(), "positions": pdx.api_client.fetch_positions()})
""",
    "orders": """
pdx = client()
bid = Decimal(pdx.api_client.fetch_bbo("ETH-USD-PERP")["bid"])
price = str(round(bid * Decimal("0.95")))
placed = order(pdx, OrderSide.Buy, "0.5", price, client_id="sdk-1", instruction="POST_ONLY")
time.sleep(0.05)
found = pdx.api_client.fetch_order(placed["id"])
mine = pdx.api_client.fetch_order_by_client_id("sdk-1")
listed = pdx.api_client.fetch_orders()
pdx.api_client.cancel_order_by_client_id("sdk-1")
history = pdx.api_client.fetch_orders_history({"client_id": "sdk-1"})
told({"placed": placed, "found": found, "mine": mine, "listed": listed, "history": history})
""",
    "fills": """
pdx = client()
placed = order(pdx, OrderSide.Sell, "0.5", kind=OrderType.Market)
time.sleep(0.05)
fills, positions = pdx.api_client.fetch_fills(), pdx.api_client.fetch_positions()
closed = order(pdx, OrderSide.Buy, "0.7", kind=OrderType.Market, reduce_only=True)
time.sleep(0.05)
told({"placed": placed, "fills": fills, "positions": positions, "after": pdx.api_client.fetch_positions(),
      "balance": pdx.api_client.fetch_balances(), "history": pdx.api_client.fetch_orders_history()})
""",
    "refused": """
pdx = client()
try:
    order(pdx, OrderSide.Buy, "0.5", "1600.123456")
    told({"refused": ""})
except ValueError as error:
    told({"refused": str(error)})
""",
    "stranger": """
try:
    client("0x77").api_client.fetch_balances()
    told({"refused": ""})
except ValueError as error:
    told({"refused": str(error)})
""",
    "funding": """
pdx = client()
told({"data": pdx.api_client.fetch_funding_data({"market": "ETH-USD-PERP", "page_size": 3}),
      "summary": pdx.api_client.fetch_markets_summary({"market": "ETH-USD-PERP"}),
      "payments": pdx.api_client.fetch_funding_payments({"market": "ETH-USD-PERP"})})
""",
    "streams": """
async def main():
    pdx, heard = client(), {}
    pdx.ws_client.api_url = stream
    async def take(channel, message):
        heard.setdefault(str(message["params"]["channel"]).split(".")[0], message["params"]["data"])
    await pdx.ws_client.connect()
    await pdx.ws_client.subscribe(Channel.BBO, take, {"market": "ETH-USD-PERP"})
    await pdx.ws_client.subscribe(Channel.ORDERS, take, {"market": "ALL"})
    await pdx.ws_client.subscribe(Channel.FILLS, take, {"market": "ALL"})
    await asyncio.sleep(2)
    order(pdx, OrderSide.Buy, "0.5", kind=OrderType.Market, client_id="sdk-2")
    await asyncio.sleep(2)
    await pdx.ws_client.close()
    told(heard)
asyncio.run(main())
""",
}


@pytest.fixture
def sdk(venue: Any) -> Callable[[str], Any]:
    """Return a function that plays a scene with the SDK and returns what it was told."""
    python = os.environ.get("ARB_PARADEX_SDK")
    if not python:
        pytest.skip("ARB_PARADEX_SDK names no interpreter with paradex-py")

    def play(scene: str) -> Any:
        given = venue.settings
        arguments = [venue.address, given["stream_url"], given["account"], given["private_key"], scene]
        command = [python, "-c", _SDK + _SCENES[scene], *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads(done.stdout.strip().splitlines()[-1])

    return play


def test_sdk_logs_in_with_a_subkey_and_reads_the_account(sdk: Callable[[str], Any]) -> None:
    told = sdk("account")
    (info,) = told["info"]["results"]
    assert (info["account"], float(told["value"])) == (account(), DEPOSIT)
    assert float(info["fees"]["taker_rate"]) == TAKER
    assert [(row["token"], float(row["size"])) for row in told["balances"]["results"]] == [("USDC", DEPOSIT)]
    assert told["positions"]["results"] == []


def test_sdk_places_finds_and_cancels_a_resting_order(sdk: Callable[[str], Any]) -> None:
    told = sdk("orders")
    assert (told["placed"]["status"], told["placed"]["client_id"]) == ("NEW", "sdk-1")
    assert told["found"]["status"] == told["mine"]["status"] == "OPEN"
    assert told["found"]["id"] == told["mine"]["id"] == told["placed"]["id"]
    assert [row["id"] for row in told["listed"]["results"]] == [told["placed"]["id"]]
    (past,) = told["history"]["results"]
    assert (past["status"], past["cancel_reason"]) == ("CLOSED", "USER_CANCELED")


def test_sdk_fills_and_closes(sdk: Callable[[str], Any]) -> None:
    told = sdk("fills")
    (position,) = told["positions"]["results"]
    assert (position["side"], float(position["size"])) == ("SHORT", -0.5)
    assert sum(float(row["size"]) for row in told["fills"]["results"]) == 0.5
    assert told["after"]["results"] == []
    assert {row["status"] for row in told["history"]["results"]} == {"CLOSED"}
    assert 0 < DEPOSIT - float(told["balance"]["results"][0]["size"]) < 10


def test_sdk_is_refused_what_the_rules_forbid(sdk: Callable[[str], Any]) -> None:
    assert "VALIDATION_ERROR" in sdk("refused")["refused"]


def test_sdk_with_another_key_is_refused(sdk: Callable[[str], Any]) -> None:
    assert "INVALID_SUBKEY" in sdk("stranger")["refused"]


def test_sdk_reads_funding(sdk: Callable[[str], Any]) -> None:
    told = sdk("funding")
    assert len(told["data"]["results"]) == 3
    assert float(told["summary"]["results"][0]["mark_price"]) > 0
    assert told["payments"]["results"] == []


def test_sdk_hears_binary_frames(sdk: Callable[[str], Any]) -> None:
    told = sdk("streams")
    assert float(told["bbo"]["bid_price"]) < float(told["bbo"]["ask_price"])
    assert (told["orders"]["client_order_id"], told["fills"]["client_order_id"]) == ("sdk-2", "sdk-2")
    assert float(told["fills"]["size"]) == 0.5
