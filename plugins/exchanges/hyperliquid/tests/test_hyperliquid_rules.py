from __future__ import annotations

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from arb.api import AuthenticationFailed, BadResponse, OutcomeUnknown, RateLimited, Rejected
from arb.model import SECOND_NS, MarginTier, Side
from arb.testing import MemoryState
from arb_exchange_hyperliquid._errors import REFUSALS, refused
from arb_exchange_hyperliquid._listing import base_of, collateral_name, dex_numbers, margin_tiers
from arb_exchange_hyperliquid._nonces import Nonces
from arb_exchange_hyperliquid._paging import whole_list
from arb_exchange_hyperliquid._precision import is_valid_price, price_step, round_price
from arb_exchange_hyperliquid._settings import HyperliquidSettings
from arb_exchange_hyperliquid.fake._rules import takes_price, tick_near

KEY = "5e" * 32
ADDRESS = "0x" + "Ab" * 20

prices = st.decimals("0.000001", "9999999", places=6, allow_nan=False)
decimals = st.integers(0, 6)


@pytest.mark.parametrize(
    ("price", "sz_decimals", "is_valid"),
    [
        # The examples of the venue's page "Tick and lot size", and integers of any length.
        ("1234.5", 1, True),
        ("1234.56", 1, False),
        ("0.001234", 0, True),
        ("0.0012345", 0, False),
        ("0.01234", 1, True),
        ("0.012345", 1, False),
        ("123456", 0, True),
        ("1234567", 5, True),
        ("123456.7", 0, False),
        ("12345.6", 0, False),
    ],
)
def test_prices_of_the_documentation(price: str, sz_decimals: int, is_valid: bool) -> None:
    assert is_valid_price(Decimal(price), sz_decimals) is is_valid
    assert takes_price(Decimal(price), sz_decimals) is is_valid


@given(prices, decimals)
def test_the_adapter_and_the_fake_agree_on_what_is_a_price(price: Decimal, sz_decimals: int) -> None:
    """One reckons with steps, the other counts digits."""
    assert is_valid_price(price, sz_decimals) == takes_price(price, sz_decimals)
    assert price_step(price, sz_decimals) == tick_near(price, sz_decimals)


@given(prices, decimals, st.sampled_from(Side))
@example(Decimal("99999.5"), 0, Side.SELL)
@example(Decimal("9.99995"), 0, Side.SELL)
@example(Decimal("100000.5"), 5, Side.BUY)
def test_rounding_gives_the_next_valid_price_that_is_not_worse(price: Decimal, sz_decimals: int, side: Side) -> None:
    rounded = round_price(side, price, sz_decimals)
    assert (price - rounded) * side.sign >= 0
    if rounded:
        assert takes_price(rounded, sz_decimals)
        assert abs(price - rounded) < price_step(price, sz_decimals)
    if takes_price(price, sz_decimals):
        assert rounded == price


@pytest.mark.parametrize(
    ("coin", "base", "multiplier"),
    [
        ("BTC", "BTC", 1),
        ("kPEPE", "PEPE", 1000),
        ("k2Z", "2Z", 1000),
        ("2Z", "2Z", 1),
        ("KAITO", "KAITO", 1),
        ("xyz:TSLA", "TSLA", 1),
        ("km:US500", "US500", 1),
        ("hyna:kBONK", "BONK", 1000),
    ],
)
def test_the_base_of_a_coin(coin: str, base: str, multiplier: int) -> None:
    assert base_of(coin) == (base, Decimal(multiplier))


def test_a_builders_dex_counts_from_the_first_after_the_leading_null() -> None:
    rows: list[Mapping[str, str] | None] = [None, {"name": "xyz"}, None, {"name": "flx"}]
    assert dex_numbers(rows) == {"xyz": 110_000, "flx": 130_000}


def test_margin_tiers_end_where_the_next_begins_and_need_half_of_the_initial_margin() -> None:
    tables = {56: [{"lowerBound": "0.0", "maxLeverage": 40}, {"lowerBound": "150000000.0", "maxLeverage": 20}]}
    first, last = margin_tiers({"maxLeverage": 40, "marginTableId": 56}, tables)
    assert first == MarginTier(
        max_notional=Decimal(150_000_000), maintenance_rate=Decimal("0.0125"), max_leverage=Decimal(40)
    )
    assert last == MarginTier(max_notional=None, maintenance_rate=Decimal("0.025"), max_leverage=Decimal(20))
    for row in ({"maxLeverage": 3, "marginTableId": 3}, {"maxLeverage": 3}):
        (only,) = margin_tiers(row, tables)
        assert only.max_notional is None
        assert 0 < only.maintenance_rate - Decimal(1) / 6 < Decimal("1e-11"), "rounded up, never down"


def test_collateral_is_named_by_the_list_of_tokens() -> None:
    assert collateral_name(0, None) == "USDC"
    assert collateral_name(360, {"tokens": [{"index": 360, "name": "USDH"}]}) == "USDH"
    with pytest.raises(KeyError):
        collateral_name(9, {"tokens": []})


