from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from arb.api import ConfigError, PluginLoadError
from arb.kernel import Config, Family, compose, parse_config

Install = Callable[..., str]
CodeOf = Callable[..., str]


def config(**tables: Any) -> Config:
    document = {
        "storages": {"main": {"plugin": "memdb"}},
        "cache_tiers": {"order": []},
        "price_sources": {"order": ["direct"]},
        "exchanges": {"a": {"plugin": "flat"}},
    }
    return parse_config({**document, **tables}, "f.toml")


@pytest.fixture(autouse=True)
def plugins(install: Install, code_of: CodeOf) -> None:
    install("arb-s", "memdb", code_of("storages", "memdb"), group="arb.storages")
    install("arb-p", "direct", code_of("price_sources", "direct"), group="arb.price_sources")
    flat = code_of(
        "exchanges", "flat", settings="depth: int = 3\n    key: Secret | None = None\n    wait: Duration = 5"
    )
    install("arb-e", "flat", flat)


def test_what_is_named_is_loaded_and_nothing_else(install: Install, code_of: CodeOf) -> None:
    other = install("arb-x", "other", "raise RuntimeError('imported')")
    uses = {"a": {"plugin": "flat"}, "b": {"plugin": "flat", "settings": {"depth": 9}}}

    made = compose(config(exchanges=uses), "f.toml")

    exchanges = made.parts[Family.EXCHANGES]
    assert [(part.alias, part.settings.model_dump()["depth"]) for part in exchanges.values()] == [("a", 3), ("b", 9)]
    assert exchanges["a"].label == "[exchanges.a] (exchange 'flat' of arb-e 1.0)"
    assert list(made.parts) == list(Family)
    assert other not in sys.modules


def test_an_unknown_name_offers_a_close_one_of_its_family() -> None:
    with pytest.raises(ConfigError) as caught:
        compose(config(exchanges={"a": {"plugin": "falt"}, "b": {"plugin": "zzz"}}), "f.toml")
    assert str(caught.value).splitlines() == [
        "f.toml: [exchanges.a] plugin: no exchange plugin named 'falt'; did you mean 'flat'?",
        "f.toml: [exchanges.b] plugin: no exchange plugin named 'zzz'; known: "
        + str(caught.value).rpartition("known: ")[2],
    ]
    assert "flat" in str(caught.value).rpartition("known: ")[2]


def test_settings_errors_name_file_table_and_key() -> None:
    settings = {"dept": 1, "depth": "many", "wait": 5, "key": "s3cr3t-pasted-here"}
    with pytest.raises(ConfigError) as caught:
        compose(config(exchanges={"a": {"plugin": "flat", "settings": settings}}), "f.toml")
    text = str(caught.value)
    assert "f.toml: [exchanges.a.settings] dept: unknown key; did you mean 'depth'?" in text
    assert "f.toml: [exchanges.a.settings] depth: input should be a valid integer" in text
    assert "f.toml: [exchanges.a.settings] wait: write a duration" in text
    assert "f.toml: [exchanges.a.settings] key: write a secret as a reference" in text
    assert "s3cr3t" not in text
    assert caught.value.__cause__ is None


def test_a_missing_secret_names_the_variable_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    uses = {"a": {"plugin": "flat", "settings": {"key": "env:NO_SUCH_KEY"}}}
    with pytest.raises(ConfigError, match="environment variable NO_SUCH_KEY is not set"):
        compose(config(exchanges=uses), "f.toml")


def test_every_failure_is_told_at_once(install: Install, code_of: CodeOf) -> None:
    install("arb-bad-one", "bad", "raise ImportError('no wheel')")
    install("arb-bad-two", "worse", "PLUGIN_API = 9")
    uses = {
        "a": {"plugin": "bad"},
        "b": {"plugin": "worse"},
        "c": {"plugin": "nobody"},
        "d": {"plugin": "flat", "settings": {"depth": "x"}},
        "e": {"plugin": "bad"},
    }
    with pytest.raises(PluginLoadError) as caught:
        compose(config(exchanges=uses), "f.toml")
    lines = str(caught.value).splitlines()
    assert len(lines) == 4
    assert "[exchanges.a] plugin: exchange 'bad' of arb-bad-one 1.0: importing" in lines[0]
    assert "arb-bad-two 1.0" in lines[1]
    assert "'nobody'" in lines[2]
    assert "[exchanges.d.settings] depth" in lines[3]


