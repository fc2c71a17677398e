from __future__ import annotations

import hashlib
import statistics
from decimal import Decimal as D
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arb.model import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, FeeSchedule, InstrumentId, Side
from arb.simulation import ASSETS, PROFILES, SeededMarket
from arb.simulation._seeded_noise import HALF_LIFE_24_STEPS, mean_reverting
from arb.simulation._seeded_premium import SAMPLE_NS, FundingRule, Premium

START_NS = 1_767_225_600 * SECOND_NS
DIGEST = "a5f0b8c8c503a520cb1c2a90266682954e299eb0f5d4c91ea0c13cdacf1596c8"


def market(
    exchange: str = "v", profile: str = "binance-like", seed: int = 1, assets: tuple[str, ...] = tuple(ASSETS)
) -> SeededMarket:
    return SeededMarket(seed=seed, exchange=exchange, profile=PROFILES[profile], assets=assets)


def name(asset: str, exchange: str = "v") -> InstrumentId:
    return InstrumentId(f"{asset}-PERP.{exchange}")


def everything(of: SeededMarket, ts_ns: int) -> str:
    rows: list[object] = []
    for each in of.instruments():
        settlement_ns = of.next_settlement_ns(each.id, ts_ns)
        assert settlement_ns is not None
        rows += [of.book(each.id, ts_ns), of.stats(each.id, ts_ns), of.trades(each.id, ts_ns - MINUTE_NS, ts_ns)]
        rows += [of.predicted_rate(each.id, ts_ns), of.settled_rate(each.id, settlement_ns)]
    return repr([*rows, of.usd_rate("USDC", ts_ns), of.usd_rate("USDT", ts_ns)])


moments = st.integers(START_NS, START_NS + 40 * DAY_NS)


def test_the_same_bytes_on_every_platform() -> None:
    digest = hashlib.sha256()
    for profile in PROFILES:
        of = market(profile, profile)
        for step in range(10):
            digest.update(everything(of, START_NS + step * 31 * HOUR_NS + step * 977 * SECOND_NS).encode())
    assert digest.hexdigest() == DIGEST


@settings(max_examples=15, deadline=None)
@given(st.lists(moments, min_size=2, max_size=4))
def test_answers_do_not_depend_on_what_was_asked_before(times: list[int]) -> None:
    shared = market(assets=("BTC", "HYPE"))
    answers = [everything(shared, ts_ns) for ts_ns in times]
    for ts_ns, answer in reversed(list(zip(times, answers, strict=True))):
        assert everything(market(assets=("BTC", "HYPE")), ts_ns) == answer


@settings(max_examples=15, deadline=None)
@given(moments)
def test_venues_of_one_seed_share_the_index_and_nothing_else(ts_ns: int) -> None:
    one, other = market("a", "lighter-like"), market("b", "lighter-like", assets=("SOL", "BTC"))
    stats, stats_b = one.stats(name("BTC", "a"), ts_ns), other.stats(name("BTC", "b"), ts_ns)
    assert stats is not None
    assert stats_b is not None
    assert stats.index_price == stats_b.index_price
    assert one.book(name("BTC", "a"), ts_ns) != other.book(name("BTC", "b"), ts_ns)
    different = market("a", "lighter-like", seed=2).stats(name("BTC", "a"), ts_ns)
    assert different is not None
    assert different.index_price != stats.index_price


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(sorted(PROFILES)), moments)
def test_books_are_sorted_deep_on_the_grid_and_stand_for_a_second(profile: str, ts_ns: int) -> None:
    of = market(profile=profile)
    for each in of.instruments():
        book = of.book(each.id, ts_ns)
        assert book is not None
        assert book.ts_event_ns <= ts_ns
        assert of.book(each.id, book.ts_event_ns) == book
        assert book.bids[0].price < book.asks[0].price
        assert all(better.price > worse.price for better, worse in pairwise(book.bids))
        assert all(better.price < worse.price for better, worse in pairwise(book.asks))
        for price, size in (*book.bids, *book.asks):
            assert price % each.tick_size == 0 < price
            assert size % each.lot_size == 0 < size
        assert book.walk(Side.BUY, D(10**9)).notional > 1_500_000


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_walking_the_book_costs_what_the_profile_says(profile: str) -> None:
    of = market(profile=profile)
    for each in of.instruments():
        listing = PROFILES[profile].listings[each.base]
        tick_bps = float(listing.tick) / ASSETS[each.base].price * 10_000
        for notional, slip in zip((10**4, 10**5, 10**6), listing.slips[1:], strict=True):
            measured = []
            for step in range(30):
                book = of.book(each.id, START_NS + step * 13 * HOUR_NS)
                assert book is not None
                bbo = book.bbo()
                assert bbo is not None
                walk = book.walk(Side.BUY, notional / bbo.mid_price)
                assert walk.vwap is not None
                measured.append(float((walk.vwap / bbo.mid_price - 1) * 10_000))
            # Ticks are worth more or less as the price moves, hence their share.
            assert abs(statistics.median(measured) - slip) <= 0.25 * slip + 0.6 * tick_bps + 0.1


