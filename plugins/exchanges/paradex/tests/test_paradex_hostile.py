"""A sick venue: what cannot be true ends in an error that says so, and nothing stays broken after it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from arb.api import BadResponse, BelowMinimum, HttpResponse, Rejected
from arb.model import MINUTE_NS, SECOND_NS, BookGap, OrderBook, OrderStatus
from arb.testing import Bench, BenchDesk
from arb_exchange_paradex._errors import IN_DOUBT, REASONS, REFUSALS, refusal_by, refusal_table


def _rows(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Change every row of a list."""
    return lambda answer: {**answer, "results": [change(row) for row in answer["results"]]}


@pytest.mark.parametrize(
    "change",
    [
        lambda answer: {"results": [row for row in answer["results"] if row["symbol"] != "BTC-USD-PERP"]},
        _rows(lambda row: {**row, "price_tick_size": "0"} if row["symbol"] == "BTC-USD-PERP" else row),
        _rows(lambda row: {**row, "delta1_cross_margin_params": None} if row["symbol"] == "BTC-USD-PERP" else row),
        _rows(lambda row: {**row, "funding_period_hours": "often"} if row["symbol"] == "BTC-USD-PERP" else row),
    ],
)
def test_a_market_that_one_listing_lacks_can_still_be_closed(bench: Bench, change: Callable[[Any], Any]) -> None:
    async def body(desk: BenchDesk) -> None:
        assert desk.instrument.symbol == "BTC-USD-PERP"
        await desk.check_unlisted(lambda: desk.wire.change_json("/v1/markets", change))

    bench(body)


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("/positions", _rows(lambda row: {**row, "size": f"-{row['size']}"})),
        ("/positions", _rows(lambda row: {**row, "side": "BOTH"})),
        ("/positions", _rows(lambda row: {**row, "market": "BTC-USD-PERP", "average_entry_price": "0"})),
        ("/positions", _rows(lambda row: {**row, "unrealized_pnl": "NaN"})),
        ("/balance", _rows(lambda row: {**row, "size": "1e999"})),
        ("/account", lambda row: {**row, "free_collateral": None}),
        ("/account", lambda row: []),
    ],
)
def test_an_account_that_cannot_be_true_is_none(bench: Bench, path: str, change: Callable[[Any], Any]) -> None:
    async def body(desk: BenchDesk) -> None:
        await desk.send(await desk.request())
        desk.wire.change_json(path, change)
        with pytest.raises(BadResponse):
            await desk.trading.fetch_balances()
        desk.wire.change = None
        assert await desk.trading.fetch_balances()

    bench(body)


@pytest.mark.parametrize(
    "change",
    [
        _rows(lambda row: {**row, "remaining_size": "-1"}),
        _rows(lambda row: {**row, "remaining_size": "1e9"}),
        _rows(lambda row: {**row, "avg_fill_price": ""}),
        _rows(lambda row: {**row, "status": "DONE"}),
        _rows(lambda row: {**row, "side": "HOLD"}),
        _rows(lambda row: {**row, "last_updated_at": 10**30}),
        _rows(lambda row: {**row, "id": ""}),
    ],
)
def test_an_order_that_cannot_be_true_is_none(bench: Bench, change: Callable[[Any], Any]) -> None:
    async def body(desk: BenchDesk) -> None:
        request = await desk.request()
        await desk.send(request)
        desk.wire.change_json("/orders-history", change)
        with pytest.raises(BadResponse):
            await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
        desk.wire.change = None
        found = await desk.trading.fetch_order(desk.instrument.id, request.client_order_id)
        assert found.status is OrderStatus.FILLED

    bench(body)