def test_a_broken_plugin_that_nothing_names_harms_nothing(install: Install) -> None:
    install("arb-bad", "bad", "import os; os._exit(3)")
    assert compose(config(), "f.toml").parts[Family.EXCHANGES]


@pytest.mark.parametrize("disabled", ["flat", "exchanges:flat", "*"])
def test_a_disabled_plugin_that_is_named_stops_the_start(disabled: str) -> None:
    with pytest.raises(PluginLoadError, match=r"'flat' of arb-e 1\.0: switched off by"):
        compose(config(), "f.toml", disabled=frozenset({disabled}))


def test_a_settings_model_that_breaks_is_a_broken_plugin_and_keeps_its_secret(
    install: Install, code_of: CodeOf
) -> None:
    extra = (
        "from pydantic import model_validator\n"
        "class Breaking(Settings):\n"
        "    @model_validator(mode='before')\n"
        "    @classmethod\n"
        "    def check(cls, data): raise KeyError(str(data))\n"
    )
    code = code_of("exchanges", "odd", extra=extra).replace("settings=PluginSettings", "settings=Breaking")
    install("arb-odd", "odd", code)
    with pytest.raises(PluginLoadError) as caught:
        compose(config(exchanges={"a": {"plugin": "odd", "settings": {"key": "hush"}}}), "f.toml")
    assert "its settings model failed: KeyError" in str(caught.value)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("number", ["1e99999999", "-1e-99999999"])
def test_a_number_that_cannot_be_money_is_refused_also_as_text(install: Install, code_of: CodeOf, number: str) -> None:
    extra = "from decimal import Decimal\nclass Inner(Settings):\n    sizes: tuple[Decimal, ...] = ()\n"
    install("arb-size", "sized", code_of("exchanges", "sized", extra=extra, settings="inner: Inner = Inner()"))
    uses = {"a": {"plugin": "sized", "settings": {"inner": {"sizes": ["1", number]}}}}
    with pytest.raises(ConfigError, match=r"^f.toml: \[exchanges.a.settings.inner.sizes\] 1: out of range"):
        compose(config(exchanges=uses), "f.toml")


def test_a_settings_model_that_overflows_on_such_a_number_is_not_to_blame(install: Install, code_of: CodeOf) -> None:
    extra = (
        "from decimal import Decimal\n"
        "from pydantic import model_validator\n"
        "class Squaring(Settings):\n"
        "    size: Decimal\n"
        "    @model_validator(mode='after')\n"
        "    def check(self): return self if self.size * self.size else self\n"
    )
    code = code_of("exchanges", "square", extra=extra).replace("settings=PluginSettings", "settings=Squaring")
    install("arb-square", "square", code)
    uses = {"a": {"plugin": "square", "settings": {"size": "1e999999"}}}
    with pytest.raises(ConfigError, match=r"^f.toml: \[exchanges.a.settings\] size: out of range"):
        compose(config(exchanges=uses), "f.toml")


def test_nested_tables_are_named_in_full(install: Install, code_of: CodeOf) -> None:
    extra = "class Inner(Settings):\n    size: int = 1\n"
    install("arb-nest", "nest", code_of("exchanges", "nest", extra=extra, settings="inner: Inner = Inner()"))
    uses = {"a": {"plugin": "nest", "settings": {"inner": {"sise": 2}}}}
    with pytest.raises(ConfigError, match=r"\[exchanges.a.settings.inner\] sise: unknown key; did you mean 'size'"):
        compose(config(exchanges=uses), "f.toml")


def test_a_part_of_the_families_can_be_composed_alone(install: Install) -> None:
    install("arb-bad", "bad", "raise RuntimeError('imported')")
    made = compose(config(exchanges={"a": {"plugin": "bad"}}), "f.toml", families=[Family.STORAGES])
    assert list(made.parts) == [Family.STORAGES]
