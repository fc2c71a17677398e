from __future__ import annotations

from pathlib import Path

import pytest

from arb.api import ConfigError
from arb.kernel import Config, parse_config, read_config, read_sound

LEAST = '[storages.main]\nplugin = "sqlite"\n[exchanges.a]\nplugin = "simulated"\n'


def read(tmp_path: Path, text: str | bytes, name: str = "file.toml") -> Config:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_config(path)


def failure(tmp_path: Path, text: str | bytes, name: str = "file.toml") -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text, name)
    return str(caught.value).replace(f"{tmp_path}/", "").splitlines()


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    text = """
[run]
collect_evry = "60s"
close_timeout = 5
start = "yesterday"
[risk]
max_hedges = 0
[storages.mian]
plugin = "sqlite"
[exchanges.hl]
plugn = "simulated"
[exchanges."a.b"]
plugin = "simulated"
[cache_tiers.redis]
settings = {}
[strategies.s]
plugin = "funding"
exchanges = ["h", "hl"]
[exchangs.x]
"""
    lines = failure(tmp_path, text)
    assert set(lines) == {
        "file.toml: [run] collect_evry: unknown key; did you mean 'collect_every'?",
        "file.toml: [run] close_timeout: "
        "write a duration as a number and a unit (ms, s, m, h, d), such as '30s', not 5",
        "file.toml: [run] start: write a UTC time such as '2026-01-24T00:00:00Z'",
        "file.toml: [risk] max_hedges: input should be greater than or equal to 1",
        'file.toml: [storages] main: is missing: the journal needs a storage, such as plugin = "sqlite"',
        "file.toml: [exchanges.hl] plugin: is missing",
        "file.toml: [exchanges.hl] plugn: unknown key; did you mean 'plugin'?",
        "file.toml: [exchanges] a.b: 'a.b' is not a name: use lower-case letters, digits, '-' and '_', no dots",
        "file.toml: [cache_tiers] redis: is not in the order of [cache_tiers]: add it there or remove the table",
        "file.toml: [strategies.s] exchanges: no exchange named 'h'; did you mean 'hl'?",
        "file.toml: [exchangs] unknown key; did you mean 'exchanges'?",
    }


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("f.toml", "", "is empty; `arb config init` writes"),
        ("f.toml", " \n\n", "is empty"),
        ("f.toml", "[run\n", "not TOML: "),
        ("f.toml", "[run]\nseed = 1\nseed = 2\n", "line 3, column"),
        ("f.toml", b"\xff\xfe", "is not UTF-8 text (byte 0)"),
        ("f.toml", "a = " + "[" * 100_000, "nested too deeply"),
        ("f.toml", "a = 2026-13-45", "not TOML"),
        ("f.toml", "a = 1e999999999", "not TOML: out of range: 1e999999999"),
        ("f.toml", "a = 1e-999999999999999999999", "not TOML: "),
        ("f.toml", "a = " + "1" * 5000, "not TOML: "),
        ("f.yaml", "a: 1.0e+999999999", "not YAML: out of range: 1.0e+999999999 (at line 1, column 4)"),
        ("f.yaml", "a: " + "1" * 5000, "not YAML: "),
        ("f.yaml", "run: [", "not YAML: "),
        ("f.yaml", "run: {}\nrun: {}\n", "not YAML: the key 'run' is there twice (at line 2, column 1)"),
        ("f.yaml", "- run\n", "must hold tables (run, exchanges, ...), not a list"),
        ("f.yaml", "just text", "not a str"),
        ("f.yaml", "a: 1\n---\nb: 2\n", "not YAML: "),
        ("f.yaml", "1: x\n", "a key must be text, not 1 (at line 1, column 1)"),
        ("f.yaml", "? [a]\n: x\n", "not YAML: "),
        ("f.yaml", "a: !!python/object:os.system {}\n", "not YAML: "),
        ("f.yaml", "a: \x00", "not YAML: "),
        ("f.yaml", "a: " + "[" * 20_000, "nested too deeply"),
        ("f.yaml", "a: 2026-13-45\n", "not YAML: "),
    ],
)
def test_a_file_that_is_no_configuration_says_why(tmp_path: Path, name: str, text: str | bytes, expected: str) -> None:
    lines = failure(tmp_path, text, name)
    assert lines[0].startswith(f"{name}: ")
    assert expected in " ".join(lines)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        read_config(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="is a folder"):
        read_config(tmp_path)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_config(Path("a\0b"))


def test_a_recursive_yaml_is_refused(tmp_path: Path) -> None:
    assert failure(tmp_path, "run: &a\n  seed: *a\n", "f.yaml")