def test_positions_that_never_stand_still(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        await desk.send(await desk.request())
        count = iter(range(100))
        desk.wire.change_json("/positions", _rows(lambda row: {**row, "last_fill_id": str(next(count))}))
        with pytest.raises(BadResponse, match="positions changed"):
            await desk.trading.fetch_balances()

    bench(body)


def test_a_list_without_an_end(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        endless = HttpResponse(status=200, headers={}, body=b'{"results": [], "next": "again", "prev": null}')
        desk.wire.answer = lambda asked: endless if "/fills" in asked.url else None
        with pytest.raises(BadResponse, match="more than"):
            await desk.trading.fetch_fills(0)

    bench(body)


def test_leverage_that_reads_otherwise_is_not_set(bench: Bench) -> None:
    async def body(desk: BenchDesk) -> None:
        desk.wire.change_json("/account/margin", lambda answer: {**answer, "configs": []})
        leverage, mode = await desk.trading.fetch_leverage(desk.instrument.id)
        assert leverage == desk.instrument.margin_tiers[0].max_leverage, "nothing was ever set"
        with pytest.raises(BadResponse, match="reads"):
            await desk.trading.set_leverage(desk.instrument.id, leverage / 2, mode)

    bench(body)


def test_no_message_ends_the_streams(bench: Bench) -> None:
    async def body(desk: Any) -> None:
        noise: list[str | bytes] = [
            '{"jsonrpc": "2.0", "method": "subscription", "params": {"channel": "orders.X", "data": {}}}',
            '{"jsonrpc": "2.0", "method": "subscription", "params": null}',
            '{"jsonrpc": "2.0", "id": 5, "result": {}}',
            "[1]",
            b"\x00",
            bytes(8),
            "\udcff".encode("utf-8", "surrogatepass"),
        ]
        heard: list[Any] = []

        def noisy(message: str | bytes) -> list[str | bytes]:
            return [noise.pop(0), message] if noise else [message]

        desk.wire.tamper = noisy
        stream = desk.streams.watch_order_book(desk.instrument.id)
        until_ns = desk.clock.now_ns() + 10 * MINUTE_NS
        async for each in stream:
            heard.append(each)
            if desk.clock.now_ns() > until_ns:
                break
        await stream.aclose()
        assert noise == []
        assert all(isinstance(each, OrderBook | BookGap) for each in heard)
        await desk.sleep(SECOND_NS)

    bench(body)


def test_the_table_of_refusals_is_complete_and_unique() -> None:
    """Every code that can answer an order, a cancel or a read of the account is in one of the two lists."""
    documented = {
        *("VALIDATION_ERROR", "BINDING_ERROR", "INTERNAL_ERROR", "NOT_FOUND", "SERVICE_UNAVAILABLE"),
        *("INVALID_REQUEST_PARAMETER", "ORDER_ID_NOT_FOUND", "ORDER_IS_CLOSED", "ORDER_IS_NOT_OPEN"),
        *("INVALID_ORDER_SIZE", "CLIENT_ORDER_ID_NOT_FOUND", "DUPLICATED_CLIENT_ID", "INVALID_SYMBOL"),
        *("INVALID_TOKEN", "INVALID_STARKNET_ADDRESS", "INVALID_STARKNET_SIGNATURE"),
        *("STARKNET_SIGNATURE_VERIFICATION_FAILED", "NOT_ONBOARDED", "INVALID_TIMESTAMP", "ACCOUNT_NOT_FOUND"),
        *("INVALID_ORDER_SIGNATURE", "PUBLIC_KEY_INVALID", "UNAUTHORIZED_ERROR", "MARKET_NOT_FOUND"),
        *("GEO_IP_BLOCK", "ETHEREUM_ADDRESS_BLOCKED", "MARKET_NOT_OPEN", "REQUEST_NOT_ALLOWED"),
        *("BATCH_SIZE_OUT_OF_RANGE", "ISOLATED_MARKET_ACCOUNT_MISMATCH", "NO_ACCESS_TO_MARKET", "INVALID_CHAIN"),
        *("RPI_ACCOUNT_NOT_WHITELISTED", "SYSTEM_STATUS_POST_ONLY", "SYSTEM_STATUS_CANCEL_ONLY"),
        *("MARKET_MARGIN_RESTRICTED", "NOT_UNIQUE", "INVALID_SUBKEY", "INVALID_TOKEN_SCOPE", "IP_NOT_ALLOWED"),
    }
    assert set(REFUSALS) | IN_DOUBT == documented
    assert not set(REFUSALS) & IN_DOUBT


@pytest.mark.parametrize("code", sorted(IN_DOUBT | {"zz", "", "order_is_closed"}))
@pytest.mark.parametrize("status", [400, 404, 500, 503])
def test_what_is_in_no_table_is_not_certain(code: str, status: int) -> None:
    body = json.dumps({"error": code, "message": "x"}).encode()
    assert refusal_table("pd")(HttpResponse(status=status, headers={}, body=body)) is None


@pytest.mark.parametrize("code", sorted(REFUSALS))
def test_a_failing_server_is_never_a_refusal(code: str) -> None:
    body = json.dumps({"error": code, "message": "x"}).encode()
    assert refusal_table("pd")(HttpResponse(status=500, headers={}, body=body)) is None
    told = refusal_table("pd")(HttpResponse(status=400, headers={}, body=body))
    assert told is not None
    assert (type(told), told.code, told.exchange) == (REFUSALS[code], code, "pd")


def test_reasons_are_matched_by_their_words() -> None:
    assert len({word for word, _ in REASONS}) == len(REASONS)
    assert refusal_by("USER_CANCELED") is refusal_by("EXPIRED") is refusal_by("") is refusal_by("SOMETHING_NEW") is None
    assert refusal_by("ORDER_BELOW_MIN_NOTIONAL") is BelowMinimum
    assert refusal_by("MAX_NOTIONAL_EXCEEDED") is Rejected, "a larger one would not mend it"
