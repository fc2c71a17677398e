"""ccxt as a client of the fake Aster. It signs with the wallet's own key: it knows no agents."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import ccxt
import ccxt.pro
import pytest

from arb_exchange_aster.fake import AGENT_SECRET, USER, WALLET_SECRET

Serve = Callable[..., Any]
Until = Callable[..., Any]

DEPOSIT = 100_000.0
TAKER = 0.0005
STRANGER = "0x" + "5a" * 32
PERP, SYMBOL = "ETHUSDT", "ETH/USDT:USDT"
EIGHT_HOURS_MS = 8 * 3_600_000


def _ccxt(venue: Any, secret: str = f"0x{WALLET_SECRET}", of: Any = ccxt, **options: Any) -> Any:
    client = of.aster(
        {
            "privateKey": secret,
            "enableRateLimit": False,
            # Its builder's fee is approved with the first order otherwise.
            "options": {"defaultType": "swap", "builderFee": False, **options},
        }
    )
    for name in ("fapiPublic", "fapiPrivate"):
        client.urls["api"][name] = f"{venue.address}/fapi"
    if of is ccxt.pro:
        client.urls["api"]["ws"]["public"]["swap"] = f"{venue.stream_address}/stream"
        client.urls["api"]["ws"]["private"]["swap"] = f"{venue.stream_address}/ws"

        async def spot(params: Any = None) -> Any:
            return {"symbols": []}

        client.sapiPublicGetV3ExchangeInfo = spot
    else:
        client.sapiPublicGetV3ExchangeInfo = lambda params=None: {"symbols": []}
    # Its nonces are milliseconds: two requests within one have the same.
    last = [0]

    def rising() -> int:
        last[0] = max(last[0] + 1, int((time.time() + venue.ahead_s) * 1000))
        return last[0]

    client.milliseconds = rising
    return client


@pytest.fixture
def venue(serve: Serve) -> Any:
    return serve("aster")


@pytest.fixture
def client(venue: Any) -> Any:
    """Return a client that has read the markets."""
    made = _ccxt(venue)
    made.load_markets()
    return made


def _near(client: Any, share: float) -> float:
    return float(f"{client.fetch_order_book(SYMBOL, 5)['bids'][0][0] * share:.1f}")


def test_ccxt_lists_markets_by_the_venues_rules(venue: Any, client: Any) -> None:
    rows = {row["symbol"]: row for row in venue.get("/fapi/v3/exchangeInfo")["symbols"]}

    assert {market["id"] for market in client.markets.values()} == set(rows), "the venue's own tests too"
    market = client.market(SYMBOL)
    filters = {each["filterType"]: each for each in rows[PERP]["filters"]}
    assert (market["swap"], market["linear"], market["settle"]) == (True, True, "USDT")
    assert market["precision"]["price"] == float(filters["PRICE_FILTER"]["tickSize"])
    assert market["precision"]["amount"] == float(filters["LOT_SIZE"]["stepSize"])
    assert market["limits"]["amount"]["min"] == float(filters["LOT_SIZE"]["minQty"])


def test_ccxt_reads_the_time(venue: Any, client: Any) -> None:
    assert abs(client.fetch_time() - time.time() * 1000) < 2_000


def test_ccxt_reads_the_book(venue: Any, client: Any) -> None:
    def direct() -> Any:
        return {**venue.get(f"/fapi/v3/depth?symbol={PERP}&limit=1000"), "E": 0, "T": 0}

    def told() -> Any:
        return client.fetch_order_book(SYMBOL, 1000)

    found, book = venue.at_one_moment(direct, told)
    assert book["bids"] == [[float(price), float(size)] for price, size in found["bids"]]
    assert book["asks"] == [[float(price), float(size)] for price, size in found["asks"]]


def test_ccxt_reads_the_funding_rate_and_the_prices(venue: Any, client: Any) -> None:
    low, rate, high = venue.around(
        lambda: float(venue.get(f"/fapi/v3/premiumIndex?symbol={PERP}")["lastFundingRate"]),
        lambda: client.fetch_funding_rate(SYMBOL)["fundingRate"],
    )
    row = client.fetch_funding_rate(SYMBOL)
    assert low <= rate <= high
    assert row["markPrice"] == pytest.approx(_near(client, 1), rel=0.01)
    assert row["indexPrice"] == pytest.approx(row["markPrice"], rel=0.01)
    assert row["nextFundingTimestamp"] % EIGHT_HOURS_MS == 0
    assert 0 < row["nextFundingTimestamp"] - time.time() * 1000 <= EIGHT_HOURS_MS


def test_ccxt_reads_the_interval_of_every_symbol(venue: Any, client: Any) -> None:
    told = {each["symbol"]: each["fundingIntervalHours"] for each in venue.get("/fapi/v3/fundingInfo")}
    found = client.fetch_funding_intervals()

    assert {client.market(name)["id"]: each["interval"] for name, each in found.items()} == {
        symbol: f"{hours}h" for symbol, hours in told.items()
    }
    assert found[SYMBOL]["interval"] == "8h"


def test_ccxt_reads_settled_funding(venue: Any, client: Any) -> None:
    rows = client.fetch_funding_rate_history(SYMBOL, limit=5)
    direct = venue.get(f"/fapi/v3/fundingRate?symbol={PERP}&limit=5")

    assert [row["fundingRate"] for row in rows] == [float(row["fundingRate"]) for row in direct]
    assert {later["timestamp"] - row["timestamp"] for row, later in pairwise(rows)} == {EIGHT_HOURS_MS}


def test_ccxt_reads_tickers(client: Any) -> None:
    ticker = client.fetch_ticker(SYMBOL)

    assert ticker["last"] == pytest.approx(_near(client, 1), rel=0.01)
    assert ticker["quoteVolume"] == pytest.approx(ticker["baseVolume"] * ticker["last"], rel=0.01)


def test_ccxt_reads_its_fees(client: Any) -> None:
    fees = client.fetch_trading_fee(SYMBOL)

    assert (fees["maker"], fees["taker"]) == (0.0002, TAKER)


def test_ccxt_places_finds_and_cancels_a_resting_order(client: Any) -> None:
    price = _near(client, 0.97)
    placed = client.create_order(SYMBOL, "limit", "buy", 0.5, price, {"clientOrderId": "mine-1"})
    assert (placed["status"], placed["filled"], placed["clientOrderId"]) == ("open", 0.0, "mine-1")

    found = client.fetch_order(placed["id"], SYMBOL)
    assert (found["id"], found["price"], found["amount"]) == (placed["id"], price, 0.5)
    assert [row["id"] for row in client.fetch_open_orders(SYMBOL)] == [placed["id"]]

    assert client.cancel_order(placed["id"], SYMBOL)["status"] == "canceled"
    assert client.fetch_open_orders(SYMBOL) == []
    (past,) = client.fetch_orders(SYMBOL)
    assert (past["id"], past["status"]) == (placed["id"], "canceled")
    with pytest.raises(ccxt.OrderNotFound, match="-2011"):
        client.cancel_order(placed["id"], SYMBOL)


def test_ccxt_finds_and_cancels_by_its_own_id(client: Any) -> None:
    client.create_order(SYMBOL, "limit", "buy", 0.5, _near(client, 0.97), {"clientOrderId": "mine-2"})

    assert client.fetch_order(None, SYMBOL, {"clientOrderId": "mine-2"})["status"] == "open"
    assert client.cancel_order(None, SYMBOL, {"clientOrderId": "mine-2"})["status"] == "canceled"


def test_ccxt_cancels_everything_of_a_symbol(client: Any) -> None:
    price = _near(client, 0.97)
    for amount in (0.1, 0.2):
        client.create_order(SYMBOL, "limit", "buy", amount, price)
    assert len(client.fetch_open_orders(SYMBOL)) == 2

    client.cancel_all_orders(SYMBOL)
    assert client.fetch_open_orders(SYMBOL) == []


def test_ccxt_post_only_that_would_take_is_refused(client: Any) -> None:
    with pytest.raises(ccxt.BaseError, match="-5022"):
        client.create_order(SYMBOL, "limit", "buy", 0.1, _near(client, 1.01), {"postOnly": True})
    assert client.fetch_my_trades(SYMBOL) == []


def test_ccxt_is_refused_more_than_its_margin(client: Any) -> None:
    with pytest.raises(ccxt.InsufficientFunds, match="-2019"):
        client.create_order(SYMBOL, "limit", "buy", 900, _near(client, 0.99))


@pytest.mark.parametrize(("share", "amount"), [(1.3, 0.5), (1.0, 0.001)])
def test_ccxt_is_refused_what_the_rules_forbid(client: Any, share: float, amount: float) -> None:
    """A price beyond the band, and an order of less than five dollars."""
    with pytest.raises(ccxt.BaseError, match=r"-4131|-4164"):
        client.create_order(SYMBOL, "limit", "buy", amount, _near(client, share))


def test_ccxt_market_order_fills_with_fee_position_and_trade(client: Any) -> None:
    placed = client.create_order(SYMBOL, "market", "buy", 0.5)
    (trade,) = client.fetch_my_trades(SYMBOL)
    (position,) = [row for row in client.fetch_positions([SYMBOL]) if row["contracts"]]

    assert (trade["order"], trade["side"], trade["amount"]) == (placed["id"], "buy", 0.5)
    assert trade["takerOrMaker"] == "taker"
    assert trade["fee"]["currency"] == "USDT"
    assert trade["fee"]["cost"] == pytest.approx(trade["price"] * 0.5 * TAKER)
    assert (position["side"], position["contracts"]) == ("long", 0.5)
    assert position["entryPrice"] == pytest.approx(trade["price"])
    assert client.fetch_order(placed["id"], SYMBOL)["average"] == pytest.approx(trade["price"], abs=0.01)


def test_ccxt_learns_that_an_order_at_once_found_nothing(client: Any) -> None:
    placed = client.create_order(SYMBOL, "limit", "buy", 0.5, _near(client, 0.97), {"timeInForce": "IOC"})

    found = client.fetch_order(placed["id"], SYMBOL)
    assert (found["status"], found["filled"]) == ("canceled", 0.0)


def test_ccxt_closes_with_reduce_only_and_the_balance_adds_up(client: Any) -> None:
    assert client.fetch_balance()["USDT"]["total"] == DEPOSIT
    client.create_order(SYMBOL, "market", "sell", 0.5)
    client.create_order(SYMBOL, "market", "buy", 0.7, None, {"reduceOnly": True})

    assert [row for row in client.fetch_positions([SYMBOL]) if row["contracts"]] == []
    trades = sorted(client.fetch_my_trades(SYMBOL), key=lambda row: int(row["id"]))
    made = (trades[0]["price"] - trades[1]["price"]) * 0.5 - sum(row["fee"]["cost"] for row in trades)
    assert client.fetch_balance()["USDT"]["total"] == pytest.approx(DEPOSIT + made, abs=1e-6)


def test_ccxt_sets_leverage_and_margin_type(client: Any) -> None:
    client.set_leverage(7, SYMBOL)
    client.set_margin_mode("isolated", SYMBOL)

    leverage = client.fetch_leverages([SYMBOL])[SYMBOL]
    assert (leverage["longLeverage"], leverage["marginMode"]) == (7, "isolated")
    assert client.fetch_position_mode(SYMBOL)["hedged"] is False


def test_ccxt_reads_what_funding_paid(serve: Serve, until: Until) -> None:
    """The fake's clock stands before an hour at which ETH settles: one of every eight."""
    hours = -(int(time.time()) // 3_600 + 1) % 8
    venue = serve("aster", to_hour_s=20 - 3_600 * hours)
    client = _ccxt(venue)
    client.load_markets()
    client.create_order(SYMBOL, "market", "sell", 0.5)

    (paid,) = until(lambda: client.fetch_funding_history(SYMBOL), 45, 1)
    (settled,) = client.fetch_funding_rate_history(SYMBOL, limit=1)
    (position,) = [row for row in client.fetch_positions([SYMBOL]) if row["contracts"]]
    assert (paid["symbol"], paid["timestamp"] // 1000) == (SYMBOL, settled["timestamp"] // 1000)
    assert settled["timestamp"] % EIGHT_HOURS_MS < 1_000
    assert paid["amount"] == pytest.approx(0.5 * position["markPrice"] * settled["fundingRate"], rel=0.001, abs=1e-6)


def test_ccxt_with_another_wallet_is_refused(venue: Any) -> None:
    stranger = _ccxt(venue, STRANGER)
    with pytest.raises(ccxt.AuthenticationError, match="-2015"):
        stranger.fetch_balance()
    # An agent's key is not the wallet's: ccxt would take the agent for the account.
    with pytest.raises(ccxt.AuthenticationError, match="-2015"):
        _ccxt(venue, f"0x{AGENT_SECRET}").fetch_balance()
    assert _ccxt(venue).fetch_balance()["USDT"]["total"] == DEPOSIT


def test_ccxt_for_the_other_network_is_refused(venue: Any) -> None:
    with pytest.raises(ccxt.BaseError, match="-1022"):
        _ccxt(venue, v3ChainId=714).fetch_balance()


def test_ccxt_with_a_nonce_that_was_used_or_is_old_is_refused(venue: Any) -> None:
    client = _ccxt(venue)
    now = int(time.time() * 1000)
    client.milliseconds = lambda: now
    client.fetch_balance()
    with pytest.raises(ccxt.BaseError, match="-4225"):
        client.fetch_balance()
    client.milliseconds = lambda: now - 11_000
    with pytest.raises(ccxt.BaseError, match="-4225"):
        client.fetch_balance()


def test_ccxt_names_the_account_as_the_settings_do(venue: Any) -> None:
    assert venue.settings["user"] == USER
    assert _ccxt(venue).eth_get_address_from_private_key(f"0x{WALLET_SECRET}").lower() == USER


def test_ccxt_streams_the_book_and_trades(venue: Any) -> None:
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
            trades = await asyncio.wait_for(client.watch_trades(SYMBOL), 30)
            assert trades[-1]["price"] == pytest.approx(book["bids"][0][0], rel=0.01)
        finally:
            await client.close()

    asyncio.run(scene())


def test_ccxt_streams_its_positions(venue: Any) -> None:
    """Its `watch_orders`, `watch_my_trades` and `watch_balance` ask for a market type that nobody can give them."""

    async def scene() -> None:
        client = _ccxt(venue, of=ccxt.pro)
        try:
            await client.load_markets()
            with pytest.raises(ccxt.ArgumentsRequired, match="market type"):
                await client.watch_orders(SYMBOL, params={"type": "swap"})
            # It finds the kind of account by the venue's host, and has no balance to begin with.
            client.balance = {"spot": {}, "swap": {}}
            assert await asyncio.wait_for(client.watch_positions([SYMBOL]), 20) == []
            held = asyncio.create_task(client.watch_positions([SYMBOL]))
            await asyncio.sleep(1)
            bought = await client.create_order(SYMBOL, "market", "buy", 0.5)
            position = await asyncio.wait_for(held, 20)
            assert position["symbol"] == SYMBOL
            assert (position["side"], float(position["contracts"])) == ("long", 0.5)
            found = await client.fetch_order(bought["id"], SYMBOL)
            assert float(position["entryPrice"]) == pytest.approx(found["average"], abs=0.01)
        finally:
            await client.close()

    asyncio.run(scene())