@settings(max_examples=15, deadline=None)
@given(moments, st.integers(0, 300), st.integers(0, 300))
def test_trades_do_not_depend_on_how_time_is_cut(start_ns: int, first: int, second: int) -> None:
    of, of_what = market(assets=("ETH",)), name("ETH")
    middle_ns, end_ns = start_ns + first * SECOND_NS, start_ns + (first + second) * SECOND_NS
    whole = list(of.trades(of_what, start_ns, end_ns))
    assert [*of.trades(of_what, start_ns, middle_ns), *of.trades(of_what, middle_ns, end_ns)] == whole
    assert all(start_ns < trade.ts_event_ns <= end_ns for trade in whole)
    assert [trade.ts_event_ns for trade in whole] == sorted(trade.ts_event_ns for trade in whole)
    for trade in whole:
        book = of.book(of_what, trade.ts_event_ns)
        assert book is not None
        assert trade.price == (book.asks if trade.side is Side.BUY else book.bids)[0].price


@pytest.mark.parametrize(("profile", "decided"), [("binance-like", 0.25), ("hyperliquid-like", 0.5)])
def test_at_half_time_linear_weights_have_decided_a_quarter(profile: str, decided: float) -> None:
    interval_ns = 8 * HOUR_NS
    premium = Premium(1, "v", "BTC", PROFILES["dydx-like"].listings["BTC"])
    weights = PROFILES[profile].linear_weights
    rule = FundingRule(PROFILES[profile], interval_ns, premium)
    bare = PROFILES["dydx-like"]
    assert bare.clamp == 0
    half_ns = START_NS + interval_ns // 2
    count = interval_ns // SAMPLE_NS // 2
    first = START_NS // SAMPLE_NS
    samples = [premium.at((first + index) * SAMPLE_NS) for index in range(count)]
    shares = [index + 1 if weights else 1 for index in range(count)]
    so_far = sum(share * sample for share, sample in zip(shares, samples, strict=True)) / sum(shares)
    expected = decided * so_far + (1 - decided) * premium.at(half_ns)
    clamp, interest = PROFILES[profile].clamp / 10_000, PROFILES[profile].interest / 10_000
    expected += max(-clamp, min(clamp, interest - expected))
    assert rule.predicted(half_ns) == pytest.approx(expected, abs=2e-6)


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(sorted(PROFILES)), st.integers(1, 400))
def test_the_predicted_rate_ends_at_the_settled_one(profile: str, number: int) -> None:
    of = market(profile=profile)
    for each in of.instruments():
        assert each.funding_interval_ns is not None
        settlement_ns = START_NS + number * each.funding_interval_ns
        predicted = of.predicted_rate(each.id, settlement_ns - 1)
        settled = of.settled_rate(each.id, settlement_ns)
        assert predicted is not None
        assert settled is not None
        assert abs(predicted - settled) < abs(settled) / 5 + D("0.00001")
        assert of.next_settlement_ns(each.id, settlement_ns - 1) == settlement_ns
        assert of.settled_rate(each.id, settlement_ns + 1) is None


