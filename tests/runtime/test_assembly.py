from __future__ import annotations

import pytest

from arb.api import BadResponse, ConfigError, OutcomeUnknown
from arb.model import DAY_NS
from arb.runtime._assembly import _main_currency
from arb.simulation._clock import VirtualClock
from arb.simulation._loop import run_virtual
from arb.testing import START_NS, Fault, MemoryExchange


def currency(venue: MemoryExchange) -> str:
    async def main() -> str:
        venue.faults._clock = venue.clock = VirtualClock.of_running_loop()
        return await _main_currency(venue, venue.clock)

    return run_virtual(main(), start_ns=START_NS)


def test_a_paper_account_is_funded_in_what_most_instruments_are_quoted_in() -> None:
    assert currency(MemoryExchange()) == "USDC"
    with pytest.raises(ConfigError, match="nothing to trade on paper"):
        currency(MemoryExchange(prices={}))


def test_a_venue_that_breaks_or_hangs_at_the_start_is_named() -> None:
    venue = MemoryExchange()
    venue.faults.once("fetch_instruments", Fault(error=KeyError("result")), Fault(delay_ns=365 * DAY_NS))
    with pytest.raises(BadResponse, match="memory: instruments: its plugin failed: KeyError"):
        currency(venue)
    with pytest.raises(OutcomeUnknown, match="memory: instruments: no answer within 60 s"):
        currency(venue)
