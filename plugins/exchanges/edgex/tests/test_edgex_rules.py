"""What is particular of the listing: numbers against names, denominations, states, settings of the chain."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import pytest

from arb.api import BadResponse, Rejected
from arb.model import HOUR_NS, MINUTE_NS, InstrumentId, InstrumentStatus, MarginMode
from arb.net import number
from arb_exchange_edgex._account import mode_of
from arb_exchange_edgex._fields import shortened
from arb_exchange_edgex._listing import Listing, listing_of
from arb_exchange_edgex._markets import asset_of

USDC = {"coinId": "1000", "coinName": "USDC", "resolution": "1000000"}
TIER = {"tier": 1, "positionValueUpperBound": "50000", "maxLeverage": "100", "maintenanceMarginRate": "0.005"}


def contract(number: int, name: str, base: str, **changes: Any) -> dict[str, Any]:
    row = {
        "contractId": str(number),
        "contractName": name,
        "baseCoinId": base,
        "quoteCoinId": "1000",
        "tickSize": "0.1",
        "stepSize": "0.001",
        "minOrderSize": "0.001",
        "maxOrderSize": "50",
        "riskTierList": [TIER],
        "defaultTakerFeeRate": "0.00038",
        "defaultMakerFeeRate": "0.00018",
        "defaultLeverage": "10",
        "enableTrade": True,
        "enableDisplay": True,
        "enableOpenPosition": True,
        "fundingRateIntervalMin": "240",
        "resolution": "10000000000",
    }
    return {**row, **changes}


def listed(*rows: Any, coins: dict[str, str], before: Listing | None = None, **chain: str) -> Listing:
    names = [USDC, *({"coinId": each, "coinName": name} for each, name in coins.items())]
    meta = {
        "global": {"nativeChainId": "3343", "contractAddress": "0x1ae109ea449cfe0bed08bfe8911e968a49a919b1", **chain},
        "coinList": names,
        "contractList": list(rows),
    }
    return listing_of("ex", meta, None, before=before)


def test_the_base_is_the_coins_name_and_not_that_of_the_contract() -> None:
    listing = listed(
        contract(30000001, "BTCUSDC", "1"),
        contract(30000002, "哈基米USDC", "2"),
        contract(30000003, "1000PEPEUSDC", "3"),
        contract(30000004, "JPYUSDC", "4", isFx=True),
        coins={"1": "BTC", "2": "HAJIMI", "3": "1000PEPE", "4": "JPY"},
    )
    found = {each.contract_id: each.instrument for each in listing.markets}
    assert found["30000002"].base == "HAJIMI"
    assert found["30000002"].id == "HAJIMI-PERP.ex"
    pepe = found["30000003"]
    assert (pepe.id, pepe.base, pepe.multiplier) == ("1000PEPE-PERP.ex", "PEPE", D(1000))
    assert found["30000004"].asset_class == "fx"
    assert listing.contract("30000001").id == "BTC-PERP.ex"
    assert listing.contract(30000001).id == "BTC-PERP.ex"  # some documents write numbers


@pytest.mark.parametrize(
    ("coin", "base", "multiplier"),
    [
        ("BTC", "BTC", 1),
        ("1000PEPE", "PEPE", 1000),
        ("1000000MOG", "MOG", 1_000_000),
        ("10000SATS", "SATS", 10_000),
        ("1INCH", "1INCH", 1),
        ("100X", "100X", 1),
        ("1000", "1000", 1),
    ],
)
def test_denominations(coin: str, base: str, multiplier: int) -> None:
    assert asset_of(coin) == (base, D(multiplier))


def test_numbers_end_with_the_thirtieth_decimal() -> None:
    long = f"-1.{'7' * 62}"
    row = shortened({"riskValue": long, "json": D(long), "size": "0.50", "isLong": True, "none": None})
    assert row == {"riskValue": long[:33], "json": long[:33], "size": "0.50", "isLong": True, "none": None}
    # Java writes a zero of 62 decimals so.
    assert number(shortened({"riskValue": "0E-62"})["riskValue"]) == 0
    assert shortened({"openValue": "1.5E-40", "contractId": "1E5"}) == {
        "openValue": f"0.{'0' * 30}",
        "contractId": "1E5",
    }


def test_a_number_that_is_unknown_is_never_another_contract() -> None:
    listing = listed(contract(30000001, "BTCUSDC", "1"), coins={"1": "BTC"})
    assert listing.by_number("30000002") is None
    with pytest.raises(ValueError, match="not listed"):
        listing.contract("10000001")
    with pytest.raises(Rejected):
        listing.market(InstrumentId("ETH-PERP.ex"))


@pytest.mark.parametrize(
    ("old", "new", "listed_numbers"),
    [
        ({"enableTrade": False}, {}, ["2", "3"]),
        ({}, {"enableTrade": False}, ["1", "3"]),
        ({"enableTrade": False, "enableDisplay": False}, {"enableTrade": False}, ["2", "3"]),
        ({"enableTrade": False}, {"enableTrade": False}, ["3"]),
        ({"enableOpenPosition": False}, {}, ["3"]),
        ({}, {}, ["3"]),
    ],
)
def test_of_contracts_with_one_name_that_which_is_traded_has_it(
    old: dict[str, Any], new: dict[str, Any], listed_numbers: list[str]
) -> None:
    """Where two are, orders by one id would go to either: both are left out, and nothing else is."""
    rows = [contract(1, "BTCUSDC", "1", **old), contract(2, "BTC2USDC", "1", **new), contract(3, "ETHUSDC", "2")]
    listing = listed(*rows, coins={"1": "BTC", "2": "ETH"})
    assert [each.contract_id for each in listing.markets] == listed_numbers
    assert len(listing.unread) == 3 - len(listed_numbers)


def test_two_contracts_of_one_number_are_left_out() -> None:
    rows = [contract(1, "BTCUSDC", "1"), contract(1, "ETHUSDC", "2"), contract(3, "SOLUSDC", "3")]
    listing = listed(*rows, coins={"1": "BTC", "2": "ETH", "3": "SOL"})
    assert [each.instrument.base for each in listing.markets] == ["SOL"]
    with pytest.raises(ValueError, match="not listed"):
        listing.contract("1")
    with pytest.raises(BadResponse):
        listed(*rows[:2], coins={"1": "BTC", "2": "ETH"})


@pytest.mark.parametrize(
    ("flags", "status"),
    [
        ((True, True, True), InstrumentStatus.TRADING),
        ((True, True, False), InstrumentStatus.REDUCE_ONLY),
        ((True, False, True), InstrumentStatus.REDUCE_ONLY),
        ((False, True, True), InstrumentStatus.SUSPENDED),
        ((False, False, False), InstrumentStatus.DELISTED),
    ],
)
def test_states(flags: tuple[bool, bool, bool], status: InstrumentStatus) -> None:
    trade, display, opens = flags
    changes = {"enableTrade": trade, "enableDisplay": display, "enableOpenPosition": opens}
    (market,) = listed(contract(1, "BTCUSDC", "1", **changes), coins={"1": "BTC"}).markets
    assert market.instrument.status is status


@pytest.mark.parametrize(
    ("minutes", "interval_ns"), [("240", 4 * HOUR_NS), ("60", HOUR_NS), ("480", 8 * HOUR_NS), ("", None)]
)
def test_the_funding_interval_is_the_contracts_own(minutes: str, interval_ns: int | None) -> None:
    listing = listed(
        contract(1, "BTCUSDC", "1", fundingRateIntervalMin=minutes),
        contract(2, "ETHUSDC", "2"),
        coins={"1": "BTC", "2": "ETH"},
    )
    assert [each.instrument.funding_interval_ns for each in listing.markets] == [interval_ns, 240 * MINUTE_NS]


@pytest.mark.parametrize(
    "change",
    [
        {"resolution": "0"},
        {"resolution": None},
        {"tickSize": "NaN"},
        {"riskTierList": []},
        {"enableTrade": "true"},
        {"fundingRateIntervalMin": "0"},
        {"fundingRateIntervalMin": "-240"},
        {"baseCoinId": "99"},
        {"defaultTakerFeeRate": ""},
    ],
)
def test_a_contract_that_cannot_be_read_is_left_out_and_said(change: dict[str, Any]) -> None:
    rows = [contract(1, "BTCUSDC", "1", **change), contract(2, "ETHUSDC", "2")]
    listing = listed(*rows, coins={"1": "BTC", "2": "ETH"})
    assert [each.instrument.base for each in listing.markets] == ["ETH"]
    assert listing.unread[0].startswith("BTCUSDC")
    with pytest.raises(BadResponse):
        listed(rows[0], coins={"1": "BTC"})


def test_a_contract_that_a_later_listing_lacks_is_still_found() -> None:
    first = listed(contract(1, "BTCUSDC", "1"), contract(2, "ETHUSDC", "2"), coins={"1": "BTC", "2": "ETH"})
    later = listed(contract(2, "ETHUSDC", "2"), coins={"2": "ETH"}, before=first)
    assert [each.contract_id for each in later.markets] == ["2"]
    assert later.market(InstrumentId("BTC-PERP.ex")).contract_id == "1"
    assert later.contract("1").id == "BTC-PERP.ex"


def test_the_chain_is_the_native_one_and_may_be_hexadecimal() -> None:
    rows = [contract(1, "BTCUSDC", "1")]
    assert listed(*rows, coins={"1": "BTC"}, chainId="1").chain.chain_id == 3343
    assert listed(*rows, coins={"1": "BTC"}, nativeChainId="0x8297").chain.chain_id == 33431
    assert listed(*rows, coins={"1": "BTC"}, nativeChainId="", chainId="5").chain.chain_id == 5
    with pytest.raises(BadResponse):
        listed(*rows, coins={"1": "BTC"}, contractAddress="")


@pytest.mark.parametrize(
    ("told", "mode"),
    [
        ("0", MarginMode.CROSS),
        ("1", MarginMode.ISOLATED),
        (1, MarginMode.ISOLATED),
        ("ISOLATED", MarginMode.ISOLATED),
        ("", MarginMode.CROSS),
    ],
)
def test_margin_modes(told: Any, mode: MarginMode) -> None:
    assert mode_of({"contractIdToMarginMode": {"1": told, "2": "1"}}, "1") is mode
    with pytest.raises(KeyError):
        mode_of({"contractIdToMarginMode": {"1": "PORTFOLIO"}}, "1")
