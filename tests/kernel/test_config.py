from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from arb.api import ConfigError
from arb.kernel import Config, Family, read_config
from arb.model import MINUTE_NS, SECOND_NS

LEAST = '[storages.main]\nplugin = "sqlite"\n[exchanges.a]\nplugin = "simulated"\n'


def read(tmp_path: Path, text: str | bytes, name: str = "file.toml") -> Config:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_config(path)


def failure(tmp_path: Path, text: str | bytes, name: str = "file.toml") -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text, name)
    return str(caught.value).replace(f"{tmp_path}/", "").splitlines()


def test_the_least_file_has_every_default(tmp_path: Path) -> None:
    config = read(tmp_path, LEAST)

    assert config.run.seed == 0
    assert config.run.start_ns is None
    assert config.run.collect_every == MINUTE_NS
    assert config.run.max_price_age == 5 * SECOND_NS
    assert config.run.fx == {"USD": 1}
    assert config.risk.max_hedges == 10
    assert config.risk.min_liquidation_distance == Decimal("0.10")
    assert {alias: use.plugin for alias, use in config.uses(Family.CACHE_TIERS).items()} == {"memory": "memory"}
    assert {alias: use.plugin for alias, use in config.uses(Family.PRICE_SOURCES).items()} == {"rest": "rest"}
    assert not config.exchanges["a"].armed
    assert config.exchanges["a"].leverage is None


