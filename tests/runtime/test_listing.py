from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from arb.model import ExchangeName, Instrument, InstrumentStatus
from arb.runtime._listing import compared
from arb.testing import sample_instrument

VENUE = ExchangeName("venue")
BTC = sample_instrument("venue", "BTC")
ETH = sample_instrument("venue", "ETH")
ELSEWHERE = sample_instrument("other", "BTC")
KNOWN = {one.id: one for one in (BTC, ETH, ELSEWHERE)}


def test_the_same_listing_changes_nothing() -> None:
    changes = compared(KNOWN, VENUE, [ETH, BTC])
    assert not changes.changed
    assert not changes.warnings


def test_new_instruments_and_new_rules_are_taken() -> None:
    sol, finer = sample_instrument("venue", "SOL"), replace(BTC, tick_size=BTC.tick_size / 10)
    changes = compared(KNOWN, VENUE, [finer, ETH, sol])
    assert list(changes.changed) == [finer, sol]
    assert not changes.warnings


def test_what_is_gone_is_delisted_once_and_only_on_its_own_exchange() -> None:
    changes = compared(KNOWN, VENUE, [BTC])
    assert list(changes.changed) == [replace(ETH, status=InstrumentStatus.DELISTED)]
    assert "no longer listed" in changes.warnings[0]
    after = {**KNOWN, **{one.id: one for one in changes.changed}}
    assert not compared(after, VENUE, [BTC]).changed
    assert list(compared(after, VENUE, [BTC, ETH]).changed) == [ETH]


@pytest.mark.parametrize(
    "other",
    [replace(BTC, quote="XYZ"), replace(BTC, base="ETH"), replace(BTC, multiplier=Decimal(1000))],
    ids=["currency", "asset", "multiplier"],
)
def test_another_thing_under_a_known_id_is_suspended_with_its_old_rules(other: Instrument) -> None:
    changes = compared(KNOWN, VENUE, [other, ETH])
    assert list(changes.changed) == [replace(BTC, status=InstrumentStatus.SUSPENDED)]
    assert len(changes.warnings) == 1
    after = {**KNOWN, **{one.id: one for one in changes.changed}}
    assert not compared(after, VENUE, [other, ETH]).warnings
    assert list(compared(after, VENUE, [BTC, ETH]).changed) == [BTC]
