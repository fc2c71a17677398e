"""Reports of the field that no scenario shows: why not, and what shows them instead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """Reports that are out of reach of simulated venues, in whole or in part.

    Attributes:
        why: What is out of reach.
        where: The issue that brings it, or the tests that show it already.
    """

    references: tuple[str, ...]
    why: str
    where: str


_ADAPTERS: Final = "issue 5: adapters of real venues"

LATER: Final = (
    Later(
        references=("lighter-python#60", "lighter-python#23", "ccxt#28073"),
        why="Nonces of real signatures: how a plugin gets one, and gets a new one after an error. That two processes "
        "never share an account is a scenario.",
        where=_ADAPTERS,
    ),
    Later(
        references=(
            "hummingbot#8250",
            "passivbot_lighter#3",
            "bitfinex-api-node#138",
            "bitfinex-api-node#206",
            "xchange-stream#86",
            "xchange-stream#203",
            "node-binance-api#207",
        ),
        why="Sockets of real venues: pings, subscriptions after a reconnect. That trading does not depend on what a "
        "stream tells is a scenario.",
        where=_ADAPTERS,
    ),
    Later(
        references=("cryptofeed#604",),
        why="Local books from recorded deltas with gaps: trading reads whole books so far.",
        where=_ADAPTERS,
    ),
    Later(
        references=("C1#lighter-units", "ccxt#27117"),
        why="Which unit, interval and cap the numbers of a real venue have; Kraken's cap.",
        where=_ADAPTERS,
    ),
    Later(
        references=("Bruce188#299",),
        why="Funding that accrues beside funding that is settled, in one hedge, and Aster's four hours: simulated "
        "venues settle, so what accrues is shown over the imitated Paradex.",
        where="tests/e2e/test_accruing.py, and the tests of the plugins",
    ),
    Later(
        references=("hypergrok-trading-desk#20", "hummingbot#7301", "hummingbot#6943"),
        why="Normalisation of rates is arithmetic, and shown as such.",
        where="tests/funding: test_interval.py, test_rates.py, test_economics.py",
    ),
    Later(
        references=("bbgo#2525", "bbgo#2545", "bbgo#2547", "bbgo#2551"),
        why="Nothing moves collateral between accounts yet: no plugin can withdraw.",
        where="an issue of its own",
    ),
    Later(
        references=("B11#5", "HyperLiquid.Net#32"),
        why="The symbols of real venues are read by their plugins alone.",
        where=_ADAPTERS,
    ),
    Later(
        references=("hummingbot#2587",),
        why="A run with one real and one simulated leg is refused before anything is opened.",
        where="tests/cli/test_run.py",
    ),
    Later(
        references=("B11#12",),
        why="Tests that fail or were taken out, and errors caught without a look: the machine that checks this "
        "repository refuses them.",
        where="tests/repo and the linter",
    ),
    Later(
        references=("llm#1280", "llm#1465", "pytest#5102", "pytest#704", "pluggy#211"),
        why="Plugins that break are loaded one at a time, and no run begins with one.",
        where="tests/kernel: test_isolation.py, test_guard.py",
    ),
)