def test_toml_and_yaml_mean_the_same(tmp_path: Path) -> None:
    yaml = """
storages: {main: {plugin: sqlite}}
exchanges: {a: {plugin: simulated, leverage: 1.10, settings: {x: 0.1, when: 2026-01-24}}}
run: {start: 2026-01-24T00:00:00Z}
"""
    toml = """
[run]
start = 2026-01-24T00:00:00Z
[storages.main]
plugin = "sqlite"
[exchanges.a]
plugin = "simulated"
leverage = 1.10
settings = { x = 0.1, when = 2026-01-24 }
"""
    assert read(tmp_path, yaml, "a.yaml") == read(tmp_path, toml, "a.toml")


def test_a_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    assert read(tmp_path, b"\xef\xbb\xbf" + LEAST.encode()).exchanges


def test_digits_of_toml_are_kept(tmp_path: Path) -> None:
    config = read(tmp_path, LEAST + "[risk]\nmax_leverage = 0.1234567890123456789012345\n")
    assert str(config.risk.max_leverage) == "0.1234567890123456789012345"


def test_a_document_from_elsewhere_is_checked_alike() -> None:
    with pytest.raises(ConfigError, match=r"built-in: \[storages\] is missing"):
        parse_config({"exchanges": {"a": {"plugin": "x"}}}, "built-in")


@pytest.mark.parametrize("name", ["file.toml", "file.yaml"])
def test_a_file_too_large_for_a_configuration_is_refused_at_once(tmp_path: Path, name: str) -> None:
    assert failure(tmp_path, LEAST + "# " + "x" * (1 << 20), name) == [
        f"{name}: is larger than 1 MiB: is it a configuration?"
    ]


def test_a_device_without_an_end_is_refused() -> None:
    with pytest.raises(ConfigError, match="/dev/zero: is larger than 1 MiB"):
        read_config(Path("/dev/zero"))


def sound_file(tmp_path: Path, text: str, name: str = "file.toml") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_sound_table_is_read_whatever_the_others_say(tmp_path: Path) -> None:
    text = """
colour = 7
[run]
seed = 3
halt_file = "kept.halts"
[risk]
max_hedges = -1
[storages.main]
plugin = "sqlite"
settings = { path = "x" }
[storages.old]
plugn = "sqlite"
[exchanges.a]
plugin = "simulated"
leverage = 50
[exchanges.b]
plugin = "simulated"
leverage = "x"
armed = "perhaps"
[exchanges.c]
plugin = "simulated"
settings = { deposit = "1" }
leverage = "1e999"
[exchanges."d.e"]
plugin = "simulated"
[strategies.s]
plugin = 7
"""
    sound = read_sound(sound_file(tmp_path, text))
    assert (sound.config.run.seed, sound.config.run.halt_file) == (3, "kept.halts")
    assert sound.config.storages["main"].settings == {"path": "x"}
    assert list(sound.config.storages) == ["main"]
    assert list(sound.config.exchanges) == ["a"]
    assert sound.config.exchanges["a"].leverage == 50
    assert sound.names == ("a", "b", "c", "d.e")
    b, c, d = sound.broken.values()
    assert "[exchanges.b] leverage: " in b
    assert "; " in b, "every problem of it"
    assert "[exchanges.b] armed: " in b
    assert "[exchanges.c] leverage: out of range" in c
    assert "'d.e' is not a name" in d
    assert sound.storage_problem == ""


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "[storages] main: is missing"),
        ("storages = 7", "[storages] main: is missing"),
        ("[storages.old]\nplugin = 'sqlite'", "[storages] main: is missing"),
        ("[storages.main]", "[storages.main] plugin: is missing"),
        ("[storages]\nmain = 7", "[storages] main: must be a table"),
    ],
)
def test_a_storage_that_cannot_be_used_leaves_the_exchanges(tmp_path: Path, text: str, problem: str) -> None:
    sound = read_sound(sound_file(tmp_path, f"{text}\n[exchanges.a]\nplugin = 'simulated'\n"))
    assert problem in sound.storage_problem
    assert "main" not in sound.config.storages
    assert (list(sound.config.exchanges), sound.broken) == (["a"], {})


@pytest.mark.parametrize("text", ["[storages.main]\nplugin = 'sqlite'", "exchanges = 7", "[[exchanges]]\nplugin = 'x'"])
def test_there_may_be_no_exchange(tmp_path: Path, text: str) -> None:
    assert read_sound(sound_file(tmp_path, text)).names == ()


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("f.toml", "[run\n" + LEAST, "not TOML"),
        ("f.yaml", "run: [", "not YAML"),
        ("f.toml", " \n", "is empty"),
        ("f.toml", "[run]\nclose_timeout = 5\n" + LEAST, "[run] close_timeout: write a duration"),
        ("f.toml", "run = 5\n" + LEAST, "[run] must be a table"),
    ],
)
def test_without_a_sound_table_run_nothing_is_sound(tmp_path: Path, name: str, text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_sound(sound_file(tmp_path, text, name))
    assert expected in str(caught.value)
