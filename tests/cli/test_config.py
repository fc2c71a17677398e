from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from arb.kernel import read_config

Install = Callable[..., str]
CodeOf = Callable[..., str]
Arb = Callable[..., Result]
ArbProcess = Callable[..., "subprocess.CompletedProcess[str]"]

FILE = """
[storages.main]
plugin = "memdb"
[cache_tiers]
order = []
[price_sources]
order = ["direct"]
[exchanges.a]
plugin = "flat"
leverage = 1.10
settings = { key = "env:ARB_TEST_KEY", pause = "1500ms" }
"""


@pytest.fixture(autouse=True)
def plugins(install: Install, code_of: CodeOf, monkeypatch: pytest.MonkeyPatch) -> None:
    install("arb-s", "memdb", code_of("storages", "memdb"), group="arb.storages")
    install("arb-p", "direct", code_of("price_sources", "direct"), group="arb.price_sources")
    settings = "key: Secret\n    pause: Duration = 5\n    size: Decimal = Decimal('0.10')"
    install("arb-e", "flat", code_of("exchanges", "flat", settings=settings))
    monkeypatch.setenv("ARB_TEST_KEY", "hunter2")


def test_check_says_what_it_found(arb: Arb) -> None:
    Path("f.toml").write_text(FILE)
    assert arb("config", "check", "f.toml").output == ("f.toml: all right (1 storages, 1 price sources, 1 exchanges)\n")
    assert json.loads(arb("config", "check", "f.toml", "--json").output)["exchanges"] == 1


@pytest.mark.parametrize(
    ("text", "code", "expected"),
    [
        (FILE + "[exchange.b]\n", 2, "Error: f.toml: [exchange] unknown key; did you mean 'exchanges'?"),
        (FILE.replace("flat", "flut"), 2, "no exchange plugin named 'flut'; did you mean 'flat'?"),
        (FILE.replace("pause", "paus"), 2, "f.toml: [exchanges.a.settings] paus: unknown key; did you mean 'pause'?"),
        (FILE.replace("ARB_TEST_KEY", "ARB_NO_KEY"), 2, "environment variable ARB_NO_KEY is not set"),
        ("", 2, "f.toml: is empty"),
        ("[", 2, "f.toml: not TOML"),
    ],
)
def test_check_of_a_bad_file_is_one_clear_message(arb: Arb, text: str, code: int, expected: str) -> None:
    Path("f.toml").write_text(text)
    result = arb("config", "check", "f.toml")
    assert result.exit_code == code
    assert expected in result.output
    assert "Traceback" not in result.output


def test_check_of_a_missing_file_and_a_folder(arb: Arb) -> None:
    assert arb("config", "check", "none.toml").exit_code == 2
    assert "is a folder" in arb("config", "check", ".").output


def test_a_plugin_that_is_switched_off_has_its_own_code(arb: Arb) -> None:
    Path("f.toml").write_text(FILE)
    result = arb("--no-plugins", "config", "check", "f.toml")
    assert result.exit_code == 3
    assert "switched off by --no-plugins" in result.output


def test_a_configured_plugin_that_hangs_ends_the_command_in_time(
    arb_process: ArbProcess, install: Install, tmp_path: Path
) -> None:
    install(
        "arb-hang",
        "hang",
        "import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()\ntime.sleep(60)",
    )
    file = tmp_path / "f.toml"
    file.write_text(FILE.replace('"flat"', '"hang"'))

    done = arb_process("config", "check", str(file))

    assert done.returncode == 3
    assert "exchange 'hang' of arb-hang 1.0: importing arb_hang hangs: not done after 5 s" in done.stderr


def test_show_fills_in_defaults_and_keeps_secrets(arb: Arb) -> None:
    Path("f.toml").write_text(FILE)

    text = arb("config", "show", "f.toml").output
    document = json.loads(arb("config", "show", "f.toml", "--json").output)

    assert "hunter2" not in text
    assert document["exchanges"]["a"]["settings"] == {"key": "env:ARB_TEST_KEY", "pause": "1500ms", "size": "0.10"}
    assert document["exchanges"]["a"]["leverage"] == "1.10"
    assert document["run"]["collect_every"] == "1m"


def test_what_show_prints_is_a_configuration(arb: Arb) -> None:
    Path("f.toml").write_text(FILE)
    Path("shown.yaml").write_text(arb("config", "show", "f.toml").output)

    before, after = read_config(Path("f.toml")), read_config(Path("shown.yaml"))

    assert arb("config", "check", "shown.yaml").exit_code == 0
    assert (after.run, after.risk) == (before.run, before.risk)
    assert arb("config", "show", "shown.yaml").output == arb("config", "show", "f.toml").output


def test_schema_describes_the_file_and_a_plugin(arb: Arb) -> None:
    whole = json.loads(arb("config", "schema").output)
    plugin = json.loads(arb("config", "schema", "--plugin", "flat").output)

    assert set(whole["required"]) == {"storages", "exchanges"}
    assert whole["additionalProperties"] is False
    assert set(plugin["properties"]) == {"key", "pause", "size"}


def test_schema_of_a_broken_or_unknown_plugin(arb: Arb, install: Install) -> None:
    install("arb-bad", "bad", "raise RuntimeError('boom')")
    broken, unknown = arb("config", "schema", "--plugin", "bad"), arb("config", "schema", "--plugin", "bda")
    assert (broken.exit_code, unknown.exit_code) == (3, 2)
    assert "boom" in broken.output


def test_init_writes_a_file_that_is_well_formed_and_never_overwrites(arb: Arb) -> None:
    first = arb("config", "init")
    config = read_config(Path("arb.toml"))
    second = arb("config", "init", "arb.toml")

    assert first.exit_code == 0
    assert {use.plugin for use in config.exchanges.values()} == {"simulated"}
    assert config.run.start_ns is not None  # else it would go at the speed of the world, for ever
    assert config.run.until_ns is not None
    assert second.exit_code == 2
    assert "is already there" in second.output


def test_init_where_nothing_can_be_written(arb: Arb) -> None:
    result = arb("config", "init", "none/arb.toml")
    assert result.exit_code == 2
    assert "cannot be written: No such file or directory" in result.output


@pytest.mark.parametrize("name", ["arb.yaml", "arb.YML"])
def test_init_writes_no_toml_into_a_file_that_is_read_as_yaml(arb: Arb, name: str) -> None:
    result = arb("config", "init", name)
    assert result.exit_code == 2
    assert "what is written is TOML: name it arb.toml" in result.output
    assert not Path(name).exists()
