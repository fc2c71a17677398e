"""Every report of the field that concerns us is a scenario, or it is said why not."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

import pytest

from arb.verification import LATER, SCENARIOS, Scenario, by_name

LEG_RISK: Final = (
    "hummingbot#7295 hummingbot#7294 hummingbot#6960 hummingbot#6948 hummingbot#6539 hummingbot#3341 hummingbot#8249 "
    "Bruce188#404 Bruce188#427 Bruce188#458 pendle#24 pendle#31 djienne#91cc7f9 go-trader#768"
)
DOUBT: Final = "ccxt#2599 nautilus#4958 nautilus#4617 nautilus#3104 nautilus#3878 hummingbot#6765 ccxt#23014 ccxt#27113"
WIRE: Final = (
    "lighter-python#60 lighter-python#23 ccxt#28073 lighter-python#131 hummingbot#8309 freqtrade#10960 passivbot#567 "
    "hummingbot#8250 passivbot_lighter#3 bitfinex-api-node#138 bitfinex-api-node#206 xchange-stream#86 "
    "xchange-stream#203 node-binance-api#207 cryptofeed#604 python-binance#60 zenbot#1014 Binance-volatility-bot#21"
)
FUNDING: Final = (
    "C1#lighter-units hypergrok-trading-desk#20 freqtrade#12583 freqtrade#12599 Bruce188#299 ccxt#27117 "
    "hummingbot#7301 hummingbot#6943 hummingbot#8162 hummingbot#4191 hummingbot#4215"
)
ACCOUNTING: Final = (
    "hummingbot#7591 hummingbot#7891 Bruce188#422 Bruce188#403 Bruce188#526 Bruce188#428 Bruce188#642 "
    "freqtrade#13263 freqtrade#7969"
)
MARGIN: Final = "Bruce188#399 bbgo#2525 bbgo#2545 bbgo#2547 bbgo#2551 10101#2535 hummingbot#3103"
RULES: Final = (
    "hummingbot#8356 hummingbot#7619 hyperliquid-python-sdk#179 hyperliquid-python-sdk#290 HyperLiquid.Net#32 "
    "wayfinder#416 PDT#SYMBOL_NORMALIZATION_ISSUE PDT#current_bug Qubx#306 Qubx#319 freqtrade#11414 freqtrade#3769"
)
RESTART: Final = (
    "hummingbot-api#243 hummingbot#3324 hummingbot#2818 hummingbot#4778 hummingbot#8424 go-trader#1374 "
    "djienne#91cc7f9 hummingbot#2587"
)
PLUGINS: Final = "llm#1280 llm#1465 pytest#5102 pytest#704 pluggy#211"
WEAK_SPOTS: Final = " ".join(f"B11#{number}" for number in range(1, 13))

REPORTS: Final = frozenset(
    " ".join((LEG_RISK, DOUBT, WIRE, FUNDING, ACCOUNTING, MARGIN, RULES, RESTART, PLUGINS, WEAK_SPOTS)).split()
)
"""Every report that is to become a test, and one of their neighbours that a scenario shows as well."""

SHOWN: Final = frozenset(reference for one in SCENARIOS.values() for reference in one.references)
NAMED: Final = frozenset(reference for one in LATER for reference in one.references)


@pytest.mark.parametrize("reference", sorted(REPORTS))
def test_a_report_is_a_scenario_or_it_is_said_why_not(reference: str) -> None:
    assert reference in SHOWN | NAMED


def test_no_reference_is_made_up() -> None:
    assert SHOWN | NAMED <= REPORTS


def test_what_is_left_to_others_says_why_and_where() -> None:
    assert [one for one in LATER if not (one.references and one.why and one.where)] == []
    assert Counter(reference for one in LATER for reference in one.references).most_common(1)[0][1] == 1


def test_two_scenarios_never_have_one_name() -> None:
    twice = Scenario(name="twice", references=(), about="")

    assert list(by_name([twice])) == ["twice"]
    with pytest.raises(ValueError, match="two scenarios are called twice"):
        by_name([twice, twice])


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_a_name_is_short_and_its_story_is_told(name: str) -> None:
    scenario = SCENARIOS[name]

    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", name)
    assert len(name) <= 40
    assert scenario.about.endswith(".")
    assert len(scenario.about) > 60
    assert scenario.expect, "without an expectation any end would do"
    assert scenario.references