def test_every_refusal_is_in_the_table_once() -> None:
    parts, codes = [row.part for row in REFUSALS], [row.code for row in REFUSALS]
    assert len(set(parts)) == len(parts)
    assert len(set(codes)) == len(codes)
    for part in parts:
        assert [other for other in parts if part in other] == [part], "one part is in another: the first would win"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Insufficient margin to place order. asset=4", Rejected),
        ("User or API Wallet 0xb8a6f8b26223de27c31938d56e470a5b832703a5 does not exist.", AuthenticationFailed),
        ("Invalid nonce: nonce too low 1 < 2", AuthenticationFailed),
        ("Invalid nonce: duplicate nonce 1764221206959", OutcomeUnknown),
        ("Too many cumulative requests sent (37986 > 10436) for cumulative volume traded $437.92.", RateLimited),
        ("Price too far from oracle asset=4", Rejected),
        ("Something that the venue says for the first time", BadResponse),
        ({"type": "default"}, BadResponse),
        (None, BadResponse),
    ],
)
def test_texts_become_what_a_caller_may_do(text: object, kind: type[Exception]) -> None:
    error = refused(text, "hl")
    assert isinstance(error, kind)
    assert not isinstance(error, Rejected) or kind is not BadResponse
    assert error.exchange == "hl"


def test_a_spent_budget_of_the_address_says_how_long_to_wait() -> None:
    assert refused("Too many cumulative requests sent (2 > 1)", "hl").retry_after_ns == 10 * SECOND_NS


def nonces_of(state: MemoryState, times: list[int]) -> list[int]:
    async def take() -> list[int]:
        source = Nonces(state, lambda: times.pop(0))
        return [await source.next() for _ in range(len(times))]

    return asyncio.run(take())


@given(st.lists(st.lists(st.integers(10**12, 10**12 + 10**5), min_size=1, max_size=8), min_size=1, max_size=5))
def test_no_nonce_comes_twice_whatever_the_clock_and_the_restarts(runs: list[list[int]]) -> None:
    state = MemoryState()
    taken = [nonce for times in runs for nonce in nonces_of(state, list(times))]
    assert taken == sorted(set(taken))


def test_nonces_follow_the_clock_and_are_stored_before_they_are_used() -> None:
    state = MemoryState()
    assert nonces_of(state, [10**12, 10**12, 10**12 + 500]) == [10**12, 10**12 + 1, 10**12 + 500]
    (stored,) = state.values.values()
    assert int(stored) > 10**12 + 500


def test_nonces_taken_at_once_differ() -> None:
    async def take() -> list[int]:
        source = Nonces(MemoryState(), lambda: 10**12)
        return await asyncio.gather(*(source.next() for _ in range(20)))

    assert len(set(asyncio.run(take()))) == 20


rows = st.lists(st.integers(0, 40), max_size=60)


@given(rows, st.booleans(), st.integers(0, 20), st.integers(20, 40))
def test_lists_are_whole_whichever_end_the_venue_keeps(
    times: list[int], newest: bool, start_ms: int, end_ms: int
) -> None:
    listed = [{"time": time, "id": place} for place, time in enumerate(sorted(times))]

    async def ask(first: int, last: int) -> Any:
        inside = [row for row in listed if first <= row["time"] <= last]
        return inside[-8:][::-1] if newest else inside[:8]

    reading = whole_list(ask, start_ms, end_ms, most=8, what="rows", exchange="hl")
    wanted = [row for row in listed if start_ms <= row["time"] <= end_ms]
    if max((times.count(time) for time in {row["time"] for row in wanted}), default=0) >= 8:
        with pytest.raises(BadResponse, match="cannot be read whole"):
            asyncio.run(reading)
        return
    found = {row["id"] for row in asyncio.run(reading)}
    assert found == {row["id"] for row in wanted}


@pytest.mark.parametrize("answer", [{}, None, "rows", [{"no": "time"}], [5]])
def test_what_is_no_list_is_no_empty_list(answer: Any) -> None:
    async def ask(first: int, last: int) -> Any:
        return answer

    with pytest.raises(BadResponse):
        asyncio.run(whole_list(ask, 0, 9, most=8, what="rows", exchange="hl"))


def test_a_key_needs_an_account_and_shows_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HL_TEST_KEY", KEY)
    with pytest.raises(ValidationError, match="needs `account`"):
        HyperliquidSettings.model_validate({"key": "env:HL_TEST_KEY"})
    good = HyperliquidSettings.model_validate({"key": "env:HL_TEST_KEY", "account": ADDRESS})
    assert good.account == ADDRESS.lower()
    assert KEY not in f"{good!r} {good} {good.model_dump()} {good.model_dump_json()}"


@pytest.mark.parametrize(
    "settings",
    [
        {"account": "0x1234"},
        {"network": "devnet"},
        {"dexes": ["XYZ"]},
        {"dexes": ["xyz", "xyz"]},
        {"order_validity": "1s"},
        {"order_validity": "2m"},
        {"api_url": "ftp://x"},
        {"stream_url": "https://x"},
        {"key": KEY, "account": ADDRESS},
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        HyperliquidSettings.model_validate(settings)


def test_what_is_no_key_is_refused_without_being_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HL_TEST_KEY", "5e" * 31)
    with pytest.raises(ValidationError) as caught:
        HyperliquidSettings.model_validate({"key": "env:HL_TEST_KEY", "account": ADDRESS})
    assert "5e" * 31 not in str(caught.value)
