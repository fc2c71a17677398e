"""The official SDK (lighter-sdk) as a client of the fake Lighter."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import lighter
import pytest
from lighter.signer_client import SignerClient
from tests.independent.lighter_sdk import ETH, GTT, IOC, POST_ONLY, Refused, Sdk
from websockets.asyncio.client import connect

Serve = Callable[..., Any]

DEPOSIT = 100_000.0
STRANGER = "5a" * 39 + "00"

Scene = Callable[[Sdk], Awaitable[None]]


def _play(venue: Any, scene: Scene, key: str | None = None) -> None:
    async def run() -> None:
        sdk = Sdk(venue, key)
        try:
            await scene(sdk)
        finally:
            await sdk.signer.close()

    asyncio.run(run())


@pytest.fixture
def venue(serve: Serve) -> Any:
    return serve("lighter")


def test_sdk_lists_markets_with_their_decimals(venue: Any) -> None:
    async def scene(sdk: Sdk) -> None:
        listed = (await sdk.orders.order_books()).order_books
        details = (await sdk.orders.order_book_details()).order_book_details

        assert [row.symbol for row in listed] == ["BTC", "ETH", "SOL"]
        for row, full in zip(listed, details, strict=True):
            assert (full.symbol, full.market_id, str(full.status)) == (row.symbol, row.market_id, str(row.status))
            assert full.size_decimals + full.price_decimals == 6
            assert (full.size_decimals, full.price_decimals) == (
                row.supported_size_decimals,
                row.supported_price_decimals,
            )
            assert float(full.min_quote_amount) == 10
            assert 0 < full.maintenance_margin_fraction <= full.min_initial_margin_fraction <= 10_000

    _play(venue, scene)


def test_sdk_reads_status_and_time(venue: Any) -> None:
    async def scene(sdk: Sdk) -> None:
        status = await sdk.root.status()

        assert status.status == 200
        assert abs(status.timestamp - time.time()) < 2

    _play(venue, scene)


def test_sdk_reads_single_orders_of_the_book(venue: Any) -> None:
    async def scene(sdk: Sdk) -> None:
        for _ in range(20):
            before = venue.get("/api/v1/orderBookOrders?market_id=1&limit=50")
            book = await sdk.orders.order_book_orders(ETH, 50)
            if before == venue.get("/api/v1/orderBookOrders?market_id=1&limit=50"):
                break
        bids, asks = ([float(row.price) for row in side] for side in (book.bids, book.asks))

        assert [(row.price, row.remaining_base_amount) for row in book.bids] == [
            (row["price"], row["remaining_base_amount"]) for row in before["bids"]
        ]
        assert (bids, asks) == (sorted(bids, reverse=True), sorted(asks))
        assert bids[0] < asks[0]
        assert max(len(bids), len(asks)) <= 50

    _play(venue, scene)


def test_sdk_reads_one_rate_in_three_units(venue: Any) -> None:
    async def scene(sdk: Sdk) -> None:
        rows = (await sdk.fundings.funding_rates()).funding_rates
        (own,) = (row for row in rows if row.exchange == "lighter" and row.market_id == ETH)
        stats = await _first(venue, "market_stats/1")

        assert {row.exchange for row in rows} == {"binance", "lighter", "hyperliquid"}
        assert own.rate / 8 * 100 == pytest.approx(float(stats["market_stats"]["current_funding_rate"]), abs=1e-4)

    _play(venue, scene)


async def _first(venue: Any, channel: str) -> Any:
    """Return what a channel tells first, without any client of the venue."""
    async with connect(venue.settings["stream_url"]) as socket:
        await socket.send(json.dumps({"type": "subscribe", "channel": channel}))
        async for text in socket:
            message = json.loads(text)
            if message.get("channel") == channel.replace("/", ":"):
                return message
    raise AssertionError("nothing was told")


def test_sdk_reads_settled_funding_of_every_hour(venue: Any) -> None:
    async def scene(sdk: Sdk) -> None:
        now_s = int(time.time())
        candles = lighter.CandlestickApi(sdk.signer.api_client)
        answer = await candles.fundings(ETH, "1h", now_s - 6 * 3600, now_s, 10)
        stamps = [row.timestamp for row in answer.fundings]

        assert len(stamps) == 6
        assert {stamp % 3600 for stamp in stamps} == {0}
        assert {later - stamp for stamp, later in pairwise(stamps)} == {3600}
        assert {row.direction for row in answer.fundings} <= {"long", "short"}
        assert all(float(row.rate) >= 0 for row in answer.fundings)

    _play(venue, scene)


def test_sdk_places_finds_and_cancels_a_resting_order(venue: Any) -> None:
    async def scene(sdk: Sdk) -> None:
        index = await sdk.order(0.95)
        (row,) = await sdk.open()

        assert (row.client_order_index, row.status, row.is_ask) == (index, "open", False)
        assert (row.initial_base_amount, row.remaining_base_amount) == ("0.1000", "0.1000")
        assert row.order_index >= 1 << 48
        _, answer, error = await sdk.signer.cancel_order(ETH, index)
        assert (answer.code, error) == (200, None)
        assert await sdk.open() == []
        ended = await sdk.ended(index)
        assert (ended.status, ended.filled_base_amount) == ("canceled", "0.0000")
        _, _, again = await sdk.signer.cancel_order(ETH, row.order_index)
        assert "21708" in str(again) or "21709" in str(again)

    _play(venue, scene)


def test_sdk_cancels_everything(venue: Any) -> None:
    async def scene(sdk: Sdk) -> None:
        for share in (0.95, 0.94):
            await sdk.order(share)
        assert len(await sdk.open()) == 2

        _, answer, error = await sdk.signer.cancel_all_orders(time_in_force=0, timestamp_ms=0)

        assert (answer.code, error) == (200, None)
        assert await sdk.open() == []

    _play(venue, scene)


def test_sdk_post_only_rests_or_ends_as_such(venue: Any) -> None:
    async def scene(sdk: Sdk) -> None:
        resting = await sdk.order(0.95, POST_ONLY)
        assert [row.client_order_index for row in await sdk.open()] == [resting]
        taking = await sdk.order(1.01, POST_ONLY)

        assert (await sdk.ended(taking)).status == "canceled-post-only"
        assert (await sdk.position()).position == "0.0000"

    _play(venue, scene)


@pytest.mark.parametrize(
    ("share", "size", "code"),
    [(0.95, 10, "21706"), (0.95, 100_000_000, "21739"), (1.5, 1000, "21733")],
)
def test_sdk_is_refused_what_the_rules_forbid(venue: Any, share: float, size: int, code: str) -> None:
    async def scene(sdk: Sdk) -> None:
        with pytest.raises(Refused, match=code):
            await sdk.order(share, size=size)
        assert await sdk.order(0.95), "the nonce was not used up"

    _play(venue, scene)


def test_sdk_market_order_fills_with_position_and_trade(venue: Any) -> None:
    async def scene(sdk: Sdk) -> None:
        ask = (await sdk.best())[1]
        index = await sdk.market()
        ended, (trade,), position = await sdk.ended(index), await sdk.trades(), await sdk.position()
        average = float(ended.filled_quote_amount) / float(ended.filled_base_amount)

        assert (ended.status, ended.type, ended.filled_base_amount) == ("filled", "market", "0.1000")
        assert average == pytest.approx(ask, rel=0.001)
        assert (trade.bid_client_id, trade.bid_account_id, trade.is_maker_ask) == (index, sdk.index, True)
        assert trade.size == "0.1000"
        assert float(trade.price) == pytest.approx(average)
        assert (trade.taker_fee or 0) == 0
        assert (position.sign, position.position) == (1, "0.1000")
        assert float(position.avg_entry_price) == pytest.approx(average)

    _play(venue, scene)


def test_sdk_learns_that_an_order_at_once_found_nothing(venue: Any) -> None:
    async def scene(sdk: Sdk) -> None:
        ended = await sdk.ended(await sdk.order(0.95, IOC))

        assert (ended.status, ended.filled_base_amount) == ("canceled-not-enough-liquidity", "0.0000")

    _play(venue, scene)


def test_sdk_closes_with_reduce_only_and_the_cash_adds_up(venue: Any) -> None:
    async def scene(sdk: Sdk) -> None:
        assert float((await sdk.account()).collateral) == DEPOSIT
        await sdk.market(sell=True)
        assert ((await sdk.position()).sign, (await sdk.position()).position) == (-1, "0.1000")

        await sdk.market(reduce_only=True, size=1500)

        assert (await sdk.position()).position == "0.0000"
        bought, sold = await sdk.trades()
        made = (float(sold.price) - float(bought.price)) * 0.1
        account = await sdk.account()
        assert float(bought.size) == 0.1
        assert float(account.collateral) == pytest.approx(DEPOSIT + made, abs=1e-6)
        assert float(account.total_asset_value) == pytest.approx(DEPOSIT + made, abs=1e-6)

    _play(venue, scene)


def test_sdk_reduce_only_never_opens(venue: Any) -> None:
    async def scene(sdk: Sdk) -> None:
        with pytest.raises(Refused, match="21732"):
            await sdk.market(reduce_only=True)

        assert (await sdk.position()).position == "0.0000"
        assert await sdk.trades() == []

    _play(venue, scene)


def test_sdk_sets_the_leverage_of_a_market(venue: Any) -> None:
    async def scene(sdk: Sdk) -> None:
        _, answer, error = await sdk.signer.update_leverage(ETH, SignerClient.CROSS_MARGIN_MODE, 4)
        assert (answer.code, error) == (200, None)
        await sdk.market()
        account, position = await sdk.account(), await sdk.position()

        assert float(position.initial_margin_fraction) == 25
        needed = float(account.total_asset_value) - float(account.available_balance)
        assert needed == pytest.approx(float(position.position_value) / 4, rel=0.001)

    _play(venue, scene)


def test_sdk_reads_orders_by_its_own_numbers(venue: Any) -> None:
    async def scene(sdk: Sdk) -> None:
        resting, filled = await sdk.order(0.95), await sdk.market()
        asked = f"{resting},{filled},77"
        answer = await sdk.orders.account_orders(
            account_index=sdk.index, client_order_indexes=asked, authorization=sdk.token()
        )

        assert {row.client_order_index: row.status for row in answer.orders} == {resting: "open", filled: "filled"}

    _play(venue, scene)


def test_sdk_counts_nonces_and_mends_a_gap(venue: Any) -> None:
    async def scene(sdk: Sdk) -> None:
        before = (await sdk.transactions.next_nonce(sdk.index, sdk.slot)).nonce
        await sdk.order(0.95)
        assert (await sdk.transactions.next_nonce(sdk.index, sdk.slot)).nonce == before + 1
        sdk.signer.nonce_manager.nonce[sdk.slot] += 5

        with pytest.raises(Refused, match="invalid nonce"):
            await sdk.order(0.94)
        await sdk.order(0.94)
        assert len(await sdk.open()) == 2

    _play(venue, scene)


def test_sdk_finds_its_transaction_by_hash(venue: Any) -> None:
    async def scene(sdk: Sdk) -> None:
        _, answer, _ = await sdk.signer.create_order(ETH, 5, 1000, await sdk.price(0.95), False, 0, GTT)
        found = await sdk.transactions.tx(by="hash", value=answer.tx_hash)

        assert (found.hash, found.type, found.account_index) == (answer.tx_hash, 14, sdk.index)

    _play(venue, scene)


def test_sdk_reads_its_tier_and_its_key(venue: Any) -> None:
    async def scene(sdk: Sdk) -> None:
        limits = await sdk.accounts.account_limits(sdk.index, authorization=sdk.token())
        keys = (await sdk.accounts.apikeys(sdk.index, sdk.slot)).api_keys

        assert limits.user_tier == venue.settings["tier"]
        assert [(key.account_index, key.api_key_index) for key in keys] == [(sdk.index, sdk.slot)]
        assert sdk.signer.check_client() is None, "the registered public key is that of the private one"

    _play(venue, scene)


def test_sdk_reads_what_funding_paid(serve: Serve) -> None:
    venue = serve("lighter", to_hour_s=8)

    async def scene(sdk: Sdk) -> None:
        now_s = int(time.time() + venue.ahead_s)
        token, error = sdk.signer.create_auth_token_with_expiry(3600, timestamp=now_s, api_key_index=sdk.slot)
        assert error is None
        sdk.signer.create_auth_token_with_expiry = lambda *_, **__: (token, None)
        answer = await sdk.signer.create_market_order(ETH, 9, 1000, await sdk.price(1.02), False)
        assert answer[2] is None, answer[2]
        for _ in range(20):
            rows = (await sdk.accounts.position_funding(sdk.index, 10, authorization=token)).position_fundings
            if rows:
                break
            await asyncio.sleep(1)
        (paid,) = rows
        candles = lighter.CandlestickApi(sdk.signer.api_client)
        stamp = paid.timestamp
        (settled,) = (await candles.fundings(ETH, "1h", stamp - 10, stamp + 10, 1)).fundings

        assert (paid.market_id, paid.position_side, float(paid.position_size)) == (ETH, "long", 0.1)
        sign = -1 if settled.direction == "long" else 1
        assert float(paid.change) == pytest.approx(sign * 0.1 * float(settled.value), rel=0.001, abs=2e-6)

    _play(venue, scene)


def test_sdk_with_another_key_is_refused(venue: Any) -> None:
    async def scene(sdk: Sdk) -> None:
        with pytest.raises(Refused, match="21120"):
            await sdk.order(0.95)
        with pytest.raises(lighter.exceptions.ApiException, match="invalid auth"):
            await sdk.open()
        assert sdk.signer.check_client() is not None

    _play(venue, scene, STRANGER)


def test_sdk_without_a_token_reads_nothing_private(venue: Any) -> None:
    async def scene(sdk: Sdk) -> None:
        with pytest.raises(lighter.exceptions.ApiException, match="invalid auth"):
            await sdk.orders.account_active_orders("", account_index=sdk.index, market_id=ETH)

    _play(venue, scene)


def test_sdk_streams_the_book_and_its_account(venue: Any) -> None:
    books: list[Any] = []
    accounts: list[Any] = []

    async def scene(sdk: Sdk) -> None:
        client = lighter.WsClient(
            ws_url=venue.settings["stream_url"],
            order_book_ids=[ETH],
            account_ids=[sdk.index],
            on_order_book_update=lambda market, book: books.append((market, book)),
            on_account_update=lambda account, told: accounts.append((account, told)),
        )
        streaming = asyncio.create_task(client.run_async())
        try:
            await _until(lambda: len(books) > 3 and accounts)
            index = await sdk.market()
            await _until(lambda: len(accounts) > 1)
            bid, ask = await sdk.best()
        finally:
            streaming.cancel()
            await asyncio.gather(streaming, return_exceptions=True)
        market, book = books[-1]
        assert market == str(ETH)
        assert max(float(row["price"]) for row in book["bids"]) == pytest.approx(bid, rel=0.001)
        assert min(float(row["price"]) for row in book["asks"]) == pytest.approx(ask, rel=0.001)
        account, told = accounts[1]
        assert account == str(sdk.index)
        (trade,) = told["trades"][str(ETH)]
        assert (trade["bid_client_id"], trade["size"]) == (index, "0.1000")
        assert told["positions"][str(ETH)]["position"] == "0.1000"

    _play(venue, scene)


async def _until(there: Callable[[], Any]) -> None:
    for _ in range(300):
        if there():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it never came")
