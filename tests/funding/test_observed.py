from __future__ import annotations

from decimal import Decimal

from arb.funding import FxBook, StatsBook
from arb.model import MINUTE_NS, Fresh, InstrumentId, MarketStats, Stale, Unknown
from arb.testing import START_NS

NAME = InstrumentId("BTC-PERP.x")


def stats(volume: str) -> MarketStats:
    return MarketStats(
        instrument=NAME,
        mark_price=None,
        index_price=None,
        volume_24h=Decimal(volume),
        open_interest=None,
        ts_event_ns=START_NS,
        ts_init_ns=START_NS,
    )


def test_statistics_age() -> None:
    book = StatsBook(max_age_ns=MINUTE_NS)
    assert isinstance(book.get(NAME, START_NS), Unknown)
    book.observe([stats("5")], "x", START_NS)
    book.observe([stats("4")], "x", START_NS - 1)
    assert book.get(NAME, START_NS + MINUTE_NS) == Fresh(stats("5"), "x", START_NS)
    assert book.get(NAME, START_NS + MINUTE_NS + 1) == Stale(stats("5"), "x", START_NS)


def test_a_published_currency_rate_beats_the_assumed_one() -> None:
    book = FxBook(assumed={"USD": Decimal(1), "USDT": Decimal(1)}, max_age_ns=MINUTE_NS)
    assert book.usd_rate("USDT", START_NS) == Fresh(Decimal(1), "assumed", START_NS)
    book.observe({"USDT": Decimal("0.998")}, "x", START_NS)
    assert book.usd_rate("USDT", START_NS) == Fresh(Decimal("0.998"), "x", START_NS)


def test_an_old_published_rate_is_stale_and_does_not_fall_back_to_the_assumption() -> None:
    book = FxBook(assumed={"USDT": Decimal(1)}, max_age_ns=MINUTE_NS)
    book.observe({"USDT": Decimal("0.9")}, "x", START_NS)
    assert book.usd_rate("USDT", START_NS + 2 * MINUTE_NS) == Stale(Decimal("0.9"), "x", START_NS)


def test_what_a_market_says_is_not_hidden_by_venues_that_take_a_stablecoin_for_a_dollar() -> None:
    book = FxBook(assumed={}, max_age_ns=MINUTE_NS)
    book.observe({"USDC": Decimal(1)}, "par", START_NS)
    assert book.usd_rate("USDC", START_NS) == Fresh(Decimal(1), "par", START_NS)
    book.observe({"USDC": Decimal("0.94")}, "market", START_NS)
    book.observe({"USDC": Decimal(1)}, "par", START_NS + 1)
    assert book.usd_rate("USDC", START_NS + 1) == Fresh(Decimal("0.94"), "market", START_NS)
    book.observe({"USDC": Decimal(1)}, "market", START_NS + 2)
    assert book.usd_rate("USDC", START_NS + 2) == Fresh(Decimal(1), "market", START_NS + 2)


def test_a_rate_that_is_no_price_is_no_rate() -> None:
    book = FxBook(assumed={})
    book.observe({"USDT": Decimal(0), "USDC": Decimal("NaN"), "USDE": Decimal(-1)}, "x", START_NS)
    for currency in ("USDT", "USDC", "USDE"):
        assert isinstance(book.usd_rate(currency, START_NS), Unknown)