def test_every_key_of_a_full_file_arrives(tmp_path: Path) -> None:
    text = """
[run]
seed = 7
start = 2026-01-24T00:00:00Z
collect_every = "15m"
fx = { USDT = 0.999 }
[risk]
max_leverage = 2
[storages.main]
plugin = "sqlite"
settings = { path = "x" }
[cache_tiers]
order = ["near", "far"]
[cache_tiers.far]
plugin = "redis"
settings = { ttl = 0.1 }
[price_sources]
order = ["ws", "rest"]
[exchanges.hl]
plugin = "simulated"
armed = true
leverage = 1.5
[exchanges.b]
plugin = "simulated"
[strategies.carry]
plugin = "funding"
exchanges = ["hl", "b"]
[extensions.alerts]
plugin = "mail"
"""
    config = read(tmp_path, text)

    assert config.run.start_ns == 1_769_212_800_000_000_000
    assert config.run.fx == {"USD": Decimal(1), "USDT": Decimal("0.999")}
    assert [(alias, use.plugin) for alias, use in config.uses(Family.CACHE_TIERS).items()] == [
        ("near", "near"),
        ("far", "redis"),
    ]
    assert config.uses(Family.CACHE_TIERS)["far"].settings == {"ttl": Decimal("0.1")}
    assert list(config.uses(Family.PRICE_SOURCES)) == ["ws", "rest"]
    assert (config.exchanges["hl"].armed, config.exchanges["hl"].leverage) == (True, Decimal("1.5"))
    assert config.strategies["carry"].exchanges == ("hl", "b")
    assert config.uses(Family.EXTENSIONS)["alerts"].plugin == "mail"


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("[risk]\nmax_hedge_notional_usd = 60000", "[risk] max_hedge_notional_usd: 60000 is more than max_exchange"),
        ("[risk]\nmax_total_notional_usd = 5", "[risk] max_exchange_notional_usd: 50000 is more than max_total_"),
        ("[risk]\nmax_instrument_notional_usd = 9999", "[risk] max_hedge_notional_usd: 10000 is more than max_instr"),
        (
            "[risk]\nmax_instrument_notional_usd = 50001",
            "[risk] max_instrument_notional_usd: 50001 is more than max_ex",
        ),
        ("[risk]\nmax_pair_notional_usd = 9999", "[risk] max_hedge_notional_usd: 10000 is more than max_pair_"),
        ("[risk]\nmax_pair_notional_usd = 100001", "[risk] max_pair_notional_usd: 100001 is more than max_total_"),
        ("[risk]\nmin_liquidation_distance = 0.34", "[risk] min_liquidation_distance: 0.34 cannot be kept at max_lev"),
        ("[risk]\nmax_order_latency = '11s'", "[risk] max_order_latency: is more than [run] order_timeout"),
        ("[risk]\nmin_available_margin = 1", "[risk] min_available_margin: input should be less than 1"),
        ("[risk]\nmax_maintenance_ratio = 0", "[risk] max_maintenance_ratio: input should be greater than 0"),
        ("[risk]\nmax_loss_fraction = 1", "[risk] max_loss_fraction: input should be less than 1"),
        ("[risk]\nhalt_after_rejects = 0", "[risk] halt_after_rejects: input should be greater than or equal to 1"),
        ("[risk]\nmax_leverage = -1", "[risk] max_leverage: input should be greater than 0"),
        ("[risk]\nmax_leverage = 0", "[risk] max_leverage: input should be greater than 0"),
        ("[risk]\nmax_leverage = nan", "[risk] max_leverage: input should be a finite number"),
        ("[risk]\nmax_leverage = inf", "[risk] max_leverage: input should be a finite number"),
        ("[risk]\nmax_leverage = true", "[risk] max_leverage: "),
        ("[risk]\nmin_liquidation_distance = 1", "[risk] min_liquidation_distance: input should be less than 1"),
        ("[risk]\nmax_hedges = 1.5", "[risk] max_hedges: input should be a valid integer"),
        ("[run]\nfx = { USD = 2 }", "[run] fx: a US dollar is worth 1 US dollar"),
        ("[run]\nfx = { USDT = 0 }", "[run.fx] USDT: input should be greater than 0"),
        ("[run]\nclose_timeout = '0s'", "[run] close_timeout: input should be greater than 0"),
        ("[run]\nseed = -1", "[run] seed: input should be greater than or equal to 0"),
        ("[risk]\nmax_leverage = '1e99999999'", "[risk] max_leverage: out of range"),
        ("[risk]\nmax_leverage = '1e-99999999'", "[risk] max_leverage: out of range"),
        ("[run]\nfx = { USDT = '1e101' }", "[run.fx] USDT: out of range"),
        ("[exchanges.b]\nplugin='f'\npaper_deposit = '1e101'", "[exchanges.b] paper_deposit: out of range"),
        ("[run]\nstart = '0001-01-01T00:00:00Z'", "[run] start: must be a time from 1970 to 2262"),
        ("[run]\nuntil = '2300-01-01T00:00:00Z'", "[run] until: must be a time from 1970 to 2262"),
        ("[run]\nclose_timeout = '99999999999999999999d'", "[run] close_timeout: must be 3650d at most"),
        ("[cache_tiers]\norder = ['a', 'a']", "[cache_tiers] order: names 'a' more than once"),
        ("[cache_tiers]\norder = 'a'", "[cache_tiers] order: "),
        ("[price_sources]\norder = []", "[price_sources] order: "),
        ("[strategies.s]\nplugin='f'\nexchanges = []", "[strategies.s] exchanges: "),
        ("[strategies.s]\nplugin='f'\nexchanges = ['a', 'a']", "[strategies.s] exchanges: names 'a' more than once"),
        ("[strategies.s]\nplugin='f'\nexchanges = 'a'", "[strategies.s] exchanges: must be a list"),
        ("[exchanges.b]\nplugin='f'\narmed = 'yes'", "[exchanges.b] armed: input should be a valid boolean"),
        ("[exchanges.b]\nplugin='f'\narmed = 1", "[exchanges.b] armed: input should be a valid boolean"),
        ("[exchanges.b]\nplugin='f'\nleverage = 5", "[exchanges.b] leverage: 5 is more than [risk] max_leverage 3"),
        ("[exchanges.b]\nplugin='f'\nsettings = 3", "[exchanges.b] settings: must be a table"),
        ("[exchanges.b]\nplugin='F x'", "[exchanges.b] plugin: 'F x' is not a name"),
        ("[extensions]\nx = 3", "[extensions] x: must be a table"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_table_and_key(tmp_path: Path, table: str, expected: str) -> None:
    lines = failure(tmp_path, LEAST + table)
    assert any(line.startswith(f"file.toml: {expected}") for line in lines), lines


def test_no_exchange_is_refused(tmp_path: Path) -> None:
    (line,) = failure(tmp_path, '[storages.main]\nplugin = "sqlite"\n')
    assert line == "file.toml: [exchanges] is missing"
