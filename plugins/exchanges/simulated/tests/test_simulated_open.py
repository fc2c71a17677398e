from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal as D
from typing import Any, TypeVar

import pytest
from pydantic import ValidationError

from arb.api import ConfigError
from arb.model import HOUR_NS, SECOND_NS
from arb.simulation import PROFILES, SimulatedExchange, VirtualClock, run_virtual
from arb.testing import FakeContext, MemoryState
from arb_exchange_simulated._open import open_exchange
from arb_exchange_simulated._settings import SimulatedSettings

T = TypeVar("T")

LIGHTER = {"profile": "lighter-like", "latency": "0s", "latency_jitter": "0s"}
START_NS = 1_767_225_600 * SECOND_NS


def run(
    settings: dict[str, Any],
    body: Callable[[SimulatedExchange], Awaitable[T]],
    *,
    name: str = "sim",
    seed: int = 0,
    state: MemoryState | None = None,
) -> T:
    async def main() -> T:
        context = FakeContext(name, seed=seed, clock=VirtualClock.of_running_loop(), state=state)
        async with open_exchange(SimulatedSettings.model_validate(settings), context) as exchange:
            return await body(exchange)

    return run_virtual(main(), start_ns=START_NS)


async def index(exchange: SimulatedExchange) -> dict[str, D | None]:
    return {row.instrument.partition("-")[0]: row.index_price for row in await exchange.market.fetch_stats()}


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_every_profile_opens_with_its_deposit_in_its_currency(profile: str) -> None:
    async def body(exchange: SimulatedExchange) -> None:
        (balance,) = await exchange.trading.fetch_balances()
        assert [balance.currency, balance.cash] == [PROFILES[profile].quote, D("1234.5")]
        instruments = await exchange.market.fetch_instruments()
        assert [instrument.id for instrument in instruments] == ["BTC-PERP.my-venue", "HYPE-PERP.my-venue"]

    run({"profile": profile, "deposit": "1234.5", "assets": ["BTC", "HYPE"]}, body, name="my-venue")


def test_settings_replace_what_the_profile_says() -> None:
    async def body(exchange: SimulatedExchange) -> None:
        for instrument in await exchange.market.fetch_instruments():
            assert [instrument.fees.maker, instrument.fees.taker] == [D("-0.0001"), D("0.0003")]
            assert [instrument.quote, instrument.funding_interval_ns] == ["USD", 4 * HOUR_NS]

    run({"maker_fee": "-0.0001", "taker_fee": "0.0003", "currency": "USD", "funding_interval": "4h"}, body)


def test_venues_of_a_run_share_the_index_unless_they_have_a_seed_of_their_own() -> None:
    lighter = run(LIGHTER, index, name="a", seed=7)
    assert run(LIGHTER, index, name="b", seed=7) == lighter
    assert run({**LIGHTER, "seed": 7}, index, name="c", seed=8) == lighter
    assert run(LIGHTER, index, name="a", seed=8) != lighter


def test_another_seed_cannot_continue_the_account() -> None:
    state = MemoryState()
    run({}, index, seed=1, state=state)
    run({}, index, seed=1, state=state)
    with pytest.raises(ConfigError, match="seed 1, hyperliquid-like, USDC"):
        run({}, index, seed=2, state=state)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"profile": "hyperliqid-like"}, "did you mean 'hyperliquid-like'"),
        ({"profile": "nyse"}, "choose from binance-like"),
        ({"assets": ["BTC", "DOGE"]}, "hyperliquid-like has no DOGE"),
        ({"assets": ["BTC", "BTC"]}, "named twice"),
        ({"assets": []}, "at least 1"),
        ({"deposit": 0}, "greater than 0"),
        ({"deposit": "NaN"}, "finite"),
        ({"taker_fee": "0.2"}, "less than 0.1"),
        ({"currency": "EUR"}, "'USDC', 'USDT' or 'USD'"),
        ({"funding_interval": "7h"}, "divides 24 h"),
        ({"funding_interval": 8}, "number and a unit"),
        ({"latency": "fast"}, "number and a unit"),
        ({"stream_interval": "0s"}, "greater than 0"),
        ({"leverage": "0.5"}, "greater than or equal to 1"),
        ({"market": "funding_replay"}, "needs a table 'replay'"),
        ({"replay": {"venue": "binance", "assets": ["BTC"]}}, "has no effect"),
        (
            {"market": "funding_replay", "assets": ["BTC"], "replay": {"venue": "binance", "assets": ["BTC"]}},
            "assets: only for a seeded market",
        ),
        ({"depositt": 5}, "Extra inputs"),
    ],
)
def test_bad_settings_are_refused_with_a_reason(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SimulatedSettings.model_validate(settings)


def test_every_setting_is_described() -> None:
    assert [name for name, field in SimulatedSettings.model_fields.items() if not field.description] == []


def test_a_recording_that_is_absent_is_named() -> None:
    settings = {
        "market": "book_recording",
        "recording": {"root": "nowhere", "file": "absent.gz", "base": "BTC", "tick_size": "0.1", "lot_size": "0.001"},
    }
    with pytest.raises(ConfigError, match=r"absent\.gz"):
        run(settings, index)