def test_funding_is_at_the_level_and_as_lasting_as_measured() -> None:
    percent: list[float] = []
    for seed in range(6):
        of = market("hyperliquid-like", "hyperliquid-like", seed=seed)
        btc = name("BTC", "hyperliquid-like")
        rates = [of.settled_rate(btc, START_NS + hour * HOUR_NS) for hour in range(24 * 90)]
        percent += [float(rate) * 876_000 for rate in rates if rate is not None]
    assert len(percent) == 6 * 24 * 90
    # zs-funding-1y: mean 5.7, deviation 8.6, at the base rate half of the time.
    assert 3 < statistics.mean(percent) < 8
    assert 5 < statistics.pstdev(percent) < 12
    assert 0.35 < sum(1 for value in percent if abs(value - 10.95) < 0.05) / len(percent) < 0.65
    signs = sum(1 for a, b in pairwise(percent) if a * b < 0)
    assert 6 * 90 < signs < 6 * 360


def test_a_series_goes_on_where_its_last_block_ended() -> None:
    keep, gain = HALF_LIFE_24_STEPS
    ends = mean_reverting("key", 0, 240, HALF_LIFE_24_STEPS, 240)[-1]
    begins = mean_reverting("key", 240, 240, HALF_LIFE_24_STEPS, 240)[0]
    whole = mean_reverting("key", 0, 480, HALF_LIFE_24_STEPS, 240)
    assert whole[239] == ends
    assert abs(begins - whole[240]) < 0.01
    assert abs(begins - keep * ends) < 5 * gain


@given(moments)
def test_stable_coins_stay_near_one(ts_ns: int) -> None:
    of = market(assets=("BTC",))
    for currency in ("USDC", "USDT"):
        rate = of.usd_rate(currency, ts_ns)
        assert rate is not None
        assert abs(rate - 1) < D("0.0015")
    assert of.usd_rate("USD", ts_ns) == 1
    assert of.usd_rate("EUR", ts_ns) is None


@pytest.mark.parametrize("ts_ns", [0, 1, MINUTE_NS, 64 * DAY_NS, 200 * 365 * DAY_NS])
def test_there_is_a_market_at_any_time(ts_ns: int) -> None:
    assert everything(market(assets=("BTC",)), ts_ns)


def test_what_is_not_listed_is_not_known() -> None:
    of, stranger = market(assets=("BTC",)), name("ETH")
    assert of.book(stranger, START_NS) is None
    assert of.stats(stranger, START_NS) is None
    assert of.trades(stranger, START_NS, START_NS + HOUR_NS) == ()
    assert of.next_settlement_ns(stranger, START_NS) is None
    assert of.settled_rate(stranger, START_NS) is None
    assert of.predicted_rate(stranger, START_NS) is None


def test_settings_replace_the_profile() -> None:
    fees = FeeSchedule(maker=D("-0.0001"), taker=D("0.0003"))
    of = SeededMarket(
        seed=1,
        exchange="v",
        profile=PROFILES["binance-like"],
        assets=["HYPE"],
        fees=fees,
        quote="USD",
        interval_ns=HOUR_NS,
    )
    (listed,) = of.instruments()
    assert [listed.fees, listed.quote, listed.funding_interval_ns] == [fees, "USD", HOUR_NS]
    assert market(assets=("HYPE",)).instruments()[0].funding_interval_ns == 4 * HOUR_NS


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="no 'DOGE'"):
        market(assets=("DOGE",))
    for bad in (0, -HOUR_NS, 7 * HOUR_NS, MINUTE_NS):
        with pytest.raises(ValueError, match="divides 24 h"):
            SeededMarket(seed=1, exchange="v", profile=PROFILES["binance-like"], assets=["BTC"], interval_ns=bad)


def test_a_numbered_asset_is_like_another_and_goes_its_own_way() -> None:
    numbered = SeededMarket(seed=7, exchange="v", profile=PROFILES["hyperliquid-like"], assets=("SOL", "SOL1", "SOL2"))
    instruments = numbered.instruments()
    assert [one.base for one in instruments] == ["SOL", "SOL1", "SOL2"]
    assert len({(one.tick_size, one.lot_size, one.margin_tiers) for one in instruments}) == 1
    stats = [numbered.stats(one.id, START_NS) for one in instruments]
    assert len({each.mark_price for each in stats if each is not None}) == 3
